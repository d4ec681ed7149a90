"""The newest families: a tiny model of each paints what a loop written by hand over its components gives."""

import json
import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from _pytest.mark.structures import ParameterSet
from diffusers.models.autoencoders.autoencoder_kl_flux2 import AutoencoderKLFlux2
from diffusers.models.autoencoders.autoencoder_kl_qwenimage import AutoencoderKLQwenImage
from diffusers.models.transformers.auraflow_transformer_2d import AuraFlowTransformer2DModel
from diffusers.models.transformers.pixart_transformer_2d import PixArtTransformer2DModel
from diffusers.models.transformers.transformer_chroma import ChromaTransformer2DModel
from diffusers.models.transformers.transformer_flux2 import Flux2Transformer2DModel
from diffusers.models.transformers.transformer_hidream_image import HiDreamImageTransformer2DModel
from diffusers.models.transformers.transformer_lumina2 import Lumina2Transformer2DModel
from diffusers.models.transformers.transformer_qwenimage import QwenImageTransformer2DModel
from diffusers.models.transformers.transformer_z_image import ZImageTransformer2DModel
from diffusers.pipelines.flux2.system_messages import SYSTEM_MESSAGE
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import Tensor
from transformers import (
    CLIPTextModelWithProjection,
    LlamaModel,
    Qwen2_5_VLConfig,
    Qwen2_5_VLModel,
    T5EncoderModel,
    UMT5EncoderModel,
)

import paramc
from paramc.ir.assets import AssetRef
from paramc.ir.plan import Run
from paramc.runtime.catalogue.errors import ModelError
from paramc.runtime.catalogue.header import read_header
from paramc.runtime.catalogue.signs import identify
from paramc.runtime.execute.runner import Runner
from paramc.runtime.execute.transformer import Rows, call_hidream
from paramc.runtime.models import latents
from paramc.runtime.models.checkpoint import Checkpoint, load_checkpoint
from paramc.runtime.models.networks import Applied, Networks, load_network
from paramc.runtime.schedules.flows import flow_levels
from paramc.runtime.text.long import LanguageModel, LongEncoder, LongModel, encode_long
from paramc.runtime.text.manners import find_lengths, find_manner
from paramc.runtime.text.t5 import tokeniser as t5_tokeniser
from paramc.runtime.text.texts import Texts, encode_texts
from paramc.runtime.text.tokenisers import tokeniser_beside
from tests.conformance.e2e.recorder import Recorder
from tests.unit.runtime_execute.newest import (
    ENCODERS,
    auraflow_file,
    chroma_file,
    flux2_files,
    hidream_file,
    language_file,
    pixart_file,
    qwen_image_files,
    write_tokeniser,
)
from tests.unit.runtime_execute.test_families import BAR, FORGE, SEED, STEPS, clip_ids, deviation, flow_walk, painted
from tests.unit.runtime_models.tiny import Shapes, filled, save, under

pytestmark = pytest.mark.sdk

CFG = "Sampler: Euler, Schedule type: Simple, CFG scale: 4"
NO_CFG = "Sampler: Euler, Schedule type: Simple, CFG scale: 1"
DESCRIBE = (
    "<|im_start|>system\nDescribe the image by detailing the color, shape, size, texture, quantity, text, spatial "
    "relationships of the objects and background:<|im_end|>\n<|im_start|>user\n"
)
ANSWER = "<|im_end|>\n<|im_start|>assistant\n"

Flow = Callable[[Tensor, float], Tensor]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("newest")
    chroma_file(folder / "tiny-chroma.safetensors")
    for family in ENCODERS:
        language_file(folder / f"tiny-{family}.safetensors", family)
    qwen_image_files(folder)
    flux2_files(folder)
    auraflow_file(folder / "tiny-auraflow.safetensors")
    hidream_file(folder / "tiny-hidream.safetensors")
    pixart_file(folder / "tiny-pixart-alpha.safetensors", tokens=120, sized=True)
    pixart_file(folder / "tiny-pixart-sigma.safetensors", tokens=300, sized=False)
    return folder


