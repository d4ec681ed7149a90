"""A Python script for an image library → Job: the calls that it would make, by the tables of its dialect."""

import ast
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import Diagnostic, ReadError, Span
from paramc.dialects.description import Dialect
from paramc.dialects.reading import read_job
from paramc.dialects.registry import find_dialect
from paramc.dialects.script.amounts import (
    FLOW,
    asked_strength,
    hires_strength,
    levels_of,
    real,
    run_steps,
    whole,
)
from paramc.dialects.script.enlarging import enlargement
from paramc.dialects.script.handed import handed_over
from paramc.dialects.script.kept import kept_settings, read_kept
from paramc.dialects.script.lines import Lines
from paramc.dialects.script.loaded import (
    MOST_UNITS,
    NETWORKS,
    read_adapters,
    read_model,
    read_networks,
    read_patches,
    read_start,
)
from paramc.dialects.script.machine import Machine
from paramc.dialects.script.networks import DIGITS
from paramc.dialects.script.notes import CONTROLS, Notes
from paramc.dialects.script.origin import merged, origin_of, read_origin
from paramc.dialects.script.parsed import parsed_script
from paramc.dialects.script.pictures import Painting, file_of, followers, model_of, paintings, relatives
from paramc.dialects.script.pieces import PIECES
from paramc.dialects.script.refused import job_of
from paramc.dialects.script.schedulers import Scheduling, scheduling_of
from paramc.dialects.script.sought import drawn_on, file_behind, first_seed, seeded_by, text_behind
from paramc.dialects.script.steering import preprocessed
from paramc.dialects.script.tables import KeywordRow, meanings_of
from paramc.dialects.script.told import NEGATIVE, SAFE, asset
from paramc.dialects.script.values import INDEXED, Computed, Made, Part, is_known, origins
from paramc.ir.job import Job
from paramc.ir.ledger import Implied, Stated
from paramc.ir.paths import plain
from paramc.ir.places import place_of

MASK: Final = "task.mask.path"
SECOND: Final = "stages.hires."
SEEDS: Final = 2**64
SIDES: Final = ("width", "height")


def read_script(text: str, dialect: Dialect) -> tuple[Job, tuple[Diagnostic, ...]]:
    """The Job of the first picture that a script would paint, and what is remarkable. Nothing of the script is run.

    Raises ReadError for what is no Python, and for a script that paints nothing.
    """
    meanings = meanings_of(dialect)
    tree, lines = parsed_script(text)
    kept = kept_settings(tree, meanings)
    found = read_kept(kept, meanings, dialect) if kept else None
    if found is not None:
        return found
    origin = origin_of(*lines.after(tree))
    settings = read_origin(origin, dialect) if origin else None
    if origin is None or settings is None:
        return _read_code(tree, lines, dialect)
    try:
        code, said = _read_code(tree, lines, dialect)
    except ReadError:  # the settings are all there is
        return settings, ()
    job = merged(settings, code, origin.marks)
    made = (entry for entry in code.ledger if entry.key == meanings.family_key)
    family = (entry.model_copy(update={"span": None, "read": (plain(job.producer.dialect),)}) for entry in made)
    return job.model_copy(update={"ledger": (*job.ledger, *family)}), said


def _read_code(tree: ast.Module, lines: Lines, dialect: Dialect) -> tuple[Job, tuple[Diagnostic, ...]]:
    """What the calls of a script say."""
    meanings = meanings_of(dialect)
    machine = Machine(lines, meanings.fluent, meanings.assumed)
    try:
        machine.follow(tree)
        painted = list(paintings(machine.calls, meanings))
        if not painted:
            machine.follow_functions()
            painted = list(paintings(machine.calls, meanings))
    except RecursionError as error:
        raise ReadError(diagnose("PC701", reason="its expressions are nested too deeply")) from error
    handed = None if painted else handed_over(machine.calls, meanings)
    if handed is not None:
        return read_job(handed.text, find_dialect(handed.dialect, dialect.roots))
    if not painted:
        raise ReadError(diagnose("PC702"))
    reading = _Reading(dialect, meanings, lines, machine.calls, machine.sets)
    if machine.is_spent:
        reading.said.append(diagnose("PC707"))
    return reading.job(painted), tuple(reading.said)


