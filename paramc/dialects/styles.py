"""Styles of a UI: named texts that are merged into the prompts, and found in them again."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import InvalidValue
from paramc.dialects.found import Found, OptionValue
from paramc.dialects.version import parse_version

PLACE = "{prompt}"
_COMMA = ", "


class Style(NamedTuple):
    """A row of the UI's list of styles."""

    name: str
    prompt: str
    negative: str


class Extracted(NamedTuple):
    """Prompts without their styles, and the names of these in the order in which they had been applied."""

    prompt: str
    negative: str
    names: tuple[str, ...]


def extract_styles(prompt: str, negative: str, styles: Sequence[Style]) -> Extracted:
    """Takes out every style that both prompts show, each at most once, the outermost first (A1111 1.10.1)."""
    left = [style for style in styles if style.prompt or style.negative]
    names: list[str] = []
    while True:
        for style in left:
            rest = _without(prompt, style.prompt), _without(negative, style.negative)
            if rest[0] is not None and rest[1] is not None:
                prompt, negative = rest[0], rest[1]
                names.insert(0, style.name)
                left.remove(style)
                break
        else:
            return Extracted(prompt, negative, tuple(names))


def _without(text: str, style: str) -> str | None:
    """`text` less one style text, None where it does not show it."""
    text, style = text.strip(), style.strip()
    if PLACE in style:
        left, _, right = style.partition(PLACE)
        return text[len(left) : len(text) - len(right)] if text.startswith(left) and text.endswith(right) else None
    if not text.endswith(style):
        return None
    return text[: len(text) - len(style)].removesuffix(_COMMA)


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
            found.set_prompts(found.uncommented(found.prompt), found.uncommented(found.negative))
        first = extract_styles(found.prompt, found.negative, _catalogue(found.options[self.catalogue]))
        if self._asks_second(found) and not self._extract_second(found, first):
            return
        found.set_prompts(first.prompt, first.negative)
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


def _catalogue(rows: OptionValue) -> tuple[Style, ...]:
    assert isinstance(rows, Sequence)
    for row in rows:
        if isinstance(row, str) or len(row) != len(Style._fields):
            raise InvalidValue(diagnose("PC311", where="styles", value=row, why="a style has a name and two texts"))
    return tuple(Style(*row) for row in rows)
