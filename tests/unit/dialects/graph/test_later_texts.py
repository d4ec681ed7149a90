"""What passes after the first are guided by: texts, weights and strength, shared with it or their own."""

from typing import Any

import pytest

from paramc.ir.job import Job
from tests.unit.dialects.graph.drawings import Drawing, drawing, job_of, named, node, sampler

WEIGHED: Drawing = {
    "weighed": node("ConditioningSetAreaStrength", conditioning=("other", 0), strength=2.0),
    "both": node("ConditioningCombine", conditioning_1=("good", 0), conditioning_2=("weighed", 0)),
}
PLAIN: Drawing = {"both": node("ConditioningCombine", conditioning_1=("bad", 0), conditioning_2=("other", 0))}
PLACED: Drawing = {"both": node("ConditioningSetArea", conditioning=("bad", 0), width=64, height=64, x=0, y=0)}
SWITCHING: Drawing = {
    "early": node("ConditioningSetTimestepRange", conditioning=("good", 0), start=0.0, end=0.5),
    "late": node("ConditioningSetTimestepRange", conditioning=("other", 0), start=0.5, end=1.0),
    "both": node("ConditioningCombine", conditioning_1=("early", 0), conditioning_2=("late", 0)),
}


def two_passes(more: Drawing, first: dict[str, Any], second: dict[str, Any]) -> Job:
    """A pass, and another over the enlarged latent; each with what it takes otherwise than usual."""
    larger = node("LatentUpscaleBy", samples=("first", 0), upscale_method="bilinear", scale_by=2.0)
    other = node("CLIPTextEncode", text="other", clip=("file", 1))
    usual = {"scheduler": "simple"}
    again = sampler(**usual, latent_image=("larger", 0), denoise=0.5, **second)
    return job_of(drawing(other=other, larger=larger, first=sampler(**usual, **first), **more, **{"pass": again}))


@pytest.mark.parametrize(
    ("first", "second", "guided", "own"),
    [
        ({"positive": ("both", 0)}, {"positive": ("both", 0)}, 7 / 3, None),
        ({"positive": ("both", 0)}, {"positive": ("both", 0), "cfg": 3.0}, 7 / 3, 1.0),
        ({"positive": ("both", 0)}, {}, 7 / 3, 7.0),
        ({}, {"positive": ("both", 0)}, 7.0, None),  # there is no word for the second's text
    ],
)
def test_guidance_is_divided_by_the_weights_of_each_passs_own_prompt(
    first: dict[str, Any], second: dict[str, Any], guided: float, own: float | None
) -> None:
    job = two_passes(WEIGHED, first, second)
    assert job.hires
    assert (job.sampling.cfg_scale, job.hires.cfg_scale) == (pytest.approx(guided), own)


@pytest.mark.parametrize(("more", "lost"), [(PLAIN, "CLIPTextEncode"), (PLACED, "ConditioningSetArea")])
def test_what_the_negative_of_a_second_pass_cannot_say_is_named(more: Drawing, lost: str) -> None:
    assert named(two_passes(more, {}, {"negative": ("both", 0)})) == [lost]


def test_texts_that_follow_each_other_in_both_passes_are_one_prompt() -> None:
    """At other steps of the second, which is said."""
    job = two_passes(SWITCHING, {"positive": ("both", 0)}, {"positive": ("both", 0)})
    assert job.hires
    assert (job.prompt.text, job.hires.prompt, named(job)) == ("[a cat:other:9]", None, ["KSampler"])
