"""The texts that a prompt goes through while sampling, each with its steps and a bar."""

from collections.abc import Iterator
from typing import Final

from paramc.dialects.language import Language
from paramc.ir.job import Job
from paramc.ir.prompt import Alternate, Edit, Prompt
from paramc.passes.conditioning import denoiser_calls
from paramc.passes.defaults import DEFAULT_STEPS

BAR: Final = 20  # cells
MOST: Final = 6  # texts that are shown of one prompt
MOST_STEPS: Final = 1000
NOTHING: Final = "(nothing)"


def timeline(job: Job, prompt: Prompt, language: Language) -> str:
    """One line for each text of a prompt that changes while sampling; empty for one that does not."""
    return "\n".join(
        line for branch in prompt.branches if _changes(prompt) for line in _lines(branch.text, job, language)
    )


def switches(job: Job, prompt: Prompt, language: Language) -> tuple[int, ...]:
    """The steps behind which a prompt changes."""
    texts = (branch.text for branch in prompt.branches if _changes(prompt))
    ends = {end for text in texts for end, _ in language.edits.schedule(text, _steps(job))[:-1]}
    return tuple(sorted(end // _calls(job) for end in ends))


def _lines(text: str, job: Job, language: Language) -> Iterator[str]:
    steps = _steps(job)
    entries = language.edits.schedule(text, steps, legacy=job.text.legacy_timelines)
    begins = (0, *(end for end, _ in entries))
    spans = [_range(begin + 1, end) for begin, (end, _) in zip(begins, entries, strict=False)]
    room = max(map(len, spans[:MOST]), default=0)
    words = [shown.split() for _, shown in entries]
    shown = _differences(words)
    for begin, (end, _), span, text in list(zip(begins, entries, spans, shown, strict=False))[:MOST]:
        yield f"{_bar(begin, end, steps)} {span:<{room}}  {text}"
    if len(entries) > MOST:
        yield f"{' ' * BAR} and {len(entries) - MOST} more"


def _bar(begin: int, end: int, steps: int) -> str:
    first, last = round(begin * BAR / steps), round(end * BAR / steps)
    first = min(first, BAR - 1)
    last = max(last, first + 1)
    return "─" * first + "━" * (last - first) + "─" * (BAR - last)


def _differences(texts: list[list[str]]) -> list[str]:
    """The texts without the words that all have at the start and at the end."""
    before = next((place for place, words in enumerate(zip(*texts, strict=False)) if len(set(words)) > 1), None)
    if before is None:
        before = min(map(len, texts))
    rest = [words[before:][::-1] for words in texts]
    same = next((place for place, words in enumerate(zip(*rest, strict=False)) if len(set(words)) > 1), None)
    after = min(map(len, rest)) if same is None else same
    lead, tail = "… " if before else "", " …" if after else ""
    return [f"{lead}{' '.join(words[before : len(words) - after]) or NOTHING}{tail}" for words in texts]


def _range(first: int, last: int) -> str:
    return f"{first}" if first == last else f"{first}–{last}"


def _steps(job: Job) -> int:
    """Steps as prompt editing counts them: calls of the model."""
    return max(1, min(job.sampling.steps or DEFAULT_STEPS, MOST_STEPS)) * _calls(job)


def _calls(job: Job) -> int:
    return max(1, denoiser_calls(job, job.sampling.sampler, 1))


def _changes(prompt: Prompt) -> bool:
    return any(isinstance(part, Edit | Alternate) for branch in prompt.branches for part in branch.body)
