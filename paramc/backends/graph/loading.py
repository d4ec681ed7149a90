"""Files and what is laid over them: checkpoints, parts, VAEs, networks, patches."""

from paramc.backends.graph.builder import Socket, Sockets
from paramc.backends.graph.context import Context, file_name
from paramc.ir.assets import AssetRef
from paramc.ir.control import (
    DeepShrink,
    FreeU,
    Hypernetwork,
    HyperTile,
    PerturbedAttention,
    SelfAttentionGuidance,
    TokenMerging,
)
from paramc.ir.plan import ApplyNetwork, LoadCheckpoint, LoadParts, LoadVae, PatchModel

MOST_ENCODERS = 4  # that one loader takes


def load_checkpoint(context: Context, op: LoadCheckpoint) -> Sockets:
    """One file with everything in it."""
    return context.graph.add("checkpoint", op.id, file=file_name(context, "checkpoint", op.asset))


def load_parts(context: Context, op: LoadParts) -> Sockets:
    """Encoders and VAE from files of their own; what no file gives comes out of the model's."""
    encoders, vae = sorted_modules(context, op)
    if encoders and vae:
        model = context.graph.add(
            "diffusion_model",
            file=file_name(context, "diffusion_model", op.asset),
            dtype=context.word("weight_dtypes", op.weight_dtype or "default"),
        )
    else:
        model = load_checkpoint(context, LoadCheckpoint(id=op.id, asset=op.asset))
    parts = dict(model)
    if encoders:
        parts["clip"] = _load_encoders(context, encoders)
    if vae:
        parts["vae"] = context.graph.add("vae", file=vae)["vae"]
    return parts


def sorted_modules(context: Context, op: LoadParts) -> tuple[tuple[str, ...], str]:
    """The file names of the text encoders in their order, and that of the VAE, as their names tell."""
    marks = context.tables.modules
    encoders: list[str] = []
    vae = ""
    for asset in op.encoders:
        name = file_name(context, "encoder", asset)
        lowered = name.lower()
        if any(mark in lowered for mark in marks.vae):
            vae = vae or name
        elif any(mark in lowered for mark in marks.encoder):
            encoders.append(name)
    return tuple(encoders[:MOST_ENCODERS]), vae


def _load_encoders(context: Context, files: tuple[str, ...]) -> Socket:
    base = context.base
    missing = (file for mark, file in base.needs.items() if not any(mark in name.lower() for name in files))
    wanted = (*files, *missing)[:MOST_ENCODERS]
    role = f"encoders_{len(wanted)}"
    named = {f"file{index + 1}": name for index, name in enumerate(wanted)}
    return context.graph.add(role, kind=_encoder_kind(context, role), **named)["clip"]


def _encoder_kind(context: Context, role: str) -> str:
    """What the loader calls the encoders of the base; its usual word where it has none for so many of them."""
    takes = context.graph.definitions[context.tables.nodes[role].class_type].takes
    known = any(context.base.encoder in (*take.words, *take.newer) for take in takes.values())
    return context.base.encoder if known else context.tables.modules.kinds.get(role, "")


def load_vae(context: Context, op: LoadVae) -> Sockets:
    """A VAE from a file of its own."""
    return context.graph.add("vae", file=file_name(context, "vae", op.asset))


def apply_network(context: Context, op: ApplyNetwork) -> Sockets:
    """A network over model and text encoder; a kind that the target does not know changes neither."""
    given = {"model": context.socket(op.model), "clip": context.socket(op.clip)}
    role = context.tables.words["networks"].get(op.kind)
    if role is None:
        return given
    file = file_name(context, role, op.asset)
    strengths = {"model_strength": op.model_strength, "clip_strength": op.clip_strength}
    return given | context.graph.add(role, file=file, **strengths, **given)


def patch_model(context: Context, op: PatchModel) -> Sockets:
    """A change of the model by the node of its kind; a kind without one changes nothing."""
    given = {"model": context.socket(op.model)}
    role = context.tables.words["patches"].get(op.patch.kind)
    if role is None:
        return given
    match op.patch:
        case Hypernetwork(name=name, strength=strength):
            file = file_name(context, role, AssetRef(name=name))
            return context.graph.add(role, file=file, model_strength=strength, **given)
        case HyperTile(unet=True, unet_tile=tile, unet_swap=swap, unet_depth=depth):
            return context.graph.add(role, tile=tile, swap=swap, depth=depth, **given)
        case TokenMerging(ratio=ratio) if ratio > 0:
            return context.graph.add(role, ratio=ratio, **given)
        case FreeU() | SelfAttentionGuidance() | PerturbedAttention() | DeepShrink():
            return context.graph.add(role, **op.patch.model_dump(exclude={"kind"}), **given)
        case _:
            return given
