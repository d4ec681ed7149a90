"""Job → Job: prompts that are bare texts so far are read by the grammar of their language."""

from pathlib import Path

from paramc.dialects.description import Dialect
from paramc.dialects.prompt import read_negative, read_prompt
from paramc.dialects.registry import find_dialect
from paramc.ir.job import Job
from paramc.ir.prompt import Prompt
from paramc.ir.stages import Hires, Stage
from paramc.resources import GRAMMARS


def complete_job(job: Job, grammars: tuple[Path, ...] = (GRAMMARS,)) -> Job:
    """The job with the structure of every prompt; itself when all have been read before."""
    texts = (
        job.prompt,
        job.negative,
        *(text for stage in job.stages if isinstance(stage, Hires) for text in _texts(stage)),
    )
    if all(text.is_read for text in texts):
        return job
    language = find_dialect(job.text.language, grammars)
    return job.model_copy(
        update={
            "prompt": _read(job.prompt, language, positive=True),
            "negative": _read(job.negative, language, positive=False),
            "stages": tuple(_stage(stage, language) for stage in job.stages),
        }
    )


def _texts(hires: Hires) -> tuple[Prompt, ...]:
    return tuple(text for text in (hires.prompt, hires.negative) if text is not None)


def _stage(stage: Stage, language: Dialect) -> Stage:
    if not isinstance(stage, Hires):
        return stage
    prompt = stage.prompt and _read(stage.prompt, language, positive=True)
    negative = stage.negative and _read(stage.negative, language, positive=False)
    return stage.model_copy(update={"prompt": prompt, "negative": negative})


def _read(prompt: Prompt, language: Dialect, *, positive: bool) -> Prompt:
    if prompt.is_read:
        return prompt
    return read_prompt(prompt.text, language) if positive else read_negative(prompt.text, language)