@pytest.fixture(scope="module")
def runner(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Runner:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PARAMC_HOME", str(tmp_path_factory.mktemp("home")))
        return Runner([folder], device="cpu", rng="cpu")


def model_of(runner: Runner, family: str) -> Checkpoint:
    return runner.shelf.weights(AssetRef(name=f"tiny-{family}")).checkpoint


def read_by(model: Checkpoint, text: str, state: int) -> Tensor:
    """What the language model makes of a text, one of its hidden states."""
    [reader] = model.text_encoders
    assert isinstance(reader, LanguageModel)
    assert isinstance(model.tokeniser, Tokenizer)
    ids = torch.tensor([model.tokeniser.encode(text, add_special_tokens=False).ids])
    found: Tensor = reader(ids, output_hidden_states=True).hidden_states[state]
    return found


def against(sides: tuple[Flow, Flow], scale: float) -> Flow:
    wanted, unwanted = sides

    def flow(x: Tensor, sigma: float) -> Tensor:
        start = unwanted(x, sigma)
        return start + scale * (wanted(x, sigma) - start)

    return flow


def flux_curve(mu: float) -> list[float]:
    times = torch.arange(1, 10001) / 10000
    return simple(math.exp(mu) / (math.exp(mu) + 1 / times - 1))


def linear_curve(shift: float) -> list[float]:
    times = torch.arange(1, 1001) / 1000
    return simple(shift * times / (1 + (shift - 1) * times))


def simple(levels: Tensor) -> list[float]:
    """Evenly spread ones of a table, in single precision: a network sees the last digit of its time."""
    return [float(levels[-1 - int(step * len(levels) / STEPS)]) for step in range(STEPS)]


def patched(model: Callable[[Tensor, float], Tensor]) -> Flow:
    """A model of patches in a row, as one of latents 8 cells wide and high."""

    def flow(x: Tensor, sigma: float) -> Tensor:
        found = model(torch.nn.functional.unfold(x, 2, stride=2).transpose(1, 2), sigma)
        return torch.nn.functional.fold(found.transpose(1, 2), (8, 8), 2, stride=2)

    return flow


def chroma_flow(model: Checkpoint, text: str) -> Flow:
    transformer, [reader] = model.unet, model.text_encoders
    assert isinstance(transformer, ChromaTransformer2DModel)
    assert isinstance(reader, T5EncoderModel)
    tokens = reader(torch.tensor([t5_tokeniser().encode(text).ids])).last_hidden_state
    places = torch.tensor([[0.0, row, column] for row in range(4) for column in range(4)])
    words = torch.zeros(tokens.shape[1], 3)
    return patched(lambda x, sigma: transformer(x, tokens, torch.tensor([sigma]), places, words).sample)


def z_image_flow(model: Checkpoint, text: str) -> Flow:
    transformer = model.unet
    assert isinstance(transformer, ZImageTransformer2DModel)
    tokens = read_by(model, f"<|im_start|>user\n{text}{ANSWER}", -2)
    return lambda x, sigma: -transformer([x[0, :, None]], 1 - torch.tensor([sigma]), [tokens[0]]).sample[0][None, :, 0]


def lumina2_flow(model: Checkpoint, text: str) -> Flow:
    transformer = model.unet
    assert isinstance(transformer, Lumina2Transformer2DModel)
    tokens = read_by(model, f"<bos>{text}", -2)
    seen = torch.ones(tokens.shape[:2], dtype=torch.bool)
    return lambda x, sigma: -transformer(x, 1 - torch.tensor([sigma]), tokens, seen).sample


def qwen_image_flow(model: Checkpoint, text: str) -> Flow:
    transformer = model.unet
    assert isinstance(transformer, QwenImageTransformer2DModel)
    assert isinstance(model.tokeniser, Tokenizer)
    told = len(model.tokeniser.encode(DESCRIBE).ids)
    tokens = read_by(model, f"{DESCRIBE}{text}{ANSWER}", -1)[:, told:]
    shape = [[(1, 4, 4)]]
    return patched(lambda x, sigma: transformer(x, tokens, None, torch.tensor([sigma]), shape).sample)


def read_in_512(model: Checkpoint, text: str, pad: str, states: tuple[int, ...], *, before: bool) -> Tensor:
    """Some hidden states side by side, of a text filled up with padding that is not seen."""
    [reader] = model.text_encoders
    assert isinstance(reader, LanguageModel)
    assert isinstance(model.tokeniser, Tokenizer)
    ids = model.tokeniser.encode(text).ids
    padding = [model.tokeniser.token_to_id(pad)] * (512 - len(ids))
    filled, seen = [*ids, *padding], [1] * len(ids) + [0] * len(padding)
    if before:
        filled, seen = [*padding, *ids], seen[::-1]
    found = reader(torch.tensor([filled]), attention_mask=torch.tensor([seen]), output_hidden_states=True).hidden_states
    return torch.cat([found[state] for state in states], dim=-1)


def klein_flow(model: Checkpoint, text: str) -> Flow:
    asked = f"<|im_start|>user\n{text}{ANSWER}<think>\n\n</think>\n\n"
    return flux2_flow(model, read_in_512(model, asked, "<|endoftext|>", (9, 18, 27), before=False), None)


def flux2_dev_flow(model: Checkpoint, text: str) -> Flow:
    asked = f"<s>[SYSTEM_PROMPT]{SYSTEM_MESSAGE}[/SYSTEM_PROMPT][INST]{text}[/INST]"
    tokens = read_in_512(model, asked, "<pad>", (10, 20, 30), before=True)
    return flux2_flow(model, tokens, torch.tensor([3.5]))  # Forge's guidance where none is stated


def flux2_flow(model: Checkpoint, tokens: Tensor, guidance: Tensor | None) -> Flow:
    transformer = model.unet
    assert isinstance(transformer, Flux2Transformer2DModel)
    places = torch.cartesian_prod(torch.arange(1), torch.arange(4), torch.arange(4), torch.arange(1))
    words = torch.cartesian_prod(torch.arange(1), torch.arange(1), torch.arange(1), torch.arange(512))

    def flow(x: Tensor, sigma: float) -> Tensor:
        cells = x.reshape(1, 128, 16).transpose(1, 2)
        found: Tensor = transformer(cells, tokens, torch.tensor([sigma]), places, words, guidance).sample
        return found.transpose(1, 2).reshape(1, 128, 4, 4)

    return flow


def auraflow_flow(model: Checkpoint, text: str) -> Flow:
    transformer, [reader] = model.unet, model.text_encoders
    assert isinstance(transformer, AuraFlowTransformer2DModel)
    assert isinstance(reader, UMT5EncoderModel)
    assert isinstance(model.tokeniser, Tokenizer)
    ids = model.tokeniser.encode(f"{text}</s>").ids
    seen = torch.tensor([[1] * len(ids) + [0] * (256 - len(ids))])
    states = reader(torch.tensor([ids + [0] * (256 - len(ids))]), attention_mask=seen).last_hidden_state
    tokens = states * seen[..., None]
    return lambda x, sigma: transformer(x, tokens, torch.tensor([sigma])).sample


def pixart_flow(model: Checkpoint, text: str) -> Flow:
    """Noise, along which a latent of noise and picture walks as it is."""
    transformer, [reader] = model.unet, model.text_encoders
    assert isinstance(transformer, PixArtTransformer2DModel)
    assert isinstance(reader, T5EncoderModel)
    tokens = reader(torch.tensor([t5_tokeniser().encode(text).ids])).last_hidden_state
    told = {"resolution": torch.tensor([[64.0, 64.0]]), "aspect_ratio": torch.tensor([[1.0]])}
    levels = noised_levels()

    def noise(x: Tensor, sigma: float) -> Tensor:
        time = (levels - sigma).abs().argmin()[None]
        found: Tensor = transformer(x / (sigma**2 + 1) ** 0.5, tokens, time, told).sample
        return found[:, :4]

    return noise


def hidream_flow(model: Checkpoint, text: str) -> Flow:
    transformer, [first, second, t5, reader] = model.unet, model.text_encoders
    assert isinstance(transformer, HiDreamImageTransformer2DModel)
    assert isinstance(first, CLIPTextModelWithProjection)
    assert isinstance(second, CLIPTextModelWithProjection)
    assert isinstance(t5, T5EncoderModel)
    assert isinstance(reader, LlamaModel)
    assert isinstance(model.tokeniser, Tokenizer)
    pooled = torch.cat([first(clip_ids(text)).text_embeds, second(clip_ids(text, 0)).text_embeds], dim=-1)
    said, read = t5_tokeniser().encode(text).ids, model.tokeniser.encode(f"<|begin_of_text|>{text}").ids
    end = model.tokeniser.token_to_id("<|eot_id|>")
    tokens, states = (
        encoder(
            torch.tensor([[*ids, *[pad] * (128 - len(ids))]]),
            attention_mask=torch.tensor([[1] * len(ids) + [0] * (128 - len(ids))]),
            output_hidden_states=True,
        )
        for encoder, ids, pad in ((t5, said, 0), (reader, read, end))
    )
    every = torch.stack(states.hidden_states[1:])

    def flow(x: Tensor, sigma: float) -> Tensor:
        found: Tensor = transformer(
            hidden_states=x, timesteps=torch.tensor([1000 * sigma]), pooled_embeds=pooled,
            encoder_hidden_states_t5=tokens.last_hidden_state, encoder_hidden_states_llama3=every,
        ).sample  # fmt: skip
        return -found

    return flow


def test_a_picture_of_more_patches_than_hidream_was_made_for_is_painted(folder: Path) -> None:
    model = load_checkpoint(folder / "tiny-hidream.safetensors").unet
    assert isinstance(model, HiDreamImageTransformer2DModel)
    stream = torch.Generator().manual_seed(0)
    x, tokens, pooled = (torch.randn(shape, generator=stream) for shape in ((1, 16, 8, 12), (1, 16, 64), (1, 128)))
    rows = Rows(x, torch.tensor([500.0]), tokens, pooled, 1.0)
    model.register_to_config(max_resolution=(4, 4))
    model.max_seq = 4
    with torch.inference_mode():
        wide = call_hidream(model, rows)
        model.register_to_config(max_resolution=(8, 12))
        assert torch.equal(wide, call_hidream(model, rows))


def noised_levels() -> Tensor:
    """Of betas in even steps."""
    alphas = torch.cumprod(1 - torch.linspace(0.0001, 0.02, 1000, dtype=torch.float64), 0)
    return ((1 - alphas) / alphas).sqrt().float()


CELLS = {"auraflow": (4, 8), "flux2-klein": (128, 4), "flux2": (128, 4), "pixart-alpha": (4, 8), "pixart-sigma": (4, 8)}
"""Channels and side of a latent where these are not 16 and 8."""
FAMILIES: dict[str, tuple[Callable[[Checkpoint, str], Flow], list[float]]] = {
    "chroma": (chroma_flow, flux_curve(1.0)),
    "z-image": (z_image_flow, linear_curve(3)),
    "lumina2": (lumina2_flow, linear_curve(6)),
    "qwen-image": (qwen_image_flow, flux_curve(1.15)),
    "flux2-klein": (klein_flow, flux_curve(2.02)),
    "flux2": (flux2_dev_flow, flux_curve(2.02)),
    "auraflow": (auraflow_flow, linear_curve(1.73)),
    "hidream": (hidream_flow, linear_curve(3)),
    "pixart-alpha": (pixart_flow, simple(noised_levels())),
    "pixart-sigma": (pixart_flow, simple(noised_levels())),
}


def some(*quick: str) -> list[ParameterSet]:
    """All families, the others than these with the slow tests."""
    return [pytest.param(name, marks=() if name in quick else pytest.mark.slow) for name in FAMILIES]


def walked(family: str, flow: Flow) -> Tensor:
    """Down the levels of a family, from noise of the first one's spread."""
    sigmas = FAMILIES[family][1]
    channels, side = CELLS.get(family, (16, 8))
    return flow_walk(flow, sigmas, channels, side, max(sigmas[0], 1.0))


@pytest.mark.parametrize("family", FAMILIES)
@torch.no_grad()
def test_a_family_is_its_own_loop_with_texts_of_unlike_length(runner: Runner, family: str) -> None:
    flow, _ = FAMILIES[family]
    model = model_of(runner, family)
    wanted = walked(family, against((flow(model, "a cat"), flow(model, "dog")), 4))
    assert deviation(painted(runner, f"tiny-{family}", CFG), wanted) <= BAR


@pytest.mark.parametrize("family", some("chroma"))
@torch.no_grad()
def test_without_guidance_the_negative_says_nothing(runner: Runner, family: str) -> None:
    flow, _ = FAMILIES[family]
    wanted = walked(family, flow(model_of(runner, family), "a cat"))
    assert deviation(painted(runner, f"tiny-{family}", NO_CFG), wanted) <= BAR


@pytest.mark.parametrize("family", some("chroma"))
@torch.no_grad()
def test_texts_of_unlike_length_in_one_call_see_nothing_of_their_filling(runner: Runner, family: str) -> None:
    flow, _ = FAMILIES[family]
    model = model_of(runner, family)
    both = [flow(model, text) for text in ("a cat", " a very long dog indeed")]
    text = f"a cat AND a very long dog indeed :0.5\nSteps: {STEPS}, {NO_CFG}, Seed: {SEED}, Size: 64x64"
    seen = Recorder()
    runner.run(paramc.parse(f"{text}, Model: tiny-{family}, RNG: CPU, {FORGE}"), seen)
    whole = against((both[1], both[0]), 0.5)  # the first part stands for the negative
    wanted = walked(family, whole)
    assert deviation(seen.latents[-1], wanted) <= BAR


BESIDE = {
    "qwen-image": ("qwen_image_vae", "qwen_2.5_vl_7b"),
    "flux2-klein": ("flux2-vae", "qwen_3_4b"),
    "flux2": ("flux2-vae", "mistral_3_small_flux2_bf16"),
}


def loaded(folder: Path, family: str) -> Checkpoint:
    modules = [folder / f"{name}.safetensors" for name in BESIDE.get(family, ())]
    return load_checkpoint(folder / f"tiny-{family}.safetensors", modules=modules)


@pytest.mark.parametrize("family", some("qwen-image"))
def test_a_folder_of_diffusers_holds_the_same_model(folder: Path, tmp_path: Path, family: str) -> None:
    single = loaded(folder, family)
    single.unet.save_pretrained(tmp_path / "transformer")
    single.vae.save_pretrained(tmp_path / "vae")
    for number, encoder in enumerate(single.text_encoders, 1):
        encoder.save_pretrained(tmp_path / ("text_encoder" if number == 1 else f"text_encoder_{number}"))
    if single.tokeniser is not None:
        (tmp_path / "tokenizer").mkdir()
        write_tokeniser(tmp_path / "tokenizer" / "tokenizer.json")
    pipeline = {"pixart-alpha": "PixArtAlphaPipeline", "pixart-sigma": "PixArtSigmaPipeline"}.get(family, "")
    (tmp_path / "model_index.json").write_text(json.dumps({"_class_name": pipeline}), encoding="utf-8")
    other = load_checkpoint(tmp_path)
    assert (other.family, other.base, other.prediction) == (single.family, single.base, single.prediction)
    assert (other.tokeniser is None) == (single.tokeniser is None)
    for one, two in zip(
        (other.unet, other.vae, *other.text_encoders), (single.unet, single.vae, *single.text_encoders), strict=True
    ):
        state = two.state_dict()
        assert all(torch.equal(tensor, state[key]) for key, tensor in one.state_dict().items())


@torch.no_grad()
def test_a_language_model_cut_off_behind_the_last_layer_that_is_read_says_the_same(
    folder: Path, tmp_path: Path
) -> None:
    whole = load_file(folder / "mistral_3_small_flux2_bf16.safetensors")
    cut = {name: tensor for name, tensor in whole.items() if ".30." not in name and name != "model.norm.weight"}
    write_tokeniser(tmp_path / "tokenizer.json")
    modules = [folder / "flux2-vae.safetensors", save(tmp_path / "cut.safetensors", cut)]
    [reader] = load_checkpoint(folder / "tiny-flux2.safetensors", modules=modules).text_encoders
    ids = torch.tensor([[5, 90, 17]])
    found, wanted = (
        model(ids, output_hidden_states=True).hidden_states[30]
        for model in (reader, loaded(folder, "flux2").text_encoders[0])
    )
    assert torch.equal(found, wanted)


@torch.no_grad()
def test_a_model_that_sees_pictures_too_reads_texts_as_its_language_model_alone(folder: Path) -> None:
    reader = loaded(folder, "qwen-image").text_encoders[0]
    text = {key: value for key, value in reader.config.to_dict().items() if key not in ("model_type", "architectures")}
    text["rope_parameters"] = text["rope_parameters"] | {"mrope_section": [16, 24, 24]}
    seeing = {"depth": 1, "hidden_size": 32, "num_heads": 2, "intermediate_size": 32, "out_hidden_size": 256}
    whole = Qwen2_5_VLModel(Qwen2_5_VLConfig(text_config=text, vision_config=seeing)).train(False)
    whole.language_model.load_state_dict(reader.state_dict())
    ids = torch.tensor([[5, 90, 17, 200, 3]])
    found = reader(ids, output_hidden_states=True).hidden_states[-1]
    wanted = whole(input_ids=ids, output_hidden_states=True).hidden_states[-1]
    assert torch.allclose(found, wanted, atol=1e-6)


@torch.no_grad()
def test_an_autoencoder_whose_latents_are_normed_by_measure_has_cells_of_sixteen_pixels(folder: Path) -> None:
    vae = loaded(folder, "flux2-klein").vae
    assert isinstance(vae, AutoencoderKLFlux2)
    pixels = torch.rand(1, 3, 64, 32, generator=torch.Generator().manual_seed(1)) * 2 - 1
    [posterior] = vae.encode(pixels, return_dict=False)
    whole = posterior.mode()
    squares = whole.view(1, 32, 4, 2, 2, 2).permute(0, 1, 3, 5, 2, 4).reshape(1, 128, 4, 2)
    means, variances = (torch.linspace(low, high, 128).view(-1, 1, 1) for low, high in ((-1, 1), (0.5, 2)))
    latent = latents.scaled(vae, latents.encoded(vae, pixels)[0])
    assert deviation(latent, (squares - means) / (variances + 1e-4).sqrt()) <= BAR
    assert (
        deviation(latents.decoded(vae, latents.unscaled(vae, latent)), vae.decode(whole, return_dict=False)[0]) <= BAR
    )


@torch.no_grad()
def test_an_autoencoder_of_films_takes_and_gives_single_pictures(folder: Path) -> None:
    vae = loaded(folder, "qwen-image").vae
    assert isinstance(vae, AutoencoderKLQwenImage)
    pixels = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(1)) * 2 - 1
    means, spreads = (torch.tensor(vae.config[key])[:, None, None] for key in ("latents_mean", "latents_std"))
    [posterior] = vae.encode(pixels[:, :, None], return_dict=False)
    wanted = (posterior.mode()[:, :, 0] - means) / spreads
    latent = latents.scaled(vae, latents.encoded(vae, pixels)[0])
    assert deviation(latent, wanted) <= BAR
    painting = vae.decode((latent * spreads + means)[:, :, None], return_dict=False)[0][:, :, 0]
    assert deviation(latents.decoded(vae, latents.unscaled(vae, latent)), painting) <= BAR


