"""Parts of tiny pipelines, with random weights: tokenisers, text encoders, a VAE, a scheduler."""

import bz2
import json
from pathlib import Path

from diffusers import AutoencoderKL, EulerDiscreteScheduler
from transformers import CLIPTextConfig, CLIPTokenizer, T5Config, T5EncoderModel, T5Tokenizer

import paramc.runtime.text
from paramc.runtime.text.t5 import tokeniser

WORDS = ("cat", "dog", "photo", "of", "a", "bad", "quality")


_MERGES: list[tuple[str, str]] = []  # merges in place of those of a few words


def know_every_word(*, wanted: bool) -> None:
    """Whether tokenisers made from now on know every word, or a few."""
    _MERGES[:] = every_merge() if wanted else ()


def every_merge() -> list[tuple[str, str]]:
    packed = Path(paramc.runtime.text.__file__).parent / "merges.txt.bz2"
    lines = bz2.decompress(packed.read_bytes()).decode().split("\n")
    return [(first, second) for first, second in (line.split(" ") for line in lines)]


def clip_tokenizer(pad: str = "<|endoftext|>") -> CLIPTokenizer:
    codes = [*range(33, 127), *range(161, 173), *range(174, 256)]
    symbols = [chr(code) for code in codes] + [chr(256 + n) for n in range(256 - len(codes))]
    merges: list[tuple[str, str]] = []
    for word in WORDS:
        parts = [*word[:-1], f"{word[-1]}</w>"]
        while len(parts) > 1:
            merges.append((parts[0], parts[1]))
            parts = [parts[0] + parts[1], *parts[2:]]
    merges = _MERGES or list(dict.fromkeys(merges))
    tokens = [*symbols, *(f"{symbol}</w>" for symbol in symbols), *("".join(pair) for pair in merges)]
    tokens = [*dict.fromkeys(tokens), "<|startoftext|>", "<|endoftext|>"]
    vocabulary = {token: number for number, token in enumerate(tokens)}
    return CLIPTokenizer(vocab=vocabulary, merges=merges, model_max_length=77, pad_token=pad)


def clip_config(tokenizer: CLIPTokenizer, width: int = 32) -> CLIPTextConfig:
    return CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=width,
        intermediate_size=37,
        num_hidden_layers=4,
        num_attention_heads=4,
        max_position_embeddings=77,
        hidden_act="quick_gelu",
        projection_dim=32,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )


def t5_tokenizer() -> T5Tokenizer:
    if _MERGES:
        known = json.loads(tokeniser().to_str())["model"]["vocab"]
        return T5Tokenizer(vocab=[(piece, score) for piece, score in known], extra_ids=100, model_max_length=512)
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -2.0)]
    pieces += [(f"▁{word}", -3.0) for word in WORDS]
    pieces += [(chr(code), -5.0) for code in range(33, 127) if chr(code) not in dict(pieces)]
    return T5Tokenizer(vocab=pieces, extra_ids=0, model_max_length=512)


def t5(width: int) -> T5EncoderModel:
    config = T5Config(
        vocab_size=32128 if _MERGES else 120, d_model=width, d_kv=8, d_ff=37, num_layers=2, num_heads=4, feed_forward_proj="gated-gelu",
        tie_word_embeddings=False,
    )  # fmt: skip
    return T5EncoderModel(config)


def vae(channels: int = 4, **more: object) -> AutoencoderKL:
    return AutoencoderKL(
        block_out_channels=[8, 8, 16, 16],
        down_block_types=["DownEncoderBlock2D"] * 4,
        up_block_types=["UpDecoderBlock2D"] * 4,
        norm_num_groups=4,
        layers_per_block=1,
        latent_channels=channels,
        **more,
    )


def flow_vae(shift: float = 0.1159, scale: float = 0.3611) -> AutoencoderKL:
    return vae(16, shift_factor=shift, scaling_factor=scale, use_quant_conv=False, use_post_quant_conv=False)


def scheduler() -> EulerDiscreteScheduler:
    return EulerDiscreteScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", timestep_spacing="leading", steps_offset=1
    )
