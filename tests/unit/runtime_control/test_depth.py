"""Depth by models of few layers, against the classes and the preparation of transformers."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("diffusers")
pytest.importorskip("transformers")

import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from transformers import (
    DepthAnythingConfig,
    DepthAnythingForDepthEstimation,
    Dinov2Config,
    DPTConfig,
    DPTForDepthEstimation,
    DPTImageProcessorPil,
)

from paramc.diagnostics.model import RunError
from paramc.runtime.catalogue.errors import ModelError
from paramc.runtime.control.depth import load_depth
from paramc.runtime.execute.runner import Runner
from tests.unit.runtime_control.test_running import distance, final_latent, job, picture, seen_of, steady, unit
from tests.unit.runtime_control.test_transformer_nets import random
from tests.unit.runtime_control.tiny import state
from tests.unit.runtime_models.tiny import save

pytestmark = pytest.mark.sdk
__all__ = ["picture"]  # a fixture

WIDTH = 64
PREPARATION = {"size": {"height": 70, "width": 70}, "keep_aspect_ratio": True, "ensure_multiple_of": 14}
SPREADS = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}
Estimator = DepthAnythingForDepthEstimation | DPTForDepthEstimation


def anything(layers: int = 4, stages: tuple[int, ...] = (1, 2, 3, 4), kind: str = "relative") -> Estimator:
    backbone = Dinov2Config(
        hidden_size=WIDTH, num_hidden_layers=layers, num_attention_heads=1, image_size=28, patch_size=14, mlp_ratio=2,
        reshape_hidden_states=False, out_features=[f"stage{stage}" for stage in stages],
    )  # fmt: skip
    model = random(
        DepthAnythingForDepthEstimation(
            DepthAnythingConfig(
                backbone_config=backbone, reassemble_hidden_size=WIDTH, neck_hidden_sizes=[8, 8, 8, 8],
                fusion_hidden_size=8, head_hidden_size=4, depth_estimation_type=kind, max_depth=10,
            )
        )
    )  # fmt: skip
    with torch.no_grad():
        model.head.conv2.bias.fill_(1)  # depths below 0 are cut off, and all would be black
        model.head.conv3.weight.abs_()
    return model


def dpt() -> Estimator:
    return random(
        DPTForDepthEstimation(
            DPTConfig(
                hidden_size=32, num_hidden_layers=4, num_attention_heads=2, intermediate_size=48, image_size=32,
                backbone_out_indices=[0, 1, 2, 3], neck_hidden_sizes=[8, 8, 8, 8], fusion_hidden_size=8,
            )
        )
    )  # fmt: skip


def older_names(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """As the published folders of Depth Anything have them."""
    words = {part[0]: part for part in ("query", "key", "value")}
    made = {}
    for name, weight in weights.items():
        for letter, word in words.items():
            name = name.replace(f"attention.{letter}_proj", f"attention.attention.{word}")
        made[name.replace("attention.o_proj", "attention.output.dense")] = weight
    return made


def authors_names(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """As the authors of Depth Anything publish them: queries, keys and values in one tensor."""
    made: dict[str, Tensor] = {}
    for layer in range(sum(name.endswith("norm1.weight") for name in weights)):
        block = f"backbone.encoder.layer.{layer}."
        for leaf in ("weight", "bias"):
            thirds = [weights.pop(f"{block}attention.{part}_proj.{leaf}") for part in "qkv"]
            made[f"pretrained.blocks.{layer}.attn.qkv.{leaf}"] = torch.cat(thirds)
    for name, weight in weights.items():
        own = name.replace("backbone.encoder.layer.", "pretrained.blocks.").replace("attention.o_proj", "attn.proj")
        own = own.replace("layer_scale1.lambda1", "ls1.gamma").replace("layer_scale2.lambda1", "ls2.gamma")
        own = own.replace("backbone.layernorm", "pretrained.norm").replace("backbone.embeddings.", "pretrained.")
        own = own.replace("position_embeddings", "pos_embed").replace("patch_embeddings.projection", "patch_embed.proj")
        for stage in range(4):
            own = own.replace(f"neck.reassemble_stage.layers.{stage}.projection", f"depth_head.projects.{stage}")
            own = own.replace(f"neck.reassemble_stage.layers.{stage}.resize", f"depth_head.resize_layers.{stage}")
            own = own.replace(f"neck.convs.{stage}", f"depth_head.scratch.layer{stage + 1}_rn")
            own = own.replace(f"neck.fusion_stage.layers.{stage}.projection", f"refinenet{4 - stage}.out_conv")
            own = own.replace(f"neck.fusion_stage.layers.{stage}", f"refinenet{4 - stage}")
        own = own.replace("residual_layer", "resConfUnit").replace("convolution", "conv")
        own = own.replace("refinenet", "depth_head.scratch.refinenet").replace("head.conv1", "output_conv1")
        own = own.replace("head.conv2", "output_conv2.0").replace("head.conv3", "output_conv2.2")
        made[f"depth_head.scratch.{own}" if own.startswith("output_conv") else own] = weight
    return made


def folder_of(folder: Path, model: Estimator, preparation: dict[str, object] | None = None) -> Path:
    folder.mkdir(parents=True)
    model.config.save_pretrained(folder)
    if preparation is not None:
        (folder / "preprocessor_config.json").write_text(json.dumps(preparation))
    return save(folder / "model.safetensors", older_names(state(model)))


@torch.no_grad()
def by_hand(model: Estimator, pixels: NDArray[np.uint8], processor: DPTImageProcessorPil) -> NDArray[np.uint8]:
    x = processor(Image.fromarray(pixels), return_tensors="pt").pixel_values
    found = model(x).predicted_depth[None]
    depth = torch.nn.functional.interpolate(found, pixels.shape[:2], mode="bicubic")[0, 0]
    depth = (depth - depth.min()) / (depth.max() - depth.min())
    return (depth * 255).numpy().astype(np.uint8)


@pytest.fixture(scope="module")
def pixels() -> NDArray[np.uint8]:
    rows, columns = np.mgrid[0:64, 0:96]
    return np.stack([rows * 4, columns * 2, (rows * columns) % 256], axis=2).astype(np.uint8)


def close(found: NDArray[np.uint8], expected: NDArray[np.uint8]) -> bool:
    """All channels alike, and nowhere more than a level beside: the last digits may round either way."""
    assert expected.std() > 10
    return bool((np.abs(found.astype(int) - expected[..., None].astype(int)) <= 1).all())


def test_a_folder_of_depth_anything_is_run_as_its_files_say(tmp_path: Path, pixels: NDArray[np.uint8]) -> None:
    path = folder_of(tmp_path / "depth", anything(), PREPARATION | SPREADS)
    found = load_depth(path, dtype=torch.float32, device="cpu")(pixels)
    assert close(found, by_hand(anything(), pixels, DPTImageProcessorPil(**PREPARATION, **SPREADS)))


def test_a_folder_of_dpt_without_a_preparation_is_run_at_its_usual_size(
    tmp_path: Path, pixels: NDArray[np.uint8]
) -> None:
    found = load_depth(folder_of(tmp_path / "midas", dpt()), dtype=torch.float32, device="cpu")(pixels)
    assert close(found, by_hand(dpt(), pixels, DPTImageProcessorPil()))


def test_metres_are_turned_round(tmp_path: Path, pixels: NDArray[np.uint8]) -> None:
    path = folder_of(tmp_path / "metric", anything(kind="metric"), PREPARATION | SPREADS)
    expected = by_hand(anything(kind="metric"), pixels, DPTImageProcessorPil(**PREPARATION, **SPREADS))
    found = load_depth(path, dtype=torch.float32, device="cpu")(pixels)
    assert close(found, 255 - expected)


@pytest.mark.parametrize(
    ("name", "stages"), [("depth_anything_v2_vits", (3, 6, 9, 12)), ("depth_anything_vits14", (9, 10, 11, 12))]
)
def test_a_file_of_the_authors_looks_at_the_layers_of_its_version(
    tmp_path: Path, pixels: NDArray[np.uint8], name: str, stages: tuple[int, ...]
) -> None:
    model = anything(12, stages)
    torch.save(authors_names(state(model)), tmp_path / f"{name}.pth")
    found = load_depth(tmp_path / f"{name}.pth", dtype=torch.float32, device="cpu")(pixels)
    how = {"size": {"height": 518, "width": 518}, "keep_aspect_ratio": True, "ensure_multiple_of": 14}
    assert close(found, by_hand(model, pixels, DPTImageProcessorPil(**how, **SPREADS)))


def test_a_picture_without_depth_is_black(tmp_path: Path) -> None:
    model = anything()
    with torch.no_grad():
        model.head.conv3.weight.zero_()
    path = folder_of(tmp_path / "flat", model, PREPARATION)
    found = load_depth(path, dtype=torch.float32, device="cpu")(np.zeros((1, 3, 3), np.uint8))
    assert found.shape == (1, 3, 3) and not found.any()


@pytest.mark.parametrize("settings", ["[]", "{", '{"model_type": "bert"}', '{"model_type": "dpt", "image_size": "x"}'])
def test_a_folder_that_holds_no_such_model_is_refused(tmp_path: Path, settings: str) -> None:
    path = folder_of(tmp_path / "depth", anything())
    (tmp_path / "depth" / "config.json").write_text(settings)
    with pytest.raises(ModelError) as caught:
        load_depth(path, dtype=torch.float32, device="cpu")
    assert caught.value.diagnostics[0].code == "PC521"


@pytest.mark.parametrize(
    "damage",
    [
        {"patch_size": -1},
        {"patch_size": []},
        {"reassemble_factors": []},
        {"head_in_index": 10**6},
        {"fusion_hidden_size": -1},
        {"max_depth": 2**70, "depth_estimation_type": "metric"},
        {"max_depth": 1e38, "depth_estimation_type": "metric"},
    ],
)
def test_settings_that_do_not_go_together_are_refused_when_they_show(tmp_path: Path, damage: dict[str, object]) -> None:
    path = folder_of(tmp_path / "depth", anything(), PREPARATION | SPREADS)
    config = path.with_name("config.json")
    config.write_text(json.dumps(json.loads(config.read_text()) | damage))
    with pytest.raises(ModelError) as caught:
        load_depth(path, dtype=torch.float32, device="cpu")(np.full((20, 30, 3), 90, np.uint8))
    assert caught.value.diagnostics[0].code == "PC521"


@pytest.mark.parametrize("model", [anything, dpt])
def test_more_layers_than_tensors_are_refused_before_they_are_laid_out(
    tmp_path: Path, model: Callable[[], Estimator]
) -> None:
    path = folder_of(tmp_path / "depth", model())
    config = path.with_name("config.json")
    config.write_text(config.read_text().replace('"num_hidden_layers": 4', '"num_hidden_layers": 1000000000000'))
    with pytest.raises(ModelError) as caught:
        load_depth(path, dtype=torch.float32, device="cpu")
    assert caught.value.diagnostics[0].code == "PC521"


def test_a_unit_is_steered_by_the_depth_of_its_picture(
    models: Path, tmp_path: Path, picture: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PARAMC_HOME", str(tmp_path / "home"))
    folder_of(tmp_path / "more" / "Depth-Anything-Small", anything(), PREPARATION | SPREADS)
    folder_of(tmp_path / "more" / "Depth-Anything-V2-Small", anything(kind="metric"), PREPARATION | SPREADS)
    runner = Runner([models, tmp_path / "more"], device="cpu", rng="cpu")
    seen = seen_of(runner, job(picture, unit(Module="depth_anything", Processor_Res="64")))
    depth = by_hand(anything(), np.asarray(Image.open(picture)), DPTImageProcessorPil(**PREPARATION, **SPREADS))
    hint = torch.from_numpy(depth)[None, None].expand(-1, 3, -1, -1).float() / 255
    assert distance(seen.latents[-1], final_latent(seen, models, hint, [("lines", steady)])) <= 1e-3


def test_a_model_that_is_nowhere_is_named_with_where_it_was_looked_for(
    runner: Runner, models: Path, picture: str
) -> None:
    with pytest.raises(RunError) as error:
        runner.run(job(picture, unit(Module="depth_midas")))
    said = error.value.diagnostics[-1]
    assert (said.code, str(models) in said.message) == ("PC513", True)
