"""Styles of a UI: named texts that are merged into the prompts, and found in them again."""

from collections.abc import Sequence
from typing import NamedTuple

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


def apply_style(prompt: str, style: str) -> str:
    """`prompt` with the text of a style around or behind it."""
    if PLACE in style:
        return style.replace(PLACE, prompt)
    return _COMMA.join(part for part in (prompt.strip(), style.strip()) if part)


def _without(text: str, style: str) -> str | None:
    """`text` less one style text, None where it does not show it."""
    text, style = text.strip(), style.strip()
    if PLACE in style:
        left, _, right = style.partition(PLACE)
        return text[len(left) : len(text) - len(right)] if text.startswith(left) and text.endswith(right) else None
    if not text.endswith(style):
        return None
    return text[: len(text) - len(style)].removesuffix(_COMMA)
