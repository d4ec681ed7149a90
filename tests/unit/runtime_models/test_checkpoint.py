"""Checkpoints of every layout: each weight in its place, everything offline."""

from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("diffusers")

import torch
from diffusers.loaders.single_file_utils import convert_ldm_unet_checkpoint, convert_ldm_vae_checkpoint
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from safetensors.torch import load_file
from torch import Tensor

from paramc.runtime.catalogue.errors import ModelError
from paramc.runtime.models.checkpoint import Checkpoint, load_checkpoint
from paramc.runtime.models.prediction import probed_prediction
from paramc.runtime.models.vae import load_vae
from paramc.runtime.schedules.levels import sd_alphas
from tests.unit.catalogue.files import write
from tests.unit.runtime_models.tiny import (
    Unet,
    filled,
    save,
    sd1_shapes,
    sd2_shapes,
    sdxl_shapes,
    under,
    unet_shapes,
    vae_shapes,
)

pytestmark = pytest.mark.sdk
STATED = {"modelspec.prediction_type": "epsilon"}  # so that the model is not asked


def same(state: dict[str, Tensor], converted: dict[str, Tensor]) -> bool:
    """Whether both name the same weights; 1×1 convolutions and linear layers count as one."""
    return state.keys() == converted.keys() and all(
        torch.equal(state[name], converted[name].reshape(state[name].shape)) for name in state
    )


def code(path: Path, **choices: Path) -> str:
    with pytest.raises(ModelError) as caught:
        load_checkpoint(path, **choices)
    return str(caught.value.diagnostics[0].code)


@pytest.mark.parametrize("shapes", [sd1_shapes(), sd2_shapes(), sdxl_shapes()], ids=["sd1", "sd2", "sdxl"])
def test_weights_lie_where_diffusers_puts_them(tmp_path: Path, shapes: dict[str, tuple[int, ...]]) -> None:
    tensors = filled(shapes)
    loaded = load_checkpoint(save(tmp_path / "a.safetensors", tensors, STATED))
    unet = convert_ldm_unet_checkpoint(dict(tensors), dict(loaded.unet.config))
    vae = convert_ldm_vae_checkpoint(dict(tensors), dict(loaded.vae.config))
    assert same(loaded.unet.state_dict(), unet)
    assert same(loaded.vae.state_dict(), vae)


def test_sd1_is_known_by_its_shapes(sd1: Checkpoint) -> None:
    assert (sd1.family, sd1.base, sd1.prediction, sd1.zero_terminal_snr) == ("sd1", "sd1", "epsilon", False)
    assert sd1.unet.config.block_out_channels == (32, 64, 64, 64)
    assert sd1.vae.config.scaling_factor == 0.18215
    assert sd1.diagnostics == ()


def test_the_text_encoder_of_sd1_has_its_weights_and_positions(sd1: Checkpoint, sd1_file: Path) -> None:
    tensors = load_file(sd1_file)
    (text,) = sd1.text_encoders
    prefix = "cond_stage_model.transformer.text_model."
    assert all(torch.equal(weight, tensors[prefix + name]) for name, weight in text.state_dict().items())
    assert text.embeddings.position_ids.tolist() == [list(range(77))]


def test_an_old_text_encoder_without_its_module_is_read(tmp_path: Path) -> None:
    tensors = {name.replace(".text_model.", "."): tensor for name, tensor in filled(sd1_shapes()).items()}
    assert len(load_checkpoint(save(tmp_path / "a.safetensors", tensors)).text_encoders) == 1


def test_query_key_and_value_of_open_clip_are_taken_apart(tmp_path: Path) -> None:
    tensors = filled(sd2_shapes())
    (text,) = load_checkpoint(save(tmp_path / "a.safetensors", tensors, STATED)).text_encoders
    joined = tensors["cond_stage_model.model.transformer.resblocks.1.attn.in_proj_weight"]
    for number, part in enumerate(("q_proj", "k_proj", "v_proj")):
        weight = text.get_submodule(f"encoder.layers.1.self_attn.{part}").weight
        assert torch.equal(weight, joined[64 * number : 64 * (number + 1)])


def test_the_last_layer_of_sd2_is_left_out(tmp_path: Path) -> None:
    (text,) = load_checkpoint(save(tmp_path / "a.safetensors", filled(sd2_shapes()), STATED)).text_encoders
    assert text.config.num_hidden_layers == 2
    assert text.config.hidden_act == "gelu"


def test_sdxl_has_two_encoders_and_a_projection(tmp_path: Path) -> None:
    tensors = filled(sdxl_shapes())
    loaded = load_checkpoint(save(tmp_path / "a.safetensors", tensors))
    large, big = loaded.text_encoders
    assert (loaded.family, large.config.hidden_size, big.config.hidden_size) == ("sdxl", 64, 128)
    projection = tensors["conditioner.embedders.1.model.text_projection"]
    assert torch.equal(big.text_projection.weight, projection.T)
    assert loaded.unet.config.transformer_layers_per_block == (1, 2, 3)
    assert loaded.vae.config.scaling_factor == 0.13025


