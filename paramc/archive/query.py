"""Conditions on the entries of a table: `sampler=dpmpp_2m lora~detail steps>30`."""

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from operator import ge, gt, le, lt
from typing import NamedTuple

from lark import Token, Transformer, v_args
from lark.exceptions import UnexpectedInput, UnexpectedToken

from paramc.archive.entry import Entry
from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import Diagnostic, InvalidValue
from paramc.diagnostics.unknown import offer
from paramc.dialects.grammar import load_grammar
from paramc.ir.wishes import full_path, known_paths
from paramc.resources import GRAMMARS
from paramc.tables import read_table

_LABELS = (*Entry._fields, "family", "networks")  # that an entry has beside the paths of a Job
_OTHERWISE = "names are those of `paramc schema job`, of the columns of a table and of fields as the source writes them"
_ORDER: dict[str, Callable[[float, float], bool]] = {">": gt, "<": lt, ">=": ge, "<=": le}
NONE_OF = "!"  # begins the operations that hold when no value fits


class Condition(NamedTuple):
    """One condition; without a name, on whatever a bare word is looked for in. `wanted` is in lower case."""

    name: str
    operation: str
    wanted: str
    negated: bool = False

    def holds(self, entry: Mapping[str, object]) -> bool:
        """Whether an entry fits."""
        operation = self.operation.removeprefix(NONE_OF)
        fits = any(_fits(operation, value, self.wanted) for value in _values(self.name, entry))
        return fits != (self.negated != self.operation.startswith(NONE_OF))


def parse_query(text: str) -> tuple[Condition, ...]:
    """The conditions that a text asks for. Raises InvalidValue for one that cannot be understood."""
    grammar = load_grammar(GRAMMARS / "shared" / "find.lark")
    try:
        conditions: tuple[Condition, ...] = tuple(_Conditions().transform(grammar.parse(text)))
    except UnexpectedInput as error:
        at_end = isinstance(error, UnexpectedToken) and error.token.type == "$END"
        rest = "" if at_end else text[error.pos_in_stream :]
        raise InvalidValue(diagnose("PC821", query=text, rest=rest or "the end")) from error
    for condition in conditions:
        if condition.operation in _ORDER and _number(condition.wanted) is None:
            raise InvalidValue(diagnose("PC821", query=text, rest=condition.wanted))
    return conditions


def holds(conditions: tuple[Condition, ...], entry: Mapping[str, object]) -> bool:
    """Whether an entry fits all of them."""
    return all(condition.holds(entry) for condition in conditions)


class Search:
    """Conditions that all have to hold, and the names in them that nothing has had so far."""

    def __init__(self, conditions: tuple[Condition, ...]) -> None:
        self._conditions = conditions
        self._strange = [item.name for item in conditions if item.name and not _is_known(item.name)]

    def fits(self, entry: Mapping[str, object]) -> bool:
        """Whether an entry fits all conditions."""
        if self._strange:
            self._strange = [name for name in self._strange if next(_values(name, entry), None) is None]
        return holds(self._conditions, entry)

    def unmet(self) -> tuple[Diagnostic, ...]:
        """A warning for each name that no entry had."""
        return tuple(
            diagnose("PC825", name=name, hint=offer(name, (*_names()[1], *_LABELS, *known_paths()), _OTHERWISE))
            for name in self._strange
        )


def _is_known(name: str) -> bool:
    return name in _names()[1] or name in _LABELS or full_path(name) is not None


class _Conditions(Transformer[Token, tuple[Condition, ...]]):
    """Tree → conditions."""

    @v_args(inline=True)
    def comparison(self, *tokens: Token) -> Condition:
        """`name operation value`, or `-` and these."""
        *negation, name, operation, value = tokens
        return Condition(name.casefold(), str(operation), _text(value), bool(negation))

    @v_args(inline=True)
    def mention(self, *tokens: Token) -> Condition:
        """A word that occurs somewhere."""
        *negation, word = tokens
        return Condition("", "~", _text(word), bool(negation))

    def start(self, conditions: list[Condition]) -> tuple[Condition, ...]:
        """All of them."""
        return tuple(conditions)


def _text(token: Token) -> str:
    if token.type == "STRING":
        return token[1:-1].replace('\\"', '"').replace("\\\\", "\\").casefold()
    return token.casefold()


def _fits(operation: str, value: object, wanted: str) -> bool:
    if operation == "~":
        return wanted in str(value).casefold()
    left, right = _number(value), _number(wanted)
    if left is None or right is None:
        return operation == "=" and str(value).casefold() == wanted
    return left == right if operation == "=" else _ORDER[operation](left, right)


def _number(value: object) -> float | None:
    try:
        return float(str(value))
    except ValueError:
        return None


def _values(name: str, entry: Mapping[str, object]) -> Iterator[object]:
    """Everything in an entry that goes by a name."""
    mention, names = _names()
    for place in names.get(name, ()) if name else mention:
        yield from _at(place, entry)
    if not name:
        return
    if name not in names:
        values = entry.get("values")
        for path, value in values.items() if isinstance(values, dict) else ():
            if f".{path}".endswith(f".{name}"):
                yield from value if isinstance(value, list) else (value,)
        if name not in ("values", "fields") and name in entry:
            yield entry[name]
    yield from (field["raw"] for field in _fields(entry) if _plain(field["key"]) == name)


def _at(place: str, entry: Mapping[str, object]) -> Iterator[object]:
    values = entry.get("values")
    found = values.get(place) if isinstance(values, dict) else None
    found = entry.get(place) if found is None else found
    if found is not None:
        yield from found if isinstance(found, list) else (found,)


def _fields(entry: Mapping[str, object]) -> list[dict[str, str]]:
    fields = entry.get("fields")
    return fields if isinstance(fields, list) else []


def _plain(key: str) -> str:
    return key.casefold().replace(" ", "_")


@cache
def _names() -> tuple[tuple[str, ...], dict[str, tuple[str, ...]]]:
    """Where a bare word is looked for, and what each short name stands for."""
    table = read_table(GRAMMARS / "find.toml")
    mention, names = table["mention"], table["names"]
    words = tuple(str(word) for word in mention) if isinstance(mention, list) else ()
    rows = names.items() if isinstance(names, dict) else ()
    return words, {name: tuple(str(word) for word in row) for name, row in rows if isinstance(row, list)}
