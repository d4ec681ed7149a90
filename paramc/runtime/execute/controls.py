"""The ApplyControl op: a net, its picture, and the passes in which they act."""

from collections.abc import Iterator, Sequence
from functools import cache

from diffusers.models.adapter import T2IAdapter
from diffusers.models.controlnets.controlnet import ControlNetModel
from PIL import Image
from torch import Tensor
from transformers import CLIPVisionModelWithProjection

from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import Diagnostic
from paramc.ir.geometry import Size
from paramc.ir.plan import ApplyControl, EmptyLatent, LoadImage, Plan, Sample
from paramc.runtime.control.hints import hint, knows_preprocessor, nearest_hint, preprocessed
from paramc.runtime.control.image_encoder import seen_by
from paramc.runtime.control.image_prompts import ImageAdapter, ImagePrompt, image_prompt
from paramc.runtime.control.steering import Steering, Unit
from paramc.runtime.execute.files import opened
from paramc.runtime.execute.values import flattened
from paramc.runtime.models.bases import bases


def is_steered(base: str) -> bool:
    """Whether units steer models of a base: those that attend to texts in a UNet."""
    return base in bases() and bool(bases()[base].widths)


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


def unit_of(op: ApplyControl, plan: Plan, net: ControlNetModel | T2IAdapter) -> Unit:
    """The unit at work. Its picture is preprocessed once, and brought to the size of each pass anew."""
    size = next(each.size for each in plan.ops if isinstance(each, EmptyLatent | LoadImage) and each.size)
    picture = preprocessed(_picture(plan, op), op.unit, size)
    nearest = any("cuts_hints" in each.flags for each in plan.ops if isinstance(each, Sample))

    @cache
    def fitted(wanted: Size) -> Tensor:
        return nearest_hint(picture, wanted) if nearest else hint(picture, wanted, op.unit.resize)

    return Unit(op.unit, net, fitted)


def steering_of(op: Sample, units: Sequence[Unit | ImagePrompt], size: Size) -> Steering:
    """What steers a pass."""
    absent = "first" if op.because[:1] == ("stages.hires",) else "second"
    acting = [unit for unit in units if unit.setting.passes != absent]
    return Steering(acting, size, by_time="controls_by_time" in op.flags)
