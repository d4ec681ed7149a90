"""Prompts that count in parts of the picture: the cells of their places, and what a tiny model paints of them."""

from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("diffusers")

import torch
from PIL import Image
from torch import Tensor

import paramc
from paramc.diagnostics.model import RunError
from paramc.ir.assets import ImageRef
from paramc.ir.control import PromptArea
from paramc.ir.job import Job
from paramc.runtime.denoise.conditioning import Conditioning
from paramc.runtime.denoise.guidance import Skips
from paramc.runtime.denoise.guided import Guidance
from paramc.runtime.denoise.placed import Place, PlacedDenoiser
from paramc.runtime.denoise.prompts import Branch, Entry
from paramc.runtime.denoise.regions import Area
from paramc.runtime.execute.areas import places_of
from paramc.runtime.execute.runner import Runner
from paramc.runtime.execute.values import Latent
from tests.conformance.e2e.recorder import Recorder

pytestmark = pytest.mark.sdk

LATENT = Latent((4, 8, 12), 1)
SETTINGS = "Steps: 3, Sampler: Euler, CFG scale: 5, Seed: 7, Size: 96x64, Model: tiny"
BAR = 1e-5


@pytest.fixture
def mask(tmp_path: Path) -> ImageRef:
    """White in rows 2 and 3, columns 5 to 7 of the latent."""
    picture = Image.new("RGBA", (96, 64), (0, 0, 0, 255))
    picture.paste((255, 255, 255, 0), (40, 16, 64, 32))
    picture.save(tmp_path / "mask.png")
    return ImageRef(path=str(tmp_path / "mask.png"))


@pytest.mark.parametrize(
    ("said", "area"),
    [
        (PromptArea(), None),
        (PromptArea(x=16, y=8, width=64, height=40), Area(5, 8, 1, 2)),
        (PromptArea(x=64, width=64, height=64), Area(8, 4, 0, 8)),  # cut off at the edge
        (PromptArea(unit="share", x=0.5, y=0.25, width=0.25, height=0.01), Area(1, 3, 2, 6)),
        (PromptArea(x=20, y=16, width=4, height=0), Area(1, 1, 2, 2)),  # one cell at least
    ],
)
def test_an_area_in_cells(said: PromptArea, area: Area | None) -> None:
    (place,) = places_of((said,), LATENT)
    assert place is not None and place.area == area


def test_an_area_outside_the_picture_counts_nowhere() -> None:
    assert places_of((PromptArea(x=96, width=64, height=64),), LATENT) == (None,)


@pytest.mark.parametrize(("channel", "inverts"), [("red", False), ("blue", False), ("alpha", False), ("red", True)])
def test_a_mask_on_cells(mask: ImageRef, channel: str, inverts: bool) -> None:
    said = PromptArea.model_validate({"mask": mask, "mask_channel": channel, "inverts_mask": inverts})
    (place,) = places_of((said,), LATENT)
    assert place is not None and place.mask is not None
    expected = torch.zeros(1, 8, 12)
    expected[:, 2:4, 5:8] = 1.0
    assert torch.equal(place.mask, 1 - expected if inverts else expected)


def test_an_area_around_a_mask_is_eight_cells_where_there_are(mask: ImageRef) -> None:
    (place,) = places_of((PromptArea(mask=mask, fits_mask=True),), LATENT)
    assert place is not None and place.area == Area(6, 7, 2, 5)


def latent_of(runner: Runner, job: Job) -> Tensor:
    recorder = Recorder()
    runner.run(job, watch=recorder)
    return recorder.latents[-1]


def painting(*areas: PromptArea, prompt: str = "a cat :0.5 AND a dog :0.5") -> Job:
    job = paramc.parse(f"{prompt}\nNegative prompt: fog\n{SETTINGS}")
    return job.model_copy(update={"patches": areas, "ledger": ()})


def far(first: Tensor, second: Tensor) -> float:
    return float((first - second).abs().max() / second.abs().max())


def test_areas_of_the_whole_picture_change_nothing(runner: Runner) -> None:
    whole = PromptArea(width=96, height=64)
    plain = latent_of(runner, painting())
    assert far(latent_of(runner, painting(whole, whole.model_copy(update={"branch": 1}))), plain) < BAR


def test_a_strength_is_a_weight_among_those_that_meet(runner: Runner) -> None:
    areas = (PromptArea(strength=1.5), PromptArea(branch=1, strength=0.5))
    expected = latent_of(runner, painting(prompt="a cat :0.75 AND a dog :0.25"))
    assert far(latent_of(runner, painting(*areas)), expected) < BAR