@pytest.mark.parametrize(
    "place", ["a.tokenizer.json", "a/tokenizer.json", "tokenizer.json", "tokenizer/tokenizer.json"]
)
def test_a_tokeniser_is_found_beside_the_file(tmp_path: Path, place: str) -> None:
    (tmp_path / place).parent.mkdir(exist_ok=True)
    write_tokeniser(tmp_path / place)
    assert tokeniser_beside(tmp_path / "a.safetensors").encode("a<|im_end|>").ids == [64, 257]


def test_a_language_model_without_its_tokeniser_is_refused_with_where_to_put_it(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "lonely.safetensors"
    path.symlink_to(folder / "tiny-z-image.safetensors")
    with pytest.raises(ModelError) as caught:
        load_checkpoint(path)
    said = caught.value.diagnostics[0]
    assert (said.code, "`lonely.tokenizer.json`" in (said.help or "")) == ("PC585", True)


@pytest.mark.parametrize("text", ["<html>", "[]", "{}", "[" * 5000])
def test_what_is_no_tokeniser_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "tokenizer.json").write_text(text, encoding="utf-8")
    with pytest.raises(ModelError) as caught:
        tokeniser_beside(tmp_path / "a.safetensors")
    assert caught.value.diagnostics[0].code == "PC597"


