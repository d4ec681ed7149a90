"""Newer families: a tiny model of each paints what a loop written by hand over its components gives."""

import json
import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from diffusers.models.transformers.transformer_flux import FluxTransformer2DModel
from diffusers.models.transformers.transformer_sd3 import SD3Transformer2DModel
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from diffusers.schedulers.scheduling_edm_euler import EDMEulerScheduler
from diffusers.schedulers.scheduling_euler_discrete import EulerDiscreteScheduler
from safetensors.torch import load_file
from torch import Tensor
from transformers import CLIPTextModel, T5EncoderModel

import paramc
from paramc.diagnostics.model import RunError
from paramc.ir.assets import AssetRef
from paramc.passes.family import find_family
from paramc.runtime.catalogue.errors import ModelError
from paramc.runtime.execute.runner import Runner
from paramc.runtime.models import latents
from paramc.runtime.models.bases import bases
from paramc.runtime.models.checkpoint import Checkpoint, load_checkpoint
from paramc.runtime.text.bpe import tokeniser
from paramc.runtime.text.t5 import tokeniser as t5_tokeniser
from tests.conformance.e2e.recorder import Recorder
from tests.unit.runtime_execute.families import (
    CLIP_L,
    MERGES,
    T5,
    UNET,
    WORDS,
    flux_file,
    refiner_file,
    sd3_file,
    sdxl_file,
)
from tests.unit.runtime_models.tiny import (
    SDXL,
    clip_shapes,
    filled,
    open_clip_shapes,
    save,
    under,
    unet_shapes,
    vae_shapes,
)

pytestmark = pytest.mark.sdk

BAR = 1e-5  # of the greatest number of the latent
A1111 = "Version: 1.10.1"
FORGE = "Version: f2.0.1v1.10.1-previous-669-gdfdcbab6"
STEPS = 3
SEED = 7


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("families")
    sdxl_file(folder / "tiny-sdxl.safetensors")
    marks = {name: torch.zeros(1) for name in ("v_pred", "ztsnr")}
    sdxl_file(folder / "tiny-noobai-xl-vpred.safetensors", marks)
    measured = {"edm_mean": torch.tensor([-1.6, 1.9, -1.4, 2.5]), "edm_std": torch.tensor([8.5, 5.9, 6.5, 5.2])}
    sdxl_file(folder / "tiny-playground-v2.5.safetensors", measured)
    refiner_file(folder / "tiny-sdxl-refiner.safetensors")
    sd3_file(folder / "tiny-sd3.safetensors")
    sd3_file(folder / "tiny-sd3-short.safetensors", long=False)
    flux_file(folder / "tiny-flux-dev.safetensors")
    flux_file(folder / "tiny-flux-schnell.safetensors", guided=False)
    return folder


