"""Tables on disk: what is written stays, what a kill left half is cut off."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from paramc.archive.entry import Entry, Field
from paramc.archive.scan import entries, open_store
from paramc.diagnostics.model import SourceError

LINES = [
    Entry(
        f"p/{number}.png",
        "read",
        "a1111",
        "png:tEXt:parameters",
        8,
        9,
        {"sampling.steps": number, "noise.seed": 2**70, "prompt": "猫", "networks": ["x"]},
        (Field("Steps", str(number), "understood"), Field("Odd", "1", "kept")),
    ).line
    for number in range(5)
]


@pytest.fixture(params=[".jsonl", ".sqlite"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return tmp_path / f"table{request.param}"


def test_a_table_gives_back_what_was_put_in(path: Path) -> None:
    with closing(open_store(path)) as store:
        store.add(LINES[:2])
        store.add(LINES[2:])
        known = sorted(entries(store), key=lambda entry: str(entry["path"]))
    assert [entry["path"] for entry in known] == [f"p/{number}.png" for number in range(5)]
    assert known[0]["values"] == {"sampling.steps": 0, "noise.seed": 2**70, "prompt": "猫", "networks": ["x"]}


def test_a_table_that_is_opened_again_knows_its_files(path: Path) -> None:
    with closing(open_store(path)) as store:
        store.add(LINES)
    with closing(open_store(path)) as again:
        assert (again.holds("p/3.png"), again.holds("p/9.png")) == (True, False)


def test_names_that_are_no_text_are_known_again(path: Path) -> None:
    with closing(open_store(path)) as store:
        store.add([Entry("caf\udce9.png", "none").line])
    with closing(open_store(path)) as again:
        assert again.holds("caf\udce9.png")


def test_a_new_beginning_forgets(path: Path) -> None:
    with closing(open_store(path)) as store:
        store.add(LINES)
    with closing(open_store(path, anew=True)) as again:
        assert list(entries(again)) == []


@pytest.mark.parametrize("cut", [1, 7, 100])
def test_half_a_line_is_cut_off_and_its_file_read_again(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "table.jsonl"
    whole = "".join(f"{line}\n" for line in LINES).encode()
    path.write_bytes(whole[:-cut])
    store = open_store(path)
    assert (store.holds("p/3.png"), store.holds("p/4.png")) == (True, False)
    assert path.read_bytes() == "".join(f"{line}\n" for line in LINES[:4]).encode()
    store.add(LINES[4:])
    store.close()
    assert path.read_bytes() == whole


def test_columns_can_be_asked_in_sql(tmp_path: Path) -> None:
    store = open_store(tmp_path / "table.sqlite")
    store.add(LINES)
    store.close()
    base = sqlite3.connect(tmp_path / "table.sqlite")
    assert base.execute("SELECT path, width, seed FROM files WHERE steps > 3").fetchall() == [
        ("p/4.png", 8, str(2**70))
    ]
    assert base.execute("SELECT count(*) FROM fields WHERE key = 'Odd' AND status = 'kept'").fetchone() == (5,)
    base.close()


def database(table: str) -> bytes:
    """A database that holds one table of another program."""
    base = sqlite3.connect(":memory:")
    base.execute(f"CREATE TABLE {table} (name TEXT)")
    try:
        return base.serialize()
    finally:
        base.close()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.jsonl", b"[1]\n"),
        ("t.jsonl", b"no\n"),
        ("t.jsonl", b"notes without an end of line"),
        ("t.jsonl", b'{"path": "a.png"}\n'),
        ("t.sqlite", b"x" * 999),
        ("t.sqlite", database("users")),
        ("t.sqlite", database("files")),
        ("t.txt", b""),
    ],
)
def test_another_file_is_left_alone(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(SourceError, match="PC820"):
        open_store(path)
    assert path.read_bytes() == content


def test_a_line_is_one_line_whatever_the_texts_hold() -> None:
    line = Entry("a\nb\u2028.png", "read", values={"prompt": "x\ny"}).line
    assert "\n" not in line and json.loads(line)["values"] == {"prompt": "x\ny"}


def test_a_parquet_file_needs_its_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("paramc.archive.parquet.find_spec", lambda name: None)
    with pytest.raises(SourceError, match="PC823"):
        open_store(tmp_path / "t.parquet")


def test_a_parquet_file_holds_every_row_of_all_runs(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    for part in (LINES[:2], LINES[2:]):
        with closing(open_store(tmp_path / "t.parquet")) as store:
            store.add(part)
    rows = parquet.read_table(tmp_path / "t.parquet").to_pylist()
    assert [(row["path"], row["steps"], row["seed"]) for row in rows] == [(f"p/{n}.png", n, None) for n in range(5)]
    assert [row["entry"] for row in rows] == LINES
