"""A plan seen as passes: what each one starts from, what it is told, what it makes, for targets without a graph."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from paramc.ir.assets import AssetRef
from paramc.ir.control import ControlNet, Patch, PromptArea, Reference
from paramc.ir.geometry import Size
from paramc.ir.plan import (
    ApplyControl,
    ApplyNetwork,
    Average,
    Combine,
    Decode,
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
    Sample,
    Sigmas,
    Slice,
    UpscaleImage,
)
from paramc.passes.defaults import DEFAULT_SIZE

PASSES = 2  # a first pass, and one that enlarges what it made
LORAS = frozenset({"lora", "lyco"})  # kinds of networks that are laid over the weights
UNKNOWN = Size(0, 0)


@dataclass(frozen=True, slots=True)
class PlannedPass:
    """One sampling loop. `origin`: an empty latent, a picture, or what enlarges the pass before."""

    sample: Sample
    sigmas: Sigmas
    tail: Slice | None
    origin: Op | None
    positive: str
    negative: str
    layer: int
    asked: Encode | None = None  # `positive` and `negative` with all that is to be known of them
    avoided: Encode | None = None
    mask: MaskLatent | None = None
    controls: tuple[ControlNet, ...] = ()
    wanted: tuple[tuple[Encode, float], ...] = ()  # the AND-parts of the prompt, each with its weight
    unwanted: tuple[tuple[Encode, float], ...] = ()
    areas: tuple[PromptArea | None, ...] = ()  # where each of those parts counts; empty where all count everywhere

    @property
    def size(self) -> Size:
        """Of the pictures that the pass makes, pixels."""
        match self.origin:
            case EmptyLatent(size=size) | ResizeLatent(crop_to=size):
                return size
            case UpscaleImage(size=size, crop_to=crop):
                return crop or size or UNKNOWN
            case LoadImage(size=size):
                return size or DEFAULT_SIZE
            case _:
                return UNKNOWN


def begun(plan: Plan) -> Plan:
    """A plan that begins with the first picture that its model is shown, where it would begin with nothing."""
    patches = (op.patch for op in plan.ops if isinstance(op, PatchModel))
    shown = next((patch.image for patch in patches if isinstance(patch, Reference)), None)
    empty = next((op for op in plan.ops if isinstance(op, EmptyLatent)), None)
    decode = next((op for op in plan.ops if isinstance(op, Decode)), None)
    if shown is None or empty is None or decode is None:
        return plan
    image = LoadImage(id="image", image=shown, size=empty.size)
    latent = EncodeImage(id=empty.id, image=image.id, vae=decode.vae, batch=empty.batch)
    place = plan.ops.index(empty)
    return plan.model_copy(update={"ops": (*plan.ops[:place], image, latent, *plan.ops[place + 1 :])})


def unrefined(plan: Plan) -> Plan:
    """A plan in which each pass has one model to its end."""
    ops = tuple(op.model_copy(update={"refined_by": None}) if isinstance(op, Sample) else op for op in plan.ops)
    return plan.model_copy(update={"ops": ops})


@dataclass(frozen=True)
class Planned:
    """A plan, looked up by what a script needs to know."""

    plan: Plan
    most: int = PASSES  # passes that a script can have

    @cached_property
    def passes(self) -> tuple[PlannedPass, ...]:
        """The sampling loops in order, the second one at the most."""
        samples = [op for op in self.plan.ops if isinstance(op, Sample)]
        return tuple(self._pass(sample) for sample in samples[: self.most])

    @cached_property
    def batch(self) -> int:
        """How many pictures are made at once."""
        return next((op.batch for op in self.plan.ops if isinstance(op, EmptyLatent | EncodeImage)), 1)

    @property
    def seed(self) -> int | None:
        """The seed of the first picture."""
        return next((op.seed for op in self.plan.ops if isinstance(op, MakeNoise)), None)

    @property
    def image(self) -> str | None:
        """The path of the user's picture, where it is known."""
        return next((op.image.path for op in self.plan.ops if isinstance(op, LoadImage)), None)

    @property
    def checkpoint(self) -> AssetRef:
        """The first model that is loaded."""
        return next((op.asset for op in self.plan.ops if isinstance(op, LoadCheckpoint | LoadParts)), AssetRef())

    @property
    def vae(self) -> AssetRef | None:
        """The VAE of its own that decodes, if there is one."""
        decode = next((op for op in self.plan.ops if isinstance(op, Decode)), None)
        load = self._at(decode.vae) if decode else None
        return load.asset if isinstance(load, LoadVae) else None

    @cached_property
    def networks(self) -> tuple[tuple[ApplyNetwork, ...], ...]:
        """The LoRAs over each pass's model, in the order in which they are laid."""
        return tuple(self._networks(passed.sample.model) for passed in self.passes)

    def _networks(self, model: str) -> tuple[ApplyNetwork, ...]:
        found: list[ApplyNetwork] = []
        op = self._at(model)
        while isinstance(op, ApplyNetwork | PatchModel):
            found += [op] if isinstance(op, ApplyNetwork) else []
            op = self._at(op.model)
        return tuple(network for network in reversed(found) if network.kind in LORAS)

    @property
    def patches(self) -> tuple[Patch, ...]:
        """What else changes the models, each kind of change once."""
        patches = {op.patch.kind: op.patch for op in self.plan.ops if isinstance(op, PatchModel)}
        return tuple(patches.values())

    @property
    def refiner(self) -> AssetRef | None:
        """The model that takes over on the way, if there is one."""
        named = (passed.sample.refined_by for passed in self.passes)
        load = self._at(next((name for name in named if name), ""))
        return load.asset if isinstance(load, LoadCheckpoint | LoadParts) else None

    @property
    def embeddings(self) -> tuple[AssetRef, ...]:
        """The learned words that the texts of any pass speak of, once each."""
        encodes = (encode for passed in self.passes for encode, _ in (*passed.wanted, *passed.unwanted))
        named = {asset.name: asset for encode in encodes for asset in encode.embeddings if _names(encode, asset)}
        return tuple(named.values())

    @property
    def finish(self) -> tuple[UpscaleImage, ...]:
        """The enlargements of finished pictures, which no pass follows."""
        feeding = {op.image for op in self.plan.ops if isinstance(op, EncodeImage)}
        return tuple(op for op in self.plan.ops if isinstance(op, UpscaleImage) and op.id not in feeding)

    @cached_property
    def _ops(self) -> dict[str, Op]:
        return {op.id: op for op in self.plan.ops}

    def _at(self, reference: str) -> Op | None:
        """The op that a reference names, with or without a slot."""
        return self._ops.get(reference.partition(".")[0])

    def _pass(self, sample: Sample) -> PlannedPass:
        levels = self._at(sample.sigmas)
        tail = levels if isinstance(levels, Slice) else None
        sigmas = self._at(tail.sigmas) if tail else levels
        latent = self._at(sample.latent)
        mask = latent if isinstance(latent, MaskLatent) else None
        latent = self._at(mask.latent) if mask else latent
        joined = self._text_of(sample.positive)
        wanted, unwanted = tuple(self._parts(sample.positive)), tuple(self._parts(sample.negative))
        positive, negative = (parts[0][0] if parts else None for parts in (wanted, unwanted))
        return PlannedPass(
            sample=sample,
            sigmas=sigmas if isinstance(sigmas, Sigmas) else Sigmas(id="", model="", schedule="uniform", steps=1),
            tail=tail,
            origin=self._at(latent.image) if isinstance(latent, EncodeImage) else latent,
            positive=_text(positive),
            negative=_text(negative),
            layer=positive.layer if positive else -1,
            asked=positive,
            avoided=negative,
            mask=mask,
            controls=tuple(self._controls(sample.positive)),
            wanted=wanted,
            unwanted=unwanted,
            areas=joined.areas if isinstance(joined, Average) else (),
        )

    def noise_of(self, passed: PlannedPass) -> MakeNoise:
        """The noise of a pass."""
        op = self._at(passed.sample.noise)
        return op if isinstance(op, MakeNoise) else MakeNoise(id="", seed=0, generator="cpu")

    def place_of(self, passed: PlannedPass) -> int:
        """Which picture of the batch the seed belongs to, where each has its own."""
        noise = self.noise_of(passed)
        return 0 if noise.per_batch else noise.position

    def tree_seeds(self, passed: PlannedPass) -> str:
        """Seeds of Brownian motions, source text: one for each picture, or one for all; they take none below 0."""
        is_below = (self.seed or 0) < self.place_of(passed)
        if self.batch > 1 and self.noise_of(passed).per_batch:
            return "SEED % 2**63" if is_below else "SEED"
        seeds = "SEEDS" if self.batch > 1 else "[SEED]"
        return f"[seed % 2**63 for seed in {seeds}]" if is_below else seeds

    def _parts(self, reference: str) -> Iterator[tuple[Encode, float]]:
        op = self._text_of(reference)
        if isinstance(op, Combine | Average):
            named = zip(op.inputs, op.weights, strict=True)
            yield from ((encode, weight) for name, weight in named if isinstance(encode := self._text_of(name), Encode))
        elif isinstance(op, Encode):
            yield op, 1.0

    def _text_of(self, reference: str) -> Op | None:
        """The texts behind what steers."""
        op = self._at(reference)
        while isinstance(op, ApplyControl):
            op = self._at(op.negative if reference.endswith("negative") else op.positive)
        return op

    def _controls(self, reference: str) -> Iterator[ControlNet]:
        """The units that steer, the first one first."""
        units: list[ControlNet] = []
        op = self._at(reference)
        while isinstance(op, ApplyControl):
            units.append(op.unit)
            op = self._at(op.positive)
        return reversed(units)


def _names(encode: Encode, asset: AssetRef) -> bool:
    name = (asset.name or "").lower()  # as tokens are
    return bool(name) and any(name in variant.text.lower() for variant in encode.variants)


def _text(encode: Encode | None) -> str:
    """The text of the only variant, its pieces joined."""
    if encode is None or not encode.variants:
        return ""
    return "".join(run.text for run in encode.variants[0].runs).strip()
