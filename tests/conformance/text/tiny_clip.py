"""Small CLIP text encoders whose weights are sines of their places: the same on every machine, without random numbers."""

import math
from functools import cache

import numpy as np
import torch
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

from paramc.runtime.text.stack import TextStack, text_stack

SIZES = {
    "l": {"hidden_size": 16, "intermediate_size": 32, "num_attention_heads": 2, "hidden_act": "quick_gelu", "projection_dim": 16},
    "g": {"hidden_size": 24, "intermediate_size": 40, "num_attention_heads": 3, "hidden_act": "gelu", "projection_dim": 24},
}  # fmt: skip
LAYERS, VOCABULARY, LENGTH = 4, 49408, 77


@cache
def stack(base: str) -> TextStack:
    """The encoders of `sd1`, `sd2` or `sdxl`; that of `sd2` is the second of SDXL's."""
    names = {"sd1": "l", "sd2": "g", "sdxl": "lg", "sdxl_refiner": "g"}[base]
    return text_stack(base, [encoder(name) for name in names])


@cache
def encoder(name: str) -> CLIPTextModel | CLIPTextModelWithProjection:
    config = CLIPTextConfig(
        vocab_size=VOCABULARY,
        num_hidden_layers=LAYERS,
        max_position_embeddings=LENGTH,
        bos_token_id=49406,
        eos_token_id=49407,
        pad_token_id=49407,
        **SIZES[name],
    )
    model = (CLIPTextModelWithProjection if name == "g" else CLIPTextModel)(config).eval()
    prefix = "" if name == "g" else "text_model."
    model.load_state_dict({key.removeprefix(prefix): torch.from_numpy(value) for key, value in weights(name).items()})
    return model


def weights(name: str) -> dict[str, np.ndarray]:
    """Float32 arrays by the names that both layouts of transformers come from, in alphabetical order."""
    return {key: _array(key, shape, place) for place, (key, shape) in enumerate(sorted(_shapes(name).items()))}


def _array(key: str, shape: tuple[int, ...], place: int) -> np.ndarray:
    index = np.arange(math.prod(shape), dtype=np.float64)
    scattered = np.abs(np.sin((index + 1) * 12.9898 + (place + 1) * 78.233)) * 43758.5453
    w = 2 * (scattered - np.floor(scattered)) - 1
    if "embedding" in key:
        w = w * (1.0 if "token" in key else 0.3)
    elif "layer_norm" in key:
        w = 1 + 0.2 * w if key.endswith("weight") else (0.25 + 0.1 * w if "final" in key else 0.1 * w)
    elif key.endswith("bias"):
        w = 0.1 * w + (0.1 if "fc2" in key else 0.0)
    else:
        w = w * math.sqrt(3.0 / shape[1])
    return w.reshape(shape).astype(np.float32)


def _shapes(name: str) -> dict[str, tuple[int, ...]]:
    width, inner = int(SIZES[name]["hidden_size"]), int(SIZES[name]["intermediate_size"])
    shapes: dict[str, tuple[int, ...]] = {
        "text_model.embeddings.token_embedding.weight": (VOCABULARY, width),
        "text_model.embeddings.position_embedding.weight": (LENGTH, width),
        "text_model.final_layer_norm.weight": (width,),
        "text_model.final_layer_norm.bias": (width,),
    }
    for layer in range(LAYERS):
        block = f"text_model.encoder.layers.{layer}."
        for part in ("q_proj", "k_proj", "v_proj", "out_proj"):
            shapes |= {f"{block}self_attn.{part}.weight": (width, width), f"{block}self_attn.{part}.bias": (width,)}
        shapes |= {f"{block}mlp.fc1.weight": (inner, width), f"{block}mlp.fc1.bias": (inner,)}
        shapes |= {f"{block}mlp.fc2.weight": (width, inner), f"{block}mlp.fc2.bias": (width,)}
        for part in ("layer_norm1", "layer_norm2"):
            shapes |= {f"{block}{part}.weight": (width,), f"{block}{part}.bias": (width,)}
    return shapes | ({"text_projection.weight": (width, width)} if name == "g" else {})
