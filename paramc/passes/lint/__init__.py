"""Job → diagnostics: settings that are legal and probably not what was meant. The Job is not changed."""

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Final, TypeAlias

from paramc.diagnostics.model import Diagnostic
from paramc.ir.job import Job
from paramc.passes.check import check_job
from paramc.passes.lint import files, guidance, prompts, settings, sizes, stages, steps
from paramc.passes.lint.scene import CONFIDENCE, Scene
from paramc.passes.lint.tables import Limits, Rule, lint_rules
from paramc.tables import NOTHING

Lint: TypeAlias = Callable[[Scene, Rule], Iterator[Diagnostic]]
CONFLICT: Final = "PC413"

LINTS: Final[Mapping[str, Lint]] = {
    "cfg-burn": guidance.burns,
    "cfg-low": guidance.is_low,
    "cfg-distilled": guidance.is_for_distilled,
    "flux-cfg": guidance.is_left_over,
    "flux-distilled-range": guidance.is_out_of_range,
    "schnell-guidance": guidance.is_ignored,
    "negative-noop": guidance.negative_is_idle,
    "negative-long-flux": guidance.negative_is_long,
    "steps-waste": steps.are_wasted,
    "steps-few": steps.are_few,
    "steps-distilled": steps.are_many,
    "lightning-steps-mismatch": steps.are_others,
    "seed-variation": settings.is_a_variation,
    "ancestral-nonconv": settings.draws_again,
    "noise-from-gpu": settings.is_of_the_card,
    "weight-high": prompts.weight_is_high,
    "weight-nonpositive": prompts.weight_is_not_positive,
    "weight-t5": prompts.weight_is_for_clip,
    "size-multiple": sizes.is_floored,
    "size-uneven": sizes.is_uneven,
    "sdxl-small": sizes.is_small,
    "sd1-large": sizes.is_large,
    "aspect-extreme": sizes.is_extreme,
    "clip-skip-noop": prompts.layer_is_idle,
    "hires-denoise": stages.hires_strength,
    "hires-steps-zero": stages.hires_steps,
    "vae-mismatch": files.does_not_fit,
    "lora-mismatch": files.does_not_fit,
    "ti-mismatch": files.does_not_fit,
    "vpred-flag": files.predicts_velocity,
    "prompt-cut": prompts.is_cut,
    "pony-no-score": prompts.lacks_score,
    "refiner-wrong": stages.refiner,
    "sampler-family": steps.does_not_fit,
    "no-effect": settings.is_idle,
    "version-trap": settings.changed_since,
    "known-corruption": settings.is_spoilt,
    "foreign-syntax": prompts.signs_of_others,
    "hash-names-other": files.names_another,
}


def advise_job(
    job: Job, limits: Mapping[str, Limits] = NOTHING, asked: frozenset[str] = frozenset()
) -> tuple[Diagnostic, ...]:
    """Structural problems of a job, then what the lints say.

    `limits`: thresholds by rule, instead of those of the table. `asked`: codes of rules that run only when named.
    """
    lints = lint_job(job, limits, asked)
    told = {misfit.conflict for name in _MISMATCHES for misfit in files.misfits(job.family, lint_rules()[name].words)}
    structural = (item for item in check_job(job) if item.code != CONFLICT or not any(map(item.message.endswith, told)))
    return (*structural, *lints)


def lint_job(
    job: Job, limits: Mapping[str, Limits] = NOTHING, asked: frozenset[str] = frozenset()
) -> tuple[Diagnostic, ...]:
    """What the lints say, in the order of their table; arguments as in `advise_job`."""
    scene = Scene(job)
    confidence = job.family.confidence if job.family else "none"
    return tuple(
        found
        for name, rule in _rules_for(scene.family, scene.base, confidence, job.producer.dialect)
        if not rule.asked or rule.code in asked
        for found in LINTS[name](scene, _limited(rule, limits.get(name, NOTHING)))
    )


_MISMATCHES = ("vae-mismatch", "lora-mismatch", "ti-mismatch")


@lru_cache(maxsize=256)
def _rules_for(family: str, base: str, confidence: str, dialect: str) -> tuple[tuple[str, Rule], ...]:
    """The rules that are about such jobs, where the family is known well enough for them."""
    return tuple(
        (name, rule)
        for name, rule in lint_rules().items()
        if _is_about(rule, family, base)
        and family not in rule.not_families
        and dialect not in rule.not_dialects
        and (not rule.needed or CONFIDENCE.index(confidence) >= CONFIDENCE.index(rule.needed))
    )


def _is_about(rule: Rule, family: str, base: str) -> bool:
    return not (rule.bases or rule.families) or base in rule.bases or family in rule.families


def _limited(rule: Rule, limits: Limits) -> Rule:
    return rule._replace(limits={**rule.limits, **limits}) if limits else rule
