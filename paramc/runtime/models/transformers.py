"""Diffusion transformers: diffusers' classes by name, empty ones, and blueprints for their authors' files."""

import warnings
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, TypeAlias, cast, get_args

import torch
from diffusers.models.embeddings import PatchEmbed, get_2d_sincos_pos_embed
from diffusers.models.normalization import AdaLayerNormContinuous
from diffusers.models.transformers.auraflow_transformer_2d import AuraFlowPreFinalBlock, AuraFlowTransformer2DModel
from diffusers.models.transformers.pixart_transformer_2d import PixArtTransformer2DModel
from diffusers.models.transformers.sana_transformer import SanaTransformer2DModel
from diffusers.models.transformers.transformer_chroma import (
    ChromaCombinedTimestepTextProjEmbeddings,
    ChromaTransformer2DModel,
)
from diffusers.models.transformers.transformer_flux import FluxTransformer2DModel
from diffusers.models.transformers.transformer_flux2 import Flux2Transformer2DModel
from diffusers.models.transformers.transformer_hidream_image import HiDreamImageTransformer2DModel
from diffusers.models.transformers.transformer_lumina2 import Lumina2RotaryPosEmbed, Lumina2Transformer2DModel
from diffusers.models.transformers.transformer_qwenimage import QwenEmbedRope, QwenImageTransformer2DModel
from diffusers.models.transformers.transformer_sd3 import SD3Transformer2DModel
from diffusers.models.transformers.transformer_z_image import ZImageTransformer2DModel
from torch import Tensor, nn

from paramc.diagnostics.codes import diagnose
from paramc.runtime.catalogue.errors import ModelError
from paramc.runtime.catalogue.header import Header
from paramc.runtime.models.architectures import architecture_of, by_authors, configuration, places
from paramc.runtime.models.blueprint import Blueprint
from paramc.runtime.models.names import Place
from paramc.runtime.models.original import shapes_of
from paramc.runtime.models.times import keep_times

Transformer: TypeAlias = (
    FluxTransformer2DModel
    | SD3Transformer2DModel
    | ChromaTransformer2DModel
    | ZImageTransformer2DModel
    | QwenImageTransformer2DModel
    | Lumina2Transformer2DModel
    | Flux2Transformer2DModel
    | AuraFlowTransformer2DModel
    | PixArtTransformer2DModel
    | HiDreamImageTransformer2DModel
    | SanaTransformer2DModel
)

CLASSES: Final[Mapping[str, type[Transformer]]] = MappingProxyType(
    {kind.__name__: kind for kind in cast("tuple[type[Transformer], ...]", get_args(Transformer))}
)
SCALE_FIRST: Final = (AdaLayerNormContinuous, AuraFlowPreFinalBlock)  # their authors have the shift first
LONGEST: Final = 1024  # positions on an axis, also for longer texts than a model was trained on
TITLE: Final = "diffusion transformer"


def empty_transformer(name: str, config: Mapping[str, object]) -> Transformer:
    """A model of the class without weights."""
    with torch.device("meta"), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "`FluxPosEmbed`", FutureWarning)  # inside diffusers
        model = cast(Transformer, CLASSES[name].from_config(dict(config)))
    _place(model)
    return model


def _place(model: Transformer) -> None:
    """Give a model the tables of positions and times that it makes for itself, and no file holds."""
    config = model.config
    match model:
        case ChromaTransformer2DModel():
            numbers = len(cast(Tensor, model.time_text_embed.mod_proj))
            channels = int(config["approximator_num_channels"]) // 4
            model.time_text_embed = ChromaCombinedTimestepTextProjEmbeddings(channels, numbers)
        case QwenImageTransformer2DModel():
            model.pos_embed = QwenEmbedRope(10000, list(config["axes_dims_rope"]), scale_rope=True)
        case Lumina2Transformer2DModel():
            lengths = [max(LONGEST, int(length)) for length in config["axes_lens"]]
            model.rope_embedder = Lumina2RotaryPosEmbed(10000, list(config["axes_dim_rope"]), lengths)
        case PixArtTransformer2DModel():
            _place_patches(model.pos_embed)
        case SanaTransformer2DModel() if model.config["interpolation_scale"] is not None:
            _place_patches(model.patch_embed)
        case _:
            pass
    keep_times(model)


def _place_patches(embedding: PatchEmbed) -> None:
    """The positions of patches, which are waves of the place in a picture of the size that the model was trained on."""
    table = get_2d_sincos_pos_embed(
        embedding.proj.out_channels,
        embedding.height,
        base_size=embedding.base_size,
        interpolation_scale=embedding.interpolation_scale,
        output_type="pt",
    )
    embedding.register_buffer("pos_embed", table.float()[None], persistent=False)


def scale_first(model: nn.Module) -> frozenset[str]:
    """Modules whose rows for the scale come before those for the shift, which the authors have the other way round."""
    return frozenset(f"{name}.linear" for name, part in model.named_modules() if isinstance(part, SCALE_FIRST))


def transformer_blueprint(header: Header, base: str, dtype: torch.dtype) -> tuple[Transformer, Blueprint]:
    """The diffusion model of a file.

    Raises ModelError for a layout that no row of architectures.toml has.
    """
    row, prefix = architecture_of(base, header.tensors)
    shapes = shapes_of(header, prefix)
    original = by_authors(row, shapes)
    if original is None and row.sign not in shapes:
        raise ModelError(diagnose("PC525", file=header.path, found="an unknown layout", wanted="a checkpoint"))
    model = empty_transformer(row.model, configuration(row, original or shapes))
    wanted = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    if original is not None:
        return model, Blueprint(TITLE, model, {prefix + name: (Place(name),) for name in wanted}, dtype)
    swapped = scale_first(model)
    found_places = {prefix + name: tuple(places(row, name, wanted, swapped)) for name in shapes.names}
    idle = {prefix + name for name in row.idle}
    known = {name: place for name, place in found_places.items() if place or name in idle}
    return model, Blueprint(TITLE, model, known, dtype)
