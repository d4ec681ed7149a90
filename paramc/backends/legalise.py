"""Job × Plan × target: the Plan in ops that the target can say, and one fate for every setting."""

import re
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from fnmatch import fnmatchcase
from functools import lru_cache

from paramc.backends.description import ANY, Answer, Rule, Target, scheduled
from paramc.backends.registry import judge_of
from paramc.backends.report import Cause, Fate, Grade, Report, rank, worst
from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import Diagnostic, Span
from paramc.ir.control import ControlNet
from paramc.ir.features import feature_of
from paramc.ir.job import Job
from paramc.ir.ledger import Stated, drawing
from paramc.ir.names import executed_schedule
from paramc.ir.paths import leaves, plain, value_at
from paramc.ir.places import Place, View, located
from paramc.ir.plan import (
    ApplyControl,
    Average,
    Combine,
    Decode,
    Detail,
    Encode,
    LoadCheckpoint,
    LoadParts,
    Op,
    Plan,
    Run,
    Sample,
    Sigmas,
    Slice,
    Variant,
)
from paramc.ir.prompt import Alternate, Edit, Prompt
from paramc.passes.levels import PART
from paramc.tables import NOTHING

OF_PLANS = ("op.", "flag.", "unlike.")  # what rules ask of a plan; false where it has none
STEERED, KIND = "control.controlnet", "unit.kind"
COUNTS = "area.counts"  # what rules ask of an area: does the plan average a prompt in it?
FURTHER, FURTHER_PASS = "stages.further", "stage.further"  # where such passes stand, and the feature that they are
EMPHASIS = "text.emphasis."  # features: how weights touch the text
UNWEIGHTED = Answer("inert", why="no word of the prompts has a weight")
TEXTS = frozenset({"prompt", "negative"})  # features of the bare text, whatever becomes of its syntax
CHUNK = 75  # tokens between start and end of one CLIP chunk
_TOKEN = re.compile(r"\w+|[^\w\s]")  # at least as many CLIP tokens as matches
_SLOTS = ("model", "clip", "positive", "negative")
_THROUGH = ("image", "latent", "model", "positive", "noise", "sigmas")  # the input that stands in for a lost op


def report_fates(job: Job, plan: Plan, target: Target, chosen: Mapping[str, object] | None = None) -> Report:
    """One fate for each entry of the ledger, then one for each other value that is not its default.

    `chosen` are the target's options, which some answers depend on.
    """
    judged = _Judge(job, plan, target, chosen or {})
    covered = {path for stated in job.ledger for path in stated.paths}
    implied = {item.path for item in job.implied}
    fates = [judged.stated(stated) for stated in job.ledger]
    fates += [
        judged.value(path, value, "implied" if path in implied else "set")
        for path, value in leaves(job)
        if path not in covered
    ]
    return Report(target.name, tuple(fates))


def fate_diagnostics(report: Report, target: Target) -> tuple[Diagnostic, ...]:
    """What the user should know of the losses, one diagnostic for each cause of a fate."""
    return tuple(
        diagnose(
            cause.code,
            fate.span,
            cause.grade,
            path=fate.paths[0] if fate.paths else None,
            target=target.name,
            key=fate.key,
            title=target.title,
            why=cause.why,
        )
        for fate in report.fates
        for cause in fate.causes
    )


def legalise(plan: Plan, target: Target, chosen: Mapping[str, object] | None = None) -> Plan:
    """The Plan with every op that the target cannot say rewritten or left out. `chosen` are the target's options."""
    if not target.legal:
        return plan
    lost = _lost(plan, target, chosen or {})
    lost |= {f"{KIND}.{kind}" for kind in target.unlike if STEERED in _lost(plan, target, chosen or {}, {KIND: kind})}
    replacements: dict[str, str] = {}
    ops: list[Op] = []
    for op in _short(plan.ops) if FURTHER_PASS in lost else plan.ops:
        wired = _rewired(op, replacements)
        if "sampling.part" in lost:
            wired = _whole(wired, plan)
        if isinstance(wired, Average) and "patch.prompt_area" in lost:
            wired = _everywhere(wired)
        stand_in = _stand_in(wired, target, lost)
        if stand_in is None:
            ops.append(_simplified(wired, lost) if isinstance(wired, Encode) else wired)
        else:
            # What goes into a slot of a lost op comes out of it again.
            slots = ((name, wired.__dict__.get(name)) for name in _SLOTS)
            replacements |= {f"{op.id}.{name}": value for name, value in slots if isinstance(value, str)}
            replacements[op.id] = stand_in
    return plan.model_copy(update={"ops": tuple(ops)})


