"""Units at work: what nets say of the latent in hand, added up for the diffusion model."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Final, NamedTuple, TypeAlias, cast

import torch
from diffusers.models.adapter import T2IAdapter
from diffusers.models.controlnets.controlnet import ControlNetModel
from diffusers.models.controlnets.controlnet_union import ControlNetUnionModel
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from torch import Tensor

from paramc.ir.control import ControlNet
from paramc.ir.geometry import Size
from paramc.runtime.control.image_prompts import ImagePrompt, Processors, attending, processors
from paramc.runtime.control.references import Noised, Reference, looking, noise_like, noting
from paramc.runtime.denoise.conditioning import Conditioning

LAST_STEP: Final = 999  # number of the noisiest timestep
FADING: Final = 0.825  # soft weights: the share that each output has of the next deeper one (A1111)
DEEPEST: Final = 12  # number of the output that fades not at all
ADAPTER_FADING: Final = (0.25, 0.62, 0.825, 1.0)  # soft weights of the outputs of a T2I-Adapter (A1111)


@dataclass(frozen=True, slots=True, eq=False)
class Unit:
    """A net with its settings. hint: the control picture at the size of a pass, (1, 3, height, width) in [0, 1].

    mode: which kind of control a net for several is asked for.
    """

    setting: ControlNet
    net: ControlNetModel | ControlNetUnionModel | T2IAdapter
    hint: Callable[[Size], Tensor]
    mode: int | None = None

    @property
    def only_positive(self) -> bool:
        """Whether negatives go without it."""
        return self.setting.priority == "control"

    def scales(self, outputs: int) -> list[float]:
        """What the outputs are multiplied by, from the shallowest to the middle block's."""
        weight = self.setting.weight
        if self.setting.priority == "balanced":
            return [weight] * outputs
        if isinstance(self.net, T2IAdapter):
            return [weight * share for share in ADAPTER_FADING[-outputs:]]
        return [weight * FADING ** (DEEPEST - number) for number in range(outputs)]


Context: TypeAlias = Tensor | tuple[Tensor, list[Tensor]]
UnetUnit: TypeAlias = Unit | ImagePrompt | Reference


class Inputs(NamedTuple):
    """What a diffusion model is called with; `extra`: its further conditions, in its own number format."""

    x: Tensor
    timesteps: Tensor
    tokens: Tensor
    extra: dict[str, Tensor] | None


@dataclass(frozen=True, slots=True, eq=False)
class Residuals:
    """What is added inside the diffusion model; what is empty adds nothing.

    outputs: to its skipped connections, and in its middle. features: inside each level of its encoder.
    """

    outputs: tuple[Tensor, ...] = ()
    features: tuple[Tensor, ...] = ()

    def __add__(self, other: "Residuals") -> "Residuals":
        """Both."""
        return Residuals(_sums(self.outputs, other.outputs), _sums(self.features, other.features))

    def keywords(self, dtype: torch.dtype) -> dict[str, list[Tensor] | Tensor]:
        """What a UNet of diffusers is called with."""
        found: dict[str, list[Tensor] | Tensor] = {}
        if self.outputs:
            found["down_block_additional_residuals"] = [part.to(dtype) for part in self.outputs[:-1]]
            found["mid_block_additional_residual"] = self.outputs[-1].to(dtype)
        if self.features:
            found["down_intrablock_additional_residuals"] = [part.to(dtype) for part in self.features]
        return found