@torch.no_grad()
def test_diffusers_reads_texts_for_pixart_in_small_letters_and_cuts_them(folder: Path) -> None:
    for family, most in (("pixart-alpha", 120), ("pixart-sigma", 300)):
        model = loaded(folder, family)
        [found, cut] = encode_long(
            [(Run(text=" A Cat "),), (Run(text="dog " * 400),)], [1, 1], "original", long_encoder(model, "diffusers")
        ).tokens
        ids = torch.tensor([t5_tokeniser().encode("a cat").ids])
        assert deviation(found, model.text_encoders[0](ids).last_hidden_state[0]) <= BAR
        assert len(cut) == most


def test_programs_read_texts_for_flux2_alike_but_for_emphasis() -> None:
    one, other = (find_lengths("flux2", "flux2", dialect)._replace(manners=()) for dialect in ("diffusers", "forge"))
    assert one == other._replace(weighs=False)


def long_encoder(model: Checkpoint, manner: str) -> LongEncoder:
    [reader] = model.text_encoders
    assert isinstance(reader, LongModel)
    return LongEncoder(reader, model.tokeniser or t5_tokeniser(), find_lengths(model.base, model.family, manner))


@torch.no_grad()
def test_diffusers_shows_chroma_one_token_of_padding(folder: Path) -> None:
    model = loaded(folder, "chroma")
    [found] = encode_long([(Run(text="a cat"),)], [1], "original", long_encoder(model, "diffusers")).tokens
    ids = torch.tensor([[*t5_tokeniser().encode("a cat").ids, 0, 0, 0]])
    wanted = model.text_encoders[0](ids, attention_mask=torch.tensor([[1] * (ids.shape[1] - 3) + [0] * 3]))
    assert deviation(found, wanted.last_hidden_state[0, : ids.shape[1] - 2]) <= BAR


