"""JSON with places: what a text holds, member by member, as far as a table asks for it.

Only the objects and arrays that are asked for are opened; every other value is kept whole, so that the time is that of
one decoding. A text that breaks off gives what stands before the break.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from json import JSONDecoder
from typing import Final, NamedTuple, TypeAlias

Scalar: TypeAlias = "str | int | float | bool | None"
LONGEST_NUMBER: Final = 400  # digits; a longer whole number is none that anybody wrote
SHALLOW: Final = 4  # levels of broken JSON in which keys are looked for
DEEPEST: Final = 32  # levels that are taken apart; what lies deeper is kept whole
BLANKS: Final = " \t\r\n"


class Broken(ValueError):  # noqa: N818  # reads as the thing it reports
    """No JSON from here on."""


class Leaf(NamedTuple):
    """A value that is not taken apart. `path`: the keys on the way joined by dots, items counted from 1.

    `value` is None for null and for what is `whole`: an object or an array.
    """

    path: str
    key_start: int
    start: int
    end: int
    value: Scalar
    whole: bool = False


class Members(NamedTuple):
    """`end` is where the reading stopped; `broken`: before the outermost value was over."""

    leaves: tuple[Leaf, ...]
    end: int
    broken: bool = False


def read_members(text: str, opens: Callable[[str], bool]) -> Members:
    """The members of the object or array that `text` begins with; `opens` says which paths are taken apart."""
    reader = _Reader(text, opens)
    try:
        reader.read()
    except (Broken, RecursionError):
        return Members(tuple(reader.leaves), reader.at, broken=True)
    return Members(tuple(reader.leaves), reader.at)


def top_keys(text: str) -> frozenset[str]:
    """The keys of the outermost object; of the first object where the text is an array of them."""
    try:
        value: object
        value, _ = _DECODER.raw_decode(text.lstrip(BLANKS))
    except (ValueError, RecursionError):
        leaves = read_members(text, lambda path: path.count(".") < SHALLOW).leaves
        of_items = text.lstrip(BLANKS)[:1] == "["
        return frozenset(leaf.path.split(".")[of_items] for leaf in leaves if leaf.path.count(".") >= of_items)
    first = value[0] if isinstance(value, list) and value else value
    return frozenset(str(key) for key in first) if isinstance(first, dict) else frozenset()


@dataclass(slots=True)
class _Level:
    """An object or array that is being read; `count`: its items so far, None in an object."""

    path: str
    count: int | None

    @property
    def close(self) -> str:
        return "}" if self.count is None else "]"


@dataclass(slots=True)
class _Reader:
    text: str
    opens: Callable[[str], bool]
    at: int = 0
    leaves: list[Leaf] = field(default_factory=list)
    levels: list[_Level] = field(default_factory=list)

    def read(self) -> None:
        self._skip()
        self._open("")
        while self.levels:
            self._skip()
            level = self.levels[-1]
            if self.text[self.at : self.at + 1] == level.close:
                self.at += 1
                self.levels.pop()
                self._after_value()
            else:
                self._member(level)

    def _member(self, level: _Level) -> None:
        key_start, name = self.at, ""
        if level.count is None:
            key, self.at = self._decoded()
            if not isinstance(key, str):
                self.at = key_start
                raise Broken
            self._take(":")
            name = key
        else:
            level.count += 1
            name = str(level.count)
        path = f"{level.path}.{name}" if level.path else name
        self._skip()
        start = self.at
        opener = self.text[start : start + 1]
        if opener in ("{", "[") and len(self.levels) < DEEPEST and self.opens(path):
            self._open(path)
            return
        value, self.at = self._decoded()
        key_start = start if level.count is not None else key_start
        if value is None or isinstance(value, str | int | float):
            self.leaves.append(Leaf(path, key_start, start, self.at, value))
        else:
            self.leaves.append(Leaf(path, key_start, start, self.at, None, whole=True))
        self._after_value()

    def _open(self, path: str) -> None:
        opener = self.text[self.at : self.at + 1]
        if opener not in ("{", "["):
            raise Broken
        self.levels.append(_Level(path, None if opener == "{" else 0))
        self.at += 1

    def _after_value(self) -> None:
        """The comma behind a value, or the end of what it stands in."""
        if not self.levels:
            return
        self._skip()
        following = self.text[self.at : self.at + 1]
        if following == ",":
            self.at += 1
        elif following != self.levels[-1].close:
            raise Broken

    def _take(self, sign: str) -> None:
        self._skip()
        if self.text[self.at : self.at + 1] != sign:
            raise Broken
        self.at += 1

    def _skip(self) -> None:
        while self.text[self.at : self.at + 1] in BLANKS and self.at < len(self.text):
            self.at += 1

    def _decoded(self) -> tuple[object, int]:
        try:
            value: object
            value, end = _DECODER.raw_decode(self.text, self.at)
        except ValueError as error:
            raise Broken from error
        return value, end


def _whole_number(digits: str) -> int | float:
    return int(digits) if len(digits) <= LONGEST_NUMBER else float(digits)


_DECODER = JSONDecoder(strict=False, parse_int=_whole_number)