def _short(ops: tuple[Op, ...]) -> Iterator[Op]:
    """The ops without those of further passes: the picture is made of what the pass before the first of them gives."""
    passes = [(place, op) for place, op in enumerate(ops) if isinstance(op, Sample)]
    further = [op for _, op in passes if any(path.startswith(FURTHER) for path in op.because)]
    if not further:
        yield from ops
        return
    place, last = passes[len(passes) - len(further) - 1]
    kept = ops[: place + 1]
    decodes = (number for number, op in enumerate(ops) if isinstance(op, Decode) and op.latent == further[-1].id)
    end = next(decodes)
    vae = ops[end].__dict__["vae"]
    if vae.partition(".")[0] not in {op.id for op in kept}:
        vae = [f"{op.id}.vae" for op in kept if isinstance(op, LoadCheckpoint | LoadParts)][-1]
    yield from (*kept, ops[end].model_copy(update={"latent": last.id, "vae": vae}), *ops[end + 1 :])


def prompt_features(prompt: Prompt, encodes: Iterable[Encode], embeddings: Iterable[str] = ()) -> Iterator[str]:
    """The features that a prompt uses, as its structure and its weighted runs show."""
    if len(prompt.branches) > 1:
        yield "prompt.and"
    kinds = {tag.kind for tag in prompt.networks}
    if kinds & {"lora", "lyco"}:
        yield "prompt.network"
    if "hypernet" in kinds:
        yield "prompt.hypernet"
    if kinds - {"lora", "lyco", "hypernet"}:
        yield "prompt.network.unknown"
    if any(tag.rank is not None for tag in prompt.networks):
        yield "prompt.network.rank"
    if any(tag.blocks != () for tag in prompt.networks):
        yield "prompt.network.blocks"
    if any(tag.first_step is not None or tag.last_step is not None for tag in prompt.networks):
        yield "prompt.network.steps"
    parts = [part for branch in prompt.branches for part in branch.body]
    if any(isinstance(part, Edit) for part in parts):
        yield "prompt.edit"
    if any(isinstance(part, Alternate) for part in parts):
        yield "prompt.alternate"
    encodes = tuple(encodes)
    if is_weighted(encodes):
        yield "prompt.emphasis"
    if any(run.breaks for encode in encodes for variant in encode.variants for run in variant.runs):
        yield "prompt.break"
    spoken = prompt.text.lower()  # as tokens are
    if any(name and name.lower() in spoken for name in embeddings):
        yield "prompt.embedding"
    if any(len(_TOKEN.findall(variant.text)) > CHUNK for encode in encodes for variant in encode.variants):
        yield "prompt.long"


def is_weighted(encodes: Iterable[Encode]) -> bool:
    """Has any word a weight of its own?"""
    runs = (run for encode in encodes for variant in encode.variants for run in variant.runs)
    return any(run.weight != 1.0 for run in runs if not run.breaks)


