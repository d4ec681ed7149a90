"""ControlNets of FLUX and SD3: jobs against loops over diffusers' own nets and transformers, step by step."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import FluxControlNetModel, SD3ControlNetModel
from diffusers.models.transformers.transformer_flux import FluxTransformer2DModel
from diffusers.models.transformers.transformer_sd3 import SD3Transformer2DModel
from diffusers.pipelines.flux.pipeline_flux_controlnet import FluxControlNetPipeline
from PIL import Image
from torch import Tensor, nn

import paramc
from paramc.diagnostics.model import RunError
from paramc.runtime.catalogue.errors import ModelError
from paramc.runtime.control.flow_steering import _spread
from paramc.runtime.control.nets import load_net
from paramc.runtime.execute.runner import Runner
from paramc.runtime.execute.thrift import Turns
from paramc.runtime.models.checkpoint import Checkpoint, load_checkpoint
from tests.conformance.e2e.recorder import Recorder
from tests.unit.runtime_control.tiny import state
from tests.unit.runtime_execute.families import flux_file, sd3_file
from tests.unit.runtime_execute.test_families import FORGE, SEED, STEPS, deviation
from tests.unit.runtime_models.tiny import save

pytestmark = [
    pytest.mark.sdk,
    pytest.mark.filterwarnings("ignore:`FluxPosEmbed` is deprecated"),  # diffusers warns of a class of its own
]

BAR = 1e-5
WEIGHT = 0.7
CFG = 3.0


def flux_net(modes: int | None = None, *, guided: bool = True, **others: int) -> FluxControlNetModel:
    known = {"num_layers": 1, "num_single_layers": 1} | others
    return random(
        FluxControlNetModel(
            in_channels=64, attention_head_dim=128, num_attention_heads=1, joint_attention_dim=64,
            pooled_projection_dim=64, guidance_embeds=guided, num_mode=modes, **known,
        )
    )  # fmt: skip


def xlabs_net() -> FluxControlNetModel:
    return flux_net(num_layers=1, num_single_layers=0, conditioning_embedding_channels=16, patch_size=2)


def sd3_net(**others: object) -> SD3ControlNetModel:
    known: dict[str, object] = {
        "num_layers": 1, "attention_head_dim": 64, "num_attention_heads": 2, "joint_attention_dim": 256,
        "caption_projection_dim": 128, "pooled_projection_dim": 128, "pos_embed_max_size": 16, "qk_norm": "rms_norm",
    }  # fmt: skip
    return random(SD3ControlNetModel(**(known | others)))


def wordless_net() -> SD3ControlNetModel:
    """The kind for SD3.5 large."""
    return sd3_net(
        joint_attention_dim=None, use_pos_embed=False, pos_embed_type=None, force_zeros_for_pooled_projection=False,
        qk_norm=None,
    )  # fmt: skip


XLABS = {
    "x_embedder": "img_in", "context_embedder": "txt_in", "controlnet_x_embedder": "pos_embed_input",
    "time_text_embed.timestep_embedder.linear_1": "time_in.in_layer",
    "time_text_embed.timestep_embedder.linear_2": "time_in.out_layer",
    "time_text_embed.text_embedder.linear_1": "vector_in.in_layer",
    "time_text_embed.text_embedder.linear_2": "vector_in.out_layer",
    "time_text_embed.guidance_embedder.linear_1": "guidance_in.in_layer",
    "time_text_embed.guidance_embedder.linear_2": "guidance_in.out_layer",
    "input_hint_block.conv_in": "input_hint_block.0", "input_hint_block.conv_out": "input_hint_block.14",
    **{f"input_hint_block.blocks.{number}": f"input_hint_block.{2 * number + 2}" for number in range(6)},
    "transformer_blocks.0.norm1.linear": "double_blocks.0.img_mod.lin",
    "transformer_blocks.0.norm1_context.linear": "double_blocks.0.txt_mod.lin",
    "transformer_blocks.0.attn.norm_q.weight": "double_blocks.0.img_attn.norm.query_norm.scale",
    "transformer_blocks.0.attn.norm_k.weight": "double_blocks.0.img_attn.norm.key_norm.scale",
    "transformer_blocks.0.attn.norm_added_q.weight": "double_blocks.0.txt_attn.norm.query_norm.scale",
    "transformer_blocks.0.attn.norm_added_k.weight": "double_blocks.0.txt_attn.norm.key_norm.scale",
    "transformer_blocks.0.attn.to_out.0": "double_blocks.0.img_attn.proj",
    "transformer_blocks.0.attn.to_add_out": "double_blocks.0.txt_attn.proj",
    "transformer_blocks.0.ff.net.0.proj": "double_blocks.0.img_mlp.0",
    "transformer_blocks.0.ff.net.2": "double_blocks.0.img_mlp.2",
    "transformer_blocks.0.ff_context.net.0.proj": "double_blocks.0.txt_mlp.0",
    "transformer_blocks.0.ff_context.net.2": "double_blocks.0.txt_mlp.2",
}  # fmt: skip
STABILITY = {
    "transformer_blocks.0.norm1.linear": "transformer_blocks.0.adaLN_modulation.1",
    "transformer_blocks.0.attn.to_out.0": "transformer_blocks.0.attn.proj",
    "transformer_blocks.0.ff.net.0.proj": "transformer_blocks.0.mlp.fc1",
    "transformer_blocks.0.ff.net.2": "transformer_blocks.0.mlp.fc2",
}


def authors_names(net: nn.Module, names: Mapping[str, str], fused: Mapping[str, str]) -> dict[str, Tensor]:
    """The weights under the names of their authors, who keep queries, keys and values in one tensor; `fused` of them."""
    weights = state(net)
    made: dict[str, Tensor] = {}
    for inside, whole in fused.items():
        for leaf in ("weight", "bias"):
            thirds = [weights.pop(f"transformer_blocks.0.attn.{inside.format(part)}.{leaf}") for part in "qkv"]
            made[f"{whole}.{leaf}"] = torch.cat(thirds)
    for name, weight in weights.items():
        module, _, leaf = name.rpartition(".")
        made[names.get(name) or f"{names.get(module, module)}.{leaf}"] = weight
    return made


def random(net: nn.Module) -> nn.Module:
    stream = torch.Generator().manual_seed(9)
    with torch.no_grad():
        for weight in net.parameters():
            weight.copy_(torch.randn(weight.shape, generator=stream) * 0.1)
    return net.eval()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("flows")
    flux_file(folder / "tiny-flux-dev.safetensors")
    sd3_file(folder / "tiny-sd3.safetensors")
    for name, net in (
        ("lines", flux_net()), ("union", flux_net(7)), ("plain", flux_net(guided=False)), ("depth-sd3", sd3_net()),
        ("wordless", wordless_net()), ("filling", sd3_net(extra_conditioning_channels=1)), ("double", sd3_net(
            dual_attention_layers=(0,))),
    ):  # fmt: skip
        save(folder / "ControlNet" / f"{name}.safetensors", state(net))
    double = {"to_{}": "double_blocks.0.img_attn.qkv", "add_{}_proj": "double_blocks.0.txt_attn.qkv"}
    save(folder / "ControlNet" / "xlabs.safetensors", authors_names(xlabs_net(), XLABS, double))
    own = authors_names(wordless_net(), STABILITY, {"to_{}": "transformer_blocks.0.attn.qkv"})
    save(folder / "ControlNet" / "wordless-own.safetensors", own)
    rows, columns = np.mgrid[0:64, 0:64]
    values = np.stack([rows * 4, columns * 4, (rows * columns) % 256], axis=2).astype(np.uint8)
    Image.fromarray(values).save(folder / "picture.png")
    return folder


@pytest.fixture(scope="module")
def runner(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Runner:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PARAMC_HOME", str(tmp_path_factory.mktemp("home")))
        return Runner([folder], device="cpu", rng="cpu")


def painted(runner: Runner, folder: Path, model: str, *units: str, cfg: float = 1.0) -> Recorder:
    said = "".join(
        f', ControlNet {number}: "Module: none, Weight: {WEIGHT}, {unit}"' for number, unit in enumerate(units)
    )
    text = (
        f"a cat\nNegative prompt: dog\nSteps: {STEPS}, Sampler: Euler, Schedule type: Simple, CFG scale: {cfg}, "
        f"Distilled CFG Scale: 2.5, Seed: {SEED}, Size: 64x64, Model: {model}, RNG: CPU{said}, {FORGE}"
    )
    paths = [f"controls.controlnet[{number}].image.path" for number in range(len(units))]
    seen = Recorder()
    runner.run(paramc.parse(text).replace(dict.fromkeys(paths, str(folder / "picture.png"))), seen)
    return seen


def pixels(folder: Path) -> Tensor:
    """The control picture in [-1, 1]."""
    values = np.asarray(Image.open(folder / "picture.png").convert("RGB"), dtype=np.float32)
    return torch.from_numpy(values).permute(2, 0, 1)[None] / 255 * 2 - 1


def mode(model: Checkpoint, folder: Path) -> Tensor:
    """The likeliest latent of the control picture, as the autoencoder knows it."""
    return model.vae.encode(pixels(folder)).latent_dist.mode()


def walked(seen: Recorder, flow: Callable[[Tensor, float, int], Tensor]) -> Tensor:
    x, levels = seen.entering[0], [*seen.levels, 0.0]
    for step, sigma in enumerate(levels[:-1]):
        x = x + flow(x, sigma, step) * (levels[step + 1] - sigma)
    return x


Nets = Mapping[FluxControlNetModel, tuple[int | None, Callable[[int], bool]]]


def on_every_step(step: int) -> bool:
    return True


@torch.no_grad()
def flux_by_hand(model: Checkpoint, folder: Path, seen: Recorder, nets: Nets) -> Tensor:
    transformer = model.unet
    assert isinstance(transformer, FluxTransformer2DModel)
    latent = (mode(model, folder) - model.vae.config.shift_factor) * model.vae.config.scaling_factor
    shown = FluxControlNetPipeline._pack_latents(latent, 1, 16, 8, 8)
    places = FluxControlNetPipeline._prepare_latent_image_ids(1, 4, 4, "cpu", torch.float32)
    from tests.unit.runtime_execute.test_families import encoded_flux

    words, pooled = encoded_flux(model, "a cat")

    def flow(x: Tensor, sigma: float, step: int) -> Tensor:
        common = {
            "hidden_states": FluxControlNetPipeline._pack_latents(x, 1, 16, 8, 8), "encoder_hidden_states": words,
            "pooled_projections": pooled, "timestep": torch.tensor([sigma]), "img_ids": places,
            "txt_ids": torch.zeros(words.shape[1], 3),
        }  # fmt: skip
        guidance = torch.tensor([2.5])
        double, single = torch.zeros(()), torch.zeros(())
        for net, (kind, acts) in nets.items():
            if acts(step):
                own = guidance if net.config.guidance_embeds else None
                kinds = None if kind is None else torch.tensor([[kind]])
                found = net(
                    controlnet_cond=shown, controlnet_mode=kinds, conditioning_scale=WEIGHT, guidance=own, **common
                )
                double, single = double + found[0][0], single + found[1][0]
        added = {"controlnet_block_samples": [double], "controlnet_single_block_samples": [single]}
        patches = transformer(guidance=guidance, **common, **(added if double.ndim else {})).sample
        return FluxControlNetPipeline._unpack_latents(patches, 64, 64, 8)

    return walked(seen, flow)


@pytest.mark.parametrize(
    ("unit", "net", "kind"),
    [
        ("Model: lines", flux_net, None),
        ("Model: plain", partial(flux_net, guided=False), None),
        ("Model: union, Control Type: Depth", partial(flux_net, 7), 2),
    ],
)
def test_a_net_of_flux_adds_to_the_double_and_the_single_blocks(
    runner: Runner, folder: Path, unit: str, net: Callable[[], FluxControlNetModel], kind: int | None
) -> None:
    model = load_checkpoint(folder / "tiny-flux-dev.safetensors")
    seen = painted(runner, folder, "tiny-flux-dev", unit)
    expected = flux_by_hand(model, folder, seen, {net(): (kind, on_every_step)})
    assert deviation(seen.latents[-1], expected) <= BAR
    assert deviation(seen.latents[-1], flux_by_hand(model, folder, seen, {})) > 1e-3


def test_several_nets_of_flux_add_up_each_on_its_share_of_the_way(runner: Runner, folder: Path) -> None:
    model = load_checkpoint(folder / "tiny-flux-dev.safetensors")
    seen = painted(runner, folder, "tiny-flux-dev", "Model: lines", "Model: plain, Guidance End: 0.2")
    nets = {flux_net(): (None, on_every_step), flux_net(guided=False): (None, lambda step: seen.levels[step] >= 0.8)}
    assert [level >= 0.8 for level in seen.levels] == [True, True, False]
    assert deviation(seen.latents[-1], flux_by_hand(model, folder, seen, nets)) <= BAR


@torch.no_grad()
def xlabs_by_hand(model: Checkpoint, folder: Path, seen: Recorder) -> Tensor:
    """XLabs' nets see pixels, and start over where the model has more blocks."""
    transformer, net = model.unet, xlabs_net()
    assert isinstance(transformer, FluxTransformer2DModel)
    from tests.unit.runtime_execute.test_families import encoded_flux

    words, pooled = encoded_flux(model, "a cat")
    places = FluxControlNetPipeline._prepare_latent_image_ids(1, 4, 4, "cpu", torch.float32)

    def flow(x: Tensor, sigma: float, step: int) -> Tensor:
        common = {
            "hidden_states": FluxControlNetPipeline._pack_latents(x, 1, 16, 8, 8), "encoder_hidden_states": words,
            "pooled_projections": pooled, "timestep": torch.tensor([sigma]), "img_ids": places,
            "txt_ids": torch.zeros(words.shape[1], 3), "guidance": torch.tensor([2.5]),
        }  # fmt: skip
        found = net(controlnet_cond=pixels(folder), conditioning_scale=WEIGHT, **common).controlnet_block_samples
        patches = transformer(controlnet_block_samples=found, controlnet_blocks_repeat=True, **common).sample
        return FluxControlNetPipeline._unpack_latents(patches, 64, 64, 8)

    return walked(seen, flow)


