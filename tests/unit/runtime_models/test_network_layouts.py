"""Every family's networks in the layouts that trainers write, against files whose weights already have them."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple, cast

import pytest

pytest.importorskip("torch")
pytest.importorskip("diffusers")

import torch
from _pytest.mark.structures import ParameterSet
from torch import Tensor, nn

from paramc.runtime.catalogue.errors import ModelError
from paramc.runtime.models.bases import base_of
from paramc.runtime.models.blueprint import fill
from paramc.runtime.models.checkpoint import Checkpoint
from paramc.runtime.models.networks import Applied, Networks, load_network
from paramc.runtime.models.original import unet_blueprint
from paramc.runtime.models.tensors import open_tensors
from paramc.runtime.models.transformers import transformer_blueprint
from tests.unit.runtime_execute.families import flux_shapes, sd3_shapes
from tests.unit.runtime_execute.latest import kolors_shapes, sana_shapes
from tests.unit.runtime_execute.newest import (
    auraflow_shapes,
    chroma_shapes,
    flux2_shapes,
    hidream_shapes,
    lumina2_shapes,
    pixart_shapes,
    qwen_image_shapes,
    z_image_shapes,
)
from tests.unit.runtime_models.tiny import SD1, SD2, SDXL, Shapes, filled, save, unet_shapes

pytestmark = pytest.mark.sdk

STRENGTH = 0.7
ALPHA = 3.0
RANK = 2

FAMILIES: Mapping[str, Callable[[], Shapes]] = {
    "sd1": lambda: unet_shapes(SD1),
    "sd2": lambda: unet_shapes(SD2),
    "sdxl": lambda: unet_shapes(SDXL),
    "kolors": kolors_shapes,
    "sd3": sd3_shapes,
    "flux": flux_shapes,
    "chroma": chroma_shapes,
    "flux2": lambda: flux2_shapes(guided=True),
    "flux2-klein": flux2_shapes,
    "z-image": z_image_shapes,
    "qwen-image": qwen_image_shapes,
    "lumina2": lumina2_shapes,
    "auraflow": auraflow_shapes,
    "pixart": pixart_shapes,
    "sana": sana_shapes,
    "hidream": hidream_shapes,
}
NO_LAYER = ("pos_embed", "positional_encoding", "register_tokens", "y_embedding", "table", "_token", "gate.weight")


DIFFSYNTH = {
    "double_blocks.0.img_mod.lin": "blocks.0.norm1_a.linear",
    "double_blocks.0.txt_mod.lin": "blocks.0.norm1_b.linear",
    "double_blocks.0.img_attn.qkv": "blocks.0.attn.a_to_qkv",
    "double_blocks.0.txt_attn.qkv": "blocks.0.attn.b_to_qkv",
    "double_blocks.0.img_attn.proj": "blocks.0.attn.a_to_out",
    "double_blocks.0.txt_attn.proj": "blocks.0.attn.b_to_out",
    "double_blocks.0.img_mlp.0": "blocks.0.ff_a.0",
    "double_blocks.0.img_mlp.2": "blocks.0.ff_a.2",
    "double_blocks.0.txt_mlp.0": "blocks.0.ff_b.0",
    "double_blocks.0.txt_mlp.2": "blocks.0.ff_b.2",
    "single_blocks.0.modulation.lin": "single_blocks.0.norm.linear",
    "single_blocks.0.linear1": "single_blocks.0.to_qkv_mlp",
    "single_blocks.0.linear2": "single_blocks.0.proj_out",
}


class Layout(NamedTuple):
    """How a trainer names a layer, and the parts of its low-rank product; `flat`: dots as underscores."""

    prefix: str
    flat: bool
    up: str
    down: str
    alpha: bool


ORIGINAL = {
    "kohya": Layout("lora_unet_", True, "lora_up.weight", "lora_down.weight", True),
    "ai-toolkit": Layout("diffusion_model.", False, "lora_B.weight", "lora_A.weight", False),
    "comfyui": Layout("model.diffusion_model.", False, "lora_up.weight", "lora_down.weight", True),
    "lycoris": Layout("lycoris_", True, "lora_up.weight", "lora_down.weight", True),
    "bare": Layout("", False, "lora_B.weight", "lora_A.weight", False),
}
DIFFUSERS = {
    "diffusers": Layout("transformer.", False, "lora_B.weight", "lora_A.weight", False),
    "diffusers of UNets": Layout("unet.", False, "lora.up.weight", "lora.down.weight", False),
    "onetrainer": Layout("lora_transformer_", True, "lora_up.weight", "lora_down.weight", True),
    "musubi-tuner": Layout("lora_unet_", True, "lora_up.weight", "lora_down.weight", True),
    "peft": Layout("base_model.model.", False, "lora_B.weight", "lora_A.weight", False),
    "peft of pipelines": Layout("base_model.model.transformer.", False, "lora_B.weight", "lora_A.weight", False),
    "simpletuner's lycoris": Layout("lycoris_", True, "lora_up.weight", "lora_down.weight", True),
    "comfyui": Layout("diffusion_model.", False, "lora_up.weight", "lora_down.weight", True),
    "diffsynth": Layout("", False, "lora_B.default.weight", "lora_A.default.weight", False),
    "diffsynth, whole": Layout("pipe.dit.", False, "lora_B.default.weight", "lora_A.default.weight", False),
    "lightning": Layout("", False, "lora_up.weight", "lora_down.weight", True),
    "old diffusers": Layout("transformer.", False, "lora_linear_layer.up.weight", "lora_linear_layer.down.weight", False),
}  # fmt: skip


def loaded(path: Path, base: str) -> nn.Module:
    """The diffusion model of a file."""
    row = base_of(base)
    with open_tensors(path) as file:
        if row.has_unet:
            plan = unet_blueprint(file.header, row, torch.float32)[1]
        else:
            plan = transformer_blueprint(file.header, base, torch.float32)[1]
        fill([plan], file)
        plan.finish(path, "cpu")
    return plan.model


def product(layout: Layout, layer: str, weight: Tensor, seed: int) -> tuple[dict[str, Tensor], Tensor]:
    """The tensors of a layer's network, and what they add at strength 1."""
    key = layout.prefix + (layer.replace(".", "_") if layout.flat else layer)
    up = filled({"": (weight.shape[0], RANK, *(1,) * (weight.dim() - 2))}, seed)[""]
    down = filled({"": (RANK, *weight.shape[1:])}, seed + 1)[""]
    tensors = {f"{key}.{layout.up}": up, f"{key}.{layout.down}": down}
    if layout.alpha:
        tensors[f"{key}.alpha"] = torch.tensor(ALPHA)
    scale = ALPHA / RANK if layout.alpha else 1.0
    return tensors, (up.flatten(1) @ down.flatten(1)).reshape(weight.shape) * scale


