"""Networks in the layouts of FLUX and SD3, laid over diffusers' models as the original weights would take them."""

from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import cast
from unittest.mock import patch

import pytest

pytest.importorskip("torch")
pytest.importorskip("diffusers")

import torch
from diffusers import FluxTransformer2DModel, SD3Transformer2DModel
from diffusers.loaders.lora_conversion_utils import _convert_xlabs_flux_lora_to_diffusers
from diffusers.loaders.single_file_utils import (
    convert_flux_transformer_checkpoint_to_diffusers,
    convert_sd3_transformer_checkpoint_to_diffusers,
)
from torch import Tensor, nn

from paramc.runtime.models.checkpoint import Checkpoint
from paramc.runtime.models.networks import Applied, Networks, load_network
from tests.unit.runtime_models.tiny import Shapes, filled, linear, save

pytestmark = pytest.mark.sdk

WIDTH = 32


def flux() -> nn.Module:
    return FluxTransformer2DModel(
        in_channels=16,
        num_layers=2,
        num_single_layers=2,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=24,
        pooled_projection_dim=20,
        axes_dims_rope=(4, 4, 8),
        guidance_embeds=True,
    )


def sd3() -> nn.Module:
    return SD3Transformer2DModel(
        sample_size=8,
        patch_size=2,
        in_channels=4,
        num_layers=2,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=24,
        caption_projection_dim=WIDTH,
        pooled_projection_dim=20,
        out_channels=4,
        pos_embed_max_size=8,
    )


def flux_shapes() -> Shapes:
    shapes = linear("img_in", WIDTH, 16) | linear("txt_in", WIDTH, 24)
    for name, inputs in (("time_in", 256), ("vector_in", 20), ("guidance_in", 256)):
        shapes |= linear(f"{name}.in_layer", WIDTH, inputs) | linear(f"{name}.out_layer", WIDTH, WIDTH)
    for number in range(2):
        block = f"double_blocks.{number}"
        for side in ("img", "txt"):
            shapes |= linear(f"{block}.{side}_mod.lin", 6 * WIDTH, WIDTH)
            shapes |= linear(f"{block}.{side}_attn.qkv", 3 * WIDTH, WIDTH)
            shapes |= linear(f"{block}.{side}_attn.proj", WIDTH, WIDTH)
            shapes |= {f"{block}.{side}_attn.norm.{part}_norm.scale": (16,) for part in ("query", "key")}
            shapes |= linear(f"{block}.{side}_mlp.0", 4 * WIDTH, WIDTH)
            shapes |= linear(f"{block}.{side}_mlp.2", WIDTH, 4 * WIDTH)
        block = f"single_blocks.{number}"
        shapes |= linear(f"{block}.modulation.lin", 3 * WIDTH, WIDTH) | linear(f"{block}.linear1", 7 * WIDTH, WIDTH)
        shapes |= linear(f"{block}.linear2", WIDTH, 5 * WIDTH)
        shapes |= {f"{block}.norm.{part}_norm.scale": (16,) for part in ("query", "key")}
    return shapes | linear("final_layer.linear", 16, WIDTH) | linear("final_layer.adaLN_modulation.1", 2 * WIDTH, WIDTH)


def sd3_shapes() -> Shapes:
    shapes = {"pos_embed": (1, 64, WIDTH), "x_embedder.proj.weight": (WIDTH, 4, 2, 2), "x_embedder.proj.bias": (WIDTH,)}
    shapes |= linear("context_embedder", WIDTH, 24)
    for name, inputs in (("t_embedder", 256), ("y_embedder", 20)):
        shapes |= linear(f"{name}.mlp.0", WIDTH, inputs) | linear(f"{name}.mlp.2", WIDTH, WIDTH)
    for number in range(2):
        for side in ("x", "context"):
            block, last = f"joint_blocks.{number}.{side}_block", number == 1 and side == "context"
            shapes |= linear(f"{block}.adaLN_modulation.1", (2 if last else 6) * WIDTH, WIDTH)
            shapes |= linear(f"{block}.attn.qkv", 3 * WIDTH, WIDTH)
            if not last:
                shapes |= linear(f"{block}.attn.proj", WIDTH, WIDTH)
                shapes |= linear(f"{block}.mlp.fc1", 4 * WIDTH, WIDTH) | linear(f"{block}.mlp.fc2", WIDTH, 4 * WIDTH)
    return shapes | linear("final_layer.linear", 16, WIDTH) | linear("final_layer.adaLN_modulation.1", 2 * WIDTH, WIDTH)


