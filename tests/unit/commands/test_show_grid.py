"""`paramc show` of settings that speak of a grid."""

import json

import pytest

from paramc.cli import main
from paramc.ir.sweep import Axis, Point, Sweep
from paramc.presentation.grid import MOST_SHOWN, sweep_text

Captured = pytest.CaptureFixture[str]

PLOT = (
    'a cat\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 5, Size: 512x512, Script: X/Y/Z plot, X Type: CFG Scale, '
    'X Values: "4-8 (+2)", Y Type: Prompt S/R, Y Values: "cat, fox", Version: v1.10.1'
)  # fmt: skip


def axis(name: str, *labels: str) -> Axis:
    return Axis(name=name, points=tuple(Point(label=label, edits=()) for label in labels))


def shown(text: str, capsys: Captured, *words: str) -> str:
    assert main(["show", text, *words]) == 0
    return capsys.readouterr().out


def test_axes_values_and_the_number_of_pictures_are_shown(capsys: Captured) -> None:
    lines = [line.strip() for line in shown(PLOT, capsys).splitlines()]
    start = lines.index("grid          CFG Scale: 4, 6, 8")
    assert lines[start + 1 : start + 3] == ["Prompt S/R: cat, fox", "3 × 2 = 6 pictures"]


def test_json_has_the_sweep(capsys: Captured) -> None:
    (result,) = json.loads(shown(PLOT, capsys, "--format", "json"))["result"]
    assert result["pictures"] == 6
    assert [each["name"] for each in result["sweep"]["axes"]] == ["CFG Scale", "Prompt S/R"]


def test_settings_without_a_grid_speak_of_none(capsys: Captured) -> None:
    text = PLOT.replace(", Script: X/Y/Z plot, X Type: CFG Scale", "")
    assert "grid " not in shown(text.replace("Y Type: Prompt S/R", "A: b"), capsys)


def test_a_lone_axis_is_counted_alone() -> None:
    assert sweep_text(Sweep(axes=(axis("Seed", "1"),))) == "Seed: 1\n1 picture"


def test_an_empty_value_is_called_nothing() -> None:
    assert sweep_text(Sweep(axes=(axis("Prompt S/R", "cat", ""),))) == "Prompt S/R: cat, nothing\n2 pictures"


def test_of_many_values_the_first_and_the_last_are_shown() -> None:
    line = sweep_text(Sweep(axes=(axis("Seed", *map(str, range(100))),))).splitlines()[0]
    assert line.endswith(", 21, …, 99")
    assert line.count(",") == MOST_SHOWN - 1
