"""`paramc submit`: the pictures that settings ask for, painted by a running server."""

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import NamedTuple
from uuid import uuid4

from paramc.backends.graph.engine import drawn_text
from paramc.commands.outcome import ERRORS_FOUND, EVERYTHING, FINE, NOT_WRITTEN, Outcome, Said
from paramc.commands.outputs import make_folder, picture_folder, safe_name
from paramc.commands.parser import Arguments
from paramc.commands.serving import Drawn, client_of, drawn_of
from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import Diagnostic, ServerError
from paramc.diagnostics.render import escaped
from paramc.dialects.graph.values import Json, as_object, as_text
from paramc.presentation.console import Console
from paramc.presentation.progress import bar
from paramc.presentation.report import summary
from paramc.resources import write_atomically
from paramc.server.channel import Channel, ChannelLost
from paramc.server.client import FINE as ACCEPTED
from paramc.server.client import Client, Result, Ticket, results
from paramc.server.complaints import complaints, failure, lacking
from paramc.server.follow import Update, Waits, follow
from paramc.server.needs import Stock, needs, renamed
from paramc.server.pictures import find_picture, free_place, read_picture, suffix_of, wanted

INTERRUPTED = 130
KEPT = "output"  # what the server calls results that it keeps


def run(arguments: Arguments, console: Console) -> Outcome:
    """One line for each picture. What the server made before something went wrong is fetched all the same."""
    folder = picture_folder(arguments.output or ".")
    client = client_of(arguments)
    drawn = drawn_of(arguments, console)
    work = _Work(arguments, console, client, drawn, folder)
    try:
        work.paint()
    except ServerError as error:
        work.said += error.diagnostics
    return work.outcome()


class _Fetched(NamedTuple):
    """A result that was fetched: its file here, the node that made it, and its name on the server."""

    file: str
    node: str
    server: str


