"""Autoencoders of 32 pixels a cell (DC-AE, Sana's), in the layout of their authors and in that of diffusers."""

import re
from typing import Final, NamedTuple

import torch

from paramc.runtime.catalogue.header import Header
from paramc.runtime.models.bases import Base
from paramc.runtime.models.blueprint import Blueprint
from paramc.runtime.models.empty import Vae, empty_vae
from paramc.runtime.models.fitting import fitting
from paramc.runtime.models.names import Place, deep_vae_name
from paramc.runtime.models.original import shapes_of
from paramc.runtime.models.shapes import Config, Shapes

QKV: Final = ".to_qkv."  # what holds queries, keys and values in one
PARTS: Final = (".to_q.", ".to_k.", ".to_v.")
SIGN: Final = re.compile(r"\.down_blocks\.\d+\.\d+\.(conv_out\.)?norm\.weight$")  # a block of the encoder


class Level(NamedTuple):
    """Blocks of one width. looks: the size of what its attention looks at besides single cells, if it has any."""

    layers: int
    width: int
    looks: int

    @property
    def kind(self) -> str:
        """The class of its blocks."""
        return "EfficientViTBlock" if self.looks else "ResBlock"


def is_deep(header: Header, prefix: str = "") -> bool:
    """Whether there is such an autoencoder behind a prefix."""
    return any(
        SIGN.search(deep_vae_name(name.removeprefix(prefix)))
        for name in header.tensors
        if name.startswith(f"{prefix}encoder.")
    )


def deep_vae_blueprint(header: Header, prefix: str, base: Base, dtype: torch.dtype) -> tuple[Vae, Blueprint]:
    """The autoencoder behind a prefix. Raises ModelError (PC521) where its parts do not go together."""
    shapes = shapes_of(header, prefix)
    places = {name: _places(name) for name in shapes.names}
    known = {place.name: shapes.of(name) for name, found in places.items() for place in found}
    with fitting(header.path):
        model = empty_vae(deep_vae_config(Shapes(known), base), "AutoencoderDC")
    wanted = model.state_dict().keys()
    found = {prefix + name: own for name, own in places.items() if all(place.name in wanted for place in own)}
    return model, Blueprint("VAE", model, found, dtype)


def _places(name: str) -> tuple[Place, ...]:
    known = deep_vae_name(name)
    if QKV in known:
        return tuple(Place(known.replace(QKV, each), part) for part, each in enumerate(PARTS))
    return (Place(known),)


def deep_vae_config(vae: Shapes, base: Base) -> Config:
    """The configuration, by the names that diffusers gives."""
    down, up = (_levels(vae, f"{side}_blocks") for side in ("encoder.down", "decoder.up"))
    lower = vae.size(f"encoder.down_blocks.0.{down[0].layers}.conv.weight")
    upper = vae.size("decoder.up_blocks.0.0.conv.weight")
    return {
        "in_channels": vae.size("encoder.conv_in.weight", 1),
        "latent_channels": vae.size("decoder.conv_in.weight", 1),
        "encoder_block_types": tuple(level.kind for level in down),
        "decoder_block_types": tuple(level.kind for level in up),
        "encoder_block_out_channels": tuple(level.width for level in down),
        "decoder_block_out_channels": tuple(level.width for level in up),
        "encoder_layers_per_block": tuple(level.layers for level in down),
        "decoder_layers_per_block": tuple(level.layers for level in up),
        "encoder_qkv_multiscales": tuple((level.looks,) if level.looks else () for level in down),
        "decoder_qkv_multiscales": tuple((level.looks,) if level.looks else () for level in up),
        "downsample_block_type": "Conv" if lower == down[1].width else "pixel_unshuffle",
        "upsample_block_type": "interpolate" if upper == up[0].width else "pixel_shuffle",
        "scaling_factor": base.scaling_factor,
    }


def _levels(vae: Shapes, side: str) -> tuple[Level, ...]:
    pattern = re.compile(rf"{re.escape(side)}\.(\d+)\.\d+\.(?:conv_out\.)?norm\.weight")
    blocks = [(int(found[1]), vae.size(found[0])) for found in map(pattern.fullmatch, vae.names) if found]
    widths = dict(blocks)
    return tuple(
        Level(sum(level == each for each, _ in blocks), widths[level], _looks(vae, f"{side}.{level}."))
        for level in sorted(widths)
    )


def _looks(vae: Shapes, level: str) -> int:
    scales = (name for name in vae.names if name.startswith(level) and name.endswith("multiscale.0.proj_in.weight"))
    return max((vae.size(name, 2) for name in scales), default=0)
