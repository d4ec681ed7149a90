"""Lints of the number of steps, and of samplers against models."""

from collections.abc import Iterator

from paramc.diagnostics.model import Diagnostic, Severity
from paramc.ir.stages import Enlarge
from paramc.passes.lint.scene import Scene
from paramc.passes.lint.tables import Rule, pattern

STEPS = "sampling.steps"
SAMPLER = "sampling.sampler"
SCHEDULE = "sampling.schedule"
WITHOUT_CFG = "cfg_pp"  # samplers of CFG++, which take guidance on another scale


def are_wasted(scene: Scene, rule: Rule) -> Iterator[Diagnostic]:
    """Steps after which nothing changes any more."""
    steps = scene.job.sampling.steps
    if steps is None or steps <= rule.limits["info"] or scene.job.sampling.sampler not in rule.words:
        return
    severity: Severity | None = "warning" if steps >= rule.limits["warn"] else None
    mend = scene.instead(STEPS, f"{rule.limits['info'] / 2:g}", "manual")
    yield scene.say(rule, STEPS, severity=severity, suggestion=mend, value=steps)


def are_few(scene: Scene, rule: Rule) -> Iterator[Diagnostic]:
    """Steps too few for a model that nothing made fast."""
    steps, advice = scene.job.sampling.steps, scene.advice
    slow = advice is not None and advice.steps[0] >= rule.limits["least"]
    if steps is None or not 0 < steps < rule.limits["least"] or not slow or isinstance(scene.job.task, Enlarge):
        return
    if not scene.may_be_fast and scene.job.sampling.sampler not in rule.words and advice is not None:
        mend = scene.instead(STEPS, str(advice.steps[0]), "manual")
        yield scene.say(rule, STEPS, suggestion=mend, value=steps, family=scene.family, usual=advice.steps[0])


def are_many(scene: Scene, rule: Rule) -> Iterator[Diagnostic]:
    """Steps too many for a model or a network that was made for few."""
    steps = scene.job.sampling.steps
    what = scene.family if scene.is_sure("medium") and scene.family in rule.limits else scene.accelerator(0.5)
    if what is None or steps is None:
        return
    most = rule.limits.get(what, rule.limits["network"])
    if steps > most:
        mend = scene.instead(STEPS, f"{most:g}", "maybe")
        yield scene.say(rule, STEPS, suggestion=mend, value=steps, what=what, most=f"{most:g}")


def are_others(scene: Scene, rule: Rule) -> Iterator[Diagnostic]:
    """Another number of steps than the name of the model or network says."""
    steps = scene.job.sampling.steps
    number, fast = rule.words
    for name in (scene.model_name, *(name for name, strength in scene.networks if strength >= 0.5)):
        told = pattern(number).search(name)
        if told and steps and pattern(fast).search(name) and steps != int(told[1]):
            mend = scene.instead(STEPS, told[1], "maybe")
            yield scene.say(rule, STEPS, suggestion=mend, value=steps, name=name.strip(), wanted=told[1])
            return


def does_not_fit(scene: Scene, rule: Rule) -> Iterator[Diagnostic]:
    """Samplers and schedules of diffusion models on a flow model; guidance of usual strength with a CFG++ sampler."""
    sampling = scene.job.sampling
    if scene.advice is not None and scene.advice.flow:
        for path, value in ((SAMPLER, sampling.sampler), (SCHEDULE, sampling.schedule)):
            if value in rule.words:
                why = f"`{scene.family}` is a flow model, for which it is not defined"
                yield scene.say(rule, path, value=value, why=why)
    yield from _guides_otherwise(scene, rule)


def _guides_otherwise(scene: Scene, rule: Rule) -> Iterator[Diagnostic]:
    """A sampler of CFG++ under guidance of the usual scale."""
    sampler, cfg, limits = scene.job.sampling.sampler, scene.job.sampling.cfg_scale, rule.limits
    if sampler is None or cfg is None or not sampler.endswith(WITHOUT_CFG):
        return
    most = limits.get(f"{sampler}:{scene.job.producer.dialect}", limits.get(sampler, limits["guided"]))
    if cfg > most:
        why = f"it wants guidance of at most {most:g}, and {cfg:g} is set"
        yield scene.say(rule, SAMPLER, value=sampler, why=why)
