"""Language models in GGUF files: llama.cpp's names, turned heads and raised norms are undone."""

import struct
from collections.abc import Mapping
from pathlib import Path

import pytest

pytest.importorskip("torch")

import torch
from torch import Tensor

from paramc.runtime.catalogue.errors import ModelError
from paramc.runtime.catalogue.header import read_header
from paramc.runtime.catalogue.signs import identify
from paramc.runtime.models.tensors import open_tensors
from tests.unit.runtime_models.gguf_file import Stored, text, write_gguf

HEADS, KEYS, WIDTH = 4, 2, 64
STEM = {"token_embd": "embed_tokens", "output_norm": "norm"}
LLAMA = {
    "attn_norm": "input_layernorm", "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj", "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj",
}  # fmt: skip
GEMMA = LLAMA | {
    "post_attention_norm": "post_attention_layernorm", "ffn_norm": "pre_feedforward_layernorm",
    "post_ffw_norm": "post_feedforward_layernorm",
}  # fmt: skip
NAMES = {"llama": LLAMA, "mistral3": LLAMA, "gemma2": GEMMA}


def weights(program: str) -> dict[str, tuple[str, Tensor]]:
    """The tensors of two layers by their names in the file, each with its name in transformers."""
    own = {f"{mine}.weight": f"model.{theirs}.weight" for mine, theirs in STEM.items()}
    for layer in range(2):
        own |= {f"blk.{layer}.{m}.weight": f"model.layers.{layer}.{t}.weight" for m, t in NAMES[program].items()}
    random = torch.Generator().manual_seed(1)
    rows = {"attn_k": KEYS * WIDTH // HEADS}
    return {
        mine: (
            theirs,
            torch.randn(
                (WIDTH,) if "norm" in mine else (rows.get(mine.split(".")[-2], WIDTH), WIDTH), generator=random
            ),
        )
        for mine, theirs in own.items()
    }


def converted(program: str, name: str, values: Tensor) -> Tensor:
    """As llama.cpp's converter changes a tensor before it writes it."""
    if program == "gemma2":
        return values + 1 if name.endswith("norm.weight") else values
    heads = {"attn_q": HEADS, "attn_k": KEYS}.get(name.split(".")[-2])
    if heads is None:
        return values
    return values.reshape(heads, 2, len(values) // heads // 2, -1).swapaxes(1, 2).reshape(values.shape)


def rounded(values: Tensor) -> tuple[bytes, Tensor]:
    """Q8_0 by its definition, blocks of 32 in a row: a float16 scale and 32 whole numbers; and what it stands for."""
    blocks = values.reshape(-1, 32)
    scale = (blocks.abs().amax(1, keepdim=True) / 127).half()
    whole = (blocks / scale.float()).round().clamp(-127, 127).to(torch.int8)
    stored = torch.cat([scale.view(torch.uint8), whole.view(torch.uint8)], dim=1)
    return stored.numpy().tobytes(), (whole.float() * scale.float()).reshape(values.shape)


def stored(kind: str, values: Tensor) -> Stored:
    if kind == "Q8_0" and values.ndim > 1:
        return kind, values.shape, rounded(values)[0]
    return (
        ("F16" if kind == "F16" and values.ndim > 1 else "F32"),
        values.shape,
        (values.half() if kind == "F16" and values.ndim > 1 else values).numpy().tobytes(),
    )


def heads_of(program: str) -> bytes:
    pairs: Mapping[str, int] = {"head_count": HEADS, "head_count_kv": KEYS}
    return b"".join(text(f"{program}.attention.{key}") + struct.pack("<II", 4, count) for key, count in pairs.items())


@pytest.mark.parametrize("kind", ["F32", "F16", "Q8_0"])
@pytest.mark.parametrize("program", NAMES)
def test_a_language_model_comes_back_under_its_own_names(program: str, kind: str, tmp_path: Path) -> None:
    whole = weights(program)
    file = {mine: stored(kind, converted(program, mine, values)) for mine, (_, values) in whole.items()}
    path = write_gguf(tmp_path / "encoder.gguf", file, program, heads_of(program), 2)
    assert identify(read_header(path)).kind == "text_encoder"
    with open_tensors(path) as tensors:
        assert {*tensors.header.tensors} == {theirs for theirs, _ in whole.values()}
        for theirs, values in whole.values():
            wanted = values
            if values.ndim > 1 and kind != "F32":
                wanted = values.half().float() if kind == "F16" else rounded(values)[1]
            assert (tensors.read(theirs).float() - wanted).abs().max() <= 1e-6


def test_a_model_that_hides_its_heads_is_damaged(tmp_path: Path) -> None:
    values = torch.zeros(WIDTH, WIDTH)
    path = write_gguf(tmp_path / "encoder.gguf", {"blk.0.attn_q.weight": stored("F32", values)}, "llama")
    with pytest.raises(ModelError, match="how many heads"):
        read_header(path)


def test_heads_that_do_not_fit_the_rows_are_damage(tmp_path: Path) -> None:
    entry = text("llama.attention.head_count") + struct.pack("<II", 4, 7)
    values = torch.zeros(WIDTH, WIDTH)
    path = write_gguf(tmp_path / "encoder.gguf", {"blk.0.attn_q.weight": stored("F32", values)}, "llama", entry, 1)
    with open_tensors(path) as tensors, pytest.raises(ModelError, match="another size"):
        tensors.read("model.layers.0.self_attn.q_proj.weight")
