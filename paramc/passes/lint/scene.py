"""What a lint looks at: the job, its family, and where the source says what; and how it makes its diagnostic."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import Applicability, Diagnostic, Severity, Span, Suggestion
from paramc.dialects.language import Language, language_of
from paramc.dialects.registry import find_dialect
from paramc.dialects.weights import Run, Runs
from paramc.ir.control import ExtraNetwork, OpaquePatch
from paramc.ir.job import Job
from paramc.ir.ledger import Stated
from paramc.ir.names import samplers
from paramc.ir.prompt import Prompt
from paramc.ir.stages import Detailer
from paramc.passes.family_tables import normalised
from paramc.passes.lint.tables import Advice, Rule, advice, findings, pattern

CONFIDENCE = ("none", "low", "medium", "high", "definite")
FEWEST_FIELDS = 5  # settings that must be left when one is taken away, or the line would be no settings any more
UNKNOWN = "unknown"
AUTOMATIC = "automatic"  # the schedule that is the sampler's own


@dataclass(frozen=True)
class Scene:
    """A job on its way through the lints; what several of them ask for is looked up once."""

    job: Job

    @property
    def family(self) -> str:
        """The family's name."""
        return self.job.family.name if self.job.family else UNKNOWN

    @property
    def base(self) -> str:
        """The family's base."""
        return self.job.family.base if self.job.family else UNKNOWN

    def is_sure(self, least: str) -> bool:
        """Is the family known at least so well?"""
        confidence = self.job.family.confidence if self.job.family else "none"
        return CONFIDENCE.index(confidence) >= CONFIDENCE.index(least)

    @cached_property
    def advice(self) -> Advice | None:
        """What the family was made for, where it is known well enough."""
        return advice().get(self.family) if self.is_sure("medium") else None

    @cached_property
    def entries(self) -> Mapping[str, Stated]:
        """The entry that states each path; the last one counts."""
        return {path: stated for stated in self.job.ledger for path in stated.paths}

    @cached_property
    def language(self) -> Language:
        """How the prompts are read."""
        return language_of(find_dialect(self.job.text.language))

    @cached_property
    def runs(self) -> Mapping[str, Runs]:
        """The weights of both prompts, where there may be any; network tags are none of their texts."""
        prompts = {"prompt": self.job.prompt, "negative": self.job.negative}
        return {path: tuple(self._weighed(prompt)) for path, prompt in prompts.items()}

    def _weighed(self, prompt: Prompt) -> Iterator[Run]:
        texts = (branch.text for branch in prompt.branches) if prompt.is_read else (prompt.text,)
        for text in texts:
            if "(" in text or "[" in text:
                yield from self.language.weights.runs(text)

    @cached_property
    def samplers(self) -> frozenset[str]:
        """Every sampler that some pass of the job uses."""
        hires, stages = self.job.hires, self.job.stages
        mended = (stage.sampler for stage in stages if isinstance(stage, Detailer))
        second = hires.sampler if hires else None
        return frozenset(name for name in (self.job.sampling.sampler, second, *mended) if name)

    @cached_property
    def schedules(self) -> frozenset[str]:
        """Every schedule that some pass of the job uses, a sampler's own as what it is."""
        hires, stages = self.job.hires, self.job.stages
        mended = (stage.schedule for stage in stages if isinstance(stage, Detailer))
        second = hires.schedule if hires else None
        named = frozenset(name for name in (self.job.sampling.schedule or AUTOMATIC, second, *mended) if name)
        own = {row.automatic for name in self.samplers if (row := samplers().get(name))}
        return named | own if AUTOMATIC in named else named

    @cached_property
    def draws(self) -> frozenset[str]:
        """The kinds of noise that the samplers add while sampling; one that no table knows may add any."""
        known = samplers()
        return frozenset(known[name].draws if name in known else UNKNOWN for name in self.samplers) - {""}

    @cached_property
    def networks(self) -> tuple[tuple[str, float], ...]:
        """The networks that are switched on: names, normalised, and strengths."""
        tags = ((tag.name, 1.0 if tag.unet is None else tag.unet) for tag in self.job.prompt.networks)
        extra = (patch for patch in self.job.patches if isinstance(patch, ExtraNetwork))
        outside = ((patch.model.name or "", patch.unet) for patch in extra)
        return tuple((normalised(name), strength) for name, strength in (*tags, *outside))

    @cached_property
    def model_name(self) -> str:
        """The checkpoint's name, normalised."""
        checkpoint = self.job.assets.checkpoint
        return normalised((checkpoint.name or "").replace("\\", "/").rpartition("/")[2]) if checkpoint else ""

    @cached_property
    def extensions(self) -> frozenset[str]:
        """The changes of the model by their kind, extensions that are known by name only by that."""
        return frozenset(patch.name if isinstance(patch, OpaquePatch) else patch.kind for patch in self.job.patches)

    def accelerator(self, least: float) -> str | None:
        """The name of the model or network, switched on at least so far, that was made to run without guidance."""
        words = findings().accelerators
        for name, strength in ((self.model_name, 1.0), *self.networks):
            certain = strength >= least and pattern(words.certain).search(name)
            if certain and not pattern(words.guided).search(name):
                return name.strip()
        return None

    @cached_property
    def may_be_fast(self) -> bool:
        """Does any name hint at a model or network for few steps?"""
        hint = pattern(findings().accelerators.possible)
        return any(hint.search(name) for name in (self.model_name, *(name for name, _ in self.networks)))

    def span(self, path: str) -> Span | None:
        """Where the source states the value at `path`."""
        stated = self.entries.get(path)
        return stated.span if stated else None

    def say(
        self,
        rule: Rule,
        path: str,
        *,
        span: Span | None = None,
        severity: Severity | None = None,
        suggestion: Suggestion | None = None,
        notes: tuple[str, ...] = (),
        **values: object,
    ) -> Diagnostic:
        """The diagnostic of a rule about the value at `path`."""
        place = span or self.span(path)
        found = diagnose(rule.code, place, "", suggestion=suggestion, notes=notes, path=path, target=None, **values)
        return replace(found, severity=severity) if severity else found

    def instead(self, path: str, text: str, applicability: Applicability) -> Suggestion | None:
        """Another value in place of the one at `path`, where one entry alone says it."""
        stated = self._own_entry(path)
        if stated is None or stated.span is None or stated.raw == text:
            return None
        end = stated.span.end
        return Suggestion(Span(end - len(stated.raw), end), text, applicability)

    def without(self, path: str, applicability: Applicability) -> Suggestion | None:
        """The entry that says the value at `path` taken away, with what sets it apart from the others."""
        stated = self._own_entry(path)
        if stated is None or stated.span is None:
            return None
        prompt = path in ("prompt", "negative")
        if not prompt and sum(1 for entry in self.job.ledger if entry.key) <= FEWEST_FIELDS:
            return None
        start, end = stated.span
        if prompt or (stated.gap.strip() and "\n" not in stated.gap):
            return Suggestion(Span(start, end + len(stated.gap)), "", applicability)
        before = self._before(stated)
        return Suggestion(Span(before.span.end if before and before.span else start, end), "", applicability)

    def _own_entry(self, path: str) -> Stated | None:
        """The only entry that says the value at `path`, and nothing else."""
        saying = [stated for stated in self.job.ledger if path in stated.paths]
        return saying[0] if len(saying) == 1 and saying[0].paths == (path,) else None

    def _before(self, stated: Stated) -> Stated | None:
        place = self.job.ledger.index(stated)
        return self.job.ledger[place - 1] if place else None
