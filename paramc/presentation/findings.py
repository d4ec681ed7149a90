"""Diagnostics of many sources for other programs: SARIF, the commands of GitHub's runners, a Markdown table."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple
from urllib.parse import quote

from paramc.diagnostics.codes import codes
from paramc.diagnostics.json import to_plain
from paramc.diagnostics.model import Diagnostic, Span
from paramc.diagnostics.render import escaped
from paramc.presentation.document import json_text

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS = {"error": "error", "warning": "warning", "info": "note"}
_COMMANDS = {"error": "error", "warning": "warning", "info": "notice"}


class Findings(NamedTuple):
    """The diagnostics of one source. `path`: as the user named the file, empty where there is none."""

    path: str
    text: str
    diagnostics: Sequence[Diagnostic]
    is_text: bool = True


def sarif(found: Sequence[Findings], version: str) -> str:
    """A SARIF 2.1.0 log; columns count code points. Regions are those of text files only."""
    fired = dict.fromkeys(item.code for source in found for item in source.diagnostics)
    order = {code: place for place, code in enumerate(fired)}
    driver = {"name": "paramc", "version": version, "rules": [_rule(code) for code in fired]}
    results = [_result(source, item, order) for source in found for item in source.diagnostics]
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    return json_text({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]})


def github(found: Sequence[Findings]) -> str:
    """One workflow command for each diagnostic."""
    return "".join(_command(source, item) for source in found for item in source.diagnostics)


def markdown(found: Sequence[Findings]) -> str:
    """One table for all, to paste into an issue."""
    rows = [row for source in found for row in _rows(source)]
    if not rows:
        return "Nothing to report.\n"
    return "".join(("| source | severity | code | what | remedy |\n", "|---|---|---|---|---|\n", *rows))


def cell(text: str) -> str:
    """A text that a Markdown table holds in one cell."""
    return escaped(text.replace("\n", " ")).replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")


def _rule(code: str) -> dict[str, object]:
    row = codes()[code]
    return {
        "id": code,
        "name": row.name,
        "shortDescription": {"text": row.name.replace("-", " ")},
        "fullDescription": {"text": " ".join(row.explain.split())},
        "defaultConfiguration": {"level": _LEVELS[row.severity]},
    }


def _result(source: Findings, item: Diagnostic, order: dict[str, int]) -> dict[str, object]:
    text = f"{item.message}; {item.help}" if item.help else item.message
    result: dict[str, object] = {
        "ruleId": item.code,
        "ruleIndex": order[item.code],
        "level": _LEVELS[item.severity],
        "message": {"text": escaped(text)},
    }
    if source.path:
        regions = [_region(source, label.span) for label in item.labels[:1]] if source.is_text else []
        result["locations"] = [{"physicalLocation": _artifact(source) | _first({"region": one} for one in regions)}]
    mend = item.suggestion
    if source.path and source.is_text and mend:
        change = {"deletedRegion": _region(source, mend.span), "insertedContent": {"text": mend.replacement}}
        result["fixes"] = [{"artifactChanges": [{**_artifact(source), "replacements": [change]}]}]
    return result


def _artifact(source: Findings) -> dict[str, object]:
    return {"artifactLocation": {"uri": quote(source.path.replace("\\", "/"))}}


def _first(items: Iterable[dict[str, object]]) -> dict[str, object]:
    return next(iter(items), {})


def _region(source: Findings, span: Span) -> dict[str, object]:
    (start, column), (end, last) = (_line_and_column(source.text, place) for place in span)
    return {"startLine": start, "startColumn": column, "endLine": end, "endColumn": last}


def _line_and_column(text: str, place: int) -> tuple[int, int]:
    return text.count("\n", 0, place) + 1, place - text.rfind("\n", 0, place)


def _command(source: Findings, item: Diagnostic) -> str:
    plain = to_plain(item, source.text)
    place = {"file": source.path} if source.path else {}
    if source.is_text and plain["labels"]:
        first = plain["labels"][0]
        place |= {"line": str(first["line"]), "col": str(first["column"])}
    place["title"] = f"{item.code} {item.name}"
    properties = ",".join(f"{name}={_property(value)}" for name, value in place.items())
    message = f"{item.message}; {item.help}" if item.help else item.message
    return f"::{_COMMANDS[item.severity]} {properties}::{_data(message)}\n"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _rows(source: Findings) -> Iterator[str]:
    for item in source.diagnostics:
        cells = (source.path or "–", item.severity, f"{item.code} {item.name}", item.message, item.help or "")
        yield f"| {' | '.join(cell(text) for text in cells)} |\n"
