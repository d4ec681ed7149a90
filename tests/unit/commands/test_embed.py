"""`paramc embed`, from the words of the command line."""

import shutil
from pathlib import Path

import pytest

from paramc.cli import main
from paramc.diagnostics.model import SourceError
from paramc.source.detect import open_file

IMAGES = Path(__file__).parents[2] / "golden" / "images"
CAT = "a cat\nSteps: 21, Sampler: Euler a, CFG scale: 7, Seed: 5, Size: 512x512"


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    return Path(shutil.copy(IMAGES / "a1111.jpg", tmp_path))


def test_a_text_goes_into_a_picture_and_leaves_the_original(picture: Path) -> None:
    before = picture.read_bytes()
    assert main(["embed", str(picture), "--from", CAT, "-o", str(picture.with_name("new.jpg"))]) == 0
    assert (open_file(picture.with_name("new.jpg")).text, picture.read_bytes()) == (CAT, before)


def test_the_picture_itself_is_written_over_only_when_forced(picture: Path) -> None:
    assert main(["embed", str(picture), "--from", CAT]) == 2
    assert main(["embed", str(picture), "--from", CAT, "--force"]) == 0
    assert open_file(picture).text == CAT


def test_settings_go_from_picture_to_picture_with_all_that_belongs_to_them(picture: Path) -> None:
    assert (
        main(["embed", str(picture), "--from", str(IMAGES / "comfyui-make.jpg"), "-o", str(picture.with_name("n.jpg"))])
        == 0
    )
    given, taken = open_file(IMAGES / "comfyui-make.jpg"), open_file(picture.with_name("n.jpg"))
    assert {text.key for text in taken.others} | {taken.key} == {"prompt", "workflow"}
    assert {taken.text, taken.other("workflow")} == {given.text, given.other("workflow")}


def test_settings_may_be_written_in_the_words_of_a_target(picture: Path) -> None:
    assert main(["embed", str(picture), "--from", CAT, "--to", "comfyui", "--force"]) == 0
    assert (open_file(picture).key, open_file(picture).text[:1]) == ("prompt", "{")


def test_settings_are_taken_out(picture: Path) -> None:
    assert main(["embed", str(picture), "--strip", "--force"]) == 0
    with pytest.raises(SourceError, match="PC103"):
        open_file(picture)


def test_what_cannot_be_taken_out_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["embed", str(IMAGES / "novelai-stealth.png"), "--strip", "-o", str(tmp_path / "x.png")])
    assert "PC118" in capsys.readouterr().err


def test_nothing_is_written_of_settings_with_errors(picture: Path, tmp_path: Path) -> None:
    data = (IMAGES / "forge-snow.png").read_bytes()
    (tmp_path / "half.png").write_bytes(data[: data.index(b"Steps: ") + 9])
    before = picture.read_bytes()
    assert main(["embed", str(picture), "--from", str(tmp_path / "half.png"), "--force"]) == 1
    assert picture.read_bytes() == before


@pytest.mark.parametrize("words", [[], ["--strip", "--from", "x"]])
def test_exactly_one_thing_is_asked_for(picture: Path, words: list[str]) -> None:
    assert main(["embed", str(picture), *words, "--force"]) == 2
