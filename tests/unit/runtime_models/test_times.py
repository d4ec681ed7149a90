"""Times that are told to models in half precision, and are not rounded to it."""

import pytest

pytest.importorskip("torch")
pytest.importorskip("diffusers")

import torch
from diffusers.models.controlnets.controlnet_flux import FluxControlNetModel
from diffusers.models.embeddings import Timesteps
from diffusers.models.transformers.transformer_chroma import ChromaTransformer2DModel
from diffusers.models.transformers.transformer_flux import FluxTransformer2DModel
from diffusers.models.transformers.transformer_flux2 import Flux2Transformer2DModel
from diffusers.models.transformers.transformer_qwenimage import QwenImageTransformer2DModel
from torch import nn

from paramc.runtime.models.times import ExactWaves, Rounding, exact_times, keep_times

pytestmark = pytest.mark.sdk

WAVES = Timesteps(256, flip_sin_to_cos=True, downscale_freq_shift=0)


class Embedding(nn.Module):
    """The part of a transformer that makes waves of the time, and of the guidance."""

    def __init__(self) -> None:
        super().__init__()
        self.time_proj = Timesteps(256, flip_sin_to_cos=True, downscale_freq_shift=0)


def model(kind: type[Rounding], name: str) -> Rounding:
    """A model of the class with nothing but that part."""
    made = object.__new__(kind)
    nn.Module.__init__(made)
    made.add_module(name, Embedding())
    return made


@pytest.mark.parametrize(
    ("kind", "name", "scale"),
    [
        (FluxTransformer2DModel, "time_text_embed", 1000.0),
        (FluxControlNetModel, "time_text_embed", 1000.0),
        (ChromaTransformer2DModel, "time_text_embed", 1000.0),
        (Flux2Transformer2DModel, "time_guidance_embed", 1000.0),
        (QwenImageTransformer2DModel, "time_text_embed", 1.0),
    ],
)
def test_a_rounded_time_makes_the_waves_of_the_time_as_it_was(kind: type[Rounding], name: str, scale: float) -> None:
    made = model(kind, name)
    keep_times(made)
    times, guidance = torch.tensor([0.7109, 0.2503]), torch.tensor([3.501, 3.501])
    waves = made.get_submodule(f"{name}.time_proj")
    for exact in (times, guidance):
        rounded = exact.bfloat16() * scale
        with exact_times(made, times, guidance):
            found = waves(rounded)
        assert torch.equal(found, WAVES(exact * scale))
        assert (WAVES(rounded) - found).abs().max() > 1e-4
        assert torch.equal(waves(rounded), WAVES(rounded))


def test_a_model_that_was_told_nothing_takes_what_it_is_given() -> None:
    assert torch.equal(ExactWaves(WAVES)(torch.tensor([3.5])), WAVES(torch.tensor([3.5])))
