"""The dictionary that a UI's reader makes of a text, in the making, and what its steps have in common."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from paramc.dialects.layout import Reading
from paramc.dialects.scanned import Pair
from paramc.dialects.version import Version, parse_version

FieldValue: TypeAlias = "bool | int | float | str | list[str] | None"
OptionValue: TypeAlias = "bool | str | Sequence[str] | Sequence[Sequence[str]]"
Fields: TypeAlias = dict[str, FieldValue]


@dataclass(slots=True)
class Found:
    """The dictionary in the making, and what the steps need for it.

    `line` is the text of the fields and `reread` reads another one. `weighs` tells whether a prompt weights anything,
    and may raise ReadError. `uncommented` is a prompt without its comments.
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
    fields: Fields = field(default_factory=dict)

    def set_prompts(self, prompt: str, negative: str) -> None:
        """Other prompts, also in the dictionary where the former ones stand."""
        former = self.prompts()
        self.prompt, self.negative = prompt, negative
        changed = {key: text for key, text in self.prompts().items() if text != former[key]}
        self.fields.update({key: text for key, text in changed.items() if self.fields.get(key) == former[key]})

    def prompts(self) -> Fields:
        """Both prompts under their keys."""
        return {self.how.prompt: self.prompt, self.how.negative: self.negative}

    def version(self) -> Version | None:
        """The version that wrote the text, None where it says none that compares."""
        stated = self.fields.get(self.how.version)
        return parse_version(stated) if isinstance(stated, str) else None


class Step(Protocol):
    """One step of a UI's reader, a table `[steps.…]` of history.toml."""

    def apply(self, found: Found) -> None: ...


def sides(fields: Mapping[str, FieldValue], key: str, absent: int | None = None) -> tuple[int, int] | None:
    """The two numbers of a size. Raises ValueError for what is no number, as the UI does."""
    width, height = fields.get(f"{key}-1", absent), fields.get(f"{key}-2", absent)
    return None if width is None or height is None else (int(str(width)), int(str(height)))


def set_sides(fields: Fields, key: str, sides: tuple[int, int]) -> None:
    fields[f"{key}-1"], fields[f"{key}-2"] = sides
