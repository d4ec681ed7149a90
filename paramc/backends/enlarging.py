"""Enlargements of a plan as a script says them: sizes in the names of its constants, filters by the library's names."""

from collections.abc import Mapping

from paramc.backends.lengths import kept, margin, plus, side
from paramc.backends.literals import literal
from paramc.backends.pipelines import ModelRow, Pipelines
from paramc.backends.planned import UNKNOWN
from paramc.backends.script import LatentEnlargement, PictureEnlargement
from paramc.ir.geometry import Size
from paramc.ir.plan import Op, ResizeLatent, UpscaleImage

ANY = "*"  # names what stands in for an upscaler without a row
IMAGE = "image:"  # what the ids of filters begin with
CELL = 8  # pixels
SECOND = ("stages.hires.upscaler",)  # why a second pass enlarges: it cuts what is encoded, not the picture


def latent_enlargement(
    op: Op | None, sources: Mapping[str, str], model: ModelRow, pipelines: Pipelines
) -> LatentEnlargement | None:
    """The latents of the first pass, enlarged; None where the pass does not begin with them."""
    if not isinstance(op, ResizeLatent):
        return None
    scale = model.latent_scale
    mode = pipelines.latent_modes.get(op.method, pipelines.latent_modes["bilinear"])
    more = tuple(f"{key}={literal(value)}" for key, value in mode.items() if isinstance(value, str | bool))
    height, width = f"{sources['height']} // {scale}", f"{sources['width']} // {scale}"
    full = Size(op.size.width // scale, op.size.height // scale)
    left, top = _margin_in_cells(op.size, op.crop_to, scale)
    cells = f"size=({side(full.height, top, height)}, {side(full.width, left, width)})"
    return LatentEnlargement(("latents", cells, *more), kept(top, height), kept(left, width))


def _margin_in_cells(full: Size, part: Size, scale: int) -> tuple[int | None, int | None]:
    return margin(*(Size(size.width // scale, size.height // scale) for size in (full, part)))


def picture_enlargement(op: Op | None, sources: Mapping[str, str], pipelines: Pipelines) -> PictureEnlargement | None:
    """The pictures of the first pass, enlarged; None where the pass does not begin with them."""
    if not isinstance(op, UpscaleImage):
        return None
    resampling = _resampling(op, pipelines)
    width, height = sources["width"], sources["height"]
    full = op.size or UNKNOWN
    left, top = (None, None) if op.crop_to is None else margin(full, op.crop_to)
    size = side(full.width, left, width), side(full.height, top, height)
    evens = op.upscaler.startswith(IMAGE) and not op.plainly and any(length % CELL for length in full)
    if left is None and top is None:
        return PictureEnlargement(size, resampling, evens=evens)
    if op.crop_to is not None and op.because[:1] == SECOND:
        columns, rows = _margin_in_cells(full, op.crop_to, CELL)
        cells = kept(rows, f"{height} // {CELL}"), kept(columns, f"{width} // {CELL}")
        return PictureEnlargement(size, resampling, evens=evens, cells=cells)
    box = (f"{left or 0}", f"{top or 0}", plus(left or 0, width), plus(top or 0, height))
    return PictureEnlargement(size, resampling, box, evens=evens)


def _resampling(op: UpscaleImage, pipelines: Pipelines) -> str:
    filters = pipelines.filters
    return filters.get(op.upscaler, filters[ANY])


def finished_enlargement(op: UpscaleImage, pipelines: Pipelines) -> PictureEnlargement:
    """The enlargement of a finished picture."""
    resampling = _resampling(op, pipelines)
    if op.size is not None and all(op.size):
        return PictureEnlargement((f"{op.size.width}", f"{op.size.height}"), resampling)
    scaled = "round(pictures[0].width * scale)", "round(pictures[0].height * scale)"
    return PictureEnlargement(scaled, resampling, scale=literal(1.0 if op.scale is None else op.scale))
