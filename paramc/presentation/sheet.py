"""The contact sheet: all pictures of a sweep on one, with labels."""

from collections.abc import Iterator, Mapping
from math import sqrt
from pathlib import Path
from typing import Final, NamedTuple
from unicodedata import combining, normalize

from PIL import Image, ImageDraw, ImageFont, UnidentifiedImageError

from paramc.diagnostics.render import escaped
from paramc.presentation.grid import Heading, Layout

MOST_PIXELS: Final = 64_000_000  # of a sheet
LONGEST_SIDE: Final = 30_000
GAP: Final = 4  # pixels between pictures
PAPER, INK, NOTHING = (255, 255, 255), (20, 20, 20), (225, 225, 225)
LETTERS: Final = (11, 28)  # pixels: the smallest and the largest
LINES: Final = 3  # of a label
LONGEST_LABEL: Final = 240  # characters that are looked at
MARGIN: Final = 3  # letters' heights beside the rows, in tenths of a picture's width
STAND_INS: Final = str.maketrans("×–—−‘’“”", "x---''\"\"")
DEFAULT_CELL: Final = (256, 256)  # where no picture was painted

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
Pictures = Mapping[tuple[int, int], Path | Image.Image | None]


class _Frame(NamedTuple):
    """Sizes in pixels: of a cell, of letters, of the bands of labels above and beside."""

    cell: tuple[int, int]
    letter: int
    above: int
    beside: int

    def corner(self, column: int, row: int, layout: Layout) -> tuple[int, int]:
        """The upper left of a cell."""
        heading = self.above * (row + 1 if layout.folds else 1)
        return self.beside + column * (self.cell[0] + GAP), heading + row * (self.cell[1] + GAP)


def contact_sheet(layout: Layout, pictures: Pictures) -> Image.Image:
    """The sheet, RGB; `pictures`, or their files, by column and row; None where there is none.

    Pictures keep their size unless the sheet would be beyond 64 million pixels; smaller ones stand in the middle.
    """
    frame = _frame(layout, _cell(layout, pictures))
    sheet = Image.new("RGB", _size(frame, layout), PAPER)
    draw = ImageDraw.Draw(sheet)
    font = _font(frame.letter)
    for (column, row), picture in pictures.items():
        corner = frame.corner(column, row, layout)
        box = (*corner, corner[0] + frame.cell[0], corner[1] + frame.cell[1])
        if picture is None:
            draw.rectangle(box, NOTHING)
        else:
            _put(sheet, picture, box)
    for text, box in _labels(frame, layout):
        _write(draw, text, box, font)
    return sheet


def _cell(layout: Layout, pictures: Pictures) -> tuple[int, int]:
    """The size of a cell: that of the largest picture, made smaller where the sheet would be too large."""
    sizes = [size for picture in pictures.values() if picture is not None for size in [_size_of(picture)] if size]
    width = max((size[0] for size in sizes), default=DEFAULT_CELL[0])
    height = max((size[1] for size in sizes), default=DEFAULT_CELL[1])
    columns, rows = layout.columns + 1, layout.rows + 1  # a generous share for labels
    scale = min(
        1.0,
        LONGEST_SIDE / (columns * width),
        LONGEST_SIDE / (rows * height),
        sqrt(MOST_PIXELS / (columns * width * rows * height)),
    )
    return max(8, int(width * scale)), max(8, int(height * scale))


def _size_of(picture: Path | Image.Image) -> tuple[int, int] | None:
    if isinstance(picture, Image.Image):
        return picture.size
    try:
        with Image.open(picture) as image:
            return image.size
    except (OSError, UnidentifiedImageError):
        return None


