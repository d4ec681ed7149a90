"""Units at work beside a diffusion transformer: what nets say of the patches in hand, added up for its blocks."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import add
from typing import Final, TypeAlias, cast

import torch
from diffusers.models.controlnets.controlnet_flux import FluxControlNetModel
from diffusers.models.controlnets.controlnet_sd3 import SD3ControlNetModel
from diffusers.models.transformers.transformer_flux import FluxTransformer2DModel
from diffusers.models.transformers.transformer_sd3 import SD3Transformer2DModel
from torch import Tensor
from torch.nn.functional import pad

from paramc.ir.control import ControlNet
from paramc.ir.geometry import Size
from paramc.runtime.control.transformer_nets import TransformerNet
from paramc.runtime.denoise.conditioning import Conditioning
from paramc.runtime.denoise.patched import evened, packed

Inputs: TypeAlias = Mapping[str, Tensor | None]  # what a transformer of diffusers is called with, by keyword
Added: TypeAlias = dict[str, list[Tensor]]  # what is added behind its blocks, by keyword


@dataclass(frozen=True, slots=True, eq=False)
class FlowUnit:
    """A net with its settings. shown: the latent of the control picture at the size of a pass, (1, channels, …).

    mode: which kind of control a net for several is asked for.
    """

    setting: ControlNet
    net: TransformerNet
    shown: Callable[[Size], Tensor]
    mode: int | None = None


class FlowSteering:
    """The units of a pass. level: gives the level at a share of the way, where `start` and `end` are shares of it."""

    def __init__(self, units: Sequence[FlowUnit], size: Size, level: Callable[[float], float] | None = None) -> None:
        self._units = [(unit, evened(unit.shown(size))) for unit in units if unit.setting.weight != 0]
        self._level = level

    def __call__(
        self,
        model: FluxTransformer2DModel | SD3Transformer2DModel,
        inputs: Inputs,
        sigma: Tensor,
        conditioning: Conditioning,
    ) -> Added:
        """What the units that act now add together."""
        total: Added = {}
        for unit, picture in self._units:
            if self._acts(unit.setting, sigma, conditioning.done):
                found = _added(model, unit, picture, inputs, conditioning.against)
                total = {
                    key: list(map(add, total[key], parts)) if key in total else parts for key, parts in found.items()
                }
        return total

    def _acts(self, setting: ControlNet, sigma: Tensor, done: float) -> bool:
        if self._level is None:
            return setting.start <= done <= setting.end
        return self._level(setting.end) <= sigma[0].item() <= self._level(setting.start)


def _added(
    model: FluxTransformer2DModel | SD3Transformer2DModel, unit: FlowUnit, picture: Tensor, inputs: Inputs, against: int
) -> Added:
    """What a unit adds behind each block of the model; `against`: rows of negatives, the last ones."""
    x = cast(Tensor, inputs["hidden_states"])
    found = (
        _of_flux(unit, picture, inputs) if isinstance(unit.net, FluxControlNetModel) else _of_sd3(unit, picture, inputs)
    )
    blind = against if unit.setting.priority == "control" else 0
    added: Added = {}
    for (keyword, blocks), parts in zip(_BLOCKS[type(unit.net)].items(), found, strict=True):
        count = len(dict(model.named_children())[blocks])  # type: ignore[arg-type]  # a list of modules
        if parts:
            spread = _spread(parts, count, rounds_up=isinstance(unit.net, FluxControlNetModel))
            added[keyword] = [_fitted(part, x, blind) for part in spread]
    return added


def _of_flux(unit: FlowUnit, picture: Tensor, inputs: Inputs) -> Sequence[Sequence[Tensor]]:
    """The outputs for the double blocks, and for the single ones."""
    net = cast(FluxControlNetModel, unit.net)
    x = cast(Tensor, inputs["hidden_states"])
    rows = len(x)
    shown = packed(picture.to(x)).expand(rows, -1, -1)
    count = shown.shape[1]
    guidance = inputs["guidance"]
    if not net.config["guidance_embeds"]:
        guidance = None
    elif guidance is None:
        guidance = x.new_full((rows,), 1.0)
    double, single = net(
        hidden_states=x[:, :count, : net.config["in_channels"]],
        controlnet_cond=shown,
        controlnet_mode=None if unit.mode is None else torch.full((rows, 1), unit.mode, device=x.device),
        conditioning_scale=unit.setting.weight,
        encoder_hidden_states=inputs["encoder_hidden_states"],
        pooled_projections=inputs["pooled_projections"],
        timestep=inputs["timestep"],
        img_ids=cast(Tensor, inputs["img_ids"])[:count],
        txt_ids=inputs["txt_ids"],
        guidance=guidance,
        return_dict=False,
    )
    return double or (), single or ()


def _of_sd3(unit: FlowUnit, picture: Tensor, inputs: Inputs) -> Sequence[Sequence[Tensor]]:
    """The outputs for the blocks. These nets were trained without what is said of the whole text."""
    x = cast(Tensor, inputs["hidden_states"])
    (found,) = unit.net(
        hidden_states=x,
        controlnet_cond=picture.to(x).expand(len(x), -1, -1, -1),
        conditioning_scale=unit.setting.weight,
        encoder_hidden_states=inputs["encoder_hidden_states"],
        pooled_projections=torch.zeros_like(cast(Tensor, inputs["pooled_projections"])),
        timestep=inputs["timestep"],
        return_dict=False,
    )
    return (found,)


def _spread(parts: Sequence[Tensor], count: int, *, rounds_up: bool) -> list[Tensor]:
    """The outputs of fewer blocks for those of the model, each for several in a row (diffusers)."""
    if rounds_up:
        each = -(-count // len(parts))
        return [parts[block // each] for block in range(count)]
    return [parts[int(block / (count / len(parts)))] for block in range(count)]


def _fitted(part: Tensor, x: Tensor, blind: int) -> Tensor:
    """Nothing for the last rows, and for patches that the net has not seen."""
    seen = part if part.ndim != x.ndim else pad(part, (0, 0, 0, x.shape[1] - part.shape[1]))
    if not blind:
        return seen
    return torch.cat([seen[:-blind], torch.zeros_like(seen[-blind:])])


_BLOCKS: Final[Mapping[type[TransformerNet], Mapping[str, str]]] = {
    FluxControlNetModel: {
        "controlnet_block_samples": "transformer_blocks",
        "controlnet_single_block_samples": "single_transformer_blocks",
    },
    SD3ControlNetModel: {"block_controlnet_hidden_states": "transformer_blocks"},
}
"""For each net: the keywords of the model that its outputs go to, and the blocks that they are for."""


UNSTEERED_FLOW: Final = FlowSteering((), Size(0, 0))
