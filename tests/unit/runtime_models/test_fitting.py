"""Files whose tensors have the names of a kind, and shapes that no model of it has."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("diffusers")
pytest.importorskip("transformers")

import torch

from paramc.runtime.catalogue.errors import ModelError
from paramc.runtime.control.depth import load_depth
from paramc.runtime.control.image_encoder import load_image_encoder
from paramc.runtime.control.nets import load_net
from paramc.runtime.models.checkpoint import load_checkpoint
from paramc.runtime.models.fitting import fitting, require_bounds
from paramc.runtime.models.folder import folder_texts, folder_transformer, folder_unet, folder_vae
from paramc.runtime.models.vae import load_vae
from tests.unit.catalogue.files import SD1
from tests.unit.runtime_models.tiny import save

pytestmark = pytest.mark.sdk

Shape = tuple[int, ...]


def text_of(folder: Path, dtype: torch.dtype, device: str) -> object:
    """The text encoder in a folder of that name."""
    return folder_texts(folder.parent, dtype, device)


VISION = "vision_model.embeddings."
FLUX = "ip_adapter_proj_model.proj.weight"
SD3 = {"ip_adapter.0.norm_ip.linear.weight": (4, 4)}


@pytest.mark.parametrize(
    ("load", "shapes"),
    [
        (load_depth, {"pretrained.cls_token": (1, 1, 64)}),
        (load_depth, {"pretrained.cls_token": ()}),
        (load_image_encoder, {"visual_projection.weight": (4, 4)}),
        (load_image_encoder, {"vision_model.head.probe": (1, 1, 4)}),
        (load_image_encoder, {"visual_projection.weight": (4, 4), f"{VISION}position_embedding.weight": (5, 100)}),
        (partial(load_vae, base="sana"), {"encoder.down_blocks.0.0.norm.weight": (4,)}),
        (partial(load_vae, base="sana"), {f"encoder.down_blocks.{block}.0.norm.weight": (4,) for block in (5, 900)}),
        (partial(load_vae, base="sana"), {f"encoder.down_blocks.{'9' * 5000}.0.norm.weight": (4,)}),
        (partial(load_net, base="flux"), {FLUX: (8, 4)}),
        (partial(load_net, base="flux"), {FLUX: ()}),
        (partial(load_net, base="sd3"), {**SD3, "image_proj.proj_in.weight": (4, 4)}),
        (partial(load_net, base="sd3"), {**SD3, "image_proj.proj_in.weight": (4,)}),
    ],
)
def test_parts_that_do_not_go_together_are_refused(
    tmp_path: Path, load: Callable[..., object], shapes: dict[str, Shape]
) -> None:
    path = save(tmp_path / "odd.safetensors", {name: torch.zeros(shape) for name, shape in shapes.items()})
    with pytest.raises(ModelError) as caught:
        load(path, dtype=torch.float32, device="cpu")
    assert caught.value.diagnostics[0].code == "PC521"


def test_an_exhausted_memory_is_no_fault_of_the_file() -> None:
    with pytest.raises(torch.OutOfMemoryError), fitting(Path("model.safetensors")):
        raise torch.OutOfMemoryError


FOLDERS: dict[str, tuple[Callable[[Path, torch.dtype, str], object], dict[str, object]]] = {
    "unet": (folder_unet, {"layers_per_block": 10**9}),
    "unet levels": (folder_unet, {"transformer_layers_per_block": [1, [10**9], 1, 1]}),
    "unet of words": (folder_unet, {"layers_per_block": "x"}),
    "vae": (folder_vae, {"layers_per_block": 10**9, "block_out_channels": [32]}),
    "flux": (folder_transformer, {"_class_name": "FluxTransformer2DModel", "num_layers": 10**9}),
    "chroma": (folder_transformer, {"_class_name": "ChromaTransformer2DModel", "approximator_num_channels": 10**9}),
    "lumina": (folder_transformer, {"_class_name": "Lumina2Transformer2DModel", "axes_lens": [10**9, 1, 1]}),
    "z": (folder_transformer, {"_class_name": "ZImageTransformer2DModel", "axes_lens": "x"}),
    "pixart": (folder_transformer, {"_class_name": "PixArtTransformer2DModel", "activation_fn": "x"}),
    "clip": (text_of, {"num_hidden_layers": 10**9}),
    "clip of no heads": (text_of, {"num_attention_heads": 0}),
    "t5": (text_of, {"architectures": ["T5EncoderModel"], "num_layers": 10**9}),
    "language": (text_of, {"architectures": ["Qwen3Model"], "text_config": {"num_hidden_layers": 10**9}}),
}


@pytest.mark.parametrize("kind", FOLDERS)
def test_settings_that_no_model_can_have_are_refused_before_it_is_laid_out(tmp_path: Path, kind: str) -> None:
    load, settings = FOLDERS[kind]
    folder = tmp_path / "text_encoder"
    folder.mkdir()
    save(folder / "model.safetensors", {"weight": torch.zeros(1)})
    (folder / "config.json").write_text(json.dumps(settings))
    with pytest.raises(ModelError) as caught:
        load(folder, torch.float32, "cpu")
    (said,) = caught.value.diagnostics
    assert said.code == "PC521"
    assert said.message.endswith("config.json` cannot be read as a model file: its settings do not go together")


def test_settings_of_today_are_in_bounds() -> None:
    require_bounds(
        {"block_out_channels": [320, 1280], "num_layers": 60, "sample_size": 1024, "max_window_layers": 80}, 9
    )


def test_a_unet_of_no_levels_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="its parts do not go together"):
        load_checkpoint(save(tmp_path / "a.safetensors", {name: torch.zeros(shape) for name, shape in SD1.items()}))
