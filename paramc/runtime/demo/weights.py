"""The demo model as one file in the layout of the original Stable Diffusion 1."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from torch import Tensor

from paramc.runtime.demo.autoencoder import GROUPS, WIDTHS, new_autoencoder
from paramc.runtime.demo.diffusion import ATTENTION, Diffusion
from paramc.runtime.demo.halves import write_halves
from paramc.runtime.demo.vocabulary import merges
from paramc.runtime.models.names import original_module, original_vae_module
from paramc.runtime.models.original import UNET, VAE
from paramc.runtime.models.own import GROUPS as GROUPS_KEY
from paramc.runtime.models.own import MERGES

TEXT: Final = "cond_stage_model.transformer.text_model."
QUERIES: Final = ("q", "k", "v", "proj_out")  # parts of the autoencoder's attention, 1×1 convolutions in this layout


def write_weights(path: Path, vae: AutoencoderKL, model: Diffusion) -> None:
    """One file, its vocabulary in the metadata."""
    tensors = dict([*_unet(model), *_vae(vae), *_text(model)])
    write_halves(path, tensors, **{MERGES: merges(), GROUPS_KEY: str(GROUPS)})


def _unet(model: Diffusion) -> Iterator[tuple[str, Tensor]]:
    for name, tensor in model.unet.state_dict().items():
        module, _, leaf = name.rpartition(".")
        yield f"{UNET}{original_module(module, ATTENTION)}.{leaf}", tensor


def _vae(vae: AutoencoderKL) -> Iterator[tuple[str, Tensor]]:
    for name, tensor in _whole(vae).items():
        module, _, leaf = name.rpartition(".")
        original = original_vae_module(module, len(WIDTHS))
        turned = original.endswith(QUERIES) and leaf == "weight"
        yield f"{VAE}{original}.{leaf}", tensor[:, :, None, None] if turned else tensor


def _whole(vae: AutoencoderKL) -> Mapping[str, Tensor]:
    """The weights with those of the blocks that rested, which still add nothing."""
    return {**new_autoencoder().state_dict(), **vae.state_dict()}


def _text(model: Diffusion) -> Iterator[tuple[str, Tensor]]:
    for name, tensor in model.text.state_dict().items():
        yield TEXT + name.removeprefix("text_model."), tensor
