"""Arithmetic, comparisons and text of values that are known, bounded in what they may give."""

import ast
import re
from collections.abc import Callable, Mapping
from typing import Final

from paramc.dialects.script.known import LONGEST
from paramc.dialects.script.values import Bound, Class, Function, Instance, Made, is_known

LARGEST: Final = 10**18  # of integers that arithmetic may give

_ARITHMETIC: Final[Mapping[type[ast.operator], Callable[[float, float], float]]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b,
    ast.FloorDiv: lambda a, b: a // b,
    ast.Mod: lambda a, b: a % b,
    ast.Pow: lambda a, b: a**b,
}
_LARGEST_POWER: Final = 60
_EQUALITY: Final[Mapping[type[ast.cmpop], Callable[[object, object], bool]]] = {
    ast.Eq: lambda a, b: a == b,
    ast.NotEq: lambda a, b: a != b,
    ast.Is: lambda a, b: a is b or (a == b and isinstance(a, str | bool | int)),
    ast.IsNot: lambda a, b: a is not b,
}
_ORDER: Final[Mapping[type[ast.cmpop], Callable[[float, float], bool]]] = {
    ast.Lt: lambda a, b: a < b,
    ast.LtE: lambda a, b: a <= b,
    ast.Gt: lambda a, b: a > b,
    ast.GtE: lambda a, b: a >= b,
}
_SPEC: Final = re.compile(r"[<>^=]?[+ ]?0?(?P<width>\d{0,3}),?(?:\.\d{1,2})?[dfeEgGsx%]?")
_FIELD: Final = re.compile(r"\{\{|\}\}|\{([A-Za-z_]\w*|\d{0,3})(?::([^{}]*))?\}")
_PERCENT: Final = re.compile(r"%%|%(?:\((\w+)\))?([+ 0-]?\d{0,3}(?:\.\d{1,2})?)([sdifrgGex])")


class Unknowable(Exception):  # noqa: N818  # the ordinary case of a value that only a run tells
    """Only a run would tell the value."""


def operated(operator: ast.operator, left: object, right: object) -> object:
    """What an operator gives. Raises Unknowable."""
    match left, right:
        case ((int() | float()), (int() | float())) if type(operator) in _ARITHMETIC:
            return _calculated(operator, left, right)
        case str(), str() if isinstance(operator, ast.Add):
            return (left + right)[:LONGEST]
        case str(), str() if isinstance(operator, ast.Div):  # of paths
            return f"{left.rstrip('/')}/{right}"[:LONGEST]
        case str(), _ if isinstance(operator, ast.Mod):
            return percent(left, right)
        case ((str() | list()), int()) if isinstance(operator, ast.Mult) and len(left) * right <= LONGEST:
            return left * right
        case int(), (str() | list()) if isinstance(operator, ast.Mult) and left * len(right) <= LONGEST:
            return left * right
        case list(), list() if isinstance(operator, ast.Add) and len(left) + len(right) <= LONGEST:
            return left + right
        case dict(), dict() if isinstance(operator, ast.BitOr) and len(left) + len(right) <= LONGEST:
            return left | right
        case _:
            raise Unknowable


def _calculated(operator: ast.operator, left: float, right: float) -> float:
    if max(abs(left), abs(right)) > LARGEST or (isinstance(operator, ast.Pow) and abs(right) > _LARGEST_POWER):
        raise Unknowable
    try:
        value = _ARITHMETIC[type(operator)](left, right)
    except ArithmeticError as error:
        raise Unknowable from error
    if isinstance(value, complex):
        raise Unknowable
    return value


def compared(operator: ast.cmpop, left: object, right: object) -> bool:
    """What a comparison gives. Raises Unknowable."""
    if isinstance(operator, ast.Is | ast.IsNot) and None in (left, right) and _is_something(left, right):
        return isinstance(operator, ast.IsNot)
    if not (is_known(left) and is_known(right)):
        raise Unknowable
    if type(operator) in _EQUALITY:
        return _EQUALITY[type(operator)](left, right)
    match left, right:
        case ((int() | float()), (int() | float())) if type(operator) in _ORDER:
            return _ORDER[type(operator)](left, right)
        case _, (list() | dict()) if isinstance(operator, ast.In | ast.NotIn) and _is_plain(left):
            return (left in right) is isinstance(operator, ast.In)
        case str(), str() if isinstance(operator, ast.In | ast.NotIn):
            return (left in right) is isinstance(operator, ast.In)
        case _:
            raise Unknowable


def _is_something(left: object, right: object) -> bool:
    """Is the one that is not None certainly something?"""
    other = right if left is None else left
    return isinstance(other, Made | Function | Class | Instance | Bound | list | dict | str | int | float)


def _is_plain(value: object) -> bool:
    return value is None or isinstance(value, str | int | float)


def formatted(value: object, spec: str) -> str:
    """A value as an f-string writes it. Raises Unknowable."""
    if not is_known(value) or _SPEC.fullmatch(spec) is None:
        raise Unknowable
    try:
        return format(value, spec)
    except (TypeError, ValueError) as error:
        raise Unknowable from error


def filled(template: str, arguments: list[object], keywords: Mapping[str, object]) -> str:
    """`template.format(…)`. Raises Unknowable."""
    pieces: list[str] = []
    end = number = 0
    for match in _FIELD.finditer(template):
        pieces.append(_plain(template[end : match.start()]))
        end = match.end()
        if match[1] is None:
            pieces.append(match[0][0])
            continue
        name = match[1] or str(number)
        number += not match[1]
        pieces.append(formatted(_argument(name, arguments, keywords), match[2] or ""))
    return "".join([*pieces, _plain(template[end:])])[:LONGEST]


def _plain(text: str) -> str:
    """Text between fields. Raises Unknowable for a brace that is none of theirs."""
    if "{" in text or "}" in text:
        raise Unknowable
    return text


def _argument(name: str, arguments: list[object], keywords: Mapping[str, object]) -> object:
    if name.isdigit() and int(name) < len(arguments):
        return arguments[int(name)]
    if name in keywords:
        return keywords[name]
    raise Unknowable


def percent(template: str, values: object) -> str:
    """`template % values`. Raises Unknowable."""
    told = list(values) if isinstance(values, list) else [values]
    pieces: list[str] = []
    end = 0
    for match in _PERCENT.finditer(template):
        pieces.append(template[end : match.start()])
        end = match.end()
        if match[0] == "%%":
            pieces.append("%")
            continue
        pieces.append(_one_of(match, values, told))
    rest = "".join(pieces) + template[end:]
    return rest[:LONGEST]


def _one_of(match: re.Match[str], values: object, told: list[object]) -> str:
    if match[1] is not None:
        value = values.get(match[1]) if isinstance(values, dict) else None
    elif told:
        value = told.pop(0)
    else:
        raise Unknowable
    if not is_known(value):
        raise Unknowable
    try:
        return f"%{match[2]}{match[3]}" % (value,)
    except (TypeError, ValueError, OverflowError) as error:
        raise Unknowable from error