@pytest.fixture(scope="module")
def runner(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Runner:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PARAMC_HOME", str(tmp_path_factory.mktemp("home")))
        return Runner([folder], device="cpu", rng="cpu")


def painted(runner: Runner, model: str, settings: str, version: str = FORGE) -> Tensor:
    """The finished latent of `a cat` against `dog`."""
    text = (
        f"a cat\nNegative prompt: dog\nSteps: {STEPS}, {settings}, Seed: {SEED}, Size: 64x64, Model: {model}, RNG: CPU"
    )
    seen = Recorder()
    runner.run(paramc.parse(f"{text}, {version}"), seen)
    return seen.latents[-1]


def deviation(found: Tensor, wanted: Tensor) -> float:
    return float((found - wanted).abs().max() / wanted.abs().max())


def noise(channels: int, side: int = 8) -> Tensor:
    return torch.randn((1, channels, side, side), generator=torch.Generator().manual_seed(SEED))


def clip_ids(text: str, pad: int | None = None) -> Tensor:
    words = tokeniser("mended", MERGES["tokenizer.merges"])
    ids = words.ids(text)
    end = words.words.end
    return torch.tensor([[words.words.begin, *ids, end, *[end if pad is None else pad] * (75 - len(ids))]])


def t5_ids(text: str, length: int) -> Tensor:
    ids = t5_tokeniser().encode(text).ids
    return torch.tensor([ids + [0] * (length - len(ids))])


def encoded_sdxl(model: Checkpoint, text: str) -> tuple[Tensor, Tensor]:
    first, second = model.text_encoders
    l_states = first(clip_ids(text), output_hidden_states=True).hidden_states[-2]
    g = second(clip_ids(text, 0), output_hidden_states=True)
    return torch.cat([l_states, g.hidden_states[-2]], dim=-1), g.text_embeds


def encoded_sd3(model: Checkpoint, text: str) -> tuple[Tensor, Tensor]:
    first, second, *long = model.text_encoders
    clip = first(clip_ids(text), output_hidden_states=True)
    g = second(clip_ids(text, 0), output_hidden_states=True)
    joined = torch.cat([clip.hidden_states[-2], g.hidden_states[-2]], dim=-1)
    tokens = torch.nn.functional.pad(joined, (0, 256 - joined.shape[2]))
    for t5 in long:
        assert isinstance(t5, T5EncoderModel)
        tokens = torch.cat([tokens, t5(t5_ids(text, 256)).last_hidden_state], dim=1)
    return tokens, torch.cat([clip.pooler_output, g.text_embeds], dim=1)


def encoded_flux(model: Checkpoint, text: str) -> tuple[Tensor, Tensor]:
    clip, t5 = model.text_encoders
    assert isinstance(clip, CLIPTextModel)
    return t5(t5_ids(text, 256)).last_hidden_state, clip(clip_ids(text)).pooler_output


def flow_walk(
    flow: Callable[[Tensor, float], Tensor], sigmas: list[float], channels: int = 16, side: int = 8, start: float = 1.0
) -> Tensor:
    """Euler's method from pure noise down the levels."""
    x = noise(channels, side) * start
    for sigma, after in zip(sigmas, [*sigmas[1:], 0.0], strict=True):
        x = x + (after - sigma) * flow(x, sigma)
    return x


def simple(curve: Callable[[float], float], levels: int) -> list[float]:
    return [curve((levels - int(step * levels / STEPS)) / levels) for step in range(STEPS)]


@torch.no_grad()
def sdxl_by_hand(model: Checkpoint, scale: float, scheduler: EulerDiscreteScheduler | EDMEulerScheduler) -> Tensor:
    unet = model.unet
    assert isinstance(unet, UNet2DConditionModel)
    sides = [encoded_sdxl(model, text) for text in ("a cat", "dog")]
    scheduler.set_timesteps(STEPS)
    x = noise(4) * scheduler.sigmas[0]
    sizes = torch.tensor([[64.0, 64.0, 0.0, 0.0, 64.0, 64.0]])
    for step in scheduler.timesteps:
        wanted, unwanted = (
            unet(
                scheduler.scale_model_input(x, step), step, encoder_hidden_states=tokens,
                added_cond_kwargs={"text_embeds": pooled, "time_ids": sizes},
            ).sample
            for tokens, pooled in sides
        )  # fmt: skip
        x = scheduler.step(unwanted + scale * (wanted - unwanted), step, x).prev_sample
    return x


@torch.no_grad()
def sd3_by_hand(model: Checkpoint, scale: float) -> Tensor:
    transformer = model.unet
    assert isinstance(transformer, SD3Transformer2DModel)
    sides = [encoded_sd3(model, text) for text in ("a cat", "dog")]

    def flow(x: Tensor, sigma: float) -> Tensor:
        wanted, unwanted = (
            transformer(x, tokens, pooled, torch.tensor([1000 * sigma])).sample for tokens, pooled in sides
        )
        return unwanted + scale * (wanted - unwanted)

    return flow_walk(flow, simple(lambda time: 3 * time / (1 + 2 * time), 1000))


@torch.no_grad()
def flux_by_hand(model: Checkpoint, mu: float, guidance: float | None) -> Tensor:
    transformer = model.unet
    assert isinstance(transformer, FluxTransformer2DModel)
    tokens, pooled = encoded_flux(model, "a cat")
    places = torch.tensor([[0.0, row, column] for row in range(4) for column in range(4)])

    def flow(x: Tensor, sigma: float) -> Tensor:
        patches = torch.nn.functional.unfold(x, 2, stride=2).transpose(1, 2)
        found = transformer(
            patches, tokens, pooled, torch.tensor([sigma]), places, torch.zeros(tokens.shape[1], 3),
            None if guidance is None else torch.tensor([guidance]),
        ).sample  # fmt: skip
        return torch.nn.functional.fold(found.transpose(1, 2), (8, 8), 2, stride=2)

    return flow_walk(flow, simple(lambda time: math.exp(mu) / (math.exp(mu) + 1 / time - 1), 10000))


@pytest.mark.filterwarnings("ignore:__array__ implementation")  # in the scheduler of diffusers
def test_sdxl_is_its_own_loop(runner: Runner, folder: Path) -> None:
    found = painted(runner, "tiny-sdxl", "Sampler: Euler, Schedule type: Karras, CFG scale: 5", A1111)
    scheduler = EulerDiscreteScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", use_karras_sigmas=True,
        timestep_spacing="linspace",
    )  # fmt: skip
    assert deviation(found, sdxl_by_hand(load_checkpoint(folder / "tiny-sdxl.safetensors"), 5, scheduler)) <= BAR


