"""The library called wrongly, and with values that no text can say: errors that name the argument, never a crash."""

import json
from collections.abc import Callable
from math import inf, nan

import pytest

import paramc
from paramc import InvalidValue, Job, ParamcError, UnknownName
from paramc.backends.registry import targets
from paramc.dialects.edits import MOST_CHARACTERS
from paramc.dialects.prompt import MOST_STEPS

TEXT = "a cat\nNegative prompt: dog\nSteps: 20, Sampler: Euler, CFG scale: 7, Seed: 1, Size: 512x512"
JOB = paramc.parse(TEXT)
ALONE = "\ud800"  # half of a surrogate pair: no text in any encoding


@pytest.mark.parametrize(
    ("call", "argument"),
    [
        (lambda: paramc.parse(None), "`text` takes a text, not `None`"),  # type: ignore[arg-type]
        (lambda: paramc.parse(b"a"), "`text` takes a text"),  # type: ignore[arg-type]
        (lambda: paramc.parse("a", dialect=1), "`dialect` takes a text or None"),  # type: ignore[arg-type]
        (lambda: paramc.parse("a", strict="no"), "`strict` takes true or false"),  # type: ignore[arg-type]
        (lambda: paramc.read(None), "`path` takes a path"),  # type: ignore[arg-type]
        (lambda: paramc.compile(TEXT, "json"), "`job` takes a Job"),  # type: ignore[arg-type]
        (lambda: paramc.compile(JOB, None), "`target` takes a text"),  # type: ignore[arg-type]
        (lambda: paramc.compile(JOB, "json", options="form"), "`options` takes a mapping"),  # type: ignore[arg-type]
        (lambda: paramc.compile(JOB, "comfyui", options={"form": None}), "`options\\['form'\\]` takes a text"),  # type: ignore[dict-item]
        (lambda: paramc.lower(None), "`job` takes a Job"),  # type: ignore[arg-type]
        (lambda: paramc.check(None), "`job` takes a Job"),  # type: ignore[arg-type]
        (lambda: paramc.diff(JOB, None), "`b` takes a Job"),  # type: ignore[arg-type]
        (lambda: paramc.fields(None), "`text` takes a text"),  # type: ignore[arg-type]
        (lambda: paramc.prompt(None), "`text` takes a text"),  # type: ignore[arg-type]
        (lambda: paramc.prompt("a", version=1), "`version` takes a text or None"),  # type: ignore[arg-type]
        (lambda: paramc.prompt("a").schedule("5"), "`steps` takes a whole number"),  # type: ignore[arg-type]
        (lambda: paramc.prompt("a").schedule(-1), "`steps` takes 0 to 100000, not `-1`"),
        (lambda: paramc.prompt("[a|b]").schedule(10**9), "`steps` takes 0 to 100000"),
        (lambda: paramc.prompt("a").schedule(5, hires_steps=10**9), "`hires_steps` takes 0 to 100000"),
        (lambda: paramc.run(TEXT), "`jobs` takes a Job, not `"),  # type: ignore[arg-type]
        (lambda: paramc.run([JOB, None]), "`jobs` takes a Job"),  # type: ignore[list-item]
        (lambda: paramc.run(3), "`jobs` takes a Job or several"),  # type: ignore[arg-type]
        (lambda: paramc.run(JOB, models=3), "`models` takes a folder"),  # type: ignore[arg-type]
        (lambda: paramc.run(JOB, models=[3]), "`models` takes a folder"),  # type: ignore[list-item]
        (lambda: JOB.replace("sampling.steps"), "`values` takes a mapping"),  # type: ignore[arg-type]
        (lambda: JOB.replace({1: 2}), "`a path` takes a text"),  # type: ignore[dict-item]
    ],
)
def test_a_wrong_argument_is_named(call: Callable[[], object], argument: str) -> None:
    with pytest.raises(InvalidValue, match=f"PC314 {argument}"):
        call()


