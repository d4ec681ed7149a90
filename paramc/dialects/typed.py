"""Steps of a reader that gives typed values."""

from collections.abc import Mapping
from dataclasses import dataclass

from paramc.dialects.found import FieldValue, Found, set_sides


@dataclass(frozen=True, slots=True)
class SetTypedFields:
    """The fields of the text as numbers, truth values and texts; sizes stay whole."""

    def apply(self, found: Found) -> None:
        for pair in found.pairs:
            found.fields[pair.key] = _typed(pair.value)


@dataclass(frozen=True, slots=True)
class SetOptionalPrompts:
    """Both prompts, nothing where they are empty."""

    def apply(self, found: Found) -> None:
        found.fields.update({key: text or None for key, text in found.prompts().items()})


@dataclass(frozen=True, slots=True)
class SetSizes:
    """The two numbers of each size, beside the size."""

    def apply(self, found: Found) -> None:
        for pair in found.pairs:
            if size := pair.size:
                set_sides(found.fields, pair.key, (int(size[0]), int(size[1])))


@dataclass(frozen=True, slots=True)
class Imply:
    """`values` where the field `where` is one of `among`."""

    values: Mapping[str, FieldValue]
    where: str
    among: tuple[str, ...]

    def apply(self, found: Found) -> None:
        if found.fields.get(self.where) in self.among:
            found.fields.update(self.values)


def _typed(value: str) -> FieldValue:
    """Digits with at most one point are numbers; signs and exponents are not (SD.Next)."""
    if value in ("True", "False"):
        return value == "True"
    if value.replace(".", "", 1).isdecimal():
        return float(value) if "." in value else int(value)
    return value
