"""Models of few weights that really paint, written once for all tests."""

import pytest

pytest.importorskip("torch")
pytest.importorskip("diffusers")
pytest.importorskip("transformers")

from collections.abc import Iterator
from pathlib import Path

from paramc.runtime.execute.runner import Runner
from tests.unit.runtime_execute.tiny import write_tiny_model


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    write_tiny_model(folder / "tiny.safetensors")
    write_tiny_model(folder / "other.safetensors", seed=1)
    write_tiny_model(folder / "painter.safetensors", channels=9)
    return folder


@pytest.fixture(scope="session")
def runner(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PARAMC_HOME", str(tmp_path_factory.mktemp("home")))
        yield Runner([models], device="cpu", rng="cpu")


@pytest.fixture
def own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """A catalogue that knows no files of other tests, nor of the user."""
    monkeypatch.setenv("PARAMC_HOME", str(tmp_path_factory.mktemp("home")))
