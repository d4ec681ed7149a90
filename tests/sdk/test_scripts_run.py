"""Scripts run as written, against tiny models with random weights: pictures appear, nothing warns."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import paramc
from paramc.ir.assets import HUB, AssetRef, Assets, ImageRef
from paramc.ir.control import ControlNet, FreeU, Tiling
from paramc.ir.family import Family
from paramc.ir.job import Job

pytestmark = [
    pytest.mark.sdk,
    # The libraries' own trouble with NumPy 2, and a rounding remark of torchsde; no call of ours is concerned.
    pytest.mark.filterwarnings("ignore:__array_:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Should have t[ab]:UserWarning"),
]

Run = Callable[..., dict[str, Any]]


def rarely(*values: str | int) -> Any:
    """A case that only `--slow` runs; a dozen others run always."""
    return pytest.param(*values, marks=pytest.mark.slow)


SEED = 42
TEXT = (
    "a photo of a cat\nNegative prompt: bad quality\n"
    "Steps: 4, Sampler: {sampler}, Schedule type: {schedule}, CFG scale: {cfg}, Seed: 42, Size: 64x64, RNG: CPU{more}, "
    "Version: v1.10.1"
)


def job(base: str, sampler: str = "Euler", schedule: str = "Automatic", cfg: float = 5, more: str = "") -> Job:
    text = TEXT.format(sampler=sampler, schedule=schedule, cfg=cfg, more=f", {more}" if more else "")
    return paramc.parse(text).model_copy(update={"family": Family(name=base, base=base)})


@pytest.fixture
def run(tiny: Callable[[str], Path]) -> Run:
    """Runs the script of a job, with other text here and there, and gives its names."""

    def runs(
        made: Job, replace: dict[str, str] | None = None, until: str = "\0", prompts: str = "plain"
    ) -> dict[str, Any]:
        assert made.family is not None
        options = {
            "model": str(tiny(made.family.base)),
            "dtype": "float32",
            "device": "cpu",
            "local_files_only": "true",
            "prompts": prompts,
        }
        source = paramc.compile(made, "diffusers", options=options).text
        for old, new in (replace or {}).items():
            assert old in source
            source = source.replace(old, new)
        source = source.partition(until)[0]
        names: dict[str, Any] = {"__name__": "script"}
        exec(compile(source, "script.py", "exec"), names)  # noqa: S102  # the script is what is tested
        return names

    return runs


def size(name: str = f"{SEED}.png") -> tuple[int, int]:
    with Image.open(name) as picture:
        return picture.size


def start(width: int = 80, height: int = 64) -> None:
    """A picture to start from."""
    Image.radial_gradient("L").resize((width, height)).convert("RGB").save("input.png")


HIRES = "Denoising strength: 0.7, Hires upscale: 2, Hires steps: 3, Hires upscaler: "
LATENT = {'output_type="np"': 'output_type="latent"'}
FLOW = {"sd3": "Simple", "flux": "Simple"}


@pytest.mark.parametrize("base", ["sd1", "sd2", "sdxl", "sd3", "flux"])
def test_text_becomes_a_picture(run: Run, base: str) -> None:
    run(job(base, schedule=FLOW.get(base, "Automatic")))
    assert size() == (64, 64)


@pytest.mark.parametrize("base", ["sd1", rarely("sdxl"), rarely("sd3"), "flux"])
def test_a_picture_becomes_another(run: Run, base: str) -> None:
    start()
    run(job(base, schedule=FLOW.get(base, "Automatic"), more="Denoising strength: 0.5"))
    assert size() == (64, 64)


@pytest.mark.parametrize("base", ["sd1", rarely("sdxl")])
def test_pictures_steer_by_their_weights(run: Run, tiny: Callable[[str], Path], base: str) -> None:
    import torch
    from diffusers import ControlNetModel, UNet2DConditionModel

    torch.manual_seed(0)
    net = ControlNetModel.from_unet(UNet2DConditionModel.from_pretrained(tiny(base) / "unet"))
    for part in (*net.controlnet_down_blocks, net.controlnet_mid_block):
        torch.nn.init.normal_(part.weight)  # zeros as they are made: nothing would steer
    net.save_pretrained("net.safetensors")
    start(64)
    images = []
    for weight, priority in ((0.0, "balanced"), (1.0, "balanced"), (1.0, "control")):
        unit = ControlNet(
            model=AssetRef(name="net"), image=ImageRef(path="input.png"), weight=weight, end=0.8, priority=priority
        )
        made = job(base).model_copy(update={"controls": (unit, unit.model_copy(update={"unit": 1}))})
        folders = {"ControlNetModel.from_single_file": "ControlNetModel.from_pretrained"}
        images.append(run(made, folders)["images"][0])
    plain = run(job(base))["images"][0]
    assert abs(images[0] - plain).max() <= 1e-5
    assert all(abs(image - other).max() > 1e-3 for image, other in zip(images[1:], images, strict=False))


def net(base: str, folder: Path) -> AssetRef:
    """A net for a tiny model, saved in the folder where the test runs, that really steers."""
    import diffusers as library
    import torch

    torch.manual_seed(0)
    if base in ("sd1", "sdxl"):
        made = library.ControlNetModel.from_unet(library.UNet2DConditionModel.from_pretrained(folder / "unet"))
    elif base == "sd3":
        model = library.SD3Transformer2DModel.from_pretrained(folder / "transformer")
        made = library.SD3ControlNetModel.from_transformer(model, num_layers=1, num_extra_conditioning_channels=0)
    else:
        model = library.FluxTransformer2DModel.from_pretrained(folder / "transformer")
        made = library.FluxControlNetModel.from_transformer(
            model, num_layers=1, num_single_layers=1, attention_head_dim=16, num_attention_heads=2
        )
    for weights in made.parameters():
        if not weights.any():
            torch.nn.init.normal_(weights, std=0.1)  # zeros as they are made: nothing would steer
    made.save_pretrained("net")
    return AssetRef(name="net", urn=f"{HUB}net")


STARTS = {"image": "Denoising strength: 0.5", "mask": "Denoising strength: 0.5, Mask blur: 2", "noise": ""}


@pytest.mark.filterwarnings("ignore:`FluxPosEmbed` is deprecated:FutureWarning")  # the library's own use of it
@pytest.mark.parametrize(
    ("base", "begin", "count"),
    [
        rarely("sd1", "image", 1),
        rarely("sd1", "mask", 2),
        rarely("sdxl", "image", 2),
        rarely("sdxl", "mask", 1),
        rarely("sd3", "noise", 1),
        rarely("sd3", "noise", 2),
        rarely("flux", "noise", 1),
        rarely("flux", "noise", 2),
        rarely("flux", "image", 1),
        rarely("flux", "mask", 1),
    ],
)
def test_pictures_steer_whatever_is_painted(
    run: Run, tiny: Callable[[str], Path], base: str, begin: str, count: int
) -> None:
    start(64)
    Image.radial_gradient("L").resize((64, 64)).save("mask.png")
    model, image = net(base, tiny(base)), ImageRef(path="input.png")
    made = job(base, schedule=FLOW.get(base, "Automatic"), more=STARTS[begin])
    images = []
    for weight in (0.0, 1.0):
        units = tuple(ControlNet(unit=unit, model=model, image=image, weight=weight) for unit in range(count))
        images.append(run(made.model_copy(update={"controls": units}))["images"][0])
    assert abs(images[1] - images[0]).max() > 1e-3


@pytest.mark.parametrize("base", [rarely("sd3"), rarely("flux")])
def test_flow_models_paint_what_the_mask_shows(run: Run, base: str) -> None:
    start(64)
    mask = Image.new("L", (64, 64))
    mask.paste(255, (0, 0, 32, 64))
    mask.save("mask.png")
    painted = run(job(base, schedule="Simple", more=STARTS["mask"]))["pictures"][0]
    with Image.open("input.png") as picture:
        before = picture.convert("RGB")
    assert painted.crop((48, 0, 64, 64)).tobytes() == before.crop((48, 0, 64, 64)).tobytes()
    assert painted.crop((0, 0, 16, 64)).tobytes() != before.crop((0, 0, 16, 64)).tobytes()


@pytest.mark.parametrize("more", [rarely("Denoising strength: 1"), rarely("")])
def test_a_model_that_edits_pictures_keeps_the_size(run: Run, more: str) -> None:
    start(64)
    made = job("flux", schedule="Simple", more=more).model_copy(
        update={"family": Family(name="flux-kontext", base="flux")}
    )
    run(made)
    assert size() == (64, 64)


@pytest.mark.parametrize("base", ["sd1", rarely("sdxl")])
def test_edges_of_a_tile_meet(run: Run, base: str) -> None:
    import torch

    pipe = run(job(base).model_copy(update={"patches": (Tiling(),)}))["pipe"]
    latents = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        picture = pipe.vae.to(torch.float32).decode(latents).sample
        rolled = pipe.vae.decode(latents.roll(4, dims=3)).sample
    inner = pipe.vae.decoder.conv_out
    assert inner.padding_mode == pipe.unet.conv_in.padding_mode == "circular"
    assert torch.allclose(picture.roll(32, dims=3), rolled, atol=1e-4)


@pytest.mark.parametrize("base", ["sd1", rarely("sdxl")])
def test_halves_of_the_model_are_weighed(run: Run, base: str) -> None:
    plain = run(job(base))["images"][0]
    weighed = run(job(base).model_copy(update={"patches": (FreeU(b1=1.5, b2=1.6, s1=0.9, s2=0.2),)}))["images"][0]
    alike = run(job(base).model_copy(update={"patches": (FreeU(b1=1.0, b2=1.0, s1=1.0, s2=1.0),)}))["images"][0]
    assert abs(alike - plain).max() < 1e-4
    assert abs(weighed - plain).max() > 1e-4


def test_a_refiner_goes_on_where_the_first_model_stops(run: Run, tiny: Callable[[str], Path]) -> None:
    made = job("sdxl", more="Refiner: second, Refiner switch at: 0.5")
    folders = {"Img2ImgPipeline.from_single_file(": "Img2ImgPipeline.from_pretrained("}
    names = run(made, folders | {'"second.safetensors"': repr(str(tiny("refiner")))})
    assert size() == (64, 64)
    assert names["pipe"].num_timesteps == names["refiner"].num_timesteps == 2


@pytest.mark.parametrize("base", ["sd1", rarely("sdxl")])
def test_only_what_the_mask_shows_is_painted_anew(run: Run, base: str) -> None:
    start(64)
    mask = Image.new("L", (64, 64))
    mask.paste(255, (0, 0, 32, 64))
    mask.save("mask.png")
    painted = run(job(base, more="Denoising strength: 0.5, Mask blur: 2"))["pictures"][0]
    with Image.open("input.png") as picture:
        before = picture.convert("RGB")
    right, left = (48, 0, 64, 64), (0, 0, 16, 64)
    assert painted.crop(right).tobytes() == before.crop(right).tobytes()
    assert painted.crop(left).tobytes() != before.crop(left).tobytes()


@pytest.mark.parametrize(
    ("base", "upscaler"),
    [
        ("sd1", "Latent"),
        ("sdxl", "Lanczos"),
        *(rarely(base, "Latent") for base in ("sdxl", "sd3", "flux")),
        *(rarely(base, "Lanczos") for base in ("sd1", "sd3", "flux")),
    ],
)
def test_a_second_pass_enlarges(run: Run, base: str, upscaler: str) -> None:
    run(job(base, schedule=FLOW.get(base, "Automatic"), more=f"{HIRES}{upscaler}"))
    assert size() == (128, 128)


@pytest.mark.parametrize(
    "upscaler", [rarely("Latent (nearest-exact)"), rarely("Latent (bicubic antialiased)"), "4x-UltraSharp"]
)
def test_a_second_pass_cuts_to_size(run: Run, upscaler: str) -> None:
    more = f"Denoising strength: 0.7, Hires resize: 128x112, Hires steps: 3, Hires upscaler: {upscaler}"
    run(job("sd1", more=more))
    assert size() == (128, 112)


@pytest.mark.parametrize("base", ["sd1", rarely("flux")])
def test_a_batch_is_the_single_pictures(run: Run, base: str) -> None:
    schedule = FLOW.get(base, "Automatic")
    single = run(job(base, schedule=schedule).replace({"noise.seed": SEED + 1}))["images"][0]
    batch = run(job(base, schedule=schedule, more="Batch size: 2"))["images"][1]
    assert abs(single - batch).max() < 1e-4
    assert size(f"{SEED}.png") == size(f"{SEED + 1}.png") == (64, 64)


def test_a_batch_counts_its_seeds_from_the_place_of_the_picture(run: Run) -> None:
    single = run(job("sd1"))["images"][0]
    batch = run(job("sd1", more="Batch size: 2, Batch pos: 1"))["images"][1]
    assert abs(single - batch).max() < 1e-4
    assert size(f"{SEED}.png") == size(f"{SEED - 1}.png") == (64, 64)


@pytest.mark.slow
def test_a_batch_starts_from_one_picture(run: Run) -> None:
    start()
    run(job("sd1", more="Denoising strength: 0.5, Batch size: 2"))
    assert size(f"{SEED + 1}.png") == (64, 64)


@pytest.mark.parametrize(
    ("sampler", "schedule"),
    [
        ("Euler a", "Automatic"),
        rarely("Euler", "Karras"),
        rarely("Euler", "Beta"),
        rarely("Heun", "Exponential"),
        rarely("LMS", "Simple"),
        rarely("DPM2", "Karras"),
        rarely("DPM++ 2M", "Karras"),
        ("DPM++ 2M SDE", "Exponential"),
        rarely("DPM++ 3M SDE", "Karras"),
        rarely("DPM++ SDE", "Karras"),
        ("UniPC", "Automatic"),
        rarely("DDIM", "Automatic"),
        rarely("PLMS", "Automatic"),
        rarely("LCM", "Automatic"),
    ],
)
def test_every_kind_of_scheduler_runs(run: Run, sampler: str, schedule: str) -> None:
    picture = run(job("sd1", sampler, schedule))["images"][0]
    assert picture.std() > 0.02


@pytest.mark.parametrize(
    ("base", "schedule"),
    [
        ("sd3", "Beta"),
        ("flux", "Karras"),
        *(rarely("sd3", schedule) for schedule in ("Normal", "SGM Uniform", "Karras", "Automatic")),
        *(rarely("flux", schedule) for schedule in ("Normal", "SGM Uniform", "Beta", "Automatic")),
    ],
)
def test_every_schedule_of_flow_models_runs(run: Run, base: str, schedule: str) -> None:
    picture = run(job(base, schedule=schedule))["images"][0]
    assert picture.std() > 0.02


WEIGHTED = "a (cat:1.3) of " + "a photo of a bad dog, " * 12 + "BREAK [dog]"


@pytest.mark.parametrize("base", ["sd1", rarely("sd2"), "sdxl"])
@pytest.mark.parametrize("more", ["Clip skip: 2", rarely(f"{HIRES}Latent, Hires prompt: a (dog:1.2)")])
def test_weighted_prompts_become_a_picture(run: Run, base: str, more: str) -> None:
    made = job(base, more=more)
    text = paramc.parse(f"{WEIGHTED}\nNegative prompt: (bad:1.2)\nSteps: 4, CFG scale: 5")
    run(made.model_copy(update={"prompt": text.prompt, "negative": text.negative}), prompts="exact")
    assert size() == ((128, 128) if "Hires" in more else (64, 64))


@pytest.mark.parametrize("base", ["sd1", "sdxl"])
def test_plain_prompts_are_the_same_however_they_are_encoded(run: Run, base: str) -> None:
    plain = run(job(base), LATENT, "# Cut off")["images"]
    exact = run(job(base), LATENT, "# Cut off", "exact")["images"]
    assert float((exact - plain).abs().max() / plain.abs().max()) <= 1e-5


def test_the_latent_is_the_one_of_a_loop_by_hand(run: Run) -> None:
    names = run(job("sd1"), LATENT, "# Cut off")
    latent = _euler(names["pipe"], steps=4, cfg=5.0)
    assert float((names["images"] - latent).abs().max() / latent.abs().max()) <= 1e-5


@pytest.mark.slow
def test_clip_skip_reaches_both_prompts(run: Run) -> None:
    import torch

    names = run(job("sd1", more="Clip skip: 2"), LATENT, "# Cut off")
    latent = _euler(names["pipe"], steps=4, cfg=5.0, layer=-2)
    other = _euler(names["pipe"], steps=4, cfg=5.0)
    assert torch.allclose(names["images"], latent, atol=float(latent.abs().max()) * 1e-5)
    assert not torch.allclose(names["images"], other, atol=float(latent.abs().max()) * 1e-3)


def test_a_lora_changes_the_weights_by_its_strength(run: Run, tiny: Callable[[str], Path]) -> None:
    import torch
    from safetensors.torch import save_file

    name = "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn1_to_q"
    down, up = torch.randn(2, 32), torch.randn(32, 2)
    save_file(
        {f"{name}.lora_down.weight": down, f"{name}.lora_up.weight": up, f"{name}.alpha": torch.tensor(1.0)},
        "x.safetensors",
    )
    made = job("sd1").replace(
        {"prompt": paramc.parse("a cat <lora:x:0.5>\nSteps: 1, Sampler: Euler, CFG scale: 1").prompt}
    )
    names = run(made)
    layer = names["pipe"].unet.mid_block.attentions[0].transformer_blocks[0].attn1.to_q
    x = torch.randn(1, 32)
    with torch.no_grad():
        change = layer(x) - layer.base_layer(x)
    assert torch.allclose(change, 0.5 * 0.5 * x @ down.T @ up.T, atol=1e-4)


def test_a_learned_word_stands_for_its_vectors(run: Run) -> None:
    import torch
    from safetensors.torch import save_file

    vectors = torch.randn(2, 32)
    save_file({"emb_params": vectors}, "quality.safetensors")
    made = job("sd1", more='TI hashes: "quality: 0123456789ab"')
    pipe = run(made)["pipe"]
    ids = pipe.tokenizer(pipe.maybe_convert_prompt("quality", pipe.tokenizer), add_special_tokens=False).input_ids
    learned = pipe.text_encoder.get_input_embeddings().weight[ids]
    assert torch.allclose(learned, vectors)


@pytest.mark.slow
def test_a_vae_of_its_own_decodes(run: Run, tiny: Callable[[str], Path]) -> None:
    made = job("sd1").model_copy(update={"assets": Assets(vae=AssetRef(name="other"))})
    folder = tiny("sd1") / "vae"
    names = run(
        made,
        replace={
            "AutoencoderKL.from_single_file(": "AutoencoderKL.from_pretrained(",
            '"other.safetensors"': repr(str(folder)),
        },
    )
    assert names["pipe"].vae is names["vae"]


def _euler(pipe: Any, *, steps: int, cfg: float, layer: int = -1) -> Any:
    """Euler's method with guidance, written out: the noise levels of a linear walk through the timesteps."""
    import torch

    def embedded(text: str) -> Any:
        tokens = pipe.tokenizer(text, padding="max_length", truncation=True, return_tensors="pt").input_ids
        states = pipe.text_encoder(tokens, output_hidden_states=True).hidden_states
        return pipe.text_encoder.final_layer_norm(states[layer])

    betas = torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64) ** 2
    alphas = torch.cumprod(1 - betas, 0)
    table = ((1 - alphas) / alphas).sqrt()
    times = torch.linspace(999, 0, steps, dtype=torch.float64)
    low, high = times.floor().long(), times.ceil().long()
    sigmas = torch.cat(
        [table[low] + (times - low) * (table[high] - table[low]), torch.zeros(1, dtype=torch.float64)]
    ).float()
    with torch.no_grad():
        texts = torch.cat([embedded("bad quality"), embedded("a photo of a cat")])
        x = torch.randn((1, 4, 8, 8), generator=torch.Generator("cpu").manual_seed(SEED)) * sigmas[0]
        for time, sigma, following in zip(times, sigmas[:-1], sigmas[1:], strict=True):
            scaled = (x / (sigma**2 + 1).sqrt()).repeat(2, 1, 1, 1)
            without, towards = pipe.unet(scaled, time.float(), encoder_hidden_states=texts).sample.chunk(2)
            x = x + (without + cfg * (towards - without)) * (following - sigma)
    return x


def test_a_seed_below_zero_paints_with_brownian_noise(run: Run) -> None:
    made = job("sd1", "DPM++ SDE")
    run(made.model_copy(update={"noise": made.noise.model_copy(update={"seed": -5})}))
    assert size("-5.png") == (64, 64)
