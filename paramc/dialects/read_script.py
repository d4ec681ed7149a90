"""A Python script for an image library → Job: the calls that it would make, by the tables of its dialect."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from pydantic import ValidationError

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
    pair,
    real,
    run_steps,
    whole,
)
from paramc.dialects.script.enlarging import enlargement
from paramc.dialects.script.handed import handed_over
from paramc.dialects.script.lines import Lines
from paramc.dialects.script.machine import Machine
from paramc.dialects.script.parsed import parsed_script
from paramc.dialects.script.pictures import Painting, paintings, relatives
from paramc.dialects.script.pieces import PIECES
from paramc.dialects.script.schedulers import Scheduling, scheduling_of
from paramc.dialects.script.sought import drawn_on, file_behind, first_seed, seeded_by, text_behind
from paramc.dialects.script.tables import KeywordRow, Meanings, meanings_of
from paramc.dialects.script.told import NEGATIVE, SAFE, asset, weights_of
from paramc.dialects.script.values import INDEXED, Made, Part, is_known, origins
from paramc.ir.job import Job
from paramc.ir.ledger import Implied, Stated
from paramc.ir.paths import plain
from paramc.ir.places import Draft, place_of
from paramc.ir.wishes import why_not

TRANSFORMER: Final = "transformer"  # what newer families have in place of a UNet
SECOND: Final = "stages.hires."
SEEDS: Final = 2**64
CONTROLS: Final = "controls.controlnet[n]."


def read_script(text: str, dialect: Dialect) -> tuple[Job, tuple[Diagnostic, ...]]:
    """The Job of the first picture that a script would paint, and what is remarkable. Nothing of the script is run.

    Raises ReadError for what is no Python, and for a script that paints nothing.
    """
    meanings = meanings_of(dialect)
    tree, lines = parsed_script(text)
    machine = Machine(lines, meanings.fluent)
    try:
        machine.follow(tree)
    except RecursionError as error:
        raise ReadError(diagnose("PC701", reason="its expressions are nested too deeply")) from error
    painted = list(paintings(machine.calls, meanings))
    handed = None if painted else handed_over(machine.calls, meanings)
    if handed is not None:
        return read_job(handed.text, find_dialect(handed.dialect, dialect.roots))
    if not painted:
        raise ReadError(diagnose("PC702"))
    reading = _Reading(dialect, meanings, lines, machine.calls)
    if machine.is_spent:
        reading.said.append(diagnose("PC707"))
    return reading.job(painted), tuple(reading.said)


@dataclass(slots=True)
class _Reading:
    """One script on its way to a Job."""

    dialect: Dialect
    meanings: Meanings
    lines: Lines
    calls: Sequence[Made]
    draft: Draft = field(default_factory=Draft)
    ledger: list[Stated] = field(default_factory=list)
    implied: list[Implied] = field(default_factory=list)
    said: list[Diagnostic] = field(default_factory=list)

    def job(self, painted: Sequence[Painting]) -> Job:
        """The Job of the first painting and of the one that goes on with it."""
        first, *others = painted
        second = next((item for item in others if item.follows(first)), None)
        apart = [item for item in others if item is not second and not item.follows(first)]
        if apart:
            self.said.append(diagnose("PC703", self._first(apart[0].call), "another one", count=len(painted)))
        self._head(first)
        self._model(first)
        self._scheduler(first)
        self._networks(first)
        self._call(first)
        self._start(first)
        self._defaults(first)
        if second is not None:
            self._second(first, second)
        self._remark(first)
        return self._built()

    # ── what is loaded ────────────────────────────────────────────────────────────────────────────────────────────────

    def _head(self, painting: Painting) -> None:
        self._put("producer.dialect", self.dialect.name)
        self._put("text.language", self.dialect.name)
        self._put("text.emphasis", "none")
        self._put("task.kind", self.meanings.task(painting.name))
        maker = list(relatives(painting.pipeline, self.meanings))[-1]
        start = self.lines.text(maker.span).find(painting.name)
        if start >= 0:
            span = Span(maker.span.start + start, maker.span.start + start + len(painting.name))
            entry = Stated(key=self.meanings.family_key, raw=painting.name, span=span, paths=("producer.dialect",))
            self.ledger.append(entry)

    def _model(self, painting: Painting) -> None:
        """Checkpoint, VAE and ControlNets. A part that was loaded from a file of its own is the checkpoint."""
        words = self.meanings.listed
        for maker in relatives(painting.pipeline, self.meanings):
            parts = {**maker.keywords, **maker.attributes}
            for name in words("parts", "model"):
                self._file("assets.checkpoint", parts.get(name))
            self._file("assets.vae", parts.get(words("parts", "vae")[0]))
            self._file("assets.checkpoint", maker)
            nets = parts.get(words("parts", "net")[0])
            for number, net in enumerate(nets if isinstance(nets, list) else [nets]):
                self._file("controls.controlnet[n].model", net, number)

    def _file(self, path: str, maker: object, number: int = 0) -> None:
        """The file that a loader was told, unless the place is taken."""
        if not isinstance(maker, Made) or maker.name.rpartition(".")[2] not in self.meanings.loaders:
            return
        told = maker.arguments[0] if maker.arguments else next(iter(maker.keywords.values()), None)
        if self._get(path, number) is None and isinstance(told, str) and told:
            from_file = maker.name.rpartition(".")[2] == self.meanings.loaders[1]
            self._put(path, asset(told, is_file=from_file), number)
            self._state(maker.name.rpartition(".")[2], maker.span, path)

    def _networks(self, painting: Painting) -> None:
        """LoRAs with their strengths, and textual inversions."""
        words = self.meanings.listed
        loaded: dict[str, str] = {}
        weights: dict[str, object] = {}
        embeddings: list[dict[str, object]] = []
        for call in self._methods(painting):
            told = call.arguments[0] if call.arguments else None
            if call.name in words("networks", "load") and isinstance(told, str):
                file = call.keywords.get(words("networks", "file")[0])
                name = call.keywords.get(words("networks", "name")[0])
                loaded[name if isinstance(name, str) else f"default_{len(loaded)}"] = (
                    f"{told}/{file}" if isinstance(file, str) else told
                )
            elif call.name in words("networks", "weigh"):
                weights |= weights_of(call)
            elif call.name in words("networks", "fuse"):
                weights |= dict.fromkeys(loaded, call.keywords.get(words("networks", "scale")[0], 1.0))
            elif call.name in words("networks", "embed") and isinstance(told, str):
                embeddings.append(asset(told, is_file=told.endswith(SAFE)))
        for unit, (name, file) in enumerate(loaded.items(), 1):
            self._network(unit, file, weights.get(name, 1.0 if not weights else 0.0))
        if embeddings:
            self._put("assets.embeddings", embeddings)

    def _network(self, unit: int, file: str, weight: object) -> None:
        both = weight if isinstance(weight, dict) else {"unet": weight, "text_encoder": weight}
        values = {"unit": unit, "model": {**asset(file, is_file=file.endswith(SAFE)), "network": "lora"}}
        strengths = {part: real(both.get(part, both.get(TRANSFORMER, 1.0))) for part in ("unet", "text_encoder")}
        for name, value in (values | {part: 1.0 if it is None else it for part, it in strengths.items()}).items():
            self._put(f"patches.extra_network[n].{name}", value, unit)

    def _methods(self, painting: Painting) -> Iterator[Made]:
        """The methods called on a pipeline and on those that it shares its parts with."""
        return (call for maker in relatives(painting.pipeline, self.meanings) for call in maker.calls)

    # ── how it is sampled ─────────────────────────────────────────────────────────────────────────────────────────────

    def _scheduler(self, painting: Painting) -> None:
        found = self._scheduling(painting)
        values = {"sampling.sampler": found.sampler, "sampling.schedule": found.schedule, **found.values}
        for path, value in values.items():
            self._put(path, value)
            if found.because:
                self.implied.append(Implied(path=path, read=plain(value), because=found.because))

    def _scheduling(self, painting: Painting) -> Scheduling:
        makers = list(relatives(painting.pipeline, self.meanings))
        part = self.meanings.listed("parts", "scheduler")[0]
        swapped = next((maker.attributes[part] for maker in makers if part in maker.attributes), None)
        given = next((maker.keywords[part] for maker in makers if part in maker.keywords), None)
        model = next((told for maker in makers for told in maker.arguments[:1] if isinstance(told, str)), "")
        return scheduling_of(swapped if swapped is not None else given, painting.name, model, self.meanings)

    # ── what a call is told ───────────────────────────────────────────────────────────────────────────────────────────

    def _call(self, painting: Painting) -> None:
        told = dict(painting.call.keywords)
        for name, value in zip(self.meanings.listed("calls", "places"), painting.call.arguments, strict=False):
            told.setdefault(name, value)
        for name, value in told.items():
            row = next((row for row in self.meanings.keywords if row.fits(name, painting.name)), None)
            place = painting.call.places.get(name)
            if row is None:
                self._unread(name, place, "PC705")
            elif row.kind != "inert" and not self._read(row, value) and value is not None:
                self._unread(name, place, "PC706" if not is_known(value) else "PC705")
            elif place is not None:
                self._state(name, place, *([row.path] if row.path else []))

    def _read(self, row: KeywordRow, value: object) -> bool:
        """Put the value of a keyword where it belongs; False for one that says nothing to us."""
        match row.kind:
            case "text" | "embedded":
                return self._text(row, value)
            case "width" | "height":
                return self._side(row.kind, value)
            case "number" | "whole" | "layer":
                return self._numeric(row, value)
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
                    self._put(row.path, "control", 0)
                return isinstance(value, bool)
            case "network_scale":
                scale = real(value.get("scale")) if isinstance(value, dict) else None
                if scale is not None:
                    self._put(row.path, scale, 1)
                return scale is not None
            case _:
                return False

    def _levels(self, path: str, value: object) -> bool:
        """The schedule of noise levels that flow models are told one by one; a named one stays."""
        schedule = levels_of(value)
        if schedule is not None and self._get(path) == FLOW:
            self._put(path, schedule)
        return schedule is not None

    def _text(self, row: KeywordRow, value: object) -> bool:
        one = value[0] if isinstance(value, list) and value else value
        if isinstance(one, str):
            self._put(row.path, one)
            return True
        text, encoder = text_behind(value, self.meanings, negative=row.path == NEGATIVE)
        if text is None:
            return False
        self._put(row.path, text)
        if encoder == PIECES:
            self._weighted(value)
        language = self.meanings.word("encoders", encoder)
        if language:
            self._put("text.language", language)
            self._put("text.emphasis", language)
        states = self.meanings.listed("calls", "states")
        for call in self.calls:
            if call.name == INDEXED and isinstance(call.owner, Part) and call.owner.name in states:
                self._layer(call.arguments[0])
        return True

    def _weighted(self, value: object) -> None:
        """The language of the pieces, and the way of emphasis that the function of the script was told."""
        told = [item for made in origins(value)[:1] for item in made.arguments]
        known = [way for way in self.meanings.listed(PIECES, "emphasis") if way in told]
        self._put("text.language", self.meanings.listed(PIECES, "language")[0])
        self._put("text.emphasis", known[0] if known else "no_norm")

    def _layer(self, index: object) -> None:
        if isinstance(index, int) and index < 0:
            self._put("text.layer", index)

    def _side(self, side: str, value: object) -> bool:
        number = whole(value)
        if number is None:
            return False
        size = self._get("size") or {"width": 0, "height": 0}
        self._put("size", {**size, side: number} if isinstance(size, dict) else size)
        return True

    def _numeric(self, row: KeywordRow, value: object) -> bool:
        number: float | None = whole(value) if row.kind in ("whole", "layer") else real(value)
        if number is None:
            return False
        self._put(row.path, -1 - number if row.kind == "layer" else number)
        return True

    def _generator(self, value: object) -> bool:
        seeded = seeded_by(value, self.meanings)
        seed = first_seed(seeded)
        if seed is None:
            return False
        self._put("noise.seed", _seed(seed))
        self._put("noise.generator", drawn_on(seeded[0], self.meanings))
        if len(seeded) > 1:
            self._put("batch.size", len(seeded))
        if isinstance(value, Made):
            self._put("noise.per_batch", True)
        return True

    def _image(self, path: str, value: object) -> bool:
        file = file_behind(value, self.meanings)
        if file:
            self._put(path, file)
        return file is not None or bool(origins(value))

    def _control(self, row: KeywordRow, value: object) -> bool:
        for number, item in enumerate(value if isinstance(value, list) else [value]):
            if row.kind == "control_image":
                file = file_behind(item, self.meanings)
                self._put(row.path, file, number)
            elif (weight := real(item)) is not None:
                self._put(row.path, weight, number)
            self._put("controls.controlnet[n].unit", number, number)
        return True

    # ── where it starts, and what was left out ────────────────────────────────────────────────────────────────────────

    def _start(self, painting: Painting) -> None:
        """The size that the picture was brought to before it went in."""
        kinds = self.meanings.words["fits"]
        for call in painting.before:
            method = call.name.rpartition(".")[2]
            self._mask(method, call)
            if method in kinds and self._get(CONTROLS + "unit") is not None:
                self._put(CONTROLS + "resize", str(kinds[method]), 0)
            if method in kinds and self._get("task.resize") is None and self._get("task.kind") != "text_to_image":
                size = pair(call.arguments)
                if size:
                    self._put("size", self._get("size") or {"width": size[0], "height": size[1]})
                    self._put("task.resize", str(kinds[method]))

    def _mask(self, method: str, call: Made) -> None:
        """What is done to the mask of a picture that is painted in part."""
        path = self.meanings.word("masks", method)
        if path is not None and self._get("task.kind") == "inpaint":
            blur = real(call.arguments[0]) if call.arguments else None
            self._put(path, True if blur is None else blur)

    def _defaults(self, painting: Painting) -> None:
        row = self.meanings.default(painting.name)
        because = f"{painting.name} takes it where nothing is said"
        values = dict(row.values)
        if self._get("task.kind") != "text_to_image":
            values["task.strength"] = row.strength
        elif row.size:
            values["size"] = dict(zip(("width", "height"), row.size, strict=True))
        for path, value in values.items():
            if self._get(path) is None:
                self._put(path, value)
                shown = tuple(value.values()) if isinstance(value, dict) else value
                self.implied.append(Implied(path=path, read=plain(shown), because=because))
        if self._get("noise.seed") is None:
            self._seeded_globally()
        strength, steps = real(self._get("task.strength")), whole(self._get("sampling.steps"))
        if strength is not None and steps:
            self._put("task.strength", asked_strength(strength, steps, rounds_down=row.rounds_down))

    def _seeded_globally(self) -> None:
        for call in self.calls:
            if call.name in self.meanings.listed("noise", "global_seed") and call.arguments:
                seed = whole(call.arguments[0])
                if seed is not None:
                    self._put("noise.seed", _seed(seed))
                    self._put("noise.generator", self.meanings.listed("noise", "card")[0])

    # ── the second pass ───────────────────────────────────────────────────────────────────────────────────────────────

    def _second(self, first: Painting, second: Painting) -> None:
        told, words = second.call.keywords, self.meanings.listed
        switch = real(told.get(words("calls", "switch")[0]))
        model = self._refiner(first, second)
        if switch is not None and model:
            self._put("stages.refiner.checkpoint", model)
            self._put("stages.refiner.switch_at", switch)
            return
        size = enlargement(second, self.meanings, self._get("size"))
        values: dict[str, object] = {"strength": self.meanings.default(second.name).strength, "checkpoint": model}
        if words("calls", "strength")[0] in told:
            values["strength"] = real(told[words("calls", "strength")[0]])
        steps = whole(told.get(words("calls", "steps")[0]))
        values["steps"] = steps if steps != self._get("sampling.steps") else None
        for row in self.meanings.keywords:
            if row.path.startswith("sampling.") and "cfg_scale" in row.path and row.fits(row.name, second.name):
                number = real(told.get(row.name))
                differs = number is not None and number != self._get(row.path)
                values[row.path.removeprefix("sampling.")] = number if differs else None
        for name in ("prompt", NEGATIVE):
            keyword, embeds = words("calls", name)
            text = told.get(keyword) or text_behind(told.get(embeds), self.meanings, negative=name == NEGATIVE)[0]
            values[name] = text if isinstance(text, str) and text != self._get(name) else None
        scheduling = self._scheduling(second)
        if scheduling.because == "" and scheduling.sampler != self._get("sampling.sampler"):
            values |= {"sampler": scheduling.sampler, "schedule": scheduling.schedule}
        planned, strength = steps or whole(self._get("sampling.steps")), real(values["strength"])
        if strength is not None and planned:
            rounds_down = self.meanings.default(second.name).rounds_down
            values["steps"] = run = run_steps(strength, planned, rounds_down=rounds_down)
            values["strength"] = hires_strength(run, planned)
        for name, value in (values | size).items():
            if value is not None and name in _HIRES:
                self._put(SECOND + name, value)

    def _refiner(self, first: Painting, second: Painting) -> dict[str, object] | None:
        """The checkpoint of the second pass, where it is another one."""
        makers = list(relatives(second.pipeline, self.meanings))
        if makers[-1] in list(relatives(first.pipeline, self.meanings)):
            return None
        told = makers[-1].arguments[0] if makers[-1].arguments else None
        return asset(told, is_file=told.endswith(SAFE)) if isinstance(told, str) else None

    # ── the Job ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def _remark(self, painting: Painting) -> None:
        words = self.meanings
        known = {*words.methods, *(name for kind in words.words["networks"] for name in words.listed("networks", kind))}
        for call in self._methods(painting):
            if call.name not in known and not call.name.startswith("__") and call.name not in words.loaders:
                self.said.append(diagnose("PC704", self._first(call), "not read", name=call.name))

    def _unread(self, name: str, place: Span | None, code: str) -> None:
        text = self.lines.text(place) if place else ""
        self.said.append(diagnose(code, place, "not read", name=name, line=self.lines.line_of(place) if place else 0))
        if place is not None:
            self.ledger.append(Stated(key=name, raw=text, span=place, problem=code))

    def _state(self, name: str, place: Span, *paths: str) -> None:
        self.ledger.append(Stated(key=name, raw=self.lines.text(place), span=place, paths=paths))

    def _first(self, call: Made) -> Span:
        """The first line of a call."""
        text = self.lines.text(call.span)
        return Span(call.span.start, call.span.start + len(text.partition("\n")[0]))

    def _put(self, path: str, value: object, number: int = 0) -> None:
        self.draft.put(place_of(path), number, value)

    def _get(self, path: str, number: int = 0) -> object:
        return self.draft.get(place_of(path), number)

    def _built(self) -> Job:
        size = self._get("size")
        if isinstance(size, dict):
            self._put("size", (size["width"], size["height"]))
        hires = self._get("stages.hires.size")
        if isinstance(hires, dict):
            self._put("stages.hires.size", (hires["width"], hires["height"]))
        if self._get("noise.per_batch"):
            self._put("noise.per_batch", (whole(self._get("batch.size")) or 1) > 1)
        try:
            job = self.draft.job()
        except ValidationError as error:
            raise ReadError(diagnose("PC701", reason=f"a value cannot be taken: {why_not(error)}")) from error
        entries = sorted(self.ledger, key=lambda stated: stated.span or Span(0, 0))
        return job.model_copy(update={"ledger": tuple(entries), "implied": tuple(self.implied)})


def _seed(number: int) -> int:
    """A seed as the library's generators take it."""
    return number if -SEEDS < number < SEEDS else number % SEEDS


_HIRES: Final = (
    "upscaler", "size", "scale", "steps", "strength", "sampler", "schedule", "cfg_scale", "distilled_cfg_scale",
    "prompt", "negative", "checkpoint",
)  # fmt: skip
