"""Models of few weights and nets beside them, written once."""

import pytest

pytest.importorskip("torch")
pytest.importorskip("diffusers")
pytest.importorskip("transformers")

from collections.abc import Iterator
from pathlib import Path

from paramc.runtime.execute.runner import Runner
from tests.unit.runtime_control.tiny import authors_names, diffusers_adapter, diffusers_net, state, write_control
from tests.unit.runtime_execute.tiny import write_tiny_model
from tests.unit.runtime_models.tiny import save


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    write_tiny_model(folder / "tiny.safetensors")
    write_control(folder / "ControlNet" / "lines.safetensors")
    save(folder / "ControlNet" / "depth.safetensors", state(diffusers_net()))
    save(folder / "ControlNet" / "sketch.safetensors", authors_names(state(diffusers_adapter())))
    return folder


@pytest.fixture(scope="session")
def runner(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PARAMC_HOME", str(tmp_path_factory.mktemp("home")))
        yield Runner([models], device="cpu", rng="cpu")
