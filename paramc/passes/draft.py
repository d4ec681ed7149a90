"""A Plan under construction, and its first ops: the models."""

from dataclasses import dataclass, field

from paramc.dialects.description import Dialect
from paramc.ir.assets import AssetRef
from paramc.ir.base import trusted
from paramc.ir.control import ExtraNetwork, PromptArea
from paramc.ir.geometry import Size
from paramc.ir.job import Job
from paramc.ir.plan import ApplyNetwork, LoadCheckpoint, LoadParts, LoadVae, Op, PatchModel
from paramc.ir.prompt import Prompt
from paramc.ir.stages import Further, Hires


@dataclass(slots=True)
class Draft:
    """The ops so far, and the ids of what later ops build on."""

    job: Job
    base: str
    language: Dialect  # of the prompts
    habits: tuple[str, ...] = ()  # flags of the program's sampling loop
    keeping: frozenset[str] = frozenset()  # samplers that have all sigmas there, whatever they drop elsewhere
    enlarges_plainly: bool = False  # as in UpscaleImage
    ops: list[Op] = field(default_factory=list)
    model: str = ""
    clip: str = ""
    vae: str = ""
    noise: str = ""
    opening: tuple[str, str, str] = ("", "", "")  # model, encoder and VAE of the first pass
    size: Size | None = None  # of what there is so far, pixels; None where only the picture tells it

    def add(self, op: Op) -> str:
        """Put an op at the end; gives its id."""
        self.ops.append(op)
        return op.id


def load_models(draft: Draft) -> None:
    """The checkpoint, its VAE or another, and what is laid over the weights."""
    assets = draft.job.assets
    checkpoint = assets.checkpoint or AssetRef()
    if assets.modules:
        because = ("assets.checkpoint", "assets.modules")
        load = trusted(LoadParts)(
            id="checkpoint",
            because=because,
            asset=checkpoint,
            encoders=assets.modules,
            weight_dtype=assets.weight_dtype,
        )
        draft.add(load)
    else:
        draft.add(trusted(LoadCheckpoint)(id="checkpoint", because=("assets.checkpoint",), asset=checkpoint))
    draft.model, draft.clip, draft.vae = "checkpoint.model", "checkpoint.clip", "checkpoint.vae"
    if assets.vae and assets.vae.name:
        draft.vae = f"{draft.add(trusted(LoadVae)(id='vae', because=('assets.vae',), asset=assets.vae))}.vae"
    _apply_networks(draft, draft.job.prompt, "prompt", "")
    _apply_patches(draft, "")
    draft.opening = draft.model, draft.clip, draft.vae


def _apply_patches(draft: Draft, suffix: str) -> None:
    for index, patch in enumerate(draft.job.patches):
        if isinstance(patch, PromptArea):
            continue  # of the prompts
        if isinstance(patch, ExtraNetwork):
            _apply_extra(draft, patch, f"network_extra{suffix}{index + 1}")
            continue
        draft.model = draft.add(
            trusted(PatchModel)(
                id=f"patch{suffix}{index + 1}", because=(f"patches.{patch.kind}",), model=draft.model, patch=patch
            )
        )


def _apply_extra(draft: Draft, patch: ExtraNetwork, name: str) -> None:
    draft.add(
        trusted(ApplyNetwork)(
            id=name,
            because=("patches.extra_network",),
            model=draft.model,
            clip=draft.clip,
            kind=patch.network,
            asset=patch.model,
            model_strength=patch.unet,
            clip_strength=patch.text_encoder,
        )
    )
    draft.model, draft.clip = f"{name}.model", f"{name}.clip"


def _apply_networks(draft: Draft, prompt: Prompt, path: str, suffix: str) -> None:
    # A1111 loads a name once, with the strengths of its last tag, and applies it once for each tag.
    last = {(tag.kind, tag.name): tag for tag in prompt.networks}
    hashes = {asset.name: asset for asset in draft.job.assets.networks}
    for index, written in enumerate(prompt.networks):
        tag = last[written.kind, written.name]
        op = trusted(ApplyNetwork)(
            id=f"network{suffix}{index + 1}",
            because=(path,),
            model=draft.model,
            clip=draft.clip,
            kind=tag.kind,
            asset=hashes.get(tag.name, AssetRef(name=tag.name)),
            model_strength=1.0 if tag.unet is None else tag.unet,
            clip_strength=1.0 if tag.text_encoder is None else tag.text_encoder,
            rank_limit=tag.rank,
            blocks=tag.blocks,
            first_step=tag.first_step,
            last_step=tag.last_step,
        )
        draft.add(op)
        draft.model, draft.clip = f"{op.id}.model", f"{op.id}.clip"


def change_checkpoint(draft: Draft, stage: Hires | Further, part: str, suffix: str) -> None:
    """Another checkpoint for a later pass, or other networks, under the same patches; `part` is its path."""
    if stage.checkpoint is None or stage.checkpoint.name is None:
        if isinstance(stage, Hires) and stage.prompt is not None and _names_others(stage.prompt, draft.job.prompt):
            draft.model, draft.clip = "checkpoint.model", "checkpoint.clip"
            _apply_networks(draft, stage.prompt, f"{part}.prompt", suffix)
            _apply_patches(draft, suffix)
        return
    name = f"{suffix.removeprefix('_')}_checkpoint"
    draft.add(trusted(LoadCheckpoint)(id=name, because=(f"{part}.checkpoint",), asset=stage.checkpoint))
    draft.model, draft.clip = f"{name}.model", f"{name}.clip"
    if draft.vae == "checkpoint.vae":
        draft.vae = f"{name}.vae"
    _apply_networks(draft, stage.prompt or draft.job.prompt, f"{part}.prompt", suffix)
    _apply_patches(draft, suffix)


def _names_others(own: Prompt, first: Prompt) -> bool:
    """Whether a second prompt switches on other networks than the first; those of nodes stand in no text, and stay."""
    tags = [[tag.model_copy(update={"span": None}) for tag in prompt.networks] for prompt in (own, first)]
    return tags[0] != tags[1] and all(tag.span is not None for tag in (*own.networks, *first.networks))
