"""Model files written byte by byte, with shapes but no meaning."""

import json
import math
from collections.abc import Mapping
from pathlib import Path

Shape = tuple[int, ...]
UNET = "model.diffusion_model."
ATTENDED = "input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight"


def header_of(shapes: Mapping[str, Shape], metadata: Mapping[str, str] | None = None) -> bytes:
    """A safetensors header of float16 tensors, in order."""
    table: dict[str, object] = {"__metadata__": dict(metadata)} if metadata else {}
    end = 0
    for name, shape in shapes.items():
        start, end = end, end + 2 * math.prod(shape)
        table[name] = {"dtype": "F16", "shape": list(shape), "data_offsets": [start, end]}
    text = json.dumps(table).encode()
    return len(text).to_bytes(8, "little") + text


def write(
    path: Path, shapes: Mapping[str, Shape], *, metadata: Mapping[str, str] | None = None, fill: bytes = b"\0"
) -> Path:
    """A safetensors file whose data is one byte, repeated."""
    path.parent.mkdir(parents=True, exist_ok=True)
    size = sum(2 * math.prod(shape) for shape in shapes.values())
    path.write_bytes(header_of(shapes, metadata) + fill * size)
    return path


SD1 = {UNET + "input_blocks.0.0.weight": (8, 4, 3, 3), UNET + ATTENDED: (8, 768)}
LORA = {
    "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn2_to_k.lora_down.weight": (4, 768),
    "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn2_to_k.lora_up.weight": (8, 4),
}
VAE = {"decoder.conv_in.weight": (8, 4, 3, 3), "decoder.mid.block_1.conv1.weight": (8, 8, 3, 3)}
EMBEDDING = {"emb_params": (2, 768)}
