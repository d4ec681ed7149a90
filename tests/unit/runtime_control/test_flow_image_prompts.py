"""IP-Adapters of FLUX and SD3, against diffusers' own way of loading them into a transformer."""

from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("diffusers")
pytest.importorskip("transformers")

import numpy as np
import torch
from diffusers.models.attention_processor import SD3IPAdapterJointAttnProcessor2_0
from diffusers.models.embeddings import IPAdapterTimeImageProjection
from diffusers.models.transformers.transformer_flux import FluxTransformer2DModel
from diffusers.models.transformers.transformer_sd3 import SD3Transformer2DModel
from diffusers.pipelines.flux.pipeline_flux_controlnet import FluxControlNetPipeline
from PIL import Image
from torch import Tensor
from transformers import CLIPImageProcessorPil, SiglipImageProcessorPil, SiglipVisionConfig, SiglipVisionModel

from paramc.diagnostics.model import RunError
from paramc.runtime.catalogue.errors import ModelError
from paramc.runtime.control.nets import load_net
from paramc.runtime.execute.runner import Runner
from paramc.runtime.models.checkpoint import load_checkpoint
from tests.conformance.e2e.recorder import Recorder
from tests.unit.runtime_control.test_image_prompts import encoder
from tests.unit.runtime_control.test_transformer_nets import CFG, WEIGHT, painted, random, walked
from tests.unit.runtime_control.tiny import state
from tests.unit.runtime_execute.families import flux_file, sd3_file
from tests.unit.runtime_execute.test_families import deviation, encoded_flux, encoded_sd3
from tests.unit.runtime_models.tiny import Shapes, filled, linear, norm, save, under

pytestmark = [
    pytest.mark.sdk,
    pytest.mark.filterwarnings("ignore:`FluxPosEmbed` is deprecated"),  # diffusers warns of a class of its own
]

BAR = 1e-5
VECTOR, STATES, TEXT, WIDTH = 24, 48, 64, 128
Flow = Callable[[Tensor, float, int], Tensor]


def xlabs_shapes(width: int = WIDTH) -> Shapes:
    """Four tokens of a picture, looked at by the only double block."""
    shapes = linear("ip_adapter_proj_model.proj", 4 * TEXT, VECTOR) | norm("ip_adapter_proj_model.norm", TEXT)
    for part in "kv":
        shapes |= linear(f"double_blocks.0.processor.ip_adapter_double_stream_{part}_proj", width, TEXT)
    return shapes


def siglip() -> SiglipVisionModel:
    config = SiglipVisionConfig(
        hidden_size=STATES,
        intermediate_size=64,
        num_hidden_layers=3,
        num_attention_heads=1,
        patch_size=8,
        image_size=32,
    )
    return random(SiglipVisionModel(config))


def projection() -> IPAdapterTimeImageProjection:
    return random(IPAdapterTimeImageProjection(STATES, WIDTH, 64, heads=1, num_queries=5))


def layer() -> SD3IPAdapterJointAttnProcessor2_0:
    return random(SD3IPAdapterJointAttnProcessor2_0(WIDTH, WIDTH, 64, 64))


OWN = {  # InstantX's names of what is in a layer of the projection
    "ln0": "0.norm1", "ln1": "0.norm2", "attn.to_q": "0.to_q", "attn.to_kv": "0.to_kv", "attn.to_out.0": "0.to_out",
    "adaln_norm": "1.0", "ff.net.0.proj": "1.1", "ff.net.2": "1.3", "adaln_proj": "2.1",
}  # fmt: skip


