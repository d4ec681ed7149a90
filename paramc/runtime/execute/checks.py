"""What of a Plan cannot work, or not as its author thinks, said before anything is loaded."""

from collections.abc import Iterator

from PIL import Image

from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import Diagnostic, RunError
from paramc.ir.plan import (
    ApplyControl,
    EmptyLatent,
    LoadImage,
    MaskLatent,
    Plan,
    ResizeLatent,
    Sample,
    Sigmas,
    Slice,
    UpscaleImage,
)
from paramc.runtime.execute.controls import control_remarks
from paramc.runtime.execute.files import opened
from paramc.runtime.execute.room import lacks_room
from paramc.runtime.execute.walk import knows_schedule, on_timesteps
from paramc.runtime.models.bases import USUALLY, bases, stranger
from paramc.runtime.samplers.registry import SAMPLERS, TIMESTEP_SAMPLERS
from paramc.runtime.schedules.flow_rows import flow_bases
from paramc.runtime.stages.masks import as_mask

NO_LEVELS = frozenset({"uniform", "turbo"})  # schedules that Forge gives the timesteps of a flow for its levels
FITTED = "align_your_steps"
MOST_BLUR = 1024  # pixels, of a mask; the blur reaches two and a half times as far
CELL = 8  # pixels per latent cell, each way


def check_plan(plan: Plan) -> tuple[Diagnostic, ...]:
    """The remarks on a Plan. Raises RunError where there are errors among them."""
    said = tuple(_remarks(plan))
    wrong = [item for item in said if item.severity == "error"]
    if wrong:
        raise RunError(*wrong)
    return said


def _remarks(plan: Plan) -> Iterator[Diagnostic]:
    if plan.base not in bases():
        known = stranger(plan.family)
        yield diagnose("PC565", family=plan.family, near=known.near if known else USUALLY)
    cell = bases()[plan.base].cell if plan.base in bases() else CELL
    paints = any(isinstance(op, Sample) for op in plan.ops)
    if plan.base in flow_bases():
        yield from _flow(plan)
    for op in plan.ops:
        if isinstance(op, LoadImage):
            opened(op.image, "task.init")
        match op:
            case Sample() if op.sampler not in SAMPLERS and op.sampler not in TIMESTEP_SAMPLERS:
                yield diagnose("PC559", kind="sampler", name=op.sampler.removeprefix("unknown:"))
            case Sigmas() if not knows_schedule(op.schedule):
                yield diagnose("PC559", kind="schedule", name=op.schedule.removeprefix("unknown:"))
            case Sigmas() if op.steps < 1:
                yield diagnose("PC561", path="sampling.steps")
            case Slice() if op.strength <= 0:
                yield diagnose("PC562", path=op.because[0], strength=f"{op.strength:g}")
            case EmptyLatent() | LoadImage() | ResizeLatent() | UpscaleImage() if (
                paints
                and op.size is not None
                and not _follows(op)
                and (problem := lacks_room(op.size, cell, op.because[-1]))
            ):
                yield problem
            case EmptyLatent() | LoadImage() if op.size is not None and (op.size[0] % cell or op.size[1] % cell):
                width, height = op.size
                cells = width // cell * cell, height // cell * cell
                yield diagnose("PC560", path="size", width=width, height=height, to_width=cells[0], to_height=cells[1])
            case MaskLatent():
                yield from _mask(plan, op)
            case ApplyControl():
                yield from control_remarks(plan, op)
            case _:
                pass


def _follows(op: EmptyLatent | LoadImage | ResizeLatent | UpscaleImage) -> bool:
    """Whether one side follows from the other, once the shape of the picture is known."""
    return isinstance(op, ResizeLatent | UpscaleImage) and op.size is not None and sorted(map(bool, op.size)) == [0, 1]


def _flow(plan: Plan) -> Iterator[Diagnostic]:
    """What was made for models on timesteps."""
    flags = {flag for op in plan.ops if isinstance(op, Sample) for flag in op.flags}
    for op in plan.ops:
        match op:
            case Sigmas() if op.schedule.startswith(FITTED) or (
                op.schedule in NO_LEVELS and "keeps_flow_times" in flags
            ):
                yield diagnose("PC581", path="sampling.schedule", schedule=op.schedule)
            case Sample() if on_timesteps(op) and "rounds_timesteps" not in op.flags:
                yield diagnose("PC582", path="sampling.sampler", sampler=op.sampler)
            case _:
                pass


def _mask(plan: Plan, op: MaskLatent) -> Iterator[Diagnostic]:
    mask = as_mask(opened(op.mask, "task.mask"))
    for image in plan.ops:
        if isinstance(image, LoadImage):
            picture = opened(image.image, "task.init")
            if picture.size != mask.size:
                yield _misfit(mask, picture)
    if op.blur > MOST_BLUR:
        yield diagnose("PC598", path="task.mask_blur", blur=f"{op.blur:g}", most=MOST_BLUR)
    low, high = mask.getextrema()
    if low == high == (255 if op.inverts else 0):
        yield diagnose("PC567", path="task.mask")


def _misfit(mask: Image.Image, picture: Image.Image) -> Diagnostic:
    return diagnose(
        "PC563",
        path="task.mask",
        width=mask.width,
        height=mask.height,
        of_width=picture.width,
        of_height=picture.height,
    )