@torch.no_grad()
def test_weights_multiply_the_tokens_of_their_words_alone(folder: Path) -> None:
    encoder = long_encoder(loaded(folder, "qwen-image"), "forge")
    runs = (Run(text="a "), Run(text="cat", weight=1.5))
    weighted, plain = encode_long(
        [runs, [run.model_copy(update={"weight": 1.0}) for run in runs]], [1, 1], "no_norm", encoder
    ).tokens
    assert deviation(weighted[:2], plain[:2]) == 0
    assert deviation(weighted[2:5], 1.5 * plain[2:5]) <= BAR
    assert deviation(weighted[5:], plain[5:]) == 0


@torch.no_grad()
def test_comfyui_takes_brackets_for_words_where_a_language_model_reads(runner: Runner) -> None:
    text = "a (cat:1.3)"
    loaded = runner.shelf.loaded(runner.shelf.weights(AssetRef(name="tiny-z-image")))
    runs = (Run(text="a "), Run(text="cat", weight=1.3))
    found = encode_texts(
        Texts((text,), (runs,), (1,), "comfy"), loaded.stack, find_manner("comfyui"), dialect="comfyui"
    )
    wanted = read_by(loaded.checkpoint, f"<|im_start|>user\n{text}{ANSWER}", -2)
    assert deviation(found.conditioning(0).tokens, wanted) <= BAR


