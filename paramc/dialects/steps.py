"""What the reader of a UI makes of the fields it found, step by step: defaults, old meanings, lists of its own."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil, sqrt
from typing import Protocol, TypeAlias

from paramc.dialects.layout import Reading
from paramc.dialects.scanned import Pair
from paramc.dialects.styles import Extracted, Style, extract_styles
from paramc.dialects.version import Version, parse_version

FieldValue: TypeAlias = "None | bool | int | float | str | list[str]"
OptionValue: TypeAlias = "bool | str | Sequence[str] | Sequence[Sequence[str]]"


@dataclass(slots=True)
class Found:
    """The dictionary in the making, and what the steps need for it.

    `line` is the text of the fields and `reread` reads another one. `weighs` tells whether a prompt weights anything, and
    may raise ReadError. `uncommented` is a prompt without its comments.
    """

    prompt: str
    negative: str
    pairs: Sequence[Pair]
    line: str
    how: Reading
    options: Mapping[str, OptionValue]
    reread: Callable[[str], Sequence[Pair]]
    weighs: Callable[[str], bool]
    uncommented: Callable[[str], str]
    fields: dict[str, FieldValue] = field(default_factory=dict)

    def version(self) -> Version | None:
        """The version that wrote the text, None where it says none that compares."""
        stated = self.fields.get(self.how.version)
        return parse_version(stated) if isinstance(stated, str) else None


class Step(Protocol):
    """One step of a UI's reader, a row `[[steps]]` of history.toml."""

    def apply(self, found: Found) -> None: ...


@dataclass(frozen=True, slots=True)
class SetFields:
    """The fields of the text as they are spelt; sizes in two parts."""

    def apply(self, found: Found) -> None:
        fields = found.fields
        for pair in found.pairs:
            if "x" in pair.value and (size := pair.size):
                fields[f"{pair.key}-1"], fields[f"{pair.key}-2"] = size
            elif pair.raw:
                fields[pair.key] = pair.value


@dataclass(frozen=True, slots=True)
class Rewrite:
    """The line of fields is rewritten and read again, where it holds all of `when`."""

    when: tuple[str, ...]
    replace: tuple[tuple[str, str], ...]

    def apply(self, found: Found) -> None:
        line = found.line
        if found.pairs and all(word in line for word in self.when):
            for old, new in self.replace:
                line = line.replace(old, new)
            found.pairs = found.reread(line)


@dataclass(frozen=True, slots=True)
class SetPrompts:
    """Both prompts, over fields of the same names."""

    def apply(self, found: Found) -> None:
        found.fields[found.how.prompt] = found.prompt
        found.fields[found.how.negative] = found.negative


@dataclass(frozen=True, slots=True)
class Fill:
    """`values` where absent; only if the field `where` is something else than `is_not`."""

    values: Mapping[str, FieldValue]
    where: str = ""
    is_not: str = ""

    def apply(self, found: Found) -> None:
        if self.where and found.fields.get(self.where) == self.is_not:
            return
        for key, value in self.values.items():
            found.fields.setdefault(key, value)


@dataclass(frozen=True, slots=True)
class Append:
    """`text` behind the prompt, for a network that was a field of its own."""

    key: str
    strength: str
    default: str
    text: str

    def apply(self, found: Found) -> None:
        name = found.fields.get(self.key)
        if name is not None:
            strength = found.fields.get(self.strength, self.default)
            found.fields[found.how.prompt] = f"{found.fields[found.how.prompt]}{self.text.format(name=name, strength=strength)}"


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
        second = _sides(found.fields, self.second)
        if found.options[self.setting] and second and 0 not in second:
            _set_sides(found.fields, self.size, second)
            return
        first = _sides(found.fields, self.first)
        if first:
            final = _sides(found.fields, self.size, self.side)
            assert final
            _set_sides(found.fields, self.size, self._first_pass(*final) if 0 in first else first)
            _set_sides(found.fields, self.second, final)

    def _first_pass(self, width: int, height: int) -> tuple[int, int]:
        scale = sqrt(self.side * self.side / (width * height))
        return self._rounded_up(scale * width), self._rounded_up(scale * height)

    def _rounded_up(self, side: float) -> int:
        return ceil(side / self.multiple) * self.multiple


@dataclass(frozen=True, slots=True)
class Emphasis:
    """`values` where absent, if a prompt weights anything."""

    values: Mapping[str, FieldValue]

    def apply(self, found: Found) -> None:
        missing = {key: value for key, value in self.values.items() if key not in found.fields}
        if missing and any([found.weighs(found.prompt), found.weighs(found.negative)]):  # both, since either may fail
            found.fields.update(missing)


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


