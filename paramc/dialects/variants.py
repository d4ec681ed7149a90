"""What a prompt template can say: its variants, counted through or drawn.

The order of counting and the stream of random numbers are paramc's own: which variant an image of Dynamic Prompts had
cannot be worked out from its template.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from random import Random
from typing import Final, NamedTuple, TypeAlias

from lark import Token

from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import Diagnostic
from paramc.dialects.templates import (
    Assign,
    Nodes,
    Option,
    Pick,
    Use,
    Wildcard,
    Wrap,
    read_template,
    remark_template,
)
from paramc.dialects.wildcards import Wildcards

MOST_NODES: Final = 100_000  # that one variant may come to
MOST_WORK: Final = 2_000_000  # nodes that all variants together may come to
MOST_CHARACTERS: Final = 1_000_000  # that one variant may be put together from
DEEPEST: Final = 100  # choices, variables and wildcards inside one another
DRAWN, IN_TURN = "~", "@"  # the third sign, "!", counts
MOST_SAID: Final = 20
GAP: Final = "..."  # of a wrapper


class Variants(NamedTuple):
    """The texts of a template in order, and what is to be said of it."""

    texts: tuple[str, ...]
    diagnostics: tuple[Diagnostic, ...]


Values: TypeAlias = "dict[str, Nodes]"


@dataclass(slots=True)
class _Choices:
    """The choices of one variant after the other: as a counter whose last place runs fastest, or drawn from `stream`s
    of which each variant has its own."""

    seed: int | None
    number: int = 0
    taken: list[int] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    place: int = 0
    stream: Random = field(default_factory=Random)

    def begin(self) -> None:
        self.place = 0
        self.stream = Random((self.seed or 0) + self.number)

    def choose(self, weights: Sequence[float], mode: str) -> int:
        """The index of one of the options."""
        if len(weights) < 2:
            return 0
        if mode == DRAWN or (self.seed is not None and not mode):
            sums = list(accumulate(weights))
            even = not 0 < sums[-1] < float("inf")
            return self.stream.choices(range(len(weights)), None if even else weights)[0]
        if mode == IN_TURN or self.seed is not None:
            return self.number % len(weights)
        if self.place == len(self.taken):
            self.taken.append(0)
            self.sizes.append(len(weights))
        self.place += 1
        return self.taken[self.place - 1]

    def advance(self) -> bool:
        """Go on to the next variant; False where there is none."""
        self.number += 1
        if self.seed is not None:
            return True
        while self.taken and self.taken[-1] + 1 >= self.sizes[-1]:
            self.taken.pop()
            self.sizes.pop()
        if self.taken:
            self.taken[-1] += 1
        return bool(self.taken)


def variants_of(text: str, wildcards: Wildcards, *, most: int, seed: int | None = None) -> Variants:
    """The first variants of a template in order, each combination once; with a `seed`, as many as asked for, drawn.

    A variant draws from a stream of its own, seeded with `seed` and its number.
    """
    nodes = read_template(text)
    said: dict[str, Diagnostic] = {}
    texts = tuple(_texts(nodes, wildcards, most, seed, said))
    return Variants(texts, (*remark_template(nodes), *said.values(), *wildcards.problems))


def _texts(
    nodes: Nodes, wildcards: Wildcards, most: int, seed: int | None, said: dict[str, Diagnostic]
) -> Iterator[str]:
    choices = _Choices(seed)
    work = 0
    while choices.number < most and work < MOST_WORK:
        choices.begin()
        telling = _Telling(choices, wildcards, said)
        yield telling.text(nodes)
        work += MOST_NODES - telling.nodes_left
        if not choices.advance():
            return
    if work >= MOST_WORK:
        said.setdefault("PC229", diagnose("PC229"))


@dataclass(slots=True)
class _Telling:
    """One variant in the making; what is left of it are the nodes and characters that it may still take."""

    choices: _Choices
    wildcards: Wildcards
    said: dict[str, Diagnostic]
    values: Values = field(default_factory=dict)
    nodes_left: int = MOST_NODES
    characters_left: int = MOST_CHARACTERS
    depth: int = 0

    def text(self, nodes: Nodes) -> str:
        """The nodes as text; cut off where they would come to too much."""
        if self.depth > DEEPEST:
            self._say("PC229", "")
            return ""
        self.depth += 1
        pieces: list[str] = []
        for node in nodes:
            self.nodes_left -= 1
            if self.nodes_left < 0 or self.characters_left < 0:
                self._say("PC229", "")
                break
            piece = self._node(node)
            self.characters_left -= len(piece)
            pieces.append(piece)
        self.depth -= 1
        return "".join(pieces)

    def _node(self, node: "Token | Pick | Wildcard | Assign | Use | Wrap") -> str:
        match node:
            case Pick():
                return self._picked(node)
            case Wildcard():
                return self._drawn(node)
            case Assign():
                if not (node.keep and node.name in self.values):
                    self.values[node.name] = _plain(self.text(node.value)) if node.at_once else node.value
                return ""
            case Use():
                return self.text(self.values.get(node.name, node.default))
            case Wrap():
                around, inside = self.text(node.around), self.text(node.inside)
                return around.replace(GAP, inside, 1) if GAP in around else around + inside
            case _:
                return str(node)

    def _picked(self, node: Pick) -> str:
        left = self._options(node)
        high = len(left) if node.high is None else min(node.high, len(left))
        low = min(node.low, high)
        count = low + self.choices.choose([1.0] * (high - low + 1), node.mode)
        texts: list[str] = []
        for _ in range(count):
            option = left.pop(self.choices.choose([option.weight for option in left], node.mode))
            self.nodes_left -= len(left)  # what choosing costs
            texts.append(self.text(option.nodes))
            if self.nodes_left < 0:
                break
        return node.separator.join(texts)

    def _options(self, node: Pick) -> list[Option]:
        """The options; where several are picked of one wildcard, its texts."""
        only = node.options[0].nodes
        if node.high != 1 and len(node.options) == 1 and len(only) == 1 and isinstance(only[0], Wildcard):
            texts = self.wildcards.texts(only[0].name)
            return [Option(1.0, read_template(text)) for text in texts] or list(node.options)
        return list(node.options)

    def _drawn(self, node: Wildcard) -> str:
        texts = self.wildcards.texts(node.name)
        if not texts:
            self._say("PC230", node.name)
            return str(node.spelt)
        chosen = texts[self.choices.choose([1.0] * len(texts), node.mode)]
        self.nodes_left -= 1
        outer = self.values
        self.values = outer | {name: _plain(value) for name, value in node.variables}
        told = self.text(read_template(chosen))
        self.values = outer
        return told

    def _say(self, code: str, name: str) -> None:
        if code + name not in self.said and len(self.said) < MOST_SAID:
            self.said[code + name] = diagnose(code, name=name)


def _plain(text: str) -> Nodes:
    return (Token("TEXT", text),)
