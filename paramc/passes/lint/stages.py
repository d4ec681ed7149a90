"""Lints of the second pass and of the refiner."""

from collections.abc import Iterator

from paramc.diagnostics.model import Diagnostic
from paramc.passes.lint.scene import Scene
from paramc.passes.lint.tables import Rule

STRENGTH = "stages.hires.strength"
STEPS = "stages.hires.steps"
SWITCH = "stages.refiner.switch_at"
LATENT = "latent:"


def hires_strength(scene: Scene, rule: Rule) -> Iterator[Diagnostic]:
    """A strength with which the second pass blurs, paints another picture, or does nothing."""
    hires = scene.job.hires
    if hires is None or hires.strength is None or not 0 <= hires.strength <= 1:
        return
    value, limits = hires.strength, rule.limits
    if value < limits["least"]:
        why, wanted = "the second pass hardly does anything", "0.4"
    elif hires.upscaler.startswith(LATENT) and value < limits["latent"]:
        why, wanted = "a latent upscaler leaves blur that only a stronger second pass removes", "0.55"
    elif not hires.upscaler.startswith(LATENT) and value > limits["image"]:
        why, wanted = "the second pass paints another picture than the first", "0.4"
    else:
        return
    mend = scene.instead(STRENGTH, wanted, "manual")
    yield scene.say(rule, STRENGTH, suggestion=mend, value=f"{value:g}", upscaler=hires.upscaler, why=why)


def hires_steps(scene: Scene, rule: Rule) -> Iterator[Diagnostic]:
    """A number of steps that stands for another."""
    stated = scene.entries.get(STEPS)
    if stated is not None and stated.raw.strip() == "0":
        yield scene.say(rule, STEPS, suggestion=scene.without(STEPS, "safe"), steps=scene.job.sampling.steps or "?")


def refiner(scene: Scene, rule: Rule) -> Iterator[Diagnostic]:
    """A refiner that starts from noise, or that takes over where it was not trained to."""
    stage = scene.job.refiner
    if stage is None:
        if scene.advice is not None and scene.advice.second:
            name = scene.job.assets.checkpoint.name if scene.job.assets.checkpoint else scene.family
            yield scene.say(
                rule, "assets.checkpoint.name", what=f"`{name}` is a refiner, and here it does all the steps"
            )
        return
    switch, limits = stage.switch_at, rule.limits
    if not limits["least"] <= switch <= limits["most"]:
        what = f"the refiner takes over at {switch:g}; it was trained for the last fifth of the noise"
        yield scene.say(rule, SWITCH, suggestion=scene.instead(SWITCH, "0.8", "maybe"), what=what)