class _Judge:
    """Answers for one job and target."""

    def __init__(self, job: Job, plan: Plan, target: Target, chosen: Mapping[str, object]) -> None:
        target = judge_of(target, chosen)
        self.job, self.plan, self.target = job, plan, target
        self.view = View(job)
        self.named: dict[str, object] = {
            "base": plan.base,
            "family": plan.family,
            "schedule": executed_schedule(job.sampling.sampler, job.sampling.schedule),
            "manner": manner_of(plan),
            "drawn": drawing(job.ledger) is not None,
            **_plan_facts(plan, target),
            **{f"option.{name}": value for name, value in chosen.items()},
        }
        self.samples = [op for op in plan.ops if isinstance(op, Sample)]
        self.levels = [op for op in plan.ops if isinstance(op, Sigmas)]
        self.placed = frozenset(area for op in plan.ops if isinstance(op, Average) for area in op.areas)
        self.rules = target.rules_of
        self.weighted = is_weighted(op for op in plan.ops if isinstance(op, Encode))

    def stated(self, stated: Stated) -> Fate:
        """The fate of an entry of the source: the worst of what it sets."""
        values = {path: self.view.at(path) for path in stated.paths}
        asked = [(path, name) for path, value in values.items() for name in self.features(path, value)]
        key = stated.key.strip() or (stated.paths[0] if stated.paths else "trailing text")
        if self.view.still_says(stated):
            return self.fate(key, stated.raw, stated.paths, "stated", asked, stated.span)
        return self.fate(key, plain(values[stated.paths[0]]), stated.paths, "set", asked, None)

    def value(self, path: str, value: object, origin: str) -> Fate:
        """The fate of a value that the source does not state."""
        return self.fate(
            path, plain(value), (path,), origin, [(path, name) for name in self.features(path, value)], None
        )

    def fate(
        self, key: str, raw: str, paths: tuple[str, ...], origin: str, asked: list[tuple[str, str]], span: Span | None
    ) -> Fate:
        """The worst answer to the features that are asked for, each with its path, and all that have a code."""
        answers = {name: self.answer(path, name) for path, name in asked or [("", "unknown")]}
        grade = worst(answer.grade for answer in answers.values())
        if grade == "dropped" and any(answers[name].grade != "dropped" for name in TEXTS & answers.keys()):
            grade = "approximate"  # the text itself is kept
        found = sorted(answers.items(), key=lambda item: -rank(item[1].grade))
        causes = {
            answer.code + answer.why: Cause(name, answer.grade, answer.code, answer.why)
            for name, answer in found
            if answer.code
        }
        first = next(iter(causes.values()), Cause("", grade, "", ""))
        return Fate(key, raw, paths, grade, origin, tuple(answers), first.code, first.why, span, tuple(causes.values()))

    def features(self, path: str, value: object) -> Iterator[str]:
        """The features that a value asks for."""
        name = feature_of(path, value)
        if name:
            yield name
        if path.startswith(FURTHER):
            yield FURTHER_PASS
        if isinstance(value, Prompt):
            encodes = [op for op in self.plan.ops if isinstance(op, Encode) and path in op.because]
            assets = (asset.name or "" for asset in self.job.assets.embeddings)
            yield from prompt_features(value, encodes, assets)

    def answer(self, path: str, name: str) -> Answer:
        """The target's answer to one feature, its rules and its table of samplers considered."""
        fitting = (rule.answer for rule in self.rules.get(name, ()) if self.fits(rule, path))
        found = next(fitting, None) or self.sampled(path, name) or self.target.answers[name]
        idle = name.startswith(EMPHASIS) and not self.weighted
        return UNWEIGHTED if idle and rank(found.grade) > rank(UNWEIGHTED.grade) else found

    def sampled(self, path: str, name: str) -> Answer | None:
        """The answer that depends on which sampler runs which schedule on which base."""
        kind = name.partition(".")[0]
        table = self.target.schedulers
        if table is None or kind not in ("sampler", "schedule") or not (self.samples and self.levels):
            return None
        hires = self.job.hires if path.startswith("stages.hires") else None
        schedule = (hires.schedule if hires else None) or self.job.sampling.schedule
        place = min(1, len(self.samples) - 1, len(self.levels) - 1) if hires else 0
        sample, levels = self.samples[place], self.levels[place]
        row = table.judged(self.plan.base, kind, sample.sampler, schedule, levels.steps)
        return scheduled(row) if row else None

    def fits(self, rule: Rule, judged: str) -> bool:
        """Whether the job is of the kind that the rule speaks of, where the value at `judged` is in question."""
        when = all(self.matches(path, texts, judged) for path, texts in (rule.when or {}).items())
        above = all(self.exceeds(path, most, judged) for path, most in (rule.above or {}).items())
        unless = any(self.matches(path, texts, judged) for path, texts in (rule.unless or {}).items())
        return when and above and not unless

    def matches(self, path: str, texts: list[str], judged: str) -> bool:
        """Whether the value at `path` is one of `texts`; `*` is any value but none."""
        return _is_among(self.looked_up(path, judged), texts)

    def exceeds(self, path: str, most: float, judged: str) -> bool:
        """Whether the value at `path` is a number above `most`."""
        value = self.looked_up(path, judged)
        return isinstance(value, int | float) and value > most

    def looked_up(self, path: str, judged: str) -> object:
        """What a rule calls `path`: something that it names, an option, or a value of the job.

        Of several items of a kind, it is about the one that the value at `judged` belongs to.
        """
        if path in self.named or path.startswith("option."):
            return self.named.get(path)
        place, rank = located(judged)
        if path == KIND:
            unit = self.view.value(Place(place.part, ()), rank)
            return self.target.kind_of(unit) if isinstance(unit, ControlNet) else None
        if path == COUNTS:
            return self.view.value(Place(place.part, ()), rank) in self.placed
        if path.startswith(OF_PLANS):
            return False
        wanted, own = located(path)
        if wanted.part:  # of hundreds of units each is found at once
            return self.view.value(wanted, rank if wanted.part == place.part else own)
        return value_at(self.job, path)


