"""Steps of a UI's reader that any dialect may take: fields, prompts, defaults."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from paramc.dialects.found import FieldValue, Found


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
class SetPrompts:
    """Both prompts, over fields of the same names."""

    def apply(self, found: Found) -> None:
        found.fields.update(found.prompts())


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
            found.fields[found.how.prompt] = (
                f"{found.fields[found.how.prompt]}{self.text.format(name=name, strength=strength)}"
            )


@dataclass(frozen=True, slots=True)
class Emphasis:
    """`values` where absent, if a prompt weights anything."""

    values: Mapping[str, FieldValue]

    def apply(self, found: Found) -> None:
        missing = {key: value for key, value in self.values.items() if key not in found.fields}
        if missing and any([found.weighs(found.prompt), found.weighs(found.negative)]):  # both, since either may fail
            found.fields.update(missing)


@dataclass(frozen=True, slots=True)
class Skip:
    """Fields that the user does not want pasted."""

    setting: str

    def apply(self, found: Found) -> None:
        keys = found.options[self.setting]
        assert isinstance(keys, Sequence)
        for key in keys:
            found.fields.pop(str(key), None)
