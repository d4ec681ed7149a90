"""Values of JSON, looked at without trust: whatever has another shape than expected counts as absent."""

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Final, TypeAlias

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
LARGEST: Final = 2**128  # more than any seed; a float holds it


def as_object(value: "Json") -> Mapping[str, "Json"]:
    """An object; an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def as_list(value: "Json") -> Sequence["Json"]:
    """A list; an empty one for anything else. Old files write short lists as objects with numbers for keys."""
    if isinstance(value, list):
        return value
    if isinstance(value, dict) and value and all(key.isdigit() for key in value):
        return [value[key] for key in sorted(value, key=int)]
    return ()


def as_chosen(value: "Json") -> "Json":
    """A value; of an entry in a menu with pictures its text."""
    match value:
        case {"content": str() as text}:
            return text
        case _:
            return value


def as_text(value: "Json") -> str:
    """A text; an empty one for anything else."""
    return value if isinstance(value, str) else ""


def as_name(value: "Json") -> str:
    """An id: a text, or a whole number as text; empty for anything else."""
    if isinstance(value, bool):
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value) if isinstance(value, str | int) else ""


def as_whole(value: "Json") -> int | None:
    """A whole number, also one written as text or with a point; None for anything else, and beyond all seeds."""
    match value:
        case bool():
            return None
        case int() | str():
            try:
                whole = int(value)
            except ValueError:
                return None
        case float() if value.is_integer():
            whole = int(value)
        case _:
            return None
    return whole if abs(whole) <= LARGEST else None


def as_number(value: "Json") -> float | None:
    """A finite number, also one written as text; None for anything else."""
    match value:
        case bool():
            return None
        case int() | float() | str():
            try:
                number = float(value)
            except (ValueError, OverflowError):
                return None
            return number if isfinite(number) else None
        case _:
            return None
