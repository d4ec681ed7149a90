"""What samplers refuse, and what one call of them may be counted on for."""

import pytest

pytest.importorskip("torch")

import torch
from torch import Tensor

from paramc.ir.names import samplers
from paramc.runtime.denoise.guidance import Skips, guided, rescaled, skips_negative
from paramc.runtime.denoise.prompts import entry_for_call
from paramc.runtime.samplers.limits import ImpossibleWalk, check_walk
from paramc.runtime.samplers.protocol import Knobs, UniPc
from paramc.runtime.samplers.registry import SAMPLERS, TIMESTEP_SAMPLERS
from paramc.runtime.schedules.curves import karras_between

pytestmark = pytest.mark.sdk


def test_every_canonical_sampler_but_tcd_has_a_function() -> None:
    assert {*SAMPLERS, *TIMESTEP_SAMPLERS} == {*samplers()} - {"tcd"}


@pytest.mark.parametrize(
    ("sampler", "levels", "knobs"),
    [
        ("unipc", torch.linspace(1.0, 0.001, 3), Knobs(unipc=UniPc(order=3))),
        ("unipc", torch.linspace(1.0, 0.001, 1), Knobs()),
        ("dpm_fast", torch.tensor([0.03, 0.0]), Knobs(bounds=(0.03, 0.03))),
        ("dpm_adaptive", torch.tensor([0.03, 0.0]), Knobs(bounds=(0.0, 0.03))),
        ("dpmpp_2m_sde", torch.zeros(1), Knobs()),
        ("euler", torch.tensor([float("nan"), 0.0]), Knobs()),
        ("euler", torch.tensor([float("inf"), 0.0]), Knobs()),
    ],
)
def test_a_walk_that_would_fail_is_refused_before_it_starts(sampler: str, levels: Tensor, knobs: Knobs) -> None:
    with pytest.raises(ImpossibleWalk, match=f"`{sampler}`"):
        check_walk(sampler, levels, knobs)


def test_a_walk_without_steps_leaves_the_latent_alone() -> None:
    check_walk("euler", torch.zeros(1), Knobs())
    latent = torch.ones(1, 4, 2, 2)
    assert torch.equal(SAMPLERS["euler"](Gaussian(), latent, torch.zeros(1), no_noise, knobs=Knobs()), latent)


class Gaussian:
    """The exact denoiser of data with mean 0 and variance 1."""

    def __init__(self) -> None:
        self.levels: list[float] = []

    def __call__(self, x: Tensor, sigma: Tensor) -> Tensor:
        self.levels.append(sigma.item())
        return x / (1 + sigma**2)

    def pair(self, x: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
        denoised = self(x, sigma)
        return denoised, denoised


def no_noise(sigma: Tensor, sigma_next: Tensor) -> Tensor:
    return torch.zeros(1, 4, 4, 4)


DETERMINISTIC = [
    name
    for name, row in samplers().items()
    if not row.draws and name in SAMPLERS and name not in ("restart", "heunpp2")
]


@pytest.mark.parametrize("name", DETERMINISTIC)
def test_samplers_without_noise_converge_to_the_solution_of_the_flow(name: str) -> None:
    """x at sigma goes to x / √(1 + σ²) for Gaussian data; 200 steps, so that the order of a method matters little."""
    sigmas = karras_between(200, 0.01, 10.0)
    start = torch.linspace(-20, 20, 64).reshape(1, 4, 4, 4)
    exact = start / (1 + 10.0**2) ** 0.5
    result = SAMPLERS[name](Gaussian(), start, sigmas, no_noise, knobs=Knobs(eta=0.0))
    assert (result - exact).abs().max() <= 0.06 * exact.abs().max()


@pytest.mark.parametrize("name", [name for name in SAMPLERS if name not in ("dpm_fast", "dpm_adaptive", "restart")])
def test_samplers_call_the_model_at_the_levels_of_the_schedule(name: str) -> None:
    sigmas, model = karras_between(6, 0.03, 14.6), Gaussian()
    SAMPLERS[name](model, torch.ones(1, 4, 4, 4), sigmas, no_noise, knobs=Knobs())
    assert {*sigmas[:-1].tolist()} <= {*model.levels}


def test_an_evaluation_sees_the_first_entry_that_still_lasts_and_the_first_of_all_past_the_end() -> None:
    assert [entry_for_call([2, 5], call) for call in range(8)] == [0, 0, 0, 1, 1, 1, 0, 0]


def test_guidance_adds_weighted_differences() -> None:
    positive, negative = torch.tensor([3.0]), torch.tensor([1.0])
    assert guided([(positive, 0.5), (positive, -1.0)], negative, 7.0) == torch.tensor([1.0 + 7.0 * (1.0 - 2.0)])


def test_rescaled_guidance_has_the_spread_of_the_conditional_prediction() -> None:
    conditional = torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    result = rescaled(conditional * 5 + 1, conditional, 1.0)
    assert torch.allclose(result.std((1, 2, 3)), conditional.std((1, 2, 3)))
    assert torch.equal(rescaled(conditional * 5, conditional, 0.0), conditional * 5)


def test_the_negative_is_skipped_early_and_then_on_odd_evaluations_below_a_level() -> None:
    skips = Skips(below=2.0, early=0.2)
    skipped = [skips_negative(skips, call, 10, 10.0 - call) for call in range(10)]
    assert skipped == [True, True, True, False, False, False, False, False, False, True]
    assert skips_negative(Skips(below=2.0, every_call=True), 4, 10, 1.0)
