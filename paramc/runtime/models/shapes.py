"""Configurations of models, read off the shapes of their tensors."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from paramc.runtime.models.bases import Base, Decoder, Encoder
from paramc.runtime.models.names import LAYERS

HEAD: Final = 64  # channels of an attention head, where the number of heads is not fixed
TIME: Final = 256  # channels of each size in the conditioning of SDXL
Setting: TypeAlias = "str | int | float | bool | tuple[int, ...] | tuple[str, ...] | tuple[tuple[int, ...], ...] | None"
Config: TypeAlias = dict[str, Setting]


@dataclass(frozen=True, slots=True)
class Shapes:
    """The shapes of the tensors behind a prefix."""

    all: Mapping[str, tuple[int, ...]]
    prefix: str = ""

    def __contains__(self, name: object) -> bool:
        return f"{self.prefix}{name}" in self.all

    def of(self, name: str) -> tuple[int, ...]:
        """The shape of a tensor; empty for one that is not there."""
        return self.all.get(self.prefix + name, ())

    def size(self, name: str, dimension: int = 0) -> int:
        """One size of a tensor; 0 for one that is not there."""
        shape = self.of(name)
        return shape[dimension] if dimension < len(shape) else 0

    def count(self, pattern: str) -> int:
        """How many there are of a numbered thing: `pattern` has `{}` for the number, counted from 0."""
        number = 0
        while pattern.format(number) in self:
            number += 1
        return number

    @property
    def names(self) -> tuple[str, ...]:
        """The names behind the prefix."""
        return tuple(name.removeprefix(self.prefix) for name in self.all if name.startswith(self.prefix))


def attentions(unet: Shapes) -> tuple[bool, ...]:
    """The levels of an original UNet, True for those with attention."""
    return tuple(f"input_blocks.{block}.1.norm.weight" in unet for block in _first_blocks(unet))


def diffusers_attentions(unet: Shapes) -> tuple[bool, ...]:
    """The same by the names of diffusers."""
    levels = unet.count("down_blocks.{}.resnets.0.conv1.weight")
    return tuple(f"down_blocks.{level}.attentions.0.norm.weight" in unet for level in range(levels))


def _first_blocks(unet: Shapes) -> range:
    """The first block of each level; between two levels stands a block without a resnet."""
    level = 0
    while f"input_blocks.{1 + level * (LAYERS + 1)}.0.out_layers.3.weight" in unet:
        level += 1
    return range(1, 1 + level * (LAYERS + 1), LAYERS + 1)


def unet_config(unet: Shapes, base: Base) -> Config:
    """The configuration of a UNet in the original layout."""
    firsts, attends = _first_blocks(unet), attentions(unet)
    widths = tuple(unet.size(f"input_blocks.{block}.0.out_layers.3.weight") for block in firsts)
    attended = next((block for block, has in zip(firsts, attends, strict=True) if has), 1)
    down = tuple("CrossAttnDownBlock2D" if has else "DownBlock2D" for has in attends)
    up = tuple("CrossAttnUpBlock2D" if has else "UpBlock2D" for has in reversed(attends))
    config: Config = {
        "in_channels": unet.size("input_blocks.0.0.weight", 1),
        "out_channels": unet.size("out.2.weight"),
        "block_out_channels": widths,
        "layers_per_block": LAYERS,
        "down_block_types": down,
        "up_block_types": up,
        "cross_attention_dim": unet.size(f"input_blocks.{attended}.1.transformer_blocks.0.attn2.to_k.weight", 1),
        "attention_head_dim": tuple(base.heads or max(1, width // HEAD) for width in widths),  # means their number
        "transformer_layers_per_block": _depths(unet),
        "use_linear_projection": len(unet.of(f"input_blocks.{attended}.1.proj_in.weight")) == 2,
        "upcast_attention": base.upcasts_attention,
    }
    return {**config, **_sizes(unet), **_projection(unet), **_guidance(unet)}


def _guidance(unet: Shapes) -> Config:
    """The conditioning on the guidance scale, where the model has one (latent consistency models)."""
    width = unet.size("time_embed.cond_proj.weight", 1)
    return {"time_cond_proj_dim": width} if width else {}


def _projection(unet: Shapes) -> Config:
    """What brings texts to another width first, where the model has it (Kolors)."""
    width = unet.size("encoder_hid_proj.weight", 1)
    return {"encoder_hid_dim": width, "encoder_hid_dim_type": "text_proj"} if width else {}


def _depths(unet: Shapes) -> tuple[int, ...]:
    """Transformer layers of each level; the middle block has as many as the last one, which may itself have none."""
    patterns = [f"input_blocks.{block}.1" for block in _first_blocks(unet)]
    middle = _depth(unet, "middle_block.1")
    return (*(_depth(unet, pattern) or 1 for pattern in patterns[:-1]), _depth(unet, patterns[-1]) or middle)


def _depth(unet: Shapes, module: str) -> int:
    return unet.count(module + ".transformer_blocks.{}.norm1.weight")


def _sizes(unet: Shapes) -> Config:
    """The conditioning on sizes, where the model has one."""
    width = unet.size("label_emb.0.0.weight", 1)
    if not width:
        return {}
    return {
        "addition_embed_type": "text_time",
        "addition_time_embed_dim": TIME,
        "projection_class_embeddings_input_dim": width,
    }


def vae_levels(vae: Shapes) -> int:
    """Levels of an autoencoder in the original layout."""
    return vae.count("encoder.down.{}.block.0.conv1.weight")


def vae_config(vae: Shapes, base: Base) -> Config:
    """The configuration of an autoencoder in the original layout."""
    widths = tuple(vae.size(f"encoder.down.{level}.block.0.conv1.weight") for level in range(vae_levels(vae)))
    return _vae_config(vae, base, widths)


def _vae_config(vae: Shapes, base: Base, widths: tuple[int, ...]) -> Config:
    scale: Config = {"scaling_factor": base.scaling_factor, "shift_factor": base.shift_factor or None}
    return {
        "in_channels": vae.size("encoder.conv_in.weight", 1),
        "out_channels": vae.size("decoder.conv_out.weight"),
        "block_out_channels": widths,
        "down_block_types": ("DownEncoderBlock2D",) * len(widths),
        "up_block_types": ("UpDecoderBlock2D",) * len(widths),
        "layers_per_block": LAYERS,
        "latent_channels": vae.size("decoder.conv_in.weight", 1),
        "use_quant_conv": any(f"{place}quant_conv.weight" in vae for place in ("", "encoder.")),
        "use_post_quant_conv": any(f"{place}post_quant_conv.weight" in vae for place in ("", "decoder.")),
        **({} if "bn.running_mean" in vae else scale),
    }


def text_config(text: Shapes, encoder: Encoder) -> Config:
    """The configuration of a text encoder, by the names that transformers gives."""
    width = text.size("embeddings.token_embedding.weight", 1)
    layers = text.count("encoder.layers.{}.layer_norm1.weight") - encoder.drops
    projected = text.size("text_projection.weight") or width
    return {
        "vocab_size": text.size("embeddings.token_embedding.weight"),
        "hidden_size": width,
        "intermediate_size": text.size("encoder.layers.0.mlp.fc1.weight"),
        "num_hidden_layers": layers,
        "num_attention_heads": max(1, width // HEAD),
        "max_position_embeddings": text.size("embeddings.position_embedding.weight"),
        "hidden_act": encoder.activation,
        "projection_dim": projected,
        "bos_token_id": 0,
        "eos_token_id": 2,  # transformers then takes the pooled state where the largest id stands
        "pad_token_id": 1,
    }


def t5_config(text: Shapes) -> Config:
    """The configuration of a T5 encoder in the layout of transformers."""
    block = "encoder.block.0.layer.{}"
    attention = block.format("0.SelfAttention.")
    heads = text.size(attention + "relative_attention_bias.weight", 1)
    gated = block.format("1.DenseReluDense.wi_0.weight") in text
    return {
        "vocab_size": text.size("shared.weight"),
        "d_model": text.size("shared.weight", 1),
        "d_kv": text.size(attention + "q.weight") // max(heads, 1),
        "d_ff": text.size(block.format("1.DenseReluDense.wo.weight"), 1),
        "num_layers": text.count("encoder.block.{}.layer.0.SelfAttention.q.weight"),
        "num_heads": heads,
        "feed_forward_proj": "gated-gelu" if gated else "relu",
    }


def decoder_config(text: Shapes, row: Decoder) -> dict[str, object]:
    """The configuration of a language model in the layout of transformers."""
    attention = "layers.0.self_attn."
    head = text.size(f"{attention}q_norm.weight") or row.head or HEAD
    return {
        "vocab_size": text.size("embed_tokens.weight"),
        "hidden_size": text.size("embed_tokens.weight", 1),
        "intermediate_size": text.size("layers.0.mlp.gate_proj.weight"),
        "num_hidden_layers": text.count("layers.{}.self_attn.q_proj.weight"),
        "num_attention_heads": text.size(f"{attention}q_proj.weight") // head,
        "num_key_value_heads": text.size(f"{attention}k_proj.weight") // head,
        "head_dim": head,
        "query_pre_attn_scalar": head,
        "rms_norm_eps": row.epsilon,
        "rope_parameters": {"rope_type": "default", "rope_theta": row.theta, **row.rope},
    }


def chatglm_config(text: Shapes, row: Decoder) -> dict[str, object]:
    """The configuration of ChatGLM in its authors' layout."""
    layer = "encoder.layers.0."
    inner = text.size(f"{layer}self_attention.dense.weight", 1)
    return {
        "padded_vocab_size": text.size("embedding.word_embeddings.weight"),
        "hidden_size": text.size("embedding.word_embeddings.weight", 1),
        "ffn_hidden_size": text.size(f"{layer}mlp.dense_4h_to_h.weight", 1),
        "num_layers": text.count("encoder.layers.{}.input_layernorm.weight"),
        "num_attention_heads": inner // row.head,
        "kv_channels": row.head,
        "multi_query_group_num": (text.size(f"{layer}self_attention.query_key_value.weight") - inner) // row.head // 2,
        "layernorm_epsilon": row.epsilon,
    }


def wan_vae_config(vae: Shapes) -> Config:
    """The configuration of Qwen-Image's autoencoder, which is made for films, in the layout of its authors."""
    return {"base_dim": vae.size("encoder.conv1.weight"), "z_dim": vae.size("decoder.conv1.weight", 1)}


def diffusers_film_config(vae: Shapes) -> Config:
    """The same by the names of diffusers."""
    return {"base_dim": vae.size("encoder.conv_in.weight"), "z_dim": vae.size("decoder.conv_in.weight", 1)}


def diffusers_vae_config(vae: Shapes, base: Base) -> Config:
    """The configuration of an autoencoder in the layout of diffusers."""
    levels = vae.count("encoder.down_blocks.{}.resnets.0.conv1.weight")
    widths = tuple(vae.size(f"encoder.down_blocks.{level}.resnets.0.conv1.weight") for level in range(levels))
    return _vae_config(vae, base, widths)
