"""Plan → one script: which classes, which keywords, which constants. Decisions fall here, the template only prints.

A script has one pass, or two of which the second enlarges what the first made.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import exp

from paramc.backends.literals import Value, literal
from paramc.backends.pipelines import ModelRow, PipelineRow, Pipelines
from paramc.backends.registry import Choices
from paramc.backends.schedulers import Schedulers
from paramc.backends.script import Call, Constant, LatentEnlargement, Pass, PictureEnlargement, Script, Start
from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import Unsupported
from paramc.ir.assets import AssetRef
from paramc.ir.geometry import Size
from paramc.ir.plan import (
    ApplyNetwork,
    Decode,
    EmptyLatent,
    Encode,
    EncodeImage,
    LoadCheckpoint,
    LoadImage,
    LoadParts,
    LoadVae,
    MakeNoise,
    Op,
    Plan,
    ResizeLatent,
    Sample,
    Sigmas,
    Slice,
    UpscaleImage,
)

SUFFIX = ".safetensors"
SUFFIXES = (SUFFIX, ".ckpt", ".pt", ".pth", ".bin", ".gguf", ".sft")
LONG_TEXT = 700  # characters; beyond it a text may need more than the usual tokens of the long text encoder
SECOND = "HIRES_"  # prefix of the second pass's constants
FALLBACK_FILTER = "LANCZOS"
LORAS = frozenset({"lora", "lyco"})  # kinds of networks that are loaded as adapters


@dataclass(slots=True)
class _Quantities:
    """Values by quantity for the constants, source text by quantity for the arguments, and remarks."""

    values: dict[str, Value] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)


def select_script(plan: Plan, pipelines: Pipelines, schedulers: Schedulers, choices: Choices) -> Script:
    """The script for a plan. Raises Unsupported for a model without a pipeline."""
    model, base = pipelines.model(plan.base, plan.family), schedulers.base(plan.base)
    if model is None or base is None:
        known = ", ".join(pipelines.bases)
        raise Unsupported(diagnose("PC640", base=plan.base, known=known, target=None))
    return _Selection(plan, pipelines, schedulers, model, base.keywords, choices).script()


class _Selection:
    """One plan, looked at with one library's tables."""

    def __init__(
        self,
        plan: Plan,
        pipelines: Pipelines,
        schedulers: Schedulers,
        model: ModelRow,
        scheduling: Mapping[str, str | int | float | bool],
        choices: Choices,
    ) -> None:
        self.plan, self.pipelines, self.schedulers, self.model = plan, pipelines, schedulers, model
        self.scheduling, self.choices = scheduling, choices
        self.ops: dict[str, Op] = {op.id: op for op in plan.ops}
        self.samples = [op for op in plan.ops if isinstance(op, Sample)][:2]
        self.names = {row.quantity: row.name for row in pipelines.constants}
        self.batch = self._batch()

    def script(self) -> Script:
        """The whole script."""
        finish = tuple(self._finish())
        if not self.samples:
            return self._enlargement(finish)
        loaded, single_file = self._loaded()
        first = self._quantities(self.samples[0], None)
        quantities = [first, *(self._quantities(sample, first) for sample in self.samples[1:])]
        passes = tuple(self._pass(number, sample, quantities) for number, sample in enumerate(self.samples))
        dtype = str(self.choices["dtype"])
        return Script(
            model=self.model,
            constants=tuple(self._constants(loaded, quantities)),
            passes=passes,
            dtype=self.model.dtype if dtype == "auto" else dtype,
            device="" if self.choices["device"] == "auto" else str(self.choices["device"]),
            single_file=single_file,
            local_files=bool(self.choices["local_files_only"]),
            vae="vae" in loaded.values,
            networks="loras" in loaded.values,
            batch=self.batch > 1,
            encodes="clip_skip" in first.values,
            finish=finish,
        )

    def _enlargement(self, finish: tuple[PictureEnlargement, ...]) -> Script:
        image = next((op.image.path for op in self.plan.ops if isinstance(op, LoadImage)), None)
        row = next(row for row in self.pipelines.constants if row.quantity == "image")
        return Script(
            model=self.model,
            constants=(Constant(row.name, image or "input.png", row.note),),
            passes=(),
            dtype="",
            device="",
            single_file=False,
            local_files=False,
            vae=False,
            networks=False,
            batch=False,
            encodes=False,
            finish=finish,
            enlarges=True,
        )

    def _at(self, reference: str) -> Op | None:
        """The op that a reference names, with or without a slot."""
        return self.ops.get(reference.partition(".")[0])

    def _batch(self) -> int:
        return next((op.batch for op in self.plan.ops if isinstance(op, EmptyLatent | EncodeImage)), 1)

    # ── what is loaded ────────────────────────────────────────────────────────────────────────────────────────────────

    def _loaded(self) -> tuple[_Quantities, bool]:
        """The quantities that loading needs, and whether the model is one file."""
        found = _Quantities()
        single_file = self._locate(found)
        vae = self._vae()
        if vae is not None:
            found.values["vae"] = file_name(vae)
        loras = dict(self._loras())
        if loras:
            found.values["loras"] = loras
        if single_file and self.model.part_class:
            found.values["repository"] = self.model.repository
        return found, single_file

    def _locate(self, found: _Quantities) -> bool:
        chosen, loader = str(self.choices["model"]), self.choices["loader"]
        load = next((op for op in self.plan.ops if isinstance(op, LoadCheckpoint | LoadParts)), None)
        asset = load.asset if load else AssetRef()
        if chosen:
            single_file = loader == "single_file" or (loader == "auto" and chosen.endswith(SUFFIXES))
            found.values["model"] = chosen
        else:
            single_file = loader == "single_file" or (loader == "auto" and bool(asset.path or asset.name))
            found.values["model"] = file_name(asset) if single_file else self.model.repository
        kind = "folder" if not single_file else "transformer" if self.model.part_class else "file"
        found.notes["model"] = self.pipelines.notes[kind]
        return single_file

    def _vae(self) -> AssetRef | None:
        decode = next((op for op in self.plan.ops if isinstance(op, Decode)), None)
        load = self._at(decode.vae) if decode else None
        return load.asset if isinstance(load, LoadVae) else None

    def _loras(self) -> Iterator[tuple[str, tuple[str, Value]]]:
        """Adapter name → (file, strength). A network that is applied twice counts twice."""
        strengths: dict[str, list[tuple[float, float]]] = {}
        assets: dict[str, AssetRef] = {}
        for op in self._networks():
            name = op.asset.name or ""
            strengths.setdefault(name, []).append((op.model_strength, op.clip_strength))
            assets[name] = op.asset
        taken: set[str] = set()
        for name, applied in strengths.items():
            model = sum(strength for strength, _ in applied)
            clip = sum(strength for _, strength in applied)
            yield _slug(name, taken), (file_name(assets[name]), self._strength(model, clip))

    def _networks(self) -> list[ApplyNetwork]:
        found: list[ApplyNetwork] = []
        op = self._at(self.samples[0].model)
        while isinstance(op, ApplyNetwork):
            found.append(op)
            op = self._at(op.model)
        return [network for network in reversed(found) if network.kind in LORAS]

    def _strength(self, model: float, clip: float) -> Value:
        if model == clip:
            return model
        return {self.model.part: model} | dict.fromkeys(self.model.encoders, clip)

    # ── what a pass is told ───────────────────────────────────────────────────────────────────────────────────────────

    def _quantities(self, sample: Sample, first: _Quantities | None) -> _Quantities:
        """The values of a pass; `first` are those of the pass before it."""
        found = _Quantities()
        self._texts(found, sample)
        self._guidance(found, sample)
        self._steps(found, sample, first is not None)
        size = self._size(sample)
        multiple = self.model.multiple
        found.values |= {"width": size.width // multiple * multiple, "height": size.height // multiple * multiple}
        noise = self._at(sample.noise)
        if first is None and isinstance(noise, MakeNoise):
            found.values["seed"] = 0 if noise.seed is None else noise.seed
            if noise.seed is None:
                found.notes["seed"] = self.pipelines.notes["seedless"]
        if self.batch > 1:
            found.values["batch"] = self.batch
        if first is None and isinstance(self._origin(sample), LoadImage):
            found.values["image"] = self._image() or "input.png"
        return found

    def _texts(self, found: _Quantities, sample: Sample) -> None:
        positive, negative = self._encoded(sample.positive), self._encoded(sample.negative)
        found.values["prompt"] = _text(positive)
        layer = positive.layer if positive and self.model.layers else -1
        if layer != -1:
            found.values |= {"negative": _text(negative), "clip_skip": -layer}
        guided = self.model.embedded_guidance is None or sample.cfg_scale > 1
        empty_counts = self.model.embedded_guidance is not None  # there an absent text switches guidance off
        if guided and (_text(negative) or empty_counts):
            found.values["negative"] = _text(negative)
        if self.model.sequence:
            longest = max(len(_text(positive)), len(_text(negative)))
            longer = self.model.long_sequence if longest > LONG_TEXT else None
            found.sources["sequence"] = str(longer or self.model.sequence)

    def _encoded(self, reference: str) -> Encode | None:
        op = self._at(reference)
        return op if isinstance(op, Encode) else None

    def _guidance(self, found: _Quantities, sample: Sample) -> None:
        embedded = self.model.embedded_guidance
        if embedded is None:
            found.values["cfg"] = sample.cfg_scale
        else:
            given = sample.distilled_cfg_scale
            found.values["distilled"] = embedded if given is None else given
            if sample.cfg_scale > 1:
                found.values["cfg"] = sample.cfg_scale
        if sample.cfg_rescale:
            found.values["rescale"] = sample.cfg_rescale
        if sample.eta and sample.sampler.startswith("ddim"):
            found.values["eta"] = sample.eta

    def _steps(self, found: _Quantities, sample: Sample, second: bool) -> None:
        sigmas, tail = self._levels(sample)
        found.values["steps"] = sigmas.steps
        if tail is None:
            return
        run = sigmas.steps - tail.start
        value = fraction(run, sigmas.steps, rounds_down=self.model.rounds_down)
        found.values["strength"] = value
        note = self.pipelines.notes["hires" if second else "strength"]
        found.notes["strength"] = note.format(strength=tail.strength, run=run, steps=sigmas.steps, value=value)

    def _levels(self, sample: Sample) -> tuple[Sigmas, Slice | None]:
        op = self._at(sample.sigmas)
        tail = op if isinstance(op, Slice) else None
        if tail is not None:
            op = self._at(tail.sigmas)
        return (op if isinstance(op, Sigmas) else Sigmas(id="", model="", schedule="uniform", steps=1)), tail

    def _size(self, sample: Sample) -> Size:
        """Of the pictures that the pass makes, pixels."""
        match self._origin(sample):
            case EmptyLatent(size=size):
                return size
            case ResizeLatent(crop_to=size):
                return size
            case UpscaleImage(size=size, crop_to=crop):
                return crop or size or Size(0, 0)
            case LoadImage(size=size):
                return size or Size(0, 0)
            case _:
                return Size(0, 0)

    def _origin(self, sample: Sample) -> Op | None:
        """The op that decides what the pass starts from: an empty latent, a picture, or the pass before."""
        op = self._at(sample.latent)
        return self._at(op.image) if isinstance(op, EncodeImage) else op

    def _image(self) -> str | None:
        return next((op.image.path for op in self.plan.ops if isinstance(op, LoadImage)), None)

    # ── how it is said ────────────────────────────────────────────────────────────────────────────────────────────────

    def _constants(self, loaded: _Quantities, passes: list[_Quantities]) -> Iterator[Constant]:
        """The constants: what is loaded, the first pass, then what differs in the second."""
        first = _Quantities(loaded.values | passes[0].values, {}, loaded.notes | passes[0].notes)
        for row in self.pipelines.constants:
            if row.quantity in first.values:
                note = first.notes.get(row.quantity, row.note)
                yield Constant(row.name, first.values[row.quantity], note)
        for second in passes[1:]:
            for row in self.pipelines.constants:
                if row.quantity in second.values and second.values[row.quantity] != first.values.get(row.quantity):
                    yield Constant(SECOND + row.name, second.values[row.quantity], second.notes.get(row.quantity, ""))

    def _sources(self, number: int, quantities: list[_Quantities]) -> dict[str, str]:
        """Source text by quantity: the name of the constant that holds it in this pass."""
        own, first = quantities[number], quantities[0]
        named = {
            quantity: (SECOND if number and value != first.values.get(quantity) else "") + self.names[quantity]
            for quantity, value in own.values.items()
        }
        return named | own.sources

    def _pass(self, number: int, sample: Sample, quantities: list[_Quantities]) -> Pass:
        sources = self._sources(number, quantities)
        origin = self._origin(sample)
        task = "text_to_image" if isinstance(origin, EmptyLatent) else "image_to_image"
        row = self.pipelines.pipeline(self.plan.base, task)
        scheduler, sigmas = self._scheduler(sample, sources["steps"])
        if number and scheduler == self._scheduler(self.samples[0], "")[0]:
            scheduler = None
        sources |= {"generators": "generators", "latents": "latents"}
        if sigmas:
            sources["sigmas"] = sigmas
        last = number == len(self.samples) - 1
        enlarged = self._origin(self.samples[1]) if not last else None
        sources["output"] = literal("latent" if isinstance(enlarged, ResizeLatent) else "np")
        return Pass(
            pipeline=row.pipeline,
            arguments=tuple(self._arguments(row, sources, "clip_skip" in quantities[number].values)),
            scheduler=scheduler,
            start=self._start(origin, sources),
            latent=self._latent(origin, sources) if isinstance(origin, ResizeLatent) else None,
            picture=self._picture(origin, sources) if isinstance(origin, UpscaleImage) else None,
        )

    def _arguments(self, row: PipelineRow, sources: dict[str, str], encodes: bool) -> Iterator[str]:
        if encodes:
            embeds = {
                "embeds": f"encode_prompt(pipe, {sources['prompt']})",
                "negative_embeds": f"encode_prompt(pipe, {sources['negative']})",
            }
            sources = {key: value for key, value in sources.items() if key not in ("prompt", "negative")} | embeds
        for keyword, quantity in row.arguments.items():
            if quantity in sources:
                yield f"{keyword}={sources[quantity]}"

    def _scheduler(self, sample: Sample, steps: str) -> tuple[Call, str]:
        """The scheduler, and the noise levels that the call itself has to name (source text, empty for none)."""
        levels, _ = self._levels(sample)
        row = self.schedulers.sampler(self.plan.base, sample.sampler)
        schedule = self.schedulers.schedule(self.plan.base, row.scheduler, levels.schedule)
        keywords = dict(self.scheduling) | dict(self.model.scheduling) | dict(row.keywords)
        if self.model.shift is not None:
            keywords["shift"] = self._shift(levels.shift, self.model.shift)
        keywords |= dict(schedule.keywords) | self.schedulers.flagged(row.scheduler, sample.flags)
        seeds = "SEEDS" if self.batch > 1 else f"[{self.names['seed']}]"
        arguments = [f"{key}={literal(value)}" for key, value in keywords.items()]
        arguments += [f"{key}={text.format(seeds=seeds)}" for key, text in row.expressions.items()]
        return Call(row.scheduler, tuple(arguments)), schedule.sigmas.format(steps=steps)

    def _shift(self, asked: float | None, usual: float) -> float:
        if asked is None:
            return usual
        return exp(min(asked, 100.0)) if self.model.exponential_shift else asked

    def _start(self, origin: Op | None, sources: dict[str, str]) -> Start | None:
        return Start(origin.resize) if isinstance(origin, LoadImage) else None

    def _latent(self, op: ResizeLatent, sources: dict[str, str]) -> LatentEnlargement:
        scale = self.model.latent_scale
        mode = self.pipelines.latent_modes.get(op.method, {"mode": "bilinear"})
        more = tuple(f"{key}={literal(value)}" for key, value in mode.items() if not isinstance(value, list | dict))
        height, width = f"{sources['height']} // {scale}", f"{sources['width']} // {scale}"
        if op.size == op.crop_to:
            return LatentEnlargement(("latents", f"size=({height}, {width})", *more))
        full = Size(op.size.width // scale, op.size.height // scale)
        left, top = _margin(full, Size(op.crop_to.width // scale, op.crop_to.height // scale))
        size = f"size=({full.height}, {full.width})"
        return LatentEnlargement(("latents", size, *more), _slice(top, height), _slice(left, width))

    def _picture(self, op: UpscaleImage, sources: dict[str, str]) -> PictureEnlargement:
        resampling = self.pipelines.filters.get(op.upscaler, FALLBACK_FILTER)
        width, height = sources["width"], sources["height"]
        if op.size is None or op.crop_to in (None, op.size):
            return PictureEnlargement(f"({width}, {height})", resampling)
        left, top = _margin(op.size, op.crop_to)
        box = f"({left}, {top}, {_plus(left, width)}, {_plus(top, height)})"
        return PictureEnlargement(f"({op.size.width}, {op.size.height})", resampling, box)

    def _finish(self) -> Iterator[PictureEnlargement]:
        """The enlargements of finished pictures, after the last pass."""
        feeding = {op.image for op in self.plan.ops if isinstance(op, EncodeImage)}
        for op in self.plan.ops:
            if isinstance(op, UpscaleImage) and op.id not in feeding:
                resampling = self.pipelines.filters.get(op.upscaler, FALLBACK_FILTER)
                factor = literal(1.0 if op.scale is None else op.scale)
                scaled = f"(int(picture.width * {factor}), int(picture.height * {factor}))"
                yield PictureEnlargement(f"({op.size.width}, {op.size.height})" if op.size else scaled, resampling)


def fraction(run: int, steps: int, *, rounds_down: bool) -> float:
    """The shortest strength at which a pipeline runs `run` of `steps` steps.

    Pipelines run int(steps · strength) steps, or leave out int(steps − steps · strength) (`rounds_down`).
    """
    if run >= steps:
        return 1.0
    for digits in range(1, 17):
        unit = 10**digits
        value = (run * unit // steps if rounds_down else -(-run * unit // steps)) / unit
        runs = steps - int(steps - steps * value) if rounds_down else int(steps * value)
        if runs == run:
            return value
    return run / steps


def file_name(asset: AssetRef) -> str:
    """Where the file of an asset is looked for: its path where one was found, else its name with a suffix."""
    if asset.path:
        return asset.path
    name = asset.name or "model"
    return name if name.lower().endswith(SUFFIXES) else name + SUFFIX


def _text(encode: Encode | None) -> str:
    """The text of the only variant, its pieces joined."""
    return "".join(run.text for run in encode.variants[0].runs).strip() if encode and encode.variants else ""


def _slug(name: str, taken: set[str]) -> str:
    """A name for an adapter: ASCII letters, digits and underscores, none twice."""
    stem = re.sub(r"[^0-9A-Za-z]+", "_", name).strip("_")[:40] or "lora"
    slug, number = stem, 1
    while slug in taken:
        number += 1
        slug = f"{stem}_{number}"
    taken.add(slug)
    return slug


def _margin(full: Size, part: Size) -> Size:
    """What is cut off at the left and at the top: half of what is too much, rounded down (A1111)."""
    return Size(max(full.width - part.width, 0) // 2, max(full.height - part.height, 0) // 2)


def _plus(start: int, length: str) -> str:
    return f"{start} + {length}" if start else length


def _slice(start: int, length: str) -> str:
    return f"{start} : {start} + {length}" if start else f": {length}"