def test_a_model_that_predicts_mixtures_is_its_own_loop_on_their_levels(runner: Runner, folder: Path) -> None:
    found = painted(runner, "tiny-playground-v2.5", "Sampler: Euler, Schedule type: Karras, CFG scale: 3", A1111)
    model = load_checkpoint(folder / "tiny-playground-v2.5.safetensors")
    wanted = sdxl_by_hand(model, 3, EDMEulerScheduler(sigma_min=0.002, sigma_max=80.0, sigma_data=0.5))
    assert (model.family, model.base, model.diagnostics) == ("playground-v2.5", "sdxl", ())
    assert deviation(found, wanted) <= BAR


def test_a_sampler_on_timesteps_is_refused_for_a_model_of_mixtures(runner: Runner) -> None:
    with pytest.raises(RunError) as caught:
        painted(runner, "tiny-playground-v2.5", "Sampler: DDIM, CFG scale: 3", A1111)
    assert caught.value.diagnostics[0].code == "PC582"


def test_latents_of_which_means_were_measured_are_brought_to_half_a_spread(folder: Path) -> None:
    vae = load_checkpoint(folder / "tiny-playground-v2.5.safetensors").vae
    latent = torch.arange(8.0).view(1, 4, 1, 2)
    means, spreads = (torch.tensor(each).view(4, 1, 1) for each in ([-1.6, 1.9, -1.4, 2.5], [8.5, 5.9, 6.5, 5.2]))
    found = latents.unscaled(vae, latent)
    assert torch.allclose(found, latent * spreads / 0.5 + means)
    assert torch.allclose(latents.scaled(vae, found), latent, atol=1e-6)


def test_a_folder_whose_scheduler_is_for_mixtures_holds_such_a_model(folder: Path, tmp_path: Path) -> None:
    single = load_checkpoint(folder / "tiny-playground-v2.5.safetensors")
    parts = {"unet": single.unet, "vae": single.vae}
    for name, model in (
        parts | dict(zip(("text_encoder", "text_encoder_2"), single.text_encoders, strict=True))
    ).items():
        model.save_pretrained(tmp_path / name)
    EDMEulerScheduler().save_pretrained(tmp_path / "scheduler")
    (tmp_path / "model_index.json").write_text("{}", encoding="utf-8")
    found = load_checkpoint(tmp_path)
    assert (found.family, found.prediction) == ("playground-v2.5", "edm")
    latent = torch.arange(8.0).view(1, 4, 1, 2)
    assert torch.equal(latents.unscaled(found.vae, latent), latents.unscaled(single.vae, latent))


