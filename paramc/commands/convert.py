"""`paramc convert`: the same settings in the words of a target."""

import json
import os
from dataclasses import asdict
from typing import TYPE_CHECKING

from paramc.api import Observer, lower, unobserved
from paramc.backends.registry import find_target
from paramc.backends.report import Report
from paramc.commands.edits import edited
from paramc.commands.outcome import EVERYTHING, FINE, Outcome, Said
from paramc.commands.outputs import outputs
from paramc.commands.parser import Arguments, UsageError
from paramc.commands.sources import about, compiled, grammar_folders, load_source, open_argument, target_folders
from paramc.diagnostics.render import escaped
from paramc.dialects.registry import find_dialect
from paramc.ir.base import Model, json_of
from paramc.ir.job import Job
from paramc.passes.check import check_job
from paramc.passes.place import without_replaced
from paramc.passes.sniff import sniff
from paramc.presentation.console import Console, Screen
from paramc.presentation.document import json_text
from paramc.presentation.report import fates_markdown, fates_table, summary
from paramc.presentation.trace import Trace
from paramc.source.model import Source

if TYPE_CHECKING:
    from paramc.backends.losses import Loss

NOTHING_WRITTEN = "errors were found: nothing is written\n"


def run(arguments: Arguments, console: Console) -> Outcome:
    """The artefact, or the stage that `--emit` names. No plan and no artefact come of settings with errors."""
    if arguments.emit == "artifact" and arguments.to is None:
        raise UsageError("`--to` is missing: `paramc list targets` prints the targets")
    if arguments.to is not None:
        with about(None):
            find_target(arguments.to, target_folders(arguments))
    if arguments.source is not None and os.path.isdir(arguments.source):  # noqa: PTH112  # Path raises for long names
        from paramc.commands.convert_folder import run_folder  # only for whole folders

        return run_folder(arguments, console)
    source = open_argument(arguments.source, console, hidden=arguments.hidden)
    match arguments.emit:
        case "source":
            return _source(source)
        case "tree":
            return _tree(source, arguments)
        case _:
            return _converted(source, arguments, console)


def _source(source: Source) -> Outcome:
    origin = {"source": source.name, "carrier": source.carrier, "encoding": source.encoding, "text": source.text}
    return Outcome(source.text, origin, (Said(source.diagnostics, source),), laid_out=False)


def _tree(source: Source, arguments: Arguments) -> Outcome:
    """The pieces that the grammar cuts the text into, by their half-open ranges."""
    from paramc.dialects.infotext import scan  # only for this stage, and only these dialects have pieces

    with about(source):
        roots = grammar_folders(arguments)
        dialect = find_dialect(arguments.dialect or sniff(source.text, roots)[0], roots)
        if dialect.path("infotext.lark") is None:
            raise UsageError(f"texts of `{dialect.name}` are JSON and have no tree of their own")
        parts = list(scan(source.text, dialect, strict=arguments.strict).parts())
    pieces = [(span.start, span.end, part, source.text[span.start : span.end]) for part, span in parts]
    lines = (f"{start}-{end} {part} {escaped(text)}\n" for start, end, part, text in pieces)
    return Outcome("".join(lines), pieces, (Said(source.diagnostics, source),))


def _converted(source: Source, arguments: Arguments, console: Console) -> Outcome:
    trace = Trace()
    observe = trace if arguments.trace else unobserved
    loaded = load_source(source, arguments, observe)
    with about(source):
        job = edited(loaded.job, arguments)
        said = Said((*loaded.diagnostics, *without_replaced(job, check_job(job))), source)
        if arguments.emit == "job":
            outcome = _document(job)
        elif said.code != FINE:
            outcome = Outcome(remarks=NOTHING_WRITTEN)
        elif arguments.emit == "plan":
            outcome = _document(lower(job, grammars=grammar_folders(arguments)))
        else:
            outcome = _artifact(job, source, arguments, console.errors, observe)
    return outcome._replace(said=(said, *outcome.said), trace=trace.text, code=said.code)


def _document(model: Model) -> Outcome:
    document: object = json.loads(json_of(model))
    return Outcome(json_text(document), document)


def _artifact(job: Job, source: Source, arguments: Arguments, screen: Screen, observe: Observer) -> Outcome:
    with about(source):
        artifact = compiled(
            job,
            str(arguments.to),
            arguments,
            options=dict(arguments.options),
            at_least=arguments.at_least,
            observe=observe,
        )
    files = outputs(artifact, source, arguments)
    losses = _losses(job, artifact.report, arguments)
    told = {"losses": [loss._asdict() for loss in losses]} if arguments.report else {}
    return Outcome(
        text="" if files else artifact.text,
        result={"target": artifact.target, "files": [asdict(file) for file in artifact.files], **told},
        said=(Said(artifact.diagnostics, source, EVERYTHING if arguments.report == "table" else ()),),
        report=artifact.report,
        remarks=_report(artifact.report, losses, arguments, screen),
        laid_out=False,
        files=files,
    )


def _losses(job: Job, report: Report, arguments: Arguments) -> "tuple[Loss, ...]":
    """The losses with what they do and the ways around them, where the user asks for the report."""
    if not arguments.report:
        return ()
    from paramc.backends.losses import losses_of  # asks all targets

    return losses_of(job, report, dict(arguments.options), target_folders(arguments))


def _report(report: Report, losses: "tuple[Loss, ...]", arguments: Arguments, screen: Screen) -> str:
    match arguments.report:
        case None:
            return summary(report, screen)
        case "markdown":
            return fates_markdown(report, losses)
        case _:
            return fates_table(report, screen, losses)
