"""Names of output files."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paramc.backends.report import Artifact, File, Report
from paramc.commands.outcome import Refused
from paramc.commands.outputs import outputs, picture_folder, safe_name
from paramc.commands.parser import Arguments, UsageError
from paramc.source.model import Source

ONE = Artifact("t", (File("script.py", "x"),), Report("t", ()))
TWO = Artifact("t", (File("a.py", "x"), File("../../b.json", "y")), Report("t", ()))


def source(name: str) -> Source:
    return Source("text", name, "text", "utf-8")


def placed(artifact: Artifact, name: str, output: str | None) -> list[str]:
    return [str(item.path) for item in outputs(artifact, source(name), Arguments(output=output, force=False))]


def test_a_file_is_named_by_the_user(tmp_path: Path) -> None:
    assert placed(ONE, "cat.png", f"{tmp_path}/mine.txt") == [f"{tmp_path}/mine.txt"]


def test_a_text_without_a_name_gives_the_artefact_its_own(tmp_path: Path) -> None:
    assert placed(ONE, "<text>", str(tmp_path)) == [f"{tmp_path}/script.py"]


def test_several_files_keep_their_names_and_stay_in_the_folder(tmp_path: Path) -> None:
    assert placed(TWO, "cat.png", str(tmp_path)) == [f"{tmp_path}/a.py", f"{tmp_path}/b.json"]


@pytest.mark.parametrize("output", [None, "-", "one.txt"])
def test_several_files_do_not_fit_into_one(output: str | None) -> None:
    with pytest.raises(Refused, match="2 files"):
        placed(TWO, "cat.png", output)


def test_a_folder_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="there is no folder"):
        placed(ONE, "cat.png", f"{tmp_path}/nowhere/")


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("cat", "cat"), ("猫 (2)", "猫 (2)"), ("../../etc/passwd", "_.._etc_passwd"), (".bashrc", "bashrc"),
        ("a\x1b[31m\n", "a_[31m_"), ("con:", "con_"), ("", "settings"), ("...", "settings"), ("\u202e", "_"),
    ],
)  # fmt: skip
def test_names_are_made_safe(name: str, safe: str) -> None:
    assert safe_name(name) == safe


@given(st.text(max_size=300))
def test_a_safe_name_is_one_visible_name(name: str) -> None:
    safe = safe_name(name)
    assert safe == Path(safe).name
    assert safe.isprintable()


@pytest.mark.parametrize("name", ["-", "x.png"])
def test_pictures_go_to_a_folder_and_not_to_standard_output(name: str) -> None:
    with pytest.raises(UsageError, match="takes a folder"):
        picture_folder(name)
