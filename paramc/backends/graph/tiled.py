"""A pass over a picture that a model enlarged, tile by tile: by a node of a pack, for those who ask for it."""

from paramc.backends.graph.builder import Sockets
from paramc.backends.graph.context import Context, file_name
from paramc.ir.assets import AssetRef
from paramc.ir.geometry import Size
from paramc.ir.names import MODEL_UPSCALER, model_factor
from paramc.ir.plan import Decode, EncodeImage, Sample, UpscaleImage

TILED = "tiled_upscale"  # the option for such a node
PICTURE = "image"  # the output of a pass that gives a picture at once
USUAL_FACTOR = 2.0


def enlargement(context: Context, op: Sample) -> UpscaleImage | None:
    """What enlarges the picture that a pass works on, where the node can do both; None for any other pass.

    Whoever takes the result has to take a picture.
    """
    encoded = context.ops.get(op.latent) if context.choices.get(TILED) else None
    enlarged = context.ops.get(encoded.image) if isinstance(encoded, EncodeImage) else None
    if not isinstance(enlarged, UpscaleImage) or not enlarged.upscaler.startswith(MODEL_UPSCALER):
        return None
    takers = [
        other for other in context.plan.ops if op.id in (other.__dict__.get("latent"), other.__dict__.get("image"))
    ]
    return enlarged if all(isinstance(other, Decode) for other in takers) else None


def upscaled(context: Context, enlarged: UpscaleImage) -> Sockets:
    """What the node takes of the picture before it: itself, the model, and how much larger it is to become."""
    label = enlarged.upscaler.removeprefix(MODEL_UPSCALER)
    file = file_name(context, "upscaler", AssetRef(name=context.tables.words["upscalers"].get(label, label)))
    return {"image": context.socket(enlarged.image), **context.graph.add("upscale_model", file=file)}


def factor(context: Context, enlarged: UpscaleImage) -> float:
    """How many times as large the picture becomes."""
    before, size = context.sizes.get(enlarged.image), enlarged.size
    if enlarged.scale is not None:
        return enlarged.scale
    if size is None or before is None or not before.width:
        return float(model_factor(enlarged.upscaler) or USUAL_FACTOR)
    return _even(before, size)


def _even(before: Size, size: Size) -> float:
    """The ratio in as few digits as will do."""
    ratios = (round(size.width / before.width, digits) for digits in range(1, 6))
    return next((ratio for ratio in ratios if int(before.width * ratio) == size.width), size.width / before.width)
