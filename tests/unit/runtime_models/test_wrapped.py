"""Files whose names all stand under one more name are what they are without it."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("diffusers")

import torch
from torch import Tensor

from paramc.runtime.catalogue.errors import ModelError
from paramc.runtime.catalogue.header import read_header
from paramc.runtime.catalogue.signs import identify
from paramc.runtime.models.vae import load_vae
from tests.unit.runtime_execute.families import flux_shapes, t5_shapes
from tests.unit.runtime_execute.newest import language_shapes
from tests.unit.runtime_models.test_network_layouts import loaded
from tests.unit.runtime_models.tiny import SDXL, Shapes, clip_shapes, filled, save, under, unet_shapes, vae_shapes

pytestmark = pytest.mark.sdk

LAYER = "double_blocks.0.img_attn.qkv"


@pytest.mark.parametrize("prefix", ["transformer.", "diffusion_model.", "unet.", "net.", "module.", "model."])
def test_a_diffusion_model_under_another_name_is_known(prefix: str, tmp_path: Path) -> None:
    for base, shapes in (("flux", flux_shapes()), ("sdxl", unet_shapes(SDXL))):
        file = save(
            tmp_path / "a.safetensors", {name: torch.empty(shape) for name, shape in under(prefix, shapes).items()}
        )
        header = read_header(file)
        assert identify(header)[::2] == ("diffusion_model", base)
        assert header.tensors.keys() == shapes.keys()


@pytest.mark.parametrize("prefix", ["transformer.", "model.diffusion_model."])
def test_a_diffusion_model_by_the_names_of_diffusers_under_another_name_is_loaded(prefix: str, tmp_path: Path) -> None:
    plain = loaded(save(tmp_path / "plain.safetensors", filled(flux_shapes())), "flux").state_dict()
    file = save(tmp_path / "a.safetensors", {prefix + name: weight for name, weight in plain.items()})
    assert identify(read_header(file))[::2] == ("diffusion_model", "flux")
    found = loaded(file, "flux").state_dict()
    assert all(torch.equal(found[name], weight) for name, weight in plain.items())


def test_a_scale_beside_a_weight_moves_with_it(tmp_path: Path) -> None:
    weights = filled(flux_shapes())
    weights[f"{LAYER}.weight"] = (weights[f"{LAYER}.weight"] * 16).to(torch.float8_e4m3fn)
    weights[f"{LAYER}.scale_weight"] = torch.tensor([0.5])
    plain = loaded(save(tmp_path / "plain.safetensors", weights), "flux").state_dict()
    file = save(tmp_path / "a.safetensors", {f"transformer.{name}": weight for name, weight in weights.items()})
    found = loaded(file, "flux").state_dict()
    assert all(torch.equal(found[name], weight) for name, weight in plain.items())


@pytest.mark.parametrize(
    ("prefix", "shapes", "kind"),
    [
        ("transformer.", clip_shapes(8, 1), "text_encoder"),
        ("cond_stage_model.transformer.", clip_shapes(8, 1), "text_encoder"),
        ("text_encoders.t5xxl.transformer.", t5_shapes(8, 1), "text_encoder"),
        ("text_encoder_2.", t5_shapes(8, 1), "text_encoder"),
        ("vae.", vae_shapes(), "vae"),
        ("transformer.blocks.", {"0.to_q.lora_A.weight": (2, 4), "0.to_q.lora_B.weight": (4, 2)}, "network"),
        ("transformer.", {"word.weight": (2, 4)}, "unknown"),
    ],
)
def test_other_files_are_known_under_another_name(prefix: str, shapes: Shapes, kind: str, tmp_path: Path) -> None:
    header = read_header(save(tmp_path / "a.safetensors", filled(under(prefix, shapes))))
    assert identify(header).kind == kind
    assert all(name.startswith(prefix) for name in header.tensors) is (kind in ("network", "unknown"))


@pytest.mark.parametrize("prefix", ["model.language_model.", "language_model.model."])
def test_a_language_model_beside_an_eye_is_known(prefix: str, tmp_path: Path) -> None:
    shapes = under(prefix, language_shapes("qwen2", 256)) | {"model.visual.blocks.0.attn.qkv.weight": (4, 4)}
    header = read_header(save(tmp_path / "a.safetensors", filled(shapes)))
    assert identify(header).kind == "text_encoder"
    assert {"model.layers.0.self_attn.q_proj.weight", "model.visual.blocks.0.attn.qkv.weight"} <= header.tensors.keys()


def test_a_decoder_for_previews_is_called_that(tmp_path: Path) -> None:
    for name in ("decoder.layers.0.weight", "taesd_decoder.1.weight"):
        with pytest.raises(ModelError, match="decoder for previews"):
            load_vae(save(tmp_path / "a.safetensors", {name: torch.zeros(4, 4, 3, 3)}))


FORMATS: Mapping[str, Callable[[], dict[str, Tensor]]] = {
    "NVFP4": lambda: {"weight": torch.zeros(4, 2, dtype=torch.uint8), "weight_scale_2": torch.tensor(1.0)},
    "MXFP8": lambda: {"weight": torch.zeros(4, 4), "weight_scale": torch.zeros(4, 1, dtype=torch.uint8)},
    "SVDQuant (Nunchaku)": lambda: {"qweight": torch.zeros(4, 2, dtype=torch.int8), "wscales": torch.zeros(1, 4)},
    "quanto": lambda: {"weight._data": torch.zeros(4, 4, dtype=torch.int8), "weight._scale": torch.zeros(4, 1)},
}


@pytest.mark.parametrize("title", FORMATS)
def test_a_format_that_is_not_read_is_named(title: str, tmp_path: Path) -> None:
    file = save(tmp_path / "a.safetensors", {f"{LAYER}.{name}": tensor for name, tensor in FORMATS[title]().items()})
    with pytest.raises(ModelError) as caught:
        read_header(file)
    assert (caught.value.diagnostics[0].code, title in caught.value.diagnostics[0].message) == ("PC583", True)
