"""Lints of guidance: too much, too little, or none that could have had an effect."""

from collections.abc import Iterator

from paramc.diagnostics.model import Diagnostic
from paramc.passes.lint.scene import Scene
from paramc.passes.lint.tables import Rule, pattern

CFG = "sampling.cfg_scale"
DISTILLED = "sampling.distilled_cfg_scale"
FILL = ("flux-fill", "flux-control")
FAST_SAMPLERS = frozenset({"lcm", "tcd"})


def burns(scene: Scene, rule: Rule) -> Iterator[Diagnostic]:
    """Guidance so strong that colours burn, with nothing to hold it back."""
    job, cfg = scene.job, scene.job.sampling.cfg_scale
    if cfg is None or cfg < rule.limits["warn"] or job.sampling.cfg_rescale > 0 or scene.extensions & set(rule.words):
        return
    notes = ("hardly anything of the picture is left at this strength",) if cfg >= rule.limits["strong"] else ()
    yield scene.say(rule, CFG, notes=notes, suggestion=scene.instead(CFG, _usual(scene), "manual"), value=f"{cfg:g}")


def is_low(scene: Scene, rule: Rule) -> Iterator[Diagnostic]:
    """Guidance so weak that the prompt hardly counts, on a model that was not made for it."""
    cfg = scene.job.sampling.cfg_scale
    is_made_for_it = scene.may_be_fast or scene.samplers & FAST_SAMPLERS
    if cfg is not None and rule.limits["above"] < cfg < rule.limits["below"] and not is_made_for_it:
        yield scene.say(rule, CFG, value=f"{cfg:g}", family=scene.family, usual=_usual(scene))


def is_for_distilled(scene: Scene, rule: Rule) -> Iterator[Diagnostic]:
    """Guidance on a model, or with a network, that was trained to run without."""
    cfg, advice = scene.job.sampling.cfg_scale, scene.advice
    embedded = scene.base == "flux" and scene.job.producer.dialect in rule.words
    if cfg is None or cfg <= rule.limits["most"] or embedded:
        return
    made = scene.family if advice and advice.made_for_one else None
    if made == "sdxl-hyper" and " cfg" in f" {scene.model_name}":
        return
    what = made or scene.accelerator(rule.limits["weight"])
    if what:
        yield scene.say(rule, CFG, suggestion=scene.instead(CFG, "1", "maybe"), value=f"{cfg:g}", what=what)


def is_left_over(scene: Scene, rule: Rule) -> Iterator[Diagnostic]:
    """Real guidance on FLUX: mostly what the program had in that field for another model."""
    cfg, distilled = scene.job.sampling.cfg_scale, scene.job.sampling.distilled_cfg_scale
    from_a_site = any(stated.key.startswith(rule.words) for stated in scene.job.ledger)
    if cfg is None or cfg < rule.limits["least"] or from_a_site:
        return
    note = "7 is what the program had there for other models" if cfg == rule.limits["leftover"] else ""
    notes = (note,) if note and distilled is None else ()
    yield scene.say(rule, CFG, notes=notes, suggestion=scene.instead(CFG, "1", "maybe"), value=f"{cfg:g}")


def is_out_of_range(scene: Scene, rule: Rule) -> Iterator[Diagnostic]:
    """Embedded guidance that the model was not trained for."""
    value = scene.job.sampling.distilled_cfg_scale
    if value is None or scene.advice is None or not scene.advice.distilled:
        return
    is_krea = pattern(rule.words[0]).search(scene.model_name) is not None
    most = rule.limits["krea"] if is_krea else rule.limits["most"]
    wanted = f"{scene.advice.distilled[0]:g}"
    is_wrong = value < rule.limits["fill"] if scene.family in FILL else not rule.limits["least"] <= value <= most
    if is_wrong:
        mend = scene.instead(DISTILLED, wanted, "maybe")
        yield scene.say(rule, DISTILLED, suggestion=mend, value=f"{value:g}", family=scene.family, wanted=wanted)


def is_ignored(scene: Scene, rule: Rule) -> Iterator[Diagnostic]:
    """Embedded guidance for a model that has none."""
    value = scene.job.sampling.distilled_cfg_scale
    if value is not None and DISTILLED in scene.entries:
        mend = scene.without(DISTILLED, "safe")
        yield scene.say(rule, DISTILLED, suggestion=mend, value=f"{value:g}", family=scene.family)


def negative_is_idle(scene: Scene, rule: Rule) -> Iterator[Diagnostic]:
    """A negative prompt that nothing is guided away from."""
    job, hires = scene.job, scene.job.hires
    stronger = hires is not None and hires.cfg_scale not in (None, 1.0)
    if job.negative.text.strip() and job.sampling.cfg_scale == 1.0 and CFG in scene.entries and not stronger:
        yield scene.say(rule, "negative", suggestion=scene.without("negative", "maybe"))


def negative_is_long(scene: Scene, rule: Rule) -> Iterator[Diagnostic]:
    """A negative prompt as for older models; what speaks against guidance speaks against it as well."""
    words = len(scene.job.negative.text.replace(",", " ").split())
    if words >= rule.limits["words"] and scene.job.sampling.cfg_scale != 1.0:
        yield scene.say(rule, "negative", count=words, family=scene.family)


def _usual(scene: Scene) -> str:
    """The guidance that the family is recommended with."""
    low, high = scene.advice.cfg if scene.advice else (7.0, 7.0)
    return f"{(low + high) / 2:g}"
