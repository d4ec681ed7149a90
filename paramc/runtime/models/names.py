"""Names in original files → names in diffusers and transformers."""

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

from paramc.tables import read_table, section

LAYERS: Final = 2  # resnets in a level of an encoder; one more in a level of a decoder
THIRDS: Final = ("q_proj", "k_proj", "v_proj")


class Place(NamedTuple):
    """Where a tensor goes. `part`: which third of it, None for all; `turned`: transposed.

    `rows`: which of its rows, [start, end); `swapped`: its second half goes first.
    """

    name: str
    part: int | None = None
    turned: bool = False
    rows: tuple[int, int] | None = None
    swapped: bool = False


def unet_modules(attentions: tuple[bool, ...]) -> dict[str, str]:
    """Modules of an original UNet with diffusers' names; `attentions`: which levels have it, widest picture first."""
    return {**_words("unet"), **dict(_down(attentions)), **dict(_up(attentions[::-1]))}


def _down(attentions: tuple[bool, ...]) -> Iterator[tuple[str, str]]:
    block = 1
    for level, attends in enumerate(attentions):
        for layer in range(LAYERS):
            yield f"input_blocks.{block}.0", f"down_blocks.{level}.resnets.{layer}"
            if attends:
                yield f"input_blocks.{block}.1", f"down_blocks.{level}.attentions.{layer}"
            block += 1
        if level < len(attentions) - 1:
            yield f"input_blocks.{block}.0.op", f"down_blocks.{level}.downsamplers.0.conv"
            block += 1


def _up(attentions: tuple[bool, ...]) -> Iterator[tuple[str, str]]:
    block = 0
    for level, attends in enumerate(attentions):
        for layer in range(LAYERS + 1):
            yield f"output_blocks.{block}.0", f"up_blocks.{level}.resnets.{layer}"
            if attends:
                yield f"output_blocks.{block}.1", f"up_blocks.{level}.attentions.{layer}"
            block += 1
        if level < len(attentions) - 1:
            yield f"output_blocks.{block - 1}.{1 + attends}.conv", f"up_blocks.{level}.upsamplers.0.conv"


def vae_modules(levels: int) -> dict[str, str]:
    """Modules of an original autoencoder with diffusers' names; its decoder counts the levels from the other end."""
    return {**_words("vae"), **dict(_vae_levels(levels))}


def _vae_levels(levels: int) -> Iterator[tuple[str, str]]:
    for level in range(levels):
        other = levels - 1 - level
        for layer in range(LAYERS):
            yield f"encoder.down.{level}.block.{layer}", f"encoder.down_blocks.{level}.resnets.{layer}"
        for layer in range(LAYERS + 1):
            yield f"decoder.up.{level}.block.{layer}", f"decoder.up_blocks.{other}.resnets.{layer}"
        yield f"encoder.down.{level}.downsample.conv", f"encoder.down_blocks.{level}.downsamplers.0.conv"
        yield f"decoder.up.{level}.upsample.conv", f"decoder.up_blocks.{other}.upsamplers.0.conv"


def original_module(name: str, attentions: tuple[bool, ...]) -> str | None:
    """What the original files call a module of diffusers' UNet."""
    pieces = name.split(".")
    modules = _inverse(attentions)
    for cut in range(len(pieces), 0, -1):
        module = modules.get(".".join(pieces[:cut]))
        if module is not None:
            rest = ".".join(pieces[cut:])
            inside = {known: word for word, known in _words("resnet").items()}
            return ".".join(filter(None, (module, inside.get(rest, rest) if ".resnets." in name else rest)))
    return None


def original_vae_module(name: str, levels: int) -> str:
    """What the original files call a module of diffusers' autoencoder."""
    pieces = name.split(".")
    modules = {known: module for module, known in vae_modules(levels).items()}
    inside = {known: word for word, known in _words("vae_inner").items()}
    for cut in range(len(pieces), 0, -1):
        module = modules.get(".".join(pieces[:cut]))
        if module is not None:
            rest = ".".join(pieces[cut:])
            return ".".join(filter(None, (module, inside.get(rest, rest))))
    return name


@cache
def _inverse(attentions: tuple[bool, ...]) -> dict[str, str]:
    return {known: module for module, known in unet_modules(attentions).items()}


def unet_name(name: str, modules: Mapping[str, str]) -> Place | None:
    """The place of a tensor of an original UNet."""
    return _renamed(name, modules, _words("resnet"), ".resnets.")


def vae_name(name: str, modules: Mapping[str, str]) -> Place | None:
    """The place of a tensor of an original autoencoder."""
    return _renamed(name, modules, _words("vae_inner"), "")


def deep_vae_name(name: str) -> str:
    """What diffusers calls a tensor of an autoencoder with 32 pixels a cell; its own names stay."""
    for piece, known in _words("deep_vae").items():
        name = name.replace(piece, known)
    return name


def _renamed(name: str, modules: Mapping[str, str], inner: Mapping[str, str], inside: str) -> Place | None:
    """The longest known module at the start of `name`, renamed; what follows it goes through `inner`."""
    pieces = name.split(".")
    for cut in range(len(pieces) - 1, 0, -1):
        module = modules.get(".".join(pieces[:cut]))
        if module is None:
            continue
        rest = ".".join(pieces[cut:-1])
        if rest and inside in module:
            rest = inner.get(rest, rest)
        return Place(".".join(filter(None, (module, rest, pieces[-1]))))
    return None


def transformers_name(name: str) -> Place | None:
    """The place of a tensor of a text encoder in the layout of transformers, old ones included."""
    bare = name.removeprefix("text_model.")
    return None if bare.endswith("position_ids") else Place(bare)


def open_clip_name(name: str) -> Place | None:
    """The place of a tensor of a text encoder in the layout of OpenCLIP."""
    match name:
        case "positional_embedding":
            return Place("embeddings.position_embedding.weight")
        case "text_projection":
            return Place(name + ".weight", turned=True)
        case "text_projection.weight":
            return Place(name)
    module, _, leaf = name.rpartition(".")
    if module in _words("open_clip"):
        return Place(f"{_words('open_clip')[module]}.{leaf}")
    pieces = module.removeprefix("transformer.").split(".", 2)
    if len(pieces) == 3 and pieces[0] == "resblocks" and pieces[2] in _words("open_clip_layer"):
        return Place(f"encoder.layers.{pieces[1]}.{_words('open_clip_layer')[pieces[2]]}.{leaf}")
    return None


def open_clip_thirds(name: str) -> tuple[Place, ...]:
    """The places of a tensor that holds query, key and value in one; empty for any other."""
    module, _, leaf = name.rpartition(".in_proj_")
    pieces = module.removeprefix("transformer.").split(".")
    if leaf not in ("weight", "bias") or len(pieces) != 3 or pieces[0] != "resblocks":
        return ()
    return tuple(
        Place(f"encoder.layers.{pieces[1]}.self_attn.{third}.{leaf}", part) for part, third in enumerate(THIRDS)
    )


@cache
def _words(name: str) -> Mapping[str, str]:
    path = Path(__file__).with_name("names.toml")
    return {key: str(value) for key, value in section(read_table(path), name, path).items()}