def test_sdxl_in_pieces_is_the_same_model(tmp_path: Path) -> None:
    whole = {
        **under(UNET, unet_shapes(SDXL)),
        **under("first_stage_model.", vae_shapes()),
        **under("conditioner.embedders.0.transformer.", clip_shapes(768, 1, WORDS)),
        **under("conditioner.embedders.1.model.", open_clip_shapes(1280, 1, WORDS)),
    }
    tensors = filled(whole, dtype=torch.float16)
    one = load_checkpoint(save(tmp_path / "whole.safetensors", tensors, MERGES))
    names = {"unet": UNET, "vae": "first_stage_model.", "clip_l": "conditioner.embedders.0.transformer."}
    for part, prefix in names.items():
        own = {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
        save(tmp_path / f"{part}.safetensors", own, MERGES)
    save(
        tmp_path / "clip_g.safetensors",
        {name: each.contiguous() for name, each in one.text_encoders[1].state_dict().items()},
    )
    modules = [tmp_path / f"{part}.safetensors" for part in ("vae", "clip_g", "clip_l")]
    other = load_checkpoint(tmp_path / "unet.safetensors", modules=modules)
    for first, second in zip((one.unet, *one.text_encoders), (other.unet, *other.text_encoders), strict=True):
        state = second.state_dict()
        assert all(torch.equal(tensor, state[name]) for name, tensor in first.state_dict().items())
    with pytest.raises(ModelError) as caught:
        load_checkpoint(tmp_path / "unet.safetensors", modules=[modules[0], modules[2]])
    assert "`clip_g`" in caught.value.diagnostics[0].message


@pytest.mark.parametrize("name", ["tiny-sd3", "tiny-sd3-short"])
def test_sd3_is_its_own_loop_with_and_without_t5(runner: Runner, folder: Path, name: str) -> None:
    found = painted(runner, name, "Sampler: Euler, Schedule type: Simple, CFG scale: 4")
    assert deviation(found, sd3_by_hand(load_checkpoint(folder / f"{name}.safetensors"), 4)) <= BAR


def test_flux_dev_is_its_own_loop_under_its_guidance(runner: Runner, folder: Path) -> None:
    settings = "Sampler: Euler, Schedule type: Simple, CFG scale: 1, Distilled CFG Scale: 2.5"
    found = painted(runner, "tiny-flux-dev", settings)
    assert deviation(found, flux_by_hand(load_checkpoint(folder / "tiny-flux-dev.safetensors"), 1.15, 2.5)) <= BAR


def test_flux_schnell_is_its_own_loop_without_guidance(runner: Runner, folder: Path) -> None:
    found = painted(runner, "tiny-flux-schnell", "Sampler: Euler, Schedule type: Simple, CFG scale: 1")
    model = load_checkpoint(folder / "tiny-flux-schnell.safetensors")
    assert deviation(found, flux_by_hand(model, 1.0, None)) <= BAR


def test_a_model_marked_for_velocity_and_pure_noise_starts_above_all_usual_levels(runner: Runner) -> None:
    seen = Recorder()
    text = f"a cat\nSteps: 2, Sampler: Euler, Schedule type: Simple, Seed: 1, Size: 64x64, Model: tiny-noobai-xl-vpred, RNG: CPU, {FORGE}"
    runner.run(paramc.parse(text), seen)
    assert seen.levels[0] == pytest.approx(4518.76, rel=1e-4)


def test_the_refiner_is_told_another_score_for_the_negative(runner: Runner) -> None:
    unet = runner.shelf.weights(AssetRef(name="tiny-sdxl-refiner")).checkpoint.unet
    told: list[Tensor] = []
    with unet.register_forward_pre_hook(
        lambda module, args, kwargs: told.append(kwargs["added_cond_kwargs"]["time_ids"]), with_kwargs=True
    ):
        painted(runner, "tiny-sdxl-refiner", "Sampler: Euler, Schedule type: Karras, CFG scale: 5", A1111)
    assert told[0].tolist() == [[64, 64, 0, 0, 6.0], [64, 64, 0, 0, 2.5]]


def test_a_sampler_on_timesteps_is_refused_for_a_flow(runner: Runner) -> None:
    with pytest.raises(RunError) as caught:
        painted(runner, "tiny-sd3", "Sampler: DDIM, CFG scale: 4", A1111)
    assert caught.value.diagnostics[0].code == "PC582"


@pytest.mark.parametrize("name", ["tiny-flux-dev", "tiny-flux-schnell", "tiny-sd3", "tiny-sd3-short"])
def test_a_folder_of_diffusers_holds_the_same_model(folder: Path, tmp_path: Path, name: str) -> None:
    single = load_checkpoint(folder / f"{name}.safetensors")
    single.unet.save_pretrained(tmp_path / "transformer")
    single.vae.save_pretrained(tmp_path / "vae")
    for place, encoder in zip(("text_encoder", "text_encoder_2", "text_encoder_3"), single.text_encoders, strict=False):
        encoder.save_pretrained(tmp_path / place)
    (tmp_path / "model_index.json").write_text("{}", encoding="utf-8")
    loaded = load_checkpoint(tmp_path)
    assert (loaded.family, loaded.base, loaded.prediction) == (single.family, single.base, "flow")
    for part, other in zip(
        (loaded.unet, loaded.vae, *loaded.text_encoders), (single.unet, single.vae, *single.text_encoders), strict=True
    ):
        state = other.state_dict()
        assert all(torch.equal(tensor, state[key]) for key, tensor in part.state_dict().items())


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float8_e4m3fn])
def test_files_of_other_number_types_are_read(tmp_path: Path, dtype: torch.dtype) -> None:
    tensors = load_file(flux_file(tmp_path / "a.safetensors"))
    path = save(tmp_path / "b.safetensors", {name: tensor.to(dtype) for name, tensor in tensors.items()}, MERGES)
    weight = load_checkpoint(path).unet.get_parameter("x_embedder.weight")
    assert torch.equal(weight, tensors["model.diffusion_model.img_in.weight"].to(dtype).float())


