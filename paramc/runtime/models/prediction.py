"""What a diffusion model predicts: the noise, the velocity between noise and picture, or a mixture by level (EDM)."""

import re
from pathlib import Path
from typing import Final, Literal, TypeAlias

import torch
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel

from paramc.runtime.catalogue.header import Header

Prediction: TypeAlias = Literal["epsilon", "v", "flow", "edm"]
VELOCITY: Final = re.compile(rb'^\s*parameterization:\s*["\']?v["\']?\s*$', re.MULTILINE)
EDM_MEAN, EDM_STD = "edm_mean", "edm_std"  # of latents, in files of models that were trained as EDM (Playground 2.5)
LONGEST: Final = 100_000  # bytes of a configuration beside the checkpoint that are looked at
SIMILAR: Final = 0.5  # correlation above which an output is the noise that went in


def stated_prediction(header: Header) -> Prediction | None:
    """What the file itself or the configuration beside it says; None when neither does."""
    if EDM_MEAN in header.tensors:
        return "edm"
    if "v_pred" in header.tensors:
        return "v"
    stated = header.metadata.get("modelspec.prediction_type", "")
    if stated:
        return "v" if stated.startswith("v") else "epsilon"
    if header.metadata.get("modelspec.architecture", "").endswith("768-v"):
        return "v"
    return _beside(header.path)


def _beside(path: Path) -> Prediction | None:
    try:
        with path.with_suffix(".yaml").open("rb") as stream:
            return "v" if VELOCITY.search(stream.read(LONGEST)) else "epsilon"
    except OSError:
        return None


def probed_prediction(unet: UNet2DConditionModel) -> Prediction:
    """What the model does with pure noise at the last timestep.

    There is nothing to be seen but noise: a model of the noise gives it back, a model of the velocity a picture.
    """
    weight = unet.conv_in.weight
    width = next(module.to_k.in_features for name, module in unet.named_modules() if name.endswith(".attn2"))
    noise = torch.randn(1, weight.shape[1], 16, 16, generator=torch.Generator().manual_seed(0)).to(weight)
    context = torch.zeros(1, 77, width).to(weight)
    with torch.inference_mode():
        output = unet(noise, 999, encoder_hidden_states=context, return_dict=False)[0]
    pair = torch.stack([noise.flatten().float(), output.flatten().float()])
    return "epsilon" if torch.corrcoef(pair)[0, 1] > SIMILAR else "v"