@dataclass(frozen=True, slots=True)
class Skip:
    """Fields that the user does not want pasted."""

    setting: str

    def apply(self, found: Found) -> None:
        keys = found.options[self.setting]
        assert isinstance(keys, Sequence)
        for key in keys:
            found.fields.pop(str(key), None)


@dataclass(frozen=True, slots=True)
class Styles:
    """Styles of the catalogue are taken out of the prompts and listed, as the setting `mode` says.

    The prompts of a second pass must show the same styles; texts up to the version `second_after` are not asked for it.
    Where `comments` go first, they go for good.
    """

    mode: str
    never: str
    always_listed: str
    listed_if_found: str
    catalogue: str
    key: str
    second_prompt: str = ""
    second_negative: str = ""
    second_after: str = ""
    comments: bool = False

    def apply(self, found: Found) -> None:
        mode = found.options[self.mode]
        if mode == self.never:
            return
        if self.comments:
            found.prompt, found.negative = found.uncommented(found.prompt), found.uncommented(found.negative)
        first = extract_styles(found.prompt, found.negative, _catalogue(found.options[self.catalogue]))
        if self._asks_second(found) and not self._extract_second(found, first):
            return
        found.prompt, found.negative = first.prompt, first.negative
        if mode == self.always_listed or (mode == self.listed_if_found and first.names):
            found.fields[self.key] = list(first.names)

    def _asks_second(self, found: Found) -> bool:
        if self.second_prompt not in found.fields and self.second_negative not in found.fields:
            return False
        version, limit = found.version(), parse_version(self.second_after)
        return version is None or limit is None or version > limit

    def _extract_second(self, found: Found, first: Extracted) -> bool:
        """Sets the second prompts, empty where they are the first ones; False where they show other styles."""
        prompt = str(found.fields.get(self.second_prompt, found.prompt))
        negative = str(found.fields.get(self.second_negative, found.negative))
        second = extract_styles(prompt, negative, _catalogue(found.options[self.catalogue]))
        if second.names != first.names:
            return False
        found.fields[self.second_prompt] = "" if second.prompt == first.prompt else second.prompt
        found.fields[self.second_negative] = "" if second.negative == first.negative else second.negative
        return True


@dataclass(frozen=True, slots=True)
class Modules:
    """The list `key` of additional model files: the field `single`, which goes, or else all that start with `series`."""

    key: str
    single: str
    series: str

    def apply(self, found: Found) -> None:
        single = found.fields.pop(self.single, None)
        names = [single] if single is not None else [value for key, value in found.fields.items() if key.startswith(self.series)]
        if names:
            found.fields[self.key] = [str(name) for name in names]


@dataclass(frozen=True, slots=True)
class SecondModules:
    """The list `key` of the files of the second pass: `same` where `first` is absent or says so, else none known."""

    key: str
    first: str
    same: str

    def apply(self, found: Found) -> None:
        found.fields[self.key] = [self.same] if found.fields.get(self.first, self.same) == self.same else []


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
        found.fields[found.how.prompt] = found.prompt or None
        found.fields[found.how.negative] = found.negative or None


@dataclass(frozen=True, slots=True)
class SetSizes:
    """The two numbers of each size, beside the size."""

    def apply(self, found: Found) -> None:
        for pair in found.pairs:
            if size := pair.size:
                _set_sides(found.fields, pair.key, (int(size[0]), int(size[1])))


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


def _catalogue(rows: OptionValue) -> tuple[Style, ...]:
    assert isinstance(rows, Sequence)
    return tuple(Style(*row) for row in rows)


def _sides(fields: Mapping[str, FieldValue], key: str, absent: int | None = None) -> tuple[int, int] | None:
    """The two numbers of a size. Raises ValueError for what is no number, as the UI does."""
    width, height = fields.get(f"{key}-1", absent), fields.get(f"{key}-2", absent)
    return None if width is None or height is None else (int(str(width)), int(str(height)))


def _set_sides(fields: dict[str, FieldValue], key: str, sides: tuple[int, int]) -> None:
    fields[f"{key}-1"], fields[f"{key}-2"] = sides


STEPS: Mapping[str, type[Step]] = {
    "append": Append,
    "compat": Compat,
    "imply": Imply,
    "modules": Modules,
    "optional_prompts": SetOptionalPrompts,
    "rewrite": Rewrite,
    "second_modules": SecondModules,
    "sizes": SetSizes,
    "typed_fields": SetTypedFields,
    "emphasis": Emphasis,
    "fields": SetFields,
    "fill": Fill,
    "old_hires": OldHires,
    "prompts": SetPrompts,
    "skip": Skip,
    "styles": Styles,
}