def test_a_net_of_xlabs_looks_at_the_picture_itself(runner: Runner, folder: Path) -> None:
    model = load_checkpoint(folder / "tiny-flux-dev.safetensors")
    seen = painted(runner, folder, "tiny-flux-dev", "Model: xlabs")
    assert deviation(seen.latents[-1], xlabs_by_hand(model, folder, seen)) <= BAR
    assert deviation(seen.latents[-1], flux_by_hand(model, folder, seen, {})) > 1e-3


@pytest.mark.parametrize(
    ("pixels_in_one", "parts", "expected"),
    [(True, 2, [0, 1, 0, 1, 0]), (False, 2, [0, 0, 0, 1, 1])],
)
def test_a_net_of_xlabs_starts_over_where_others_stretch(pixels_in_one: bool, parts: int, expected: list[int]) -> None:
    assert _spread(xlabs_net() if pixels_in_one else flux_net(), parts, 5) == expected


def test_a_union_that_is_not_told_its_kind_asks_for_it(runner: Runner, folder: Path) -> None:
    with pytest.raises(RunError) as caught:
        painted(runner, folder, "tiny-flux-dev", "Model: union")
    assert caught.value.diagnostics[0].code == "PC593"


@torch.no_grad()
def sd3_by_hand(
    model: Checkpoint, seen: Recorder, net: SD3ControlNetModel, shown: Tensor, *, blind: bool = False
) -> Tensor:
    """`shown`: the latent of the control picture as the net knows it."""
    transformer = model.unet
    assert isinstance(transformer, SD3Transformer2DModel)
    from tests.unit.runtime_execute.test_families import encoded_sd3

    sides = [encoded_sd3(model, text) for text in ("a cat", "dog")]

    def flow(x: Tensor, sigma: float, step: int) -> Tensor:
        time = torch.tensor([1000 * sigma])
        flows = []
        for side, (tokens, pooled) in enumerate(sides):
            if net.config.use_pos_embed:
                asked = (x, shown, WEIGHT, tokens, torch.zeros_like(pooled), time)
            else:  # as StableDiffusion3ControlNetPipeline does for SD3.5 large
                asked = (net._get_pos_embed_from_transformer(transformer)(x), shown, WEIGHT, None, pooled, time)
            (added,) = net(*asked, return_dict=False)
            own = None if blind and side else added
            flows.append(transformer(x, tokens, pooled, time, block_controlnet_hidden_states=own).sample)
        return flows[1] + CFG * (flows[0] - flows[1])

    return walked(seen, flow)


