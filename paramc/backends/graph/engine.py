"""Plan → graph: one function for each operation, then JSON."""

from typing import assert_never

from paramc.backends.description import Target
from paramc.backends.graph.builder import Graph, Sockets
from paramc.backends.graph.context import Context
from paramc.backends.graph.images import (
    decode,
    empty_latent,
    encode_image,
    load_image,
    mask_latent,
    resize_latent,
    save,
    upscale_image,
)
from paramc.backends.graph.loading import apply_network, load_checkpoint, load_parts, load_vae, patch_model
from paramc.backends.graph.sampling import sample
from paramc.backends.graph.tables import definitions, graph_tables
from paramc.backends.registry import Choices
from paramc.backends.report import File, Report
from paramc.ir.job import Job
from paramc.ir.plan import (
    ApplyControl,
    ApplyNetwork,
    Combine,
    Decode,
    Detail,
    EmptyLatent,
    Encode,
    EncodeImage,
    LoadCheckpoint,
    LoadImage,
    LoadParts,
    LoadVae,
    MakeNoise,
    MaskLatent,
    Op,
    PatchModel,
    Plan,
    ResizeLatent,
    RestoreFaces,
    Sample,
    Save,
    Sigmas,
    Slice,
    UpscaleImage,
)


def emit(job: Job, plan: Plan, target: Target, choices: Choices, report: Report) -> tuple[File, ...]:
    """The plan as a graph: one JSON file, the same bytes for the same job."""
    tables = graph_tables(target.folder)
    context = Context(job, plan, tables, choices, Graph(tables.nodes, definitions(target.folder)))
    for op in plan.ops:
        context.keep(op, _nodes(context, op))
    return (File(f"{target.name}{target.suffix}", context.graph.text()),)


def _nodes(context: Context, op: Op) -> Sockets:
    match op:
        case LoadCheckpoint():
            return load_checkpoint(context, op)
        case LoadParts():
            return load_parts(context, op)
        case LoadVae():
            return load_vae(context, op)
        case ApplyNetwork():
            return apply_network(context, op)
        case PatchModel():
            return patch_model(context, op)
        case EmptyLatent():
            return empty_latent(context, op)
        case LoadImage():
            return load_image(context, op)
        case EncodeImage():
            return encode_image(context, op)
        case MaskLatent():
            return mask_latent(context, op)
        case Sample():
            return sample(context, op)
        case ResizeLatent():
            return resize_latent(context, op)
        case UpscaleImage():
            return upscale_image(context, op)
        case Decode():
            return decode(context, op)
        case Save():
            return save(context, op)
        case Encode() | Combine() | MakeNoise() | Sigmas() | Slice():
            return {}  # written with the pass that uses them
        case ApplyControl() | Detail() | RestoreFaces():
            return {}  # the legaliser takes them out: no graph target lists them among its ops
        case _:
            assert_never(op)