class _Work:
    """One job on its way to a server and back."""

    def __init__(self, arguments: Arguments, console: Console, client: Client, drawn: Drawn, folder: Path) -> None:
        self._arguments, self._console, self._client, self._drawn = arguments, console, client, drawn
        self._folder = folder
        self._code = FINE
        self.said: list[Diagnostic] = []
        self.files: list[_Fetched] = []

    def paint(self) -> None:
        """Bring everything along, hand in the graph, wait, and fetch what was made. Raises ServerError."""
        drawn, names = self._drawn, dict(self._arguments.renames)
        found = list(needs(drawn.graph, Stock(self._client.nodes()), drawn.tables, uploaded=True))
        found = [need for need in found if str(need.value) not in names]
        self.said += lacking(found, drawn.blame, drawn.tables)
        if self._is_wrong():
            return
        graph = self._with_pictures(renamed(drawn.graph, found, names))
        ticket = Ticket(uuid4().hex, str(uuid4()))
        channel = self._line(ticket)
        try:
            self._submit(graph, channel, ticket)
        finally:
            if channel is not None:
                channel.close()

    def outcome(self) -> Outcome:
        """What there is to be told."""
        drawn = self._drawn
        said = (drawn.said, Said(tuple(self.said), drawn.source, EVERYTHING))
        code = self._code or (ERRORS_FOUND if self._is_wrong() else FINE)
        text = "".join(f"{file.file}\n" for file in self.files)
        report = drawn.artifact.report
        told = summary(report, self._console.errors)
        return Outcome(text, [file._asdict() for file in self.files], said, report=report, remarks=told, code=code)

    def _is_wrong(self) -> bool:
        return any(item.severity == "error" for item in self.said)

    def _line(self, ticket: Ticket) -> Channel | None:
        try:
            return self._client.listen(ticket)
        except ChannelLost as error:
            self.said.append(diagnose("PC850", reason=error, seconds=f"{Waits().pause:g}"))
            return None

    def _submit(self, graph: dict[str, Json], channel: Channel | None, ticket: Ticket) -> None:
        """Hand the graph in and wait for it; whatever ends the waiting also takes the job back."""
        drawn = self._drawn
        workflow: Json = json.loads(drawn_text(json.dumps(graph), drawn.target))
        meter = _Meter(graph, self._console)
        try:
            status, answer = self._client.queue(graph, workflow, ticket)
            self.said += complaints(status, answer, drawn.blame, drawn.tables)
            if status != ACCEPTED:
                return
            ticket = ticket._replace(job=as_text(answer.get("prompt_id")) or ticket.job)  # old servers name it
            ended = follow(self._client, channel, ticket, meter.show, Waits(whole=self._arguments.timeout))
        except KeyboardInterrupt:
            self._code = INTERRUPTED
            self.said.append(diagnose("PC855"))
            self._client.cancel(ticket)
            return
        except ServerError:
            with suppress(ServerError):  # of a server that is away, why the job went wrong is told once
                self._client.cancel(ticket)
            raise
        finally:
            meter.end()
        self.said += (*ended.said, *failure(ended.entry, drawn.blame))
        self._fetch(ended.entry)

    def _with_pictures(self, graph: dict[str, Json]) -> dict[str, Json]:
        """The graph with the server's names of the pictures that are handed over. Raises ServerError."""
        asked = list(wanted(graph, self._drawn.tables))
        names = {name: self._handed_over(name) for name in dict.fromkeys(picture.name for picture in asked)}
        for picture in asked:
            if name := names[picture.name]:
                described = as_object(graph[picture.node])
                graph[picture.node] = {
                    **described,
                    "inputs": {**as_object(described.get("inputs")), picture.input: name},
                }
        return graph

    def _handed_over(self, name: str) -> str:
        """What the server calls a picture, empty where it was not handed over."""
        source = Path(self._drawn.source.name).parent
        folders = [*(Path(folder) for folder in self._arguments.inputs), source]
        path = find_picture(name, self._drawn.job, folders)
        if path is None:
            self.said.append(diagnose("PC848", name=name[:100], reason="there is no such file here"))
            return ""
        try:
            data = read_picture(path)
        except OSError as error:
            self.said.append(diagnose("PC848", name=path, reason=error.strerror or error))
            return ""
        if data is None:
            self.said.append(diagnose("PC848", name=path, reason="it is no picture"))
            return ""
        return self._client.upload(safe_name(path.stem) + path.suffix.lower(), data)

    def _fetch(self, entry: Mapping[str, Json]) -> None:
        """Keep every result, the temporary ones only where there are no others."""
        made = list(results(entry))
        kept = [result for result in made if result.kind == KEPT] or made
        for result in kept:
            self.said += self._kept(result)
        if not kept and not self._is_wrong():
            self.said.append(diagnose("PC852"))

    def _kept(self, result: Result) -> Iterator[Diagnostic]:
        make_folder(self._folder)
        try:
            data = self._client.fetch(result)
        except ServerError as error:
            yield diagnose("PC849", reason="; ".join(item.message for item in error.diagnostics))
            return
        suffix = suffix_of(data)
        if suffix is None:
            yield diagnose("PC849", reason=f"`{result.name[:100]}` is neither picture nor film")
            return
        stem = safe_name(PurePosixPath(result.name.replace("\\", "/")).stem)
        place = free_place(self._folder, stem, suffix)
        try:
            write_atomically(place, data)
        except OSError as error:
            self._code = NOT_WRITTEN
            yield diagnose("PC802", file=place, reason=error.strerror or error)
            return
        self.files.append(_Fetched(str(place), result.node, result.name))


class _Meter:
    """The line that tells how far the server is."""

    def __init__(self, graph: Mapping[str, Json], console: Console) -> None:
        self._graph, self._console = graph, console

    def show(self, update: Update) -> None:
        """Write over the line."""
        described = as_object(self._graph.get(update.node))
        waiting = f"waiting, {update.queued} in the queue" if update.queued > 1 else "waiting"
        title = as_object(described.get("_meta")).get("title") or described.get("class_type") or waiting
        share = f" {bar(update.done / update.total)} {update.done:g} of {update.total:g}" if update.total > 0 else ""
        columns = (self._console.errors.columns or 80) - 1
        self._console.notify("\r" + escaped(f"{title}{share}")[:columns] + "\x1b[K")

    def end(self) -> None:
        """Clear the line."""
        self._console.notify("\r\x1b[K")
