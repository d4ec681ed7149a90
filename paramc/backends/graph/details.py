"""Regions that a detector finds, painted anew on the finished picture: by a node of a pack that the user has."""

from paramc.backends.graph.builder import Socket, Sockets
from paramc.backends.graph.conditioning import Side, text_conditioning
from paramc.backends.graph.context import Context, Steered, file_name
from paramc.dialects.prompt import expand, read_prompt, weigh
from paramc.dialects.registry import find_dialect
from paramc.ir.geometry import Size
from paramc.ir.names import executed_schedule
from paramc.ir.plan import Decode, Detail, Encode, Run, Variant
from paramc.ir.stages import Detailer
from paramc.passes.defaults import DEFAULT_SIZE

BREAK = ("BREAK", -1)  # the run that begins a new chunk
MOST = 0.999  # of a strength, in A1111


def detail(context: Context, op: Detail) -> Sockets:
    """The picture with its regions painted anew, by the model and texts of the last pass unless there are others."""
    image, pass_ = {"image": context.socket(op.image)}, context.steered
    if pass_ is None:  # a finished picture that no pass made: no model is there to paint with
        return image
    asked = op.detailer
    loaded = _loaded(context, asked, pass_)
    sampler = context.tables.sampler(asked.sampler).name if asked.sampler else pass_.sampler
    wished = executed_schedule(asked.sampler, asked.schedule)
    scheduler = context.tables.schedule(wished).name if asked.schedule else pass_.scheduler
    region = _region(context, asked)
    return context.graph.add(
        "detailer",
        least=min(region),
        most=max(region),
        seed=pass_.seed,
        steps=_steps(asked, asked.steps or context.job.sampling.steps or pass_.steps, pass_),
        cfg=pass_.cfg if asked.cfg_scale is None else asked.cfg_scale,
        sampler=sampler,
        scheduler=scheduler,
        denoise=asked.strength,
        feather=round(asked.mask_blur),
        confidence=asked.confidence,
        dilation=asked.dilation,
        vae=_vae(context, asked, loaded),
        model=loaded["model"],
        clip=loaded["clip"],
        **_texts(context, asked, pass_, loaded),
        **_detector(context, asked),
        **image,
    )


def _steps(asked: Detailer, steps: int, pass_: Steered) -> int:
    """The steps that are run: of a program that shortens its schedule by the strength only so many."""
    return steps if pass_.takes_all else int(min(asked.strength, MOST) * steps) + 1


def _loaded(context: Context, asked: Detailer, pass_: Steered) -> Sockets:
    if asked.checkpoint is None:
        return {"model": pass_.model, "clip": pass_.clip}
    return context.graph.add("checkpoint", file=file_name(context, "checkpoint", asked.checkpoint))


def _vae(context: Context, asked: Detailer, loaded: Sockets) -> Socket:
    if asked.vae is not None:
        return context.graph.add("vae", file=file_name(context, "vae", asked.vae))["vae"]
    decoded = next(op for op in reversed(context.plan.ops) if isinstance(op, Decode))
    return loaded.get("vae", context.socket(decoded.vae))


def _texts(context: Context, asked: Detailer, pass_: Steered, loaded: Sockets) -> Sockets:
    """Both conditionings: those of the pass, unless there are texts or a text encoder of the region's own."""
    job = context.job
    found: Sockets = {"positive": pass_.positive, "negative": pass_.negative}
    for side, own, main in (("positive", asked.prompt, job.prompt), ("negative", asked.negative, job.negative)):
        first = own.partition(context.tables.detailing.separator)[0].strip()
        if first or asked.checkpoint is not None:
            whole = first.replace(context.tables.detailing.main, main.text) if first else main.text
            found[side] = _conditioning(context, whole, asked, loaded["clip"], negative=side == "negative")
            if side == "positive" and pass_.distilled is not None:
                guided = context.graph.add("distilled", guidance=pass_.distilled, conditioning=found[side])
                found[side] = guided["conditioning"]
    return found


def _conditioning(context: Context, text: str, asked: Detailer, clip: Socket, *, negative: bool) -> Socket:
    """A text as it stands at its last step; a region is painted in a few."""
    job, dialect = context.job, find_dialect(context.job.text.language)
    plain = text if negative else " ".join(branch.text for branch in read_prompt(text, dialect).branches)
    _, last = tuple(expand(plain, dialect, 1))[-1]
    runs = tuple(
        Run(text="", breaks=True) if (piece, weight) == BREAK else Run(text=piece, weight=weight)
        for piece, weight in weigh(last, dialect)
    )
    variant = Variant(last_call=0, text=last, runs=runs)
    encode = Encode(
        id="detail",
        clip="",
        variants=(variant,),
        layer=asked.layer or job.text.layer,
        emphasis=job.text.emphasis,
        negative=negative,
        embeddings=job.assets.embeddings,
    )
    return text_conditioning(context, encode, variant, Side(clip, tuple))


def _region(context: Context, asked: Detailer) -> Size:
    """The size that a region is painted at."""
    usual = context.job.size or DEFAULT_SIZE
    return Size(asked.width or usual.width, asked.height or usual.height)


def _detector(context: Context, asked: Detailer) -> Sockets:
    """What finds the regions: boxes, or shapes by a file that says so in its name."""
    words = context.tables.detailing
    file = words.files.get(asked.model) or asked.model or next(iter(words.files.values()))
    shapes = words.shapes in file
    folder = "" if "/" in file else words.shape_folder if shapes else words.box_folder
    return context.graph.add("detector", file=f"{folder}{file}")
