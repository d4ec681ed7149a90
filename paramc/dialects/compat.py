"""Steps for texts of older versions: their meaning in the words of the newer one."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, sqrt

from paramc.dialects.found import FieldValue, Found, set_sides, sides
from paramc.dialects.version import parse_version


@dataclass(frozen=True, slots=True)
class OldHires:
    """Sizes of the time when the size of the first pass had a field of its own."""

    setting: str
    size: str
    first: str
    second: str
    side: int
    multiple: int

    def apply(self, found: Found) -> None:
        second = sides(found.fields, self.second) if found.options[self.setting] else None
        if second and 0 not in second:
            set_sides(found.fields, self.size, second)
            return
        first = sides(found.fields, self.first)
        if first:
            final = sides(found.fields, self.size, self.side)
            assert final
            set_sides(found.fields, self.size, self._first_pass(*final) if 0 in first else first)
            set_sides(found.fields, self.second, final)

    def _first_pass(self, width: int, height: int) -> tuple[int, int]:
        scale = sqrt(self.side * self.side / (width * height))
        return self._rounded_up(scale * width), self._rounded_up(scale * height)

    def _rounded_up(self, side: float) -> int:
        return ceil(side / self.multiple) * self.multiple


@dataclass(frozen=True, slots=True)
class Compat:
    """`values` for texts older than version `before`, if the field `where` is there and fits: holds `contains`, is one
    of `among`."""

    setting: str
    before: str
    values: Mapping[str, FieldValue]
    where: str = ""
    contains: str = ""
    among: tuple[str, ...] = ()

    def apply(self, found: Found) -> None:
        version = found.version()
        if version is None or not found.options[self.setting]:
            return
        limit = parse_version(self.before)
        if limit and version < limit and self._fits(found.fields):
            found.fields.update(self.values)

    def _fits(self, fields: Mapping[str, FieldValue]) -> bool:
        value = str(fields.get(self.where, "")) if self.where else ""
        return not self.where or (bool(value) and self.contains in value and (not self.among or value in self.among))
