"""Small checkpoints that several tests read."""

import pytest

pytest.importorskip("torch")
pytest.importorskip("diffusers")
pytest.importorskip("transformers")

from pathlib import Path

from paramc.runtime.models.checkpoint import Checkpoint, load_checkpoint
from tests.unit.runtime_models.tiny import filled, save, sd1_shapes


@pytest.fixture(scope="session")
def sd1_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("sd1") / "tiny.safetensors", filled(sd1_shapes()))


@pytest.fixture
def sd1(sd1_file: Path) -> Checkpoint:
    return load_checkpoint(sd1_file)
