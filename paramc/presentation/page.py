"""The page of a sweep: every picture in its place, larger on a click, with the settings that made it."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Final, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from jinja2.sandbox import SandboxedEnvironment

from paramc.diagnostics.render import escaped
from paramc.presentation.grid import Heading, Layout
from paramc.resources import TARGETS

TEMPLATE: Final = "grid.html.j2"


class Shown(NamedTuple):
    """A picture on the page. source: where a browser finds it, empty where there is none."""

    title: str
    source: str
    settings: str


class _Cell(NamedTuple):
    number: int
    title: str
    source: str
    settings: str


class _Row(NamedTuple):
    headings: tuple[Heading, ...]
    cells: tuple[_Cell, ...]


def grid_page(title: str, layout: Layout, cells: Mapping[tuple[int, int], Shown]) -> str:
    """The page as HTML without anything from outside; `cells` by column and row.

    Whatever the settings say is text on it: the template escapes all.
    """
    safe = {
        place: cell._replace(title=_safe(cell.title), settings=_settings(cell.settings))
        for place, cell in cells.items()
    }
    return (
        _environment()
        .get_template(TEMPLATE)
        .render(
            title=_safe(title),
            count=sum(1 for cell in cells.values() if cell.source),
            corner=len(layout.down),
            across=() if layout.folds else [_safe_headings(level) for level in layout.across],
            rows=_rows(layout, safe),
            folded=layout.folds > 0,
        )
    )


def _rows(layout: Layout, cells: Mapping[tuple[int, int], Shown]) -> list[_Row]:
    numbers = {place: number for number, place in enumerate(sorted(cells, key=lambda place: (place[1], place[0])))}
    rows = []
    for row in range(layout.rows):
        headings = tuple(heading for level in layout.down for heading in _safe_headings(level) if heading.start == row)
        places = [(column, row) for column in range(layout.columns) if (column, row) in cells]
        rows.append(_Row(headings, tuple(_Cell(numbers[place], *cells[place]) for place in places)))
    return rows


def _safe_headings(level: Sequence[Heading]) -> tuple[Heading, ...]:
    return tuple(heading._replace(text=_safe(heading.text)) for heading in level)


def _safe(text: str) -> str:
    """On one line, with everything that a screen would obey or hide spelled out."""
    return escaped(text)


def _settings(text: str) -> str:
    return "\n".join(escaped(line) for line in text.split("\n"))


@cache
def _environment() -> Environment:
    return SandboxedEnvironment(
        loader=FileSystemLoader(TARGETS),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
