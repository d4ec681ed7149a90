"""The Plan walked op by op: one function per op, by a dispatch on its kind."""

from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final, TypeVar

from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from PIL.Image import Image

from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import Diagnostic, RunError
from paramc.ir.control import Reference, Tiling
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
    Save,
    ScaleLatent,
    Sigmas,
    Slice,
    UpscaleImage,
)
from paramc.runtime.execute.controls import is_steered
from paramc.runtime.execute.draws import seeds_of
from paramc.runtime.execute.enlarging import enlarged_latent, enlarged_pictures, scaled_latent
from paramc.runtime.execute.files import opened
from paramc.runtime.execute.further import blank_channels, referred, shown_channels
from paramc.runtime.execute.network import channels_in, guidance_width
from paramc.runtime.execute.pictures import decoded, encoded_pictures, fills, masked_latent
from paramc.runtime.execute.plainly import decoded_numbers, enlarged_numbers, numbers_of, pictures_of
from paramc.runtime.execute.sampling import sample
from paramc.runtime.execute.shading import shaded_latent
from paramc.runtime.execute.shelf import Shelf
from paramc.runtime.execute.texts import combined
from paramc.runtime.execute.values import Guide, Latent, Numbers, Opened, Painter, Pictures, ToEncode, Value, Weights
from paramc.runtime.execute.walk import Route
from paramc.runtime.execute.watch import Watch
from paramc.runtime.execute.work import Pass, Side
from paramc.runtime.memory import is_exhaustion
from paramc.runtime.models.checkpoint import Checkpoint
from paramc.runtime.models.latents import cell, channels, unscaled
from paramc.runtime.rng.batch import leftover_seed
from paramc.runtime.rng.streams import OpenStream, stream_opener

V = TypeVar("V")
FEWER: Final = "PC556"  # rows at once than there are
REFERRING: Final = "flux-kontext"  # the family whose models look at the user's picture while they paint
FORGE: Final = "renoises_known"  # the flag of a program that draws from what its streams leave behind


