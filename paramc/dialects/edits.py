"""Prompt editing and alternation: the text that each step sees."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import NamedTuple, TypeAlias, cast

from lark import Lark, Token

from paramc.diagnostics.model import Span
from paramc.ir.prompt import ALTERNATE_LEVELS, EDIT_LEVELS

Schedule: TypeAlias = tuple[tuple[int, str], ...]
"""(last step, text), steps counted from 1; the last entry ends with the pass."""

MOST_CHARACTERS = 2**23  # of all texts of a pass together


class Editing(NamedTuple):
    """Settings of prompt editing.

    `timeline`: `current` or `legacy`. Edits that come to a step before `first_boundary` leave no entry. They are
    `instructions` in angle brackets where they are none in square ones.
    """

    timeline: str = "current"
    empty_options: bool = True
    first_boundary: int = 1
    instructions: bool = False


@dataclass(slots=True, eq=False)
class Switch:
    """`before` up to `when`, then `after`; `dotted` when the `number` has a decimal point."""

    before: "Nodes"
    after: "Nodes"
    when: float
    dotted: bool
    span: Span
    number: Span


@dataclass(slots=True, eq=False)
class Choice:
    """One option each step, in turn."""

    options: "Sequence[Nodes]"
    span: Span


Nodes: TypeAlias = Sequence[Token | Switch | Choice]


@dataclass(slots=True, eq=False)
class Edited:
    """A text taken apart. The `obstacle` is the sign that keeps it in one piece although it holds operators."""

    nodes: Nodes
    obstacle: Token | None = None


class Timeline(NamedTuple):
    """Steps of a pass: `steps` of the first one, `hires_steps` where it is the second."""

    steps: int
    hires_steps: int | None = None
    legacy: bool = False

    @property
    def end(self) -> int:
        """The last step of the pass; the legacy timeline counts the second pass like the first."""
        return self.steps if self.hires_steps is None or self.legacy else self.hires_steps

    def step_of(self, when: float, *, dotted: bool) -> int:
        """The last step before the switch, cut off at the end of the pass."""
        if self.legacy:
            value = when * self.steps if when < 1 else when
        elif self.hires_steps is None:
            value = when * self.steps if dotted else when
        else:
            value = (when - 1) * self.hires_steps if dotted else when - self.steps
        if not isfinite(value):
            return self.end if value > 0 else -1
        return min(self.end, int(value))


class EditReader:
    """Callbacks of the grammar: nodes from tokens."""

    def start(self, children: Sequence[Nodes | Edited]) -> Edited:
        return children[0] if isinstance(children[0], Edited) else Edited(children[0])

    def halted(self, children: Sequence[Token]) -> Edited:
        text = Token(children[0].type, "".join(children), children[0].start_pos)
        return Edited((text,), next(mark for mark in children if mark.type == "HALT"))

    def body(self, children: Nodes) -> Nodes:
        return children

    def edit(self, children: Sequence[Token | Nodes]) -> Switch:
        opening, close = cast("Token", children[0]), cast("Token", children[-1])
        after = cast("Nodes", children[-2])
        before = cast("Nodes", children[1]) if len(children) > 3 else ()
        start = close.start_pos or 0
        return _switch(before, after, close[1:-1], _span(opening, close), start + 1)

    def fromto(self, children: Sequence[Token | Nodes]) -> Switch:
        opening, close = cast("Token", children[0]), cast("Token", children[-1])
        name, _, number = opening.partition("[")
        before, after = cast("Nodes", children[1]), cast("Nodes", children[3])
        start = (opening.start_pos or 0) + len(name) + 1
        return _switch(before, after, number.rstrip("]:"), _span(opening, close), start)

    def alternate(self, children: Sequence[Token | Nodes]) -> Choice:
        opening, close = cast("Token", children[0]), cast("Token", children[-1])
        return Choice(cast("Sequence[Nodes]", children[1:-1:2]), _span(opening, close))


class Edits:
    """Reads prompt editing; `grammar` has a Pairing and calls an EditReader."""

    def __init__(self, grammar: Lark, settings: Editing) -> None:
        self._parse = grammar.parse
        self.settings = settings

    def read(self, text: str) -> Edited:
        """The text taken apart; any text can be."""
        return cast("Edited", self._parse(text))

    def schedule(self, text: str, steps: int, hires_steps: int | None = None, *, legacy: bool = False) -> Schedule:
        """The texts of a pass; of the second one where `hires_steps` is given. Neighbours may be equal.

        All together have MOST_CHARACTERS at the most; where they would have more, the last one stands for the rest.
        """
        timeline = Timeline(steps, hires_steps, legacy or self.settings.timeline == "legacy")
        nodes = self.read(text).nodes
        if len(nodes) == 1 and isinstance(nodes[0], Token):
            return ((timeline.end, text),)
        ends = self._boundaries(nodes, timeline)
        ends = [*ends[:-1][: MOST_CHARACTERS // max(1, len(text))], ends[-1]]
        return tuple((end, text_at(nodes, end, timeline)) for end in ends)

    def _boundaries(self, nodes: Nodes, timeline: Timeline) -> list[int]:
        ends = {timeline.end}
        alternates = False
        for node in operators(nodes):
            match node:
                case Switch():
                    end = timeline.step_of(node.when, dotted=node.dotted)
                    if end >= self.settings.first_boundary:
                        ends.add(end)
                case Choice():
                    alternates = True
        if alternates:
            ends.update(range(1, timeline.end + 1))
        return sorted(ends)


def operators(nodes: Nodes) -> Iterator[Switch | Choice]:
    """Every edit and alternation, those inside others included, the outer one first."""
    waiting = [nodes]
    while waiting:
        for node in waiting.pop():
            match node:
                case Switch():
                    yield node
                    waiting += (node.before, node.after)
                case Choice():
                    yield node
                    waiting += node.options


def levels(node: Switch | Choice) -> int:
    """Levels of JSON that the node adds to those around it in the IR."""
    return EDIT_LEVELS if isinstance(node, Switch) else ALTERNATE_LEVELS


def text_at(nodes: Nodes, step: int, timeline: Timeline) -> str:
    """The text that `step` sees."""
    pieces: list[str] = []
    waiting = [iter(nodes)]
    while waiting:
        node = next(waiting[-1], None)
        match node:
            case None:
                waiting.pop()
            case Switch():
                is_before = step <= timeline.step_of(node.when, dotted=node.dotted)
                waiting.append(iter(node.before if is_before else node.after))
            case Choice():
                # 1.10.1 counts the steps of the pass, not those in which the alternation is in force
                waiting.append(iter(node.options[(step - 1) % len(node.options)]))
            case _:
                pieces.append(node)
    return "".join(pieces)


def entry_for_call(schedule: Schedule, call: int) -> int:
    """The index of the entry that denoiser call `call` uses. Calls count from 0 in each pass, steps from 1.

    Calls beyond the planned ones get the first entry again, as in A1111 1.10.1.
    """
    return next((index for index, (end, _) in enumerate(schedule) if end >= call), 0)


def _switch(before: Nodes, after: Nodes, number: str, span: Span, start: int) -> Switch:
    """The edit whose `number` begins at `start`."""
    return Switch(before, after, float(number.strip()), "." in number, span, Span(start, start + len(number)))


def _span(opening: Token, close: Token) -> Span:
    return Span(opening.start_pos or 0, (close.start_pos or 0) + len(close))
