"""Plan → one script: which classes, which keywords, which constants. Decisions fall here, the template only prints."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from math import exp

from paramc.backends.arguments import arguments_of, encoded
from paramc.backends.encoding import encoding_of
from paramc.backends.enlarging import finished_enlargement, latent_enlargement, picture_enlargement
from paramc.backends.lengths import fraction
from paramc.backends.literals import Value, literal
from paramc.backends.located import FOLDER, SINGLE, adapters, file_name, is_file, net_loader, net_name, repository_of
from paramc.backends.loop import goes_alone, loop_of, texts_of
from paramc.backends.loops import Loops
from paramc.backends.pieces import WEIGHING, pieces, says_something
from paramc.backends.pipelines import ConstantRow, ModelRow, PipelineRow, Pipelines
from paramc.backends.planned import PASSES, Planned, PlannedPass
from paramc.backends.registry import Choices
from paramc.backends.schedulers import Schedulers, Settings
from paramc.backends.script import (
    Call,
    Constant,
    Mask,
    Pass,
    Refiner,
    Script,
    Start,
)
from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import Unsupported
from paramc.ir.assets import AssetRef
from paramc.ir.control import FreeU, Patch, Tiling
from paramc.ir.plan import EmptyLatent, LoadImage, Plan, ResizeLatent

LONG_TEXT = 700  # characters; beyond it a text may need more than the usual tokens of the long text encoder
SECOND = "HIRES_"  # prefix of the second pass's constants
SEED_ALONE = "{seed}"  # the usual name of a picture
PACKED = ".gguf"  # files of weights of fewer bits
INPAINT = "inpaint"
ANEW, AGAIN = "text_to_image", "image_to_image"  # what a pass starts from
OPTIONAL = {"negative", "cfg", "strength"}  # what some pipelines have no keyword for
UNET = "unet"
MASK = "mask.png"
CONTROL, CONTROL_IMAGE = "controlnet", "control.png"
IMAGE = "input.png"  # where the settings do not say which picture they start from
LARGEST_EXPONENT = 100.0


@dataclass(slots=True)
class _Quantities:
    """Values by quantity for the constants, source text by quantity for the arguments, and remarks."""

    values: dict[str, Value] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)


def select_script(
    plan: Plan, pipelines: Pipelines, schedulers: Schedulers, choices: Choices, loops: Loops | None = None
) -> Script:
    """The script for a plan. Raises Unsupported for a model without a pipeline."""
    model, base = pipelines.model(plan.base, plan.family), schedulers.base(plan.base)
    if model is None or base is None:
        raise Unsupported(diagnose("PC640", base=plan.base, known=", ".join(pipelines.bases)))
    most = PASSES if pipelines.paints(plan.base, AGAIN, plan.family) else 1
    return _Selection(Planned(plan, most), pipelines, schedulers, model, base.keywords, choices, loops).script()


@dataclass(frozen=True)
class _Selection:
    """One plan, looked at with one library's tables."""

    planned: Planned
    pipelines: Pipelines
    schedulers: Schedulers
    model: ModelRow
    scheduling: Settings
    choices: Choices
    loops: Loops | None = None

    def script(self) -> Script:
        """The whole script."""
        passes = self.planned.passes
        loaded, single_file = self._loaded() if passes else (self._picture_alone(), False)
        told = [self._told(number, passed) for number, passed in enumerate(passes)]
        dtype, device = str(self.choices["dtype"]), str(self.choices["device"])
        return Script(
            model=self.model,
            constants=tuple(self._constants(loaded, told)),
            passes=tuple(self._pass(number, passed, told) for number, passed in enumerate(passes)),
            dtype=self.model.dtype if dtype == "auto" else dtype,
            device="" if device == "auto" else device,
            single_file=single_file,
            local_files=bool(self.choices["local_files_only"]),
            is_offloaded=self.choices["offload"] != "none",
            switches=tuple(self._switches()),
            names_files="name" in loaded.values,
            has_folder="output" in loaded.values,
            net=net_loader(self.model, passes[0].controls if passes else ()),
            tiles=any(isinstance(patch, Tiling) for patch in self._patches),
            weighs=tuple(self._weights()),
            quantized=self._quantized(loaded, single_file=single_file),
            vae=self._vae_loader() if "vae" in loaded.values else "",
            networks="loras" in loaded.values,
            embeddings="embeddings" in loaded.values,
            refiner=self._refiner(told) if self.is_refined else None,
            batch=self.planned.batch > 1,
            encodes=not self.is_exact and any("clip_skip" in quantities.values for quantities in told),
            encoding=encoding_of(self.planned, self.model, self.loops, chosen="clip_skip" in told[0].values)
            if self.is_exact and passes
            else None,
            finish=tuple(finished_enlargement(op, self.pipelines) for op in self.planned.finish),
        )

    @cached_property
    def is_exact(self) -> bool:
        """Does the script encode the prompts by itself?"""
        if self.is_own:
            return True
        row = self._row("text_to_image")
        return self.choices["prompts"] == "exact" and "embeds" in row.arguments.values()

    @property
    def is_own(self) -> bool:
        """Does the script sample by itself?"""
        plan = self.planned.plan
        if self.loops is None or self.choices["style"] != "exact":
            return False
        if plan.base not in self.loops.bases or plan.family in self.loops.unlike:
            return False
        if self.model.part != UNET and any(passed.controls for passed in self.planned.passes):
            return False
        return not any(
            self.loops.other & {*passed.sample.flags} or (passed.asked and passed.asked.manner in self.loops.manners)
            for passed in self.planned.passes
        )

    @cached_property
    def is_refined(self) -> bool:
        """Does another model go on with the only pass of a picture, and is there a pipeline for it?"""
        planned = self.planned
        if self.is_own:
            return planned.refiner is not None and self._paints("refiner")
        if planned.refiner is None or self.is_exact or len(planned.passes) != 1:
            return False
        first = planned.passes[0]
        known = self._paints("refiner") and self._task(first) == "text_to_image"
        return known and 0 < (first.sample.switch_at or 0) < 1

    # What is loaded.

    def _loaded(self) -> tuple[_Quantities, bool]:
        """The quantities that loading needs, and whether the model is one file."""
        found = _Quantities()
        self._kept(found)
        single_file = self._locate(found)
        if single_file and self.model.part_class:
            found.values["repository"] = self.model.repository
        if self.planned.vae is not None and self.model.vae_class:
            repository = repository_of(self.planned.vae)
            found.values["vae"] = repository or file_name(self.planned.vae)
            found.notes |= {"vae": self.pipelines.notes["repository"]} if repository else {}
        loras = adapters(self.planned.networks, self.model)
        if loras and self.model.adapts:
            found.values["loras"] = loras
        if (self.model.letters if self.is_exact else self.model.learns) and self.planned.embeddings:
            found.values["embeddings"] = {asset.name or "": file_name(asset) for asset in self.planned.embeddings}
        return found, single_file

    def _locate(self, found: _Quantities) -> bool:
        chosen, asset = str(self.choices["model"]), self.planned.checkpoint
        repository = repository_of(asset)
        named = is_file(chosen) if chosen else bool(asset.path or asset.name) and not repository
        loader = self.choices["loader"]
        single_file = self.model.files and (loader == "single_file" or (loader == "auto" and named))
        found.values["model"] = chosen or (file_name(asset) if single_file else repository or self.model.repository)
        kind = "folder" if not single_file else "transformer" if self.model.part_class else "file"
        found.notes["model"] = self.pipelines.notes[kind]
        return single_file

    def _switches(self) -> Iterator[str]:
        """What the options say behind loading."""
        for option, told in self.pipelines.switches.items():
            statement = told.get(str(self.choices[option]).lower())
            if isinstance(statement, str):
                yield statement.format(part=self.model.part)

    def _kept(self, found: _Quantities) -> None:
        """Where the pictures go, where that is said."""
        folder, name = str(self.choices["output"]), str(self.choices["name"])
        found.values |= {"output": folder} if folder else {}
        found.values |= {"name": name} if name != SEED_ALONE else {}

    @property
    def _patches(self) -> tuple[Patch, ...]:
        """Changes inside the model, where it has the parts that they change."""
        return self.planned.patches if self.model.part == UNET and self.model.adapts else ()

    def _weights(self) -> Iterator[str]:
        """How the model's halves are weighed, as keywords."""
        for patch in self._patches:
            if isinstance(patch, FreeU):
                values = {"s1": patch.s1, "s2": patch.s2, "b1": patch.b1, "b2": patch.b2}
                yield from (f"{name}={literal(value)}" for name, value in values.items())

    def _quantized(self, loaded: _Quantities, *, single_file: bool) -> str:
        """The configuration for weights of fewer bits: that of the file, or the one that is chosen."""
        told = self.pipelines.quantizations
        if single_file and str(loaded.values.get("model", "")).lower().endswith(PACKED):
            return str(told[PACKED.lstrip(".")]["part"])
        kind = "part" if single_file else "whole"
        chosen = told.get(str(self.choices["quantization"]), {})
        return (
            "" if single_file and not self.model.part_class else str(chosen.get(kind, "")).format(part=self.model.part)
        )

    def _vae_loader(self) -> str:
        return FOLDER if self.planned.vae and repository_of(self.planned.vae) else SINGLE

    def _picture_alone(self) -> _Quantities:
        return _Quantities({"image": self.planned.image or IMAGE})

    # What a pass is told.

    def _told(self, number: int, passed: PlannedPass) -> _Quantities:
        found = _Quantities()
        if self.is_own:
            self._own(found, passed, alone=self._alone[number])
        else:
            self._texts(found, passed)
            self._guidance(found, passed)
        self._steps(found, passed, "hires" if number else "strength")
        offered = {*self._row_of(number, passed).arguments.values(), *(OPTIONAL if self.is_own else ())}
        offered |= {"cfg"} if "beyond" in offered else set()
        for quantity in OPTIONAL - offered:
            found.values.pop(quantity, None)
        multiple = self.model.latent_scale if self.is_own else self.model.multiple
        width, height = (max(side // multiple, 1) * multiple for side in passed.size)
        found.values |= {"width": width, "height": height}
        if self.planned.batch > 1:
            found.values["batch"] = self.planned.batch
        if number == 0:
            found.values["seed"] = self.planned.seed or 0
            found.notes |= {"seed": self.pipelines.notes["seedless"]} if self.planned.seed is None else {}
            found.values |= {"image": self.planned.image or IMAGE} if self._start(passed) else {}
            self._masked(found, passed)
            self._controls(found, passed)
            self._refines(found, passed)
        return found

    @cached_property
    def _alone(self) -> tuple[bool, ...]:
        """For each pass that the script samples by itself, whether no negative prompt has a part in it."""
        return goes_alone(self.planned, self.loops) if self.loops else ()

    def _own(self, found: _Quantities, passed: PlannedPass, *, alone: bool) -> None:
        """What a pass is told that the script samples by itself."""
        emphasis = passed.asked.emphasis if passed.asked else ""
        found.values |= {
            "prompt": texts_of(passed.wanted)[0],
            "emphasis": emphasis if emphasis in WEIGHING else "no_norm",
        }
        if not alone:
            found.values |= {"negative": texts_of(passed.unwanted)[0], "cfg": passed.sample.cfg_scale}
        if passed.sample.cfg_rescale:
            found.values["rescale"] = passed.sample.cfg_rescale
        if self.model.embedded_guidance:
            found.values["distilled"] = passed.sample.distilled_cfg_scale or self.model.embedded_guidance
        one = texts_of(passed.wanted)[1] and texts_of(passed.unwanted)[1]
        found.notes["prompt"] = self.pipelines.notes["pieces" if one else "branches"]
        if self.model.layers and passed.layer != -1:
            found.values["clip_skip"] = -passed.layer
        variation = self.planned.noise_of(passed).variation
        if variation is not None and variation.strength:
            position = self.planned.noise_of(passed).position
            found.values["variation_seed"] = (variation.seed or 0) - position
            found.values["variation_strength"] = variation.strength

    def _masked(self, found: _Quantities, passed: PlannedPass) -> None:
        """The mask of a picture that is painted in part, where there is a pipeline that does it."""
        if passed.mask is not None and self._task(passed).endswith(INPAINT):
            found.values |= {"mask": passed.mask.mask.path or MASK, "mask_blur": passed.mask.blur}
            found.values |= {"padding": passed.mask.padding} if self.is_own and passed.mask.area == "masked" else {}

    def _controls(self, found: _Quantities, passed: PlannedPass) -> None:
        """What steers the only pass of a picture, where there is a pipeline for it."""
        if not self._task(passed).startswith(CONTROL) and not (self.is_own and passed.controls):
            return
        units = passed.controls
        found.values |= {
            "controlnets": [net_name(unit.model or AssetRef(name=CONTROL)) for unit in units],
            "control_images": [unit.image.path or CONTROL_IMAGE for unit in units],
            "control_scales": [unit.weight for unit in units],
            "control_starts": [unit.start for unit in units],
            "control_ends": [unit.end for unit in units],
        }
        found.sources["modes"] = "[None] * len(CONTROLNETS)"
        if any(unit.priority == "control" for unit in units):
            found.sources["guess"] = "True"

    def _refines(self, found: _Quantities, passed: PlannedPass) -> None:
        """The model that takes over, and when."""
        if self.is_refined and self.planned.refiner:
            repository = repository_of(self.planned.refiner)
            found.values["refiner"] = repository or file_name(self.planned.refiner)
            switches = (each.sample.switch_at for each in self.planned.passes)
            found.values["switch"] = next((share for share in switches if share is not None), None)

    def _refiner(self, told: list[_Quantities]) -> Refiner:
        row = self._row("refiner")
        loader = FOLDER if self.planned.refiner and repository_of(self.planned.refiner) else SINGLE
        sources = self._sources(0, told) | {"output": literal("np")}
        last = self.planned.passes[-1].sample.refined_by is not None and self.planned.vae is None
        return Refiner(row.pipeline, loader, tuple(arguments_of(row, sources)), decodes=last)

    def _start(self, passed: PlannedPass) -> Start | None:
        """The user's picture, where a pass begins with it."""
        if isinstance(passed.origin, LoadImage) and (self.is_own or self._task(passed) != ANEW):
            return Start(passed.origin.resize)
        return None

    def _row(self, task: str) -> PipelineRow:
        plan = self.planned.plan
        return self.pipelines.pipeline(plan.base, task, plan.family)

    def _row_of(self, number: int, passed: PlannedPass) -> PipelineRow:
        """The pipeline of a pass; the second one is painted by the usual model's."""
        plan = self.planned.plan
        return self.pipelines.pipeline(plan.base, self._task(passed), "" if number else plan.family)

    def _paints(self, task: str) -> bool:
        plan = self.planned.plan
        return self.pipelines.paints(plan.base, task, plan.family)

    def _task(self, passed: PlannedPass) -> str:
        """The name under which the pipeline of a pass is listed: what it starts from, behind what steers it."""
        kind = ANEW if isinstance(passed.origin, EmptyLatent) or not self._paints(AGAIN) else AGAIN
        masked = passed.mask is not None and self._paints(INPAINT)
        start = INPAINT if masked else kind
        steered = f"{CONTROL}_{start}"
        alone = passed.controls and len(self.planned.passes) == 1
        return steered if alone and self._paints(steered) else start

    def _pieces(self, found: _Quantities, passed: PlannedPass) -> None:
        """The texts of a script that encodes them, and how. A negative one that says nothing is zeros to SDXL."""
        if passed.asked is None:
            return
        emphasis = passed.asked.emphasis
        found.values["prompt"] = pieces(passed.asked, passed.asked.variants[0])
        found.values["emphasis"] = emphasis if emphasis in WEIGHING else "no_norm"
        found.notes["prompt"] = self.pipelines.notes["pieces"]
        if passed.avoided and passed.sample.cfg_scale > 1 and (self._is_normed or says_something(passed.avoided)):
            found.values["negative"] = pieces(passed.avoided, passed.avoided.variants[0])
        if self.model.layers and passed.layer != -1:
            found.values["clip_skip"] = -passed.layer

    @property
    def _is_normed(self) -> bool:
        return not self.model.text_layer

    def _texts(self, found: _Quantities, passed: PlannedPass) -> None:
        if self.is_exact:
            self._pieces(found, passed)
            return
        found.values["prompt"] = passed.positive
        embedded = self.model.embedded_guidance is not None
        guided = passed.sample.cfg_scale > 1 or not embedded
        said = passed.negative or embedded or (self.model.empties and passed.sample.cfg_scale > 1)
        if guided and said:  # with embedded guidance, no text switches the other kind off
            found.values["negative"] = passed.negative
        if self.model.layers and passed.layer != -1:
            found.values |= {"negative": passed.negative, "clip_skip": -passed.layer}
        if self.model.sequence:
            longest = max(len(passed.positive), len(passed.negative))
            longer = self.model.long_sequence if longest > LONG_TEXT else None
            found.sources["sequence"] = str(longer or self.model.sequence)

    def _guidance(self, found: _Quantities, passed: PlannedPass) -> None:
        sample, embedded = passed.sample, self.model.embedded_guidance
        if embedded is not None:
            found.values["distilled"] = sample.distilled_cfg_scale or embedded  # Forge: 0 is not set
        if embedded is None or sample.cfg_scale > 1:
            found.values["cfg"] = sample.cfg_scale
        if sample.cfg_rescale:
            found.values["rescale"] = sample.cfg_rescale
        if sample.eta and sample.sampler.startswith("ddim"):
            found.values["eta"] = sample.eta

    def _steps(self, found: _Quantities, passed: PlannedPass, note: str) -> None:
        steps = passed.sigmas.steps
        found.values["steps"] = steps
        if passed.tail is None:
            return
        run = steps - passed.tail.start
        if self.is_own:
            found.values["skipped"] = passed.tail.start
            remark = self.pipelines.notes["skipped"]
            found.notes["skipped"] = remark.format(strength=passed.tail.strength, run=run, steps=steps)
            return
        value = fraction(run, steps, rounds_down=self.model.rounds_down)
        found.values["strength"] = value
        remark = self.pipelines.notes[note]
        found.notes["strength"] = remark.format(strength=passed.tail.strength, run=run, steps=steps, value=value)

    # How it is said.

    def _constants(self, loaded: _Quantities, told: list[_Quantities]) -> Iterator[Constant]:
        """The constants: what is loaded and the first pass, then what differs in the second."""
        first, second = told[:1], told[1:]
        values = loaded.values | {quantity: value for item in first for quantity, value in item.values.items()}
        notes = loaded.notes | {quantity: note for item in first for quantity, note in item.notes.items()}
        for row in self._in_order():
            if row.quantity in values:
                yield Constant(row.name, values[row.quantity], notes.get(row.quantity, row.note))
        for item in second:
            for row in self.pipelines.constants:
                if row.quantity in item.values and item.values[row.quantity] != values.get(row.quantity):
                    yield Constant(SECOND + row.name, item.values[row.quantity], item.notes.get(row.quantity, ""))

    def _in_order(self) -> list[ConstantRow]:
        """The constants as they stand: what people change most stands first where there are many."""
        leading = self.loops.first if self.is_own and self.loops else ()
        places = {quantity: place for place, quantity in enumerate(leading)}
        return sorted(self.pipelines.constants, key=lambda row: places.get(row.quantity, len(places)))

    def _sources(self, number: int, told: list[_Quantities]) -> dict[str, str]:
        """Source text by quantity: the name of the constant that holds it in this pass."""
        first, own = told[0].values, told[number]
        names = {row.quantity: row.name for row in self.pipelines.constants}
        named = {
            quantity: SECOND + names[quantity] if number and value != first.get(quantity) else names[quantity]
            for quantity, value in own.values.items()
        }
        return named | own.sources

    def _pass(self, number: int, passed: PlannedPass, told: list[_Quantities]) -> Pass:
        sources = self._sources(number, told)
        if self.is_own and self.loops is not None:
            return self._looped(passed, sources, self.loops)
        row = self._row_of(number, passed)
        scheduler, sigmas = self._scheduler(passed, sources["steps"])
        sources |= {"sigmas": sigmas} if sigmas else {}
        texts = encoded(sources) if self.is_exact else None
        sources["output"] = literal("latent" if self._feeds_latents(number) else "np")
        sources["area"] = f"{sources['width']} * {sources['height']}"
        shared = number > 0 and scheduler == self._scheduler(self.planned.passes[0], "")[0]
        return Pass(
            pipeline=row.pipeline,
            arguments=tuple(arguments_of(row, sources)),
            texts=None if number and texts and texts == encoded(self._sources(0, told)) else texts,
            scheduler=None if shared else scheduler,
            start=self._start(passed),
            encodes=row.arguments.get("image") == "latents",
            mask=Mask(passed.mask.inverts) if passed.mask and "mask" in sources else None,
            control=passed.controls[0].resize if "controlnets" in sources else "",
            latent=latent_enlargement(passed.origin, sources, self.model, self.pipelines),
            picture=picture_enlargement(passed.origin, sources, self.pipelines),
        )

    def _looped(self, passed: PlannedPass, sources: dict[str, str], loops: Loops) -> Pass:
        """A pass that the script samples by itself."""
        velocity = "v_prediction" in str(self.model.scheduling.get("prediction_type", ""))
        return Pass(
            pipeline=self._row("text_to_image").pipeline,
            arguments=(),
            loop=loop_of(self.planned, passed, loops, sources, velocity=velocity),
            names=sources,
            start=Start(passed.origin.resize) if isinstance(passed.origin, LoadImage) else None,
            mask=Mask(mask.inverts, mask.fill, mask.area == "masked") if (mask := passed.mask) else None,
            latent=latent_enlargement(passed.origin, sources, self.model, self.pipelines),
            picture=picture_enlargement(passed.origin, sources, self.pipelines),
        )

    def _feeds_latents(self, number: int) -> bool:
        following = self.planned.passes[number + 1 : number + 2]
        return self.is_refined or any(isinstance(passed.origin, ResizeLatent) for passed in following)

    def _scheduler(self, passed: PlannedPass, steps: str) -> tuple[Call, str]:
        """The scheduler, and the noise levels that the call itself has to name: source text, empty for none."""
        base = self.planned.plan.base
        levels = passed.sigmas
        row = self.schedulers.sampler(base, passed.sample.sampler, levels.steps)
        schedule = self.schedulers.schedule(base, row.scheduler, levels.schedule, levels.steps)
        keywords = dict(self.scheduling) | dict(self.model.scheduling) | dict(row.keywords)
        if self.model.shift is not None:
            keywords["shift"] = self._shift(levels.shift, self.model.shift)
        keywords |= dict(schedule.keywords) | self.schedulers.flagged(row.scheduler, passed.sample.flags)
        seeds = "SEEDS" if self.planned.batch > 1 else "[SEED]"
        if (self.planned.seed or 0) < 0:  # Brownian motion takes none below 0
            seeds = f"[seed % 2**63 for seed in {seeds}]"
        arguments = [f"{key}={literal(value)}" for key, value in keywords.items()]
        arguments += [f"{key}={text.format(seeds=seeds)}" for key, text in row.expressions.items()]
        return Call(row.scheduler, tuple(arguments)), schedule.sigmas.format(steps=steps)

    def _shift(self, asked: float | None, usual: float) -> float:
        if asked is None:
            return usual
        return exp(min(asked, LARGEST_EXPONENT)) if self.model.exponential_shift else asked
