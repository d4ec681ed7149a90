"""Emphasis in groups that lie inside one another, where a number is a weight of its own and does not multiply."""

from collections.abc import Sequence
from itertools import groupby
from typing import Final, NamedTuple

from lark import Token

from paramc.diagnostics.model import Diagnostic
from paramc.dialects.weights import BREAK, Run, Runs, Weights

UNMATCHED: Final = -1
CLOSES: Final = ("CLOSE_ROUND", "WEIGHT")


class _Level(NamedTuple):
    """Marks [place, end) with the weight that they have; `depth`: brackets open among those before `place`."""

    place: int
    end: int
    weight: float
    depth: int = 0
    start: int = 0  # of the text that is not written yet


class NestedWeights(Weights):
    """Reads emphasis of groups. A group that is never closed is text to the end of what it lies in, unless that ends in
    a bracket: then it is a group to there."""

    def _fold(self, text: str, strict: bool, problems: list[Diagnostic] | None) -> Runs:
        marks = self.marks(text)
        partners = _partners(marks)
        runs: list[Run] = []
        levels = [_Level(0, len(marks), 1.0)]
        while levels:
            level = levels.pop()
            place, depth, start = level.place, level.depth, level.start
            while place < level.end:
                kind = marks[place].type
                if kind == "OPEN_ROUND" and depth == 0:
                    _write(runs, marks[start:place], level.weight)
                    closing = partners[place] if UNMATCHED < partners[place] < level.end else level.end - 1
                    if closing > place and marks[closing].type in CLOSES:
                        levels.append(level._replace(place=closing + 1, depth=0, start=closing + 1))
                        self._open(levels, runs, marks, _Level(place + 1, closing, level.weight, start=place + 1))
                    else:
                        _write(runs, marks[place : level.end], level.weight)
                    break
                depth += (kind == "OPEN_ROUND") - (kind in CLOSES)
                place += 1
            else:
                _write(runs, marks[start : level.end], level.weight)
        return tuple(runs)

    def _open(self, levels: list[_Level], runs: list[Run], marks: Sequence[Token], group: _Level) -> None:
        """Go into a group. A number right behind the bracket that opens is text, and so is its colon."""
        mark = marks[group.end]
        if mark.type != "WEIGHT":
            levels.append(group._replace(weight=group.weight * self.settings.round))
        elif group.place < group.end:
            levels.append(group._replace(weight=float(mark[1:-1].strip())))
        else:
            runs.append((mark[:-1], group.weight * self.settings.round))


def _partners(marks: Sequence[Token]) -> list[int]:
    """For each mark that opens, the place of the mark that closes it."""
    found = [UNMATCHED] * len(marks)
    waiting: list[int] = []
    for place, mark in enumerate(marks):
        if mark.type == "OPEN_ROUND":
            waiting.append(place)
        elif mark.type in CLOSES and waiting:
            found[waiting.pop()] = place
    return found


def _write(runs: list[Run], marks: Sequence[Token], weight: float) -> None:
    for breaks, between in groupby(marks, _breaks):
        if breaks:
            runs.append(BREAK)
        elif text := "".join(mark[1:] if mark.type == "ESCAPED" else mark for mark in between):
            runs.append((text, weight))


def _breaks(mark: Token) -> bool:
    return bool(mark.type == BREAK[0])