@pytest.mark.parametrize(
    ("name", "net", "priority"),
    [
        ("depth-sd3", sd3_net, "Balanced"),
        ("depth-sd3", sd3_net, "ControlNet is more important"),
        ("double", partial(sd3_net, dual_attention_layers=(0,)), "Balanced"),
    ],
)
def test_a_net_of_sd3_adds_to_all_blocks_but_the_last(
    runner: Runner, folder: Path, name: str, net: Callable[[], SD3ControlNetModel], priority: str
) -> None:
    model = load_checkpoint(folder / "tiny-sd3.safetensors")
    seen = painted(runner, folder, "tiny-sd3", f"Model: {name}, Control Mode: {priority}", cfg=CFG)
    shown = mode(model, folder) * model.vae.config.scaling_factor  # of StableDiffusion3ControlNetPipeline
    expected = sd3_by_hand(model, seen, net(), shown, blind=priority != "Balanced")
    assert deviation(seen.latents[-1], expected) <= BAR


@pytest.mark.parametrize("name", ["wordless", "wordless-own"])
def test_a_net_for_sd3_5_large_borrows_the_places_of_the_model(runner: Runner, folder: Path, name: str) -> None:
    model = load_checkpoint(folder / "tiny-sd3.safetensors")
    seen = painted(runner, folder, "tiny-sd3", f"Model: {name}", cfg=CFG)
    shown = (mode(model, folder) - model.vae.config.shift_factor) * model.vae.config.scaling_factor
    assert deviation(seen.latents[-1], sd3_by_hand(model, seen, wordless_net(), shown)) <= BAR


