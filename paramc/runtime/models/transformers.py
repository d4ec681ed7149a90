"""Diffusion transformers: diffusers' classes by name, empty ones, and blueprints for their authors' files."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, TypeAlias, cast

import torch
from diffusers.models.normalization import AdaLayerNormContinuous
from diffusers.models.transformers.transformer_flux import FluxTransformer2DModel
from diffusers.models.transformers.transformer_sd3 import SD3Transformer2DModel

from paramc.diagnostics.codes import diagnose
from paramc.runtime.catalogue.errors import ModelError
from paramc.runtime.catalogue.header import Header
from paramc.runtime.models.architectures import architecture_of, configuration, places
from paramc.runtime.models.blueprint import Blueprint
from paramc.runtime.models.shapes import Shapes

Transformer: TypeAlias = FluxTransformer2DModel | SD3Transformer2DModel

CLASSES: Final[Mapping[str, type[Transformer]]] = MappingProxyType(
    {"FluxTransformer2DModel": FluxTransformer2DModel, "SD3Transformer2DModel": SD3Transformer2DModel}
)
NF4: Final = ".quant_state.bitsandbytes__"  # in names of what 4-bit weights are put together with
TITLE: Final = "diffusion transformer"


def empty_transformer(name: str, config: Mapping[str, object]) -> Transformer:
    """A model of the class without weights."""
    with torch.device("meta"):
        return cast(Transformer, CLASSES[name].from_config(dict(config)))


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
    scale_first = frozenset(
        f"{name}.linear" for name, module in model.named_modules() if isinstance(module, AdaLayerNormContinuous)
    )
    found_places = {prefix + name: tuple(places(row, name, wanted, scale_first)) for name in shapes.names}
    return model, Blueprint(TITLE, model, {name: place for name, place in found_places.items() if place}, dtype)
