"""What a file is, by names and shapes alone."""

from pathlib import Path

import pytest

from paramc.runtime.catalogue.header import read_header
from paramc.runtime.catalogue.layouts import kind_by_place
from paramc.runtime.catalogue.signs import Identity, identify, network_base
from tests.unit.catalogue.files import ATTENDED, EMBEDDING, LORA, SD1, UNET, VAE, Shape, write

FIRST = UNET + "input_blocks.0.0.weight"
LATER = UNET + "input_blocks.4.1.transformer_blocks.0.attn2.to_k.weight"
TO_K = "lora_unet_up_blocks_1_attentions_0_transformer_blocks_0_attn2_to_k.lora_down.weight"
QUERY = "lora_te_text_model_encoder_layers_0_self_attn_q_proj.lora_down.weight"


@pytest.mark.parametrize(
    ("shapes", "identity"),
    [
        (SD1, ("checkpoint", "sd1", "sd1")),
        ({FIRST: (8, 9, 3, 3), UNET + ATTENDED: (8, 768)}, ("checkpoint", "sd1-inpaint", "sd1")),
        ({FIRST: (8, 4, 3, 3), UNET + ATTENDED: (8, 1024)}, ("checkpoint", "sd2", "sd2")),
        ({FIRST: (8, 4, 3, 3), LATER: (8, 2048)}, ("checkpoint", "sdxl", "sdxl")),
        ({FIRST: (8, 4, 3, 3), LATER: (8, 1280)}, ("checkpoint", "sdxl-refiner", "sdxl")),
        ({ATTENDED: (8, 768)}, ("diffusion_model", "sd1", "sd1")),
        ({"double_blocks.0.img_attn.norm.key_norm.scale": (128,)}, ("diffusion_model", "flux-schnell", "flux")),
        (
            {"control_model.time_embed.0.weight": (8, 8), "control_model." + ATTENDED: (8, 768)},
            ("controlnet", "sd1", "sd1"),
        ),
        ({"controlnet_blocks.0.weight": (8, 8), "pos_embed_input.weight": (8, 8)}, ("controlnet", "flux", "flux")),
        (
            {"controlnet_blocks.0.weight": (8, 8), "pos_embed_input.proj.weight": (8, 8, 2, 2)},
            ("controlnet", "sd3", "sd3"),
        ),
        ({"input_hint_block.0.weight": (16, 3, 3, 3), "lora_controlnet": (1,)}, ("controlnet", "", "")),
        (VAE, ("vae", "", "")),
        (EMBEDDING, ("embedding", "", "")),
        ({"clip_l": (1, 768), "clip_g": (1, 1280)}, ("embedding", "sdxl", "sdxl")),
        (LORA, ("network", "sd1", "sd1")),
        ({"conv_first.weight": (64, 3, 3, 3)}, ("upscaler", "", "")),
        ({"something": (1,)}, ("unknown", "", "")),
    ],
)
def test_a_file_is_told_by_its_shapes(tmp_path: Path, shapes: dict[str, Shape], identity: tuple[str, str, str]) -> None:
    assert tuple(identify(read_header(write(tmp_path / "any.safetensors", shapes)))) == identity


@pytest.mark.parametrize(
    ("shapes", "base"),
    [
        ({TO_K: (4, 768)}, "sd1"),
        ({TO_K: (4, 1024)}, "sd2"),
        ({TO_K: (4, 2048)}, "sdxl"),
        ({QUERY: (4, 768)}, "sd1"),
        ({QUERY: (4, 1024)}, "sd2"),
        ({QUERY.replace("lora_te_", "lora_te2_"): (4, 1280)}, "sdxl"),
        ({"lora_unet_double_blocks_0_img_attn_proj.lora_down.weight": (4, 3072)}, "flux"),
        ({TO_K.replace("attn2", "attn1"): (4, 320)}, ""),
    ],
)
def test_a_network_is_for_the_models_whose_widths_it_has(shapes: dict[str, Shape], base: str) -> None:
    assert network_base(shapes) == base


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("webui/models/Stable-diffusion/sub/a.ckpt", "checkpoint"),
        ("webui/models/Lora/a.pt", "network"),
        ("ComfyUI/models/loras/x/a.pt", "network"),
        ("ComfyUI/models/upscale_models/a.pth", "upscaler"),
        ("webui/models/ESRGAN/a.pth", "upscaler"),
        ("webui/models/Stable-diffusion/a.vae.pt", "vae"),
        ("webui/embeddings/a.pt", "embedding"),
        ("webui/models/VAE-approx/a.pt", "other"),
        ("elsewhere/a.pt", None),
    ],
)
def test_a_folder_says_what_lies_in_it(path: str, kind: str | None) -> None:
    assert kind_by_place(Path(path)) == kind


def test_an_identity_without_a_family_leaves_it_empty() -> None:
    assert Identity("vae") == ("vae", "", "")