def test_an_inpainting_model_takes_nine_channels(tmp_path: Path) -> None:
    loaded = load_checkpoint(save(tmp_path / "a.safetensors", filled(sd1_shapes(Unet(inputs=9)))))
    assert (loaded.family, loaded.unet.config.in_channels) == ("sd1-inpaint", 9)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_number_types_are_chosen_part_by_part(sd1_file: Path, dtype: torch.dtype) -> None:
    loaded = load_checkpoint(sd1_file, dtype=dtype, vae_dtype=torch.float32)
    assert (loaded.unet.dtype, loaded.vae.dtype, loaded.text_encoders[0].dtype) == (dtype, torch.float32, dtype)


def test_models_compute(sd1: Checkpoint) -> None:
    with torch.inference_mode():
        text = sd1.text_encoders[0](torch.zeros(1, 77, dtype=torch.long)).last_hidden_state
        noise = sd1.unet(torch.ones(1, 4, 16, 16), 500.5, torch.ones(1, 77, 768)).sample
        picture = sd1.vae.decode(torch.ones(1, 4, 8, 8)).sample
    assert (text.shape, noise.shape, picture.shape) == ((1, 77, 64), (1, 4, 16, 16), (1, 3, 64, 64))
    assert not any(parameter.requires_grad for parameter in sd1.unet.parameters())


def test_alphas_of_the_file_count(tmp_path: Path, sd1: Checkpoint) -> None:
    own = torch.linspace(0.99, 0.01, 1000, dtype=torch.float16)
    loaded = load_checkpoint(save(tmp_path / "a.safetensors", {**filled(sd1_shapes()), "alphas_cumprod": own}))
    assert torch.equal(loaded.alphas_cumprod, own.float())
    assert torch.equal(sd1.alphas_cumprod, sd_alphas().float())


def test_marker_keys_mean_velocity_and_a_noisy_end(tmp_path: Path) -> None:
    tensors = {**filled(sdxl_shapes()), "v_pred": torch.zeros(0), "ztsnr": torch.zeros(0)}
    loaded = load_checkpoint(save(tmp_path / "a.safetensors", tensors))
    assert (loaded.prediction, loaded.zero_terminal_snr) == ("v", True)


@pytest.mark.parametrize(
    ("metadata", "prediction"),
    [({"modelspec.prediction_type": "v"}, "v"), ({"modelspec.architecture": "stable-diffusion-v2-768-v"}, "v"),
     ({"modelspec.prediction_type": "epsilon"}, "epsilon")],
)  # fmt: skip
def test_metadata_say_what_is_predicted(tmp_path: Path, metadata: dict[str, str], prediction: str) -> None:
    loaded = load_checkpoint(save(tmp_path / "a.safetensors", filled(sd2_shapes()), metadata))
    assert loaded.prediction == prediction
    assert loaded.family == ("sd2-v" if prediction == "v" else "sd2")


def test_a_configuration_beside_the_file_says_what_is_predicted(tmp_path: Path) -> None:
    path = save(tmp_path / "a.safetensors", filled(sd1_shapes()))
    path.with_suffix(".yaml").write_text('model:\n  params:\n    parameterization: "v"\n', encoding="utf-8")
    assert load_checkpoint(path).prediction == "v"


class Echo(UNet2DConditionModel):  # type: ignore[misc]  # diffusers is partly untyped
    """Gives back what it is given."""

    def forward(self, sample: Tensor, *args: object, **kwargs: object) -> tuple[Tensor]:
        return (sample,)


def test_a_model_that_gives_the_noise_back_predicts_it(sd1: Checkpoint) -> None:
    sd1.unet.__class__ = Echo
    assert probed_prediction(sd1.unet) == "epsilon"


def test_a_model_that_gives_something_else_predicts_velocity(sd1: Checkpoint) -> None:
    assert probed_prediction(sd1.unet) == "v"


def test_a_vae_of_its_own_takes_the_place_of_the_baked_one(tmp_path: Path, sd1_file: Path) -> None:
    own = filled(vae_shapes(), seed=1)
    loaded = load_checkpoint(sd1_file, vae=save(tmp_path / "v.safetensors", own))
    assert torch.equal(loaded.vae.decoder.conv_in.weight, own["decoder.conv_in.weight"])


def test_a_vae_is_read_in_every_layout(tmp_path: Path) -> None:
    original = filled(vae_shapes())
    plain = load_vae(save(tmp_path / "a.safetensors", original))
    baked = load_vae(save(tmp_path / "b.safetensors", {f"first_stage_model.{n}": t for n, t in original.items()}))
    modern = load_vae(save(tmp_path / "c.safetensors", plain.state_dict()))
    torch.save({"state_dict": original, "epoch": 1}, tmp_path / "d.pt")
    pickled = load_vae(tmp_path / "d.pt")
    assert same(plain.state_dict(), convert_ldm_vae_checkpoint(dict(original), dict(plain.config)))
    assert all(same(other.state_dict(), plain.state_dict()) for other in (baked, modern, pickled))


