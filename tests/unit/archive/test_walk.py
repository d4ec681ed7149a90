"""The files of folders."""

import os
from pathlib import Path

import pytest

from paramc.archive.walk import walk


def names(*roots: Path) -> tuple[list[str], list[str]]:
    failed: list[str] = []
    found = walk([str(root) for root in roots], lambda name, why: failed.append(Path(name).name))
    return sorted(os.path.relpath(path, roots[0]) for path in found), failed


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in (
        "a.png",
        "b.JPG",
        "c.safetensors",
        "in/d.webp",
        "in/deep/e.gif",
        "in/d.txt",
        "notes.txt",
        "graph.json",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def test_pictures_are_found_and_texts_without_a_picture(folder: Path) -> None:
    assert names(folder)[0] == ["a.png", "b.JPG", "graph.json", "in/d.webp", "in/deep/e.gif", "notes.txt"]


def test_a_file_is_a_root_of_its_own(folder: Path) -> None:
    assert names(folder / "in", folder / "a.png")[0] == ["../a.png", "d.webp", "deep/e.gif"]


def test_links_in_a_circle_end(folder: Path) -> None:
    (folder / "in" / "loop").symlink_to("..")
    (folder / "in" / "self").symlink_to("self")
    assert names(folder)[0] == ["a.png", "b.JPG", "graph.json", "in/d.webp", "in/deep/e.gif", "notes.txt"]


def test_a_folder_linked_from_elsewhere_is_read_once(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("other")
    (other / "f.png").touch()
    (folder / "x").symlink_to(other)
    (folder / "y").symlink_to(other)
    assert [name for name in names(folder)[0] if "f.png" in name] == ["x/f.png"]


def test_a_folder_that_vanishes_is_told(folder: Path) -> None:
    assert names(folder, folder / "gone")[1] == ["gone"]


def test_a_folder_that_may_not_be_read_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scandir = os.scandir

    def guarded(path: str):
        if path.endswith("deep"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", guarded)
    found, failed = names(folder)
    assert (failed, "in/d.webp" in found) == (["deep"], True)


@pytest.mark.parametrize("name", ["pipe.png", "pipe.txt"])
def test_nobody_waits_for_a_pipe(folder: Path, name: str) -> None:
    os.mkfifo(folder / name)
    found, failed = names(folder)
    assert (name in found, failed) == (False, [name] if name == "pipe.png" else [])


def test_a_link_that_leads_nowhere_is_a_file_that_cannot_be_read(folder: Path) -> None:
    (folder / "gone.png").symlink_to("nowhere")
    assert "gone.png" in names(folder)[0]
