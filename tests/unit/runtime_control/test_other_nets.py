"""Files that steer in ways that the runner has not are called by their names."""

from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("diffusers")

import torch

from paramc.runtime.catalogue.errors import ModelError
from paramc.runtime.catalogue.header import read_header
from paramc.runtime.catalogue.signs import identify
from paramc.runtime.control.nets import load_net
from tests.unit.runtime_models.tiny import Shapes, filled, save

pytestmark = pytest.mark.sdk

HINT: Shapes = {"control_model.input_hint_block.0.weight": (4, 3, 3, 3), "control_model.time_embed.0.weight": (4, 4)}
FACES: Shapes = {"image_proj.proj.0.weight": (4, 512), "ip_adapter.0.to_q_lora.down.weight": (4, 4)}
CONTROL_LORA: Shapes = {
    "img_in.lora_A.weight": (4, 128),
    "img_in.lora_B.weight": (8, 4),
    "double_blocks.0.img_attn.norm.key_norm.scale": (4,),
}
QWEN: Shapes = {
    "controlnet_blocks.0.weight": (4, 4),
    "controlnet_x_embedder.weight": (4, 4),
    "transformer_blocks.0.img_mod.1.weight": (4, 4),
}


@pytest.mark.parametrize(
    ("called", "shapes"),
    [
        ("ControlNet-XS", HINT | {"enc_zero_convs_out.0.weight": (4, 4, 1, 1)}),
        ("ControlNet-XS", {"down_blocks.0.ctrl_to_base.0.weight": (4, 4, 1, 1)}),
        ("ControlNet of Qwen-Image", QWEN),
        ("patch of DiffSynth", {"controlnet_blocks.0.y_rms.weight": (4,), "img_in.weight": (4, 4)}),
        ("ControlNet of Z-Image", {"control_layers.0.adaLN_modulation.0.weight": (4, 4)}),
        ("ControlNeXt", {"mid_convs.0.0.weight": (4, 4, 3, 3), "embedding.0.weight": (4, 3, 3, 3)}),
        ("ControlLLLite", {"lllite_unet_input_blocks_4_1_transformer_blocks_0_attn1_to_q.down.0.weight": (4, 4)}),
        ("FaceID", FACES),
        ("PuLID", {"pulid_encoder.latents": (1, 4, 4)}),
        ("Redux", {"redux_up.weight": (4, 4), "redux_down.weight": (4, 4)}),
        ("PhotoMaker", {"qformer_perceiver.proj_in.weight": (4, 4)}),
        ("T2I-Adapter for styles", {"style_embedding": (1, 8, 4)}),
        ("GLIGEN", {"position_net.null_positive_feature": (4,), "input_blocks.1.1.fuser.alpha_attn": ()}),
        ("control-LoRA of FLUX.1", CONTROL_LORA),
    ],
)
@pytest.mark.parametrize("base", ["sdxl", "flux", "qwen-image"])
def test_a_net_that_is_not_run_is_named(called: str, shapes: Shapes, base: str, tmp_path: Path) -> None:
    file = save(tmp_path / "net.safetensors", filled(shapes))
    with pytest.raises(ModelError) as caught:
        load_net(file, base, dtype=torch.float32, device="cpu")
    assert (caught.value.diagnostics[0].code, called in caught.value.diagnostics[0].message) == ("PC588", True)


def test_parts_that_are_missing_in_the_middle_are_a_damaged_file(tmp_path: Path) -> None:
    shapes: Shapes = {"image_proj.latents": (1, 16, 4), "ip_adapter.1.to_k_ip.weight": (4, 4)}
    with pytest.raises(ModelError) as caught:
        load_net(save(tmp_path / "net.safetensors", filled(shapes)), "sdxl", dtype=torch.float32, device="cpu")
    assert caught.value.diagnostics[0].code == "PC521"


def test_a_control_lora_of_flux_is_no_diffusion_model(tmp_path: Path) -> None:
    header = read_header(save(tmp_path / "net.safetensors", filled(CONTROL_LORA)))
    assert identify(header) == ("network", "flux", "flux")
