"""Sana and Kolors: a tiny model of each paints what a loop written by hand over its components gives."""

import json
import warnings
from collections.abc import Callable
from inspect import signature
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers.models.autoencoders.autoencoder_dc import AutoencoderDC
from diffusers.models.transformers.sana_transformer import SanaTransformer2DModel
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from diffusers.pipelines.sana.pipeline_sana import SanaPipeline
from PIL import Image
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import Tensor
from transformers import Gemma2Model, PreTrainedTokenizerFast

import paramc
from paramc.diagnostics.model import RunError
from paramc.ir.assets import ImageRef
from paramc.ir.plan import Run
from paramc.ir.stages import ImageToImage
from paramc.passes.plan import plan_job
from paramc.runtime.catalogue.header import read_header
from paramc.runtime.catalogue.signs import identify
from paramc.runtime.execute.checks import check_plan
from paramc.runtime.execute.runner import Runner
from paramc.runtime.models import latents
from paramc.runtime.models.checkpoint import Checkpoint, load_checkpoint
from paramc.runtime.text.chatglm import ChatGlm
from paramc.runtime.text.long import LongEncoder, encode_long, long_rows
from paramc.runtime.text.manners import LongText, find_lengths
from paramc.runtime.text.pieces import tokeniser_of
from tests.conformance.e2e.recorder import Recorder
from tests.unit.runtime_execute.families import UNET
from tests.unit.runtime_execute.latest import (
    GEMMA,
    GLM,
    GLM_WORDS,
    glm_shapes,
    kolors_file,
    sana_file,
    sana_shapes,
    write_pieces,
)
from tests.unit.runtime_execute.newest import write_tokeniser
from tests.unit.runtime_execute.test_families import (
    A1111,
    BAR,
    FORGE,
    SEED,
    STEPS,
    deviation,
    flow_walk,
    noise,
    painted,
)
from tests.unit.runtime_execute.test_newest_families import CFG, NO_CFG, Flow, against, linear_curve, model_of, simple
from tests.unit.runtime_models.tiny import filled, save

pytestmark = pytest.mark.sdk


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("latest")
    sana_file(folder / "tiny-sana.safetensors")
    sana_file(folder / "tiny-sana-1.5.safetensors", normed=True)
    kolors_file(folder / "tiny-kolors.safetensors")
    return folder


