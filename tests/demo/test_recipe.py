"""The recipe of the demo model goes through from nothing, and makes files that are loaded as such."""

from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from paramc.runtime.demo.__main__ import train_all
from paramc.runtime.demo.shipped import EXTRAS, NAME, shipped

pytestmark = [pytest.mark.sdk, pytest.mark.slow]

SHARE = 400  # of all steps
FILES = (NAME, *EXTRAS)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("recipe")
    train_all(made, SHARE)
    return made


def shapes(path: Path) -> dict[str, tuple[int, ...]]:
    with safe_open(path, framework="pt") as file:
        return {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118  # no mapping


def words(path: Path) -> dict[str, str]:
    with safe_open(path, framework="pt") as file:
        return dict(file.metadata())


@pytest.mark.parametrize("name", FILES)
def test_it_makes_files_of_the_layout_that_is_shipped(name: str, folder: Path) -> None:
    made, known = folder / f"{name}.safetensors", shipped(name)
    assert (shapes(made), words(made).keys()) == (shapes(known), words(known).keys())


def test_what_is_finished_is_not_done_again(folder: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    train_all(folder, SHARE)
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before


def test_even_a_few_steps_learn(folder: Path) -> None:
    with safe_open(folder / "demo-grey.safetensors", framework="pt") as file:
        ups = [file.get_tensor(name) for name in file.keys() if name.endswith("lora_up.weight")]  # noqa: SIM118
    assert all(torch.count_nonzero(up) for up in ups)
