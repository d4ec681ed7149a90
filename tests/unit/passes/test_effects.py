"""How much a difference in settings does to the picture."""

from collections.abc import Mapping

import pytest

import paramc
from paramc.ir.job import Job
from paramc.ir.wishes import known_paths
from paramc.passes.effects import Effect, rank_effects, row_of

JOB = paramc.parse(
    "a cat\nNegative prompt: rain\nSteps: 20, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 7, Seed: 5, "
    "Size: 512x512, Model: m, Version: v1.10.1"
)


def effects(values: Mapping[str, object], job: Job = JOB) -> tuple[Effect, ...]:
    other = job.replace(values)
    return rank_effects(job, other, [item.path for item in paramc.diff(job, other)])


def test_the_strongest_effect_comes_first() -> None:
    values = {"sampling.steps": 30, "noise.seed": 6, "assets.vae": {"name": "v"}, "sampling.cfg_scale": 8}
    assert [effect.path for effect in effects(values)] == [
        "noise.seed",
        "sampling.cfg_scale",
        "sampling.steps",
        "assets.vae.name",
    ]


@pytest.mark.parametrize(
    ("path", "value", "word"),
    [
        ("noise.generator", "cpu", "another picture"),
        ("prompt", "a dog", "another picture"),
        ("sampling.sampler", "euler_ancestral", "large"),
        ("text.layer", -2, "large"),
        ("sampling.schedule", "exponential", "large"),
        ("sampling.steps", 21, "visible"),
        ("sampling.quantizes_timesteps", True, "small"),
    ],
)
def test_sizes_have_names(path: str, value: object, word: str) -> None:
    (effect,) = effects({path: value})
    assert effect.word == word


def test_a_value_that_comes_to_the_same_steps_does_nothing() -> None:
    assert [(effect.path, effect.size) for effect in effects({"sampling.schedule": "automatic"})] == [
        ("sampling.schedule", 0.0)
    ]


def test_a_part_that_only_one_has_is_no_matter_of_its_single_values() -> None:
    hires = JOB.replace({"stages.hires.upscaler": "model:x", "stages.hires.scale": 2.0})
    paths = [item.path for item in paramc.diff(hires, JOB)]
    assert {effect.word for effect in rank_effects(hires, JOB, paths)} == {"large"}


def test_noise_on_the_way_matters_only_to_samplers_that_draw_it() -> None:
    (idle,) = effects({"noise.delta": 31337})
    (drawn,) = effects({"noise.delta": 31337}, JOB.replace({"sampling.sampler": "euler_ancestral"}))
    assert (idle.size, drawn.size) == (0.0, 0.2)


def test_who_wrote_the_settings_does_nothing() -> None:
    assert [effect.word for effect in effects({"producer.user": "me"})] == ["none"]


def test_a_prompt_in_other_words_of_the_same_weight_is_another_prompt() -> None:
    (effect,) = effects({"prompt": "a (cat:1.1)"})
    assert effect.size == 0.5


def test_equal_jobs_have_no_effects() -> None:
    assert effects({}) == ()


def test_every_value_of_the_job_has_a_reason() -> None:
    paths = known_paths()
    single = [path for path in paths if not any(other.startswith(f"{path}.") for other in paths)]
    unnamed = {path for path in single if not row_of(path).paths}
    assert unnamed == {"prompt.text", "negative.text"}  # which differ as `prompt` and `negative`


def test_emphasis_does_nothing_to_prompts_without_weights() -> None:
    (effect,) = effects({"text.emphasis": "comfy"})
    assert (effect.word, effect.why) == ("none", "no word of the prompts has a weight")


def test_emphasis_does_much_to_prompts_with_weights() -> None:
    (effect,) = effects({"text.emphasis": "comfy"}, JOB.replace({"prompt": "a (cat:1.3)"}))
    assert effect.word == "large"


@pytest.mark.parametrize(("name", "word"), [("m.safetensors", "none"), ("n", "another picture")])
def test_a_file_is_the_same_with_its_ending_and_without(name: str, word: str) -> None:
    (effect,) = effects({"assets.checkpoint.name": name})
    assert effect.word == word
