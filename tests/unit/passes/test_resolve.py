"""Files are found by hash first, then by name, and a hash that disagrees is said."""

import pytest

from paramc import Job
from paramc.ir.assets import AssetRef, Assets, Hash
from paramc.passes.resolve import Catalogue, resolve_job


def sha(digits: str) -> tuple[Hash, ...]:
    return (Hash(algorithm="sha256", hex=digits),)


CATALOGUE = Catalogue(
    (
        AssetRef(name="sub/cat_v2.safetensors", path="m/cat_v2.safetensors", hashes=sha("aa11bb22cc33dd44")),
        AssetRef(name="dog.ckpt", path="m/dog.ckpt", hashes=sha("0123456789abcdef")),
    )
)


@pytest.mark.parametrize(
    ("asset", "path", "status"),
    [
        (AssetRef(name="renamed", hashes=sha("AA11BB22CC")), "m/cat_v2.safetensors", "found"),
        (AssetRef(name="Cat_v2"), "m/cat_v2.safetensors", "found"),
        (AssetRef(name="dog", hashes=sha("ffffffffff")), "m/dog.ckpt", "mismatch"),
        (AssetRef(name="bird"), None, "missing"),
        (AssetRef(hashes=sha("aa11")), None, "missing"),
    ],
)
def test_a_checkpoint_is_looked_up(asset: AssetRef, path: str | None, status: str) -> None:
    found = resolve_job(Job(assets=Assets(checkpoint=asset)), CATALOGUE).assets.checkpoint
    assert found is not None
    assert (found.path, found.status) == (path, status)


def test_an_empty_catalogue_changes_nothing() -> None:
    job = Job(assets=Assets(checkpoint=AssetRef(name="cat")))
    assert resolve_job(job, Catalogue()) is job


def test_networks_are_looked_up_one_by_one() -> None:
    job = Job(assets=Assets(networks=(AssetRef(name="dog"), AssetRef(name="bird"))))
    assert [asset.status for asset in resolve_job(job, CATALOGUE).assets.networks] == ["found", "missing"]
