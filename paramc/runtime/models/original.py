"""Blueprints of the models in a single file of the original layout."""

import re
from collections.abc import Callable
from typing import Final, TypeAlias

import torch
from diffusers.loaders.single_file_utils import convert_wan_vae_to_diffusers
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from torch.nn import Identity, Module

from paramc.runtime.catalogue.header import Header
from paramc.runtime.models.bases import Base, Encoder, decoders
from paramc.runtime.models.blueprint import Blueprint
from paramc.runtime.models.empty import (
    TextModel,
    Vae,
    empty_language_model,
    empty_t5,
    empty_text_model,
    empty_unet,
    empty_vae,
)
from paramc.runtime.models.names import (
    Place,
    open_clip_name,
    open_clip_thirds,
    original_module,
    transformers_name,
    unet_modules,
    unet_name,
    vae_modules,
    vae_name,
)
from paramc.runtime.models.own import own_groups
from paramc.runtime.models.shapes import (
    Shapes,
    attentions,
    chatglm_config,
    decoder_config,
    diffusers_attentions,
    t5_config,
    text_config,
    unet_config,
    vae_config,
    vae_levels,
    wan_vae_config,
)

UNET: Final = "model.diffusion_model."
FIRST: Final = "input_blocks.0.0.weight"
VAE: Final = "first_stage_model."
CHATGLM: Final = "chatglm"
UMT5: Final = "umt5"  # the layout of a T5 whose layers each count positions for themselves
LAST_NORM: Final = "norm.weight"  # of a language model
NORM: Final = "bn."  # of an autoencoder whose latents are normed by what was measured in training (FLUX.2)
NORMED: Final = f"{NORM}running_mean"
INNER: Final = re.compile(r"^(encoder|decoder)\.(?=(post_)?quant_conv\.)")  # where its authors keep these convolutions
Naming: TypeAlias = Callable[[str], tuple[Place, ...]]


def shapes_of(header: Header, prefix: str) -> Shapes:
    """The shapes of what stands behind a prefix."""
    return Shapes({name: info.shape for name, info in header.tensors.items()}, prefix)


def unet_blueprint(header: Header, base: Base, dtype: torch.dtype) -> tuple[UNet2DConditionModel, Blueprint]:
    """The diffusion model of a checkpoint, or of a file with nothing else."""
    shapes = shapes_of(header, UNET if UNET + FIRST in header.tensors else "")
    if FIRST not in shapes:
        return _diffusers_unet(header, base, dtype)
    model = empty_unet({**unet_config(shapes, base), **own_groups(header)})
    modules = unet_modules(attentions(shapes))
    return model, _blueprint("UNet", model, shapes, lambda name: _one(unet_name(name, modules)), dtype)


def _diffusers_unet(header: Header, base: Base, dtype: torch.dtype) -> tuple[UNet2DConditionModel, Blueprint]:
    """The same by the names of diffusers, which tell as much as the original ones that belong to them."""
    shapes = shapes_of(header, "")
    attends = diffusers_attentions(shapes)
    modules = {name: original_module(name.rpartition(".")[0], attends) for name in shapes.names}
    old = {f"{module}.{name.rpartition('.')[2]}": shapes.of(name) for name, module in modules.items() if module}
    model = empty_unet({**unet_config(Shapes(old), base), **own_groups(header)})
    return model, _blueprint("UNet", model, shapes, lambda name: (Place(name),), dtype)


def vae_blueprint(header: Header, prefix: str, base: Base, dtype: torch.dtype) -> tuple[Vae, Blueprint]:
    """The autoencoder behind a prefix."""
    shapes = shapes_of(header, prefix)
    kind = "AutoencoderKLFlux2" if NORMED in shapes else "AutoencoderKL"
    model = empty_vae({**vae_config(shapes, base), **own_groups(header)}, kind)
    modules = vae_modules(vae_levels(shapes))

    def naming(name: str) -> tuple[Place, ...]:
        if name.startswith(NORM):
            return (Place(name),)
        return _one(vae_name(INNER.sub("", name), modules))

    return model, _blueprint("VAE", model, shapes, naming, dtype)


def wan_vae_blueprint(header: Header, dtype: torch.dtype) -> tuple[Vae, Blueprint]:
    """The autoencoder of Qwen-Image in a file of its own."""
    shapes = shapes_of(header, "")
    model = empty_vae(wan_vae_config(shapes), "AutoencoderKLQwenImage")
    own_names = {name: name for name in shapes.names}
    known: dict[str, str] = convert_wan_vae_to_diffusers(own_names)  # type: ignore[no-untyped-call]  # diffusers' has none
    places = {old: Place(new) for new, old in known.items()}
    return model, _blueprint("VAE", model, shapes, lambda name: _one(places.get(name)), dtype)


def text_blueprint(shapes: Shapes, encoder: Encoder, dtype: torch.dtype) -> tuple[TextModel, Blueprint]:
    """One text encoder behind a prefix."""
    if encoder.layout in ("t5", UMT5):
        t5 = empty_t5(t5_config(shapes), counts_everywhere=encoder.layout == UMT5)
        return t5, _blueprint("T5 text encoder", t5, shapes, t5_places, dtype)
    decoder = decoders().get(encoder.layout)
    if decoder is not None:
        config = chatglm_config if encoder.layout == CHATGLM else decoder_config
        language = empty_language_model(encoder.layout, config(shapes, decoder))
        if LAST_NORM not in shapes and encoder.layout != CHATGLM:  # cut off behind the last layer that is read
            language.register_module("norm", Identity())
        return language, _blueprint("text encoder", language, shapes, lambda name: (Place(name),), dtype)
    naming = open_clip_places if encoder.layout == "open_clip" else lambda name: _one(transformers_name(name))
    pairs = [(place, shapes.of(name)) for name in shapes.names for place in naming(name)]
    renamed = Shapes({place.name: shape[::-1] if place.turned else shape for place, shape in pairs})
    model = empty_text_model(text_config(renamed, encoder), projects=encoder.projects)
    prefix = "text_model." if encoder.projects else ""
    return model, _blueprint("text encoder", model, shapes, lambda name: _moved(naming(name), prefix), dtype)


def t5_places(name: str) -> tuple[Place, ...]:
    """The places of a tensor of a T5 encoder, whose words the model knows by two names."""
    return (Place(name), Place("encoder.embed_tokens.weight")) if name == "shared.weight" else (Place(name),)


def open_clip_places(name: str) -> tuple[Place, ...]:
    """The places of a tensor of a text encoder in the layout of OpenCLIP; three for one that holds three."""
    return open_clip_thirds(name) or _one(open_clip_name(name))


def _moved(places: tuple[Place, ...], prefix: str) -> tuple[Place, ...]:
    """The places under the name that the encoder has inside a model with a projection."""
    outside = "text_projection.weight"
    return tuple(place if place.name == outside else place._replace(name=prefix + place.name) for place in places)


def _blueprint(title: str, model: Module, shapes: Shapes, naming: Naming, dtype: torch.dtype) -> Blueprint:
    """A model with the places of those tensors of the file that it has a use for."""
    wanted = model.state_dict().keys()
    places = {
        shapes.prefix + name: found
        for name in shapes.names
        if (found := tuple(place for place in naming(name) if place.name in wanted))
    }
    return Blueprint(title, model, places, dtype)


def _one(place: Place | None) -> tuple[Place, ...]:
    return () if place is None else (place,)
