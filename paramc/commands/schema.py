"""`paramc schema`: JSON Schema of the documents that paramc writes."""

from pydantic import TypeAdapter

from paramc.backends.report import Report
from paramc.commands.outcome import Outcome
from paramc.commands.parser import Arguments
from paramc.diagnostics.json import PlainDiagnostic
from paramc.ir.job import Job
from paramc.ir.plan import Plan
from paramc.presentation.console import Console
from paramc.presentation.document import json_text


def run(arguments: Arguments, console: Console) -> Outcome:
    """The schema of one kind of document, indented."""
    match arguments.what:
        case "job":
            schema = Job.model_json_schema()
        case "plan":
            schema = Plan.model_json_schema()
        case "report":
            schema = TypeAdapter(Report).json_schema()
        case _:
            schema = TypeAdapter(PlainDiagnostic).json_schema()
    return Outcome(json_text(schema), schema)