def test_a_prompt_that_counts_nowhere_leaves_the_others(runner: Runner) -> None:
    outside = PromptArea(branch=1, x=96, width=64, height=64)
    assert far(latent_of(runner, painting(outside)), latent_of(runner, painting(prompt="a cat"))) < BAR


def test_a_masked_prompt_is_mixed_in_by_its_mask(runner: Runner, mask: ImageRef) -> None:
    """One step: where the mask is, the mean of both; elsewhere the first alone."""
    once = {"sampling.steps": 1}
    masked = painting(PromptArea(branch=1, mask=mask)).replace(once)
    both, first = (
        latent_of(runner, painting(prompt=text).replace(once)) for text in ("a cat :0.5 AND a dog :0.5", "a cat")
    )
    inside = torch.zeros_like(both)
    inside[..., 2:4, 5:8] = 1.0
    assert far(latent_of(runner, masked), both * inside + first * (1 - inside)) < BAR


def test_an_area_is_painted_apart(runner: Runner) -> None:
    left = PromptArea(branch=1, width=48, height=64)
    changed = latent_of(runner, painting(left)) - latent_of(runner, painting(prompt="a cat"))
    assert changed[..., :6].abs().max() > 1e-3


def adding(x: Tensor, sigma: Tensor, conditioning: Conditioning) -> Tensor:
    """Adds a number of the text, and for negative ones another."""
    against = torch.arange(len(x)) >= len(x) - conditioning.against
    return x + (conditioning.tokens[:, 0, 0] + 10 * against).view(-1, 1, 1, 1)


def branch(value: float, length: int) -> Branch:
    return Branch((Entry(99, Conditioning(torch.full((1, length, 1), value))),), 0.5)


@pytest.mark.parametrize("length", [3, 6, 7, 300])
@pytest.mark.parametrize("rows", [1, 2, 5])
def test_rows_that_go_through_the_network_apart_change_nothing(rows: int, length: int) -> None:
    x = torch.randn(2, 4, 8, 12, generator=torch.Generator().manual_seed(3))
    positive = ((branch(1.0, 3), branch(2.0, length)),) * 2
    places = [Place(), Place(0.7, Area(8, 6, 0, 2))]
    results = [
        PlacedDenoiser(adding, Guidance(positive, (branch(0.5, 3),), 5.0, 10, most_rows=most), places).pair(
            x, torch.tensor(2.0)
        )
        for most in (None, rows)
    ]
    assert all(torch.equal(one, other) for one, other in zip(*results, strict=True))
    assert torch.allclose(results[0][1], x + 10.5)


def test_without_guidance_the_negative_is_left_out() -> None:
    guidance = Guidance(((branch(1.0, 3), branch(3.0, 3)),), (branch(0.5, 3),), 1.0, 10, skips_at_one=True)
    x = torch.zeros(1, 4, 8, 8)
    guided, negative = PlacedDenoiser(adding, guidance, [Place(), Place(3.0)]).pair(x, torch.tensor(2.0))
    assert torch.allclose(guided, x + 2.5) and torch.equal(guided, negative)


def test_a_loop_that_does_without_the_negative_does_so_here() -> None:
    guidance = Guidance(((branch(1.0, 3), branch(3.0, 3)),), (branch(0.5, 3),), 5.0, 10, skips=Skips(early=0.1))
    denoise = PlacedDenoiser(adding, guidance, [Place(), Place(3.0)])
    x = torch.zeros(1, 4, 8, 8)
    given = [denoise.pair(x, torch.tensor(2.0)) for _ in range(3)]
    assert [torch.equal(guided, negative) for guided, negative in given] == [True, True, False]


def test_shares_that_make_one_but_for_the_last_digits_leave_the_negative_out_too() -> None:
    shares = tuple(replace(branch(1.0, 3), weight=1 / 6) for _ in range(6))
    assert sum(share.weight for share in shares) != 1
    guidance = Guidance((shares,), (branch(0.5, 3),), 1.0, 10, skips_at_one=True)
    guided, negative = PlacedDenoiser(adding, guidance, [Place()] * 6).pair(torch.zeros(1, 4, 8, 8), torch.tensor(2.0))
    assert torch.equal(guided, negative)


def test_a_model_that_sees_a_picture_beside_the_latent_is_refused(runner: Runner) -> None:
    job = painting(PromptArea(width=48, height=64)).replace({"assets.checkpoint.name": "painter"})
    with pytest.raises(RunError, match="PC545"):
        runner.run(job)
