"""README under test: every command gives what is printed there, and the tables are those of the data."""

import re
import shlex
from pathlib import Path

import pytest

from paramc.backends.matrix import support_matrix
from paramc.cli import main
from paramc.dialects.registry import dialects
from paramc.presentation.rules import rules_markdown

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SESSIONS = re.findall(r"```console\n(.*?)```", README, re.DOTALL)
COMMANDS = [
    (command, output)
    for session in SESSIONS
    for command, output in re.findall(r"\$ (paramc [^\n]*)\n((?:(?!\$ )[^\n]*\n)*)", session)
]


@pytest.mark.parametrize(("command", "output"), COMMANDS, ids=[command for command, _ in COMMANDS])
def test_commands_print_what_the_readme_shows(
    command: str, output: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    main(shlex.split(command)[1:])
    printed = capsys.readouterr()
    assert printed.out + printed.err == output


def test_the_readme_shows_commands() -> None:
    assert len(COMMANDS) >= 3


def test_the_support_matrix_is_that_of_the_tables() -> None:
    shown = re.search(r"<!-- matrix -->\n(.*?)<!-- /matrix -->", README, re.DOTALL)
    assert shown is not None
    assert shown[1] == support_matrix()


def test_the_rules_are_those_of_the_table() -> None:
    shown = re.search(r"<!-- rules -->\n(.*?)<!-- /rules -->", README, re.DOTALL)
    assert shown is not None
    assert shown[1] == rules_markdown()


@pytest.mark.parametrize("name", dialects())
def test_every_dialect_is_listed(name: str) -> None:
    assert f"| `{name}` |" in README
