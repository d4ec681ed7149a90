"""Diffusion transformers: diffusers' classes by name, empty ones, and blueprints for their authors' files."""

import warnings
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, TypeAlias, cast, get_args

import torch
from diffusers.models.normalization import AdaLayerNormContinuous
from diffusers.models.transformers.auraflow_transformer_2d import AuraFlowPreFinalBlock, AuraFlowTransformer2DModel
from diffusers.models.transformers.transformer_chroma import (
    ChromaCombinedTimestepTextProjEmbeddings,
    ChromaTransformer2DModel,
)
from diffusers.models.transformers.transformer_flux import FluxTransformer2DModel
from diffusers.models.transformers.transformer_flux2 import Flux2Transformer2DModel
from diffusers.models.transformers.transformer_lumina2 import Lumina2RotaryPosEmbed, Lumina2Transformer2DModel
from diffusers.models.transformers.transformer_qwenimage import QwenEmbedRope, QwenImageTransformer2DModel
from diffusers.models.transformers.transformer_sd3 import SD3Transformer2DModel
from diffusers.models.transformers.transformer_z_image import ZImageTransformer2DModel
from torch import Tensor

from paramc.diagnostics.codes import diagnose
from paramc.runtime.catalogue.errors import ModelError
from paramc.runtime.catalogue.header import Header
from paramc.runtime.models.architectures import architecture_of, configuration, places
from paramc.runtime.models.blueprint import Blueprint
from paramc.runtime.models.shapes import Shapes

Transformer: TypeAlias = (
    FluxTransformer2DModel
    | SD3Transformer2DModel
    | ChromaTransformer2DModel
    | ZImageTransformer2DModel
    | QwenImageTransformer2DModel
    | Lumina2Transformer2DModel
    | Flux2Transformer2DModel
    | AuraFlowTransformer2DModel
)

CLASSES: Final[Mapping[str, type[Transformer]]] = MappingProxyType(
    {kind.__name__: kind for kind in cast("tuple[type[Transformer], ...]", get_args(Transformer))}
)
NF4: Final = ".quant_state.bitsandbytes__"  # in names of what 4-bit weights are put together with
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
        case _:
            pass


def transformer_blueprint(header: Header, base: str, dtype: torch.dtype) -> tuple[Transformer, Blueprint]:
    """The diffusion model of a file.

    Raises ModelError for a layout that no row of architectures.toml has, and for weights in 4 bits (PC583).
    """
    if any(NF4 in name for name in header.tensors):
        raise ModelError(diagnose("PC583", file=header.path, format="nf4"))
    found = architecture_of(base, header.tensors)
    if found is None:
        raise ModelError(diagnose("PC525", file=header.path, found="an unknown layout", wanted="a checkpoint"))
    row, prefix = found
    shapes = Shapes({name: info.shape for name, info in header.tensors.items()}, prefix)
    model = empty_transformer(row.model, configuration(row, shapes))
    wanted = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    scale_first = frozenset(f"{name}.linear" for name, part in model.named_modules() if isinstance(part, SCALE_FIRST))
    found_places = {prefix + name: tuple(places(row, name, wanted, scale_first)) for name in shapes.names}
    return model, Blueprint(TITLE, model, {name: place for name, place in found_places.items() if place}, dtype)
