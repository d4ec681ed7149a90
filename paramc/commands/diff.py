"""`paramc diff`: in what two sources differ, the strongest effect first, and how far their pixels lie apart."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from paramc.api import Difference, Loaded, diff
from paramc.commands.outcome import EVERYTHING, FINE, LOUD, Outcome, Output, Refused, Said
from paramc.commands.outputs import PICTURES, check_place
from paramc.commands.parser import Arguments, UsageError
from paramc.commands.sources import load_source, open_argument
from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import Diagnostic
from paramc.ir.paths import leaves
from paramc.passes.effects import Effect, rank_effects
from paramc.presentation.console import Console
from paramc.presentation.findings import cell
from paramc.presentation.job import shown
from paramc.presentation.layout import table

if TYPE_CHECKING:
    from PIL.Image import Image

    from paramc.presentation.comparison import Comparison

UNSET: Final = "–"


class _Ranked(NamedTuple):
    difference: Difference
    effect: Effect
    left: str
    right: str

    @property
    def cells(self) -> tuple[str, str, str, str, str]:
        """A row of the table."""
        return (self.difference.path, self.left, self.right, self.effect.word, self.effect.why)


class _Side(NamedTuple):
    """One of the two: its settings where there are any, its picture where it is one."""

    name: str
    said: Said
    loaded: Loaded | None
    picture: "Image | None"


def run(arguments: Arguments, console: Console) -> Outcome:
    """One line for each value that differs, and one about the pixels where both are pictures."""
    words = (arguments.left, arguments.right)
    seen = all(map(_names_picture, words))
    sides = [_side(word, arguments, console, _picture(word) if seen else None) for word in words]
    left, right = sides
    if arguments.output is not None and not (left.picture and right.picture):
        raise UsageError("`-o` shows two pictures side by side, and one of the two is none")
    found = _ranked(left.loaded, right.loaded) if left.loaded and right.loaded else ()
    pixels = _compared(left, right)
    told = _told(sides, found, pixels)
    head = ("path", left.name, right.name, "effect", "why")
    return Outcome(
        _text(head, found, pixels, arguments, console),
        {"values": [_plain(item) for item in found], "pixels": pixels and pixels._asdict()},
        (*(side.said for side in sides), Said(told, None, EVERYTHING)),
        remarks="" if found or not (left.loaded and right.loaded) else "no value differs\n",
        files=_sheet(left, right, arguments),
        code=max((side.said.code for side in sides if side.loaded), default=FINE),
    )


def _side(argument: str, arguments: Arguments, console: Console, picture: "Image | None") -> _Side:
    """Raises Refused for what has no settings and is no picture either."""
    try:
        source = open_argument(argument, console, hidden=arguments.hidden)
        loaded = load_source(source, arguments)
    except Refused as refused:
        if picture is None:
            raise
        return _Side(Path(argument).name, refused.said._replace(shown=LOUD), None, picture)
    return _Side(source.name, Said(loaded.diagnostics, source), loaded, picture)


def _names_picture(argument: str) -> bool:
    return argument.lower().endswith(PICTURES) and os.path.isfile(argument)  # noqa: PTH113  # Path raises for long names


def _picture(argument: str) -> "Image | None":
    from paramc.presentation.comparison import opened  # with Pillow

    return opened(Path(argument))


def _ranked(left: Loaded, right: Loaded) -> tuple[_Ranked, ...]:
    found = {item.path: item for item in diff(left.job, right.job)}
    values = [dict(leaves(side.job)) for side in (left, right)]
    return tuple(
        _Ranked(found[effect.path], effect, *(_cell(value, effect.path) for value in values))
        for effect in rank_effects(left.job, right.job, found)
    )


def _cell(values: Mapping[str, object], path: str) -> str:
    return shown(values[path], ", ") if path in values else UNSET


def _compared(left: _Side, right: _Side) -> "Comparison | None":
    if left.picture is None or right.picture is None:
        return None
    from paramc.presentation.comparison import compared

    return compared(left.picture, right.picture)


def _told(sides: Sequence[_Side], found: Sequence[_Ranked], pixels: "Comparison | None") -> tuple[Diagnostic, ...]:
    """What pixels and settings say together."""
    left, right = sides
    if left.picture is not None and right.picture is not None and pixels is None:
        one, other = _size(left.picture), _size(right.picture)
        return (diagnose("PC839", left=left.name, right=right.name, left_size=one, right_size=other),)
    idle = left.loaded and right.loaded and not any(item.effect.size for item in found)
    if pixels is not None and idle and not pixels.equal:
        return (diagnose("PC838", share=_share(pixels.share), largest=pixels.largest),)
    return ()


def _text(
    head: tuple[str, ...],
    found: Sequence[_Ranked],
    pixels: "Comparison | None",
    arguments: Arguments,
    console: Console,
) -> str:
    seen = f"{_sentence(pixels)}\n" if pixels is not None else ""
    if arguments.format == "markdown":
        rows = [head, ("---",) * len(head), *(item.cells for item in found)] if found else []
        lines = "".join(f"| {' | '.join(cell(word) for word in row)} |\n" for row in rows)
        return f"{lines}\n{seen}" if lines and seen else lines + seen
    return (table(head, [item.cells for item in found], console.output) if found else "") + seen


def _sentence(pixels: "Comparison") -> str:
    if pixels.equal:
        return "pixels: all the same"
    return (
        f"pixels: {_share(pixels.share)} of all values differ, by up to {pixels.largest} of 255 levels, "
        f"{pixels.mean:.3g} on average"
    )


def _share(share: float) -> str:
    """A percentage that is 0 or 100 only where it is exactly that."""
    text = f"{100 * share:.2f} %"
    return {"0.00 %": "less than 0.01 %", "100.00 %": "nearly 100 %"}.get(text, text) if 0 < share < 1 else text


def _size(picture: "Image") -> str:
    return f"{picture.width}x{picture.height}"


def _sheet(left: _Side, right: _Side, arguments: Arguments) -> tuple[Output, ...]:
    """The pictures side by side, for `-o`. Raises Refused for a place that is taken."""
    if arguments.output is None or left.picture is None or right.picture is None:
        return ()
    from paramc.presentation.comparison import comparison_sheet
    from paramc.runtime.execute.saving import png_bytes

    path = Path(arguments.output)
    check_place(path, force=arguments.force)
    sheet = comparison_sheet(left.picture, right.picture, (left.name, right.name))
    return (Output(path, "", png_bytes(sheet, {})),)


def _plain(item: _Ranked) -> dict[str, str | float | None]:
    said = {"path": item.difference.path, "left": item.difference.left, "right": item.difference.right}
    return {**said, "effect": item.effect.word, "size": item.effect.size, "why": item.effect.why}
