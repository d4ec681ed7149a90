"""The command line on a terminal: colours, tables, and nothing that a text could do to it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import paramc

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs pseudo-terminals")
ROOT = Path(paramc.__file__).parents[1]
JOB = '{"schema": 1, "prompt": {"text": "a \\u001b[31m fox \\u202e"}, "sampling": {"steps": 20}}'


def on_terminal(*words: str, columns: int = 60, **environment: str) -> tuple[int, str]:
    """Exit code and what a terminal of so many columns receives; its line ends are made line feeds again."""
    import fcntl
    import pty
    import struct
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    env = {name: value for name, value in os.environ.items() if name not in {"NO_COLOR", "COLUMNS"}}
    process = subprocess.Popen(
        [sys.executable, "-m", "paramc", *words],
        cwd=ROOT, env={**env, "TERM": "xterm", **environment}, stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs,
    )  # fmt: skip
    os.close(theirs)
    received = b""
    while piece := _read(ours):
        received += piece
    os.close(ours)
    return process.wait(), received.decode().replace("\r\n", "\n")


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # Linux says so when the other side is closed
        return b""


def test_a_terminal_gets_colours() -> None:
    assert "\x1b[1mpass\x1b[0m" in on_terminal("list", "passes")[1]


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_colours_can_be_switched_off(environment: dict[str, str]) -> None:
    assert on_terminal("list", "passes", **environment)[1].startswith("pass\nextract\n")


def test_tables_fit_the_terminal() -> None:
    lines = on_terminal("list", "samplers", columns=70, NO_COLOR="1")[1].splitlines()
    assert max(map(len, lines)) <= 70


def test_a_terminal_without_a_width_gets_eighty_columns() -> None:
    code, text = on_terminal("explain", "PC621", columns=0, NO_COLOR="1")
    assert (code, max(map(len, text.splitlines())) <= 80) == (0, True)


@pytest.mark.parametrize(
    "words",
    [
        ("show", JOB, "--dialect", "json"),
        ("convert", JOB, "--dialect", "json", "--emit", "source"),
        ("convert", JOB, "--dialect", "json", "--emit", "job"),
        ("convert", JOB, "--dialect", "json", "--to", "a1111"),
        ("check", JOB, "--dialect", "json", "--format", "json"),
        ("convert", JOB, "--dialect", "json", "--to", "a\x1b[2J"),
        ("sh\x1b[2Jow",),
        ("show", "\x1b[2J.png"),
    ],
)
def test_input_never_reaches_a_terminal_raw(words: tuple[str, ...]) -> None:
    text = on_terminal(*words, NO_COLOR="1")[1]
    assert not {"\x1b", "\u202e"} & set(text)


def test_an_artefact_ends_in_a_line_end_on_a_terminal() -> None:
    words = ("convert", JOB, "--dialect", "json", "--set", "noise.seed=1", "--emit", "source")
    assert on_terminal(*words)[1].endswith("}\n")


def test_a_keyboard_is_not_waited_for() -> None:
    import pty

    ours, theirs = pty.openpty()
    words = [sys.executable, "-m", "paramc", "show"]
    done = subprocess.run(words, cwd=ROOT, stdin=theirs, capture_output=True, text=True, timeout=60, check=False)
    os.close(ours)
    os.close(theirs)
    assert (done.returncode, "no SRC is given" in done.stderr) == (2, True)
