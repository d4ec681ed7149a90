"""A coarse picture of a latent, without a VAE."""

from typing import Final

import numpy as np
import torch
from PIL import Image
from torch import Tensor

# Red, green and blue by channel, and what is added: fits to decoded pictures that were published for the two VAEs
# (SD 1: "Decoding latents to RGB without upscaling", 2022; SDXL: "Explaining the SDXL latent space", 2024).
COLOURS: Final = (
    ((0.298, 0.207, 0.208), (0.187, 0.286, 0.173), (-0.158, 0.189, 0.264), (-0.184, -0.271, -0.473)),
    (0.0, 0.0, 0.0),
)
COLOURS_XL: Final = (
    ((0.47, 0.47, 0.47), (-0.47, -0.04, 0.08), (0.2, 0.12, -0.04), (-0.55, -0.39, -0.27)),
    (0.18, 0.1, 0.02),
)
DARK: Final = 1e-6  # spread of a picture that is all of one shade


def previewed(latent: Tensor, base: str) -> Image.Image:
    """The first picture of a batch, an eighth of its size; latent: (batch, channels, height, width).

    Of latents with other than four channels only light and dark: nobody has published what their channels look like.
    """
    if latent.shape[1] != len(COLOURS[0]):
        grey = latent[0].float().cpu().mean(dim=0)
        return Image.fromarray((torch.sigmoid(grey / grey.std().clamp(min=DARK)) * 255).numpy().astype(np.uint8), "L")
    colours, offset = (torch.tensor(part) for part in (COLOURS_XL if base == "sdxl" else COLOURS))
    seen = torch.einsum("chw,cr->hwr", latent[0].float().cpu(), colours) + offset
    return Image.fromarray(((seen + 1) * 127.5).clamp(0, 255).numpy().astype(np.uint8))
