"""A Stable Diffusion 1 of narrow layers that paints: with the whole vocabulary, in one file."""

from pathlib import Path

import torch

from tests.unit.runtime_models.tiny import Unet, clip_shapes, filled, save, under, unet_shapes, vae_shapes

WORDS = 49408


def write_tiny_model(path: Path, *, seed: int = 0, channels: int = 4, told: int = 0) -> Path:
    """Random weights that depend on the seed alone; `channels` go into the diffusion model.

    told: how wide the guidance scale is that it is told, for models that are.
    """
    scale = {"model.diffusion_model.time_embed.cond_proj.weight": (32, told)} if told else {}
    shapes = {
        **scale,
        **under("model.diffusion_model.", unet_shapes(Unet(inputs=channels))),
        **under("first_stage_model.", vae_shapes()),
        **under("cond_stage_model.transformer.", clip_shapes(768, 1, WORDS)),
    }
    return save(path, filled(shapes, seed, torch.float16))
