"""The ApplyControl op: a net, its picture, and the passes in which they act."""

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

import torch
from diffusers.models.adapter import T2IAdapter
from diffusers.models.controlnets.controlnet_union import ControlNetUnionModel
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate

from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import Diagnostic
from paramc.ir.control import ControlNet
from paramc.ir.geometry import Size
from paramc.ir.plan import ApplyControl, EmptyLatent, LoadImage, MaskLatent, Plan, Sample
from paramc.runtime.catalogue.errors import ModelError
from paramc.runtime.control.flow_image_prompts import FlowImageAdapter, FlowImagePrompt, flow_image_prompt
from paramc.runtime.control.flow_steering import FlowSteering, FlowUnit, TransformerUnit
from paramc.runtime.control.hints import Learned, Resize, hides, hint, knows_preprocessor, nearest_hint, preprocessed
from paramc.runtime.control.image_encoder import ImageEncoder, seen_by
from paramc.runtime.control.image_prompts import ImageAdapter, ImagePrompt, image_prompt
from paramc.runtime.control.nets import UnetNet
from paramc.runtime.control.references import Noised, Reference
from paramc.runtime.control.steering import Steering, UnetUnit, Unit
from paramc.runtime.control.transformer_nets import TransformerNet, mode_of, takes_mask, takes_pixels
from paramc.runtime.control.words import words
from paramc.runtime.execute.files import opened
from paramc.runtime.execute.pictures import FITS, painted_part, prepared_mask
from paramc.runtime.execute.values import flattened
from paramc.runtime.models.bases import bases
from paramc.runtime.stages.pictures import Fit, fitted_picture
from paramc.runtime.stages.sizes import Box

LOOKING: Final = "attention"  # what a unit without a net takes from its picture
HALF: Final = 0.5  # of white, from which on a mask says yes
HIDDEN: Final = -1.0  # what nets for inpainting see in place of what is painted anew
LATER: Final = "stages."  # what the paths of passes behind the first begin with
FLOWS: Final = frozenset({"flux", "sd3"})  # bases with transformers that nets are known for


def is_steered(base: str) -> bool:
    """Whether units steer models of a base: those that attend to texts in a UNet, and some transformers."""
    return base in bases() and (bases()[base].has_unet or base in FLOWS)


def control_remarks(plan: Plan, op: ApplyControl) -> Iterator[Diagnostic]:
    """What of a unit cannot work."""
    if not is_steered(plan.base):
        return
    if is_reference(op.unit):
        if not bases()[plan.base].has_unet:
            yield diagnose("PC511", name=op.unit.preprocessor, unit=op.unit.unit, model=bases()[plan.base].title)
    elif op.unit.preprocessor.lower() in words("references"):
        yield diagnose("PC515", name=op.unit.preprocessor, unit=op.unit.unit, path=op.because[0])
    elif not knows_preprocessor(op.unit.preprocessor):
        yield diagnose("PC589", name=op.unit.preprocessor, unit=op.unit.unit, path=op.because[0])
    _picture(plan, op)


def _picture(plan: Plan, op: ApplyControl) -> Image.Image:
    """The unit's picture, or the one that is painted over where it has none. Raises RunError where there is neither."""
    start = next((each for each in plan.ops if isinstance(each, LoadImage)), None)
    if op.unit.image.path is None and start is not None:
        return flattened(opened(start.image, "task.init"))
    return flattened(opened(op.unit.image, f"{op.because[0]}.image"))


def shown_of(
    op: ApplyControl, plan: Plan, adapter: ImageAdapter | FlowImageAdapter, encoder: ImageEncoder
) -> ImagePrompt | FlowImagePrompt:
    """The unit that shows its picture, as the image encoder sees it."""
    seen = seen_by(encoder, _picture(plan, op))
    if isinstance(adapter, FlowImageAdapter):
        return flow_image_prompt(op.unit, adapter, seen)
    return image_prompt(op.unit, adapter, seen)


def is_reference(unit: ControlNet) -> bool:
    """Whether a unit has no net: attention itself looks at its picture."""
    return words("references").get(unit.preprocessor.lower()) == LOOKING


def reference_of(op: ApplyControl, plan: Plan, encode: Callable[[Tensor], Tensor]) -> Reference:
    """The unit whose picture is looked at; `encode` gives the latent of pixels in [-1, 1]."""
    picture = _picture(plan, op)

    @cache
    def latent(size: Size) -> Tensor:
        return encode(hint(picture, size, op.unit.resize) * 2 - 1)

    return Reference(op.unit, latent)


