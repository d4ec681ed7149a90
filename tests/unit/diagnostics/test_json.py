"""Diagnostics as JSON."""

import json

from hypothesis import given
from hypothesis import strategies as st

from paramc.diagnostics.json import PlainDiagnostic, to_plain
from paramc.diagnostics.model import Diagnostic, Label, Span, Suggestion

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
SPAN = st.builds(lambda start, length: Span(start, start + length), st.integers(0, 30), st.integers(0, 9))
DIAGNOSTIC = st.builds(
    Diagnostic,
    code=st.from_regex(r"PC\d{3}", fullmatch=True),
    name=TEXT,
    severity=st.sampled_from(["error", "warning", "info"]),
    message=TEXT,
    labels=st.lists(st.builds(Label, SPAN, TEXT), max_size=3).map(tuple),
    notes=st.lists(TEXT, max_size=2).map(tuple),
    help=st.none() | TEXT,
    suggestion=st.none() | st.builds(Suggestion, SPAN, TEXT, st.sampled_from(["safe", "maybe", "manual"])),
    path=st.none() | TEXT,
    target=st.none() | TEXT,
)


def test_the_form_has_every_key_and_counts_lines_from_one():
    found = Diagnostic("PC214", "n", "warning", "m", (Label(Span(4, 6), "here"),))
    assert to_plain(found, "one\ntwo") == {
        "code": "PC214",
        "name": "n",
        "severity": "warning",
        "message": "m",
        "labels": [{"start": 4, "end": 6, "line": 2, "column": 1, "text": "here"}],
        "notes": [],
        "help": None,
        "suggestion": None,
        "path": None,
        "target": None,
    }


def test_a_fix_is_kept():
    found = Diagnostic("PC214", "n", "info", "m", suggestion=Suggestion(Span(1, 2), "x", "safe"))
    assert to_plain(found)["suggestion"] == {"start": 1, "end": 2, "replacement": "x", "applicability": "safe"}


def read_back(plain: PlainDiagnostic) -> Diagnostic:
    fix = plain["suggestion"]
    more = {
        "labels": tuple(Label(Span(label["start"], label["end"]), label["text"]) for label in plain["labels"]),
        "notes": tuple(plain["notes"]),
        "suggestion": fix and Suggestion(Span(fix["start"], fix["end"]), fix["replacement"], fix["applicability"]),
    }
    return Diagnostic(**{**plain, **more})


@given(DIAGNOSTIC, TEXT)
def test_json_holds_all_of_a_diagnostic(found, text):
    assert read_back(json.loads(json.dumps(to_plain(found, text)))) == found
