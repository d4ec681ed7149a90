"""Every row of every table is accounted for: the keys are recorded, so that none comes or goes unseen.

What a row says is held by the goldens and cases; that it is there at all, by this. `pytest --bless tests/test_rows.py`
writes the record anew: read the diff.
"""

import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
RECORD = Path(__file__).parent / "golden" / "rows"
TABLES = sorted(path for folder in ("grammars", "targets", "paramc") for path in (ROOT / folder).rglob("*.toml"))
NAMES = 2  # values of a row in a list that tell it from the others


def rows(value: object, path: str = "") -> Iterator[str]:
    """The path of every value; an item of a list is called by its first texts."""
    match value:
        case dict():
            for key, inner in value.items():
                yield from rows(inner, f"{path} / {key}" if path else key)
        case list():
            for item in value:
                yield from rows(item, f"{path} / {_named(item)}") if isinstance(item, dict) else (f"{path} / {item}",)
        case _:
            yield path


def _named(row: dict[str, object]) -> str:
    return ", ".join(str(value) for value in list(row.values())[:NAMES])


def recorded_as(table: Path) -> Path:
    return RECORD / f"{'.'.join(table.relative_to(ROOT).with_suffix('').parts)}.txt"


def found_in(table: Path) -> list[str]:
    """One line for each row; line breaks inside are spelled out."""
    return [line.replace("\n", "\\n") for line in rows(tomllib.loads(table.read_text(encoding="utf-8")))]


@pytest.mark.parametrize("table", TABLES, ids=lambda table: recorded_as(table).stem)
def test_no_row_comes_or_goes_unseen(table: Path, request: pytest.FixtureRequest) -> None:
    record = recorded_as(table)
    if request.config.getoption("--bless"):
        record.parent.mkdir(exist_ok=True)
        record.write_text("".join(f"{line}\n" for line in found_in(table)), encoding="utf-8")
    assert found_in(table) == record.read_text(encoding="utf-8").split("\n")[:-1]


def test_nothing_is_recorded_of_tables_that_are_gone() -> None:
    assert {path.name for path in RECORD.iterdir()} == {recorded_as(table).name for table in TABLES}


def test_a_row_that_is_left_out_changes_the_record() -> None:
    lines = found_in(ROOT / "paramc" / "ir" / "names.toml")
    table = tomllib.loads((ROOT / "paramc" / "ir" / "names.toml").read_text(encoding="utf-8"))
    for section, content in table.items():
        for key in content:
            assert list(rows(table | {section: {name: row for name, row in content.items() if name != key}})) != lines