def test_a_folder_of_diffusers_gives_the_same_models(tmp_path: Path, sd1: Checkpoint) -> None:
    from diffusers import DDIMScheduler

    folder = tmp_path / "pipe"
    sd1.unet.save_pretrained(folder / "unet", max_shard_size="2MB")
    sd1.vae.save_pretrained(folder / "vae")
    sd1.text_encoders[0].save_pretrained(folder / "text_encoder")
    DDIMScheduler(prediction_type="v_prediction", rescale_betas_zero_snr=True).save_pretrained(folder / "scheduler")
    (folder / "model_index.json").write_text("{}", encoding="utf-8")
    loaded = load_checkpoint(folder)
    assert len(list((folder / "unet").glob("*.safetensors"))) > 1
    assert same(loaded.unet.state_dict(), sd1.unet.state_dict())
    assert same(loaded.vae.state_dict(), sd1.vae.state_dict())
    assert same(loaded.text_encoders[0].state_dict(), sd1.text_encoders[0].state_dict())
    assert (loaded.base, loaded.prediction, loaded.zero_terminal_snr) == ("sd1", "v", True)


def test_left_over_weights_are_named(tmp_path: Path) -> None:
    tensors = {**filled(sd1_shapes()), "model.diffusion_model.extra.weight": torch.ones(2)}
    said = load_checkpoint(save(tmp_path / "a.safetensors", tensors)).diagnostics
    assert [item.code for item in said] == ["PC529"]
    assert "extra.weight" in said[0].message


def test_a_checkpoint_without_a_vae_says_so(tmp_path: Path) -> None:
    tensors = {name: item for name, item in filled(sd1_shapes()).items() if not name.startswith("first_stage")}
    path = save(tmp_path / "a.safetensors", tensors)
    assert code(path) == "PC528"
    assert load_checkpoint(path, vae=save(tmp_path / "v.safetensors", filled(vae_shapes()))).base == "sd1"


@pytest.mark.parametrize(
    "gone",
    [
        "model.diffusion_model.output_blocks.5.0.in_layers.2.weight",
        "first_stage_model.decoder.norm_out.bias",
        "cond_stage_model.transformer.text_model.encoder.layers.1.mlp.fc2.bias",
    ],
)
def test_a_missing_weight_is_named(tmp_path: Path, gone: str) -> None:
    tensors = filled(sd1_shapes())
    del tensors[gone]
    assert code(save(tmp_path / "a.safetensors", tensors)) == "PC527"


def test_a_weight_of_another_size_is_named(tmp_path: Path) -> None:
    tensors = filled(sd1_shapes())
    tensors["model.diffusion_model.out.0.bias"] = torch.ones(7)
    assert code(save(tmp_path / "a.safetensors", tensors)) == "PC526"


def test_a_checkpoint_without_text_encoders_says_so(tmp_path: Path) -> None:
    shapes = under("model.diffusion_model.", unet_shapes(Unet())) | under("first_stage_model.", vae_shapes())
    assert code(save(tmp_path / "a.safetensors", filled(shapes))) == "PC580"


@pytest.mark.parametrize(
    ("shapes", "expected"),
    [
        ({"lora_unet_x.lora_down.weight": (4, 8)}, "PC525"),
        ({"double_blocks.0.img_attn.norm.key_norm.scale": (8,)}, "PC525"),
        ({"model.diffusion_model.joint_blocks.0.context_block.adaLN_modulation.1.bias": (8,)}, "PC525"),
        ({"input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight": (8, 768)}, "PC525"),
        ({"gpt.layers.0.weight": (8, 8)}, "PC525"),
    ],
)
def test_a_file_that_is_no_checkpoint_is_named(
    tmp_path: Path, shapes: dict[str, tuple[int, ...]], expected: str
) -> None:
    assert code(write(tmp_path / "a.safetensors", shapes)) == expected


def test_a_truncated_checkpoint_is_named(tmp_path: Path, sd1_file: Path) -> None:
    path = tmp_path / "cut.safetensors"
    path.write_bytes(sd1_file.read_bytes()[:-1000])
    assert code(path) == "PC522"


class Harm:
    """A pickle that would run code."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return print, ("harm",)


@pytest.mark.parametrize("suffix", [".ckpt", ".pt"])
def test_a_pickle_that_would_run_code_is_refused(
    tmp_path: Path, suffix: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / f"bad{suffix}"
    torch.save({"state_dict": Harm()}, path)
    assert code(path) == "PC524"
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04" + bytes(200), b"<!DOCTYPE html>" * 9])
def test_what_torch_has_not_saved_is_no_model_file_and_is_not_accused_of_code(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other.ckpt"
    path.write_bytes(content)
    assert code(path) == "PC521"


def test_a_folder_without_a_pipeline_is_named(tmp_path: Path) -> None:
    assert code(tmp_path) == "PC541"
