"""The demo model as a folder of diffusers, which scripts load."""

import errno
import json
import runpy
from dataclasses import replace
from pathlib import Path
from shutil import copytree

import pytest
from PIL import Image
from transformers import CLIPTokenizer

from paramc.cli import main
from paramc.runtime.catalogue.errors import ModelError
from paramc.runtime.demo.examples import LENGTH, token_ids
from paramc.runtime.demo.shipped import shipped_model
from paramc.runtime.models.checkpoint import load_checkpoint
from paramc.runtime.models.unpacked import unpack
from tests.demo.geometry import seen_in

pytestmark = pytest.mark.sdk

EXAMPLE = Path(__file__).parents[2] / "examples" / "demo.txt"
CAPTIONS = ("", "a photo of a large yellow star on the left, on a blue background", "two zebras, café \u4e00 (red:1.2)")
MEGABYTE = 2**20

Captured = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo model, unpacked as the command line does it."""
    made = tmp_path_factory.mktemp("unpacked") / "demo"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PARAMC_HOME", str(made.parent / "home"))
        assert main(["models", "unpack", "demo", str(made)]) == 0
    return made


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # in diffusers
def test_a_script_for_diffusers_paints_with_it(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    options = ("--option", f"model={folder}", "--option", "dtype=float32")
    assert main(["convert", str(EXAMPLE), "--to", "diffusers", *options, "-o", "script.py"]) == 0
    runpy.run_path("script.py")
    (picture,) = tmp_path.glob("*.png")
    with Image.open(picture) as painted:
        seen = seen_in(painted)
    assert seen is not None
    assert (seen.colour, seen.shape) == ("yellow", "star")


def test_the_runner_paints_with_it_what_it_paints_with_the_file(folder: Path, tmp_path: Path) -> None:
    assert main(["run", str(EXAMPLE), "--model", str(folder), "-o", str(tmp_path / "unpacked")]) == 0
    assert main(["run", str(EXAMPLE), "--model", "demo", "-o", str(tmp_path / "file")]) == 0
    (unpacked,), (file,) = ((tmp_path / name).glob("*.png") for name in ("unpacked", "file"))
    with Image.open(unpacked) as found, Image.open(file) as expected:
        assert found.tobytes() == expected.tobytes()


def test_a_tokeniser_that_is_damaged_is_named(folder: Path, tmp_path: Path, capsys: Captured) -> None:
    copied = tmp_path / "damaged"
    copytree(folder, copied)
    words = copied / "tokenizer" / "tokenizer.json"
    table = json.loads(words.read_bytes())
    table["model"]["merges"][0] = ["a", "zebra"]
    words.write_text(json.dumps(table))
    assert main(["run", str(EXAMPLE), "--model", str(copied), "-o", str(tmp_path / "out")]) == 1
    assert "PC594" in capsys.readouterr().err


@pytest.mark.parametrize("text", CAPTIONS)
def test_its_tokeniser_gives_the_tokens_that_the_runner_gives(folder: Path, text: str) -> None:
    tokeniser = CLIPTokenizer.from_pretrained(folder / "tokenizer")
    found = tokeniser(text, padding="max_length", max_length=LENGTH, truncation=True).input_ids
    assert found == token_ids(text)


def test_it_is_as_small_as_the_file(folder: Path) -> None:
    assert sum(file.stat().st_size for file in folder.rglob("*.safetensors")) < 6.2 * MEGABYTE


def test_a_folder_that_is_there_is_not_written_over(folder: Path, capsys: Captured) -> None:
    assert main(["models", "unpack", "demo", str(folder)]) == 2
    assert "already" in capsys.readouterr().err


def test_a_folder_that_cannot_be_made_is_told_with_its_cause(tmp_path: Path, capsys: Captured) -> None:
    (tmp_path / "file").write_bytes(b"")
    assert main(["models", "unpack", "demo", str(tmp_path / "file" / "folder")]) == 4
    assert "PC802" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["n" * 5000, "~nobody-of-this-name/x"])
def test_names_that_no_model_can_have_are_told(
    capsys: Captured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("PARAMC_HOME", str(tmp_path / "home"))
    assert main(["models", "unpack", name, str(tmp_path / "folder")]) == 1
    assert "PC520" in capsys.readouterr().err


def test_unpacking_that_breaks_off_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("paramc.runtime.models.unpacked.write_atomically", full)
    with pytest.raises(OSError, match="No space"):
        unpack(load_checkpoint(shipped_model()), tmp_path / "folder")
    assert not list(tmp_path.iterdir())


def test_a_model_of_another_family_is_not_unpacked(tmp_path: Path) -> None:
    model = replace(load_checkpoint(shipped_model()), family="sd2")
    with pytest.raises(ModelError) as raised:
        unpack(model, tmp_path / "folder")
    assert [item.code for item in raised.value.diagnostics] == ["PC539"]
