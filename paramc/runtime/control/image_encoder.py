"""Image encoders of CLIP and SigLIP: what they see of a picture."""

from pathlib import Path
from typing import Final, NamedTuple, TypeAlias, cast

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection, SiglipVisionConfig, SiglipVisionModel

from paramc.runtime.catalogue.header import Header
from paramc.runtime.control.words import vision_sizes
from paramc.runtime.models.blueprint import Blueprint, fill
from paramc.runtime.models.fitting import fitting
from paramc.runtime.models.names import Place
from paramc.runtime.models.shapes import HEAD, Config, Shapes
from paramc.runtime.models.tensors import open_tensors

ImageEncoder: TypeAlias = CLIPVisionModelWithProjection | SiglipVisionModel
MEAN: Final = (0.48145466, 0.4578275, 0.40821073)  # of the pictures that CLIP was trained on, in [0, 1]
SPREAD: Final = (0.26862954, 0.26130258, 0.27577711)
TOWER: Final = "vision_model."
VECTOR: Final = "visual_projection.weight"  # what only CLIP has
PROBE: Final = "vision_model.head.probe"  # and only SigLIP
PLACES: Final = "vision_model.embeddings.position_embedding.weight"


class Seen(NamedTuple):
    """What an encoder makes of a picture: its vector, (1, width); its last states but one, (1, tokens, width).

    blank: the states of a picture of zeros. black: the vector of a black picture.
    """

    vector: Tensor
    states: Tensor
    blank: Tensor
    black: Tensor


def width_seen(header: Header, *, states: bool) -> int:
    """The width of an encoder's states, or else of its vector; 0 for a file that holds none."""
    shapes = _shapes(header)
    if PROBE not in shapes and VECTOR not in shapes:
        return 0
    return shapes.size(PLACES, 1) if states or VECTOR not in shapes else shapes.size(VECTOR)


def load_image_encoder(path: Path, *, dtype: torch.dtype, device: str) -> ImageEncoder:
    """The image encoder of a file in the layout of transformers. Raises ModelError where it lacks a part."""
    with open_tensors(path) as file:
        shapes = _shapes(file.header)
        model: ImageEncoder
        with torch.device("meta"), fitting(path):
            if PROBE in shapes:
                model = SiglipVisionModel(SiglipVisionConfig.from_dict(_siglip(shapes)))
            else:
                model = CLIPVisionModelWithProjection(CLIPVisionConfig.from_dict(_clip(shapes)))
        wanted = model.state_dict().keys()
        own = TOWER if PROBE in shapes else ""  # which the class for SigLIP leaves out
        places = {name: (Place(bare),) for name in shapes.names if (bare := name.removeprefix(own)) in wanted}
        blueprint = Blueprint("image encoder", model, places, dtype)
        fill([blueprint], file)
        blueprint.finish(path, device)
    return model


def _shapes(header: Header) -> Shapes:
    return Shapes({name: info.shape for name, info in header.tensors.items()})


def _clip(shapes: Shapes) -> Config:
    places = max(shapes.size(PLACES) - 1, 0)  # the first is that of the whole picture
    return {**_sizes(shapes, places), "projection_dim": shapes.size(VECTOR)}


def _siglip(shapes: Shapes) -> Config:
    return {**_sizes(shapes, shapes.size(PLACES)), "hidden_act": "gelu_pytorch_tanh"}


def _sizes(shapes: Shapes, places: int) -> Config:
    """Raises ValueError where parts are missing that tell sizes."""
    width = shapes.size(PLACES, 1)
    patch = shapes.size("vision_model.embeddings.patch_embedding.weight", 2)
    inner = shapes.size("vision_model.encoder.layers.0.mlp.fc1.weight")
    if not (width and patch and inner):
        raise ValueError("an encoder without an inside")
    heads, activation = vision_sizes().get(width, (max(1, width // HEAD), "gelu"))
    return {
        "hidden_size": width,
        "intermediate_size": inner,
        "num_hidden_layers": shapes.count("vision_model.encoder.layers.{}.layer_norm1.weight"),
        "num_attention_heads": heads,
        "patch_size": patch,
        "image_size": round(places**0.5) * patch,
        "hidden_act": activation,
    }


def seen_by(encoder: ImageEncoder, picture: Image.Image) -> Seen:
    """What the encoder makes of a picture, RGB: CLIP of its middle, SigLIP of the whole."""
    side, black = cast(int, encoder.config.image_size), Image.new("RGB", (1, 1))
    numbers = whole if isinstance(encoder, SiglipVisionModel) else middle
    pixels, none = (numbers(each, side).to(encoder.device, encoder.dtype) for each in (picture, black))
    with torch.inference_mode():
        output = encoder(torch.cat([pixels, torch.zeros_like(pixels), none]), output_hidden_states=True)
    states = cast(tuple[Tensor, ...], output.hidden_states)[-2]
    vectors = cast(Tensor, output.pooler_output if isinstance(encoder, SiglipVisionModel) else output.image_embeds)
    return Seen(vectors[:1], states[:1], states[1:2], vectors[2:])


def middle(picture: Image.Image, side: int) -> Tensor:
    """The middle of a picture, (1, 3, side, side), as CLIP was trained on it."""
    factor = side / min(picture.size)
    scaled = picture.resize(
        (max(int(picture.width * factor), side), max(int(picture.height * factor), side)), Image.Resampling.BICUBIC
    )
    left, top = (scaled.width - side) // 2, (scaled.height - side) // 2
    values = np.asarray(scaled.crop((left, top, left + side, top + side)), dtype=np.float32) / 255
    return torch.from_numpy((values - np.array(MEAN, np.float32)) / np.array(SPREAD, np.float32)).permute(2, 0, 1)[None]


def whole(picture: Image.Image, side: int) -> Tensor:
    """A picture squeezed into a square, (1, 3, side, side), in [-1, 1], as SigLIP was trained on it."""
    values = np.asarray(picture.resize((side, side), Image.Resampling.BICUBIC), dtype=np.float32) / 127.5 - 1
    return torch.from_numpy(values).permute(2, 0, 1)[None]
