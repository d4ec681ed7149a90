"""`paramc check --fix`: the named places and nothing else, in whole files, once and for all."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paramc.api import load
from paramc.cli import main
from paramc.commands.mending import replaced
from paramc.diagnostics.model import Span, Suggestion
from paramc.passes.lint import advise_job
from paramc.source.detect import open_text

TEXT = (
    "a fox, ünïcode 🦊\r\nNegative prompt: dog\r\n"
    "Steps: 150, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 15, Seed: 1, Size: 512x512, "
    'Model hash: 6ce0161689, ENSD: 31337,  Foo: "x, y", Eta: 0.6, Version: v1.10.1\r\n'
)
MENDED = TEXT.replace("ENSD: 31337,  ", "").replace("Eta: 0.6, ", "")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "fox.txt"
    path.write_bytes(TEXT.encode())
    return path


def mend(path: Path, how: str = "safe") -> int:
    return main(["check", str(path), f"--fix={how}", "--isolated"])


def test_only_the_named_places_change(file: Path) -> None:
    assert mend(file) == 0
    assert file.read_bytes().decode() == MENDED


def test_mending_twice_is_mending_once(file: Path) -> None:
    mend(file)
    once = file.stat()
    mend(file)
    assert (file.stat().st_mtime_ns, file.stat().st_ino) == (once.st_mtime_ns, once.st_ino)


def test_what_is_marked_manual_stays(file: Path) -> None:
    mend(file, "maybe")
    assert "Steps: 150" in file.read_text() and "CFG scale: 15" in file.read_text()


def test_what_is_ignored_is_not_mended(file: Path) -> None:
    main(["check", str(file), "--fix", "--ignore", "no-effect", "--isolated"])
    assert file.read_bytes().decode() == TEXT


def test_permissions_and_links_stay(file: Path, tmp_path: Path) -> None:
    file.chmod(0o600)
    link = tmp_path / "link.txt"
    link.symlink_to(file)
    mend(link)
    assert link.is_symlink() and file.stat().st_mode & 0o777 == 0o600
    assert file.read_bytes().decode() == MENDED


def test_a_mark_of_the_encoding_stays(file: Path) -> None:
    file.write_bytes(TEXT.encode("utf-8-sig"))
    mend(file)
    assert file.read_bytes().decode() == "\ufeff" + MENDED


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
def test_another_encoding_is_left_alone_and_named(
    encoding: str, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = TEXT.encode(encoding)
    file.write_bytes(data)
    mend(file)
    assert file.read_bytes() == data
    assert "PC489" in capsys.readouterr().err


def test_the_count_is_in_the_document(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["check", str(file), "--fix", "--format", "json", "--isolated"])
    document = json.loads(capsys.readouterr().out)
    assert document["result"]["mended"] == 2
    assert document["written"] == [str(file)]


def test_several_files_are_mended_at_once(file: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.txt"
    other.write_bytes(TEXT.encode())
    main(["check", str(file), str(other), "--fix", "--isolated"])
    assert {path.read_bytes().decode() for path in (file, other)} == {MENDED}


SPANS = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30), st.text("xyz", max_size=3)), max_size=4)


@given(SPANS)
def test_all_outside_the_spans_is_kept(places: list[tuple[int, int, str]]) -> None:
    text = "".join(chr(0x100 + place) for place in range(31))
    ends = sorted({end for start, length, _ in places for end in (start, start + length)})
    spans = [Span(start, end) for start, end in zip(ends[::2], ends[1::2], strict=False)]
    mends = [Suggestion(span, new, "safe") for span, (_, _, new) in zip(spans, places, strict=False)]
    kept = [sign for place, sign in enumerate(text) if not any(span.start <= place < span.end for span in spans)]
    assert [sign for sign in replaced(text, mends) if sign in text] == kept


FIELDS = st.sampled_from(
    ["Clip skip: 2", "ENSD: 31337", "Eta: 0.3", "Foo: bar", "Schedule rho: 5", "RNG: CPU", "Variation seed: 3"]
)


@given(st.lists(FIELDS, unique=True), st.sampled_from(["Euler a", "DPM++ 2M", "DDIM"]))
def test_a_safe_fix_removes_every_finding_that_it_is_for(fields: list[str], sampler: str) -> None:
    line = ", ".join(["Steps: 20", f"Sampler: {sampler}", "CFG scale: 7", *fields, "Seed: 1", "Size: 512x512"])
    text, safe = f"a fox\n{line}", list[Suggestion]()
    for _ in range(len(fields) + 1):
        found = [item.suggestion for item in advise_job(load(open_text(text)).job)]
        safe = [mend for mend in found if mend and mend.applicability == "safe"]
        text = replaced(text, safe[:1])
    assert not safe
    kept = [field for field in fields if field.startswith(("Clip", "Foo", "RNG", "Variation"))]
    assert all(field in text for field in kept)