def unit_of(op: ApplyControl, plan: Plan, net: UnetNet | T2IAdapter, path: Path, model: Learned | None) -> Unit:
    """The unit at work; `model` is that of its preprocessor."""
    mode = None
    if isinstance(net, ControlNetUnionModel):
        mode = mode_of(path, op.unit, int(net.config["num_control_type"]), "unions")
    return Unit(op.unit, net, _fitting(op, plan, model), mode)


def _fitting(op: ApplyControl, plan: Plan, model: Learned | None) -> Callable[[Size], Tensor]:
    """The unit's picture for passes of any size: it is preprocessed once, and brought to each size anew."""
    area = _area(plan)
    picture = _picture(plan, op) if area is None else area.shown(_picture(plan, op), op.unit.resize)
    picture = preprocessed(picture, op.unit, _size(plan), model)
    nearest = any("cuts_hints" in each.flags for each in plan.ops if isinstance(each, Sample))

    @cache
    def fitted(wanted: Size) -> Tensor:
        shown = nearest_hint(picture, wanted) if nearest else hint(picture, wanted, op.unit.resize)
        return shown.masked_fill(area.hidden(wanted), HIDDEN) if area is not None and hides(op.unit) else shown

    return fitted


class Area(NamedTuple):
    """Where a job paints anew. part: of the user's picture, which alone is painted, as large as a pass.

    fit: how the mask is brought to the size of a pass.
    """

    mask: Image.Image
    part: Box | None
    fit: Fit

    def shown(self, picture: Image.Image, resize: Resize) -> Image.Image:
        """The same part of a control picture."""
        if self.part is None:
            return picture
        return fitted_picture(picture, Size(*self.mask.size), resize).convert("RGB").crop(self.part)

    def hidden(self, size: Size) -> Tensor:
        """What is painted anew, (1, 1, height, width)."""
        mask = self.mask if self.part is None else self.mask.crop(self.part)
        return hint(mask.convert("RGB"), size, self.fit)[:, :1] > HALF


def _size(plan: Plan) -> Size:
    """Of the first pass."""
    return next(each.size for each in plan.ops if isinstance(each, EmptyLatent | LoadImage) and each.size)


def _area(plan: Plan) -> Area | None:
    """Where the job paints; None for one without a mask."""
    masked = next((each for each in plan.ops if isinstance(each, MaskLatent)), None)
    if masked is None:
        return None
    mask = prepared_mask(masked, opened(masked.mask, "task.mask"))
    part = painted_part(mask, masked, _size(plan))
    source = next(each for each in plan.ops if isinstance(each, LoadImage))
    return Area(mask, part, FITS[source.resize] if part is None else "pad")


def flow_unit_of(
    op: ApplyControl,
    plan: Plan,
    net: TransformerNet,
    path: Path,
    model: Learned | None,
    encode: Callable[[Tensor], Tensor],
) -> FlowUnit:
    """The unit at work beside a transformer; `encode` gives the latent of a picture as the net knows it.

    Raises ModelError (PC514) for a net that wants a mask where the job has none.
    """
    fitted = _fitting(op, plan, model)
    count = net.config.get("num_mode")
    mode = None if count is None else mode_of(path, op.unit, int(count), "modes")
    area = _area(plan) if takes_mask(net) else None
    if takes_mask(net) and area is None:
        raise ModelError(diagnose("PC514", file=path))

    @cache
    def shown(size: Size) -> Tensor:
        pixels = fitted(size) * 2 - 1
        if takes_pixels(net):
            return pixels
        if area is None:
            return encode(pixels)
        hidden = area.hidden(size)
        latent = encode(pixels.masked_fill(hidden, HIDDEN))
        kept = 1 - interpolate(hidden.float(), latent.shape[-2:])
        return torch.cat([latent, kept.to(latent)], dim=1)

    return FlowUnit(op.unit, net, shown, mode)


def flow_steering_of(
    op: Sample, units: Sequence[UnetUnit | TransformerUnit], size: Size, level: Callable[[float], float]
) -> FlowSteering:
    """What steers a pass on a transformer."""
    acting = [unit for unit in _acting(op, units) if isinstance(unit, TransformerUnit)]
    return FlowSteering(acting, size, level if "controls_by_time" in op.flags else None)


def steering_of(op: Sample, units: Sequence[UnetUnit | TransformerUnit], size: Size, noised: Noised) -> Steering:
    """What steers a pass on a UNet."""
    acting = [unit for unit in _acting(op, units) if not isinstance(unit, TransformerUnit)]
    return Steering(acting, size, by_time="controls_by_time" in op.flags, noised=noised)


def _acting(op: Sample, units: Sequence[UnetUnit | TransformerUnit]) -> Iterator[UnetUnit | TransformerUnit]:
    """The units that have their part in a pass."""
    absent = "first" if op.because[:1] and op.because[0].startswith(LATER) else "second"
    return (unit for unit in units if unit.setting.passes != absent)