def instantx() -> dict[str, Tensor]:
    """An attention of the first block, its second one, and that of the second block."""
    made = {f"ip_adapter.{number}.{name}": part for number in range(3) for name, part in state(layer()).items()}
    for name, part in state(projection()).items():
        pieces = name.split(".")
        module = ".".join(pieces[2:-1])
        own = [*pieces[:2], OWN[module], pieces[-1]] if pieces[0] == "layers" else pieces
        made["image_proj." + ".".join(own)] = part
    return made


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shown")
    flux_file(folder / "tiny-flux-dev.safetensors")
    sd3_file(folder / "tiny-sd3.safetensors")
    save(folder / "ControlNet" / "shown.safetensors", filled(xlabs_shapes(), 3))
    save(folder / "ControlNet" / "wide.safetensors", filled(xlabs_shapes(256), 3))
    save(folder / "ControlNet" / "instantx.safetensors", instantx())
    nested = {"image_proj": {}, "ip_adapter": {}}
    for name, part in instantx().items():
        whole, _, inner = name.partition(".")
        nested[whole][inner] = part
    torch.save(nested, folder / "ControlNet" / "pickled.bin")
    save(folder / "clip_vision" / "clip.safetensors", state(encoder()))
    save(folder / "clip_vision" / "siglip.safetensors", under("vision_model.", state(siglip())))
    rows, columns = np.mgrid[0:48, 0:64]
    values = np.stack([rows * 5, columns * 4, (rows * columns) % 256], axis=2).astype(np.uint8)
    Image.fromarray(values).save(folder / "picture.png")
    return folder


