"""Checkpoints of Sana and Kolors in their authors' layouts: few and narrow layers, and tokenisers of single letters."""

import struct
from pathlib import Path

from torch import Tensor

from tests.unit.runtime_execute.families import UNET
from tests.unit.runtime_execute.newest import language_shapes, write_tokeniser
from tests.unit.runtime_models.tiny import (
    Shapes,
    Unet,
    conv,
    filled,
    linear,
    norm,
    save,
    under,
    unet_shapes,
    vae_shapes,
)

GLM = "text_encoders.chatglm3.transformer."
GEMMA = "text_encoders.gemma2_2b.transformer.model."
SIDES = (32, 32, 32, 64, 64, 64)  # channels of the autoencoder's levels


def sana_shapes(width: int = 64, text: int = 64, *, normed: bool = False, patches: int = 1024) -> Shapes:
    """Two blocks. `normed`: queries and keys are (Sana 1.5). `y_embedding` is for training alone."""
    shapes = conv("x_embedder.proj", width, 32, 1) | {"pos_embed": (1, patches, width)}
    shapes |= linear("t_embedder.mlp.0", width, 256) | linear("t_embedder.mlp.2", width, width)
    shapes |= linear("t_block.1", 6 * width, width) | {"y_embedder.y_embedding": (300, text)}
    shapes |= linear("y_embedder.y_proj.fc1", width, text) | linear("y_embedder.y_proj.fc2", width, width)
    shapes["attention_y_norm.weight"] = (width,)
    inner = int(2.5 * width)
    for layer in range(2):
        block = f"blocks.{layer}"
        shapes |= {f"{block}.scale_shift_table": (6, width)} | linear(f"{block}.attn.qkv", 3 * width, width, bias=False)
        shapes |= linear(f"{block}.attn.proj", width, width) | linear(f"{block}.cross_attn.q_linear", width, width)
        shapes |= linear(f"{block}.cross_attn.kv_linear", 2 * width, width)
        shapes |= linear(f"{block}.cross_attn.proj", width, width)
        shapes |= conv(f"{block}.mlp.inverted_conv.conv", 2 * inner, width, 1)
        shapes |= conv(f"{block}.mlp.depth_conv.conv", 2 * inner, 1)
        shapes[f"{block}.mlp.point_conv.conv.weight"] = (width, inner, 1, 1)
        for part in ("attn.q", "attn.k", "cross_attn.q", "cross_attn.k") if normed else ():
            shapes[f"{block}.{part}_norm.weight"] = (width,)
    return shapes | linear("final_layer.linear", 32, width) | {"final_layer.scale_shift_table": (2, width)}


def deep_block(name: str, width: int, *, attends: bool) -> Shapes:
    if not attends:
        shapes = conv(f"{name}.main.conv1.conv", width, width) | norm(f"{name}.main.conv2.norm", width)
        return shapes | {f"{name}.main.conv2.conv.weight": (width, width, 3, 3)}
    inside, local = f"{name}.context_module.main", f"{name}.local_module.main"
    shapes = {f"{inside}.qkv.conv.weight": (3 * width, width, 1, 1)}
    shapes |= {
        f"{inside}.aggreg.0.0.weight": (3 * width, 1, 5, 5),
        f"{inside}.aggreg.0.1.weight": (3 * width, 32, 1, 1),
    }
    shapes |= {f"{inside}.proj.conv.weight": (width, 2 * width, 1, 1)} | norm(f"{inside}.proj.norm", width)
    shapes |= conv(f"{local}.inverted_conv.conv", 8 * width, width, 1) | conv(f"{local}.depth_conv.conv", 8 * width, 1)
    return (
        shapes | {f"{local}.point_conv.conv.weight": (width, 4 * width, 1, 1)} | norm(f"{local}.point_conv.norm", width)
    )


def deep_vae_shapes() -> Shapes:
    """An autoencoder of 32 pixels a cell; attention in the lower half."""
    first, last = SIDES[0], SIDES[-1]
    shapes = conv("encoder.project_in.conv", first, 3) | conv("encoder.project_out.main.op_list.0.conv", 32, last)
    shapes |= conv("decoder.project_in.main.conv", last, 32)
    shapes |= norm("decoder.project_out.op_list.0", first) | conv("decoder.project_out.op_list.2.conv", 3, first)
    for level, width in enumerate(SIDES):
        down, up = f"encoder.stages.{level}.op_list", f"decoder.stages.{level}.op_list"
        lower = SIDES[level + 1] if level < len(SIDES) - 1 else 0
        shapes |= deep_block(f"{down}.0", width, attends=level > 2)
        shapes |= deep_block(f"{up}.{int(lower > 0)}", width, attends=level > 2)
        if lower:
            shapes |= conv(f"{down}.1.main.conv", lower, width) | conv(f"{up}.0.main.conv.conv", width, lower)
    return shapes


