"""The table of codes, and diagnostics made from its rows."""

from functools import cache
from pathlib import Path
from typing import NamedTuple, cast

from paramc.diagnostics.model import Diagnostic, Label, Severity, Span, Suggestion
from paramc.tables import as_row, read_table


class Code(NamedTuple):
    """A row of codes.toml: `message` and `help` hold `{name}` places, `trigger` is a text that fires it."""

    name: str
    severity: str
    message: str
    explain: str
    help: str = ""
    trigger: str = ""
    command: str = ""


@cache
def codes() -> dict[str, Code]:
    """Every code (`PC214`) with its row, in file order."""
    path = Path(__file__).parent / "codes.toml"
    return {code: as_row(row, Code, f"{path}: {code}") for code, row in read_table(path).items()}


def diagnose(
    code: str,
    span: Span | None = None,
    label: str = "",
    *,
    suggestion: Suggestion | None = None,
    notes: tuple[str, ...] = (),
    path: str | None = None,
    target: str | None = None,
    **values: object,
) -> Diagnostic:
    """The diagnostic `code` with `values` put into its message and help; values are never read as formats."""
    row = codes()[code]
    places = {"path": path, "target": target, **values}
    return Diagnostic(
        code=code,
        name=row.name,
        severity=cast(Severity, row.severity),
        message=row.message.format(**places),
        labels=(Label(span, label),) if span is not None else (),
        notes=notes,
        help=row.help.format(**places) or None,
        suggestion=suggestion,
        path=path,
        target=target,
    )