@dataclass(slots=True)
class Executor:
    """One run of one Plan. `said` is what there is to tell of it afterwards.

    after: seed of the picture that the same program made before, where it goes on from what that one left behind.
    """

    plan: Plan
    shelf: Shelf
    open_stream: OpenStream
    watch: Watch
    after: int | None = None
    said: list[Diagnostic] = field(default_factory=list)
    most_rows: int | None = None
    _values: dict[str, Value] = field(default_factory=dict)

    def run(self) -> Pictures:
        """The pictures of the Plan."""
        self.shelf.leftover = None
        if self.after is not None and any(isinstance(op, Sample) and FORGE in op.flags for op in self.plan.ops):
            self._leave_behind(self.after)
        for op in self.plan.ops:
            self._do(op)
        return self._value("save", Pictures)

    def _do(self, op: Op) -> None:
        """One op; what did not fit into memory is tried once more with less at a time."""
        while True:
            try:
                self._values.update(self._made(op))
                return
            except (RuntimeError, MemoryError) as error:  # torch has an error of its own for GPUs only
                if not is_exhaustion(error):
                    raise
                self._relieve(op, error)

    def _relieve(self, op: Op, error: Exception) -> None:
        """Ask for less memory from now on. Raises RunError where nothing is left to be saved."""
        rows = self._rows(op) if isinstance(op, Sample) else 1
        if rows > 1:
            self.most_rows = rows // 2
            self.said = [item for item in self.said if item.code != FEWER]
            self.said.append(diagnose(FEWER, op=op.id, rows=self.most_rows))
        elif isinstance(op, Decode | EncodeImage | MaskLatent | Sample) and not self.shelf.tiles_vae:
            self.shelf.tiles_vae = True
            self.said.append(diagnose("PC557", op=op.id))
        else:
            raise RunError(diagnose("PC555", op=op.id)) from error

    def _made(self, op: Op) -> dict[str, Value]:
        """What the op gives, by the ids of its slots."""
        match op:
            case LoadCheckpoint() | LoadParts():
                weights = self._checkpoint(op)
                slots: dict[str, Value] = {f"{op.id}.{slot}": weights for slot in ("model", "clip")}
                return {**slots, f"{op.id}.vae": self.shelf.baked(weights, wraps=self._wraps)}
            case LoadVae():
                return {f"{op.id}.vae": self.shelf.vae(op.asset, self.plan.base, self.plan.family, wraps=self._wraps)}
            case ApplyNetwork():
                return self._with_network(op)
            case ApplyControl():
                return self._controlled(op)
            case _:
                return {op.id: self._single(op)}

    def _single(self, op: Op) -> Value:
        """The value of an op that gives one thing."""
        match op:
            case PatchModel(patch=Reference()):
                return self._value(op.model, Weights)
            case PatchModel():
                weights = self._value(op.model, Weights)
                return replace(weights, patches=(*weights.patches, op.patch))
            case Encode():
                return self.shelf.guide(op, self._value(op.clip, Weights))
            case Combine() | Average():
                return combined(op, [self._value(each, Guide) for each in op.inputs])
            case EmptyLatent():
                return self._room(op)
            case LoadImage():
                return Opened(op, opened(op.image, "task.init"))
            case EncodeImage():
                return ToEncode(op, self._source(op.image), self._value(op.vae, Painter))
            case MaskLatent():
                return self._masked(op)
            case MakeNoise() | Sigmas() | Slice():
                return op
            case Sample():
                return self._sampled(op)
            case ResizeLatent():
                return enlarged_latent(op, self._latent(op.latent))
            case ScaleLatent():
                return scaled_latent(op, self._latent(op.latent))
            case UpscaleImage():
                return self._enlarged(op)
            case Decode():
                return self._decoded(op)
            case Save():
                return self._images(op.image)
            case _:
                raise RunError(diagnose("PC550", op=op.op, path=op.because[0] if op.because else None))

    def _sampled(self, op: Sample) -> Latent:
        """The latent of a pass. Forge's streams leave a generator behind that pictures are encoded with thereafter."""
        work = self._pass(op)
        self._warn(work.side.weights.checkpoint)
        done = sample(work)
        if FORGE in op.flags:
            seeds, _ = seeds_of(work.noise, done.batch)
            self._leave_behind(seeds[-1])
        return done

    def _leave_behind(self, seed: int) -> None:
        self.shelf.leftover = stream_opener("cpu")(leftover_seed(seed))

    def _warn(self, model: Checkpoint) -> None:
        """Say once that a negative prompt goes unheard where a model is told the guidance scale in its place."""
        negatives = (op for op in self.plan.ops if isinstance(op, Encode) and op.negative)
        if guidance_width(model) and any(variant.text.strip() for op in negatives for variant in op.variants):
            unheard = diagnose("PC544", file=model.path.name, path="negative")
            self.said = [*dict.fromkeys([*self.said, unheard])]

    def _checkpoint(self, op: LoadCheckpoint | LoadParts) -> Weights:
        weights = self.shelf.weights(op.asset, op.encoders if isinstance(op, LoadParts) else ())
        found, expected = weights.checkpoint.base, self.plan.base
        if found != expected and not op.id.startswith("refiner"):
            self.said.append(diagnose("PC572", expected=expected, found=found, file=weights.path.name))
        return weights

    def _with_network(self, op: ApplyNetwork) -> dict[str, Value]:
        laid = self.shelf.network(op)
        sides = {slot: self._value(name, Weights) for slot, name in (("model", op.model), ("clip", op.clip))}
        return {f"{op.id}.{slot}": replace(old, networks=(*old.networks, laid)) for slot, old in sides.items()}

    def _controlled(self, op: ApplyControl) -> dict[str, Value]:
        sides = (("positive", self._value(op.positive, Guide)), ("negative", self._value(op.negative, Guide)))
        weights = next(value for value in self._values.values() if isinstance(value, Weights))
        steers = is_steered(weights.checkpoint.base)
        units = (self.shelf.unit(op, self.plan, weights, self._painter),) if steers else ()
        return {f"{op.id}.{slot}": replace(old, controls=(*old.controls, *units)) for slot, old in sides}

    def _masked(self, op: MaskLatent) -> Latent:
        channels = max(
            channels_in(self._value(each.model, Weights).checkpoint)
            for each in self.plan.ops
            if isinstance(each, Sigmas)
        )
        work = self._value(op.latent, ToEncode)
        masked = shaded_latent if op.keeps_shades else masked_latent
        return masked(op, work, opened(op.mask, "task.mask"), self.shelf.device, channels=channels)

    def _pass(self, op: Sample) -> Pass:
        weights = self._value(op.model, Weights)
        latent = self._completed(self._latent(op.latent), weights.checkpoint)
        tail = self._values[op.sigmas]
        slice_ = tail if isinstance(tail, Slice) else None
        side = Side(weights, self._value(op.positive, Guide), self._value(op.negative, Guide))
        return Pass(
            op=op,
            route=Route(self._value(slice_.sigmas if slice_ else op.sigmas, Sigmas), slice_),
            noise=self._value(op.noise, MakeNoise),
            latent=latent,
            side=side,
            refined=partial(self._refined, op, weights) if op.refined_by else None,
            open_stream=self.open_stream,
            ready=partial(self._ready, op),
            relay=self.shelf.relay,
            device=self.shelf.device,
            watch=self.watch,
            most_rows=self.most_rows,
        )

    def _completed(self, latent: Latent, model: Checkpoint) -> Latent:
        """The latent with what its model takes beside it."""
        painter, device = self._painter, self.shelf.device
        count = channels_in(model)
        if latent.concat is None and fills(count, latent):
            latent = replace(latent, concat=blank_channels(count - latent.shape[0], latent, painter, device))
        elif latent.concat is None and count > latent.shape[0]:
            shown = shown_channels(self._shown(model), latent, painter, device)
            # models with a UNet were trained on latents as the autoencoder gives them
            own = unscaled(model.vae, shown) if isinstance(model.unet, UNet2DConditionModel) else shown
            latent = replace(latent, concat=own)
        if self.plan.family == REFERRING and (looked_at := self._looked_at()):
            latent = replace(latent, reference=referred(looked_at, painter, device))
        return latent

    def _looked_at(self) -> Image | None:
        """The picture that a model for editing looks at: the first it is shown, else the one that it starts from."""
        patches = (op.patch for op in self.plan.ops if isinstance(op, PatchModel))
        shown = min((patch for patch in patches if isinstance(patch, Reference)), key=_order, default=None)
        if shown is not None:
            return opened(shown.image, "patches.reference.image")
        return next((value.picture for value in self._values.values() if isinstance(value, Opened)), None)

    def _shown(self, model: Checkpoint) -> Opened:
        """The user's picture. Raises RunError where a model paints after one and there is none."""
        shown = next((value for value in self._values.values() if isinstance(value, Opened)), None)
        if shown is None:
            raise RunError(diagnose("PC592", file=model.path.name, path="task"))
        return shown

    def _ready(self, op: Sample, weights: Weights) -> None:
        second = op.because[:1] == ("stages.hires",)
        self.shelf.ready(weights, second_pass=second, fits_late="fits_after_upsampling" in op.flags)

    def _refined(self, op: Sample, first: Weights) -> Side:
        """The refiner under the networks and patches of the first model, with the same texts in its own words."""
        own = self._value(op.refined_by or "", Weights)
        weights = replace(own, networks=first.networks, patches=first.patches)
        return Side(weights, self._guide_by(op.positive, weights), self._guide_by(op.negative, weights))

    def _guide_by(self, name: str, weights: Weights) -> Guide:
        op = next(each for each in self.plan.ops if each.id == name.partition(".")[0])
        match op:
            case Encode():
                return self.shelf.guide(op, weights)
            case Combine() | Average():
                return combined(op, [self._guide_by(each, weights) for each in op.inputs])
            case ApplyControl():
                inner = self._guide_by(op.negative if name.endswith(".negative") else op.positive, weights)
                return replace(inner, controls=self._value(name, Guide).controls)
            case _:
                raise RunError(diagnose("PC550", op=op.op, path=op.because[0] if op.because else None))

    def _decoded(self, op: Decode) -> Pictures | Numbers:
        latent = self._latent(op.latent)
        if latent.values is not None:
            self.watch.decodes(latent.values)
        if op.keeps_numbers:
            return decoded_numbers(latent, self._value(op.vae, Painter))
        return decoded(latent, self._value(op.vae, Painter))

    def _enlarged(self, op: UpscaleImage) -> Pictures | Numbers:
        if not op.plainly:
            return enlarged_pictures(op, self._images(op.image), self.shelf.upscaler)
        source = self._source(op.image)
        numbers = source if isinstance(source, Numbers) else numbers_of(self._images(op.image), self.shelf.device)
        return enlarged_numbers(op, numbers, self.shelf.upscaler)

    def _room(self, op: EmptyLatent) -> Latent:
        """Room for a latent of the model that samples first."""
        vae = next(value for value in self._values.values() if isinstance(value, Weights)).checkpoint.vae
        side = cell(vae)
        return Latent((channels(vae), op.size.height // side, op.size.width // side), op.batch, cell=side)

    def _rows(self, op: Sample) -> int:
        """How many rows go through the network at once: of each picture one for each text that is looked at."""
        if self.most_rows is not None:
            return self.most_rows
        is_told = guidance_width(self._value(op.model, Weights).checkpoint) > 0
        unguided = is_told or (op.cfg_scale == 1 and "skips_negative_at_one" in op.flags)
        texts = len(self._value(op.positive, Guide).branches) + (not unguided)
        return texts * max(each.batch for each in self.plan.ops if isinstance(each, EmptyLatent | EncodeImage))

    @property
    def _wraps(self) -> bool:
        """Whether the picture is to tile, which the VAE has its part in."""
        return any(isinstance(op, PatchModel) and isinstance(op.patch, Tiling) for op in self.plan.ops)

    @property
    def _painter(self) -> Painter:
        """The VAE that is at hand last, a refiner's left out."""
        at_hand = [name for name, value in self._values.items() if isinstance(value, Painter)]
        return self._value(next(name for name in reversed(at_hand) if not name.startswith("refiner")), Painter)

    def _latent(self, name: str) -> Latent:
        value = self._values[name]
        return encoded_pictures(value, self.shelf.device) if isinstance(value, ToEncode) else self._value(name, Latent)

    def _source(self, name: str) -> Opened | Pictures | Numbers:
        value = self._values[name]
        return value if isinstance(value, Opened | Numbers) else self._value(name, Pictures)

    def _images(self, name: str) -> Pictures:
        value = self._source(name)
        match value:
            case Numbers():
                return pictures_of(value)
            case Opened():
                return value.plain()
            case _:
                return value

    def _value(self, name: str, kind: type[V]) -> V:
        value = self._values[name]
        if not isinstance(value, kind):
            raise TypeError(f"`{name}` of the plan is a {type(value).__name__}")
        return value


def _order(shown: Reference) -> int:
    return shown.unit
