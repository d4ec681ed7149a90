"""Lints of single settings: without effect, changed in meaning by a version, spoilt on the way, not to be repeated."""

from collections.abc import Iterator

from paramc.diagnostics.model import Diagnostic
from paramc.dialects.version import parse_version
from paramc.ir.ledger import Stated
from paramc.ir.names import sampler_of
from paramc.ir.paths import plain, value_at
from paramc.passes.lint.scene import Scene
from paramc.passes.lint.tables import Corruption, Idle, Rule, Trap, findings, pattern

ANY_NOISE = "any"
UNKNOWN = "unknown:"  # samplers and schedules that no table knows


def is_idle(scene: Scene, rule: Rule) -> Iterator[Diagnostic]:
    """Settings that nothing reads."""
    for row in findings().idle:
        stated = scene.entries.get(row.path)
        if stated is not None and _is_idle(scene, row):
            mend = scene.without(row.path, "safe")
            yield scene.say(rule, row.path, suggestion=mend, key=stated.key, why=row.why)


def _is_idle(scene: Scene, row: Idle) -> bool:
    if value_at(scene.job, row.path) is None:
        return False  # it says `the sampler's own`
    names = (*scene.samplers, *scene.schedules)
    if any(name.startswith(UNKNOWN) for name in names) or any(value_at(scene.job, path) for path in row.unless):
        return False
    if row.draws:
        return not (scene.draws if row.draws == ANY_NOISE else scene.draws & {row.draws})
    if row.samplers:
        return scene.samplers.isdisjoint(row.samplers)
    if row.schedules:
        return scene.schedules.isdisjoint(row.schedules)
    return plain(value_at(scene.job, row.path)) == row.equals


def changed_since(scene: Scene, rule: Rule) -> Iterator[Diagnostic]:
    """What a later version of the program does otherwise."""
    for trap in findings().versions:
        if _is_caught(scene, trap):
            title = sampler_of(scene.job.sampling.sampler).title
            yield scene.say(rule, "sampling.sampler", title=title, what=trap.what)


def _is_caught(scene: Scene, trap: Trap) -> bool:
    job, version = scene.job, scene.job.producer.version
    before, since = parse_version(trap.before), parse_version(trap.since) if trap.since else None
    if version is None or before is None or job.producer.dialect != trap.dialect:
        return False
    is_then = version < before and (since is None or version >= since)
    was_bare = not trap.schedule or (
        job.sampling.schedule == trap.schedule and "sampling.schedule" not in scene.entries
    )
    return is_then and job.sampling.sampler in trap.samplers and was_bare


def is_spoilt(scene: Scene, rule: Rule) -> Iterator[Diagnostic]:
    """Entries as programs and extensions are known to spoil them."""
    vae = scene.job.assets.vae
    name = (vae.name or "").lower() if vae else ""
    keys = pattern("|".join(row.key for row in findings().corruptions))
    for stated in scene.job.ledger:
        row = _corruption(stated, name) if keys.search(stated.key) else None
        if row is not None:
            path = stated.paths[0] if stated.paths else ""
            yield scene.say(rule, path, span=stated.span, key=stated.key, what=row.what, help=row.help)


def _corruption(stated: Stated, vae: str) -> Corruption | None:
    for row in findings().corruptions:
        if pattern(row.key).search(stated.key) and pattern(row.raw).search(stated.raw) and row.name in vae:
            return row
    return None


def is_a_variation(scene: Scene, rule: Rule) -> Iterator[Diagnostic]:
    """A picture that its seed alone does not repeat."""
    noise, batch = scene.job.noise, scene.job.batch
    if noise.variation and noise.variation.strength > 0:
        yield scene.say(rule, "noise.variation.strength", what="a second noise is mixed in")
    if noise.resized_from:
        yield scene.say(rule, "noise.resized_from", what="the noise was drawn at another size")
    if batch.position:
        yield scene.say(rule, "batch.position", what=f"the picture is number {batch.position + 1} of a batch")


def draws_again(scene: Scene, rule: Rule) -> Iterator[Diagnostic]:
    """A sampler whose noise another program draws otherwise."""
    if scene.draws:
        yield scene.say(rule, "sampling.sampler", title=sampler_of(scene.job.sampling.sampler).title)


def is_of_the_card(scene: Scene, rule: Rule) -> Iterator[Diagnostic]:
    """Noise from the graphics card, which other hardware does not repeat."""
    if scene.job.noise.generator == "cuda":
        yield scene.say(rule, "noise.generator")