@pytest.fixture(scope="module")
def runner(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Runner:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PARAMC_HOME", str(tmp_path_factory.mktemp("home")))
        return Runner([folder], device="cpu", rng="cpu")


def picture(folder: Path) -> Image.Image:
    return Image.open(folder / "picture.png").convert("RGB")


@torch.no_grad()
def flux_by_hand(folder: Path, seen: Recorder, acts: Callable[[int], bool]) -> Tensor:
    """As FluxPipeline shows a picture, and a black one to the negative."""
    model = load_checkpoint(folder / "tiny-flux-dev.safetensors")
    transformer = model.unet
    assert isinstance(transformer, FluxTransformer2DModel)
    parts: dict[str, dict[str, Tensor]] = {"image_proj": {}, "ip_adapter": {}}
    for name, part in filled(xlabs_shapes(), 3).items():
        whole, inner = ("image_proj" if name.startswith("ip_adapter_proj") else "ip_adapter"), name.split(".", 1)[1]
        inner = inner.replace("ip_adapter_double_stream_k_proj", "to_k_ip").replace("processor.", "")
        parts[whole][inner.replace("ip_adapter_double_stream_v_proj", "to_v_ip")] = part
    transformer._load_ip_adapter_weights([parts], low_cpu_mem_usage=False)
    for processor in transformer.attn_processors.values():
        processor.scale = [WEIGHT]
    prepare = CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    vectors = [
        encoder()(prepare(each, return_tensors="pt").pixel_values).image_embeds[None]
        for each in (picture(folder), Image.new("RGB", (64, 64)))
    ]
    places = FluxControlNetPipeline._prepare_latent_image_ids(1, 4, 4, "cpu", torch.float32)
    sides = [encoded_flux(model, text) for text in ("a cat", "dog")]

    def flow(x: Tensor, sigma: float, step: int) -> Tensor:
        for processor in transformer.attn_processors.values():
            processor.scale = [WEIGHT if acts(step) else 0.0]
        made = []
        for (words, pooled), vector in zip(sides, vectors, strict=True):
            patches = transformer(
                FluxControlNetPipeline._pack_latents(x, 1, 16, 8, 8), words, pooled, torch.tensor([sigma]), places,
                torch.zeros(words.shape[1], 3), torch.tensor([2.5]),
                joint_attention_kwargs={"ip_adapter_image_embeds": [vector]},
            ).sample  # fmt: skip
            made.append(FluxControlNetPipeline._unpack_latents(patches, 64, 64, 8))
        return made[1] + CFG * (made[0] - made[1])

    return walked(seen, flow)


@pytest.mark.parametrize(
    ("more", "acts"),
    [("", lambda step: True), (", Guidance End: 0.2", lambda step: step < 2)],
    ids=["always", "at first"],
)  # fmt: skip
def test_flux_attends_to_a_picture_as_in_diffusers(
    runner: Runner, folder: Path, more: str, acts: Callable[[int], bool]
) -> None:
    seen = painted(runner, folder, "tiny-flux-dev", f"Model: shown{more}", cfg=CFG)
    assert deviation(seen.latents[-1], flux_by_hand(folder, seen, acts)) <= BAR
    assert deviation(seen.latents[-1], flux_by_hand(folder, seen, lambda step: False)) > 1e-3


@torch.no_grad()
def sd3_by_hand(folder: Path, seen: Recorder) -> Tensor:
    """As StableDiffusion3Pipeline shows a picture, and nothing to the negative."""
    model = load_checkpoint(folder / "tiny-sd3.safetensors")
    transformer = model.unet
    assert isinstance(transformer, SD3Transformer2DModel)
    parts: dict[str, dict[str, Tensor]] = {"image_proj": {}, "ip_adapter": {}}
    for name, part in instantx().items():
        parts[name.split(".")[0]][name.split(".", 1)[1]] = part
    transformer._load_ip_adapter_weights(parts, low_cpu_mem_usage=False)
    for processor in transformer.attn_processors.values():
        processor.scale = WEIGHT
    prepare = SiglipImageProcessorPil(size={"height": 32, "width": 32}, resample=Image.Resampling.BICUBIC)
    pixels = prepare(picture(folder), return_tensors="pt").pixel_values
    states = siglip()(pixels, output_hidden_states=True).hidden_states[-2]
    sides = [encoded_sd3(model, text) for text in ("a cat", "dog")]

    def flow(x: Tensor, sigma: float, step: int) -> Tensor:
        time = torch.tensor([1000 * sigma])
        flows = [
            transformer(x, tokens, pooled, time, joint_attention_kwargs={"ip_adapter_image_embeds": each}).sample
            for (tokens, pooled), each in zip(sides, (states, torch.zeros_like(states)), strict=True)
        ]
        return flows[1] + CFG * (flows[0] - flows[1])

    return walked(seen, flow)


@pytest.mark.parametrize("file", ["instantx", "pickled"])
def test_sd3_attends_to_a_picture_as_in_diffusers(runner: Runner, folder: Path, file: str) -> None:
    seen = painted(runner, folder, "tiny-sd3", f"Model: {file}", cfg=CFG)
    assert deviation(seen.latents[-1], sd3_by_hand(folder, seen)) <= BAR


def test_pictures_shown_to_flux_add_up(runner: Runner, folder: Path) -> None:
    once, twice, half = (
        painted(runner, folder, "tiny-flux-dev", *units).latents[-1]
        for units in (
            ["Model: shown"], ["Model: shown", "Model: shown"], ["Model: shown, Weight: 0.35"] * 2,
        )
    )  # fmt: skip
    assert deviation(half, once) <= BAR
    assert deviation(twice, once) > 1e-3


def test_sd3_is_shown_one_picture_alone(runner: Runner, folder: Path) -> None:
    with pytest.raises(RunError) as caught:
        painted(runner, folder, "tiny-sd3", "Model: instantx", "Model: instantx")
    assert caught.value.diagnostics[0].code == "PC512"


def test_the_next_picture_is_painted_without_it(runner: Runner, folder: Path) -> None:
    before = painted(runner, folder, "tiny-flux-dev").latents[-1]
    painted(runner, folder, "tiny-flux-dev", "Model: shown")
    assert torch.equal(painted(runner, folder, "tiny-flux-dev").latents[-1], before)


def test_an_adapter_of_another_width_is_refused(runner: Runner, folder: Path) -> None:
    with pytest.raises((RunError, ModelError)) as caught:
        painted(runner, folder, "tiny-flux-dev", "Model: wide")
    assert caught.value.diagnostics[0].code == "PC587"


def test_an_adapter_of_another_family_is_refused(folder: Path) -> None:
    with pytest.raises(ModelError) as caught:
        load_net(folder / "ControlNet" / "shown.safetensors", "sd3", dtype=torch.float32, device="cpu")
    assert caught.value.diagnostics[0].code == "PC587"


def test_an_adapter_that_diffusers_has_no_attention_for_is_refused_by_name(tmp_path: Path) -> None:
    tensors = filled({"ip_adapter.0.to_k_ip.weight": (8, 8), "image_proj.proj.2.weight": (8, 8)})
    with pytest.raises(ModelError) as caught:
        load_net(save(tmp_path / "net.safetensors", tensors), "flux", dtype=torch.float32, device="cpu")
    assert "InstantX for FLUX.1" in caught.value.diagnostics[0].message
