"""A prompt with its weights made visible: what weighs more glows, what weighs less fades."""

from collections.abc import Iterator, Sequence
from typing import Final

from paramc.dialects.language import Language
from paramc.dialects.weights import BREAK
from paramc.ir.prompt import Alternate, Body, Edit, Prompt

RAMP: Final = ((1.6, 196), (1.4, 202), (1.2, 208), (1.0, 214))  # above this weight: colour of 256
FADE: Final = ((0.6, 238), (0.8, 242), (1.0, 246))  # below this weight
PLAIN: Final = 1.0
SPELT: Final = frozenset({"TEXT", "COLON", "ESCAPED", "BACKSLASH"})  # marks whose signs are text


def weights_of(prompt: Prompt, language: Language) -> list[float]:
    """The weight of every character of a prompt; what the program takes for marks weighs 1."""
    weights = [PLAIN] * len(prompt.text)
    tagged = {place for tag in prompt.networks if tag.span for place in range(*tag.span)}
    for branch in prompt.branches:
        start = branch.span.start if branch.span else 0
        places = [place for place in range(start, len(prompt.text)) if place not in tagged][: len(branch.text)]
        if "".join(prompt.text[place] for place in places) == branch.text:
            for place, weight in zip(places, _weighed(branch.text, branch.body, language), strict=True):
                weights[place] = weight
    return weights


def painted(line: str, weights: Sequence[float]) -> str:
    """A line with the colour of each stretch of equal weight."""
    pieces: list[str] = []
    start = 0
    for end in range(1, len(line) + 1):
        if end == len(line) or _colour(weights[end]) != _colour(weights[start]):
            colour = _colour(weights[start])
            pieces.append(f"\x1b[38;5;{colour}m{line[start:end]}\x1b[0m" if colour else line[start:end])
            start = end
    return "".join(pieces)


def placed(text: str, lines: Sequence[str], weights: Sequence[float]) -> Iterator[Sequence[float]]:
    """The weights of each line that a text was wrapped into; white space may be missing between lines."""
    place = 0
    for line in lines:
        found = text.find(line, place)
        place = found if found >= 0 else place
        yield weights[place : place + len(line)] if found >= 0 else [PLAIN] * len(line)
        place += len(line)


def _weighed(text: str, body: Body, language: Language) -> list[float]:
    """Weights by character; the brackets of editing are no brackets of weight."""
    signs = list(text)
    for start, end in _operators(body):
        signs[start] = signs[end - 1] = " "
    plain = "".join(signs)
    given = [(sign, weight) for run, weight in language.weights.runs(plain) if (run, weight) != BREAK for sign in run]
    weights = [PLAIN] * len(text)
    seen = 0
    for mark in language.weights.marks(plain):
        start = mark.start_pos or 0
        for offset, sign in enumerate(mark) if mark.type in SPELT else ():
            if seen < len(given) and given[seen][0] == sign:
                weights[start + offset] = given[seen][1]
                seen += 1
    return weights


def _operators(body: Body) -> Iterator[tuple[int, int]]:
    """The spans of edits and alternations, in one another or not."""
    waiting = [body]
    while waiting:
        for part in waiting.pop():
            if isinstance(part, Edit | Alternate) and part.span:
                yield part.span
                waiting += part.options if isinstance(part, Alternate) else (part.before, part.after)


def _colour(weight: float) -> int:
    if weight > PLAIN:
        return next(colour for least, colour in RAMP if weight > least)
    return next((colour for most, colour in FADE if weight < most), 0)
