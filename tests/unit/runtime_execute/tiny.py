"""A Stable Diffusion 1 of narrow layers that paints: with the whole vocabulary, in one file."""

from pathlib import Path

import torch

from tests.unit.runtime_models.tiny import Unet, clip_shapes, filled, save, under, unet_shapes, vae_shapes

WORDS = 49408


def write_tiny_model(path: Path, *, seed: int = 0, channels: int = 4) -> Path:
    """Random weights that depend on the seed alone; `channels` go into the diffusion model."""
    shapes = {
        **under("model.diffusion_model.", unet_shapes(Unet(inputs=channels))),
        **under("first_stage_model.", vae_shapes()),
        **under("cond_stage_model.transformer.", clip_shapes(768, 1, WORDS)),
    }
    return save(path, filled(shapes, seed, torch.float16))