def convert_flux(checkpoint: dict[str, Tensor]) -> dict[str, Tensor]:
    """What diffusers makes of a checkpoint; it takes every FLUX to be 3072 wide."""

    def split(whole: Tensor, sizes: Sequence[int], dim: int) -> tuple[Tensor, ...]:
        return whole.split([size * WIDTH // 3072 for size in sizes], dim)

    with patch.object(torch, "split", split):
        return convert_flux_transformer_checkpoint_to_diffusers(checkpoint)


Convert = Callable[[dict[str, Tensor]], dict[str, Tensor]]
FAMILIES: dict[str, tuple[Callable[[], nn.Module], Callable[[], Shapes], Convert]] = {
    "flux": (flux, flux_shapes, convert_flux),
    "sd3": (sd3, sd3_shapes, convert_sd3_transformer_checkpoint_to_diffusers),
}


def laid(file: Path, model: nn.Module, base: str) -> Networks:
    """The network of a file over a model alone."""
    networks = Networks(cast(Checkpoint, SimpleNamespace(unet=model, text_encoders=(), base=base)))
    assert networks.apply([Applied(load_network(file), 0.7, 0.0)]) == ()
    return networks


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("prefix", ["lora_unet_", "diffusion_model."])
def test_every_layer_of_the_original_layout_is_changed_as_in_the_original(
    family: str, prefix: str, tmp_path: Path
) -> None:
    build, shapes, convert = FAMILIES[family]
    original = filled(shapes())
    layers = [name.removesuffix(".weight") for name, shape in shapes().items() if len(shape) > 1 and "pos_" not in name]
    tensors, changed = {}, dict(original)
    for seed, layer in enumerate(layers):
        weight = original[f"{layer}.weight"]
        up = filled({"": (weight.shape[0], 2)}, seed)[""]
        down = filled({"": (2, *weight.shape[1:])}, seed + 1)[""]
        key = prefix + (layer.replace(".", "_") if prefix.endswith("_") else layer)
        ends = ("lora_up", "lora_down") if prefix.endswith("_") else ("lora_B", "lora_A")
        tensors |= {f"{key}.{ends[0]}.weight": up, f"{key}.{ends[1]}.weight": down}
        changed[f"{layer}.weight"] = weight + 0.7 * (up @ down.flatten(1)).reshape(weight.shape)
    model = build()
    model.load_state_dict(convert(dict(original)))
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    networks = laid(save(tmp_path / "net.safetensors", tensors), model, family)
    for name, weight in convert(changed).items():
        assert (model.state_dict()[name] - weight).abs().max() <= 1e-6, name
    networks.remove()
    assert all(torch.equal(weight, before[name]) for name, weight in model.state_dict().items())


@pytest.mark.parametrize("prefix", ["transformer.", "lora_transformer_", "base_model.model."])
def test_layers_under_the_names_of_diffusers_are_changed(prefix: str, tmp_path: Path) -> None:
    model = flux()
    before = model.get_parameter("single_transformer_blocks.1.attn.to_k.weight").clone()
    module = "single_transformer_blocks.1.attn.to_k"
    key = prefix + (module.replace(".", "_") if prefix.endswith("_") else module)
    up, down = filled({"": (WIDTH, 2)})[""], filled({"": (2, WIDTH)}, 1)[""]
    laid(save(tmp_path / "net.safetensors", {f"{key}.lora_B.weight": up, f"{key}.lora_A.weight": down}), model, "flux")
    after = model.get_parameter("single_transformer_blocks.1.attn.to_k.weight")
    assert (after - before - 0.7 * up @ down).abs().max() <= 1e-6


def test_lengths_learned_for_three_layers_in_one_belong_to_all_three(tmp_path: Path) -> None:
    model = flux()
    parts = [f"transformer_blocks.0.attn.to_{letter}.weight" for letter in "qkv"]
    before = torch.cat([model.get_parameter(name) for name in parts]).detach().clone()
    up, down, lengths = (
        filled({"": (3 * WIDTH, 2)})[""], filled({"": (2, WIDTH)}, 1)[""], filled({"": (1, WIDTH)}, 2)[""].abs() + 1
    )  # fmt: skip
    key = "lora_unet_double_blocks_0_img_attn_qkv"
    tensors = {f"{key}.lora_up.weight": up, f"{key}.lora_down.weight": down, f"{key}.dora_scale": lengths}
    laid(save(tmp_path / "net.safetensors", tensors), model, "flux")
    moved = before + up @ down
    expected = before + 0.7 * (moved * lengths / moved.norm(dim=0, keepdim=True) - before)
    assert (torch.cat([model.get_parameter(name) for name in parts]) - expected).abs().max() <= 1e-6


def test_an_encoder_of_t5_is_the_third_also_after_one(tmp_path: Path) -> None:
    from transformers import T5Config, T5EncoderModel

    encoder = T5EncoderModel(T5Config(vocab_size=10, d_model=8, d_kv=4, d_ff=8, num_layers=1, num_heads=2))
    checkpoint = SimpleNamespace(unet=flux(), text_encoders=(nn.Identity(), encoder), base="flux")
    name = "encoder.block.0.layer.0.SelfAttention.q"
    before = encoder.get_parameter(f"{name}.weight").clone()
    key = f"lora_te3_{name.replace('.', '_')}"
    up, down = filled({"": (8, 2)})[""], filled({"": (2, 8)}, 1)[""]
    file = save(tmp_path / "net.safetensors", {f"{key}.lora_up.weight": up, f"{key}.lora_down.weight": down})
    assert Networks(cast(Checkpoint, checkpoint)).apply([Applied(load_network(file), 1.0, 0.5)]) == ()
    assert (encoder.get_parameter(f"{name}.weight") - before - 0.5 * up @ down).abs().max() <= 1e-6


def test_attention_in_the_names_of_xlabs_is_changed_as_diffusers_converts_it(tmp_path: Path) -> None:
    layers = {
        f"{kind}_blocks.1.processor.{name}": outputs
        for kind, names in (
            ("double", {"qkv_lora1": 3, "qkv_lora2": 3, "proj_lora1": 1, "proj_lora2": 1}),
            ("single", {"qkv_lora": 3, "proj_lora": 1}),
        )
        for name, outputs in names.items()
    }
    tensors = {}
    for seed, (layer, outputs) in enumerate(layers.items()):
        inputs = 5 * WIDTH if layer.startswith("single") and "proj" in layer else WIDTH
        tensors[f"{layer}.up.weight"] = filled({"": (outputs * WIDTH, 2)}, seed)[""]
        tensors[f"{layer}.down.weight"] = filled({"": (2, inputs)}, seed + 1)[""]
    known = _convert_xlabs_flux_lora_to_diffusers(dict(tensors))
    one, other = flux(), flux()
    other.load_state_dict(one.state_dict())
    laid(save(tmp_path / "xlabs.safetensors", tensors), one, "flux")
    laid(save(tmp_path / "diffusers.safetensors", {name: part.clone() for name, part in known.items()}), other, "flux")
    assert len(known) == 2 * (4 * 2 + 4)
    for name, weight in one.state_dict().items():
        assert (weight - other.state_dict()[name]).abs().max() <= 1e-6, name


@pytest.mark.parametrize("name", ["single_transformer_blocks.1.attn.to_k", "double_blocks.1.img_attn.proj"])
def test_names_without_anything_before_them_are_those_of_the_diffusion_model(name: str, tmp_path: Path) -> None:
    tensors = {
        f"{name}.lora_B.weight": filled({"": (WIDTH, 2)})[""],
        f"{name}.lora_A.weight": filled({"": (2, WIDTH)})[""],
    }
    model = flux()
    before = {key: weight.clone() for key, weight in model.state_dict().items()}
    laid(save(tmp_path / "net.safetensors", tensors), model, "flux")
    assert sum(not torch.equal(weight, before[key]) for key, weight in model.state_dict().items()) == 1