def test_a_net_that_is_shown_what_a_mask_keeps_wants_a_mask(runner: Runner, folder: Path) -> None:
    with pytest.raises(RunError) as caught:
        painted(runner, folder, "tiny-sd3", "Model: filling", cfg=CFG)
    assert caught.value.diagnostics[0].code == "PC514"


@torch.no_grad()
def test_a_net_for_filling_sees_the_picture_without_what_is_painted_anew(runner: Runner, folder: Path) -> None:
    """As StableDiffusion3ControlNetInpaintingPipeline prepares it."""
    mask = Image.new("L", (64, 64))
    mask.paste(255, (16, 8, 48, 40))
    mask.save(folder / "mask.png")
    model = load_checkpoint(folder / "tiny-sd3.safetensors")
    net = load_net(folder / "ControlNet" / "filling.safetensors", "sd3", dtype=torch.float32, device="cpu")
    assert isinstance(net, SD3ControlNetModel)
    asked = paramc.parse(
        "a cat\nSteps: 2, Sampler: Euler, Schedule type: Simple, Seed: 1, Size: 64x64, Model: tiny-sd3, "
        f'Denoising strength: 1, Mask blur: 0, ControlNet 0: "Module: none, Model: filling", {FORGE}'
    ).replace(
        {
            "task.init.path": str(folder / "picture.png"),
            "task.mask.path": str(folder / "mask.png"),
            "controls.controlnet[0].image.path": str(folder / "picture.png"),
        }
    )
    shown: list[Tensor] = []
    with pytest.MonkeyPatch.context() as patch:
        forward = SD3ControlNetModel.forward

        def noted(self: SD3ControlNetModel, *args: Tensor, **inputs: Tensor) -> object:
            shown.append(inputs["controlnet_cond"])
            return forward(self, *args, **inputs)

        patch.setattr(SD3ControlNetModel, "forward", noted)
        runner.run(asked)
    hidden = pixels(folder)
    hidden[:, :, 8:40, 16:48] = -1
    latent = model.vae.encode(hidden).latent_dist.mode() * model.vae.config.scaling_factor
    kept = torch.ones(1, 1, 8, 8)
    kept[:, :, 1:5, 2:6] = 0
    assert deviation(shown[0][:1], torch.cat([latent, kept], dim=1)) <= BAR


