"""Diagnostics as plain JSON values and back."""

from bisect import bisect_right
from functools import lru_cache

from typing_extensions import TypedDict  # pydantic reads the one of `typing` only from Python 3.12 on

from paramc.diagnostics.model import Applicability, Diagnostic, Label, Severity, Suggestion


class PlainLabel(TypedDict):
    """A label; `start` and `end` are code points of the source text, `line` and `column` count from 1."""

    start: int
    end: int
    line: int
    column: int
    text: str


class PlainSuggestion(TypedDict):
    """A suggestion; `start` and `end` are code points of the source text."""

    start: int
    end: int
    replacement: str
    applicability: Applicability


class PlainDiagnostic(TypedDict):
    """The JSON form of a Diagnostic; every key is always there."""

    code: str
    name: str
    severity: Severity
    message: str
    labels: list[PlainLabel]
    notes: list[str]
    help: str | None
    suggestion: PlainSuggestion | None
    path: str | None
    target: str | None


def to_plain(diagnostic: Diagnostic, source_text: str = "") -> PlainDiagnostic:
    """The diagnostic as JSON values; lines and columns are those of `source_text`."""
    return {
        "code": diagnostic.code,
        "name": diagnostic.name,
        "severity": diagnostic.severity,
        "message": diagnostic.message,
        "labels": [_plain_label(label, source_text) for label in diagnostic.labels],
        "notes": list(diagnostic.notes),
        "help": diagnostic.help,
        "suggestion": _plain_suggestion(diagnostic.suggestion) if diagnostic.suggestion else None,
        "path": diagnostic.path,
        "target": diagnostic.target,
    }


def _plain_label(label: Label, text: str) -> PlainLabel:
    start, end = label.span
    starts = _line_starts(text)
    line = bisect_right(starts, start)
    column = min(start, len(text)) - starts[line - 1] + 1
    return {"start": start, "end": end, "line": line, "column": column, "text": label.text}


@lru_cache(maxsize=4)
def _line_starts(text: str) -> list[int]:
    """Where the lines begin; remembered, since a hostile text may have as many diagnostics as lines."""
    return [0, *(place + 1 for place, sign in enumerate(text) if sign == "\n")]


def _plain_suggestion(suggestion: Suggestion) -> PlainSuggestion:
    start, end = suggestion.span
    return {
        "start": start,
        "end": end,
        "replacement": suggestion.replacement,
        "applicability": suggestion.applicability,
    }
