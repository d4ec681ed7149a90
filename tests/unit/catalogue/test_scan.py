"""Scans: what they find, what they leave alone, what they survive."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from paramc.runtime.catalogue.hashes import hash_file
from paramc.runtime.catalogue.scan import scan
from paramc.runtime.catalogue.store import Catalogue, open_catalogue
from tests.unit.catalogue.files import LORA, SD1, VAE, header_of, write


@pytest.fixture
def catalogue(tmp_path: Path) -> Iterator[Catalogue]:
    with open_catalogue(tmp_path / "home" / "models.sqlite") as opened:
        yield opened


@pytest.fixture
def models(tmp_path: Path) -> Path:
    folder = tmp_path / "models"
    write(folder / "Stable-diffusion" / "cat.safetensors", SD1)
    write(folder / "Lora" / "fluff.safetensors", LORA, metadata={"ss_output_name": "fluffy_v2"})
    write(folder / "VAE" / "soft.safetensors", VAE)
    return folder


def test_files_are_identified_and_hashed(catalogue: Catalogue, models: Path) -> None:
    result = scan(catalogue, [models])
    assert (result.files, result.new, result.hashed, result.diagnostics) == (3, 3, 3, ())
    found = {entry.name: entry for entry in catalogue.entries()}
    assert [found[name].kind for name in ("cat", "fluff", "soft")] == ["checkpoint", "network", "vae"]
    data = (models / "Lora" / "fluff.safetensors").read_bytes()
    assert found["fluff"].hashes.sha256 == hashlib.sha256(data).hexdigest()
    assert found["fluff"].alias == "fluffy_v2"


def test_a_network_is_hashed_without_its_header(catalogue: Catalogue, models: Path) -> None:
    scan(catalogue, [models])
    entry = next(entry for entry in catalogue.entries() if entry.kind == "network")
    body = entry.path.read_bytes()[len(header_of(LORA, {"ss_output_name": "fluffy_v2"})) :]
    assert entry.hashes.addnet == hashlib.sha256(body).hexdigest()


def test_the_hash_of_2022_is_of_64_kibibytes_at_one_mebibyte(tmp_path: Path) -> None:
    data = bytes(range(256)) * 5000
    path = tmp_path / "old.ckpt"
    path.write_bytes(data)
    expected = hashlib.sha256(data[0x100000:0x110000]).hexdigest()[:8]
    assert hash_file(path, of_network=False, advance=lambda count: None).autov1 == expected


def test_nothing_is_read_twice(catalogue: Catalogue, models: Path) -> None:
    scan(catalogue, [models])
    again = scan(catalogue, [models])
    assert (again.files, again.new, again.hashed, again.gone) == (3, 0, 0, 0)


def test_a_changed_file_is_read_again(catalogue: Catalogue, models: Path) -> None:
    scan(catalogue, [models])
    path = write(models / "VAE" / "soft.safetensors", VAE, fill=b"\1")
    os.utime(path, ns=(1, 1))
    assert scan(catalogue, [models]).hashed == 1
    entry = catalogue.entry(path)
    assert entry is not None
    assert entry.hashes.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_file_that_is_gone_is_forgotten(catalogue: Catalogue, models: Path) -> None:
    scan(catalogue, [models])
    (models / "VAE" / "soft.safetensors").unlink()
    assert scan(catalogue, [models]).gone == 1
    assert {entry.name for entry in catalogue.entries()} == {"cat", "fluff"}


def test_files_of_other_folders_stay(catalogue: Catalogue, models: Path, tmp_path: Path) -> None:
    scan(catalogue, [models])
    other = write(tmp_path / "other" / "dog.safetensors", SD1)
    scan(catalogue, [other.parent])
    assert len(catalogue.entries()) == 4
    assert catalogue.folders() == (models, other.parent)


class InterruptError(Exception):
    """Somebody stops the scan."""


def test_an_interrupted_scan_keeps_the_hashes_it_has(catalogue: Catalogue, models: Path) -> None:
    seen: list[str] = []

    def stop(done: int, total: int, about: str) -> None:
        seen.append(about)
        if len(seen) == 2:
            raise InterruptError

    with pytest.raises(InterruptError):
        scan(catalogue, [models], progress=stop)
    assert sum(entry.hashed for entry in catalogue.entries()) == 1
    assert scan(catalogue, [models]).hashed == 2


def test_hashes_can_wait(catalogue: Catalogue, models: Path) -> None:
    assert scan(catalogue, [models], hashing=False).hashed == 0
    assert [entry.hashed for entry in catalogue.entries()] == [False] * 3


def test_progress_counts_the_bytes_of_all_files(catalogue: Catalogue, models: Path) -> None:
    told: list[tuple[int, int]] = []
    scan(catalogue, [models], progress=lambda done, total, about: told.append((done, total)))
    size = sum(path.stat().st_size for path in models.rglob("*.safetensors"))
    assert told[-1] == (size, size)


def test_links_in_a_circle_end(catalogue: Catalogue, models: Path) -> None:
    (models / "Lora" / "round").symlink_to(models)
    (models / "self.safetensors").symlink_to(models / "self.safetensors")
    result = scan(catalogue, [models])
    assert result.files == 3
    assert [item.code for item in result.diagnostics] == ["PC523"]


def test_a_broken_link_is_named(catalogue: Catalogue, models: Path) -> None:
    (models / "gone.safetensors").symlink_to(models / "nowhere.safetensors")
    assert "gone.safetensors" in scan(catalogue, [models]).diagnostics[0].message


def test_damaged_files_are_named_and_left_out(catalogue: Catalogue, models: Path) -> None:
    whole = (models / "VAE" / "soft.safetensors").read_bytes()
    (models / "VAE" / "cut.safetensors").write_bytes(whole[:-5])
    (models / "page.safetensors").write_bytes(b"<html>404</html>")
    result = scan(catalogue, [models])
    assert sorted(item.code for item in result.diagnostics) == ["PC521", "PC522"]
    assert len(catalogue.entries()) == 3


def test_a_name_that_is_no_text_is_named(catalogue: Catalogue, tmp_path: Path) -> None:
    folder = tmp_path / "odd"
    folder.mkdir()
    try:
        Path(os.fsdecode(bytes(folder) + b"/\xff.safetensors")).write_bytes(b"")
    except OSError:
        pytest.skip("this file system knows no such names")
    assert [item.code for item in scan(catalogue, [folder]).diagnostics] == ["PC523"]


def test_a_folder_that_is_none_is_named(catalogue: Catalogue, tmp_path: Path) -> None:
    assert [item.code for item in scan(catalogue, [tmp_path / "none"]).diagnostics] == ["PC523"]


def test_a_pipeline_folder_is_one_model(catalogue: Catalogue, tmp_path: Path) -> None:
    folder = tmp_path / "models" / "pipe"
    write(folder / "unet" / "diffusion_pytorch_model.safetensors", {"conv_in.weight": (1,)})
    (folder / "model_index.json").write_text("{}", encoding="utf-8")
    scan(catalogue, [tmp_path / "models"])
    assert [(entry.name, entry.kind) for entry in catalogue.entries()] == [("pipe", "checkpoint")]


def test_pickles_are_told_by_their_folder(catalogue: Catalogue, tmp_path: Path) -> None:
    path = tmp_path / "ESRGAN" / "sharp.pth"
    path.parent.mkdir()
    path.write_bytes(b"anything")
    scan(catalogue, [tmp_path])
    assert [(entry.name, entry.kind) for entry in catalogue.entries()] == [("sharp", "upscaler")]


def test_the_catalogue_outlives_the_process(models: Path, tmp_path: Path) -> None:
    for _ in range(2):
        with open_catalogue(tmp_path / "kept.sqlite") as catalogue:
            result = scan(catalogue, [models])
    assert result.hashed == 0


def test_a_scan_by_another_process_is_seen(catalogue: Catalogue, models: Path, tmp_path: Path) -> None:
    assert catalogue.entries() == ()
    with open_catalogue(tmp_path / "home" / "models.sqlite") as other:
        scan(other, [models], hashing=False)
    assert len(catalogue.entries()) == 3
    catalogue.forget(catalogue.entries()[0].path)
    assert len(catalogue.entries()) == 2
