"""What is remarkable about a prompt: where its program understands it otherwise than it looks."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from math import gcd
from typing import NamedTuple, TypeAlias

from lark import Token

from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import Diagnostic, Label, Span
from paramc.dialects.edits import Choice, Edited, Nodes, Switch, Timeline, levels, operators
from paramc.dialects.language import Language
from paramc.dialects.networks import Tag, number, spelt_strengths
from paramc.dialects.weights import BREAK, DEEPEST
from paramc.ir.prompt import DEEPEST_BODY

MOST_ALIKE = 20  # remarks of one code on a prompt
LONGEST_SHOWN = 40  # characters of the prompt in a message
MOST_STEPS = 10_000  # turns of alternations inside one another are followed up to this many steps
Origin: TypeAlias = Callable[[int, int], Span]
"""Where a range of a branch's text stands in the prompt."""


class Pass(NamedTuple):
    """A pass of sampling: its steps, and how many model calls its sampler makes for each."""

    timeline: Timeline
    calls_per_step: int = 1


def remark_prompt(
    text: str, language: Language, *, negative: bool = False, sampling: Pass | None = None
) -> tuple[Diagnostic, ...]:
    """Remarks on a prompt, with spans of `text`. Those on steps need to know the `sampling`."""
    if negative:
        return _counted([*_tags_in_negative(text, language), *_branch(text, language, Span, sampling)])
    untagged = language.networks.split(text)
    found = [remark for tag in untagged.tags for remark in _tag(tag, text, language)]
    branches = language.branches.split(untagged.text)
    for branch in branches:
        if branch.spelt and len(branches) == 1:
            spelt = untagged.text[slice(*branch.spelt)].strip()
            found.append(diagnose("PC203", untagged.origin(*branch.spelt), "weight", number=spelt))

        def origin(start: int, end: int, base: int = branch.start) -> Span:
            return untagged.origin(base + start, base + end)

        found += _branch(branch.text, language, origin, sampling)
    return _counted(found)


def _counted(found: Sequence[Diagnostic]) -> tuple[Diagnostic, ...]:
    """The first remarks of each code; how many more there are, the last of them says."""
    left = Counter(item.code for item in found)
    kept: Counter[str] = Counter()
    result: list[Diagnostic] = []
    for item in found:
        kept[item.code] += 1
        if kept[item.code] < MOST_ALIKE or left[item.code] == MOST_ALIKE:
            result.append(item)
        elif kept[item.code] == MOST_ALIKE:
            more = f"{left[item.code] - MOST_ALIKE} more places are like this one"
            result.append(replace(item, notes=(*item.notes, more)))
    return tuple(result)


def _tags_in_negative(text: str, language: Language) -> Iterator[Diagnostic]:
    for tag in language.networks.split(text).tags:
        yield diagnose("PC205", tag.span, "text here", tag=_shown(text, tag.span))


def _tag(tag: Tag, text: str, language: Language) -> Iterator[Diagnostic]:
    places = language.networks.strengths.get(tag.kind)
    if places is None:
        known = ", ".join(f"`{kind}`" for kind in language.networks.strengths)
        yield diagnose("PC217", tag.span, "goes unused", kind=tag.kind, known=known)
        return
    for value in dict.fromkeys(spelt_strengths(tag, places).values()):
        if number(value) is None:
            start = text.rindex(value, *tag.span) if value else tag.span.end - 1
            yield diagnose("PC216", Span(start, start + len(value)), "no number", value=value, name=tag.items[0])


def _branch(text: str, language: Language, origin: Origin, sampling: Pass | None) -> Iterator[Diagnostic]:
    edited = language.edits.read(text)
    yield from _obstacle(edited, origin)
    yield from _edits(edited.nodes, text, origin, sampling)
    yield from _Brackets(text, language, origin, edited).remarks()
    yield from remark_opaque(text, language, edited, origin)
    for problem in language.weights.problems(text):
        yield replace(problem, labels=tuple(Label(origin(*label.span), label.text) for label in problem.labels))