def decided_grades(target: Target, facts: Mapping[str, object]) -> dict[str, Grade]:
    """The grade of every feature by the target's table, and by those of its rules that `facts` alone decide."""
    grades: dict[str, Grade] = {name: answer.grade for name, answer in target.answers.items()}
    for rule in reversed(target.rules):
        if _is_decided(rule, facts):
            grades |= dict.fromkeys(rule.among(grades), rule.grade)
    return grades


def _lost(
    plan: Plan, target: Target, chosen: Mapping[str, object], told: Mapping[str, object] = NOTHING
) -> frozenset[str]:
    """The features that are dropped: by the table, or by a rule that plan, options and what is `told` decide."""
    encode = next((op for op in plan.ops if isinstance(op, Encode)), None)
    facts: dict[str, object] = {f"option.{name}": value for name, value in chosen.items()}
    facts |= {"base": plan.base, "family": plan.family, "text.emphasis": encode.emphasis if encode else None}
    facts |= {"manner": manner_of(plan), KIND: None, COUNTS: None, **_plan_facts(plan, target), **told}
    return _dropped(target, frozenset(facts.items()))


@lru_cache(maxsize=256)
def _dropped(target: Target, facts: frozenset[tuple[str, object]]) -> frozenset[str]:
    """What is lost where `facts` hold; most jobs of a batch share theirs."""
    grades = decided_grades(target, dict(facts))
    return frozenset(name for name, grade in grades.items() if grade == "dropped")


def _is_decided(rule: Rule, facts: Mapping[str, object]) -> bool:
    """Does the rule hold, whatever the job says beside these facts?"""
    when, unless = rule.when or {}, rule.unless or {}
    if rule.above or not all(path in facts or path.startswith(OF_PLANS) for path in (*when, *unless)):
        return False
    return all(_is_among(facts.get(path, False), texts) for path, texts in when.items()) and not any(
        _is_among(facts.get(path, False), texts) for path, texts in unless.items()
    )


def _plan_facts(plan: Plan, target: Target) -> dict[str, bool]:
    """What rules may ask of a plan.

    `op.NAME`: is there such an op? `flag.NAME`: has any of its loops the quirk? `unlike.KIND`: does anything steer that
    is of a kind of the target's, or a `controlnet`?
    """
    flags = {flag for op in plan.ops if isinstance(op, Sample) for flag in op.flags}
    kinds = {target.kind_of(op.unit) or "controlnet" for op in plan.ops if isinstance(op, ApplyControl)}
    facts = {f"op.{op.op}": True for op in plan.ops} | {f"flag.{flag}": True for flag in flags}
    return facts | {f"unlike.{kind}": True for kind in kinds}