def test_the_transformer_is_in_place_again_when_control_pictures_went_through_the_vae(
    runner: Runner, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    brought: list[tuple[nn.Module, ...]] = []
    forward, seen = FluxTransformer2DModel.forward, []

    def noted(self: FluxTransformer2DModel, *args: Tensor, **inputs: Tensor) -> object:
        seen.append(brought[-1] == (self,))
        return forward(self, *args, **inputs)

    monkeypatch.setattr(Turns, "bring", lambda self, *models: brought.append(models))
    monkeypatch.setattr(FluxTransformer2DModel, "forward", noted)
    painted(runner, folder, "tiny-flux-dev", "Model: lines")
    assert seen and all(seen)


def test_a_net_for_another_transformer_is_refused(folder: Path) -> None:
    with pytest.raises(ModelError) as caught:
        load_net(folder / "ControlNet" / "lines.safetensors", "sd3", dtype=torch.float32, device="cpu")
    assert caught.value.diagnostics[0].code == "PC587"


def test_a_net_in_a_layout_of_its_own_is_named(tmp_path: Path) -> None:
    tensors = {"controlnet_x_embedder.weight": torch.zeros(2, 2), "double_blocks.0.img_mlp.0.weight": torch.zeros(2, 2)}
    with pytest.raises(ModelError) as caught:
        load_net(save(tmp_path / "net.safetensors", tensors), "flux", dtype=torch.float32, device="cpu")
    said = caught.value.diagnostics[0]
    assert (said.code, "a layout of its own" in said.message) == ("PC588", True)
