"""What `submit` and `doctor` share: a source as a graph for a server, and what the server has."""

import json
from collections.abc import Mapping
from typing import NamedTuple

from paramc.backends.description import Target
from paramc.backends.registry import find_target
from paramc.backends.report import Artifact
from paramc.commands.edits import edited
from paramc.commands.outcome import FINE, Refused, Said
from paramc.commands.parser import Arguments, UsageError
from paramc.commands.sources import (
    about,
    compiled,
    everything,
    grammar_folders,
    load_source,
    open_argument,
    target_folders,
)
from paramc.dialects.graph.values import Json
from paramc.ir.job import Job
from paramc.presentation.console import Console
from paramc.server.address import read_address
from paramc.server.blame import Blame
from paramc.server.client import Client
from paramc.server.tables import ServerTables, server_tables
from paramc.server.transfer import Wire
from paramc.source.model import Source

TARGET = "comfyui"
FORM = "form"
DRAWN = "ui"


class Drawn(NamedTuple):
    """A source as the graph that a server takes, and who is to blame for what in it."""

    source: Source
    job: Job
    target: Target
    artifact: Artifact
    graph: Mapping[str, Json]
    tables: ServerTables
    blame: Blame
    said: Said


def client_of(arguments: Arguments) -> Client:
    """The server that the command line names. Raises Refused."""
    with about(None):
        return Client(Wire(read_address(arguments.server)))


def drawn_of(arguments: Arguments, console: Console) -> Drawn:
    """The source of the command line as a graph. Raises Refused, also for settings with errors."""
    options = dict(arguments.options)
    if options.get(FORM) == DRAWN:
        raise UsageError(f"a server takes no graph of the form `{DRAWN}`")
    source = open_argument(arguments.source, console, hidden=arguments.hidden, limit=arguments.limit)
    loaded = load_source(source, arguments)
    with about(source):
        job = edited(loaded.job, arguments)
        said = Said(everything(loaded._replace(job=job)), source)
        if said.code != FINE:
            raise Refused(said, said.code)
        target = find_target(TARGET, target_folders(arguments)).writing(grammar_folders(arguments))
        artifact = compiled(job, TARGET, arguments, options=options, at_least=arguments.at_least)
    graph: dict[str, Json] = json.loads(artifact.text)
    tables = server_tables(target.folder)
    return Drawn(source, job, target, artifact, graph, tables, Blame(job, graph, tables), said)
