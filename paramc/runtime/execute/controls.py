"""The ApplyControl op: a net, its picture, and the passes in which they act."""

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Final

from diffusers.models.adapter import T2IAdapter
from diffusers.models.controlnets.controlnet_union import ControlNetUnionModel
from PIL import Image
from torch import Tensor
from transformers import CLIPVisionModelWithProjection

from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import Diagnostic
from paramc.ir.geometry import Size
from paramc.ir.plan import ApplyControl, EmptyLatent, LoadImage, Plan, Sample
from paramc.runtime.control.flow_steering import FlowSteering, FlowUnit
from paramc.runtime.control.hints import hint, knows_preprocessor, nearest_hint, preprocessed
from paramc.runtime.control.image_encoder import seen_by
from paramc.runtime.control.image_prompts import ImageAdapter, ImagePrompt, image_prompt
from paramc.runtime.control.nets import UnetNet
from paramc.runtime.control.steering import Steering, Unit
from paramc.runtime.control.transformer_nets import TransformerNet, mode_of
from paramc.runtime.execute.files import opened
from paramc.runtime.execute.values import flattened
from paramc.runtime.models.bases import bases

FLOWS: Final = frozenset({"flux", "sd3"})  # bases with transformers that nets are known for


def is_steered(base: str) -> bool:
    """Whether units steer models of a base: those that attend to texts in a UNet, and some transformers."""
    return base in bases() and (bool(bases()[base].widths) or base in FLOWS)


def control_remarks(plan: Plan, op: ApplyControl) -> Iterator[Diagnostic]:
    """What of a unit cannot work."""
    if not is_steered(plan.base):
        return
    if not knows_preprocessor(op.unit.preprocessor):
        yield diagnose("PC589", name=op.unit.preprocessor, unit=op.unit.unit, path=op.because[0])
    _picture(plan, op)


def _picture(plan: Plan, op: ApplyControl) -> Image.Image:
    """The unit's picture, or the one that is painted over where it has none. Raises RunError where there is neither."""
    start = next((each for each in plan.ops if isinstance(each, LoadImage)), None)
    if op.unit.image.path is None and start is not None:
        return flattened(opened(start.image, "task.init"))
    return flattened(opened(op.unit.image, f"{op.because[0]}.image"))


def shown_of(
    op: ApplyControl, plan: Plan, adapter: ImageAdapter, encoder: CLIPVisionModelWithProjection
) -> ImagePrompt:
    """The unit that shows its picture, as the image encoder sees it."""
    return image_prompt(op.unit, adapter, seen_by(encoder, _picture(plan, op)))


def unit_of(op: ApplyControl, plan: Plan, net: UnetNet | T2IAdapter, path: Path) -> Unit:
    """The unit at work."""
    mode = None
    if isinstance(net, ControlNetUnionModel):
        mode = mode_of(path, op.unit, int(net.config["num_control_type"]), "unions")
    return Unit(op.unit, net, _fitting(op, plan), mode)


def _fitting(op: ApplyControl, plan: Plan) -> Callable[[Size], Tensor]:
    """The unit's picture for passes of any size: it is preprocessed once, and brought to each size anew."""
    size = next(each.size for each in plan.ops if isinstance(each, EmptyLatent | LoadImage) and each.size)
    picture = preprocessed(_picture(plan, op), op.unit, size)
    nearest = any("cuts_hints" in each.flags for each in plan.ops if isinstance(each, Sample))

    @cache
    def fitted(wanted: Size) -> Tensor:
        return nearest_hint(picture, wanted) if nearest else hint(picture, wanted, op.unit.resize)

    return fitted


def flow_unit_of(
    op: ApplyControl, plan: Plan, net: TransformerNet, path: Path, encode: Callable[[Tensor], Tensor]
) -> FlowUnit:
    """The unit at work beside a transformer, which takes the latent of its picture."""
    fitted = _fitting(op, plan)
    count = net.config.get("num_mode")
    mode = None if count is None else mode_of(path, op.unit, int(count), "modes")
    return FlowUnit(op.unit, net, cache(lambda size: encode(fitted(size) * 2 - 1)), mode)


def flow_steering_of(
    op: Sample, units: Sequence[Unit | ImagePrompt | FlowUnit], size: Size, level: Callable[[float], float]
) -> FlowSteering:
    """What steers a pass on a transformer."""
    acting = [unit for unit in _acting(op, units) if isinstance(unit, FlowUnit)]
    return FlowSteering(acting, size, level if "controls_by_time" in op.flags else None)


def steering_of(op: Sample, units: Sequence[Unit | ImagePrompt | FlowUnit], size: Size) -> Steering:
    """What steers a pass on a UNet."""
    acting = [unit for unit in _acting(op, units) if not isinstance(unit, FlowUnit)]
    return Steering(acting, size, by_time="controls_by_time" in op.flags)


def _acting(op: Sample, units: Sequence[Unit | ImagePrompt | FlowUnit]) -> Iterator[Unit | ImagePrompt | FlowUnit]:
    """The units that have their part in a pass."""
    absent = "first" if op.because[:1] == ("stages.hires",) else "second"
    return (unit for unit in units if unit.setting.passes != absent)