def sana_tensors(shapes: Shapes) -> dict[str, Tensor]:
    return {name: tensor / 2 for name, tensor in filled(shapes).items()}


def sana_file(path: Path, *, normed: bool = False) -> Path:
    """With all of its parts, and its tokeniser beside it."""
    parts = {UNET: sana_shapes(normed=normed), "vae.": deep_vae_shapes(), GEMMA: language_shapes("gemma2")}
    write_tokeniser(path.with_suffix(".tokenizer.json"))
    shapes = {name: shape for prefix in parts for name, shape in under(prefix, parts[prefix]).items()}
    return save(path, sana_tensors(shapes), {})


KOLORS = Unet(widths=(32, 64, 64), depths=(0, 2, 3), middle=3, text=64, linear=True, sizes=256 + 6 * 256)
GLM_WORDS = 64  # of its tokeniser's file
GLM_ALL = 80  # with those behind them, and room


def glm_shapes(width: int = 256, layers: int = 2) -> Shapes:
    """Two heads of queries, one of keys and values; and what only writes."""
    shapes: Shapes = {"embedding.word_embeddings.weight": (GLM_ALL, width), "rotary_pos_emb.inv_freq": (32,)}
    for layer in range(layers):
        block = f"encoder.layers.{layer}"
        shapes |= {f"{block}.{name}_layernorm.weight": (width,) for name in ("input", "post_attention")}
        shapes |= linear(f"{block}.self_attention.query_key_value", 4 * 128, width)
        shapes |= linear(f"{block}.self_attention.dense", width, 2 * 128, bias=False)
        shapes |= linear(f"{block}.mlp.dense_h_to_4h", 2 * 96, width, bias=False)
        shapes |= linear(f"{block}.mlp.dense_4h_to_h", width, 96, bias=False)
    return shapes | {"encoder.final_layernorm.weight": (width,), "output_layer.weight": (GLM_ALL, width)}


def kolors_shapes() -> Shapes:
    return unet_shapes(KOLORS) | linear("encoder_hid_proj", 64, 256)


def kolors_file(path: Path) -> Path:
    """With all of its parts, and its tokeniser beside it."""
    parts = {UNET: kolors_shapes(), "first_stage_model.": vae_shapes(), GLM: glm_shapes()}
    folder = path.with_suffix("")
    folder.mkdir()
    write_pieces(folder / "tokenizer.model")
    shapes = {name: shape for prefix in parts for name, shape in under(prefix, parts[prefix]).items()}
    return save(path, filled(shapes), {})


def message(*fields: tuple[int, int | bytes | float]) -> bytes:
    """Numbered fields, as protocol buffers write them."""
    return b"".join(field(number, value) for number, value in fields)


def field(number: int, value: float | bytes) -> bytes:
    match value:
        case bytes():
            return bytes([number % 16 << 3 | 2 | (128 if number > 15 else 0)]) + more(number) + size(len(value)) + value
        case int():
            return bytes([number % 16 << 3 | (128 if number > 15 else 0)]) + more(number) + size(value)
        case float():
            return bytes([number << 3 | 5]) + struct.pack("<f", value)


def more(number: int) -> bytes:
    """The rest of a field's number."""
    return bytes([number >> 4]) if number > 15 else b""


def size(value: int) -> bytes:
    return bytes([value]) if value < 128 else bytes([value % 128 | 128]) + size(value // 128)


PIECES = ("▁", *"abcdefghijklmnopqrstuvwxyz,.!", "▁a", "ca", "▁ca", "▁cat", "do", "▁do", "▁dog", "th", "▁th", "▁the")


def write_pieces(path: Path) -> None:
    """A file of SentencePiece that merges pairs: single letters, a few words, and all bytes."""
    pieces = [("<unk>", 0.0, 2), ("<s>", 0.0, 3), ("</s>", 0.0, 3)]
    pieces += [(piece, -float(number), 1) for number, piece in enumerate(PIECES)]
    pieces += [(f"{number:c}", -1000.0, 1) for number in range(0x4E00, 0x4E00 + GLM_WORDS - len(pieces))]
    said = [(1, message((1, text.encode()), (2, score), (3, kind))) for text, score, kind in pieces]
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(message(*said, (2, message((3, 2))), (3, message((3, 1), (4, 0)))))
