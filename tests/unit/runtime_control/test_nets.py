"""ControlNets out of files of both layouts."""

from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("diffusers")

import torch
from diffusers import ControlNetModel, ControlNetUnionModel, T2IAdapter, UNet2DConditionModel
from diffusers.loaders.single_file_utils import convert_controlnet_checkpoint

from paramc.ir.control import ControlNet
from paramc.ir.geometry import Size
from paramc.runtime.catalogue.errors import ModelError
from paramc.runtime.control.nets import Net, load_net
from paramc.runtime.control.steering import Steering, Unit
from paramc.runtime.control.transformer_nets import mode_of
from paramc.runtime.denoise.conditioning import Conditioning
from paramc.runtime.execute.network import UnetCall
from paramc.runtime.execute.watch import UNWATCHED
from paramc.runtime.models.checkpoint import load_checkpoint
from tests.unit.runtime_control.tiny import (
    authors_names,
    control_lora,
    control_shapes,
    diffusers_adapter,
    diffusers_net,
    diffusers_union,
    state,
    write_control,
)
from tests.unit.runtime_execute.tiny import write_tiny_model
from tests.unit.runtime_models.tiny import SD1, SDXL, Unet, filled, save, sdxl_shapes, under

pytestmark = pytest.mark.sdk


def loaded(path: Path, base: str) -> Net:
    return load_net(path, base, dtype=torch.float32, device="cpu")


def code(error: pytest.ExceptionInfo[ModelError]) -> str:
    return error.value.diagnostics[0].code


@pytest.mark.parametrize(("unet", "base"), [(SD1, "sd1"), (SDXL, "sdxl")])
def test_a_file_of_the_authors_gives_the_weights_that_diffusers_makes_of_it(
    tmp_path: Path, unet: Unet, base: str
) -> None:
    net = loaded(write_control(tmp_path / "net.safetensors", unet), base)
    config = {**dict(net.config), "num_class_embeds": None, "conditioning_embedding_out_channels": (16, 32, 96, 256)}
    tensors = filled(under("control_model.", control_shapes(unet)), 5)
    converted = convert_controlnet_checkpoint(dict(tensors), config)
    for number, theirs in ((0, 1), (2, 2)) if unet.sizes else ():  # which diffusers leaves out
        for leaf in ("weight", "bias"):
            converted[f"add_embedding.linear_{theirs}.{leaf}"] = tensors[f"control_model.label_emb.0.{number}.{leaf}"]
    assert converted.keys() == net.state_dict().keys()
    assert all(torch.equal(weight, converted[name]) for name, weight in net.state_dict().items())


@pytest.mark.parametrize(("unet", "base"), [(SD1, "sd1"), (SDXL, "sdxl")])
def test_a_file_of_diffusers_runs_as_the_model_that_it_was_saved_from(tmp_path: Path, unet: Unet, base: str) -> None:
    own = diffusers_net(unet)
    net = loaded(save(tmp_path / "net.safetensors", state(own)), base)
    assert isinstance(net, ControlNetModel)
    x, hint = torch.randn(2, 4, 8, 8), torch.rand(2, 3, 64, 64)
    extra = {"text_embeds": torch.randn(2, 1280), "time_ids": torch.ones(2, 6) * 64} if base == "sdxl" else None
    with torch.inference_mode():
        found, expected = (
            model(x, torch.tensor(500), torch.ones(2, 7, unet.text), hint, added_cond_kwargs=extra, return_dict=False)
            for model in (net, own)
        )
    assert all((mine - theirs).abs().max() <= 1e-5 for mine, theirs in zip(found[0], expected[0], strict=True))
    assert (found[1] - expected[1]).abs().max() <= 1e-5


def test_a_net_that_shuffles_averages_its_outputs(tmp_path: Path) -> None:
    path = write_control(tmp_path / "control_v11e_sd15_shuffle.safetensors")
    assert loaded(path, "sd1").config["global_pool_conditions"] is True


def test_a_net_of_another_family_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ModelError) as error:
        loaded(write_control(tmp_path / "net.safetensors"), "sdxl")
    assert code(error) == "PC587"
    assert "steers Stable Diffusion 1" in error.value.diagnostics[0].message


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("lllite_unet_input_blocks_4.down.0.weight", "ControlLLLite"),
    ],
)
def test_what_steers_otherwise_is_refused_by_name(tmp_path: Path, name: str, kind: str) -> None:
    with pytest.raises(ModelError) as error:
        loaded(save(tmp_path / "net.safetensors", {name: torch.zeros(2, 2)}), "sd1")
    assert code(error) == "PC588"
    assert kind in error.value.diagnostics[0].message


def test_corrections_for_another_family_are_refused_by_name(tmp_path: Path) -> None:
    path = save(tmp_path / "net.safetensors", control_lora(SDXL))
    unet = load_checkpoint(write_tiny_model(tmp_path / "tiny.safetensors")).unet
    with pytest.raises(ModelError) as error:
        load_net(path, "sd1", dtype=torch.float32, device="cpu", model=lambda: unet)
    assert code(error) == "PC587"
    assert "steers Stable Diffusion XL" in error.value.diagnostics[0].message


def test_corrections_that_lack_a_part_are_refused(tmp_path: Path) -> None:
    tensors = control_lora()
    del tensors["zero_convs.3.0.bias"]
    unet = load_checkpoint(write_tiny_model(tmp_path / "tiny.safetensors")).unet
    with pytest.raises(ModelError) as error:
        path = save(tmp_path / "net.safetensors", tensors)
        load_net(path, "sd1", dtype=torch.float32, device="cpu", model=lambda: unet)
    assert code(error) == "PC527"