def remark_opaque(text: str, language: Language, edited: Edited, origin: Origin = Span) -> Iterator[Diagnostic]:
    """What the program acts upon, and what is no more than text here."""
    understood = {node.span.start for node in operators(edited.nodes)}
    for mark in language.weights.beyond(text):
        start = mark.start_pos or 0
        if mark.type == "OPAQUE" and start not in understood:
            yield diagnose("PC225", origin(start, start + len(mark)), "text here", sign=mark, language=language.name)


def _obstacle(edited: Edited, origin: Origin) -> Iterator[Diagnostic]:
    if edited.obstacle is not None:
        start = edited.obstacle.start_pos or 0
        yield diagnose("PC206" if edited.obstacle == "|" else "PC207", origin(start, start + 1), "outside")


class _Turn(NamedTuple):
    """The steps that see a node, as far as alternations decide: those that leave `rest` when divided by `period`."""

    rest: int = 0
    period: int = 1

    def within(self, rest: int, period: int) -> "_Turn | None":
        """The steps of both turns, by the Chinese remainder theorem; None where they share no step."""
        common = gcd(self.period, period)
        if (rest - self.rest) % common:
            return None
        factor = period // common
        turns = (rest - self.rest) // common * pow(self.period // common, -1, factor) % factor
        return _Turn(self.rest + self.period * turns, self.period * factor)


def _edits(nodes: Nodes, text: str, origin: Origin, sampling: Pass | None) -> Iterator[Diagnostic]:
    waiting: list[tuple[Nodes, int, _Turn]] = [(nodes, 0, _Turn())]
    too_deep: Span | None = None
    while waiting:
        inside, depth, turn = waiting.pop()
        for node in inside:
            if isinstance(node, Token):
                continue
            deeper = depth + levels(node)
            if deeper > DEEPEST_BODY:
                too_deep = too_deep or node.span
            elif isinstance(node, Switch):
                if sampling:
                    yield from _outside_pass(node, text, origin, sampling)
                waiting += ((node.before, deeper, turn), (node.after, deeper, turn))
            else:
                for index, option in enumerate(node.options):
                    reached = turn.within(index, len(node.options)) if turn.period <= MOST_STEPS else turn
                    if reached is None:
                        yield _unreachable(node, option, text, origin)
                    else:
                        waiting.append((option, deeper, reached))
    if too_deep:
        yield diagnose("PC212", origin(*too_deep), "kept as text")


def _unreachable(choice: Choice, option: Nodes, text: str, origin: Origin) -> Diagnostic:
    span = _extent(option) or choice.span
    return diagnose("PC208", origin(*span), "never", option=_shown(text, span))


def _extent(nodes: Nodes) -> Span | None:
    if not nodes:
        return None
    spans = [
        Span(node.start_pos or 0, (node.start_pos or 0) + len(node)) if isinstance(node, Token) else node.span
        for node in (nodes[0], nodes[-1])
    ]
    return Span(spans[0].start, spans[1].end)


def _outside_pass(edit: Switch, text: str, origin: Origin, sampling: Pass) -> Iterator[Diagnostic]:
    spelt, place = text[slice(*edit.number)].strip(), origin(*edit.number)
    end = sampling.timeline.end
    step = sampling.timeline.step_of(edit.when, dotted=edit.dotted)
    lost = edit.before if step < 1 else edit.after if step >= end else ()
    extent = _extent(lost)
    if extent:
        yield diagnose("PC209", place, "outside the pass", when=spelt, step=step, steps=end, lost=_shown(text, extent))
    elif sampling.calls_per_step > 1 and not edit.dotted and 0 < step < end:
        yield diagnose("PC210", place, "calls", when=spelt, calls=sampling.calls_per_step)


def _shown(text: str, span: Span) -> str:
    """The text of a span, cut short where a message would get too long."""
    start, end = span
    return text[start:end] if end - start <= LONGEST_SHOWN else text[start : start + LONGEST_SHOWN - 1] + "…"


@dataclass(slots=True)
class _Kind:
    """One kind of bracket: its usual factor, where it is open with the breaks before that, and what closes nothing."""

    factor: float
    opened: list[tuple[int, int]] = field(default_factory=list)
    strays: list[int] = field(default_factory=list)


