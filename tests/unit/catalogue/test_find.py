"""Finding a file: by hash first, then by name, never another one in silence."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from paramc.ir.assets import AssetRef, Assets, Hash
from paramc.ir.job import Job
from paramc.passes.resolve import resolve_job
from paramc.runtime.catalogue.errors import ModelNotFound
from paramc.runtime.catalogue.find import Finder, find_model, look_up
from paramc.runtime.catalogue.scan import scan
from paramc.runtime.catalogue.store import Catalogue, Entry, open_catalogue
from tests.unit.catalogue.files import LORA, SD1, VAE, write

ROOT = Path(__file__).parents[3]


@pytest.fixture
def models(tmp_path: Path) -> Path:
    folder = tmp_path / "models"
    write(folder / "checkpoints" / "cat.safetensors", SD1)
    write(folder / "checkpoints" / "new" / "cat.safetensors", SD1, fill=b"\1")
    write(folder / "checkpoints" / "dog.safetensors", SD1, fill=b"\2")
    write(folder / "loras" / "cat.safetensors", LORA, metadata={"ss_output_name": "fluffy"})
    write(folder / "vae" / "soft.safetensors", VAE)
    return folder


@pytest.fixture
def catalogue(tmp_path: Path, models: Path) -> Iterator[Catalogue]:
    with open_catalogue(tmp_path / "models.sqlite") as opened:
        scan(opened, [models], hashing=False)
        yield opened


def hashed(catalogue: Catalogue, models: Path, name: str) -> Entry:
    scan(catalogue, [models])
    found = catalogue.entry(models / name)
    assert found is not None
    return found


def sha(digits: str) -> tuple[Hash, ...]:
    return (Hash(algorithm="sha256", hex=digits),)


def test_the_hash_decides_against_the_name(catalogue: Catalogue, models: Path) -> None:
    dog = hashed(catalogue, models, "checkpoints/dog.safetensors")
    match = find_model(catalogue, AssetRef(name="cat", hashes=sha(dog.hashes.sha256[:10])), "checkpoint")
    assert (match.entry.path, match.diagnostics) == (dog.path, ())


def test_hashes_are_computed_when_a_job_asks_for_one(catalogue: Catalogue, models: Path, tmp_path: Path) -> None:
    with open_catalogue(tmp_path / "other.sqlite") as other:
        dog = hashed(other, models, "checkpoints/dog.safetensors")
    match = find_model(catalogue, AssetRef(name="nothing", hashes=sha(dog.hashes.sha256[:10])), "checkpoint")
    assert match.entry.path == dog.path


def test_files_of_the_name_are_hashed_first(catalogue: Catalogue, models: Path, tmp_path: Path) -> None:
    with open_catalogue(tmp_path / "other.sqlite") as other:
        dog = hashed(other, models, "checkpoints/dog.safetensors")
    find_model(catalogue, AssetRef(name="dog", hashes=sha(dog.hashes.sha256)), "checkpoint")
    assert [entry.name for entry in catalogue.entries() if entry.hashed] == ["dog"]


def test_networks_are_found_by_the_hash_of_their_weights(catalogue: Catalogue, models: Path) -> None:
    lora = hashed(catalogue, models, "loras/cat.safetensors")
    wanted = (Hash(algorithm="addnet", hex=lora.hashes.addnet[:12]),)
    assert find_model(catalogue, AssetRef(name="renamed", hashes=wanted), "network").entry.path == lora.path


def test_a_name_is_looked_up_among_files_of_its_kind(catalogue: Catalogue, models: Path) -> None:
    assert find_model(catalogue, AssetRef(name="CAT"), "network").entry.path == models / "loras" / "cat.safetensors"


def test_networks_go_by_the_name_their_trainer_gave(catalogue: Catalogue, models: Path) -> None:
    assert find_model(catalogue, AssetRef(name="Fluffy"), "network").entry.path.name == "cat.safetensors"


@pytest.mark.parametrize("name", ["new/cat.safetensors", "new\\cat.safetensors", "New/cat"])
def test_a_folder_in_the_name_decides_between_files_of_one_name(catalogue: Catalogue, models: Path, name: str) -> None:
    match = find_model(catalogue, AssetRef(name=name), "checkpoint")
    assert (match.entry.path, match.diagnostics) == (models / "checkpoints" / "new" / "cat.safetensors", ())


@pytest.mark.parametrize("name", ["../../etc/dog", "/etc/dog", "C:\\dog.safetensors"])
def test_a_path_is_never_opened_but_said(catalogue: Catalogue, models: Path, name: str) -> None:
    match = find_model(catalogue, AssetRef(name=name), "checkpoint")
    assert match.entry.path == models / "checkpoints" / "dog.safetensors"
    assert [item.code for item in match.diagnostics] == ["PC533"]


def test_a_file_of_the_name_with_another_hash_is_said(catalogue: Catalogue) -> None:
    match = find_model(catalogue, AssetRef(name="dog", hashes=sha("0123456789")), "checkpoint")
    assert [item.code for item in match.diagnostics] == ["PC532"]


def test_what_is_not_there_is_said_with_where_and_what_is_close(catalogue: Catalogue, models: Path) -> None:
    with pytest.raises(ModelNotFound) as caught:
        find_model(catalogue, AssetRef(name="dogg", hashes=sha("abcdef0123")), "checkpoint")
    said = caught.value.diagnostics[0]
    assert said.message == "no checkpoint is called `dogg` or of the hash `abcdef0123`"
    assert said.help == "did you mean `dog.safetensors`?"
    assert str(models) in said.notes[0]


def test_a_hash_that_begins_alike_is_close(catalogue: Catalogue, models: Path) -> None:
    dog = hashed(catalogue, models, "checkpoints/dog.safetensors")
    with pytest.raises(ModelNotFound) as caught:
        find_model(catalogue, AssetRef(hashes=sha(dog.hashes.sha256[:5] + "ffffff")), "checkpoint")
    assert caught.value.diagnostics[0].help == "did you mean `dog.safetensors`?"


@pytest.fixture
def other(catalogue: Catalogue, tmp_path: Path) -> Path:
    """A folder scanned later, whose files come behind the others."""
    folder = tmp_path / "other"
    write(folder / "dog.safetensors", SD1, fill=b"\3")
    scan(catalogue, [folder], hashing=False)
    return folder


def test_of_one_name_the_file_in_the_folder_of_this_call_is_taken(catalogue: Catalogue, other: Path) -> None:
    assert Finder(catalogue, first=[other]).find(AssetRef(name="x/dog"), "checkpoint") == other / "dog.safetensors"


def test_of_two_learned_words_the_one_in_the_folder_of_this_call_is_meant(catalogue: Catalogue, tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("early", "late")]
    for folder in folders:
        write(folder / "embeddings" / "soft.safetensors", {"emb_params": (2, 768)})
    scan(catalogue, folders, hashing=False)
    assert [path.parents[1].name for _, path in Finder(catalogue, first=folders[1:]).words()] == ["late"]


def test_the_folder_given_first_goes_first(catalogue: Catalogue, models: Path, other: Path) -> None:
    found = Finder(catalogue, first=[models, other]).find(AssetRef(name="dog"), "checkpoint")
    assert found == models / "checkpoints" / "dog.safetensors"


def test_a_hash_goes_before_the_folder_of_this_call(catalogue: Catalogue, models: Path, other: Path) -> None:
    dog = hashed(catalogue, models, "checkpoints/dog.safetensors")
    asset = AssetRef(name="dog", hashes=sha(dog.hashes.sha256))
    assert Finder(catalogue, first=[other]).find(asset, "checkpoint") == dog.path


def test_another_kind_is_never_taken_but_named(catalogue: Catalogue, models: Path) -> None:
    with pytest.raises(ModelNotFound, match=r"soft\.safetensors` is a VAE, not a checkpoint"):
        find_model(catalogue, AssetRef(name="soft"), "checkpoint")


@pytest.mark.parametrize("name", ["half", "half.safetensors", "sub/half.safetensors"])
def test_a_damaged_file_of_the_name_is_what_is_told(catalogue: Catalogue, models: Path, name: str) -> None:
    (models / "half.safetensors").write_bytes(b"<!DOCTYPE html>")
    with pytest.raises(ModelNotFound) as caught:
        find_model(catalogue, AssetRef(name=name), "checkpoint")
    assert [item.code for item in caught.value.diagnostics] == ["PC521"]


@pytest.mark.parametrize("digits", [8, 10, 64])
def test_any_hash_finds_a_file(catalogue: Catalogue, models: Path, digits: int) -> None:
    dog = hashed(catalogue, models, "checkpoints/dog.safetensors")
    assert [entry.path for entry in look_up(catalogue, dog.hashes.sha256[:digits].upper())] == [dog.path]


def test_a_name_finds_files_of_every_kind(catalogue: Catalogue) -> None:
    assert {entry.kind for entry in look_up(catalogue, "cat")} == {"checkpoint", "network"}


def test_an_asset_with_a_path_is_that_path(catalogue: Catalogue, models: Path) -> None:
    path = models / "vae" / "soft.safetensors"
    assert Finder(catalogue).find(AssetRef(name="any", path=str(path)), "vae") == path


def test_the_finder_collects_what_is_to_be_said(catalogue: Catalogue) -> None:
    finder = Finder(catalogue)
    finder.find(AssetRef(name="up/dog"), "checkpoint")
    assert [item.code for item in finder.said] == ["PC533"]


def test_a_job_is_resolved_kind_by_kind(catalogue: Catalogue, models: Path) -> None:
    job = Job(assets=Assets(checkpoint=AssetRef(name="dog"), networks=(AssetRef(name="cat"),)))
    resolved = resolve_job(job, catalogue.known()).assets
    assert resolved.networks[0].path == str(models / "loras" / "cat.safetensors")
    assert resolved.checkpoint is not None
    assert resolved.checkpoint.status == "found"


def test_the_catalogue_works_without_the_runner_s_libraries() -> None:
    probe = "import sys, paramc.commands.models, paramc.runtime.catalogue.find; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True, cwd=ROOT)
    assert not {"torch", "numpy", "safetensors", "diffusers", "transformers"} & set(done.stdout.split())
