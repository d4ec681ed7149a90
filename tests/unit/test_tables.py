"""TOML rows as typed values."""

from dataclasses import dataclass
from typing import NamedTuple

import pytest

from paramc.tables import TableError, as_row, rows


class Pair(NamedTuple):
    name: str
    parts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Point:
    name: str
    parts: tuple[str, ...] = ()


@pytest.mark.parametrize("row", [Pair, Point])
def test_a_table_becomes_a_row_and_its_lists_tuples(row: type[Pair] | type[Point]) -> None:
    assert as_row({"name": "a", "parts": ["b"]}, row, "x") == row("a", ("b",))


@pytest.mark.parametrize("row", [Pair, Point])
def test_a_column_with_a_default_may_be_missing(row: type[Pair] | type[Point]) -> None:
    assert as_row({"name": "a"}, row, "x") == row("a")


@pytest.mark.parametrize("row", [Pair, Point])
def test_a_misspelt_column_is_refused_with_the_closest(row: type[Pair] | type[Point]) -> None:
    with pytest.raises(TableError, match=r"^x\.toml: unknown key `nmae`, did you mean `name`\?$"):
        as_row({"nmae": "a"}, row, "x.toml")


@pytest.mark.parametrize("row", [Pair, Point])
def test_a_missing_column_is_refused(row: type[Pair] | type[Point]) -> None:
    with pytest.raises(TableError, match=r"^x\.toml: `name` is missing$"):
        as_row({"parts": []}, row, "x.toml")


def test_the_place_of_a_bad_row_is_told() -> None:
    with pytest.raises(TableError, match=r"^x\.toml: pairs\[1\]: `name` is missing$"):
        rows({"pairs": [{"name": "a"}, {}]}, "pairs", Pair, "x.toml")
