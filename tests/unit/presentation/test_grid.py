"""Sheets and pages of sweeps: where cells lie, what labels say, nothing that a prompt could do to the page."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from paramc.ir.sweep import Axis, Point, Replacement, Sweep
from paramc.presentation.grid import Heading, layout_of
from paramc.presentation.page import Shown, grid_page
from paramc.presentation.sheet import LONGEST_SIDE, MOST_PIXELS, contact_sheet


def axis(name: str, *labels: str) -> Axis:
    return Axis(name=name, points=tuple(Point(label=label, edits=()) for label in labels))


def positions(sweep: Sweep) -> list[tuple[int, int]]:
    layout = layout_of(sweep)
    return [layout.position(place, sweep.axes) for place in sweep.places()]


TWO = Sweep(axes=(axis("x", "1", "2", "3"), axis("y", "a", "b")))
FOUR = Sweep(axes=(axis("x", "1", "2"), axis("y", "a", "b"), axis("z", "p", "q"), axis("w", "m", "n", "o")))


def test_the_first_axis_runs_across_and_the_second_down() -> None:
    assert positions(TWO) == [(0, 0), (1, 0), (2, 0), (0, 1), (1, 1), (2, 1)]


@pytest.mark.parametrize("sweep", [TWO, FOUR, Sweep(axes=(axis("x", *map(str, range(23))),)), Sweep()])
def test_no_two_cells_share_a_place_and_all_are_on_the_sheet(sweep: Sweep) -> None:
    layout = layout_of(sweep)
    found = positions(sweep)
    assert len(set(found)) == len(found)
    assert all(0 <= column < layout.columns and 0 <= row < layout.rows for column, row in found)


def test_further_axes_repeat_columns_and_rows_under_headings_of_their_own() -> None:
    layout = layout_of(FOUR)
    assert (layout.columns, layout.rows) == (4, 6)
    assert layout.across == (
        (Heading("z: p", 0, 2), Heading("z: q", 2, 2)),
        (Heading("x: 1", 0, 1), Heading("x: 2", 1, 1), Heading("x: 1", 2, 1), Heading("x: 2", 3, 1)),
    )
    assert layout.down[0] == (Heading("w: m", 0, 2), Heading("w: n", 2, 2), Heading("w: o", 4, 2))


def test_a_text_that_takes_the_place_of_another_needs_no_name_before_it() -> None:
    points = tuple(Point(label=new, edits=(Replacement(paths=("prompt",), old="cat", new=new),)) for new in ("dog", ""))
    (headings,) = layout_of(Sweep(axes=(Axis(name="cat", points=points),))).across
    assert [heading.text for heading in headings] == ["dog", "cat: nothing"]


def test_a_long_lone_axis_is_broken_into_rows() -> None:
    layout = layout_of(Sweep(axes=(axis("seed", *map(str, range(24))),)))
    assert (layout.columns, layout.rows) == (5, 5)


def painted(folder: Path, name: str, colour: tuple[int, int, int], size: tuple[int, int] = (40, 30)) -> Path:
    Image.new("RGB", size, colour).save(folder / name)
    return folder / name


def test_each_picture_stands_in_its_cell(tmp_path: Path) -> None:
    layout = layout_of(TWO)
    files: dict[tuple[int, int], Path | None] = {
        (column, row): painted(tmp_path, f"{column}{row}.png", (column * 90, row * 200, 7))
        for column in range(3)
        for row in range(2)
    }
    sheet = contact_sheet(layout, files)
    left, top = sheet.width - 3 * 44 + 4, sheet.height - 2 * 34 + 4
    for column, row in files:
        assert sheet.getpixel((left + column * 44 + 20, top + row * 34 + 15)) == (column * 90, row * 200, 7)


def test_pictures_keep_every_pixel_where_there_is_room(tmp_path: Path) -> None:
    file = painted(tmp_path, "a.png", (1, 2, 3))
    noise = Image.effect_noise((40, 30), 90).convert("RGB")
    noise.save(file)
    sheet = contact_sheet(layout_of(Sweep(axes=(axis("x", "1"),))), {(0, 0): file})
    assert sheet.crop((0, sheet.height - 30, 40, sheet.height)).tobytes() == noise.tobytes()


def test_what_was_not_painted_leaves_its_place_grey(tmp_path: Path) -> None:
    files = {(0, 0): painted(tmp_path, "a.png", (0, 0, 0)), (1, 0): None}
    sheet = contact_sheet(layout_of(Sweep(axes=(axis("x", "1", "2"),))), files)
    assert sheet.getpixel((sheet.width - 20, sheet.height - 15)) == (225, 225, 225)


def test_a_broken_file_leaves_its_place_empty(tmp_path: Path) -> None:
    (tmp_path / "b.png").write_bytes(b"\x89PNG\r\n\x1a\nno more")
    sheet = contact_sheet(layout_of(Sweep(axes=(axis("x", "1"),))), {(0, 0): tmp_path / "b.png"})
    assert sheet.getpixel((sheet.width - 9, sheet.height - 9)) == (255, 255, 255)


def test_a_sheet_has_an_end_however_many_pictures_there_are(tmp_path: Path) -> None:
    file = painted(tmp_path, "a.png", (9, 9, 9), (512, 512))
    sweep = Sweep(axes=(axis("x", *map(str, range(100))), axis("y", *map(str, range(100)))))
    sheet = contact_sheet(layout_of(sweep), {(0, 0): file})
    assert max(sheet.size) <= LONGEST_SIDE
    assert sheet.width * sheet.height <= MOST_PIXELS * 2


@given(st.text())
def test_whatever_a_label_says_it_is_drawn(label: str) -> None:
    contact_sheet(layout_of(Sweep(axes=(axis(label, label), axis("y", label)))), {(0, 0): None})


class Reader(HTMLParser):
    """What a browser would see: tags, addresses and texts."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "action", "data")]
        assert not any(name.startswith("on") for name, _ in attrs)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page.encode("utf-8", "backslashreplace").decode())
    return reader


