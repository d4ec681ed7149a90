"""Findings for other programs: SARIF, GitHub's commands, Markdown."""

import json

import pytest

from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import Span, Suggestion
from paramc.presentation.findings import Findings, cell, github, markdown, sarif

TEXT = "a fox\nSteps: 0, 🦊: x"
STEPS = diagnose("PC402", Span(6, 14), suggestion=Suggestion(Span(13, 14), "20", "manual"), value=0, most=9)
SEED = diagnose("PC409")
FOUND = [
    Findings("a b/ü.txt", TEXT, (STEPS, SEED)),
    Findings("", TEXT, (SEED,)),
    Findings("x.png", TEXT, (STEPS,), False),
]


def results() -> list[dict[str, object]]:
    run: list[dict[str, object]] = json.loads(sarif(FOUND, "1.2.3"))["runs"][0]["results"]
    return run


def test_each_diagnostic_is_a_result() -> None:
    assert [item["ruleId"] for item in results()] == ["PC402", "PC409", "PC409", "PC402"]


def test_each_code_is_a_rule_once() -> None:
    driver = json.loads(sarif(FOUND, "1.2.3"))["runs"][0]["tool"]["driver"]
    assert [rule["id"] for rule in driver["rules"]] == ["PC402", "PC409"]
    assert [item["ruleIndex"] for item in results()] == [0, 1, 1, 0]


def test_places_are_lines_and_columns_from_one() -> None:
    (location,) = results()[0]["locations"]  # type: ignore[misc]
    assert location["physicalLocation"] == {
        "artifactLocation": {"uri": "a%20b/%C3%BC.txt"},
        "region": {"startLine": 2, "startColumn": 1, "endLine": 2, "endColumn": 9},
    }


def test_a_text_inside_an_image_has_no_region() -> None:
    (location,) = results()[3]["locations"]  # type: ignore[misc]
    assert "region" not in location["physicalLocation"] and "fixes" not in results()[3]


def test_what_is_no_file_has_no_location() -> None:
    assert "locations" not in results()[2]


def test_a_suggestion_is_a_fix() -> None:
    (fix,) = results()[0]["fixes"]  # type: ignore[misc]
    (change,) = fix["artifactChanges"][0]["replacements"]
    assert (change["deletedRegion"]["startColumn"], change["insertedContent"]["text"]) == (8, "20")


def test_commands_name_file_line_and_column() -> None:
    first = github(FOUND).splitlines()[0]
    assert first.startswith("::error file=a b/ü.txt,line=2,col=1,title=PC402 absurd-steps::0 steps cannot be run")


@pytest.mark.parametrize(("path", "spelt"), [("a,b", "a%2Cb"), ("a:b", "a%3Ab"), ("50%", "50%25"), ("a\nb", "a%0Ab")])
def test_signs_of_commands_are_escaped(path: str, spelt: str) -> None:
    assert f"file={spelt}," in github([Findings(path, TEXT, (STEPS,))])


def test_nothing_found_is_said() -> None:
    assert markdown([Findings("a", TEXT, ())]) == "Nothing to report.\n"


@pytest.mark.parametrize(
    ("text", "shown"), [("a|b", "a\\|b"), ("a\nb", "a b"), ("<b>", "&lt;b>"), ("\x1b[1m", "\\\\x1b[1m")]
)
def test_a_cell_stays_a_cell(text: str, shown: str) -> None:
    assert cell(text) == shown
