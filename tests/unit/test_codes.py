"""The table of codes: every one explained, and fired by its own trigger."""

import re
from pathlib import Path

import pytest

from paramc.diagnostics.codes import Code, codes

NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)+")
SOURCES = list((Path(__file__).parents[2] / "paramc").rglob("*.py"))
DATA = [path for folder in ("grammars", "targets") for path in (Path(__file__).parents[2] / folder).rglob("*.toml")]


@pytest.fixture(params=codes(), ids=str)
def code(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def row(code: str) -> Code:
    return codes()[code]


def test_names_read_well_after_allow(row: Code) -> None:
    assert NAME.fullmatch(row.name)


def test_messages_are_one_lower_case_fact(row: Code) -> None:
    assert not row.message.endswith(".")
    first = row.message.split()[0]
    assert first[0] in "`{" or first.islower() or first.isupper() or first[0] == "A"


def test_explanations_say_more_than_the_message(row: Code) -> None:
    assert len(row.explain.split()) > 8


def test_severity_is_one_of_three(row: Code) -> None:
    assert row.severity in ("error", "warning", "info")


def test_it_has_a_text_or_a_command_that_fires_it(row: Code) -> None:
    assert row.trigger or row.command


def test_something_gives_it(code: str) -> None:
    assert any(f'"{code}"' in path.read_text(encoding="utf-8") for path in (*SOURCES, *DATA))


def test_names_are_told_apart() -> None:
    names = [row.name for row in codes().values()]
    assert len(set(names)) == len(names)