@dataclass(slots=True)
class _Reading(Notes):
    """One script on its way to a Job."""

    implied: list[Implied] = field(default_factory=list)
    told: frozenset[str] = frozenset()  # the keywords of the painting

    def job(self, painted: Sequence[Painting]) -> Job:
        """The Job of the first painting and of the one that goes on with it."""
        first, *others = painted
        following = followers(first, others, self.calls)
        second = next(iter(following), None)
        known = {id(item) for item in following}
        apart = [item for item in others if id(item) not in known]
        if apart:
            self.said.append(diagnose("PC703", self.first_line(apart[0].call), "another one", count=len(painted)))
        self.before = first.call.when
        self._head(first)
        read_model(self, first)
        self._scheduler(first)
        read_networks(self, first)
        self._call(first)
        read_adapters(self, first)
        read_patches(self, first)
        read_start(self, first)
        self._defaults(first)
        if second is not None:
            self._second(first, second)
        self._remark(first)
        return self._built()

    # ── what is loaded ────────────────────────────────────────────────────────────────────────────────────────────────

    def _head(self, painting: Painting) -> None:
        self.put("producer.dialect", self.dialect.name)
        self.put("text.language", self.dialect.name)
        self.put("text.emphasis", "none")
        self.put("task.kind", self.meanings.task(painting.name))
        maker = list(relatives(painting.pipeline, self.meanings))[-1]
        start = self.lines.text(maker.span).find(painting.written)
        if start >= 0:
            span = Span(maker.span.start + start, maker.span.start + start + len(painting.written))
            entry = Stated(key=self.meanings.family_key, raw=painting.name, span=span, paths=("producer.dialect",))
            self.ledger.append(entry)

    # ── how it is sampled ─────────────────────────────────────────────────────────────────────────────────────────────

    def _scheduler(self, painting: Painting) -> None:
        found = self._scheduling(painting)
        values = {"sampling.sampler": found.sampler, "sampling.schedule": found.schedule, **found.values}
        for path, value in values.items():
            self.put(path, value)
            if found.because:
                self.implied.append(Implied(path=path, read=plain(value), because=found.because))

    def _scheduling(self, painting: Painting) -> Scheduling:
        makers = list(relatives(painting.pipeline, self.meanings))
        part = self.meanings.listed("parts", "scheduler")[0]
        set_later = (maker.attributes(painting.call.when).get(part) for maker in makers)
        given = (maker.keywords[part] for maker in makers if part in maker.keywords)
        scheduler = next((item for item in (*set_later, *given) if item is not None), None)
        found = scheduling_of(scheduler, painting.name, model_of(makers, self.meanings), self.meanings)
        if found.because and isinstance(scheduler, Made | Computed):
            self.unread(part, scheduler.span, "PC706")
        return found

    # ── what a call is told ───────────────────────────────────────────────────────────────────────────────────────────

    def _call(self, painting: Painting) -> None:
        told = self._told(painting)
        self.told = frozenset(name for name, (value, _) in told.items() if value is not None)
        for name, (value, key) in told.items():
            row = self.meanings.keyword(name, painting.name)
            place = painting.call.places.get(key)
            if row is None:
                self.unread(name, place, "PC705")
            elif row.kind != "inert" and not self._read(row, value) and value is not None:
                self.unread(name, place, "PC706" if not is_known(value) else "PC705")
            elif place is not None:
                self.state(name, place, *([row.path] if row.path else []))

    def _told(self, painting: Painting) -> dict[str, tuple[object, str]]:
        """What a call is told by keyword: the value, and the key of its place."""
        places = self.meanings.call(painting.name).places
        placed = enumerate(zip(places, painting.call.arguments, strict=False))
        told = {name: (value, str(index)) for index, (name, value) in placed}
        return told | {name: (value, name) for name, value in painting.call.keywords.items()}

    def _read(self, row: KeywordRow, value: object) -> bool:
        """Put the value of a keyword where it belongs; False for one that says nothing to us."""
        match row.kind:
            case "text" | "embedded":
                return self._text(row, value)
            case "width" | "height":
                return self._side(row.kind, value)
            case "number" | "whole" | "layer" | "guidance" | "guidance_above_one" | "guidance_by_negative":
                return self._numeric(row, value)
            case "same":
                return self._says(row.path, value)
            case "pooled":
                return bool(origins(value))
            case "adapter_image":
                return bool(origins(value))
            case "crop" if self.get("task.kind") == "inpaint":
                self.put("task.area", "masked")
                return self._numeric(row, value)
            case "crop":
                return False
            case "generator":
                return self._generator(value)
            case "levels":
                return self._levels(row.path, value)
            case "image":
                return self._image(row.path, value)
            case "control_image" | "control_number":
                return self._control(row, value)
            case "guess":
                if value is True:
                    self.put(row.path, "control", 0)
                return isinstance(value, bool)
            case "network_scale":
                scale = real(value.get("scale")) if isinstance(value, dict) else None
                if scale is not None:
                    self._scaled(scale)
                return scale is not None
            case _:
                return False

    def _scaled(self, scale: float) -> None:
        """All networks weaker or stronger, as the call itself says."""
        for part, unit in list(self.draft.parts):
            for name in ("unet", "text_encoder") if part == place_of(NETWORKS).part else ():
                weight = real(self.get(f"{NETWORKS}{name}", unit))
                self.put(f"{NETWORKS}{name}", round((1.0 if weight is None else weight) * scale, DIGITS), unit)

    def _levels(self, path: str, value: object) -> bool:
        """The schedule of noise levels that flow models are told one by one; a named one stays."""
        schedule = levels_of(value)
        if schedule is not None and self.get(path) == FLOW:
            self.put(path, schedule)
        return schedule is not None

    def _text(self, row: KeywordRow, value: object) -> bool:
        one = value[0] if isinstance(value, list) and value else value
        if isinstance(one, str):
            self.put(row.path, one)
            if isinstance(value, list) and row.path != NEGATIVE:
                self._listed(value)
            return True
        text, encoder = text_behind(value, self.meanings, negative=row.path == NEGATIVE)
        if text is None or row.kind == "text":
            return False
        self.put(row.path, text)
        if encoder == PIECES:
            self._weighted(value)
        language = self.meanings.word("encoders", encoder)
        if language:
            self.put("text.language", language)
            self.put("text.emphasis", self.meanings.word("emphasis", language))
        states = self.meanings.listed("calls", "states")
        for call in self.calls:
            if call.name == INDEXED and isinstance(call.owner, Part) and call.owner.name in states:
                self._layer(call.arguments[0])
        return True

    def _listed(self, texts: Sequence[object]) -> None:
        """Several texts are as many pictures; only the first is read where they differ."""
        if any(text != texts[0] for text in texts):
            self.said.append(diagnose("PC703", count=len(texts)))
        elif len(texts) > 1:
            self.put("batch.size", len(texts))

    def _weighted(self, value: object) -> None:
        """The language of the pieces, and the way of emphasis that the function of the script was told."""
        told = [item for made in origins(value)[:1] for item in made.arguments]
        known = [way for way in self.meanings.listed(PIECES, "emphasis") if way in told]
        self.put("text.language", self.meanings.listed(PIECES, "language")[0])
        self.put("text.emphasis", known[0] if known else "no_norm")

    def _layer(self, index: object) -> None:
        if isinstance(index, int) and index < 0:
            self.put("text.layer", index)

    def _side(self, side: str, value: object) -> bool:
        number = whole(value)
        if number is None:
            return False
        size = self.get("size") or {"width": 0, "height": 0}
        self.put("size", {**size, side: number} if isinstance(size, dict) else size)
        return True

    def _numeric(self, row: KeywordRow, value: object) -> bool:
        number: float | None = whole(value) if row.kind in ("whole", "layer", "crop") else real(value)
        if number is None:
            return False
        self.put(row.path, self._meant(row.kind, number))
        return True

    def _meant(self, kind: str, number: float) -> float:
        """A number as settings count it; guidance of 1 and less is none to the library."""
        match kind:
            case "layer":
                return -1 - number
            case "guidance":
                return max(number, 1.0)
            case "guidance_above_one":
                return max(number, 0.0) + 1
            case "guidance_by_negative":
                return max(number, 1.0) if self.told & {*self.meanings.listed("calls", NEGATIVE)} else 1.0
            case _:
                return number

    def _says(self, path: str, value: object) -> bool:
        """Does a text for another encoder say the same?"""
        one = value[0] if isinstance(value, list) and value else value
        return one is not None and self.get(path) == one

    def _generator(self, value: object) -> bool:
        seeded = seeded_by(value, self.meanings, self.before)
        seed = first_seed(seeded)
        if seed is None:
            return False
        self.put("noise.seed", _seed(seed))
        self.put("noise.generator", drawn_on(seeded[0], self.meanings))
        if len(seeded) > 1:
            self.put("batch.size", len(seeded))
        if isinstance(value, Made):
            self.put("noise.per_batch", True)
        return True

    def _image(self, path: str, value: object) -> bool:
        file = file_behind(value, self.meanings)
        if origins(value) and self.get("task.kind") != "inpaint":
            self.put("task.kind", "inpaint" if path == MASK else "image_to_image")
        if file:
            self.put(path, file)
        return file is not None or bool(origins(value))

    def _control(self, row: KeywordRow, value: object) -> bool:
        """A picture, or a number, for each unit that steers; one number is that of all."""
        alone = 1 if row.kind == "control_image" else max(self.units(), 1)
        for number, item in enumerate(value[:MOST_UNITS] if isinstance(value, list) else [value] * alone):
            if row.kind == "control_image":
                self.put(row.path, file_behind(item, self.meanings), number)
                made = preprocessed(item, self.meanings)
                values = (made.name, *made.thresholds) if made else ()
                for name, value_of in zip(("preprocessor", "threshold_a", "threshold_b"), values, strict=False):
                    self.put(f"{CONTROLS}{name}", value_of, number)
            elif (weight := real(item)) is not None:
                self.put(row.path, weight, number)
            self.put("controls.controlnet[n].unit", number, number)
        return True

    # ── where it starts, and what was left out ────────────────────────────────────────────────────────────────────────

    def _defaults(self, painting: Painting) -> None:
        """What the call takes where the script leaves it out."""
        row = self.meanings.default(painting.name)
        because = f"{painting.name} takes it where nothing is said"
        for name, number in self.meanings.call(painting.name).defaults.items():
            keyword = self.meanings.keyword(name, painting.name)
            if keyword is None or name in self.told or not keyword.path or self.get(keyword.path) is not None:
                continue
            if self._read(keyword, number):
                self.implied.append(Implied(path=keyword.path, read=plain(self.get(keyword.path)), because=because))
        published = self.meanings.origin(
            painting.name, model_of(relatives(painting.pipeline, self.meanings), self.meanings)
        )
        size = (published.size if published else ()) or row.size
        image = self.meanings.keyword("image", painting.name)
        takes_its_size = image is not None and image.kind == "control_image"
        known = (self.meanings.keyword(name, painting.name) for name in self.told)
        says_size = any(keyword is not None and keyword.kind in SIDES for keyword in known)
        is_open = self.get("size") is None and not says_size and not takes_its_size
        if size and is_open and self.get("task.kind") == "text_to_image":
            self.put("size", dict(zip(("width", "height"), size, strict=True)))
            self.implied.append(Implied(path="size", read=plain(size), because=because))
        if self.get("sampling.cfg_scale") is None and self.get("sampling.distilled_cfg_scale") is not None:
            self.put("sampling.cfg_scale", 1.0)
        if self.get("task.strength") is None and self.get("task.kind") != "text_to_image":
            self.put("task.strength", 1.0)  # the picture is a condition, not the start
        if self.get("noise.seed") is None:
            self._seeded_globally()
        strength, steps = real(self.get("task.strength")), whole(self.get("sampling.steps"))
        if strength is not None and steps:
            self.put("task.strength", asked_strength(strength, steps, rounds_down=row.rounds_down))

    def _seeded_globally(self) -> None:
        for call in self.calls[: self.before]:
            if call.name in self.meanings.listed("noise", "global_seed") and call.arguments:
                seed = whole(call.arguments[0])
                if seed is not None:
                    self.put("noise.seed", _seed(seed))
                    self.put("noise.generator", self.meanings.listed("noise", "card")[0])
                elif self.get("noise.seed") is None:
                    self.unread(call.name, call.places.get("0"), "PC706")

    # ── the second pass ───────────────────────────────────────────────────────────────────────────────────────────────

    def _second(self, first: Painting, second: Painting) -> None:
        words = self.meanings.listed
        told = {name: value for name, (value, _) in self._told(second).items()}
        switch = real(told.get(words("calls", "switch")[0]))
        model = self._refiner(first, second)
        if switch is not None and model:
            self.put("stages.refiner.checkpoint", model)
            self.put("stages.refiner.switch_at", switch)
            return
        size = enlargement(second, self.meanings, self.get("size"))
        for call in second.before if "size" not in size else ():
            if call.name.rpartition(".")[2] in words("pictures", "resize"):
                self.unread(call.name, call.span, "PC706")
        values: dict[str, object] = {
            "strength": self.meanings.call(second.name).defaults.get("strength"),
            "checkpoint": model,
        }
        if words("calls", "strength")[0] in told:
            values["strength"] = real(told[words("calls", "strength")[0]])
        steps = whole(told.get(words("calls", "steps")[0]))
        values["steps"] = steps if steps != self.get("sampling.steps") else None
        for row in self.meanings.keywords:
            if row.path.startswith("sampling.") and "cfg_scale" in row.path and row.fits(row.name, second.name):
                number = real(told.get(row.name))
                number = None if number is None else self._meant(row.kind, number)
                differs = number is not None and number != self.get(row.path)
                values[row.path.removeprefix("sampling.")] = number if differs else None
        for name in ("prompt", NEGATIVE):
            keyword, embeds = words("calls", name)
            text = told.get(keyword) or text_behind(told.get(embeds), self.meanings, negative=name == NEGATIVE)[0]
            values[name] = text if isinstance(text, str) and text != self.get(name) else None
        scheduling = self._scheduling(second)
        if scheduling.because == "" and scheduling.sampler != self.get("sampling.sampler"):
            values |= {"sampler": scheduling.sampler, "schedule": scheduling.schedule}
        planned, strength = steps or whole(self.get("sampling.steps")), real(values["strength"])
        if strength is not None and planned:
            rounds_down = self.meanings.default(second.name).rounds_down
            values["steps"] = run = run_steps(strength, planned, rounds_down=rounds_down)
            values["strength"] = hires_strength(run, planned)
        for name, value in (values | size).items():
            if value is not None and name in _HIRES:
                self.put(SECOND + name, value)

    def _refiner(self, first: Painting, second: Painting) -> dict[str, object] | None:
        """The checkpoint of the second pass, where it is another one."""
        makers = list(relatives(second.pipeline, self.meanings))
        if makers[-1] in list(relatives(first.pipeline, self.meanings)):
            return None
        told = file_of(makers[-1], self.meanings)
        return asset(told, is_file=told.endswith(SAFE)) if told else None

    # ── the Job ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def _remark(self, painting: Painting) -> None:
        words = self.meanings
        groups = ("networks", "adapters")
        known = {
            *words.methods,
            *words.words["freeu"],
            *(it for group in groups for kind in words.words[group] for it in words.listed(group, kind)),
        }
        for call in self.methods(painting):
            if call.name not in known and not call.name.startswith("__") and call.name not in words.loaders:
                self.said.append(diagnose("PC704", self.first_line(call), "not read", name=call.name))

    def _built(self) -> Job:
        size = self.get("size")
        if isinstance(size, dict):
            self.put("size", (size["width"], size["height"]))
        hires = self.get("stages.hires.size")
        if isinstance(hires, dict):
            self.put("stages.hires.size", (hires["width"], hires["height"]))
        if self.get("noise.per_batch"):
            self.put("noise.per_batch", (whole(self.get("batch.size")) or 1) > 1)
        job, refused = job_of(self.draft.raw())
        for path, why in refused.items():
            self.said.append(diagnose("PC709", self._place(path), "not read", path=path, why=why))
        entries = sorted(self.ledger, key=lambda stated: stated.span or Span(0, 0))
        return job.model_copy(update={"ledger": tuple(entries), "implied": tuple(self.implied)})

    def _place(self, path: str) -> Span | None:
        """Where the script says a value."""
        return next((entry.span for entry in self.ledger if path in entry.paths), None)


def _seed(number: int) -> int:
    """A seed as the library's generators take it."""
    return number if -SEEDS < number < SEEDS else number % SEEDS


_HIRES: Final = (
    "upscaler", "size", "scale", "steps", "strength", "sampler", "schedule", "cfg_scale", "distilled_cfg_scale",
    "prompt", "negative", "checkpoint",
)  # fmt: skip
