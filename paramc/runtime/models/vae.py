"""Autoencoders from files of their own."""

from pathlib import Path
from typing import Final

import torch

from paramc.diagnostics.codes import diagnose
from paramc.runtime.catalogue.errors import ModelError
from paramc.runtime.catalogue.header import Header
from paramc.runtime.catalogue.signs import called, identify
from paramc.runtime.models.bases import Base, base_of
from paramc.runtime.models.blueprint import Blueprint, fill
from paramc.runtime.models.deep import deep_vae_blueprint, is_deep
from paramc.runtime.models.empty import Vae, empty_vae
from paramc.runtime.models.fitting import fitting
from paramc.runtime.models.folder import folder_vae
from paramc.runtime.models.names import Place
from paramc.runtime.models.original import NORMED, VAE, shapes_of, vae_blueprint, wan_vae_blueprint
from paramc.runtime.models.shapes import diffusers_film_config, diffusers_vae_config, vae_levels
from paramc.runtime.models.tensors import open_tensors

FILM: Final = 5  # dimensions of what acts on films
WAN: Final = "decoder.middle.0.residual.0.gamma"  # in the files of autoencoders that are made for films


def load_vae(
    path: Path, *, base: str = "sd1", family: str = "", dtype: torch.dtype = torch.float32, device: str = "cpu"
) -> Vae:
    """An autoencoder out of a file or a folder; base and family decide the scale of its latents, which no file states.

    Raises ModelError for a file that holds none, or is damaged.
    """
    if path.is_dir():
        return folder_vae(path, dtype, device)
    with open_tensors(path) as file, fitting(path):
        model, blueprint = _blueprint(file.header, base_of(base, family), dtype)
        fill([blueprint], file)
        blueprint.finish(path, device)
    return model


def is_vae(header: Header) -> bool:
    """Whether a file of its own holds an autoencoder."""
    return any(header.shape(name) is not None for name in ("decoder.conv_in.weight", WAN)) or is_deep(header)


def _blueprint(header: Header, row: Base, dtype: torch.dtype) -> tuple[Vae, Blueprint]:
    if WAN in header.tensors:
        return wan_vae_blueprint(header, dtype)
    if is_deep(header):
        return deep_vae_blueprint(header, "", row, dtype)
    for prefix in ("", VAE):
        if vae_levels(shapes_of(header, prefix)):
            return vae_blueprint(header, prefix, row, dtype)
    shapes = shapes_of(header, "")
    if "decoder.mid_block.resnets.0.conv1.weight" not in shapes:
        known = identify(header).kind
        found = "no VAE" if known == "vae" else called(header, known)
        raise ModelError(diagnose("PC525", file=header.path, found=found, wanted="a VAE"))
    if len(shapes.of("encoder.conv_in.weight")) == FILM:
        model = empty_vae(diffusers_film_config(shapes), "AutoencoderKLQwenImage")
    else:
        kind = "AutoencoderKLFlux2" if NORMED in shapes else "AutoencoderKL"
        model = empty_vae(diffusers_vae_config(shapes, row), kind)
    wanted = model.state_dict().keys()
    return model, Blueprint("VAE", model, {name: (Place(name),) for name in shapes.names if name in wanted}, dtype)
