"""Latents and pictures: where sampling starts, what happens between two passes, what comes out."""

from paramc.backends.graph.builder import Sockets
from paramc.backends.graph.context import Context, batch_of, file_name, file_prefix, picture_name
from paramc.backends.graph.masking import laid_over, painted_part
from paramc.backends.graph.tiled import PICTURE
from paramc.ir.assets import AssetRef
from paramc.ir.geometry import Size, multiplied
from paramc.ir.names import MODEL_UPSCALER, model_factor
from paramc.ir.plan import Decode, EmptyLatent, EncodeImage, LoadImage, ResizeLatent, Save, ScaleLatent, UpscaleImage

CELL = 8  # pixels per latent cell


def empty_latent(context: Context, op: EmptyLatent) -> Sockets:
    """Zeros of the base's own depth."""
    context.sizes[op.id] = op.size
    batch = batch_of(context, op.batch)
    return context.graph.add(context.base.latent, width=op.size.width, height=op.size.height, batch=batch)


def load_image(context: Context, op: LoadImage) -> Sockets:
    """The user's picture, brought to the size of the pass unless the latent will be."""
    loaded = context.graph.add("load_image", file=picture_name(context, "image", op.image))
    if op.size is None:
        return loaded
    context.sizes[op.id] = op.size
    part = painted_part(context)
    if part is not None:
        loaded |= context.graph.add("crop", image=loaded["image"], **part._asdict())
    elif op.resize == "latent":
        return loaded
    method, crop = context.word("image_methods", "lanczos"), context.word("crops", op.resize)
    scaled = context.graph.add(
        "scale", method=method, width=op.size.width, height=op.size.height, crop=crop, image=loaded["image"]
    )
    return loaded | scaled


def encode_image(context: Context, op: EncodeImage) -> Sockets:
    """A picture as latent, resized now if it was not before, once for each image of the batch."""
    context.keep_size(op.id, op.image)
    latent = context.graph.add("encode_image", image=context.socket(op.image), vae=context.socket(op.vae))
    source = context.ops.get(op.image)
    if isinstance(source, LoadImage) and source.resize == "latent" and source.size and painted_part(context) is None:
        method = context.word("latent_methods", "bilinear")
        size = source.size
        latent = context.graph.add("resize_latent", method=method, width=size.width, height=size.height, **latent)
    batch = batch_of(context, op.batch)
    from_picture = isinstance(source, LoadImage)  # the pictures of a first pass are a batch already
    return context.graph.add("repeat", batch=batch, **latent) if batch > 1 and from_picture else latent


def resize_latent(context: Context, op: ResizeLatent) -> Sockets:
    """A latent scaled, then cut where the shape changes: half of the excess, rounded down, at the start."""
    context.sizes[op.id] = op.crop_to
    method = context.word("latent_methods", op.method)
    latent = context.graph.add(
        "resize_latent", method=method, width=op.size.width, height=op.size.height, latent=context.socket(op.latent)
    )
    if op.crop_to == op.size:
        return latent
    x, y = (_cut(before, after) for before, after in zip(op.size, op.crop_to, strict=True))
    return context.graph.add("crop_latent", width=op.crop_to.width, height=op.crop_to.height, x=x, y=y, **latent)


def scale_latent(context: Context, op: ScaleLatent) -> Sockets:
    """A latent so many times as large."""
    before = context.sizes.get(op.latent)
    if before is not None:
        context.sizes[op.id] = multiplied(before, op.scale, CELL)
    method = context.word("latent_methods", op.method)
    return context.graph.add("scale_latent", method=method, scale=op.scale, latent=context.socket(op.latent))


def upscale_image(context: Context, op: UpscaleImage) -> Sockets:
    """A picture enlarged by a model or by resampling alone, then brought to its size."""
    image = {"image": context.socket(op.image)}
    label = op.upscaler.removeprefix(MODEL_UPSCALER)
    modelled = label != op.upscaler
    if modelled:
        file = file_name(context, "upscaler", AssetRef(name=context.tables.words["upscalers"].get(label, label)))
        image = context.graph.add("upscale", **context.graph.add("upscale_model", file=file), **image)
    asked = (op.resampling or "lanczos") if modelled else op.upscaler.partition(":")[2]
    method = context.word("image_methods", asked)
    before = context.sizes.get(op.image)
    if op.plainly and op.size is None:
        return _enlarged_plainly(context, op, image, method, model_factor(label) if modelled else 1)
    size = op.size or _scaled(before, op.scale)
    if size is not None:
        context.sizes[op.id] = op.crop_to or size
        image = context.graph.add(
            "scale", method=method, width=size.width, height=size.height, crop="disabled", **image
        )
    elif op.scale is not None and not modelled:
        image = context.graph.add("scale_by", method=method, scale=op.scale, **image)
    if op.crop_to is None or size is None or op.crop_to == size:
        return image
    x, y = (_cut(before, after) for before, after in zip(size, op.crop_to, strict=True))
    return context.graph.add("crop", width=op.crop_to.width, height=op.crop_to.height, x=x, y=y, **image)


def _enlarged_plainly(context: Context, op: UpscaleImage, image: Sockets, method: str, factor: int | None) -> Sockets:
    """A picture as large as a model makes it, or brought to a share of that; nothing is known of the size but so."""
    before = context.sizes.get(op.image)
    scale = op.scale if op.scale is not None else float(factor or 0)
    if before is not None and scale:
        context.sizes[op.id] = multiplied(before, scale, 1)
    if op.scale is None or op.scale == factor != 1:
        return image
    if factor is None and before is not None:
        width, height = context.sizes[op.id]
        return context.graph.add("scale", method=method, width=width, height=height, crop="disabled", **image)
    share = float(f"{op.scale / (factor or 1):.10g}")
    return context.graph.add("scale_by", method=method, scale=share, **image)


def decode(context: Context, op: Decode) -> Sockets:
    """A latent as picture."""
    context.keep_size(op.id, op.latent)
    if f"{op.latent}.{PICTURE}" in context.made:
        return {PICTURE: context.socket(op.latent)}
    decoded = context.graph.add("decode", latent=context.socket(op.latent), vae=context.socket(op.vae))
    return laid_over(context, op, decoded)


def save(context: Context, op: Save) -> Sockets:
    """The result, under the prefix that the user chose."""
    prefix = file_prefix(context, str(context.choices.get("filename_prefix", "")))
    return context.graph.add("save", prefix=prefix, image=context.socket(op.image))


def _cut(before: int, after: int) -> int:
    return max((before // CELL - after // CELL) // 2, 0) * CELL


def _scaled(size: Size | None, scale: float | None) -> Size | None:
    if size is None or scale is None:
        return None
    return Size(int(size.width * scale), int(size.height * scale))
