"""Checks of what a caller hands over, at the door: an error that names the argument, never one from deep inside."""

from collections.abc import Iterable

from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import InvalidValue
from paramc.diagnostics.unknown import shown, unknown_name


def demand(name: str, value: object, kinds: type | tuple[type, ...], wanted: str) -> None:
    """Raises InvalidValue when an argument is none of `kinds`, which are called `wanted`."""
    listed = kinds if isinstance(kinds, tuple) else (kinds,)
    if not isinstance(value, listed) or (isinstance(value, bool) and bool not in listed):
        raise InvalidValue(diagnose("PC314", argument=name, wanted=wanted, value=shown(value)))


def demand_text(**arguments: object) -> None:
    """Raises InvalidValue when an argument is no text."""
    for name, value in arguments.items():
        demand(name, value, str, "a text")


def demand_optional_text(**arguments: object) -> None:
    """Raises InvalidValue when an argument is neither a text nor None."""
    for name, value in arguments.items():
        demand(name, value, (str, type(None)), "a text or None")


def demand_one_of(kind: str, value: object, known: Iterable[str]) -> None:
    """Raises UnknownName, with the closest known word, when `value` is none of them."""
    words = tuple(known)
    if value not in words:
        raise unknown_name(kind, value, words)
