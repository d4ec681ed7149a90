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

from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import RunError
from paramc.ir.control import ControlNet
from paramc.ir.geometry import Size
from paramc.runtime.control.flow_image_prompts import Attentive, FlowImagePrompt, Shown, processors, shown
from paramc.runtime.control.image_prompts import Processors, attending
from paramc.runtime.control.transformer_nets import TransformerNet, takes_pixels
from paramc.runtime.denoise.conditioning import Conditioning
from paramc.runtime.denoise.patched import SIDE, evened, packed
from paramc.runtime.models.times import exact_times

CELL: Final = 8  # pixels of a side that one number of a latent stands for
Inputs: TypeAlias = Mapping[str, Tensor | None]  # what a transformer of diffusers is called with, by keyword
Added: TypeAlias = dict[str, list[Tensor]]  # what is added behind its blocks, by keyword
Caller: TypeAlias = Callable[[Inputs, Mapping[str, list[Tensor] | Shown]], Tensor]
"""The model, given what it is called with, and what comes of units, by keyword."""


@dataclass(frozen=True, slots=True, eq=False)
class FlowUnit:
    """A net with its settings. shown: what it sees at the size of a pass, (1, channels, height, width).

    That is the latent of the control picture, in cells, or for some nets the picture itself, in pixels. mode: which
    kind of control a net for several is asked for.
    """

    setting: ControlNet
    net: TransformerNet
    shown: Callable[[Size], Tensor]
    mode: int | None = None

    @property
    def side(self) -> int:
        """Numbers of a side of what is shown that are one patch."""
        return SIDE * CELL if takes_pixels(self.net) else SIDE


TransformerUnit: TypeAlias = FlowUnit | FlowImagePrompt


class FlowSteering:
    """The units of a pass. level: gives the level at a share of the way, where `start` and `end` are shares of it.

    Raises RunError (PC512) where SD3 is shown more pictures than one.
    """

    def __init__(
        self,
        units: Sequence[TransformerUnit],
        size: Size,
        level: Callable[[float], float] | None = None,
    ) -> None:
        acting = [unit for unit in units if unit.setting.weight != 0]
        self._units = [(unit, evened(unit.shown(size), unit.side)) for unit in acting if isinstance(unit, FlowUnit)]
        self._prompts = [unit for unit in acting if isinstance(unit, FlowImagePrompt)]
        self._attending: dict[tuple[FlowImagePrompt, ...], Processors] = {}
        self._level = level
        if len(self._prompts) > 1 and self._prompts[0].adapter.states:
            raise RunError(diagnose("PC512", count=len(self._prompts), path="controls.controlnet"))

    def called(
        self, call: Caller, model: Attentive, inputs: Inputs, sigma: Tensor, conditioning: Conditioning
    ) -> Tensor:
        """What the model gives for the inputs while the units that act now steer it."""
        added = self._added(model, inputs, sigma, conditioning)
        now = tuple(prompt for prompt in self._prompts if self._acts(prompt.setting, sigma, conditioning.done))
        if not now:
            return call(inputs, added)
        x, times = (cast(Tensor, inputs[name]) for name in ("hidden_states", "timestep"))
        if now not in self._attending:
            self._attending[now] = processors(model, now)
        with attending(model, self._attending[now]):
            return call(inputs, {**added, "joint_attention_kwargs": shown(now, x, times, conditioning.against)})

    def _added(self, model: Attentive, inputs: Inputs, sigma: Tensor, conditioning: Conditioning) -> Added:
        """What the nets that act now add together."""
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


def _added(model: Attentive, unit: FlowUnit, picture: Tensor, inputs: Inputs, against: int) -> Added:
    """What a unit adds behind each block of the model; `against`: rows of negatives, the last ones."""
    x = cast(Tensor, inputs["hidden_states"])
    if isinstance(model, FluxTransformer2DModel):
        found = _of_flux(unit, picture, inputs)
    else:
        found = _of_sd3(cast(SD3Transformer2DModel, model), unit, picture, inputs)
    blind = against if unit.setting.priority == "control" else 0
    added: Added = {}
    for (keyword, blocks), parts in zip(_BLOCKS[type(unit.net)].items(), found, strict=True):
        count = len(dict(model.named_children())[blocks])  # type: ignore[arg-type]  # a list of modules
        if parts:
            added[keyword] = [_fitted(parts[of], x, blind) for of in _spread(unit.net, len(parts), count)]
    return added


def _of_flux(unit: FlowUnit, picture: Tensor, inputs: Inputs) -> Sequence[Sequence[Tensor]]:
    """The outputs for the double blocks, and for the single ones."""
    net = cast(FluxControlNetModel, unit.net)
    x = cast(Tensor, inputs["hidden_states"])
    rows = len(x)
    seen = picture.to(x).expand(rows, -1, -1, -1)
    count = picture.shape[2] * picture.shape[3] // unit.side**2
    guidance = inputs["guidance"]
    if not net.config["guidance_embeds"]:
        guidance = None
    elif guidance is None:
        guidance = x.new_full((rows,), 1.0)
    times = cast(Tensor, inputs["timestep"])
    with exact_times(net, *(times,) if guidance is None else (times, guidance)):
        double, single = net(
            hidden_states=x[:, :count, : net.config["in_channels"]],
            controlnet_cond=seen if takes_pixels(net) else packed(seen),
            controlnet_mode=None if unit.mode is None else torch.full((rows, 1), unit.mode, device=x.device),
            conditioning_scale=unit.setting.weight,
            encoder_hidden_states=inputs["encoder_hidden_states"],
            pooled_projections=inputs["pooled_projections"],
            timestep=times,
            img_ids=cast(Tensor, inputs["img_ids"])[:count],
            txt_ids=inputs["txt_ids"],
            guidance=guidance,
            return_dict=False,
        )
    return double or (), single or ()


def _of_sd3(
    model: SD3Transformer2DModel, unit: FlowUnit, picture: Tensor, inputs: Inputs
) -> Sequence[Sequence[Tensor]]:
    """The outputs for the blocks. Some nets have no places of their own, no words, or nothing of the whole text."""
    config, x = unit.net.config, cast(Tensor, inputs["hidden_states"])
    pooled = cast(Tensor, inputs["pooled_projections"])
    (found,) = unit.net(
        hidden_states=x if config["use_pos_embed"] else model.pos_embed(x),
        controlnet_cond=picture.to(x).expand(len(x), -1, -1, -1),
        conditioning_scale=unit.setting.weight,
        encoder_hidden_states=inputs["encoder_hidden_states"] if config["joint_attention_dim"] else None,
        pooled_projections=torch.zeros_like(pooled) if config["force_zeros_for_pooled_projection"] else pooled,
        timestep=inputs["timestep"],
        return_dict=False,
    )
    return (found,)


def _spread(net: TransformerNet, parts: int, count: int) -> list[int]:
    """Which of a net's blocks is added behind each block of the model, which has more (diffusers)."""
    if takes_pixels(net):
        return [block % parts for block in range(count)]
    if isinstance(net, FluxControlNetModel):
        return [block // -(-count // parts) for block in range(count)]
    return [int(block / (count / parts)) for block in range(count)]


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
