"""Functions and methods of Python's own that can be followed without running a script: none has effects."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, product
from typing import Final

LONGEST: Final = 100_000  # characters or items of one value


@dataclass(frozen=True, slots=True)
class BuiltIn:
    """A function of Python's that is safe to follow; `takes_anything`: its arguments need not be known."""

    give: Callable[..., object]
    takes_anything: bool = False


def _range(*bounds: int) -> list[int]:
    return list(islice(range(*bounds), LONGEST))


def _zip(*items: Sequence[object], strict: bool = False) -> list[object]:
    return [list(group) for group in zip(*items, strict=strict)]


def _enumerate(items: Sequence[object], start: int = 0) -> list[object]:
    return [[index, item] for index, item in enumerate(items, start)]


def _product(*items: Sequence[object]) -> list[object]:
    return [list(group) for group in islice(product(*items), LONGEST)]


def _join(glue: str, items: Sequence[str]) -> str:
    if sum(map(len, items)) + len(glue) * len(items) > LONGEST:
        raise ValueError("the text would be too long")
    return glue.join(items)


BUILTINS: Final[Mapping[str, BuiltIn]] = {
    "range": BuiltIn(_range),
    "list": BuiltIn(list, True),
    "tuple": BuiltIn(list, True),
    "dict": BuiltIn(dict, True),
    "sorted": BuiltIn(sorted),
    "zip": BuiltIn(_zip, True),
    "enumerate": BuiltIn(_enumerate, True),
    "itertools.product": BuiltIn(_product, True),
    "len": BuiltIn(len, True),
    "int": BuiltIn(int),
    "float": BuiltIn(float),
    "str": BuiltIn(str),
    "bool": BuiltIn(bool),
    "round": BuiltIn(round),
    "abs": BuiltIn(abs),
    "min": BuiltIn(min),
    "max": BuiltIn(max),
    "sum": BuiltIn(sum),
}
METHODS: Final[Mapping[tuple[type, str], Callable[..., object]]] = {
    (str, "strip"): str.strip,
    (str, "lower"): str.lower,
    (str, "upper"): str.upper,
    (str, "join"): _join,
    (str, "split"): str.split,
    (dict, "items"): lambda table: [list(pair) for pair in table.items()],
    (dict, "keys"): list,
    (dict, "values"): lambda table: list(table.values()),
    (dict, "get"): dict.get,
    (list, "copy"): list.copy,
}
