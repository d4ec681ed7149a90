"""Plan → graph: one function for each operation, then JSON."""

from collections.abc import Sequence
from typing import assert_never

from paramc.backends.description import Target
from paramc.backends.graph.builder import Graph, Sockets
from paramc.backends.graph.context import Context
from paramc.backends.graph.details import detail
from paramc.backends.graph.images import (
    decode,
    empty_latent,
    encode_image,
    load_image,
    resize_latent,
    save,
    scale_latent,
    upscale_image,
)
from paramc.backends.graph.loading import apply_network, load_checkpoint, load_parts, load_vae, patch_model
from paramc.backends.graph.masking import mask_latent
from paramc.backends.graph.sampling import sample
from paramc.backends.graph.tables import definitions, graph_tables
from paramc.backends.registry import Choices
from paramc.backends.report import File, Report
from paramc.dialects.registry import find_dialect
from paramc.ir.job import Job
from paramc.ir.ledger import drawing
from paramc.ir.plan import (
    ApplyControl,
    ApplyNetwork,
    Average,
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
    ScaleLatent,
    Sigmas,
    Slice,
    UpscaleImage,
)

REWRITING = "faithful"  # the form that does not leave the graph alone that a job was read from
DRAWN = "ui"  # the form for the editor
TOLD = ("approximate", "dropped")  # grades that stand on a note in it
MOST_REMARKS = 20


def emit(job: Job, plan: Plan, target: Target, choices: Choices, report: Report) -> tuple[File, ...]:
    """The plan as a graph: one JSON file, the same bytes for the same job.

    A job that was read from a graph gets that graph back, with only the changed values written anew.
    """
    name = f"{target.name}{target.suffix}"
    form = choices.get("form")
    kept = None if choices.get("canonical") or form == REWRITING else _kept(job, target)
    if kept is not None:
        return (File(name, drawn_text(kept, target) if form == DRAWN else kept),)
    tables = graph_tables(target.folder)
    context = Context(job, plan, target, tables, choices, Graph(tables.nodes, definitions(target.folder)))
    for op in plan.ops:
        context.keep(op, _nodes(context, op))
    text = context.graph.text()
    return (File(name, drawn_text(text, target, _remarks(report)) if form == DRAWN else text),)


def _remarks(report: Report) -> tuple[str, ...]:
    """What of the settings the graph says in another way or not at all, each thing once."""
    lost = (fate for fate in report.fates if fate.grade in TOLD)
    return tuple(dict.fromkeys(f"{fate.key} ({fate.grade}): {fate.why}" for fate in lost))[:MOST_REMARKS]


def _kept(job: Job, target: Target) -> str | None:
    if drawing(job.ledger) is None:
        return None
    from paramc.backends.graph.kept import kept_graph  # only for jobs that were read from a graph

    return kept_graph(job, target)


def drawn_text(text: str, target: Target, remarks: Sequence[str] = ()) -> str:
    """A graph as the server takes it in the form that the editor opens; `remarks` stand on a note in it."""
    from paramc.backends.graph.drawn import workflow_text  # only where somebody asks for it
    from paramc.dialects.graph.load import load_graph
    from paramc.dialects.graph.roles import roles_of

    dialect = find_dialect(str(target.dialect), target.grammars)
    graph = load_graph(text, dialect, limit=len(text))
    return workflow_text(graph, roles_of(dialect), graph_tables(target.folder).layout, remarks)


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
        case ScaleLatent():
            return scale_latent(context, op)
        case UpscaleImage():
            return upscale_image(context, op)
        case Decode():
            return decode(context, op)
        case Save():
            return save(context, op)
        case Encode() | Combine() | Average() | ApplyControl() | MakeNoise() | Sigmas() | Slice():
            return {}  # written with the pass that uses them
        case Detail():
            return detail(context, op)
        case RestoreFaces():
            return {}  # the legaliser takes them out: no graph target lists them among its ops
        case _:
            assert_never(op)