@pytest.fixture(scope="module")
def runner(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Runner:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PARAMC_HOME", str(tmp_path_factory.mktemp("home")))
        return Runner([folder], device="cpu", rng="cpu")


def read_for_sana(model: Checkpoint, text: str, *, negative: bool) -> Tensor:
    """What the pipeline of diffusers makes of a text, without what it hides of it."""
    [reader] = model.text_encoders
    assert isinstance(reader, Gemma2Model)
    assert isinstance(model.tokeniser, Tokenizer)
    words = PreTrainedTokenizerFast(tokenizer_object=model.tokeniser, pad_token="<pad>", bos_token="<bos>")
    pipeline = SanaPipeline(words, reader, None, None, None)
    instruction = signature(SanaPipeline.__call__).parameters["complex_human_instruction"].default
    whole = [f"<bos>{instruction[0]}", *instruction[1:]]  # this tokeniser has no sign for the start of its own accord
    if negative:
        tokens, seen = pipeline._get_gemma_prompt_embeds(f"<bos>{text}", torch.device("cpu"), torch.float32)
    else:
        tokens, seen, _, _ = pipeline.encode_prompt(
            text, do_classifier_free_guidance=False, complex_human_instruction=whole
        )
    found: Tensor = tokens[:, : int(seen.sum())]
    return found


def sana_flow(model: Checkpoint, text: str, *, negative: bool) -> Flow:
    transformer = model.unet
    assert isinstance(transformer, SanaTransformer2DModel)
    tokens = read_for_sana(model, text, negative=negative)
    return lambda x, sigma: transformer(x, tokens, torch.tensor([1000 * sigma])).sample


def kolors_levels() -> Tensor:
    """Of betas whose roots are in even steps."""
    betas = torch.linspace(0.00085**0.5, 0.014**0.5, 1100, dtype=torch.float64) ** 2
    alphas = torch.cumprod(1 - betas, 0)
    return ((1 - alphas) / alphas).sqrt().float()


def read_for_kolors(model: Checkpoint, text: str) -> tuple[Tensor, Tensor]:
    """What diffusers' ChatGLM makes of a text: its tokens, and what it is as a whole."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # diffusers compiles a piece of it on import
        from diffusers.pipelines.kolors.text_encoder import ChatGLMConfig, ChatGLMModel
    [reader] = model.text_encoders
    assert isinstance(reader, ChatGlm)
    assert isinstance(model.tokeniser, Tokenizer)
    config = ChatGLMConfig(
        num_layers=2, padded_vocab_size=80, hidden_size=256, ffn_hidden_size=96, kv_channels=128,
        num_attention_heads=2, multi_query_attention=True, multi_query_group_num=1, add_qkv_bias=True, original_rope=True,
    )  # fmt: skip
    other = ChatGLMModel(config).train(False)
    other.load_state_dict(reader.state_dict(), strict=False)
    ids = [GLM_WORDS + 1, GLM_WORDS + 3, *model.tokeniser.encode(text).ids]
    empty = 256 - len(ids)
    states = other(
        input_ids=torch.tensor([[0] * empty + ids]),
        attention_mask=torch.tensor([[0] * empty + [1] * len(ids)]),
        position_ids=torch.tensor([[0] * empty + list(range(len(ids)))]),
        output_hidden_states=True,
        return_dict=True,
    ).hidden_states
    return states[-2].permute(1, 0, 2), states[-1][-1]


def kolors_flow(model: Checkpoint, text: str, *, negative: bool) -> Flow:
    """Noise, along which a latent of noise and picture walks as it is."""
    unet = model.unet
    assert isinstance(unet, UNet2DConditionModel)
    tokens, pooled = read_for_kolors(model, text)
    told = {"text_embeds": pooled, "time_ids": torch.tensor([[64.0, 64, 0, 0, 64, 64]])}
    levels = kolors_levels()

    def noise(x: Tensor, sigma: float) -> Tensor:
        time = (levels - sigma).abs().argmin()
        found: Tensor = unet(x / (sigma**2 + 1) ** 0.5, time, tokens, added_cond_kwargs=told).sample
        return found

    return noise


FLOWS: dict[str, tuple[Callable[..., Flow], list[float], int, int]] = {
    "sana": (sana_flow, linear_curve(3), 32, 2),
    "sana-1.5": (sana_flow, linear_curve(3), 32, 2),
    "kolors": (kolors_flow, simple(kolors_levels()), 4, 8),
}
"""Of each family its flow, its levels, and channels and side of a latent."""


def walked(family: str, model: Checkpoint, scale: float) -> Tensor:
    made, sigmas, channels, side = FLOWS[family]
    flow = made(model, "a cat", negative=False)
    if scale != 1:
        flow = against((flow, made(model, "dog", negative=True)), scale)
    return flow_walk(flow, sigmas, channels, side, max(sigmas[0], 1.0))


@pytest.mark.parametrize(("settings", "scale"), [(CFG, 4), pytest.param(NO_CFG, 1, marks=pytest.mark.slow)])
@pytest.mark.parametrize("family", [pytest.param("sana", marks=pytest.mark.slow), "sana-1.5", "kolors"])
@torch.no_grad()
def test_a_family_is_its_own_loop(runner: Runner, family: str, settings: str, scale: float) -> None:
    wanted = walked(family, model_of(runner, family), scale)
    assert deviation(painted(runner, f"tiny-{family}", settings), wanted) <= BAR


PARTS = {
    "sana": {"dit": UNET, "vae": "vae.", "gemma": GEMMA},
    "kolors": {"unet": UNET, "vae": "first_stage_model.", "chatglm3": GLM},
}


def pieces_of(folder: Path, tmp_path: Path, family: str) -> list[Path]:
    """The parts of a model in files of their own, its tokeniser beside all of them."""
    whole = load_file(folder / f"tiny-{family}.safetensors")
    if family == "kolors":
        write_pieces(tmp_path / "tokenizer.model")
    else:
        write_tokeniser(tmp_path / "tokenizer.json")
    return [
        save(tmp_path / f"{part}.safetensors", {
            name.removeprefix(prefix): tensor for name, tensor in whole.items() if name.startswith(prefix)
        })
        for part, prefix in PARTS[family].items()
    ]  # fmt: skip


def equal(one: Checkpoint, other: Checkpoint) -> bool:
    pairs = zip((one.unet, one.vae, *one.text_encoders), (other.unet, other.vae, *other.text_encoders), strict=True)
    states = [(first.state_dict(), second.state_dict()) for first, second in pairs]
    return all(a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a) for a, b in states)


@pytest.mark.parametrize("family", PARTS)
def test_a_diffusion_model_alone_finds_its_parts_in_other_files(folder: Path, tmp_path: Path, family: str) -> None:
    model, *modules = pieces_of(folder, tmp_path, family)
    assert identify(read_header(model)) == ("diffusion_model", family, family)
    assert equal(load_checkpoint(model, modules=modules), load_checkpoint(folder / f"tiny-{family}.safetensors"))


@pytest.mark.parametrize("family", PARTS)
def test_a_folder_of_diffusers_holds_the_same_model(folder: Path, tmp_path: Path, family: str) -> None:
    single = load_checkpoint(folder / f"tiny-{family}.safetensors")
    single.unet.save_pretrained(tmp_path / ("unet" if family == "kolors" else "transformer"))
    single.vae.save_pretrained(tmp_path / "vae")
    (tmp_path / "tokenizer").mkdir()
    index = {"_class_name": "KolorsPipeline" if family == "kolors" else "SanaPipeline"}
    (tmp_path / "model_index.json").write_text(json.dumps(index), encoding="utf-8")
    if family == "kolors":
        write_pieces(tmp_path / "tokenizer" / "tokenizer.model")
        save(tmp_path / "text_encoder" / "model.safetensors", filled(glm_shapes()))
        config = {
            "architectures": ["ChatGLMModel"], "model_type": "chatglm", "padded_vocab_size": 80, "hidden_size": 256,
            "ffn_hidden_size": 96, "num_layers": 2, "num_attention_heads": 2, "kv_channels": 128,
            "multi_query_group_num": 1,
        }  # fmt: skip
        (tmp_path / "text_encoder" / "config.json").write_text(json.dumps(config), encoding="utf-8")
        (tmp_path / "scheduler").mkdir()
        (tmp_path / "scheduler" / "scheduler_config.json").write_text("{}", encoding="utf-8")
    else:
        write_tokeniser(tmp_path / "tokenizer" / "tokenizer.json")
        single.text_encoders[0].save_pretrained(tmp_path / "text_encoder")
    other = load_checkpoint(tmp_path)
    assert (other.family, other.prediction) == (single.family, single.prediction)
    assert torch.equal(other.alphas_cumprod, single.alphas_cumprod)
    assert [type(text) for text in other.text_encoders] == [type(text) for text in single.text_encoders]
    assert (other.tokeniser is None, single.tokeniser is None) == (False, False)
    if family == "sana":
        assert equal(other, single)


@pytest.mark.parametrize("family", ["sana", "kolors"])
def test_the_published_layout_is_read_as_the_authors_one(folder: Path, tmp_path: Path, family: str) -> None:
    """Kolors' model and Sana's autoencoder were published by the names of diffusers."""
    single = load_checkpoint(folder / f"tiny-{family}.safetensors")
    model, vae, reader = pieces_of(folder, tmp_path, family)
    save(vae, single.vae.state_dict())
    if family == "kolors":
        save(model, single.unet.state_dict())
        assert identify(read_header(model)) == ("diffusion_model", "kolors", "kolors")
    assert identify(read_header(vae)).kind == "vae"
    assert equal(load_checkpoint(model, modules=[vae, reader]), single)


def test_an_autoencoder_of_sana_has_cells_of_thirty_two_pixels_and_one_scale(folder: Path) -> None:
    vae = load_checkpoint(folder / "tiny-sana.safetensors").vae
    assert isinstance(vae, AutoencoderDC)
    pixels = torch.rand(1, 3, 64, 96, generator=torch.Generator().manual_seed(1)) * 2 - 1
    with torch.inference_mode():
        latent = latents.scaled(vae, latents.encoded(vae, pixels)[0])
        assert latent.shape == (1, 32, 2, 3)
        assert deviation(latent, 0.41407 * vae.encode(pixels).latent) <= BAR
        assert (
            deviation(latents.decoded(vae, latents.unscaled(vae, latent)), vae.decode(latent / 0.41407).sample) <= BAR
        )


@pytest.mark.parametrize(("patches", "side", "scale"), [(1024, 32, None), (4096, 64, 1.0), (16384, 128, 2.0)])
def test_sana_counts_places_in_pictures_larger_than_1024(
    folder: Path, tmp_path: Path, patches: int, side: int, scale: float | None
) -> None:
    _, *modules = pieces_of(folder, tmp_path, "sana")
    path = save(tmp_path / "a.safetensors", filled(sana_shapes(patches=patches)))
    config = load_checkpoint(path, modules=modules).unet.config
    assert (config["sample_size"], config["interpolation_scale"]) == (side, scale)


@pytest.mark.parametrize("family", PARTS)
def test_weights_for_training_alone_are_not_left_over(folder: Path, family: str) -> None:
    assert load_checkpoint(folder / f"tiny-{family}.safetensors").diagnostics == ()


def test_a_sampler_on_timesteps_is_refused_for_a_model_of_more_of_them(runner: Runner) -> None:
    with pytest.raises(RunError) as caught:
        painted(runner, "tiny-kolors", "Sampler: DDIM, CFG scale: 4", A1111)
    assert caught.value.diagnostics[0].code == "PC582"


def test_kolors_reads_254_tokens_and_no_more(folder: Path) -> None:
    model = load_checkpoint(folder / "tiny-kolors.safetensors")
    [reader] = model.text_encoders
    assert isinstance(reader, ChatGlm)
    assert isinstance(model.tokeniser, Tokenizer)
    encoder = LongEncoder(reader, model.tokeniser, find_lengths("kolors", "kolors", "diffusers"))
    words = " ".join(["cat"] * 254)
    found = encode_long([(Run(text=words),), (Run(text=f"{words} dog"),)], [1, 1], "original", encoder)
    assert [len(tokens) for tokens in found.tokens] == [256, 256]
    assert torch.equal(found.tokens[0], found.tokens[1])


@pytest.mark.parametrize("family", [pytest.param("sana", marks=pytest.mark.slow), "kolors"])
@torch.no_grad()
def test_a_picture_is_painted_over_from_the_level_where_the_steps_begin(
    runner: Runner, folder: Path, tmp_path: Path, family: str
) -> None:
    Image.effect_noise((64, 64), 90).convert("RGB").save(tmp_path / "a.png")
    text = (
        f"a cat\nNegative prompt: dog\nSteps: {STEPS}, {CFG}, Seed: {SEED}, Size: 64x64, Model: tiny-{family}, RNG: CPU"
    )
    task = ImageToImage(init=ImageRef(path=str(tmp_path / "a.png")), strength=0.5)
    seen = Recorder()
    runner.shelf.leftover = None  # what former jobs leave behind, with which pictures are encoded
    runner.run(paramc.parse(f"{text}, {FORGE}").model_copy(update={"task": task}), seen)
    model = model_of(runner, family)
    made, sigmas, channels, side = FLOWS[family]
    flow = against((made(model, "a cat", negative=False), made(model, "dog", negative=True)), 4)
    pixels = torch.from_numpy(np.array(Image.open(tmp_path / "a.png"))).permute(2, 0, 1).float()[None] / 127.5 - 1
    known = latents.scaled(model.vae, latents.encoded(model.vae, pixels)[0])
    first, *rest = sigmas[1:]
    x = known * (1 - first if family == "sana" else 1) + noise(channels, side) * first
    for sigma, after in pairwise([first, *rest, 0.0]):
        x = x + (after - sigma) * flow(x, sigma)
    assert deviation(seen.latents[-1], x) <= BAR


def test_a_word_that_grows_together_with_what_stands_before_it_is_kept(folder: Path, tmp_path: Path) -> None:
    model = load_checkpoint(folder / "tiny-kolors.safetensors")
    [reader] = model.text_encoders
    assert isinstance(reader, ChatGlm)
    write_pieces(tmp_path / "tokenizer.model")
    words = tokeniser_of((tmp_path / "tokenizer.model").read_bytes())
    encoder = LongEncoder(reader, words, LongText("", (), before="the ", after=""))
    [row] = long_rows((Run(text="cat"),), encoder)
    assert row.tokens == tuple(words.encode("the cat").ids)


@pytest.mark.parametrize(("family", "sides"), [("sana", "992 × 1024"), ("flux2-dev", "992 × 1024"), ("kolors", "")])
def test_a_size_that_the_cells_do_not_fill_is_told(family: str, sides: str) -> None:
    job = paramc.parse(f"a cat\nSteps: 4, Sampler: Euler, CFG scale: 4, Seed: 1, Size: 1000x1024, Model: {family}")
    told = [item.message for item in check_plan(plan_job(job)) if item.code == "PC560"]
    assert [sides in message for message in told] == ([True] if sides else [])