def _frame(layout: Layout, cell: tuple[int, int]) -> _Frame:
    letter = min(max(cell[0] // 16, LETTERS[0]), LETTERS[1])
    band = letter * LINES + letter
    beside = max(cell[0] * MARGIN // 10, letter * 8) * len(layout.down)
    return _Frame(cell, letter, band * len(layout.across), beside)


def _size(frame: _Frame, layout: Layout) -> tuple[int, int]:
    right, lower = frame.corner(layout.columns - 1, layout.rows - 1, layout)
    return right + frame.cell[0], lower + frame.cell[1]


def _put(sheet: Image.Image, picture: Path | Image.Image, box: tuple[int, int, int, int]) -> None:
    """The picture in the middle of its cell, made smaller where it is larger."""
    room = box[2] - box[0], box[3] - box[1]
    shown = picture.convert("RGB") if isinstance(picture, Image.Image) else _opened(picture)
    if shown is not None:
        shown.thumbnail(room, Image.Resampling.LANCZOS)
        sheet.paste(shown, (box[0] + (room[0] - shown.width) // 2, box[1] + (room[1] - shown.height) // 2))


def _opened(file: Path) -> Image.Image | None:
    try:
        with Image.open(file) as image:
            return image.convert("RGB")
    except (OSError, UnidentifiedImageError):
        return None


def _labels(frame: _Frame, layout: Layout) -> Iterator[tuple[str, tuple[int, int, int, int]]]:
    """Every label with the box that it stands in."""
    width, height = frame.cell
    for level, headings in enumerate(layout.across):
        band = frame.above // len(layout.across)
        for heading in headings:
            column, row = _unfolded(heading, layout)
            left, top = frame.corner(column, row, layout)
            top = top - frame.above + level * band
            yield heading.text, (left, top, left + heading.width * (width + GAP) - GAP, top + band)
    for level, headings in enumerate(layout.down):
        band = frame.beside // len(layout.down)
        for heading in headings:
            _, top = frame.corner(0, heading.start, layout)
            left = level * band
            yield heading.text, (left, top, left + band, top + heading.width * (height + GAP) - GAP)


def _unfolded(heading: Heading, layout: Layout) -> tuple[int, int]:
    if layout.folds:
        return heading.start % layout.folds, heading.start // layout.folds
    return heading.start, 0


def _font(size: int) -> Font:
    return ImageFont.load_default(size)


def _write(draw: ImageDraw.ImageDraw, text: str, box: tuple[int, int, int, int], font: Font) -> None:
    """The label in the middle of its box, in a few lines, cut where it is longer."""
    left, top, right, bottom = box
    lines = _lines(_spelt(escaped(text[:LONGEST_LABEL])), right - left - GAP, font)
    shown = "\n".join(lines)
    x0, y0, x1, y1 = draw.multiline_textbbox((0, 0), shown, font=font, align="center")
    place = (left + (right - left - (x1 - x0)) / 2 - x0, top + (bottom - top - (y1 - y0)) / 2 - y0)
    draw.multiline_text(place, shown, INK, font=font, align="center")


def _spelt(text: str) -> str:
    """The text without what the font of Pillow has no letters for, as far as others can stand in: accents, dashes."""
    return "".join(sign for sign in normalize("NFKD", text.translate(STAND_INS)) if not combining(sign))


def _lines(text: str, room: int, font: Font) -> list[str]:
    """At most so many lines that fit, broken at spaces where there are any."""
    lines: list[str] = []
    while text and len(lines) < LINES:
        fits = _fitting(text, room, font)
        space = text.rfind(" ", 1, fits + 1)
        cut = space if space > 0 and fits < len(text) else fits
        lines.append(text[:cut].strip())
        text = text[cut:].strip()
    if text:
        last = lines[-1]
        lines[-1] = f"{last[: max(1, _fitting(last, room - int(font.getlength('…')), font))]}…"
    return lines


def _fitting(text: str, room: int, font: Font) -> int:
    """How many characters fit into so many pixels; at least one."""
    low, high = 1, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        if font.getlength(text[:middle]) <= room:
            low = middle
        else:
            high = middle - 1
    return low
