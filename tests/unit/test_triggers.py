"""Every code with a trigger fires on it; what is then printed is stored beside the tests and read when it changes."""

import re
import shlex
from pathlib import Path

import pytest

from paramc.cli import main
from paramc.diagnostics.codes import codes

STORED = Path(__file__).parents[1] / "golden" / "codes"
BLOCK = re.compile(r"^(?=(?:error|warning|info|dropped|approximate|close|inert|exact)\b)", re.MULTILINE)
TRIGGERED = [code for code, row in codes().items() if row.trigger]


@pytest.mark.parametrize("code", TRIGGERED)
def test_a_trigger_fires_its_code(
    code: str, capsys: pytest.CaptureFixture[str], request: pytest.FixtureRequest
) -> None:
    row = codes()[code]
    words = shlex.split(row.command) if row.command else ["check", "SRC"]
    words += ["--report"] if words[0] == "convert" else []
    main([row.trigger if word == "SRC" else word for word in words])
    printed = capsys.readouterr().err
    fired = [block for block in BLOCK.split(printed) if f"[{code} " in block]
    assert fired
    path = STORED / f"{code}.txt"
    if request.config.getoption("--bless"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(fired[0].rstrip() + "\n", encoding="utf-8")
    assert fired[0].rstrip() + "\n" == path.read_text(encoding="utf-8")


def test_nothing_is_stored_for_codes_that_are_gone() -> None:
    assert {path.stem for path in STORED.iterdir()} - set(TRIGGERED) == set()