SIGNS: dict[str, Shapes] = {
    "chroma": {"distilled_guidance_layer.in_proj.bias": (4,)},
    "z-image": {"layers.0.adaLN_modulation.0.weight": (4, 4), "cap_embedder.0.weight": (4,)},
    "lumina2": {"layers.0.adaLN_modulation.1.weight": (4, 4), "cap_embedder.0.weight": (4,)},
    "qwen-image": {"transformer_blocks.0.img_mod.1.weight": (4, 4)},
    "flux2-klein": {"single_stream_modulation.lin.weight": (4, 4)},
    "hidream": {"double_stream_blocks.0.block.adaLN_modulation.1.bias": (4,)},
    "pixart-alpha": {"blocks.0.mlp.fc1.weight": (4, 4), "y_embedder.y_embedding": (120, 4)},
    "pixart-sigma": {"blocks.0.mlp.fc1.weight": (4, 4), "y_embedder.y_embedding": (300, 4)},
    "flux2": {"single_stream_modulation.lin.weight": (4, 4), "guidance_in.in_layer.weight": (4, 4)},
    "auraflow": {"cond_seq_linear.weight": (4, 4)},
}


@pytest.mark.parametrize(("prefix", "kind"), [("model.diffusion_model.", "checkpoint"), ("", "diffusion_model")])
@pytest.mark.parametrize("family", SIGNS)
def test_a_file_is_known_by_its_keys(tmp_path: Path, family: str, prefix: str, kind: str) -> None:
    path = save(tmp_path / "a.safetensors", filled(under(prefix, SIGNS[family])))
    assert identify(read_header(path)) == (kind, family, "pixart" if "pixart" in family else family)


