"""Inpainting: what of a picture is painted anew, the whole of it or a part alone, and what is laid over the rest."""

import re
from typing import NamedTuple

from paramc.backends.graph.builder import Socket, Sockets
from paramc.backends.graph.context import Context, batch_of, picture_name
from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import UnknownName
from paramc.ir.plan import Decode, EncodeImage, LoadImage, MaskLatent, Sample

WIDEST_BLUR, SMALLEST_BLUR = 31, 0.1  # radius in pixels, sigma
PART = "painted_part"  # the option that says what a mask that stands alone is cut out with
MASK = "mask"  # the output of an operation on a latent that is its mask
_SIDES = re.compile(r"\s*(\d{1,5})\s*,\s*(\d{1,5})\s*,\s*(\d{1,5})\s*,\s*(\d{1,5})\s*")


class Part(NamedTuple):
    """A part of a picture: its first column and row, and how many there are."""

    x: int
    y: int
    width: int
    height: int


def painted_part(context: Context) -> Part | None:
    """The part of the picture that is painted alone; None for the whole, and where the user has not said it.

    Raises UnknownName for what is no part.
    """
    wish = str(context.choices.get(PART, ""))
    if not wish or not any(isinstance(op, MaskLatent) and op.area == "masked" for op in context.plan.ops):
        return None
    sides = _SIDES.fullmatch(wish)
    left, top, right, bottom = map(int, sides.groups()) if sides else (0, 0, 0, 0)
    if right <= left or bottom <= top:
        raise UnknownName(diagnose("PC310", name=wish, kind=PART, hint="give LEFT,TOP,RIGHT,BOTTOM in pixels"))
    return Part(left, top, right - left, bottom - top)


def mask_latent(context: Context, op: MaskLatent) -> Sockets:
    """A latent of which only the white part of the mask is sampled."""
    context.keep_size(op.id, op.latent)
    latent = context.socket(op.latent)
    mask = context.graph.add("load_mask", file=picture_name(context, "mask", op.mask))
    if op.inverts:
        mask = context.graph.add("invert_mask", **mask)
    sharp = mask
    if op.blur >= SMALLEST_BLUR:
        radius = min(int(2.5 * min(op.blur, WIDEST_BLUR) + 0.5), WIDEST_BLUR)
        blurred = context.graph.add("blur", radius=radius, sigma=op.blur, **context.graph.add("mask_to_image", **mask))
        mask = context.graph.add("image_to_mask", **blurred)
    part = painted_part(context)
    if part is not None:
        sharp, mask = (_cut_out(context, one, part) for one in (sharp, mask))
    context.made[f"{op.id}.{MASK}"] = mask["mask"]
    return context.graph.add("masked", latent=_filled(context, op, latent, sharp["mask"]), **mask)


def _cut_out(context: Context, mask: Sockets, part: Part) -> Sockets:
    return context.graph.add("crop_mask", **part._asdict(), **mask)


def _filled(context: Context, op: MaskLatent, latent: Socket, mask: Socket) -> Socket:
    """The latent with what the masked part begins with instead of the picture, where nodes can say that."""
    source = context.ops.get(op.latent)
    match op.fill:
        case "latent_nothing":
            nothing = context.graph.add("nothing", latent=latent)["latent"]
            return context.graph.add("composite", latent=latent, source=nothing, mask=mask)["latent"]
        case "fill" if isinstance(source, EncodeImage):
            image, vae = context.socket(source.image), context.socket(source.vae)
            grey = context.graph.add("encode_grey", image=image, vae=vae, mask=mask)
            batch = batch_of(context, source.batch)
            return (context.graph.add("repeat", batch=batch, **grey) if batch > 1 else grey)["latent"]
        case _:
            return latent


def laid_over(context: Context, op: Decode, decoded: Sockets) -> Sockets:
    """The result with the picture's own pixels where the mask is black, as A1111 lays them over it."""
    sampled = context.ops.get(op.latent)
    masked = context.ops.get(sampled.latent) if isinstance(sampled, Sample) else None
    encoded = context.ops.get(masked.latent) if isinstance(masked, MaskLatent) and not masked.keeps_shades else None
    loaded = context.ops.get(encoded.image) if isinstance(encoded, EncodeImage) else None
    if not isinstance(masked, MaskLatent) or masked.soft is not None or not isinstance(loaded, LoadImage):
        return decoded
    part = painted_part(context)
    if part is None and loaded.resize == "latent":
        return decoded  # no picture has the size of the result
    ground = context.socket(loaded.id)
    if part is not None:
        ground = context.graph.add("load_image", file=picture_name(context, "image", loaded.image))["image"]
        method, crop = context.word("image_methods", "lanczos"), context.word("crops", "stretch")
        decoded = context.graph.add("scale", method=method, crop=crop, width=part.width, height=part.height, **decoded)
    batch = batch_of(context, context.job.batch.size)
    if batch > 1:
        ground = context.graph.add("repeat_image", batch=batch, image=ground)["image"]
    corner = {"x": part.x if part else 0, "y": part.y if part else 0}
    mask = context.made[f"{masked.id}.{MASK}"]
    return context.graph.add("lay_over", mask=mask, ground=ground, **corner, **decoded)