def layers(weights: Mapping[str, Tensor]) -> list[str]:
    """What trainers make networks for."""
    return [
        name.removesuffix(".weight")
        for name, weight in weights.items()
        if weight.dim() > 1 and name.endswith(".weight") and not name.endswith(NO_LAYER)
    ]


def compared(
    model: nn.Module, base: str, tensors: dict[str, Tensor], expected: Mapping[str, Tensor], path: Path
) -> None:
    """A network laid over a model gives these weights, and nothing of it is left over."""
    networks = Networks(cast(Checkpoint, SimpleNamespace(unet=model, text_encoders=(), base=base)))
    said = networks.apply([Applied(load_network(save(path, tensors)), STRENGTH, 0.0)])
    found = {name: weight.clone() for name, weight in model.state_dict().items()}
    networks.remove()
    assert [item.message for item in said] == []
    assert max((found[name] - weight).abs().max().item() for name, weight in expected.items()) <= 1e-6


def made(layouts: Sequence[Layout], weights: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """A network for all layers, in each layout in turn, and the weights that it gives."""
    tensors, changed = dict[str, Tensor](), dict(weights)
    for number, layer in enumerate(layers(weights)):
        parts, delta = product(layouts[number % len(layouts)], layer, weights[f"{layer}.weight"], number)
        tensors |= parts
        changed[f"{layer}.weight"] = weights[f"{layer}.weight"] + STRENGTH * delta
    return tensors, changed


@pytest.fixture(scope="module", params=FAMILIES)
def family(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def model(family: str, tmp_path_factory: pytest.TempPathFactory) -> nn.Module:
    return loaded(save(tmp_path_factory.mktemp(family) / "model.safetensors", filled(FAMILIES[family]())), family)


def single(layouts: Mapping[str, Layout]) -> list[ParameterSet]:
    """All layouts in one file, which is quick, and each in a file of its own."""
    alone = [pytest.param([row], id=name, marks=pytest.mark.slow) for name, row in layouts.items()]
    return [pytest.param(list(layouts.values()), id="in turn"), *alone]


@pytest.mark.parametrize("layouts", single(ORIGINAL))
def test_a_network_by_the_names_of_a_familys_authors_is_applied_as_it_is_meant(
    family: str, model: nn.Module, layouts: list[Layout], tmp_path: Path
) -> None:
    tensors, changed = made(layouts, filled(FAMILIES[family]()))
    expected = loaded(save(tmp_path / "changed.safetensors", changed), family).state_dict()
    compared(model, family, tensors, expected, tmp_path / "net.safetensors")


@pytest.mark.parametrize("layouts", single(DIFFUSERS))
def test_a_network_by_the_names_of_diffusers_is_applied_as_it_is_meant(
    family: str, model: nn.Module, layouts: list[Layout], tmp_path: Path
) -> None:
    tensors, expected = made(layouts, {name: weight.clone() for name, weight in model.state_dict().items()})
    compared(model, family, tensors, expected, tmp_path / "net.safetensors")


def test_a_network_by_the_names_of_diffsynth_is_applied_as_it_is_meant(tmp_path: Path) -> None:
    weights = filled(flux_shapes())
    file = save(tmp_path / "model.safetensors", weights)
    tensors, changed = dict[str, Tensor](), dict(weights)
    for number, (layer, name) in enumerate(DIFFSYNTH.items()):
        parts, delta = product(ORIGINAL["bare"], layer, weights[f"{layer}.weight"], number)
        tensors |= {part.replace(layer, name).replace("_A.", "_A.default."): tensor for part, tensor in parts.items()}
        changed[f"{layer}.weight"] = weights[f"{layer}.weight"] + STRENGTH * delta
    expected = loaded(save(tmp_path / "changed.safetensors", changed), "flux").state_dict()
    compared(loaded(file, "flux"), "flux", tensors, expected, tmp_path / "net.safetensors")


def test_encoders_beside_a_transformer_do_not_make_its_network_one_for_sdxl(tmp_path: Path) -> None:
    model = loaded(save(tmp_path / "model.safetensors", filled(sd3_shapes())), "sd3")
    for prefix, text in (("transformer.", "text_encoder_2."), ("lora_transformer_", "lora_te2_")):
        layers = (f"{prefix}transformer_blocks.0.attn.to_q", f"{text}text_model.encoder.layers.0.mlp.fc1")
        tensors = {
            f"{layer.replace('.', '_') if prefix.endswith('_') else layer}.{part}.weight": torch.ones(shape)
            for layer in layers
            for part, shape in (("lora_up", (128, 1)), ("lora_down", (1, 128)))
        }
        network = load_network(save(tmp_path / "net.safetensors", tensors))
        networks = Networks(cast(Checkpoint, SimpleNamespace(unet=model, text_encoders=(), base="sd3")))
        assert [item.code for item in networks.apply([Applied(network, 1.0, 1.0)])] == [
            "PC531"
        ]  # the encoder is missing


def test_a_file_of_nothing_but_scales_is_no_network(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="is no network"):
        load_network(save(tmp_path / "net.safetensors", {"decoder.act.alpha": torch.ones(4)}))
