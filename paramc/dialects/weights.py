"""Emphasis: a text as runs with weights.

The grammar gives a flat list of marks, and a fold with one stack per kind of bracket gives the runs, because round and
square brackets may cross.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, NamedTuple, TypeAlias, cast

from lark import Lark, Token

from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import Diagnostic, ReadError, Span
from paramc.tables import NOTHING

Run: TypeAlias = tuple[str, float]
Runs: TypeAlias = tuple[Run, ...]
BREAK: Final[Run] = ("BREAK", -1.0)
"""What stands for the start of a new chunk among runs. The same word with any other weight is a word."""

DEEPEST = 250  # brackets of one kind that may be open at once; deeper ones do not weigh, so that time stays linear
RECENT = 4  # texts whose marks are remembered: several remarks look at the same ones
LONGEST_REPEAT = 100_000  # characters that one repetition may add


class Emphasis(NamedTuple):
    """Settings of emphasis.

    `round` and `square` are the factors of brackets without a number. `decimals` rounds every product. A `malformed`
    number is `refused` or `ignored`. `escapes` stand `apart` as runs of weight 1 or are `attached` to the run before
    them. `pieces` are `kept` or `tidied`: no signs in front, single spaces inside, none at the ends. `glue` comes
    between merged runs when the left one ends in a letter or digit. Runs merge when their weights differ by less than
    `tolerance` (0: when equal). `replaced` texts give way before anything is read. A number is one more factor
    (`multiplied`), the weight itself (`absolute`, see nested_weights.py), or stands behind (compel_weights.py).
    `arithmetic` is what weights do to vectors: `scaled` ones have their mean restored (A1111), `multiplied` ones have
    not (sd_embed), `lerped` ones lie between those of the empty prompt and their own (ComfyUI; `lerped and restored`:
    Fooocus), `masked` ones are hidden instead where the weight is below 1.
    """

    round: float
    square: float
    malformed: str = "refused"
    decimals: int | None = None
    escapes: str = "apart"
    pieces: str = "kept"
    glue: str | None = None
    tolerance: float = 0.0
    replaced: Mapping[str, str] = NOTHING
    numbers: str = "multiplied"
    arithmetic: str = "scaled"


class Weights:
    """Reads emphasis, by a grammar that is a flat list of the marks in `_HANDLERS`."""

    def __init__(self, grammar: Lark, settings: Emphasis) -> None:
        self._parse = grammar.parse
        self._marks = lru_cache(maxsize=RECENT)(self._read)
        self.settings = settings

    def marks(self, text: str) -> Sequence[Token]:
        """The text as tokens that join to it."""
        return self._marks(text)

    def beyond(self, text: str) -> Sequence[Token]:
        """The signs that the program acts upon in other ways than by weights."""
        return [mark for mark in self.marks(text) if mark.type == "OPAQUE"]

    def _read(self, text: str) -> Sequence[Token]:
        return cast("Sequence[Token]", self._parse(text).children)

    def runs(self, text: str, *, strict: bool = False) -> Runs:
        """The runs of the text, equal neighbours merged; at least one, be it empty.

        With `strict`, ReadError where the program itself fails: at a malformed number, or when it joins nothing.
        """
        return self._fold(text, strict, None)

    def problems(self, text: str) -> Sequence[Diagnostic]:
        """Everything that strict mode would raise at."""
        problems: list[Diagnostic] = []
        self._fold(text, False, problems)
        return problems

    def _fold(self, text: str, strict: bool, problems: list[Diagnostic] | None) -> Runs:
        for old, new in self.settings.replaced.items():
            text = text.replace(old, new)
        fold = _Fold(self.settings, self.marks(text), strict, problems)
        for index, mark in enumerate(fold.marks):
            _HANDLERS[mark.type](fold, index, mark)
        fold.close_all()
        return tuple(fold.merged())


@dataclass(slots=True)
class _Fold:
    """The runs so far, and where brackets of each kind are open; `problems` is a list where somebody asks for them."""

    settings: Emphasis
    marks: Sequence[Token]
    strict: bool
    problems: list[Diagnostic] | None
    texts: list[str] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)
    rounds: list[int] = field(default_factory=list)
    squares: list[int] = field(default_factory=list)
    factor: tuple[int, float] | None = None

    def add(self, text: str, weight: float = 1.0) -> None:
        self.texts.append(text)
        self.weights.append(weight)

    def add_piece(self, text: str) -> None:
        """Text between marks: may be tidied, and then vanishes when nothing is left of it."""
        if self.settings.pieces == "tidied":
            text = _tidied(text)
            if not text:
                return
        self.add(text)

    def text(self, index: int, mark: Token) -> None:
        self.add_piece(mark)

    def new_chunk(self, index: int, mark: Token) -> None:
        # the text before and behind is cut in pieces at the breaks, so there is an empty piece at an end
        if index == 0 or self.marks[index - 1].type != "TEXT":
            self.add_piece("")
        self.add(*BREAK)
        if index + 1 == len(self.marks) or self.marks[index + 1].type not in ("TEXT", "BREAK"):
            self.add_piece("")

    def escaped(self, index: int, mark: Token) -> None:
        """The character behind the backslash; a backslash that escapes nothing leaves an empty run."""
        character = mark[1:]
        if self.settings.escapes == "attached" and self.texts and not self._follows_space(index):
            self.texts[-1] += character
        else:
            self.add(character)

    def open_round(self, index: int, mark: Token) -> None:
        self.rounds.append(len(self.texts))

    def open_square(self, index: int, mark: Token) -> None:
        self.squares.append(len(self.texts))

    def close_round(self, index: int, mark: Token) -> None:
        self._close(self.rounds, self.settings.round, mark)

    def close_square(self, index: int, mark: Token) -> None:
        self._close(self.squares, self.settings.square, mark)

    def weight(self, index: int, mark: Token) -> None:
        self._close(self.rounds, float(mark[1:-1].strip()), mark)

    def bad_weight(self, index: int, mark: Token) -> None:
        if not self.rounds:
            self.add_piece(mark)
        elif self.settings.malformed == "ignored":
            self.rounds.pop()
        else:
            self._refuse("PC200", mark)
            self.add_piece(mark[:-1])
            self._close(self.rounds, self.settings.round, mark)

    def repeat(self, index: int, mark: Token) -> None:
        """Copies of everything since the bracket; what the number has beyond whole copies weighs the last one."""
        if not self.rounds:
            self.add_piece(mark)
            return
        start = self.rounds.pop()
        number = float(mark[1:-1].strip()[1:])
        copies = self._affordable(start, max(1, int(min(abs(number), LONGEST_REPEAT))), mark)
        texts, weights = self.texts[start:], self.weights[start:]
        for _ in range(copies - 1):
            self.texts += texts
            self.weights += weights
        last = abs(number) % 1 + (abs(number) >= 1)
        if last > self.settings.tolerance:
            self._multiply(len(self.texts) - len(texts), last)
        if number < 0:
            self._multiply(start, -1.0)

    def open_factor(self, index: int, mark: Token) -> None:
        """A number that weighs what follows, until it ends or another one begins."""
        self.close_factor()
        self.factor = (len(self.texts), float(mark[:-2]))

    def end_factor(self, index: int, mark: Token) -> None:
        if self.factor is None:
            self.add_piece(mark)
        self.close_factor()

    def close_factor(self) -> None:
        if self.factor is not None:
            self._multiply(*self.factor)
            self.factor = None

    def close_all(self) -> None:
        """Brackets that nothing closes hold to the end: the round ones first, in order."""
        self.close_factor()
        self._multiply_tails(self.rounds, self.settings.round)
        self._multiply_tails(self.squares, self.settings.square)

    def merged(self) -> Iterator[Run]:
        if not self.texts:
            yield "", 1.0
            return
        tolerance = self.settings.tolerance
        pieces = [self.texts[0]]
        kept = self.weights[0]
        for text, weight in zip(self.texts[1:], self.weights[1:], strict=True):
            if weight == kept or abs(weight - kept) < tolerance:
                self._join(pieces, text)
            else:
                yield "".join(pieces), kept
                pieces, kept = [text], weight
        yield "".join(pieces), kept

    def _join(self, pieces: list[str], text: str) -> None:
        glue = self.settings.glue
        if glue is not None:
            left = next((piece for piece in reversed(pieces) if piece), "")
            if left:
                pieces.append(glue if left[-1].isalnum() else "")
            else:
                self._refuse("PC214")
        pieces.append(text)

    def _close(self, opened: list[int], factor: float, mark: Token) -> None:
        if not opened:
            self.add_piece(mark)
            return
        depth, start = len(opened), opened.pop()
        if depth <= DEEPEST or self.strict:
            self._multiply(start, factor)

    def _multiply(self, start: int, factor: float) -> None:
        decimals = self.settings.decimals
        for index in range(start, len(self.weights)):
            product = self.weights[index] * factor
            self.weights[index] = product if decimals is None else round(product, decimals)

    def _multiply_tails(self, starts: Sequence[int], factor: float) -> None:
        for start in starts if self.strict else starts[:DEEPEST]:
            self._multiply(start, factor)

    def _affordable(self, start: int, copies: int, mark: Token) -> int:
        size = sum(map(len, self.texts[start:])) + len(self.texts) - start
        most = max(1, LONGEST_REPEAT // max(1, size))
        if copies > most:
            self._refuse("PC215", mark)
        return min(copies, most)

    def _refuse(self, code: str, mark: Token | None = None) -> None:
        if self.strict:
            raise ReadError(_problem(code, mark))
        if self.problems is not None:
            self.problems.append(_problem(code, mark))

    def _follows_space(self, index: int) -> bool:
        return index > 0 and self.marks[index - 1].endswith(" ")


_HANDLERS: Mapping[str, Callable[[_Fold, int, Token], None]] = {
    "TEXT": _Fold.text,
    "BREAK": _Fold.new_chunk,
    "ESCAPED": _Fold.escaped,
    "BACKSLASH": _Fold.escaped,
    "KEPT": _Fold.text,
    "OPAQUE": _Fold.text,
    "OPEN_ROUND": _Fold.open_round,
    "CLOSE_ROUND": _Fold.close_round,
    "OPEN_SQUARE": _Fold.open_square,
    "CLOSE_SQUARE": _Fold.close_square,
    "WEIGHT": _Fold.weight,
    "BAD_WEIGHT": _Fold.bad_weight,
    "REPEAT": _Fold.repeat,
    "COLON": _Fold.text,
    "FACTOR": _Fold.open_factor,
    "FACTOR_END": _Fold.end_factor,
}


_LABELS = {"PC200": "not a number", "PC215": "so many copies"}


def _tidied(text: str) -> str:
    start = next((index for index, sign in enumerate(text) if sign.isalnum() or sign == "_"), len(text))
    return " ".join(text[start:].split())


def _problem(code: str, mark: Token | None) -> Diagnostic:
    """The diagnostic, at the number of a closing mark."""
    if mark is None:
        return diagnose(code)
    number = mark[1:-1].strip()
    start = (mark.start_pos or 0) + mark.index(number)
    return diagnose(code, Span(start, start + len(number)), _LABELS[code], number=number, most=LONGEST_REPEAT)
