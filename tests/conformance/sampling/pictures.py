"""A1111's jobs that begin on or go through pictures, with the toy VAE of the recordings."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from PIL import Image
from torch import Tensor

from paramc.ir.geometry import Size
from paramc.ir.stages import Hires
from paramc.passes.later import hires_size
from paramc.runtime.stages.masks import (
    blurred,
    doubled,
    filled,
    latent_mask,
    masked_box,
    overlaid,
    unmasked,
)
from paramc.runtime.stages.pictures import cut, fitted_picture, resized_latent, to_bytes, to_network
from paramc.runtime.stages.sizes import Box, padded, widened
from tests.conformance.sampling.a1111 import Job, Result
from tests.conformance.sampling.recorded import Case, Nudge
from tests.golden.sampling import toy

FITS = ("stretch", "crop", "pad", "pad")  # the last is "latent", of which masks know nothing
LATENT_MODES = {
    "Latent": "bilinear",
    "Latent (antialiased)": "bilinear_antialias",
    "Latent (bicubic)": "bicubic",
    "Latent (bicubic antialiased)": "bicubic_antialias",
    "Latent (nearest)": "nearest",
    "Latent (nearest-exact)": "nearest_exact",
}
PICTURE_MODES = {"Lanczos": Image.Resampling.LANCZOS, "Nearest": Image.Resampling.NEAREST, "None": None}


def synth(width: int, height: int, k: int) -> Image.Image:
    x, y = np.arange(width)[None], np.arange(height)[:, None]
    red = 127.5 + 127.5 * np.sin(0.11 * x + 0.07 * y + k)
    green = 127.5 + 127.5 * np.cos(0.05 * x - 0.13 * y + 0.5 * k)
    blue = 255.0 * ((x // 8 + y // 8 + k) % 2)
    return Image.fromarray(np.stack([red, green, blue], axis=2).round().astype(np.uint8))


def drawn_mask(width: int, height: int, k: int) -> Image.Image:
    values = np.zeros((height, width))
    if k == 0:
        values[height // 4 : height // 2 + 3, width // 3 : width - width // 5] = 255
    elif k == 1:
        values[5:17, 9:30] = 255
    elif k == 2:
        values[:] = 255
    else:
        x, y = np.arange(width)[None], np.arange(height)[:, None]
        spot = ((x - 0.6 * width) / (0.2 * width)) ** 2 + ((y - 0.4 * height) / (0.3 * height)) ** 2
        values = np.round(255 * np.exp(-spot))
    return Image.fromarray(values.astype(np.uint8))


@dataclass(slots=True)
class Painted:
    """What a job gave; levels are the bytes of the pictures before they are truncated."""

    latent: Tensor
    pictures: np.ndarray
    levels: np.ndarray
    seen: list[float]


Play: TypeAlias = Callable[[Case, Nudge | None], Painted]


def image_to_image(case: Case, nudge: Nudge | None = None) -> Painted:
    """On a picture of the job's own size."""
    job = Job(case, nudge)
    latent = toy.vae_encode(to_network([synth(job.width, job.height, 0)] * job.batch))
    result = job.from_latent(latent, case["denoising_strength"], exactly=job.options.get("img2img_fix_steps", False))
    return _painted(result)


def _painted(result: Result) -> Painted:
    decoded = toy.vae_decode(result.latent)
    levels = np.moveaxis(127.5 * (decoded.clamp(-1, 1) + 1).numpy(), 1, 3)
    return Painted(result.latent, to_bytes(decoded), levels, result.seen)


