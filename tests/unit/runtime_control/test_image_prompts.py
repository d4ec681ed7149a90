"""IP-Adapters, against diffusers' own way of loading them into a UNet."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("diffusers")
pytest.importorskip("transformers")

import torch
from diffusers import UNet2DConditionModel
from PIL import Image
from torch import Tensor
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

import paramc
from paramc.diagnostics.model import RunError
from paramc.ir.control import ControlNet
from paramc.ir.geometry import Size
from paramc.ir.job import Job
from paramc.runtime.catalogue.errors import ModelError
from paramc.runtime.control.image_encoder import Seen, load_image_encoder, seen_by
from paramc.runtime.control.image_prompts import ImageAdapter, image_prompt
from paramc.runtime.control.nets import load_net
from paramc.runtime.control.steering import Steering
from paramc.runtime.denoise.conditioning import Conditioning
from paramc.runtime.execute.network import UnetCall
from paramc.runtime.execute.runner import Runner
from paramc.runtime.execute.watch import UNWATCHED
from paramc.runtime.models.checkpoint import load_checkpoint
from tests.conformance.e2e.recorder import Recorder
from tests.unit.runtime_control.tiny import state
from tests.unit.runtime_models.tiny import Shapes, filled, linear, norm, save, sdxl_shapes

pytestmark = pytest.mark.sdk

SETTINGS = "Steps: 3, Sampler: Euler, Schedule type: Uniform, CFG scale: 5, Seed: 7, Size: 64x64, Model: tiny, RNG: CPU"
VECTOR, STATES, TEXT = 24, 64, 768


def attention_shapes() -> Shapes:
    numbered = [(2 * number + 1, width) for number, width in enumerate(widths())]
    return {f"ip_adapter.{number}.to_{part}_ip.weight": (width, TEXT) for number, width in numbered for part in "kv"}


def widths() -> list[int]:
    """Those of the layers in the order of diffusers: down, up, and the middle at the end."""
    return [32] * 2 + [64] * 4 + [64] * 6 + [32] * 3 + [64]


def plain_shapes() -> Shapes:
    return attention_shapes() | linear("image_proj.proj", 4 * TEXT, VECTOR) | norm("image_proj.norm", TEXT)


def plus_shapes() -> Shapes:
    """The projection that goes through the encoder's states with a few questions of its own."""
    inner = 64
    shapes = attention_shapes() | {"image_proj.latents": (1, 5, inner)}
    shapes |= linear("image_proj.proj_in", inner, STATES) | linear("image_proj.proj_out", TEXT, inner)
    shapes |= norm("image_proj.norm_out", TEXT)
    for layer in range(4):
        block = f"image_proj.layers.{layer}"
        shapes |= norm(f"{block}.0.norm1", inner) | norm(f"{block}.0.norm2", inner)
        for name, outputs, inputs in (
            ("0.to_q", inner, inner), ("0.to_kv", 2 * inner, inner), ("0.to_out", inner, inner),
            ("1.1", 4 * inner, inner), ("1.3", inner, 4 * inner),
        ):  # fmt: skip
            shapes |= linear(f"{block}.{name}", outputs, inputs, bias=False)
        shapes |= norm(f"{block}.1.0", inner)
    return shapes


def encoder() -> CLIPVisionModelWithProjection:
    torch.manual_seed(2)
    config = CLIPVisionConfig(
        hidden_size=STATES, intermediate_size=96, num_hidden_layers=3, num_attention_heads=1, patch_size=8, image_size=32,
        projection_dim=VECTOR, hidden_act="gelu",
    )  # fmt: skip
    model = CLIPVisionModelWithProjection(config)
    with torch.no_grad():
        for weight in model.parameters():
            weight.copy_(torch.randn(weight.shape) * 0.1)
    return model.eval()


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("pictures") / "shown.png"
    rows, columns = np.mgrid[0:32, 0:32]
    Image.fromarray(np.stack([rows * 8, columns * 8, rows + columns], axis=2).astype(np.uint8)).save(path)
    return str(path)


