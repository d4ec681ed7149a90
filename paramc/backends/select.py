"""Plan → one script: which classes, which keywords, which constants. Decisions fall here, the template only prints."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from math import exp

from paramc.backends.arguments import arguments_of, encoded
from paramc.backends.encoding import encoding_of
from paramc.backends.enlarging import finished_enlargement, latent_enlargement, picture_enlargement
from paramc.backends.lengths import Sequence, fraction
from paramc.backends.literals import literal
from paramc.backends.loading import Loading, Quantities
from paramc.backends.located import FOLDER, SINGLE, adapter_strengths, file_name, net_files, repository_of
from paramc.backends.loop import areas_of, goes_alone, is_one_text, loop_of, texts_of
from paramc.backends.loops import Loops
from paramc.backends.pieces import MOVES, WEIGHING, pieces, says_something
from paramc.backends.pipelines import ConstantRow, ImagePromptRow, ModelRow, PipelineRow, Pipelines
from paramc.backends.planned import PASSES, Planned, PlannedPass, begun, unrefined
from paramc.backends.registry import Choices
from paramc.backends.schedulers import Schedulers, Settings
from paramc.backends.script import Call, Constant, Mask, Pass, Refiner, Script, Start
from paramc.backends.steered import (
    ADAPTER,
    CONTROL,
    KindOf,
    Steering,
    adapter_values,
    eyes_of,
    net_values,
    shown_values,
    steering_of,
)
from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import Unsupported
from paramc.ir.control import Tiling
from paramc.ir.plan import EmptyLatent, LoadImage, Plan, ResizeLatent

SECOND = "HIRES_"  # prefix of the second pass's constants
INPAINT = "inpaint"
ANEW, AGAIN = "text_to_image", "image_to_image"  # what a pass starts from
OPTIONAL = {"negative", "cfg", "strength"}  # what some pipelines have no keyword for
MASK = "mask.png"
IMAGE = "input.png"  # where the settings do not say which picture they start from
LARGEST_EXPONENT = 100.0
HALF = "float16"  # half the bits of float32, and half its range


def select_script(
    plan: Plan,
    pipelines: Pipelines,
    schedulers: Schedulers,
    choices: Choices,
    kind_of: KindOf,
    loops: Loops | None = None,
) -> Script:
    """The script for a plan. `kind_of` tells what a unit steers through that is no ControlNet.

    Raises Unsupported for a model without a pipeline.
    """
    model, base = pipelines.model(plan.base, plan.family), schedulers.base(plan.base)
    if model is None or base is None:
        raise Unsupported(diagnose("PC640", base=plan.base, known=", ".join(pipelines.bases)))
    plan = begun(plan) if model.refers else plan
    plan = plan if pipelines.paints(plan.base, "refiner", plan.family) else unrefined(plan)
    again = pipelines.paints(plan.base, AGAIN, plan.family)
    takes = again and "latents" in pipelines.pipeline(plan.base, AGAIN, plan.family).arguments.values()
    most = PASSES if takes else 1
    return _Selection(
        Planned(plan, most), pipelines, schedulers, model, base.keywords, choices, kind_of, loops
    ).script()


@dataclass(frozen=True)
class _Selection:
    """One plan, looked at with one library's tables."""

    planned: Planned
    pipelines: Pipelines
    schedulers: Schedulers
    model: ModelRow
    scheduling: Settings
    choices: Choices
    kind_of: KindOf
    loops: Loops | None = None

    def script(self) -> Script:
        """The whole script."""
        passes = self.planned.passes
        loaded = self._loading.quantities() if passes else self._picture_alone()
        told = [self._told(number, passed) for number, passed in enumerate(passes)]
        dtype, device = str(self.choices["dtype"]), str(self.choices["device"])
        return Script(
            model=self._as_loaded,
            constants=tuple(self._constants(loaded, told)),
            passes=tuple(self._pass(number, passed, told) for number, passed in enumerate(passes)),
            dtype=self.model.dtype if dtype == "auto" else dtype,
            is_whole_on_cpu=dtype == "auto" and self.model.dtype == HALF,
            device="" if device == "auto" else device,
            single_file=bool(passes) and self._loading.is_file,
            local_files=bool(self.choices["local_files_only"]),
            is_offloaded=self.choices["offload"] != "none",
            switches=tuple(self._loading.switches()),
            names_files="name" in loaded.values,
            has_folder="output" in loaded.values,
            net=f"{self.model.net}.{SINGLE if net_files(self.model, self.steering.nets) else FOLDER}",
            eyes=eyes_of(self.steering.shown, shown) if (shown := self._image_prompts) else None,
            tiles=any(isinstance(patch, Tiling) for patch in self._loading.patches),
            weighs=tuple(self._loading.weights()),
            quantized=self._loading.quantized() if passes else "",
            vae=self._loading.vae_loader if "vae" in loaded.values else "",
            networks="loras" in loaded.values,
            embeddings="embeddings" in loaded.values,
            refiner=self._refiner(told) if self.is_refined else None,
            batch=self.planned.batch > 1,
            one_stream=any(self.planned.noise_of(passed).per_batch for passed in passes),
            is_placed=any("position" in quantities.values for quantities in told),
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
        return not any(passed.asked and passed.asked.manner in self.loops.manners for passed in self.planned.passes)

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

    def _picture_alone(self) -> Quantities:
        return Quantities({"image": self.planned.image or IMAGE})

    # What a pass is told.

    def _told(self, number: int, passed: PlannedPass) -> Quantities:
        found = Quantities()
        if self.is_own and self.loops:
            self._own(found, passed, self.loops, alone=self._alone[number])
        else:
            self._texts(found, passed)
            self._guidance(found, passed)
        self._steps(found, passed, "hires" if number else "strength")
        offered = {*self._row_of(number, passed).arguments.values(), *(OPTIONAL if self.is_own else ())}
        offered |= {"cfg"} if "beyond" in offered else set()
        for quantity in OPTIONAL - offered:
            found.values.pop(quantity, None)
        multiple = 1 if self.is_own else self.model.multiple
        width, height = (max(side // multiple, 1) * multiple for side in passed.size)
        if not self._keeps_size(passed):
            found.values |= {"width": width, "height": height}
        if self.planned.batch > 1:
            found.values["batch"] = self.planned.batch
            found.values |= {"position": place} if (place := self.planned.place_of(passed)) else {}
        if number == 0:
            found.values["seed"] = self.planned.seed or 0
            found.notes |= {"seed": self.pipelines.notes["seedless"]} if self.planned.seed is None else {}
            found.values |= {"image": self.planned.image or IMAGE} if self._start(passed) else {}
            self._masked(found, passed)
            self._controls(found, passed)
            self._adapters(found, passed)
            self._refines(found, passed)
        elif self._loading.adapts and self.planned.networks[number] != self.planned.networks[0]:
            found.values["strengths"] = adapter_strengths(self.planned.networks, number, self.model)
        if self._image_prompts:
            found.values |= shown_values(self.steering.shown, self._image_prompts, "first" if number else "second")
            found.sources["shown"] = "shown"
        return found

    @cached_property
    def _alone(self) -> tuple[bool, ...]:
        """For each pass that the script samples by itself, whether no negative prompt has a part in it."""
        return goes_alone(self.planned, self.loops) if self.loops else ()

    def _own(self, found: Quantities, passed: PlannedPass, loops: Loops, *, alone: bool) -> None:
        """What a pass is told that the script samples by itself."""
        found.values["prompt"] = texts_of(passed.wanted, loops)
        found.values |= {"areas": areas_of(passed.areas)} if passed.areas else {}
        self._emphasis(found, passed)
        if not alone:
            found.values |= {"negative": texts_of(passed.unwanted, loops), "cfg": passed.sample.cfg_scale}
        if passed.sample.cfg_rescale:
            found.values["rescale"] = passed.sample.cfg_rescale
        if self.model.embedded_guidance:
            found.values["distilled"] = passed.sample.distilled_cfg_scale or self.model.embedded_guidance
        one = is_one_text(passed.wanted) and is_one_text(passed.unwanted)
        groups = passed.asked is not None and loops.reader(passed.asked.manner).groups
        found.notes["prompt"] = self.pipelines.notes["branches" if not one else "grouped" if groups else "pieces"]
        if self.model.layers and passed.layer != -1:
            found.values["clip_skip"] = -passed.layer
        noise = self.planned.noise_of(passed)
        variation = noise.variation
        if noise.per_batch:
            found.values["seed"] = noise.seed or 0
        elif variation is not None and variation.strength:
            found.values["variation_seed"] = variation.seed or 0
            found.values["variation_strength"] = variation.strength

    def _emphasis(self, found: Quantities, passed: PlannedPass) -> None:
        """How weights count, where there is a choice."""
        emphasis = passed.asked.emphasis if passed.asked else ""
        if emphasis != MOVES:
            found.values["emphasis"] = emphasis if emphasis in WEIGHING else "no_norm"

    def _masked(self, found: Quantities, passed: PlannedPass) -> None:
        """The mask of a picture that is painted in part, where there is a pipeline that does it."""
        if passed.mask is not None and self._task(passed).endswith(INPAINT):
            found.values |= {"mask": passed.mask.mask.path or MASK, "mask_blur": passed.mask.blur}
            found.values |= {"padding": passed.mask.padding} if self.is_own and passed.mask.area == "masked" else {}

    def _controls(self, found: Quantities, passed: PlannedPass) -> None:
        """What steers the only pass of a picture, where there is a pipeline for it."""
        if not self._task(passed).startswith(CONTROL) and not (self.is_own and passed.controls):
            return
        units = self.steering.nets
        found.values |= net_values(units, self.model)
        found.sources["modes"] = "[None] * len(CONTROLNETS)"
        if any(unit.priority == "control" for unit in units):
            found.sources["guess"] = "True"

    def _adapters(self, found: Quantities, passed: PlannedPass) -> None:
        """T2I-Adapters, which steer a picture that is painted from a text; one of them is no list."""
        if not self._task(passed).startswith(ADAPTER):
            return
        units = self.steering.adapters
        found.values |= adapter_values(units, self.pipelines.repositories.get)
        places = "[0]" if len(units) == 1 else ""
        found.sources |= {"adapter_images": f"controls{places}", "adapter_scales": f"CONTROL_SCALES{places}"}
        found.sources["adapter_end"] = "max(CONTROL_ENDS)"

    def _refines(self, found: Quantities, passed: PlannedPass) -> None:
        """The model that takes over, and when."""
        if self.is_refined and self.planned.refiner:
            repository = repository_of(self.planned.refiner)
            found.values["refiner"] = repository or file_name(self.planned.refiner)
            switches = (each.sample.switch_at for each in self.planned.passes)
            found.values["switch"] = next((share for share in switches if share is not None), None)

    def _refiner(self, told: list[Quantities]) -> Refiner:
        row = self._row("refiner")
        loader = FOLDER if self.planned.refiner and repository_of(self.planned.refiner) else SINGLE
        sources = self._sources(0, told) | {"output": literal("np")}
        last = self.planned.passes[-1].sample.refined_by is not None and self.planned.vae is None
        return Refiner(row.pipeline, loader, tuple(arguments_of(row, sources)), decodes=last)

    def _start(self, passed: PlannedPass) -> Start | None:
        """The user's picture, where a pass begins with it."""
        if isinstance(passed.origin, LoadImage) and (self.is_own or self._task(passed) != ANEW):
            looked_at = self.model.refers and passed.mask is None  # the pipeline brings it to a size of the model's
            return Start("" if looked_at or self._keeps_size(passed) else passed.origin.resize)
        return None

    def _keeps_size(self, passed: PlannedPass) -> bool:
        """Does the user's picture stay as large as it is?"""
        return self.is_own and isinstance(passed.origin, LoadImage) and passed.origin.size is None

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
        kind = CONTROL if self.steering.nets else ADAPTER if self.steering.adapters else ""
        alone = kind and len(self.planned.passes) == 1
        return f"{kind}_{start}" if alone and self._paints(f"{kind}_{start}") else start

    @cached_property
    def steering(self) -> Steering:
        """The pictures that steer."""
        return steering_of((unit for passed in self.planned.passes[:1] for unit in passed.controls), self.kind_of)

    @cached_property
    def _image_prompts(self) -> ImagePromptRow | None:
        """How pictures are shown as prompts; None where there are none, or the pipeline takes none."""
        passes = self.planned.passes
        takes = not self.is_own and self.steering.shown and "shown" in self._row_of(0, passes[0]).arguments.values()
        return self.pipelines.image_prompt(self.planned.plan.base) if takes else None

    @cached_property
    def _as_loaded(self) -> ModelRow:
        """The model, with the keywords that its first pipeline is loaded by."""
        is_bare = self.planned.passes and not self.is_own and self._row_of(0, self.planned.passes[0]).is_bare
        return replace(self.model, pretrained={}, single_file={}) if is_bare else self.model

    @cached_property
    def _loading(self) -> Loading:
        """What is loaded; learned words are where texts are encoded by the script, or its pipeline takes them."""
        learns = bool(self.model.letters) if self.is_exact else self.model.learns and self._adapts
        return Loading(self.planned, self.pipelines, self.model, self.choices, self._adapts, learns)

    @cached_property
    def _adapts(self) -> bool:
        """Does what paints take networks?"""
        passes = self.planned.passes
        return self.model.adapts and (self.is_own or not passes or self._row_of(0, passes[0]).adapts)

    def _pieces(self, found: Quantities, passed: PlannedPass) -> None:
        """The texts of a script that encodes them, and how. A negative one that says nothing is zeros to SDXL."""
        if passed.asked is None:
            return
        groups = self.loops is not None and self.loops.reader(passed.asked.manner).groups
        found.values["prompt"] = pieces(passed.asked, passed.asked.variants[0], groups=groups)
        self._emphasis(found, passed)
        found.notes["prompt"] = self.pipelines.notes["pieces"]
        if passed.avoided and passed.sample.cfg_scale > 1 and (self._is_normed or says_something(passed.avoided)):
            found.values["negative"] = pieces(passed.avoided, passed.avoided.variants[0], groups=groups)
        if self.model.layers and passed.layer != -1:
            found.values["clip_skip"] = -passed.layer

    @property
    def _is_normed(self) -> bool:
        return not self.model.text_layer

    def _texts(self, found: Quantities, passed: PlannedPass) -> None:
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
            row = self.loops.row_length(passed.asked, self.planned.plan.base) if self.loops and passed.asked else None
            known = Sequence(self.model.sequence, self.model.long_sequence, row.least if row else 0)
            found.sources["sequence"] = str(known.length((passed.positive, passed.negative)))

    def _guidance(self, found: Quantities, passed: PlannedPass) -> None:
        sample, embedded = passed.sample, self.model.embedded_guidance
        if embedded is not None:
            found.values["distilled"] = sample.distilled_cfg_scale or embedded  # Forge: 0 is not set
        if embedded is None or sample.cfg_scale > 1:
            found.values["cfg"] = sample.cfg_scale
        if sample.cfg_rescale:
            found.values["rescale"] = sample.cfg_rescale
        if sample.eta and sample.sampler.startswith("ddim"):
            found.values["eta"] = sample.eta

    def _steps(self, found: Quantities, passed: PlannedPass, note: str) -> None:
        steps = passed.sigmas.steps
        found.values["steps"] = steps
        if passed.tail is None:
            return
        run = steps - passed.tail.start
        if self.is_own:
            found.values["skipped"] = passed.tail.start
            if passed.tail.end is not None and passed.tail.end < steps:
                found.values["ended"] = passed.tail.end
            if passed.tail.strength == 1:
                return
            remark = self.pipelines.notes["skipped"]
            found.notes["skipped"] = remark.format(strength=passed.tail.strength, run=run, steps=steps)
            return
        value = fraction(run, steps, rounds_down=self.model.rounds_down)
        found.values["strength"] = value
        remark = self.pipelines.notes[note]
        found.notes["strength"] = remark.format(strength=passed.tail.strength, run=run, steps=steps, value=value)

    # How it is said.

    def _constants(self, loaded: Quantities, told: list[Quantities]) -> Iterator[Constant]:
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

    def _sources(self, number: int, told: list[Quantities]) -> dict[str, str]:
        """Source text by quantity: the name of the constant that holds it in this pass."""
        first, own = told[0].values, told[number]
        names = {row.quantity: row.name for row in self.pipelines.constants}
        named = {
            quantity: SECOND + names[quantity] if number and value != first.get(quantity) else names[quantity]
            for quantity, value in own.values.items()
        }
        return named | own.sources

    def _pass(self, number: int, passed: PlannedPass, told: list[Quantities]) -> Pass:
        sources = self._sources(number, told)
        if self.is_own and self.loops is not None:
            return self._looped(passed, sources, self.loops)
        row = self._row_of(number, passed)
        scheduler, sigmas = self._scheduler(passed, sources["steps"])
        sources |= {"sigmas": sigmas} if sigmas else {}
        texts, strengths = encoded(sources) if self.is_exact else None, sources.get("strengths", "")
        sources["output"] = literal("latent" if self._feeds_latents(number) else "np")
        sources["area"] = f"{sources['width']} * {sources['height']}"
        shared = number > 0 and scheduler == self._scheduler(self.planned.passes[0], "")[0]
        return Pass(
            pipeline=row.pipeline,
            arguments=tuple(arguments_of(row, sources)),
            texts=None if number and texts and not strengths and texts == encoded(self._sources(0, told)) else texts,
            strengths=strengths,
            scheduler=None if shared else scheduler,
            start=self._start(passed),
            mended=row.mended,
            encodes=row.arguments.get("image") == "latents",
            mask=Mask(passed.mask.inverts) if passed.mask and "mask" in sources else None,
            control=(self.steering.nets or self.steering.adapters)[0].resize if "control_images" in sources else "",
            adapters=len(self.steering.adapters) if "adapters" in sources else 0,
            scales=sources.get("ip_scales", "") if not number or sources.get("ip_scales") != "IP_SCALES" else "",
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
            strengths=sources.get("strengths", ""),
            start=self._start(passed),
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
        seeds = self.planned.tree_seeds(passed)
        arguments = [f"{key}={literal(value)}" for key, value in keywords.items()]
        arguments += [f"{key}={text.format(seeds=seeds)}" for key, text in row.expressions.items()]
        return Call(row.scheduler, tuple(arguments)), schedule.sigmas.format(steps=steps)

    def _shift(self, asked: float | None, usual: float) -> float:
        if asked is None:
            return usual
        return exp(min(asked, LARGEST_EXPONENT)) if self.model.exponential_shift else asked
