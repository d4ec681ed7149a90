"""Jobs through pictures: second passes and inpainting, latents and 8-bit pictures."""

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("scipy")

import torch
from PIL import Image

from paramc.runtime.stages.masks import as_mask
from paramc.runtime.stages.pictures import cut
from paramc.runtime.stages.soft import blended, softened
from tests.conformance.sampling import pictures
from tests.conformance.sampling.recorded import Case, deviation, folder, recording
from tests.conformance.sampling.verdicts import holds, judge

pytestmark = pytest.mark.sdk


@pytest.mark.parametrize(("name", "play"), [("a1111_inpaint", pictures.inpaint), ("a1111_hires", pictures.hires)])
def test_jobs_through_pictures_end_in_the_recorded_latents(name: str, play: pictures.Play) -> None:
    holds(judge(recording(name), play, lambda case: 0.0))


@pytest.mark.parametrize(("name", "play"), [("a1111_inpaint", pictures.inpaint), ("a1111_hires", pictures.hires)])
def test_jobs_through_pictures_give_the_recorded_bytes(name: str, play: pictures.Play) -> None:
    cases = [case for case in recording(name) if "img2img_color_correction" not in case.get("opts", {})]
    assert [case.label for case in cases if not same_bytes(case, play(case, None))] == []


def same_bytes(case: Case, painted: pictures.Painted) -> bool:
    """At most one level off in at most 0.1 % of the values; a value on the edge between two levels may be either."""
    off = np.abs(case.pictures.astype(int) - painted.pictures.astype(int))
    off[np.abs(painted.levels - painted.levels.round()) < 1e-4] = 0
    return bool(off.max() <= 1 and (off > 0).mean() <= 1e-3)


@pytest.mark.parametrize("case", recording("a1111_soft_inpaint"), ids=lambda case: case.label)
def test_soft_inpainting_blends_as_recorded(case: Case) -> None:
    with np.load(folder() / "a1111_soft_inpaint_inputs.npz") as inputs:
        known, painted, share = (torch.from_numpy(inputs[name]) for name in ("a", "b", "t"))
    if case["fn"].startswith("latent_blend"):
        result = blended(known, painted, share, contrast=case["inpaint_detail_preservation"])
    else:
        bias, preservation = case["mask_blend_power"], case["mask_blend_scale"]
        result = softened(share, case["sigma"], bias=bias, preservation=preservation)
    assert deviation(result, case.expected) <= 5e-7


def test_of_an_odd_excess_the_larger_half_is_cut_from_the_end() -> None:
    latent = torch.arange(30.0).reshape(1, 1, 5, 6)
    assert torch.equal(cut(latent, 3, 1), latent[:, :, 1:3, :5])


def test_a_mask_with_transparency_is_its_alpha_made_black_and_white() -> None:
    drawn = Image.new("RGBA", (3, 1))
    for place, alpha in enumerate((0, 128, 129)):
        drawn.putpixel((place, 0), (255, 255, 255, alpha))
    assert list(as_mask(drawn).tobytes()) == [0, 0, 255]
    assert list(as_mask(drawn, rounds=False).tobytes()) == [0, 128, 129]
    assert list(as_mask(Image.new("RGB", (1, 1), (90, 90, 90))).tobytes()) == [90]