def _sums(mine: tuple[Tensor, ...], theirs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return tuple(map(add, mine, theirs)) if mine and theirs else mine or theirs


class Steering:
    """The units of a pass. by_time: `start` and `end` are shares of the timesteps, not of the steps.

    noised: see `Noised`; without it nothing is looked at.
    """

    def __init__(self, units: Sequence[UnetUnit], size: Size, *, by_time: bool, noised: Noised | None = None) -> None:
        acting = [unit for unit in units if unit.setting.weight != 0]
        self._units = [(unit, unit.hint(size)) for unit in acting if isinstance(unit, Unit)]
        self._prompts = [unit for unit in acting if isinstance(unit, ImagePrompt)]
        self._references = [(unit, unit.latent(size)) for unit in acting if isinstance(unit, Reference)]
        self._by_time, self._noised = by_time, noised
        self._features: dict[Unit, Residuals] = {}
        self._attending: dict[tuple[ImagePrompt, ...], Processors] = {}

    @property
    def is_idle(self) -> bool:
        """Whether there are no units at all."""
        return not (self._units or self._prompts or self._references)

    def __call__(self, inputs: Inputs, conditioning: Conditioning) -> Residuals:
        """What the units that act now add together."""
        return reduce(add, self._found(inputs, conditioning), Residuals())

    @contextmanager
    def shown(self, unet: UNet2DConditionModel, inputs: Inputs, conditioning: Conditioning) -> Iterator[Context]:
        """What the UNet is to attend to while this lasts: the text, and the pictures that are shown now."""
        now = tuple(prompt for prompt in self._prompts if self._acts(prompt.setting, inputs.timesteps, conditioning))
        if not now:
            yield inputs.tokens
            return
        if now not in self._attending:
            self._attending[now] = processors(unet, now)
        with attending(unet, self._attending[now]):
            tokens = [prompt.tokens(len(inputs.x), conditioning.against) for prompt in now]
            yield inputs.tokens, [part.to(inputs.tokens) for part in tokens]

    @contextmanager
    def beside(
        self,
        unet: UNet2DConditionModel,
        inputs: Inputs,
        conditioning: Conditioning,
        look: Callable[[Tensor], object],
    ) -> Iterator[None]:
        """The UNet takes from pictures while this lasts; `look` lets them go through it before."""
        pictures = []
        for unit, latent in self._references:
            if self._noised and self._acts(unit.setting, inputs.timesteps, conditioning):
                rows = latent.to(inputs.x).expand(inputs.x.shape)
                with noting(unet, unit) as seen:
                    look(self._noised(rows, noise_like(latent).to(rows), inputs.timesteps))
                pictures.append(seen)
        with looking(unet, pictures, conditioning.against) if pictures else nullcontext():
            yield

    def _found(self, inputs: Inputs, conditioning: Conditioning) -> Iterator[Residuals]:
        for unit, picture in self._units:
            rows = len(inputs.x) - (conditioning.against if unit.only_positive else 0)
            if rows and self._acts(unit.setting, inputs.timesteps, conditioning):
                yield _evened(self._said(unit, picture, inputs, rows), len(inputs.x))

    def _said(self, unit: Unit, picture: Tensor, inputs: Inputs, rows: int) -> Residuals:
        """What a unit adds for the first rows; an adapter looks at nothing but its picture, and is asked once."""
        if isinstance(unit.net, ControlNetModel | ControlNetUnionModel):
            return Residuals(outputs=_scaled(unit, _outputs(unit.net, unit.mode, picture, inputs, rows)))
        if unit not in self._features:
            self._features[unit] = Residuals(
                features=_scaled(unit, _features(cast(T2IAdapter, unit.net), picture, inputs.x.device))
            )
        return Residuals(features=tuple(part.expand(rows, -1, -1, -1) for part in self._features[unit].features))

    def _acts(self, setting: ControlNet, timesteps: Tensor, conditioning: Conditioning) -> bool:
        if not self._by_time:
            return setting.start <= conditioning.done <= setting.end
        done = 1 - float(timesteps[0]) / LAST_STEP
        return (setting.start <= 0 or setting.start <= done) and (setting.end >= 1 or done <= setting.end)


def _features(net: T2IAdapter, picture: Tensor, device: torch.device) -> Sequence[Tensor]:
    channels = int(net.config["in_channels"])
    return cast(Sequence[Tensor], net(picture[:, :channels].to(device, net.dtype)))


def _scaled(unit: Unit, parts: Sequence[Tensor]) -> tuple[Tensor, ...]:
    return tuple(part * scale for part, scale in zip(parts, unit.scales(len(parts)), strict=True))


def _outputs(
    net: ControlNetModel | ControlNetUnionModel, mode: int | None, picture: Tensor, inputs: Inputs, rows: int
) -> list[Tensor]:
    """The outputs of a ControlNet, that of its middle block at the end."""
    dtype = net.dtype
    extra = inputs.extra and {name: values[:rows].to(dtype) for name, values in inputs.extra.items()}
    hint = picture.to(inputs.x.device, dtype).expand(rows, -1, -1, -1)
    shown: dict[str, Tensor | list[Tensor] | list[int]] = {"controlnet_cond": hint}
    if mode is not None:
        kinds = hint.new_zeros(rows, int(net.config["num_control_type"]))
        kinds[:, mode] = 1
        shown = {"controlnet_cond": [hint], "control_type": kinds, "control_type_idx": [mode]}
    down, middle = net(
        inputs.x[:rows].to(dtype),
        inputs.timesteps[:rows].to(inputs.x.device),
        encoder_hidden_states=inputs.tokens[:rows].to(inputs.x.device, dtype),
        **shown,
        added_cond_kwargs=extra,
        return_dict=False,
    )
    return [*down, cast(Tensor, middle)]


def _evened(found: Residuals, rows: int) -> Residuals:
    """Nothing for the rows that the net has not seen."""

    def filled(part: Tensor) -> Tensor:
        missing = rows - len(part)
        return torch.cat([part, part.new_zeros(missing, *part.shape[1:])]) if missing else part

    return Residuals(tuple(map(filled, found.outputs)), tuple(map(filled, found.features)))


UNSTEERED: Final = Steering((), Size(0, 0), by_time=False)
