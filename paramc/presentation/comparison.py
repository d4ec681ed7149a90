"""Two pictures beside each other: how far their pixels lie apart, and a picture of the difference."""

from pathlib import Path
from typing import Final, NamedTuple

from PIL import Image, ImageChops, UnidentifiedImageError

from paramc.presentation.grid import Heading, Layout
from paramc.presentation.sheet import contact_sheet

LEVELS: Final = 256


class Comparison(NamedTuple):
    """How far two pictures of one size lie apart, over all values of all their channels.

    largest: levels of 255. share: of values that differ, in [0, 1]. mean: of the absolute differences, in levels.
    """

    largest: int
    share: float
    mean: float

    @property
    def equal(self) -> bool:
        """Is every value the same?"""
        return self.largest == 0


def opened(file: Path) -> Image.Image | None:
    """The picture in a file, RGB, or RGBA where it has transparency; None where there is none that can be read."""
    try:
        with Image.open(file) as image:
            return image.convert("RGBA" if image.has_transparency_data else "RGB")
    except (OSError, UnidentifiedImageError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None


def compared(left: Image.Image, right: Image.Image) -> Comparison | None:
    """How far they lie apart; None where they are not of one size."""
    if left.size != right.size:
        return None
    counts = _difference(left, right).histogram()
    by_level = [sum(counts[level::LEVELS]) for level in range(LEVELS)]
    total = sum(by_level)
    largest = max(level for level, count in enumerate(by_level) if count)
    weighed = sum(level * count for level, count in enumerate(by_level))
    return Comparison(largest, 1 - by_level[0] / total, weighed / total)


def comparison_sheet(left: Image.Image, right: Image.Image, names: tuple[str, str]) -> Image.Image:
    """Both side by side, and their difference made as bright as it can be; without it where their sizes differ."""
    pictures = [left.convert("RGB"), right.convert("RGB")]
    titles = [*names]
    found = compared(left, right)
    if found is not None:
        factor = (LEVELS - 1) // max(found.largest, 1)
        brighter = [min(level * factor, LEVELS - 1) for level in range(LEVELS)]
        pictures.append(_seen(_difference(left, right)).point(brighter * 3))
        titles.append(f"difference × {factor}")
    headings = tuple(Heading(title, place, 1) for place, title in enumerate(titles))
    layout = Layout(len(pictures), 1, (headings,), ())
    return contact_sheet(layout, {(place, 0): picture for place, picture in enumerate(pictures)})


def _seen(difference: Image.Image) -> Image.Image:
    """The difference as RGB; what differs in transparency is grey."""
    *colours, last = difference.split()
    if difference.mode != "RGBA":
        return difference
    return Image.merge("RGB", [ImageChops.lighter(colour, last) for colour in colours])


def _difference(left: Image.Image, right: Image.Image) -> Image.Image:
    """The absolute difference of each value."""
    mode = "RGBA" if "RGBA" in (left.mode, right.mode) else "RGB"
    return ImageChops.difference(left.convert(mode), right.convert(mode))
