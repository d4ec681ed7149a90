"""Functions of the runner as a script prints them: parts.toml, and the parts that a piece of source speaks of."""

import ast
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from math import inf
from pathlib import Path
from typing import NamedTuple

from paramc.tables import read_table, rows

APART = "\n\n\n"
TOGETHER = "\n"  # constants, fields
MEMBERS = "\n\n"
WHOLE = ""  # names what is never left out

_CONSTANT = re.compile(r"[\w, ]+ = ")


class Part(NamedTuple):
    """A definition, and the names of the others that it needs."""

    name: str
    needs: tuple[str, ...]
    text: str


@dataclass(slots=True)
class Spoken:
    """What source speaks of. members: words that may be a class's; places: by class, fields that are told by place."""

    names: set[str] = field(default_factory=set)
    members: set[str] = field(default_factory=set)
    places: dict[str, float] = field(default_factory=dict)

    def add(self, other: "Spoken") -> None:
        """All that the other speaks of too."""
        self.names |= other.names
        self.members |= other.members
        self.places |= {name: max(count, self.places.get(name, 0)) for name, count in other.places.items()}


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """A whole part; or the head, a field or a method of a class. place: among its fields, infinite for what is none."""

    part: str
    name: str
    place: float
    text: str
    spoken: Spoken

    def is_spoken_of(self, said: Spoken) -> bool:
        """Does anything need it? What begins with two underscores is needed by the language."""
        is_told = self.name in said.members or self.place < said.places.get(self.part, 0)
        return is_told or self.name == WHOLE or self.name.startswith("__")


@cache
def read_parts(path: Path) -> Mapping[str, Part]:
    """The table at `path` by name, in an order in which the parts can stand in a script."""
    return {part.name: part for part in rows(read_table(path), "parts", Part, path)}


def quoted(source: str, parts: Mapping[str, Part]) -> str:
    """The parts that `source` speaks of and all that those need, two lines apart; constants stand together.

    Fields and methods that nothing speaks of are left out.
    """
    tree = ast.parse(source)
    said, kept = _spoken([tree]), set[Piece]()
    said.names -= {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    while True:
        named = [pieces_of(part) for name, part in parts.items() if name in said.names]
        found = [piece for pieces in named for piece in pieces if piece not in kept and piece.is_spoken_of(said)]
        if not found:
            return "".join(_spaced(laid_out([piece for piece in pieces if piece in kept]) for pieces in named))
        kept.update(found)
        for piece in found:
            said.add(piece.spoken)


@cache
def pieces_of(part: Part) -> tuple[Piece, ...]:
    """A class in pieces; anything else, and a class that is made of another one, as it is."""
    (node,) = ast.parse(part.text).body
    needs = frozenset(part.needs)
    if not isinstance(node, ast.ClassDef) or node.bases:
        return (Piece(part.name, WHOLE, inf, part.text, _spoken([node], needs)),)
    _, *members = node.body  # behind its docstring
    lines, ends = part.text.split("\n"), [node.body[0].end_lineno or 0]
    pieces = [Piece(part.name, WHOLE, inf, "\n".join(lines[: ends[0]]), _spoken(node.decorator_list, needs))]
    for place, member in enumerate(members):
        ends.append(member.end_lineno or 0)
        text = "\n".join(lines[ends[-2] : ends[-1]]).lstrip("\n")
        is_field = isinstance(member, ast.AnnAssign)
        pieces.append(Piece(part.name, _name_of(member), place if is_field else inf, text, _spoken([member], needs)))
    return tuple(pieces)


def _name_of(member: ast.stmt) -> str:
    match member:
        case ast.AnnAssign(target=ast.Name(id=name)) | ast.FunctionDef(name=name):
            return name
        case _:
            return WHOLE


def _spoken(nodes: Iterable[ast.AST], known: Collection[str] | None = None) -> Spoken:
    """What nodes speak of; of names only those that are known, if there are such."""
    said, walked = Spoken(), [child for node in nodes for child in ast.walk(node)]
    called = {id(node.func) for node in walked if isinstance(node, ast.Call)}
    for node in walked:
        match node:
            case ast.Name(id=name):
                said.names |= {name} if known is None or name in known else set()
                said.add(Spoken(places={} if id(node) in called else {name: inf}))  # it may be made elsewhere
            case ast.Call(func=ast.Name(id=name), args=args):
                told = inf if any(isinstance(argument, ast.Starred) for argument in args) else len(args)
                said.add(Spoken(places={name: told}))
            case ast.Attribute(attr=word) | ast.keyword(arg=str(word)):
                said.members.add(word)
            case ast.MatchClass(kwd_attrs=words):
                said.members.update(words)
            case _:
                pass
    return said


def laid_out(pieces: Iterable[Piece]) -> str:
    """Pieces of one part, one below the other: fields close together, all else a line apart."""
    listed = tuple(pieces)
    apart = (TOGETHER if max(above.place, below.place) < inf else MEMBERS for above, below in pairwise(listed))
    return listed[0].text + "".join(space + piece.text for space, piece in zip(apart, listed[1:], strict=True))


def _spaced(texts: Iterable[str]) -> Iterator[str]:
    """The texts, and what parts them."""
    last: bool | None = None
    for text in texts:
        is_constant = _CONSTANT.match(text) is not None
        if last is not None:
            yield TOGETHER if last and is_constant else APART
        yield text
        last = is_constant
