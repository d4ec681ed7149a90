"""The only pass of a plan, with toys in the place of its models."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

from paramc.ir.plan import Average, Combine, Encode, MakeNoise, Plan, Sample, Sigmas, Slice
from paramc.runtime.denoise.conditioning import Conditioning
from paramc.runtime.denoise.prompts import Branch, Entry
from paramc.runtime.execute.values import Guide, Latent, Weights
from paramc.runtime.execute.walk import Route
from paramc.runtime.execute.watch import Unwatched, Watch
from paramc.runtime.execute.work import Pass, Side
from paramc.runtime.rng.streams import stream_opener
from paramc.runtime.schedules.levels import sd_alphas
from tests.golden.sampling import toy


class Seen(Unwatched):
    """The timestep of the first row of each call."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def networks(self, timesteps: Tensor, conditioning: Conditioning) -> None:
        self.times.append(float(timesteps.reshape(-1)[0]))


def pass_of(
    plan: Plan, latent: Latent, toys: Any, guide: Callable[[str], Guide], watch: Watch, *, most_rows: int | None = None
) -> Pass:
    """The work of its Sample op. toys: what stands for the checkpoint. guide: of the name of a conditioning."""
    ops = {op.id: op for op in plan.ops}
    (op,) = (each for each in plan.ops if isinstance(each, Sample))
    levels = ops[op.sigmas]
    tail = levels if isinstance(levels, Slice) else None
    sigmas = ops[tail.sigmas] if tail else levels
    noise = ops[op.noise]
    assert isinstance(sigmas, Sigmas)
    assert isinstance(noise, MakeNoise)
    return Pass(
        op=op,
        route=Route(sigmas, tail),
        noise=noise,
        latent=latent,
        side=Side(Weights(Path("toy"), toys), guide(op.positive), guide(op.negative)),
        refined=None,
        open_stream=stream_opener(noise.generator),
        ready=lambda weights: None,
        relay=lambda weights, step: None,
        device=torch.device("cpu"),
        watch=watch,
        most_rows=most_rows,
    )


def sd1_of(network: nn.Module, prediction: str) -> Any:
    """A checkpoint of Stable Diffusion 1 with a toy in the place of its network."""
    return SimpleNamespace(
        unet=network,
        prediction=prediction,
        base="sd1",
        family="sd1",
        zero_terminal_snr=False,
        alphas_cumprod=sd_alphas(),
    )


def guide_of(plan: Plan, name: str, *, strips: bool = False) -> Guide:
    """What a prompt of the plan makes of the toy encoder. `strips`: as encoders do, which see no outer spaces."""
    op = next(each for each in plan.ops if each.id == name)
    parts = zip(op.inputs, op.weights, strict=True) if isinstance(op, Combine | Average) else [(name, 1.0)]
    areas = op.areas if isinstance(op, Average) else ()
    entries = {
        each.id: tuple(
            Entry(variant.last_call, embedded(variant.text.strip() if strips else variant.text))
            for variant in each.variants
        )
        for each in plan.ops
        if isinstance(each, Encode)
    }
    return Guide(
        tuple(Branch(entries[part], weight) for part, weight in parts), lambda: embedded("").tokens, areas=areas
    )


def embedded(text: str) -> Conditioning:
    """A text by the toy encoder."""
    return Conditioning(toy.text_embed(text)[None])