def page(settings: str, title: str = "t", source: str = "data:image/png;base64,AAAA") -> str:
    return grid_page(title, layout_of(TWO), {place: Shown(title, source, settings) for place in positions(TWO)})


def test_a_page_shows_each_picture_with_its_settings() -> None:
    reader = read(page("a cat\nSteps: 20"))
    assert reader.tags.count("img") == 7  # one of them is the large one
    assert reader.texts.count("a cat\nSteps: 20") == 6


def test_headings_reach_over_what_they_are_about() -> None:
    text = grid_page("t", layout_of(FOUR), {place: Shown("c", "x", "s") for place in positions(FOUR)})
    assert text.count('<th colspan="2">z: ') == 2
    assert text.count('<th rowspan="2">w: ') == 3


def test_nothing_is_fetched_from_elsewhere() -> None:
    text = page("a cat")
    assert set(read(text).addresses) == {"data:image/png;base64,AAAA"}
    assert not re.search(r"https?://|//[a-z]", text)


@pytest.mark.parametrize(
    "hostile",
    [
        "<script>alert(1)</script>",
        "</template><script>x</script>",
        '"><img src=x onerror=alert(1)>',
        "{{ 7 * 7 }}{% for x in y %}",
        "-->]]></style>",
        "\u202etxt.exe\u2066",
        "&lt;b&gt;",
        "\ud800",
    ],
)
def test_settings_are_text_and_nothing_else(hostile: str) -> None:
    plain, reader = read(page("harmless")), read(page(hostile, hostile))
    assert reader.tags == plain.tags
    shown = hostile.replace("\u202e", r"\u202e").replace("\u2066", r"\u2066").replace("\ud800", r"\ud800")
    assert "".join(reader.texts).count(shown) >= 6


@given(st.text(), st.text())
def test_no_text_changes_what_the_page_is_made_of(settings: str, title: str) -> None:
    assert read(page(settings, title)).tags == read(page("harmless")).tags


def test_what_was_not_painted_is_said() -> None:
    assert page("", source="").count("not painted") == 6


def test_labels_are_spelt_with_the_letters_that_the_font_has() -> None:
    def drawn(label: str) -> bytes:
        return contact_sheet(layout_of(Sweep(axes=(axis(label, "1"),))), {(0, 0): None}).tobytes()

    assert drawn("a café – 2 × 3") == drawn("a cafe - 2 x 3")
    assert drawn("a cafe") != drawn("a caf")