def inpaint(case: Case, nudge: Nudge | None = None) -> Painted:
    """Part of a picture."""
    job = Job(case, nudge)
    size, mode = Size(job.width, job.height), case.get("resize_mode", 0)
    picture = synth(*case["image"], 0)
    mask = drawn_mask(*case["image"], case["mask"])
    if case.get("inpainting_mask_invert"):
        mask = Image.eval(mask, lambda value: 255 - value)
    mask = blurred(mask, case["mask_blur"], case["mask_blur"])  # which wins over mask_blur_x and mask_blur_y
    part: Box | None = None
    fit = FITS[mode]
    if case.get("inpaint_full_res", True):
        box = masked_box(mask)
        assert box
        whole = Size(*mask.size)
        part = widened(padded(box, case.get("inpaint_full_res_padding", 0), whole), size, whole)
        overlay_mask, small = mask, fitted_picture(mask.crop(part), size, "pad").convert("L")
    else:
        small = fitted_picture(mask, size, fit).convert("L")
        overlay_mask = doubled(small)
        if mode < 3:
            picture = fitted_picture(picture, size, fit)
    if overlay_mask.size != picture.size:
        overlay_mask = fitted_picture(overlay_mask, Size(*picture.size), fit).convert("L")
    overlay = unmasked(picture, overlay_mask).convert("RGBA")
    if part is not None:
        picture = fitted_picture(picture.crop(part), size, "pad")
    fill = case.get("inpainting_fill", 1)
    if fill != 1:
        picture = filled(picture, small)
    init = toy.vae_encode(to_network([picture] * job.batch))
    if mode == 3:
        init = resized_latent(init, size.height // 8, size.width // 8, "bilinear")
    painted = latent_mask(small, *init.shape[2:], rounds=case.get("mask_round", True))
    if fill == 2:
        init = init * (1 - painted) + job.noise()[0] * painted
    elif fill == 3:
        init = init * (1 - painted)
    result = job.from_latent(init, case["denoising_strength"], exactly=False, mask=painted)
    plain = _painted(result)
    if not job.options.get("overlay_inpaint", True):
        return plain
    pictures = [np.asarray(overlaid(Image.fromarray(each), overlay, part)) for each in plain.pictures]
    laid = np.stack(pictures)
    levels = plain.levels if laid.shape == plain.levels.shape else np.full(laid.shape, 0.5)
    return Painted(plain.latent, laid, levels, plain.seen)


def first_pass_of(final: Size) -> Size:
    """The first pass of an old second pass, which stated the final size only: about 512 x 512, sides up to a 64th."""
    scale = math.sqrt(512 * 512 / (final.width * final.height))
    return Size(*(math.ceil(scale * side / 64) * 64 for side in final))


def hires(case: Case, nudge: Nudge | None = None) -> Painted:
    """A picture from text, enlarged and painted over."""
    wanted = Size(case.get("hr_resize_x", 0), case.get("hr_resize_y", 0))
    if case.get("opts", {}).get("use_old_hires_fix_width_height"):
        wanted = Size(case["width"], case["height"])
        start = first_pass_of(wanted)
        case = Case({**case.inputs, "width": start.width, "height": start.height}, case.arrays)
    first = Job(case, nudge)
    latent = first.from_text().latent
    size, target = hires_size(Size(first.width, first.height), Hires(scale=case["hr_scale"], size=wanted))
    excess = Size((size.width - target.width) // 8, (size.height - target.height) // 8)
    upscaler = case["hr_upscaler"]
    if upscaler in LATENT_MODES:
        latent = resized_latent(latent, size.height // 8, size.width // 8, LATENT_MODES[upscaler])
        latent = cut(latent, excess.height, excess.width)
    else:
        pictures = to_bytes(toy.vae_decode(latent))
        resized = [_upscaled(Image.fromarray(each), size, upscaler) for each in pictures]
        latent = cut(toy.vae_encode(to_network(resized)), excess.height, excess.width)
    second = _second_pass(case, first, latent, nudge)
    return _painted(second.from_latent(latent, case["denoising_strength"], exactly=True))


def _second_pass(case: Case, first: Job, latent: Tensor, nudge: Nudge | None) -> Job:
    inputs = {
        **case.inputs,
        "steps": case.get("hr_second_pass_steps") or case["steps"],
        "sampler_name": case.get("hr_sampler_name") or case["sampler_name"],
        "scheduler": case.get("hr_scheduler") or case["scheduler"],
        "prompt": case.get("hr_prompt") or case["prompt"],
        "negative_prompt": case.get("hr_negative_prompt") or case["negative_prompt"],
        "width": latent.shape[3] * 8,
        "height": latent.shape[2] * 8,
    }
    job = Job(Case(inputs, case.arrays), nudge)
    job.first_pass = first.total_calls
    job.network.seen = first.network.seen
    return job


def _upscaled(picture: Image.Image, size: Size, upscaler: str) -> Image.Image:
    mode = PICTURE_MODES[upscaler]
    if mode is not None:
        picture = picture.resize((size.width // 8 * 8, size.height // 8 * 8), resample=mode)
    return picture if picture.size == size else picture.resize(size, resample=Image.Resampling.LANCZOS)
