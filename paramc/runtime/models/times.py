"""Flow times told to a transformer as they are.

Some classes of diffusers round them to the number format of their weights before they make waves of them: in bfloat16,
711 thousandths become 712. ComfyUI and Forge make the waves in float32.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, TypeAlias, cast

import torch
from diffusers.models.controlnets.controlnet_flux import FluxControlNetModel
from diffusers.models.embeddings import Timesteps
from diffusers.models.transformers.transformer_chroma import ChromaTransformer2DModel
from diffusers.models.transformers.transformer_flux import FluxTransformer2DModel
from diffusers.models.transformers.transformer_flux2 import Flux2Transformer2DModel
from diffusers.models.transformers.transformer_qwenimage import QwenImageTransformer2DModel
from torch import Tensor, nn

Rounding: TypeAlias = (
    FluxTransformer2DModel
    | FluxControlNetModel
    | ChromaTransformer2DModel
    | Flux2Transformer2DModel
    | QwenImageTransformer2DModel
)
THOUSANDTHS: Final = 1000.0  # what these models multiply times and guidance with


class ExactWaves(nn.Module):
    """Waves of the `exact` number that is nearest to a rounded one. exact: (numbers, rows), None: the number itself."""

    def __init__(self, waves: Timesteps) -> None:
        super().__init__()
        self.waves = waves
        self.exact: Tensor | None = None

    def forward(self, rounded: Tensor) -> Tensor:
        """The waves of each row, (rows, width), in float32."""
        if self.exact is None:
            return cast(Tensor, self.waves(rounded))
        nearest = (self.exact - rounded.float()).abs().argmin(dim=0, keepdim=True)
        return cast(Tensor, self.waves(self.exact.gather(0, nearest)[0]))


def keep_times(model: nn.Module) -> None:
    """Let a model that rounds times look at them as `exact_times` gives them."""
    if isinstance(model, Rounding):
        embedding = _embedding(model)
        embedding.time_proj = ExactWaves(cast(Timesteps, embedding.time_proj))


@contextmanager
def exact_times(model: nn.Module, *told: Tensor) -> Iterator[None]:
    """While this lasts, a model is called at these times, (rows,), and with the distilled guidance that it is told."""
    waves = _embedding(model).time_proj if isinstance(model, Rounding) else None
    if not isinstance(waves, ExactWaves):
        yield
        return
    scale = 1.0 if isinstance(model, QwenImageTransformer2DModel) else THOUSANDTHS  # which multiplies them later
    waves.exact = torch.stack(told).float() * scale
    try:
        yield
    finally:
        waves.exact = None


def _embedding(model: Rounding) -> nn.Module:
    name = "time_guidance_embed" if isinstance(model, Flux2Transformer2DModel) else "time_text_embed"
    return model.get_submodule(name)
