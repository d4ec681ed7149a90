"""Emphasis behind what it weighs: `(a b)1.2`, `"a b"++`, `cat--`; whole prompts blended or put one after the other."""

import re
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple, TypeAlias

from lark import Token, Tree

from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import Diagnostic, ReadError
from paramc.dialects.weights import Run, Runs, Weights

Node: TypeAlias = Tree[Token] | Token
UNESCAPED: Final = (("\\(", "("), ("\\)", ")"), ('\\"', '"'))
SAYING: Final = ("WORD", "FREE", "MARK")
BEYOND: Final = ("ENDING", "SWAP", "LORA")
WEIGHING: Final = ("CLOSE_WEIGHT", "END_WEIGHT", "SIGNS", "ATTEND")
COMMA: Final = re.compile(r",(?=\S)")
NUMBER: Final = re.compile(r"(?<![\w.])[+-]?(?:\d+\.\d*|\.\d+|\d+)(?!\w)")
SPELT: Final = re.compile(r"\++|[+-]?(?:\d+\.\d*|\.\d+|\d+)|-+")
BLENDED: Final = "blend"


class Part(NamedTuple):
    """A prompt of its own among those that a whole prompt is made of."""

    runs: Runs
    weight: float


class Parts(NamedTuple):
    """What a prompt comes to. `blends`: the parts are mixed, instead of standing one after the other."""

    parts: tuple[Part, ...]
    blends: bool = False


class CompelWeights(Weights):
    """Reads emphasis behind groups, by a grammar with a CompelPairing."""

    def marks(self, text: str) -> Sequence[Token]:
        """The text as one mark: no bracket is one of its own here."""
        return (Token("TEXT", text, 0),) if text else ()

    def beyond(self, text: str) -> Sequence[Token]:
        """The signs of whole prompts that are mixed, of exchanged words and of networks."""
        tokens = self._parse(COMMA.sub(", ", text)).scan_values(lambda value: isinstance(value, Token))
        return [token for token in tokens if token.type in BEYOND]

    def problems(self, text: str) -> Sequence[Diagnostic]:
        """Everything that strict mode would raise at."""
        try:
            self.parts(text, strict=True)
        except ReadError as error:
            return error.diagnostics
        return ()

    def runs(self, text: str, *, strict: bool = False) -> Runs:
        """The runs of all parts, one after the other."""
        return tuple(run for part in self.parts(text, strict=strict).parts for run in part.runs)

    def parts(self, text: str, *, strict: bool = False) -> Parts:
        """The prompts that a text is made of, one for most texts. Where weights are missing they are 1.

        With `strict`, ReadError where the library itself fails: at other numbers of parts and weights.
        """
        if not text.strip():
            return Parts((Part((("", 1.0),), 1.0),))
        tree = self._parse(COMMA.sub(", ", text))
        whole = next((child for child in tree.children if isinstance(child, Tree) and child.data == "whole"), None)
        if whole is None:
            runs = self._runs(tree)
            return Parts((Part(runs, 1.0),) if runs else ())
        pieces = [child for child in whole.children if isinstance(child, Tree)]
        ending = str(whole.children[-1])
        weights = [float(number) for number in NUMBER.findall(ending.partition("(")[2])]
        if strict and len(weights) not in (0, len(pieces)):
            raise ReadError(diagnose("PC218", parts=len(pieces), weights=len(weights)))
        listed = zip(pieces, [*weights, *[1.0] * len(pieces)], strict=False)
        parts = (Part(self._runs(piece), weight) for piece, weight in listed)
        return Parts(tuple(part for part in parts if part.runs), BLENDED in ending)

    def _runs(self, tree: Tree[Token]) -> Runs:
        return tuple(_fused(self._pieces(tree)))

    def _pieces(self, tree: Tree[Token]) -> Iterator[Run]:
        """Texts with their weights, the factors multiplied from the outside in."""
        waiting: list[tuple[Node, float]] = [(node, 1.0) for node in reversed(tree.children)]
        while waiting:
            node, weight = waiting.pop()
            if isinstance(node, Token):
                if node.type in SAYING:
                    yield _plain(node), weight
                continue
            nodes, inner = node.children, weight * self._factor(node)
            if node.data == "quote" and all(
                isinstance(item, Token) and item.type not in SAYING for item in node.children
            ):
                yield "", inner
            waiting += ((child, inner) for child in reversed(nodes))

    def _factor(self, tree: Tree[Token]) -> float:
        """What the operator of a group or word multiplies by."""
        for token in reversed(tree.children[-2:]):
            if isinstance(token, Token) and token.type in WEIGHING:
                spelt = SPELT.search(token)
                return self._number(spelt[0]) if spelt else 1.0
        return 1.0

    def _number(self, spelt: str) -> float:
        if spelt.strip("+-"):
            return float(spelt)
        return float((self.settings.round if spelt[0] == "+" else self.settings.square) ** len(spelt))


def _fused(pieces: Iterator[Run]) -> Iterator[Run]:
    """Neighbours of one weight joined by a space."""
    texts: list[str] = []
    kept = 0.0
    for text, weight in pieces:
        if texts and weight != kept:
            yield " ".join(texts), kept
            texts = []
        kept = weight
        texts.append(text)
    if texts:
        yield " ".join(texts), kept


def _plain(text: str) -> str:
    """The text without its escapes, which the library takes off twice."""
    for escaped, sign in UNESCAPED * 2:
        text = text.replace(escaped, sign)
    return str(text)
