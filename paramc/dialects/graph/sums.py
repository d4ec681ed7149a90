"""What a sum in the words of a node that computes comes to."""

import operator
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from math import ceil, floor, isfinite, nan, sqrt
from typing import Final, NamedTuple, TypeAlias, cast

from lark import Lark, Token
from lark.exceptions import LarkError

from paramc.dialects.description import Dialect
from paramc.dialects.grammar import load_grammar
from paramc.tables import TableError

FILE: Final = "sums.lark"
LONGEST: Final = 1000  # code points of a sum
LARGEST: Final = 1e15  # of a number on the way: whole numbers are exact below it
STEEPEST: Final = 64  # of an exponent


class _Step(NamedTuple):
    """One step of a sum in the order of its working: a number, a name, or what takes the last `takes` results."""

    what: str
    takes: int = 0


Steps: TypeAlias = tuple[_Step, ...]


def worked_out(text: str, values: Callable[[str], float | None], dialect: Dialect) -> float | None:
    """The number that a sum comes to; None for what is no sum, and beyond any sensible size."""
    if len(text) > LONGEST:
        return None
    try:
        steps = cast("Steps", _sums(dialect).parse(text))
    except LarkError:
        return None
    results: list[float] = []
    for step in steps:
        value = _result(step, results, values)
        if value is None or not isfinite(value) or abs(value) > LARGEST:
            return None
        results.append(value)
    return results[-1]


def _result(step: _Step, results: list[float], values: Callable[[str], float | None]) -> float | None:
    if not step.takes:
        return float(step.what) if step.what[0] in ".0123456789" else values(step.what)
    taken = [results.pop() for _ in range(step.takes)][::-1]
    function = _FUNCTIONS.get(step.what)
    try:
        return None if function is None else function(taken)
    except (ArithmeticError, ValueError, TypeError):
        return None


def _raised(taken: Sequence[float]) -> float:
    base, exponent = taken
    if abs(exponent) > STEEPEST or (base < 0 and not exponent.is_integer()):
        return nan
    return float(base**exponent)


def _rounded(taken: Sequence[float]) -> float:
    return round(taken[0], int(taken[1])) if len(taken) > 1 else float(round(taken[0]))


_FUNCTIONS: Final[Mapping[str, Callable[[Sequence[float]], float]]] = {
    "+": lambda taken: operator.add(*taken),
    "-": lambda taken: operator.sub(*taken),
    "*": lambda taken: operator.mul(*taken),
    "/": lambda taken: operator.truediv(*taken),
    "//": lambda taken: operator.floordiv(*taken),
    "%": lambda taken: operator.mod(*taken),
    "**": _raised,
    "negative": lambda taken: operator.neg(*taken),
    "min": min,
    "max": max,
    "abs": lambda taken: abs(*taken),
    "round": _rounded,
    "ceil": lambda taken: float(ceil(*taken)),
    "floor": lambda taken: float(floor(*taken)),
    "int": lambda taken: float(int(*taken)),
    "float": lambda taken: float(*taken),
    "sqrt": lambda taken: sqrt(*taken),
}


def _taking(what: str) -> Callable[[object, list[Steps]], Steps]:
    def rule(self: object, parts: list[Steps]) -> Steps:
        return (*(step for part in parts for step in part), _Step(what, len(parts)))

    return rule


class _Reader:
    """Rules of a sum → its steps."""

    def start(self, parts: list[Steps]) -> Steps:
        return parts[0]

    def sign(self, parts: list[Steps]) -> Steps:
        return parts[0]

    def number(self, parts: list[Token]) -> Steps:
        return (_Step(str(parts[0])),)

    name = number

    def call(self, parts: list[Token | Steps]) -> Steps:
        inner = cast("list[Steps]", parts[1:])
        return (*(step for part in inner for step in part), _Step(str(parts[0]), len(inner)))

    add = _taking("+")
    subtract = _taking("-")
    multiply = _taking("*")
    divide = _taking("/")
    divide_down = _taking("//")
    remainder = _taking("%")
    raised = _taking("**")
    negative = _taking("negative")


@cache
def _sums(dialect: Dialect) -> Lark:
    path = dialect.path(FILE)
    if path is None:
        raise TableError(f"{dialect.name}: `{FILE}` is missing")
    return load_grammar(path, callbacks=_Reader())