@pytest.fixture(scope="module")
def runner(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Runner:
    save(models / "ControlNet" / "plain.safetensors", filled(plain_shapes(), 3))
    save(models / "ControlNet" / "plus.safetensors", filled(plus_shapes(), 4))
    save(models / "clip_vision" / "seer.safetensors", state(encoder()))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PARAMC_HOME", str(tmp_path_factory.mktemp("home")))
        return Runner([models], device="cpu", rng="cpu")


def job(picture: str, model: str, weight: float = 0.7, span: tuple[float, float] = (0, 1)) -> Job:
    unit = (
        f"Module: ip-adapter_clip_sd15, Model: {model}, Weight: {weight}, Guidance Start: {span[0]}, "
        f"Guidance End: {span[1]}, Control Mode: Balanced"
    )
    read = paramc.parse(f'a cat\nNegative prompt: dog\n{SETTINGS}, ControlNet 0: "{unit}", Version: 1.10.1')
    return read.replace({"controls.controlnet.image.path": picture})


def seen_of(runner: Runner, asked: Job) -> Recorder:
    seen = Recorder()
    runner.run(asked, seen)
    return seen


def embedded(picture: str, kind: str) -> tuple[Tensor, Tensor]:
    """What the encoder sees of the picture, and the negative's own, as diffusers' pipelines take them."""
    mean, spread = (torch.tensor(values)[:, None, None] for values in (
        (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
    ))  # fmt: skip
    values = torch.from_numpy(np.asarray(Image.open(picture)).copy()).permute(2, 0, 1) / 255
    pixels = ((values - mean) / spread)[None]
    with torch.inference_mode():
        if kind == "plain":
            vector = encoder()(pixels).image_embeds[:, None]
            return vector, torch.zeros_like(vector)
        states, blank = (
            encoder()(each, output_hidden_states=True).hidden_states[-2][:, None]
            for each in (pixels, torch.zeros_like(pixels))
        )
        return states, blank


def nested(path: Path) -> dict[str, dict[str, Tensor]]:
    from safetensors.torch import load_file

    found: dict[str, dict[str, Tensor]] = {"image_proj": {}, "ip_adapter": {}}
    for name, weight in load_file(path).items():
        outer, _, inner = name.partition(".")
        found[outer][inner] = weight
    return found


@pytest.mark.parametrize("kind", ["plain", "plus"])
def test_a_shown_picture_is_attended_to_as_in_diffusers(runner: Runner, models: Path, picture: str, kind: str) -> None:
    seen = seen_of(runner, job(picture, kind, span=(0, 0.4)))
    unet = load_checkpoint(models / "tiny.safetensors").unet
    assert isinstance(unet, UNet2DConditionModel)
    plain = load_checkpoint(models / "tiny.safetensors").unet
    unet._load_ip_adapter_weights([nested(models / "ControlNet" / f"{kind}.safetensors")], low_cpu_mem_usage=False)
    for processor in unet.attn_processors.values():
        if isinstance(processor, torch.nn.Module):
            processor.scale = [0.7]
    pictures = [torch.cat(embedded(picture, kind))]  # the positive's row is the first
    x, levels = seen.entering[0], [*seen.levels, 0.0]
    with torch.inference_mode():
        for step, sigma in enumerate(levels[:-1]):
            model, extra = (unet, {"image_embeds": pictures}) if step / 3 <= 0.4 else (plain, None)
            noise = model(
                torch.cat([x / (sigma**2 + 1) ** 0.5] * 2),
                torch.tensor(seen.timesteps[step]),
                encoder_hidden_states=seen.tokens[step],
                added_cond_kwargs=extra,
            ).sample
            x = x + (levels[step + 1] - sigma) * (noise[1:] + 5.0 * (noise[:1] - noise[1:]))
    assert (seen.latents[-1] - x).abs().max() <= 1e-5 * x.abs().max()
    none = seen_of(runner, job(picture, kind, weight=0.0)).latents[-1]
    assert (none - x).abs().max() > 1e-3 * x.abs().max()


def test_a_model_of_sdxl_attends_to_a_picture_as_in_diffusers(tmp_path: Path) -> None:
    layers = range(28)  # of the tiny model, all 64 wide
    shapes = linear("image_proj.proj", 4 * 2048, VECTOR) | norm("image_proj.norm", 2048)
    shapes |= {f"ip_adapter.{2 * n + 1}.to_{part}_ip.weight": (64, 2048) for n in layers for part in "kv"}
    path = save(tmp_path / "plain.safetensors", filled(shapes, 3))
    checkpoint = load_checkpoint(save(tmp_path / "xl.safetensors", filled(sdxl_shapes())))
    adapter = load_net(path, "sdxl", dtype=torch.float32, device="cpu")
    assert isinstance(adapter, ImageAdapter)
    vector, size = torch.randn(1, VECTOR), Size(64, 64)
    prompt = image_prompt(ControlNet(weight=0.7), adapter, Seen(vector, vector[None], vector[None], vector))
    x, times = torch.randn(2, 4, 8, 8), torch.tensor([500.0, 500.0])
    conditioning = Conditioning(torch.randn(2, 77, 2048), torch.randn(2, 1280), against=1)
    extra = {"text_embeds": conditioning.vector, "time_ids": torch.tensor([[64.0, 64, 0, 0, 64, 64]] * 2)}
    unet = checkpoint.unet
    assert isinstance(unet, UNet2DConditionModel)
    with torch.inference_mode():
        steering = Steering([prompt], size, by_time=False)
        found = UnetCall(checkpoint, UNWATCHED, None, size, steering)(x, times, conditioning)
    unet._load_ip_adapter_weights([nested(path)], low_cpu_mem_usage=False)
    for processor in unet.attn_processors.values():
        if isinstance(processor, torch.nn.Module):
            processor.scale = [0.7]
    pictures = [torch.cat([vector, torch.zeros_like(vector)])[:, None]]
    with torch.inference_mode():
        expected = unet(x, times, conditioning.tokens, added_cond_kwargs={**extra, "image_embeds": pictures}).sample
    assert (found - expected).abs().max() <= 1e-5 * expected.abs().max()


def test_the_next_picture_is_painted_without_it(runner: Runner, picture: str) -> None:
    before = seen_of(runner, job(picture, "plain", weight=0.0)).latents[-1]
    seen_of(runner, job(picture, "plain"))
    assert torch.equal(seen_of(runner, job(picture, "plain", weight=0.0)).latents[-1], before)


def test_an_encoder_sees_the_middle_of_a_picture(models: Path, runner: Runner) -> None:
    wide = Image.new("RGB", (64, 32))
    wide.paste((255, 0, 0), (16, 0, 48, 32))
    model = load_image_encoder(models / "clip_vision" / "seer.safetensors", dtype=torch.float32, device="cpu")
    middle = seen_by(model, Image.new("RGB", (32, 32), (255, 0, 0)))
    assert (seen_by(model, wide).vector - middle.vector).abs().max() <= 1e-5


def test_without_its_encoder_an_adapter_says_which_it_takes(runner: Runner, models: Path, picture: str) -> None:
    shapes = attention_shapes() | linear("image_proj.proj", 4 * TEXT, 40) | norm("image_proj.norm", TEXT)
    save(models / "ControlNet" / "foreign.safetensors", filled(shapes, 3))
    path = str(models / "ControlNet" / "foreign.safetensors")
    asked = job(picture, "foreign").replace({"controls.controlnet.model.path": path})
    with pytest.raises((RunError, ModelError)) as error:
        runner.run(asked)
    assert {item.code for item in error.value.diagnostics} == {"PC591"}


def test_an_adapter_of_another_family_is_refused(models: Path, runner: Runner) -> None:
    with pytest.raises(ModelError) as error:
        load_net(models / "ControlNet" / "plain.safetensors", "sdxl", dtype=torch.float32, device="cpu")
    assert error.value.diagnostics[0].code == "PC587"


def test_an_adapter_for_vectors_of_faces_is_refused_by_name(tmp_path: Path) -> None:
    tensors = filled({"ip_adapter.1.to_k_ip.weight": (32, TEXT), "ip_adapter.1.to_v_ip.weight": (32, TEXT),
                      "image_proj.proj.0.weight": (64, 512), "image_proj.norm.weight": (TEXT,)})  # fmt: skip
    with pytest.raises(ModelError) as error:
        load_net(save(tmp_path / "face.safetensors", tensors), "sd1", dtype=torch.float32, device="cpu")
    assert error.value.diagnostics[0].code == "PC588"
