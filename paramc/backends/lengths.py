"""Lengths and shares in scripts: the strength that runs so many steps, and what is cut off an enlarged picture."""

import re
from collections.abc import Iterable
from typing import NamedTuple

from paramc.ir.geometry import Size

LONG_TEXT = 700  # characters; beyond it a text may need more than the usual tokens of the long text encoder
FEW, SHORT = 40, 240  # words and signs, characters: such a text has not as many tokens as a program's shortest row
_PIECE = re.compile(r"\w+|[^\w\s]")


class Sequence(NamedTuple):
    """How many tokens of the long text encoder a pipeline is told to take.

    usual, longest: of the pipeline, for a text that may have more. least: of the program, for a text of few words.
    """

    usual: int
    longest: int | None = None
    least: int = 0

    def length(self, texts: Iterable[str]) -> int:
        """The tokens for these texts."""
        listed = tuple(texts)
        characters = max(map(len, listed))
        few = characters <= SHORT and all(len(_PIECE.findall(text)) <= FEW for text in listed)
        if 0 < self.least < self.usual and few:
            return self.least
        return self.longest if self.longest and characters > LONG_TEXT else self.usual


def fraction(run: int, steps: int, *, rounds_down: bool) -> float:
    """The shortest strength at which a pipeline runs `run` of `steps` steps.

    Pipelines run int(steps · strength) steps, or leave out int(steps − steps · strength) (`rounds_down`).
    """
    if run >= steps:
        return 1.0
    for digits in range(1, 17):
        unit: int = 10**digits
        nearest = run * unit // steps if rounds_down else -(-run * unit // steps)
        for value in (nearest / unit, (nearest - 1 if rounds_down else nearest + 1) / unit):
            runs = steps - int(steps - steps * value) if rounds_down else int(steps * value)
            if runs == run:
                return value
    return run / steps


def margin(full: Size, part: Size) -> tuple[int | None, int | None]:
    """What is cut off at the left and at the top: half of what is too much, rounded down (A1111); None for nothing."""
    width, height = full.width - part.width, full.height - part.height
    return width // 2 if width > 0 else None, height // 2 if height > 0 else None


def side(full: int, margin: int | None, part: str) -> str:
    """The length of a side before it is cut: `part` itself where nothing is."""
    return part if margin is None else str(full)


def kept(margin: int | None, part: str) -> str:
    """The slice that is left of a side, empty for all of it."""
    if margin is None:
        return ""
    return f"{margin} : {plus(margin, part)}" if margin else f": {part}"


def plus(start: int, length: str) -> str:
    """Where a length that starts there ends, source text."""
    return f"{start} + {length}" if start else length