@pytest.mark.parametrize("base", ["chroma", "qwen-image", "flux2-klein", "flux2"])
def test_a_shift_that_is_asked_for_walks_a_thousand_levels(base: str) -> None:
    times = torch.arange(1, 1001) / 1000
    assert torch.equal(flow_levels(base, base, (), 3.1).sigmas, 3.1 * times / (1 + (3.1 - 1) * times))
    assert len(flow_levels(base, base, (), None).sigmas) == 10000


NETWORKS = {
    "chroma": (
        "lora_unet_double_blocks_0_img_attn_qkv.lora_{}.weight",
        "transformer_blocks.0.attn.to_",
        ("up", "down"),
    ),
    "z-image": ("diffusion_model.layers.0.attention.qkv.lora_{}.weight", "layers.0.attention.to_", ("B", "A")),
    "flux2-klein": (
        "diffusion_model.double_blocks.0.img_attn.qkv.lora_{}.weight",
        "transformer_blocks.0.attn.to_",
        ("B", "A"),
    ),
}


@pytest.mark.parametrize("family", NETWORKS)
def test_a_network_in_the_words_of_the_authors_changes_what_lies_in_one_tensor_there(
    folder: Path, tmp_path: Path, family: str
) -> None:
    name, place, ends = NETWORKS[family]
    model = loaded(folder, family)
    pieces = [f"{place}{part}.weight" for part in "qkv"]
    before = torch.cat([model.unet.get_parameter(piece).clone() for piece in pieces])
    parts = filled({name.format(ends[0]): (384, 2), name.format(ends[1]): (2, 128)})
    network = load_network(save(tmp_path / "a.safetensors", parts))
    assert Networks(model).apply([Applied(network, 1.0, 1.0)]) == ()
    found = torch.cat([model.unet.get_parameter(piece) for piece in pieces])
    assert torch.allclose(found - before, parts[name.format(ends[0])] @ parts[name.format(ends[1])], atol=1e-6)