@pytest.mark.parametrize("down", [None, (), (2,), (3, 32)])
def test_corrections_whose_factors_do_not_go_together_are_refused(tmp_path: Path, down: tuple[int, ...] | None) -> None:
    tensors = control_lora()
    name = "input_blocks.1.1.transformer_blocks.0.attn1.to_q.down"
    del tensors[name]
    path = save(tmp_path / "net.safetensors", tensors | ({} if down is None else filled({name: down})))
    unet = load_checkpoint(write_tiny_model(tmp_path / "tiny.safetensors")).unet
    with pytest.raises(ModelError) as error:
        load_net(path, "sd1", dtype=torch.float32, device="cpu", model=lambda: unet)
    assert code(error) == "PC521"
    assert name in error.value.diagnostics[0].message


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError) as error:
        loaded(save(tmp_path / "net.safetensors", {"emb_params": torch.zeros(2, 2)}), "sd1")
    assert code(error) == "PC588"


def test_a_file_that_lacks_a_part_is_refused(tmp_path: Path) -> None:
    tensors = filled(under("control_model.", control_shapes()), 5)
    del tensors["control_model.zero_convs.3.0.bias"]
    with pytest.raises(ModelError) as error:
        loaded(save(tmp_path / "net.safetensors", tensors), "sd1")
    assert code(error) == "PC527"


@pytest.mark.parametrize("by_authors", [True, False])
@pytest.mark.parametrize(("kind", "cell", "base"), [("full_adapter", 8, "sd1"), ("full_adapter_xl", 16, "sdxl")])
def test_an_adapter_of_either_layout_runs_as_the_model_that_it_was_saved_from(
    tmp_path: Path, by_authors: bool, kind: str, cell: int, base: str
) -> None:
    own = diffusers_adapter(kind, cell)
    weights = authors_names(state(own)) if by_authors else state(own)
    net = loaded(save(tmp_path / "net.safetensors", weights), base)
    assert isinstance(net, T2IAdapter)
    hint = torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        pairs = list(zip(net(hint), own(hint), strict=True))
    assert len(pairs) == 4
    assert all((mine - theirs).abs().max() <= 1e-5 for mine, theirs in pairs)


def test_an_adapter_of_another_family_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError) as error:
        loaded(save(tmp_path / "net.safetensors", state(diffusers_adapter())), "sdxl")
    assert code(error) == "PC587"


def test_a_net_of_sdxl_sees_the_conditions_of_its_model(tmp_path: Path) -> None:
    checkpoint = load_checkpoint(save(tmp_path / "xl.safetensors", filled(sdxl_shapes())))
    net = loaded(save(tmp_path / "net.safetensors", state(diffusers_net(SDXL))), "sdxl")
    unet = checkpoint.unet
    assert isinstance(net, ControlNetModel)
    assert isinstance(unet, UNet2DConditionModel)
    size, hint, times = Size(64, 64), torch.rand(1, 3, 64, 64), torch.tensor([500.0, 500.0])
    x, conditioning = torch.randn(2, 4, 8, 8), Conditioning(torch.randn(2, 77, 2048), torch.randn(2, 1280))
    steering = Steering([Unit(ControlNet(weight=0.6), net, lambda size: hint)], size, by_time=False)
    extra = {"text_embeds": conditioning.vector, "time_ids": torch.tensor([[64.0, 64, 0, 0, 64, 64]] * 2)}
    with torch.inference_mode():
        found = UnetCall(checkpoint, UNWATCHED, None, size, steering)(x, times, conditioning)
        down, middle = net(
            x, times, conditioning.tokens, hint.expand(2, -1, -1, -1), 0.6, added_cond_kwargs=extra, return_dict=False
        )
        expected = unet(
            x,
            times,
            conditioning.tokens,
            added_cond_kwargs=extra,
            down_block_additional_residuals=down,
            mid_block_additional_residual=middle,
        ).sample
    assert (found - expected).abs().max() <= 1e-5 * expected.abs().max()


def test_a_union_for_sdxl_is_told_the_kind_of_its_picture(tmp_path: Path) -> None:
    checkpoint = load_checkpoint(save(tmp_path / "xl.safetensors", filled(sdxl_shapes())))
    own = diffusers_union()
    path = save(tmp_path / "net.safetensors", state(own))
    net = loaded(path, "sdxl")
    unet = checkpoint.unet
    assert isinstance(net, ControlNetUnionModel)
    assert isinstance(unet, UNet2DConditionModel)
    setting = ControlNet(weight=0.6, preprocessor="depth_midas")
    mode = mode_of(path, setting, 8, "unions")
    size, hint, times = Size(64, 64), torch.rand(1, 3, 64, 64), torch.tensor([500.0, 500.0])
    x, conditioning = torch.randn(2, 4, 8, 8), Conditioning(torch.randn(2, 77, 2048), torch.randn(2, 1280))
    steering = Steering([Unit(setting, net, lambda size: hint, mode)], size, by_time=False)
    extra = {"text_embeds": conditioning.vector, "time_ids": torch.tensor([[64.0, 64, 0, 0, 64, 64]] * 2)}
    kinds = torch.tensor([[0.0, 1, 0, 0, 0, 0, 0, 0]] * 2)
    with torch.inference_mode():
        found = UnetCall(checkpoint, UNWATCHED, None, size, steering)(x, times, conditioning)
        down, middle = own(
            x, times, conditioning.tokens, [hint.expand(2, -1, -1, -1)], kinds, [1], 0.6, added_cond_kwargs=extra,
            return_dict=False,
        )  # fmt: skip
        expected = unet(
            x,
            times,
            conditioning.tokens,
            added_cond_kwargs=extra,
            down_block_additional_residuals=down,
            mid_block_additional_residual=middle,
        ).sample
    assert (found - expected).abs().max() <= 1e-5 * expected.abs().max()