class _Brackets:
    """Follows the brackets of weight over the text of a branch as it is written; those of operators do not count."""

    def __init__(self, text: str, language: Language, origin: Origin, edited: Edited) -> None:
        settings = language.weights.settings
        self._text = text
        self._keeps_breaks = settings.numbers == "absolute"  # in groups, too
        self._marks = language.weights.marks(text)
        self._origin = origin
        self._spans = [node.span for node in operators(edited.nodes)]
        self._rounds = _Kind(settings.round)
        self._squares = _Kind(settings.square)
        self._breaks: list[tuple[Token, list[float]]] = []
        self._deepest: int | None = None
        self._escapes: list[int] = []

    def remarks(self) -> Iterator[Diagnostic]:
        self._follow()
        for kind in (self._rounds, self._squares):
            for _, breaks in kind.opened[:DEEPEST]:
                self._weigh(breaks, kind.factor)
            yield from self._adjacent("PC201", [start for start, _ in kind.opened], "opened here")
            yield from self._adjacent("PC202", kind.strays, "closes nothing")
        for mark, (weight,) in self._breaks:
            if weight != BREAK[1] and not self._keeps_breaks:
                start = (mark.start_pos or 0) + len(mark) - len(mark.lstrip())
                yield diagnose("PC204", self._origin(start, start + len(mark.strip())), "a word", weight=f"{-weight:g}")
        if self._deepest is not None:
            yield diagnose("PC213", self._origin(self._deepest, self._deepest + 1), "from here on", most=DEEPEST)
        for start in self._escapes:
            span = self._origin(start, start + 2)
            yield diagnose("PC211", span, "nothing", escape=self._text[start : start + 2])

    def _follow(self) -> None:
        owned = {place for span in self._spans for place in (span.start, span.end - 1)}
        ends = {span.start: span.end for span in self._spans}
        operator_end = 0
        for mark in self._marks:
            start = mark.start_pos or 0
            operator_end = max(operator_end, ends.get(start, 0))
            match mark.type:
                case "OPEN_ROUND":
                    self._open(self._rounds, start)
                case "OPEN_SQUARE" if start not in owned:
                    self._open(self._squares, start)
                case "CLOSE_ROUND" | "BAD_WEIGHT" | "REPEAT":
                    self._close(self._rounds, mark, self._rounds.factor)
                case "CLOSE_SQUARE" if start not in owned:
                    self._close(self._squares, mark, self._squares.factor)
                case "WEIGHT":
                    self._close(self._rounds, mark, float(mark[1:-1]))
                case "BREAK":
                    self._breaks.append((mark, [BREAK[1]]))
                # before `|`, and before `:` inside an operator, it keeps the sign from being part of prompt editing
                case "BACKSLASH" if start >= operator_end and self._text[start + 1 : start + 2] not in ("|", ""):
                    self._escapes.append(start)

    def _open(self, kind: _Kind, start: int) -> None:
        kind.opened.append((start, len(self._breaks)))
        if self._deepest is None and len(kind.opened) > DEEPEST:
            self._deepest = start

    def _close(self, kind: _Kind, mark: Token, factor: float) -> None:
        if kind.opened:
            depth, (_, breaks) = len(kind.opened), kind.opened.pop()
            if depth <= DEEPEST:
                self._weigh(breaks, factor)
        else:
            kind.strays.append((mark.start_pos or 0) + len(mark) - 1)

    def _weigh(self, since: int, factor: float) -> None:
        for _, weight in self._breaks[since:]:
            weight[0] *= factor

    def _adjacent(self, code: str, places: Sequence[int], label: str) -> Iterator[Diagnostic]:
        """One remark for brackets side by side."""
        start = 0
        for index, place in enumerate(places):
            if index + 1 == len(places) or places[index + 1] != place + 1:
                span = Span(places[start], place + 1)
                brackets = _shown(self._text, span)
                yield diagnose(code, self._origin(*span), label, bracket=brackets, sign=self._text[place])
                start = index + 1
