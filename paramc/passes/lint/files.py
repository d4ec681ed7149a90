"""Lints of models and other files: of another family than the job, under another's name, made for other settings."""

from collections.abc import Iterator
from typing import NamedTuple

from paramc.diagnostics.model import Diagnostic, Severity
from paramc.ir.assets import AssetRef
from paramc.ir.family import Evidence, Family
from paramc.passes.family_tables import known_file, normalised
from paramc.passes.lint.scene import Scene
from paramc.passes.lint.tables import Rule, pattern

SHORTEST_WORD = 4  # characters of a word by which two names may be told to be of one file
_GENERIC = frozenset({"pruned", "emaonly", "safetensors", "model", "fp16", "base", "checkpoint", "final", "baked"})


class Misfit(NamedTuple):
    """A clue that cannot be true beside the family of the job."""

    clue: Evidence
    conflict: str


def misfits(family: Family | None, sources: tuple[str, ...]) -> Iterator[Misfit]:
    """The conflicts of a family that come from clues of these sources."""
    for conflict in family.conflicts if family else ():
        for clue in family.evidence if family else ():
            if clue.source in sources and conflict.endswith(f", {clue.source} says {clue.says}"):
                yield Misfit(clue, conflict)
                break


def does_not_fit(scene: Scene, rule: Rule) -> Iterator[Diagnostic]:
    """A file of another family than the model: its shapes do not match, or it says nothing to it."""
    for clue, _ in misfits(scene.job.family, rule.words):
        severity: Severity | None = None if clue.strength == "definite" else "warning"
        path = _path(scene, clue.value)
        yield scene.say(rule, path, severity=severity, value=clue.value, says=clue.says, family=scene.family)


def predicts_velocity(scene: Scene, rule: Rule) -> Iterator[Diagnostic]:
    """A model that predicts velocity, in settings that say nothing of it."""
    named = pattern(rule.words[0]).search(scene.model_name)
    if named and not scene.job.sampling.zero_terminal_snr and not (scene.advice and scene.advice.flow):
        yield scene.say(rule, "assets.checkpoint.name", value=scene.model_name.strip())


def names_another(scene: Scene, rule: Rule) -> Iterator[Diagnostic]:
    """A hash that is known, under a name that has nothing in common with that file's."""
    assets = scene.job.assets
    for path, asset in (("assets.checkpoint", assets.checkpoint), ("assets.vae", assets.vae)):
        if asset is None or not asset.name:
            continue
        for item in asset.hashes:
            file = known_file(item.hex) if item.algorithm == "sha256" else None
            if file and not _alike(asset, file.file):
                yield scene.say(rule, f"{path}.name", value=asset.name, hex=item.hex[:10], file=file.file)
                break


def _alike(asset: AssetRef, file: str) -> bool:
    """Do the names share a word, or does one hold the other?"""
    own, other = normalised(asset.name or ""), normalised(file.rpartition("/")[2])
    mine, theirs = own.replace(" ", ""), other.replace(" ", "")
    words = {word for word in other.split() if len(word) >= SHORTEST_WORD} - _GENERIC
    return mine in theirs or theirs in mine or any(word in mine for word in words)


def _path(scene: Scene, value: str) -> str:
    """The path of the file that a clue was found in."""
    named = {"assets.vae.name": scene.job.assets.vae, "assets.checkpoint.name": scene.job.assets.checkpoint}
    own = (path for path, asset in named.items() if asset and asset.name == value and path in scene.entries)
    return next(own, "prompt" if value in scene.job.prompt.text else "assets.networks")