def test_a_diffusion_model_alone_finds_its_parts_in_other_files(folder: Path, tmp_path: Path) -> None:
    whole = load_file(folder / "tiny-flux-dev.safetensors")
    parts = {
        "model": "model.diffusion_model.",
        "ae": "vae.",
        "clip_l": "text_encoders.clip_l.transformer.",
        "t5": "text_encoders.t5xxl.transformer.",
    }
    paths = [
        save(tmp_path / f"{part}.safetensors", {
            name.removeprefix(prefix): tensor for name, tensor in whole.items() if name.startswith(prefix)
        }, MERGES)
        for part, prefix in parts.items()
    ]  # fmt: skip
    loaded = load_checkpoint(paths[0], modules=paths[1:])
    single = load_checkpoint(folder / "tiny-flux-dev.safetensors")
    for part, other in zip(
        (loaded.unet, loaded.vae, *loaded.text_encoders), (single.unet, single.vae, *single.text_encoders), strict=True
    ):
        assert all(torch.equal(one, two) for one, two in zip(part.parameters(), other.parameters(), strict=True))


def test_a_part_that_is_nowhere_is_named(folder: Path, tmp_path: Path) -> None:
    whole = load_file(folder / "tiny-flux-dev.safetensors")
    path = save(tmp_path / "a.safetensors", {name: part for name, part in whole.items() if "t5xxl" not in name}, MERGES)
    with pytest.raises(ModelError) as caught:
        load_checkpoint(path)
    said = caught.value.diagnostics[0]
    assert (said.code, "`t5`" in said.message) == ("PC580", True)


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("sd_xl_turbo_1.0_fp16", "sdxl-turbo"),
        ("sdxl_lightning_4step", "sdxl-lightning"),
        ("Hyper-SDXL-8step", "sdxl-hyper"),
        ("ponyDiffusionV6XL_v6StartWithThisOne", "sdxl-pony"),
        ("noobaiXLNAIXL_vPred10Version", "sdxl-illustrious"),
        ("playground-v2.5-1024px-aesthetic", "playground-v2.5"),
        ("sd3.5_large_turbo", "sd35-large-turbo"),
        ("flux1-krea-dev_fp8_scaled", "flux-dev"),
        ("flux1-dev-Q4_K_S", "flux-dev"),
        ("flux2-dev-Q4_K_M", "flux2"),
        ("hidream_i1_full_fp8", "hidream"),
        ("PixArt-Sigma-XL-2-1024-MS", "pixart-sigma"),
        ("Kolors", "kolors"),
        ("Kwai-Kolors_fp16", "kolors"),
        ("Sana_1600M_1024px_MultiLing", "sana"),
        ("SANA1.5_4.8B_1024px", "sana"),
        ("Sana_1600M_4Kpx_BF16", "sana"),
    ],
)
def test_settings_that_name_a_member_of_a_family_are_for_a_base_that_is_run(name: str, family: str) -> None:
    found = find_family(paramc.parse(f"a cat\nSteps: 4, Sampler: Euler, Seed: 1, Size: 1024x1024, Model: {name}"))
    assert found.name == family
    assert found.base in bases()


