"""Lints of the size of the first pass."""

from collections.abc import Iterator

from paramc.diagnostics.model import Diagnostic, Severity
from paramc.ir.control import Tiling
from paramc.ir.geometry import Size
from paramc.ir.stages import TextToImage
from paramc.passes.lint.scene import Scene
from paramc.passes.lint.tables import Rule

SIZE = "size"
MEGAPIXEL = 1_000_000
LATENT_SCALE = 8  # pixels per latent cell


def is_floored(scene: Scene, rule: Rule) -> Iterator[Diagnostic]:
    """Sides that the model's patches cut down."""
    size, advice = scene.job.size, scene.advice
    if size is None or advice is None or advice.multiple <= LATENT_SCALE or not any(size):
        return
    floor = _floored(size, advice.multiple)
    if floor != size and all(floor) and not any(side % LATENT_SCALE for side in size):
        mend = scene.instead(SIZE, _text(floor), "safe" if scene.base != "sd3" else "maybe")
        severity: Severity | None = "error" if scene.base == "sd3" else None
        told, kept = _text(size), _text(floor)
        yield scene.say(
            rule, SIZE, severity=severity, suggestion=mend,
            value=told, multiple=advice.multiple, floor=kept, family=scene.family,
        )  # fmt: skip


def is_uneven(scene: Scene, rule: Rule) -> Iterator[Diagnostic]:
    """Sides between the multiples that the model was trained with."""
    size, multiple = scene.job.size, int(rule.limits["multiple"])
    is_whole = size is not None and not any(side % LATENT_SCALE for side in size)
    if size and is_whole and any(side % multiple for side in size) and isinstance(scene.job.task, TextToImage):
        near = Size(*(max(1, round(side / multiple)) * multiple for side in size))
        mend = scene.instead(SIZE, _text(near), "manual")
        yield scene.say(rule, SIZE, suggestion=mend, value=_text(size), multiple=multiple)


def is_small(scene: Scene, rule: Rule) -> Iterator[Diagnostic]:
    """A first pass smaller than SDXL can do."""
    size = scene.job.size
    if size is None or not all(size) or not isinstance(scene.job.task, TextToImage):
        return
    if _area(size) < rule.limits["megapixels"] or min(size) < rule.limits["side"]:
        yield scene.say(rule, SIZE, value=_text(size), family=scene.family)


def is_large(scene: Scene, rule: Rule) -> Iterator[Diagnostic]:
    """A first pass larger than SD1 can do at once."""
    size, job = scene.job.size, scene.job
    helped = job.hires is not None or bool(job.controls) or scene.extensions & set(rule.words)
    tiles = any(isinstance(patch, Tiling) for patch in job.patches)
    if size is None or helped or tiles or not isinstance(job.task, TextToImage):
        return
    if _area(size) > rule.limits["megapixels"] or max(size) > rule.limits["side"]:
        yield scene.say(rule, SIZE, value=_text(size), family=scene.family)


def is_extreme(scene: Scene, rule: Rule) -> Iterator[Diagnostic]:
    """A picture far longer than wide."""
    size = scene.job.size
    if size and all(size) and max(size) / min(size) > rule.limits["ratio"]:
        yield scene.say(rule, SIZE, value=_text(size), ratio=f"{max(size) / min(size):.1f}")


def _area(size: Size) -> float:
    return size.width * size.height / MEGAPIXEL


def _floored(size: Size, multiple: int) -> Size:
    return Size(size.width // multiple * multiple, size.height // multiple * multiple)


def _text(size: Size) -> str:
    return f"{size.width}x{size.height}"