def manner_of(plan: Plan) -> str | None:
    """The dialect whose reading of texts is followed."""
    return next((op.manner for op in plan.ops if isinstance(op, Encode)), None)


def _is_among(value: object, texts: list[str]) -> bool:
    """Is the value one of the texts? `*` stands for any letters, and alone for any value but none."""
    if value is None:
        return "unset" in texts
    text = value if isinstance(value, str) else plain(value)
    return text in texts or any(ANY in pattern and fnmatchcase(text, pattern) for pattern in texts)


def _rewired(op: Op, replacements: dict[str, str]) -> Op:
    changed: dict[str, object] = {}
    for name, value in op.__dict__.items():
        if isinstance(value, str) and name not in {"id", "op"}:
            source, dot, slot = value.partition(".")
            if value in replacements:
                changed[name] = replacements[value]
            elif source in replacements:
                stand_in = replacements[source]
                changed[name] = stand_in if "." in stand_in else stand_in + dot + slot
        elif name == "inputs" and isinstance(value, tuple):
            changed[name] = tuple(replacements.get(item, item) for item in value)
    return op.model_copy(update=changed) if changed else op


def _whole(op: Op, plan: Plan) -> Op:
    """A pass that runs to its end, of a schedule that was not made longer for a part of it."""
    if isinstance(op, Slice):
        return op.model_copy(update={"end": None, "ends_clean": False})
    if isinstance(op, Sigmas):
        spare = sum(cut.start for cut in plan.ops if isinstance(cut, Slice) and cut.sigmas == op.id and _is_part(cut))
        return op.model_copy(update={"steps": op.steps - spare}) if spare else op
    return op


def _is_part(cut: Slice) -> bool:
    """Is it there for the steps that were asked for alone, and made its schedule longer?"""
    return cut.lengthens and {*cut.because} <= PART


def _stand_in(op: Op, target: Target, lost: AbstractSet[str]) -> str | None:
    if isinstance(op, Combine) and "prompt.and" in lost:
        return op.inputs[0]
    if isinstance(op, Slice) and {*op.because} <= PART and "sampling.part" in lost:
        return op.sigmas
    if isinstance(op, Detail) and "stage.detailer" in lost:
        return op.image
    if isinstance(op, ApplyControl) and f"{KIND}.{target.kind_of(op.unit)}" in lost:
        return op.positive
    if op.op in target.legal:
        return None
    return next((value for name in _THROUGH if isinstance(value := op.__dict__.get(name), str)), "")


def _everywhere(op: Average) -> Combine:
    """The prompts of which each counts in the whole picture."""
    return Combine(id=op.id, because=op.because, inputs=op.inputs, weights=op.weights)


def _simplified(op: Encode, lost: AbstractSet[str]) -> Encode:
    """The encoding without what the target cannot say: one text, no weights, no breaks."""
    variants = op.variants
    if "prompt.edit" in lost and op.switches:
        variants = (_longest(variants).model_copy(update={"last_call": variants[-1].last_call}),)
    if "prompt.emphasis" in lost:
        variants = tuple(_unweighted(variant) for variant in variants)
    if "prompt.break" in lost:
        variants = tuple(
            variant.model_copy(update={"runs": tuple(Run(text=" ") if run.breaks else run for run in variant.runs)})
            for variant in variants
        )
    return op.model_copy(update={"variants": variants})


def _unweighted(variant: Variant) -> Variant:
    plain_runs = tuple(run if run.breaks else run.model_copy(update={"weight": 1.0}) for run in variant.runs)
    return variant.model_copy(update={"runs": plain_runs})


def _longest(variants: tuple[Variant, ...]) -> Variant:
    starts = (-1, *(variant.last_call for variant in variants[:-1]))
    return max(zip(variants, starts, strict=True), key=lambda item: item[0].last_call - item[1])[0]
