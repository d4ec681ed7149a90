"""Models of few weights and nets beside them, written once."""

import pytest

pytest.importorskip("torch")
pytest.importorskip("diffusers")
pytest.importorskip("transformers")

from collections.abc import Iterator
from pathlib import Path

import torch
from safetensors.torch import load_file

from paramc.runtime.execute.runner import Runner
from tests.unit.runtime_control.tiny import (
    authors_names,
    control_lora,
    control_shapes,
    diffusers_adapter,
    diffusers_net,
    laid_on,
    state,
    write_control,
)
from tests.unit.runtime_execute.tiny import write_tiny_model
from tests.unit.runtime_models.tiny import filled, save

QUERY = "lora_unet_input_blocks_1_1_transformer_blocks_0_attn1_to_q"


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    write_tiny_model(folder / "tiny.safetensors")
    write_control(folder / "ControlNet" / "lines.safetensors")
    save(folder / "ControlNet" / "depth.safetensors", state(diffusers_net()))
    corrections, model = control_lora(), load_file(folder / "tiny.safetensors")
    save(folder / "ControlNet" / "rank.safetensors", corrections)
    save(folder / "ControlNet" / "ranked.safetensors", laid_on(corrections, model))
    differences = filled(control_shapes(), 11)
    save(folder / "ControlNet" / "diff.safetensors", {"difference": torch.zeros(0), **differences})
    added = {
        name: model.get(f"model.diffusion_model.{name}", torch.zeros(())) + part for name, part in differences.items()
    }
    save(folder / "ControlNet" / "differed.safetensors", added)
    shapes = {f"{QUERY}.lora_up.weight": (32, 2), f"{QUERY}.lora_down.weight": (2, 32)}
    save(folder / "Lora" / "ink.safetensors", {name: 5 * part for name, part in filled(shapes, 3).items()})
    save(folder / "ControlNet" / "sketch.safetensors", authors_names(state(diffusers_adapter())))
    return folder


@pytest.fixture(scope="session")
def runner(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PARAMC_HOME", str(tmp_path_factory.mktemp("home")))
        yield Runner([models], device="cpu", rng="cpu")
