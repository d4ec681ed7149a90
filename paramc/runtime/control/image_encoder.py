"""Image encoders of CLIP: what they see of a picture."""

from pathlib import Path
from typing import Final, NamedTuple, cast

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

from paramc.runtime.control.words import vision_sizes
from paramc.runtime.models.blueprint import Blueprint, fill
from paramc.runtime.models.names import Place
from paramc.runtime.models.shapes import HEAD, Shapes
from paramc.runtime.models.tensors import open_tensors

MEAN: Final = (0.48145466, 0.4578275, 0.40821073)  # of the pictures that CLIP was trained on, in [0, 1]
SPREAD: Final = (0.26862954, 0.26130258, 0.27577711)


class Seen(NamedTuple):
    """What an encoder makes of a picture: its vector, (1, width); its last states but one, (1, tokens, width).

    blank: the states of a picture of zeros.
    """

    vector: Tensor
    states: Tensor
    blank: Tensor


def load_image_encoder(path: Path, *, dtype: torch.dtype, device: str) -> CLIPVisionModelWithProjection:
    """The image encoder of a file in the layout of transformers. Raises ModelError where it lacks a part."""
    with open_tensors(path) as file:
        shapes = Shapes({name: info.shape for name, info in file.header.tensors.items()})
        with torch.device("meta"):
            model = CLIPVisionModelWithProjection(_config(shapes))
        wanted = model.state_dict().keys()
        places = {name: (Place(name),) for name in shapes.names if name in wanted}
        blueprint = Blueprint("image encoder", model, places, dtype)
        fill([blueprint], file)
        blueprint.finish(path, device)
    return model


def _config(shapes: Shapes) -> CLIPVisionConfig:
    width = shapes.size("vision_model.embeddings.class_embedding")
    patch = shapes.size("vision_model.embeddings.patch_embedding.weight", 2)
    places = shapes.size("vision_model.embeddings.position_embedding.weight")
    heads, activation = vision_sizes().get(width, (max(1, width // HEAD), "gelu"))
    return CLIPVisionConfig(
        hidden_size=width,
        intermediate_size=shapes.size("vision_model.encoder.layers.0.mlp.fc1.weight"),
        num_hidden_layers=shapes.count("vision_model.encoder.layers.{}.layer_norm1.weight"),
        num_attention_heads=heads,
        patch_size=patch,
        image_size=round((places - 1) ** 0.5) * patch,
        projection_dim=shapes.size("visual_projection.weight"),
        hidden_act=activation,
    )


def seen_by(encoder: CLIPVisionModelWithProjection, picture: Image.Image) -> Seen:
    """What the encoder makes of the middle of a picture, RGB."""
    pixels = _pixels(picture, cast(int, encoder.config.image_size)).to(encoder.device, encoder.dtype)
    with torch.inference_mode():
        output = encoder(torch.cat([pixels, torch.zeros_like(pixels)]), output_hidden_states=True)
    states = cast(tuple[Tensor, ...], output.hidden_states)[-2]
    return Seen(output.image_embeds[:1], states[:1], states[1:])


def _pixels(picture: Image.Image, side: int) -> Tensor:
    """The middle of a picture, (1, 3, side, side), as CLIP was trained on it."""
    factor = side / min(picture.size)
    scaled = picture.resize(
        (max(int(picture.width * factor), side), max(int(picture.height * factor), side)), Image.Resampling.BICUBIC
    )
    left, top = (scaled.width - side) // 2, (scaled.height - side) // 2
    values = np.asarray(scaled.crop((left, top, left + side, top + side)), dtype=np.float32) / 255
    return torch.from_numpy((values - np.array(MEAN, np.float32)) / np.array(SPREAD, np.float32)).permute(2, 0, 1)[None]
