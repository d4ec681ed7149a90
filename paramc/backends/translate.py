"""Job → Job: prompts of another program's language in the words of the one that is written for."""

from dataclasses import replace
from typing import Final, NamedTuple

from paramc.backends.description import Target
from paramc.backends.infotext import ENGINE as SETTINGS
from paramc.backends.infotext import SAME, chosen_dialect
from paramc.backends.registry import Choices
from paramc.diagnostics.model import Diagnostic
from paramc.dialects.description import Dialect
from paramc.dialects.language import FILE, Language, language_of
from paramc.dialects.prompt import read_negative, read_prompt
from paramc.dialects.registry import find_dialect
from paramc.dialects.rephrase import rephrase
from paramc.dialects.writing import decimal
from paramc.ir.control import ExtraNetwork, Patch
from paramc.ir.job import Job
from paramc.ir.prompt import Prompt
from paramc.ir.stages import Hires, Stage

TAGGED: Final = "lora"  # the kind of network that prompts can ask for


class Translated(NamedTuple):
    """The job as the other program's user would have typed it, and what that costs."""

    job: Job
    lost: tuple[Diagnostic, ...]


def reworded(job: Job, target: Target, choices: Choices) -> Translated:
    """The job as the dialect that a target of settings texts writes would have it; itself for any other target."""
    if target.engine != SETTINGS:
        return Translated(job, ())
    return translated(job, chosen_dialect(job, target, str(choices.get("dialect", SAME))))


def translated(job: Job, dialect: Dialect) -> Translated:
    """The job with prompts in the language of `dialect`, and networks in them where that is how it is asked for them.

    The job itself where both programs read prompts alike.
    """
    if job.text.language == dialect.name or dialect.path(FILE) is None:
        return Translated(job, ())
    mine, theirs = language_of(find_dialect(job.text.language, dialect.roots)), language_of(dialect)
    if mine.reads_like(theirs):
        return Translated(job, ())
    told = _Translation(mine, theirs, dialect, [], job.assets.embedding_names)
    tags, patches = _tags(job.patches, theirs)
    changed = {
        "prompt": told.prompt(job.prompt, "prompt", tags),
        "negative": told.negative(job.negative, "negative"),
        "stages": tuple(told.stage(stage, tags) for stage in job.stages),
        "patches": patches,
        "text": job.text.model_copy(update={"language": dialect.name} | _emphasis(job)),
    }
    return Translated(job.model_copy(update=changed), tuple(told.lost))


def _emphasis(job: Job) -> dict[str, object]:
    """Texts without a language of weights are written with escapes, which only count where weights are read."""
    return {"emphasis": "original"} if job.text.emphasis == "none" else {}


class _Translation(NamedTuple):
    source: Language
    target: Language
    dialect: Dialect
    lost: list[Diagnostic]
    embeddings: tuple[str, ...]

    def prompt(self, prompt: Prompt, path: str, tags: str) -> Prompt:
        return read_prompt(self._text(prompt, path) + tags, self.dialect)

    def negative(self, prompt: Prompt, path: str) -> Prompt:
        return read_negative(self._text(prompt, path), self.dialect)

    def stage(self, stage: Stage, tags: str) -> Stage:
        if not isinstance(stage, Hires):
            return stage
        prompt = stage.prompt and self.prompt(stage.prompt, "stages.hires.prompt", tags)
        negative = stage.negative and self.negative(stage.negative, "stages.hires.negative")
        return stage.model_copy(update={"prompt": prompt, "negative": negative})

    def _text(self, prompt: Prompt, path: str) -> str:
        found = rephrase(prompt.text, self.source, self.target, self.embeddings)
        self.lost.extend(replace(item, path=path, labels=()) for item in found.diagnostics)
        return found.text


def _tags(patches: tuple[Patch, ...], language: Language) -> tuple[str, tuple[Patch, ...]]:
    """Tags for the networks that are switched on beside the prompt, and the patches that are left."""
    if TAGGED not in language.networks.strengths:
        return "", patches
    tagged = [item for item in patches if isinstance(item, ExtraNetwork) and _is_tag(item)]
    return "".join(f" {_tag(item)}" for item in tagged), tuple(item for item in patches if item not in tagged)


def _is_tag(network: ExtraNetwork) -> bool:
    """Can a tag say it? A name with one of the signs that end a tag's parts cannot be written."""
    return network.network == TAGGED and bool(network.model.name) and not set(network.model.name or "") & set(":<>")


def _tag(network: ExtraNetwork) -> str:
    text_encoder, unet = decimal(network.text_encoder), decimal(network.unet)
    strengths = text_encoder if text_encoder == unet else f"{text_encoder}:{unet}"
    return f"<{TAGGED}:{network.model.name}:{strengths}>"