@pytest.mark.parametrize(
    ("call", "hint"),
    [
        (lambda: paramc.compile(JOB, "json", at_least="exakt"), "did you mean `exact`?"),  # type: ignore[arg-type]
        (lambda: paramc.compile(JOB, "json", at_least=5), "known: exact"),  # type: ignore[arg-type]
        (lambda: paramc.compile(JOB, "comfi"), "did you mean `comfyui`?"),
        (lambda: paramc.compile(JOB, "comfyui", options={"frm": "faithful"}), "did you mean `form`?"),
        (lambda: paramc.parse("a", dialect="a111"), "did you mean `a1111`?"),
        (lambda: paramc.fields("a", infotext_style=True), "did you mean `infotext_styles`?"),
    ],
)
def test_a_name_that_does_not_exist_comes_with_the_closest(call: Callable[[], object], hint: str) -> None:
    with pytest.raises(UnknownName) as caught:
        call()
    assert hint in str(caught.value.diagnostics[0].help)


def test_switches_among_the_options_may_be_switches() -> None:
    text = paramc.compile(JOB, "a1111", options={"canonical": True}).text  # type: ignore[dict-item]
    assert text == paramc.compile(JOB, "a1111", options={"canonical": "true"}).text


@pytest.mark.parametrize("target", targets())
@pytest.mark.parametrize("number", [nan, inf, -inf])
def test_what_is_no_number_is_named_and_never_bare_json(target: str, number: float) -> None:
    job = Job.model_validate({"sampling": {"cfg_scale": number, "steps": 9}, "noise": {"multiplier": number}})
    artifact = paramc.compile(job, target)
    assert [item.path for item in artifact.diagnostics if item.code == "PC401"] == [
        "sampling.cfg_scale",
        "noise.multiplier",
    ]
    if artifact.files[0].name.endswith(".json"):
        json.loads(artifact.text, parse_constant=pytest.fail)


def test_a_strength_that_is_no_number_can_be_planned() -> None:
    for number in (nan, inf, -inf):
        paramc.lower(Job.model_validate({"task": {"kind": "image_to_image", "strength": number}}))


def test_a_job_with_infinities_comes_back_from_json() -> None:
    job = Job.model_validate({"noise": {"multiplier": inf, "extra": -inf}})
    back = paramc.parse(paramc.compile(job, "json").text)
    assert (back.noise.multiplier, back.noise.extra) == (inf, -inf)


@pytest.mark.parametrize("target", targets())
def test_half_of_a_surrogate_pair_goes_through_every_target(target: str) -> None:
    job = JOB.replace(
        {"prompt": f"({ALONE}:1.2)", "assets.checkpoint.name": ALONE, "assets.networks": [{"name": ALONE}]}
    )
    assert paramc.compile(job, target).text


def test_half_of_a_surrogate_pair_comes_back_from_json() -> None:
    job = JOB.replace({"prompt": ALONE, "assets.checkpoint.name": f"a{ALONE}"})
    assert paramc.parse(paramc.compile(job, "json").text) == job


def test_half_of_a_surrogate_pair_does_not_survive_a_file_of_text() -> None:
    fates = paramc.compile(JOB.replace({"prompt": ALONE}), "a1111").report.fates
    assert [(fate.grade, fate.code) for fate in fates if "prompt" in fate.paths] == [("approximate", "PC341")]


@pytest.mark.parametrize("name", ["dialect", "version", "parser"])
def test_names_of_half_a_surrogate_pair_are_unknown_or_ignored(name: str) -> None:
    try:
        paramc.prompt("a", **{name: ALONE})  # type: ignore[arg-type]
    except ParamcError as error:
        assert isinstance(error, UnknownName)


def test_an_alternation_over_many_steps_is_bounded() -> None:
    entries = paramc.prompt("[a|b]" + "c" * 1000).schedule(MOST_STEPS)
    assert entries[-1][0] == MOST_STEPS
    assert sum(len(text) for _, text in entries) <= MOST_CHARACTERS + 1001


def test_an_edit_over_the_most_steps_has_two_texts() -> None:
    assert paramc.prompt("[a:b:0.5]").schedule(MOST_STEPS) == ((MOST_STEPS // 2, "a"), (MOST_STEPS, "b"))


def test_a_long_prompt_with_an_alternation_over_many_steps_can_be_planned() -> None:
    prompt = "[a|b]" * 2000 + "c" * 100_000
    plan = paramc.lower(JOB.replace({"prompt": prompt, "sampling.steps": 10_000}))
    assert len(plan.model_dump_json()) < 10 * MOST_CHARACTERS
