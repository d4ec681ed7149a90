"""What a mask leaves alone, put back while sampling in the ways of the programs."""

from typing import NamedTuple

import torch
from torch import Tensor

from paramc.runtime.denoise.masked import Blend, Masked, putting_back, putting_back_noised
from paramc.runtime.execute.draws import seeds_of
from paramc.runtime.execute.values import Latent, Softness
from paramc.runtime.execute.walk import on_timesteps
from paramc.runtime.execute.work import Pass
from paramc.runtime.rng.batch import leftover_seed
from paramc.runtime.rng.streams import stream_opener
from paramc.runtime.samplers.protocol import Denoiser
from paramc.runtime.stages.soft import blended, softened
from paramc.runtime.stages.starts import start_from_latent


class Blends(NamedTuple):
    """What is put back before an evaluation, and after it."""

    before: Blend | None = None
    after: Blend | None = None

    def around(self, denoise: Denoiser) -> Denoiser:
        """The denoiser between the two."""
        return denoise if self == Blends() else Masked(denoise, before=self.before, after=self.after)


def blends_of(work: Pass, latent: Latent, noise: Tensor) -> Blends:
    """How the known part of a latent comes back; `noise` is what the pass starts with."""
    if latent.values is None or latent.mask is None:
        return Blends()
    known, mask, flags = latent.values, latent.mask, work.op.flags
    if "noises_known" in flags:
        return Blends(before=_with_noise(work, known, mask, noise), after=putting_back(known, mask))
    if "renoises_known" in flags:
        return Blends(before=_renoised(work, known, mask))
    blend = putting_back(known, mask) if latent.soft is None else _soft(known, mask, latent.soft)
    return Blends(before=blend) if on_timesteps(work.op) else Blends(after=blend)


def _with_noise(work: Pass, known: Tensor, mask: Tensor, noise: Tensor) -> Blend:
    """With the noise of the start, or of the next seed for the sampler that stands in for DDIM (ComfyUI)."""
    if work.op.sampler == "ddim":
        noise = work.open_stream((work.noise.seed or 0) + 1).normal(known.shape).to(known)
    is_flow = work.side.weights.checkpoint.prediction == "flow"
    return putting_back_noised(lambda sigma: start_from_latent(known, noise, sigma, is_flow=is_flow), mask)


def _renoised(work: Pass, known: Tensor, mask: Tensor) -> Blend:
    """With new noise each time, out of a generator that another purpose left behind (Forge)."""
    seeds, _ = seeds_of(work.noise, work.latent.batch)
    leftover = stream_opener("cpu")(leftover_seed(seeds[-1]))
    is_flow = work.side.weights.checkpoint.prediction == "flow"

    def noised(sigma: Tensor) -> Tensor:
        return start_from_latent(known, leftover.normal(known.shape).to(known), sigma, is_flow=is_flow)

    return putting_back_noised(noised, mask)


def _soft(known: Tensor, mask: Tensor, soft: Softness) -> Blend:
    def blend(x: Tensor, level: Tensor) -> Tensor:
        share = softened(mask[0], level.item(), bias=soft.bias, preservation=soft.preservation)
        return blended(known, x, share.expand(x.shape[1:]), contrast=soft.contrast)

    return blend


def painted_share(known: Tensor, painted: Tensor, mask: Tensor, soft: Softness) -> Tensor:
    """How much of the painted picture shows in each cell, (1, 1, height, width), by how far the latent has moved.

    A description of the settings, not the UI's own arithmetic: half of it shows at `difference_threshold`, the step is
    as steep as `difference_contrast`, and `mask_influence` lowers the threshold where the mask is strong.
    """
    moved = (painted - known).norm(dim=1, keepdim=True).mean(dim=0, keepdim=True)
    half = soft.threshold * (1 - soft.influence * mask) + 1e-5
    ratio = (moved / half) ** soft.difference_contrast
    return torch.where(mask > 0, ratio / (1 + ratio), torch.zeros_like(mask))
