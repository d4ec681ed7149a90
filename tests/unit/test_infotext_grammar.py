"""The grammar and the tables decide: without them nothing is read as it was."""

import shutil
from pathlib import Path

import pytest

from paramc.diagnostics.model import ReadError
from paramc.dialects.description import Dialect
from paramc.dialects.infotext import scan
from paramc.dialects.registry import find_dialect
from paramc.dialects.ui_fields import ui_fields
from paramc.resources import GRAMMARS
from paramc.tables import TableError
from tests.unit.infotext_records import dialect, records, told, typed

A1111 = dialect("a1111")
CATCH_ALL = """
%declare START
prompts: KEY?
settings: KEY?
document: KEY?
unlabelled: KEY?
recovered: KEY?
KEY: /.+/s
"""
WITH_FIELDS = [record for record in records("a1111") if record.out and "Steps" in record.out]
STEPS = A1111.table("history.toml")["order"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the grammars that a test may spoil."""
    shutil.copytree(GRAMMARS, tmp_path / "grammars")
    return tmp_path / "grammars" / "a1111"


def spoilt(folder: Path) -> Dialect:
    find_dialect.cache_clear()
    return find_dialect("a1111", (folder.parent,))


def dictionary(text: str, dialect: Dialect, options: dict[str, object]) -> list[tuple[str, object, type]] | None:
    try:
        return typed(dict(ui_fields(text, dialect, **options)))  # type: ignore[arg-type]  # as recorded
    except ReadError:
        return None


def test_a_catch_all_grammar_reads_no_record(folder: Path) -> None:
    (folder / "infotext.lark").write_text(CATCH_ALL, encoding="utf-8")
    broken = spoilt(folder)
    assert [
        record.id for record in WITH_FIELDS if dictionary(record.text, broken, record.options) == typed(record.out)
    ] == []


def test_a_catch_all_grammar_recovers_nothing(folder: Path) -> None:
    (folder / "infotext.lark").write_text(CATCH_ALL, encoding="utf-8")
    broken = spoilt(folder)
    assert [
        record.id for record in WITH_FIELDS if told(scan(record.text, broken)) == told(scan(record.text, A1111))
    ] == []


@pytest.mark.parametrize("terminal", ["NEGATIVE", "KEY", "QUOTED", "BARE", "STRAY", "LINES"])
def test_every_terminal_matters(folder: Path, terminal: str) -> None:
    file = folder / "infotext.lark"
    rows = file.read_text(encoding="utf-8").splitlines()
    found = [row for row in rows if row.startswith((f"{terminal}:", f"{terminal}."))]
    file.write_text("\n".join(f"{terminal}: /\\uFDD9/" if row in found else row for row in rows), encoding="utf-8")
    broken = spoilt(folder)
    assert found
    assert any(reading(record.text, broken) != reading(record.text, A1111) for record in records("a1111"))


def reading(text: str, dialect: Dialect) -> object:
    """What the strict reading says, or how the grammar fails."""
    try:
        return told(scan(text, dialect, strict=True))
    except Exception as error:  # a grammar without a terminal may fail in any way
        return type(error)


@pytest.mark.parametrize("step", STEPS if isinstance(STEPS, list) else [])
def test_every_step_of_the_reader_matters(folder: Path, step: str) -> None:
    file = folder / "history.toml"
    text = file.read_text(encoding="utf-8")
    assert f'"{step}"' in text
    file.write_text(text.replace(f' "{step}",', "").replace(f'    "{step}",', ""), encoding="utf-8")
    broken = spoilt(folder)
    assert any(dictionary(record.text, broken, record.options) != typed(record.out) for record in records("a1111"))


def test_a_step_of_no_known_kind_is_named(folder: Path) -> None:
    file = folder / "history.toml"
    file.write_text(file.read_text(encoding="utf-8").replace('do = "append"', 'do = "apend"'), encoding="utf-8")
    with pytest.raises(TableError, match=r"steps.hypernet: no step is called `apend`"):
        ui_fields("a", spoilt(folder))
