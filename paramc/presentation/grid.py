"""How the cells of a sweep lie in a plane: columns and rows with labels above one another, any number of axes."""

from collections.abc import Sequence
from math import ceil, prod, sqrt
from typing import Final, NamedTuple

from paramc.ir.sweep import Axis, Sweep

WIDEST_ROW: Final = 8  # pictures of a lone axis; more are broken into rows
MOST_SHOWN: Final = 24  # values of an axis in a line


class Heading(NamedTuple):
    """A label over several columns, or beside several rows: from `start` on, so many."""

    text: str
    start: int
    width: int


class Layout(NamedTuple):
    """The plane. `across` and `down` are levels of headings, the outermost first.

    The first axis runs across, the second down, the third repeats the columns, the fourth the rows, and so on.
    """

    columns: int
    rows: int
    across: tuple[tuple[Heading, ...], ...]
    down: tuple[tuple[Heading, ...], ...]
    folds: int = 0  # pictures in a row, where a lone axis is broken into rows; 0 where it is not

    def position(self, place: Sequence[int], axes: Sequence[Axis]) -> tuple[int, int]:
        """Column and row of a cell."""
        if self.folds:
            return place[0] % self.folds, place[0] // self.folds
        column, row = (_mixed(place[start::2], axes[start::2]) for start in (0, 1))
        return column, row


def sweep_text(sweep: Sweep) -> str:
    """A line for each axis with the values along it, and how many pictures they make; empty for no sweep."""
    if not sweep.axes:
        return ""
    axes = [f"{axis.name}: {_listed([point.label for point in axis.points])}" for axis in sweep.axes]
    sizes = " × ".join(str(len(axis.points)) for axis in sweep.axes)
    total = f"{sizes} = {sweep.count}" if len(sweep.axes) > 1 else sizes
    return "\n".join((*axes, f"{total} picture{'s' if sweep.count != 1 else ''}"))


def _listed(labels: Sequence[str]) -> str:
    """All of a few, the first and the last of many."""
    shown = [label or "nothing" for label in labels]
    if len(shown) > MOST_SHOWN:
        shown = [*shown[: MOST_SHOWN - 2], "…", shown[-1]]
    return ", ".join(shown)


def layout_of(sweep: Sweep) -> Layout:
    """The plane of a sweep."""
    axes = sweep.axes
    if len(axes) == 1 and len(axes[0].points) > WIDEST_ROW:
        return _folded(axes[0])
    across, down = axes[0::2], axes[1::2]
    columns, rows = (prod(len(axis.points) for axis in some) for some in (across, down))
    return Layout(columns, rows, _levels(across), _levels(down))


def _folded(axis: Axis) -> Layout:
    count = len(axis.points)
    width = min(WIDEST_ROW, ceil(sqrt(count)))
    rows = ceil(count / width)
    return Layout(width, rows, (tuple(_headings(axis, 1, 1)),), (), width)


def _levels(axes: Sequence[Axis]) -> tuple[tuple[Heading, ...], ...]:
    """Headings of each axis, the outermost, which is the last, first."""
    levels = []
    for level in reversed(range(len(axes))):
        inner = prod(len(axis.points) for axis in axes[:level])
        repeats = prod(len(axis.points) for axis in axes[level + 1 :])
        levels.append(tuple(_headings(axes[level], inner, repeats)))
    return tuple(levels)


def _headings(axis: Axis, inner: int, repeats: int) -> list[Heading]:
    return [Heading(title, place * inner, inner) for place, title in enumerate(axis.titles * repeats)]


def _mixed(place: Sequence[int], axes: Sequence[Axis]) -> int:
    """The number of a place, the first axis quickest."""
    number, width = 0, 1
    for step, axis in zip(place, axes, strict=True):
        number += step * width
        width *= len(axis.points)
    return number
