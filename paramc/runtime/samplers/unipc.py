"""UniPC, a multistep predictor-corrector in λ = ln(alpha / sigma) (Zhao et al. 2023), data prediction.

m is the predicted clean latent, h a step in λ, z = -h, r the place of an earlier λ relative to the step.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import torch
from torch import Tensor

from paramc.runtime.samplers.ddim import alphas
from paramc.runtime.samplers.protocol import Denoiser, Knobs, Noise, UniPc
from paramc.runtime.schedules.timesteps import log_alpha

LAST_SIGMA: Final = 0.001  # stands for 0, where λ is infinite


@dataclass(frozen=True, slots=True)
class _Level:
    """x = alpha data + sigma noise at a level; 0-d tensors."""

    alpha: Tensor
    sigma: Tensor
    half_log_snr: Tensor


def _level(log_alpha: Tensor) -> _Level:
    """All from ln alpha: near the end sigma has few right digits, and the reference has the same few."""
    rest = 1.0 - (2.0 * log_alpha).exp()
    return _Level(log_alpha.exp(), rest.sqrt(), log_alpha - 0.5 * rest.log())


Predict: TypeAlias = Callable[[Tensor, int], Tensor]  # (x, index of the level) to m


def sample_unipc(denoise: Denoiser, x: Tensor, sigmas: Tensor, noise: Noise, *, knobs: Knobs) -> Tensor:
    """UniPC on continuous times (descending, (steps + 1,)), from x of variance 1 to the first level.

    denoise: (x, fractional timestep) to noise.
    """
    table = 0.5 * alphas(knobs).log()
    log_means = log_alpha(sigmas, table)
    levels = [_level(mean) for mean in log_means]

    def predict(x: Tensor, index: int) -> Tensor:
        predicted = denoise(x, (sigmas[index] - 1.0 / len(table)) * 1000.0)
        return (x - levels[index].sigma * predicted) / levels[index].alpha

    return _multistep(predict, x, levels, knobs.unipc)


def sample_uni_pc(denoise: Denoiser, x: Tensor, sigmas: Tensor, noise: Noise, *, knobs: Knobs) -> Tensor:
    """UniPC bh1 on sigmas (ComfyUI). One step leaves x as it was."""
    return _on_sigmas(denoise, x, sigmas, "bh1")


def sample_uni_pc_bh2(denoise: Denoiser, x: Tensor, sigmas: Tensor, noise: Noise, *, knobs: Knobs) -> Tensor:
    """UniPC bh2 on sigmas (ComfyUI). One step leaves x as it was."""
    return _on_sigmas(denoise, x, sigmas, "bh2")


def _on_sigmas(denoise: Denoiser, x: Tensor, sigmas: Tensor, variant: Literal["bh1", "bh2"]) -> Tensor:
    """The same on x scaled to variance 1; a last sigma of 0 becomes 0.001, and the result is not scaled back to it."""
    if sigmas[-1] == 0:
        sigmas = torch.cat([sigmas[:-1], sigmas.new_tensor([LAST_SIGMA])])
    levels = [_level(0.5 * torch.log(1 / (sigma**2 + 1))) for sigma in sigmas]
    order = min(3, len(sigmas) - 2)

    def predict(x: Tensor, index: int) -> Tensor:
        unscaled = x * (sigmas[index] ** 2 + 1.0) ** 0.5
        predicted = (unscaled - denoise(unscaled, sigmas[index])) / sigmas[index]
        return (x - levels[index].sigma * predicted) / levels[index].alpha

    if order < 1:
        predict(x * levels[0].alpha, 0)  # ComfyUI calls the model and throws the result away
        return x * levels[0].alpha / levels[-1].alpha
    return _multistep(predict, x * levels[0].alpha, levels, UniPc(variant, order=order)) / levels[-1].alpha


def _multistep(predict: Predict, x: Tensor, levels: Sequence[_Level], options: UniPc) -> Tensor:
    """All steps: the order grows with the predictions known and shrinks again at the end; the last has no corrector."""
    steps = len(levels) - 1
    known = [predict(x, 0)]  # the newest first
    for step in range(1, steps + 1):
        order = min(step, options.order)
        if options.lower_order_final and step >= options.order:
            order = min(order, steps + 1 - step)
        make = _varying if options.variant == "vary_coeff" else _fixed
        move = make(x, known, levels[step - order : step + 1], order, options)
        x = move.predicted
        if step < steps:
            newest = predict(move.predicted, step)
            x = move.corrected(newest - known[0])
            known = [newest, *known][: options.order]
    return x


@dataclass(frozen=True, slots=True)
class _Move:
    """A step: where the predictor arrives, and from the change of m there, where the corrector does."""

    predicted: Tensor
    corrected: Callable[[Tensor], Tensor]


def _fixed(x: Tensor, known: Sequence[Tensor], levels: Sequence[_Level], order: int, options: UniPc) -> _Move:
    """Coefficients by solving for the moments (variants bh1 and bh2). levels: of the last `order` and the target."""
    target = levels[-1]
    z, ratios, differences, base = _frame(x, known, levels, order)
    scale = target.alpha * (z if options.variant == "bh1" else z.expm1())
    moments, phi = [], z.expm1() / z - 1
    for power in range(1, order + 1):
        moments.append(phi * math.factorial(power) / (scale / target.alpha))
        phi = phi / z - 1 / math.factorial(power + 1)
    matrix = torch.stack([ratios**power for power in range(order)])
    right = torch.stack(moments)
    half = z.new_tensor([0.5])
    ahead = half if order == 2 else torch.linalg.solve(matrix[:-1, :-1], right[:-1])
    back = half if order == 1 else torch.linalg.solve(matrix, right)
    return _Move(
        base - scale * _weighted(ahead, differences, x),
        lambda change: base - scale * (_weighted(back[:-1], differences, x) + back[-1] * change),
    )


def _varying(x: Tensor, known: Sequence[Tensor], levels: Sequence[_Level], order: int, options: UniPc) -> _Move:
    """Coefficients by inverting the Taylor expansion (variant vary_coeff).

    The corrector weighs the newest change by the last row but one, as the paper's own code does.
    """
    z, ratios, differences, base = _frame(x, known, levels, order)
    columns, phis = [torch.ones_like(ratios)], [z.expm1()]
    for power in range(1, order + 1):
        columns.append(columns[-1] * ratios / (power + 1))
        phis.append(phis[-1] / z - 1 / math.factorial(power))
    matrix = torch.stack(columns[:order], dim=1)
    ahead, back = torch.linalg.inv(matrix[:-1, :-1]), torch.linalg.inv(matrix)
    weights = torch.stack(phis[1:order]) if order > 1 else z.new_zeros(0)
    alpha = levels[-1].alpha
    settled = base - alpha * _weighted(weights @ back[: order - 1, :-1], differences, x)
    newest = alpha * phis[order] * back[max(order - 2, 0), -1]
    return _Move(base - alpha * _weighted(weights @ ahead, differences, x), lambda change: settled - newest * change)


def _frame(
    x: Tensor, known: Sequence[Tensor], levels: Sequence[_Level], order: int
) -> tuple[Tensor, Tensor, list[Tensor], Tensor]:
    """z, the ratios r (the last is 1), the divided differences of m, and the step of first order."""
    target, newest = levels[-1], levels[-2]
    h = target.half_log_snr - newest.half_log_snr
    earlier = list(levels[-3::-1])[: order - 1]
    ratios = torch.stack([*((level.half_log_snr - newest.half_log_snr) / h for level in earlier), torch.ones_like(h)])
    differences = [(m - known[0]) / r for m, r in zip(known[1:order], ratios[:-1], strict=True)]
    base = target.sigma / newest.sigma * x - target.alpha * (-h).expm1() * known[0]
    return -h, ratios, differences, base


def _weighted(weights: Tensor, values: Sequence[Tensor], like: Tensor) -> Tensor:
    terms = (weight * value for weight, value in zip(weights, values, strict=True))
    return sum(terms, torch.zeros_like(like))