def test_a_weight_beside_its_factor_is_multiplied(tmp_path: Path) -> None:
    tensors = load_file(flux_file(tmp_path / "a.safetensors"))
    name = "model.diffusion_model.img_in"
    tensors[f"{name}.weight"] = (tensors[f"{name}.weight"] * 16).to(torch.float8_e4m3fn)
    wanted = tensors[f"{name}.weight"].float() / 16
    path = save(tmp_path / "b.safetensors", tensors | {f"{name}.scale_weight": torch.tensor(1 / 16)}, MERGES)
    assert torch.equal(load_checkpoint(path).unet.get_parameter("x_embedder.weight"), wanted)


def test_parts_that_nobody_names_are_found_under_their_usual_names(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PARAMC_HOME", str(tmp_path / "home"))
    whole = load_file(folder / "tiny-flux-dev.safetensors")
    for part, prefix in {"flux1-dev": "model.diffusion_model.", "ae": "vae.", "clip_l": CLIP_L, "t5xxl": T5}.items():
        own = {name.removeprefix(prefix): tensor for name, tensor in whole.items() if name.startswith(prefix)}
        save(tmp_path / "models" / f"{part}.safetensors", own, MERGES)
    text = f"a cat\nSteps: 1, Sampler: Euler, Schedule type: Simple, CFG scale: 1, Seed: 1, Size: 64x64, Model: flux1-dev, RNG: CPU, {FORGE}"
    ran = Runner([tmp_path / "models"], device="cpu", rng="cpu").run(paramc.parse(text))
    assert "PC584" in {item.code for item in ran.diagnostics}


def test_a_graph_for_flux_is_its_own_loop_on_the_levels_of_its_node(runner: Runner, folder: Path) -> None:
    nodes = {
        "file": ("CheckpointLoaderSimple", {"ckpt_name": "tiny-flux-dev.safetensors"}),
        "shift": ("ModelSamplingFlux", {"model": ["file", 0], "max_shift": 1.15, "base_shift": 0.5, "width": 1024, "height": 1024}),
        "text": ("CLIPTextEncode", {"text": "a cat", "clip": ["file", 1]}),
        "guided": ("FluxGuidance", {"guidance": 2.5, "conditioning": ["text", 0]}),
        "guider": ("BasicGuider", {"model": ["shift", 0], "conditioning": ["guided", 0]}),
        "noise": ("RandomNoise", {"noise_seed": SEED}),
        "chooser": ("KSamplerSelect", {"sampler_name": "euler"}),
        "sigmas": ("BasicScheduler", {"model": ["shift", 0], "scheduler": "simple", "steps": STEPS, "denoise": 1.0}),
        "empty": ("EmptySD3LatentImage", {"width": 64, "height": 64, "batch_size": 1}),
        "pass": ("SamplerCustomAdvanced", {"noise": ["noise", 0], "guider": ["guider", 0], "sampler": ["chooser", 0], "sigmas": ["sigmas", 0], "latent_image": ["empty", 0]}),
        "decode": ("VAEDecode", {"samples": ["pass", 0], "vae": ["file", 2]}),
        "save": ("SaveImage", {"images": ["decode", 0], "filename_prefix": "a"}),
    }  # fmt: skip
    graph = {name: {"class_type": kind, "inputs": inputs} for name, (kind, inputs) in nodes.items()}
    seen = Recorder()
    runner.run(paramc.parse(json.dumps(graph)), seen)
    wanted = flux_by_hand(load_checkpoint(folder / "tiny-flux-dev.safetensors"), 1.15, 2.5)
    assert deviation(seen.latents[-1], wanted) <= BAR
