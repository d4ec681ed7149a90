"""Prompts on the screen: every character under its own weight."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paramc.api import load
from paramc.dialects.language import language_of
from paramc.dialects.registry import find_dialect
from paramc.presentation.console import Screen
from paramc.presentation.emphasis import painted, placed, weights_of
from paramc.presentation.layout import wrap
from paramc.presentation.screen import job_screen
from paramc.presentation.timeline import switches, timeline
from paramc.source.detect import open_text

LANGUAGE = language_of(find_dialect("a1111"))
COLOURS = re.compile("\x1b\\[[0-9;]*m")
REST = "\nSteps: 20, Sampler: Euler, Schedule type: Uniform, CFG scale: 7, Seed: 1, Size: 512x512, Version: v1.10.1"


def weighed(text: str) -> dict[str, float]:
    """Each character that is no mark, with its weight; characters must be different."""
    prompt = load(open_text(text + REST)).job.prompt
    return dict(zip(prompt.text, weights_of(prompt, LANGUAGE), strict=True))


@pytest.mark.parametrize(
    ("text", "weights"),
    [
        ("a (b) c", {"a": 1, "b": 1.1, "c": 1}),
        ("a (b:1.5)", {"a": 1, "b": 1.5}),
        ("[a] b", {"a": 1 / 1.1, "b": 1}),
        ("((a:1.5) b)", {"a": 1.65, "b": 1.1}),
        ("<lora:x:1>(q:1.3)", {"q": 1.3}),
        ("(q:1.3) <lora:x:1> (b:0.5)", {"q": 1.3, "b": 0.5}),
        ("[(a:1.4):b:0.5]", {"a": 1.4, "b": 1}),
        ("(a:1.2) AND (b:1.4)", {"a": 1.2, "b": 1.4}),
        (r"\(a\) (b)", {"a": 1, "b": 1.1}),
    ],
)
def test_characters_have_the_weight_of_their_run(text: str, weights: dict[str, float]) -> None:
    assert {sign: weighed(text)[sign] for sign in weights} == pytest.approx(weights)


@given(st.text(alphabet="ab ()[]:.|\\15BREAKND<lora:x>\n", max_size=60))
def test_any_prompt_has_a_weight_for_each_character(text: str) -> None:
    prompt = load(open_text(f"x{text}{REST}"), dialect="a1111").job.prompt
    assert len(weights_of(prompt, LANGUAGE)) == len(prompt.text)


@given(st.text(alphabet="ab c", max_size=80), st.integers(4, 30), st.data())
def test_paint_changes_no_character(text: str, room: int, data: st.DataObject) -> None:
    weights = data.draw(st.lists(st.sampled_from([0.5, 1.0, 1.1, 1.7]), min_size=len(text), max_size=len(text)))
    lines = wrap(text, room)
    shown = [painted(line, part) for line, part in zip(lines, placed(text, lines, weights), strict=True)]
    assert [COLOURS.sub("", line) for line in shown] == lines


def test_what_weighs_more_has_another_colour() -> None:
    shown = painted("abc", [1.0, 1.1, 1.7])
    assert shown.startswith("a\x1b[") and len(set(COLOURS.findall(shown))) == 3


def test_a_screen_without_colours_stays_plain() -> None:
    job = load(open_text("a (b:1.5)" + REST)).job
    assert "\x1b" not in job_screen(job, (), (), Screen(80))
    assert "\x1b[38;5;" in job_screen(job, (), (), Screen(80, colour=True))


def test_colours_are_only_laid_over() -> None:
    job = load(open_text("a (b:1.5), [c:d:0.5] and a long tail of words that is wrapped" + REST)).job
    assert COLOURS.sub("", job_screen(job, (), (), Screen(40, colour=True))) == job_screen(job, (), (), Screen(40))


def test_a_prompt_that_stays_has_no_timeline() -> None:
    job = load(open_text("a (b:1.5)" + REST)).job
    assert (timeline(job, job.prompt, LANGUAGE), switches(job, job.prompt, LANGUAGE)) == ("", ())


def test_a_timeline_shows_what_differs_and_when() -> None:
    job = load(open_text("the [a:b:0.25] end" + REST)).job
    assert timeline(job, job.prompt, LANGUAGE).splitlines() == [
        "━━━━━─────────────── 1–5   … a …",
        "─────━━━━━━━━━━━━━━━ 6–20  … b …",
    ]
    assert switches(job, job.prompt, LANGUAGE) == (5,)


def test_a_text_that_vanishes_is_named() -> None:
    job = load(open_text("x [a::10] y" + REST)).job
    assert [line.split("  ")[-1].strip() for line in timeline(job, job.prompt, LANGUAGE).splitlines()] == [
        "… a …",
        "… (nothing) …",
    ]
