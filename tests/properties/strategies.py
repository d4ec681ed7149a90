"""Jobs built from the IR, as far as a settings text can say them."""

from functools import cache
from math import ceil
from typing import get_args

from hypothesis import strategies as st

from paramc.dialects.description import Dialect
from paramc.dialects.registry import find_dialect
from paramc.ir.assets import AssetRef, Assets, Hash
from paramc.ir.control import (
    ControlNet,
    DeepShrink,
    ExtraNetwork,
    FreeU,
    Hypernetwork,
    HyperTile,
    OpaquePatch,
    PerturbedAttention,
    SelfAttentionGuidance,
    Tiling,
    TokenMerging,
)
from paramc.ir.extensions import (
    Course,
    DynamicThresholding,
    Extension,
    LatentModifier,
    RegionalPrompter,
    TiledDiffusion,
    TiledRegion,
)
from paramc.ir.geometry import Size
from paramc.ir.job import Batch, Job, Producer, Text
from paramc.ir.names import samplers, schedules, upscalers
from paramc.ir.prompt import Prompt
from paramc.ir.sampling import Noise, Sampling, Variation
from paramc.ir.stages import (
    Detailer,
    FaceRestore,
    Hires,
    ImageRef,
    ImageToImage,
    Inpaint,
    PostUpscale,
    Refiner,
    SoftInpainting,
    TextToImage,
)

VERSIONS: dict[str, tuple[tuple[str | None, tuple[int, ...] | None], ...]] = {
    "a1111": (
        ("v1.3.0", (1, 3, 0, 0, 0)),
        ("v1.5.2", (1, 5, 2, 0, 0)),
        ("v1.6.0", (1, 6, 0, 0, 0)),
        ("v1.7.0", (1, 7, 0, 0, 0)),
        ("1.8.0-RC", (1, 8, 0, -1, 0)),
        ("v1.9.4-169-ga30b19dd", (1, 9, 4, 1, 169)),
        ("v1.10.1", (1, 10, 1, 0, 0)),
        ("ComfyUI", None),
        (None, None),
    ),
    "forge": (
        ("f2.0.1v1.10.1-previous-669-gdfdcbab6", (2, 0, 1, 0, 0)),
        ("f0.0.17v1.8.0rc-latest-276-g29be1da7", (0, 0, 17, 0, 0)),
        ("neo-2.27", None),
        (None, None),
    ),
    "forge_classic": (("classic", None), (None, None)),
    "reforge": (("v1.10.1", (1, 10, 1, 0, 0)), (None, None)),
    "sdnext": (("67408bb", None), ("8570440", None), (None, None)),
}
FORGE_WEIGHTS = ("nf4", "fp4", "fp8_e4m3fn", "fp8_e5m2")
NOTES = ("App", "Script", "Created Date", "X Type", "Template Seeds")
EXTENSIONS = {
    "regional_prompter": ("RP x", "RP y"),
    "tiled_vae": ("Tiled VAE", "Tiled VAE x"),
    "latent_couple": ("Latent Couple",),
    "freeu": ("FreeU x", "FreeU y"),
}
UPSCALERS = tuple(upscalers())
WORDS = (
    *("a cat", "(red hat:1.2)", "[fog]", "[cat:dog:0.5]", "[old|new]", "BREAK", "a AND b", "<lora:detail:0.8>"),
    *("東京", "#1", "\\(x\\)"),
)


ONE_LINE = (
    *(
        "v1-5-pruned",
        "model with spaces",
        "a.b_c-d",
        "東京",
        "é",
        "it's",
        "a+b",
        "<x>",
        "1",
        "1.5",
        "True",
        "None of it",
    ),
    *("a (b)", "(", ")", "512x768", "a/b", "C++ textbook", "😀", "-", "=", "a\\b", "tab\tx", "x  y"),
)
QUOTED = (
    *("a, b", "a: b", "a\nb", 'say "x", y', "Steps: 99, Seed: 5", "{1, 2}", "[a, b]", '{"a": 1}', "trailing\\, x"),
    *('"a, b"', "a, Version: v1", "Negative prompt: b", "\u2028, x", "x\r\ny, z"),
)


@cache
def one_line() -> st.SearchStrategy[str]:
    """A value on one line that needs no quotes and reads back as itself."""
    signs = st.text(alphabet="ab1_-.'é東 ()<>/+", min_size=1, max_size=8).map(str.strip).filter(bool)
    return st.one_of(st.sampled_from(ONE_LINE), signs)


@cache
def texts() -> st.SearchStrategy[str]:
    """Values with everything that asks for quoting."""
    signs = st.text(alphabet='ab, :"\\\n{}[]東', min_size=1, max_size=8).map(lambda text: f"x{text}y")
    return st.one_of(st.sampled_from(ONE_LINE + QUOTED), signs)


@cache
def floats(low: float = 0.0, high: float = 100.0) -> st.SearchStrategy[float]:
    short = st.integers(ceil(low * 20), int(high * 20)).map(lambda twentieths: twentieths / 20)
    return st.one_of(short, st.floats(low, high, allow_nan=False).map(lambda value: value + 0.0))


def or_default(strategy: st.SearchStrategy, default: object) -> st.SearchStrategy:
    return st.one_of(st.just(default), strategy)


@cache
def flags() -> st.SearchStrategy[bool]:
    return st.booleans()


@cache
def hashes(*lengths: int, algorithm: str | None = None) -> st.SearchStrategy[Hash]:
    def made(text: str) -> Hash:
        return Hash(algorithm=algorithm or ("autov1" if len(text) == 8 else "sha256"), hex=text)

    return st.one_of(*(digits(length).map(made) for length in lengths))


@cache
def digits(length: int) -> st.SearchStrategy[str]:
    return st.integers(0, 16**length - 1).map(lambda number: f"{number:0{length}x}")


@cache
def files(*, hashed: bool = True) -> st.SearchStrategy[AssetRef]:
    """A file by name, some with one hash."""
    some = st.tuples(hashes(8, 10)) if hashed else st.nothing()
    return st.builds(AssetRef, name=one_line(), hashes=st.one_of(st.just(()), some))


@cache
def checkpoints() -> st.SearchStrategy[AssetRef]:
    hashed = st.one_of(st.tuples(hashes(10)), st.tuples(hashes(8), hashes(10)))
    return st.one_of(
        st.builds(AssetRef, name=texts(), hashes=st.one_of(st.just(()), hashed)), st.builds(AssetRef, hashes=hashed)
    )


@cache
def networks() -> st.SearchStrategy[tuple[AssetRef, ...]]:
    """Those with a hash of kohya's first, as the fields say them."""
    names = st.lists(st.sampled_from("abcdef"), unique=True, max_size=3)
    addnet = hashes(12, algorithm="addnet")

    def made(drawn: tuple[list[str], list[Hash], list[Hash], bool]) -> tuple[AssetRef, ...]:
        named, first, second, both = drawn
        with_addnet = [
            AssetRef(name=name, hashes=(kohya, sha) if both else (kohya,))
            for name, kohya, sha in zip(named, first, second, strict=False)
        ]
        return (*with_addnet, *([AssetRef(name="zz", hashes=(second[0],), network="hypernet")] if both else []))

    many = st.lists(hashes(10), min_size=3, max_size=3)
    return st.tuples(names, st.lists(addnet, min_size=3, max_size=3), many, flags()).map(made)


@cache
def embeddings() -> st.SearchStrategy[tuple[AssetRef, ...]]:
    named = st.lists(st.sampled_from("abcdef"), unique=True, max_size=2)
    return st.tuples(named, st.lists(hashes(12), min_size=2, max_size=2)).map(
        lambda drawn: tuple(AssetRef(name=name, hashes=(one,)) for name, one in zip(*drawn, strict=False))
    )


@cache
def sampler_names(dialect: Dialect) -> st.SearchStrategy[str]:
    return st.one_of(st.sampled_from(sorted(samplers())), one_line().map(lambda text: f"unknown:Q{text}"))


@cache
def schedule_names(dialect: Dialect) -> st.SearchStrategy[str]:
    return st.one_of(st.sampled_from(sorted(schedules())), st.just("unknown:Sideways"))


@cache
def sizes(low: int = 64) -> st.SearchStrategy[Size]:
    return st.builds(Size, st.integers(low, 2048), st.integers(low, 2048))


@cache
def prompts(dialect: Dialect, *, positive: bool = True) -> st.SearchStrategy[Prompt]:
    from paramc.dialects.prompt import read_negative, read_prompt

    joined = st.lists(st.sampled_from(WORDS), max_size=4).flatmap(
        lambda words: st.sampled_from((", ", "\n", " ")).map(lambda glue: glue.join(words))
    )
    read = read_prompt if positive else read_negative
    return joined.map(lambda text: read(text, dialect) if text else Prompt())


@cache
def samplings(dialect: Dialect) -> st.SearchStrategy[Sampling]:
    return st.builds(
        Sampling,
        sampler=sampler_names(dialect),
        schedule=schedule_names(dialect),
        steps=st.integers(1, 150),
        cfg_scale=floats(1, 30),
        distilled_cfg_scale=or_default(floats(1, 30), None),
        image_cfg_scale=or_default(floats(0, 3), None),
        cfg_rescale=or_default(floats(0, 1), 0.0),
        mask_weight=or_default(floats(0, 1), None),
        skip_early_cfg=or_default(floats(0, 1), 0.0),
        min_uncond_sigma=or_default(floats(0, 15), 0.0),
        min_uncond_every_step=flags(),
        shift=or_default(floats(0, 10), None) if dialect.name == "forge" else st.none(),
        eta=or_default(floats(0, 1), None),
        eta_ddim=or_default(floats(0, 1), 0.0),
        s_churn=or_default(floats(0, 100), 0.0),
        s_tmin=or_default(floats(0, 10), 0.0),
        s_tmax=or_default(floats(0, 999), 0.0),
        s_noise=or_default(floats(0, 1.1), 1.0),
        sigma_min=or_default(floats(0, 1), 0.0),
        sigma_max=or_default(floats(0, 20), 0.0),
        rho=or_default(floats(0, 10), 0.0),
        beta_alpha=or_default(floats(0, 1), 0.6),
        beta_beta=or_default(floats(0, 1), 0.6),
        drops_penultimate_sigma=flags(),
        zero_terminal_snr=flags(),
        downcasts_alphas=flags(),
        unipc_variant=st.sampled_from(("bh1", "bh2", "vary_coeff")),
        unipc_spacing=st.sampled_from(("time_uniform", "time_quadratic", "logSNR")),
        unipc_order=or_default(st.integers(1, 50), 3),
        unipc_lower_order_final=flags(),
    )


@cache
def noises() -> st.SearchStrategy[Noise]:
    return st.builds(
        Noise,
        seed=st.one_of(st.none(), st.integers(0, 2**32), st.integers(-5, 2**63)),
        generator=st.sampled_from(("cuda", "cpu", "philox")),
        variation=or_default(
            st.builds(Variation, seed=or_default(st.integers(0, 2**32), None), strength=floats(0, 1)), None
        ),
        resized_from=or_default(sizes(), None),
        delta=or_default(st.integers(-1, 31337), 0),
        multiplier=or_default(floats(0, 1.5), 1.0),
        extra=or_default(floats(0, 1), 0.0),
        scales_by_vp=flags(),
    )


@cache
def hires(dialect: Dialect) -> st.SearchStrategy[Hires]:
    forge = dialect.name == "forge"
    by_size = st.builds(Size, st.integers(0, 2048), st.integers(1, 2048))

    def made(scale: float, size: Size | None, **rest: object) -> Hires:
        return Hires(scale=None if size else scale, size=size, **rest)

    return st.builds(
        made,
        scale=floats(1, 4),
        size=or_default(by_size, None),
        upscaler=st.one_of(st.sampled_from(UPSCALERS), texts().map(lambda text: f"model:{text}")),
        steps=or_default(st.integers(1, 150), None),
        strength=floats(0, 1),
        sampler=or_default(sampler_names(dialect), None),
        schedule=or_default(schedule_names(dialect), None),
        prompt=prompts(dialect).map(lambda prompt: prompt if prompt.text else None),
        negative=prompts(dialect, positive=False).map(lambda prompt: prompt if prompt.text else None),
        checkpoint=or_default(files(), None),
        cfg_scale=or_default(floats(1, 30), None) if forge else st.none(),
        distilled_cfg_scale=or_default(floats(1, 30), None) if forge else st.none(),
        modules=or_default(st.lists(files(hashed=False), max_size=2).map(tuple), None) if forge else st.none(),
    )


@cache
def tasks() -> st.SearchStrategy[ImageToImage | Inpaint]:
    images = st.builds(ImageRef, md5=or_default(digits(32), None))
    soft = st.builds(
        SoftInpainting,
        schedule_bias=or_default(floats(0, 8), 1.0),
        preservation_strength=or_default(floats(0, 8), 0.5),
        transition_contrast_boost=or_default(floats(1, 32), 4.0),
        mask_influence=or_default(floats(0, 1), 0.0),
        difference_threshold=or_default(floats(0, 8), 0.5),
        difference_contrast=or_default(floats(0, 8), 2.0),
    )
    inpaint = st.builds(
        Inpaint,
        init=images,
        strength=floats(0, 1),
        mask_blur=or_default(floats(0, 64), 4.0),
        inverts_mask=flags(),
        fill=st.sampled_from(("original", "fill", "latent_noise", "latent_nothing")),
        area=st.sampled_from(("whole", "masked")),
        padding=or_default(st.integers(0, 256), 32),
        soft=or_default(soft, None),
    )
    return st.one_of(st.builds(ImageToImage, init=images, strength=floats(0, 1)), inpaint)


@cache
def detailers(dialect: Dialect) -> st.SearchStrategy[Detailer]:
    control = st.builds(
        ControlNet,
        model=files(),
        preprocessor=or_default(one_line(), "none"),
        weight=or_default(floats(0, 2), 1.0),
        start=or_default(floats(0, 1), 0.0),
        end=or_default(floats(0, 1), 1.0),
    )

    def made(size: Size | None, pair: tuple[str, str | None] | None, **rest: object) -> Detailer:
        return Detailer(
            width=size.width if size else None,
            height=size.height if size else None,
            sampler=pair[0] if pair else None,
            schedule=pair[1] if pair else None,
            **rest,
        )

    return st.builds(
        made,
        size=or_default(sizes(), None),
        pair=or_default(st.tuples(sampler_names(dialect), or_default(schedule_names(dialect), None)), None),
        model=one_line(),
        classes=or_default(one_line(), ""),
        prompt=or_default(texts(), ""),
        negative=or_default(texts(), ""),
        confidence=or_default(floats(0, 1), 0.3),
        top=or_default(st.integers(1, 10), 0),
        top_by=st.sampled_from(("area", "confidence")),
        min_ratio=or_default(floats(0, 1), 0.0),
        max_ratio=or_default(floats(0, 1), 1.0),
        x_offset=or_default(st.integers(-200, 200), 0),
        y_offset=or_default(st.integers(-200, 200), 0),
        dilation=or_default(st.integers(-128, 128), 4),
        merge=st.sampled_from(("none", "merge", "merge_invert")),
        mask_blur=or_default(floats(0, 64), 4.0),
        strength=or_default(floats(0, 1), 0.4),
        only_masked=flags(),
        padding=or_default(st.integers(0, 256), 32),
        steps=or_default(st.integers(1, 150), None),
        cfg_scale=or_default(floats(0, 30), None),
        checkpoint=or_default(files(), None),
        vae=or_default(files(hashed=False), None),
        noise_multiplier=or_default(floats(0.5, 1.5), None),
        layer=or_default(st.integers(-12, -1), None),
        restores_face=flags(),
        control=or_default(control, None),
    )


@cache
def post_upscales() -> st.SearchStrategy[PostUpscale]:
    upscaler = st.one_of(st.just("image:lanczos"), texts().map(lambda text: f"model:{text}"))
    return st.builds(
        PostUpscale,
        upscaler=upscaler,
        second_upscaler=or_default(upscaler, None),
        scale=or_default(floats(1, 8), None),
        size=or_default(sizes(), None),
        crop_to=or_default(sizes(), None),
        longest_side=or_default(st.integers(64, 8192), None),
        gfpgan=or_default(floats(0, 1), None),
        codeformer=or_default(floats(0, 1), None),
        codeformer_weight=or_default(floats(0, 1), None),
    )


@cache
def refiners() -> st.SearchStrategy[Refiner]:
    return st.builds(
        Refiner,
        checkpoint=files(),
        switch_at=floats(0, 1),
        counts_steps=flags(),
        passes=st.sampled_from(("first", "second", "both")),
    )


@cache
def units() -> st.SearchStrategy[tuple[ControlNet, ...]]:
    unit = st.builds(
        ControlNet,
        model=or_default(files(), None),
        preprocessor=one_line(),
        weight=or_default(floats(0, 2), 1.0),
        start=or_default(floats(0, 1), 0.0),
        end=or_default(floats(0, 1), 1.0),
        resize=st.sampled_from(("stretch", "crop", "pad")),
        priority=st.sampled_from(("balanced", "prompt", "control")),
        passes=st.sampled_from(("both", "first", "second")),
        pixel_perfect=flags(),
        resolution=or_default(st.integers(0, 2048), None),
        threshold_a=or_default(floats(-1, 255), None),
        threshold_b=or_default(floats(-1, 255), None),
        options=or_default(st.tuples(st.tuples(st.just("Low Vram"), one_line())), ()),
    )
    numbers = st.lists(st.integers(0, 9), unique=True, max_size=2).map(sorted)
    return st.tuples(numbers, st.lists(unit, min_size=2, max_size=2)).map(
        lambda drawn: tuple(one.model_copy(update={"unit": number}) for number, one in zip(*drawn, strict=False))
    )


@cache
def patches() -> st.SearchStrategy[tuple]:
    merging = st.builds(TokenMerging, ratio=st.sampled_from((0.1, 0.5)), hires=or_default(floats(0, 0.9), None))
    hypernetwork = st.builds(
        Hypernetwork, name=one_line(), strength=floats(0, 1), hashes=or_default(st.tuples(hashes(8)), ())
    )
    extra = st.builds(ExtraNetwork, model=files(), unet=floats(0, 1), text_encoder=floats(0, 1), unit=st.integers(1, 9))
    tiles = st.builds(
        HyperTile,
        unet=st.just(True),
        unet_hires=flags(),
        unet_depth=or_default(st.integers(0, 3), 3),
        unet_tile=or_default(st.integers(0, 512), 256),
        unet_swap=or_default(st.integers(0, 64), 3),
        vae=flags(),
        vae_depth=or_default(st.integers(0, 3), 3),
        vae_tile=or_default(st.integers(0, 512), 128),
        vae_swap=or_default(st.integers(0, 64), 3),
    )
    shares, widths = floats(0, 1), st.sampled_from(("bicubic", "area"))
    weights = {name: floats(0, 2) for name in ("b1", "b2", "s1", "s2")}
    weighted = st.builds(FreeU, **weights, start=shares, end=shares, version=st.sampled_from((None, 1, 2)))
    attentive = st.builds(SelfAttentionGuidance, scale=floats(-2, 5), blur_sigma=floats(0, 9), threshold=shares)
    perturbed = st.builds(PerturbedAttention, scale=floats(0, 9), attenuation=shares, start=shares, end=shares)
    shrunk = st.builds(
        DeepShrink,
        block_number=st.integers(1, 32),
        downscale_factor=floats(0.1, 9),
        start_percent=shares,
        end_percent=shares,
        downscale_after_skip=flags(),
        downscale_method=widths,
        upscale_method=widths,
    )
    named = st.sampled_from(sorted(EXTENSIONS))

    def extension(name: str) -> st.SearchStrategy[OpaquePatch]:
        fields = st.tuples(*(st.tuples(st.just(key), texts()) for key in EXTENSIONS[name]))
        return st.builds(OpaquePatch, name=st.just(name), fields=fields)

    opaque = named.flatmap(extension)
    inside = (weighted, attentive, perturbed, shrunk)
    every = (merging, st.just(Tiling()), hypernetwork, extra, tiles, *inside, *extensions(), opaque)
    return st.tuples(*(or_default(kind, None) for kind in every)).map(
        lambda drawn: tuple(patch for patch in drawn if patch is not None)
    )


@cache
def extensions() -> tuple[st.SearchStrategy[Extension], ...]:
    shares, scales, unset = floats(0, 1), floats(0, 30), or_default(one_line(), None)
    courses = st.sampled_from(get_args(Course))
    dynamic = st.builds(
        DynamicThresholding,
        mimic_scale=scales,
        percentile=shares,
        mimic_mode=courses,
        mimic_minimum=scales,
        cfg_mode=courses,
        cfg_minimum=scales,
        course_value=or_default(scales, None),
        separate_channels=flags(),
        start=st.sampled_from(("mean", "zero")),
        variability=st.sampled_from(("absolute", "deviation")),
        interpolation=shares,
    )
    said = {
        name: unset if field.default is None else scales
        for name, field in LatentModifier.model_fields.items()
        if name != "kind"
    }
    regions = st.builds(
        TiledRegion,
        enabled=flags(),
        x=shares,
        y=shares,
        width=shares,
        height=shares,
        prompt=texts(),
        negative=texts(),
        blend=st.sampled_from((None, "foreground", "background")),
        feather=or_default(shares, None),
        seed=or_default(st.integers(-1, 2**32), None),
    )
    counts = or_default(st.integers(0, 4096), None)
    tiled = st.builds(
        TiledDiffusion,
        method=st.sampled_from((None, "multidiffusion", "mixture", "demofusion")),
        tile_width=counts,
        tile_height=counts,
        overlap=counts,
        batch=counts,
        upscaler=or_default(st.sampled_from(UPSCALERS), None),
        scale=or_default(scales, None),
        keeps_input_size=or_default(flags(), None),
        inverts_noise=or_default(flags(), None),
        inversion_steps=counts,
        inversion_retouch=or_default(scales, None),
        inversion_strength=or_default(shares, None),
        inversion_kernel=counts,
        regions=st.lists(regions, max_size=2).map(tuple),
        options=or_default(st.just((("New", "[1, 2]"), ("Other", '"x: y"'))), ()),
    )
    regional = st.builds(
        RegionalPrompter,
        mode=st.sampled_from(("matrix", "mask", "prompt")),
        matrix=st.sampled_from((None, "columns", "rows", "random")),
        mask=unset,
        prompt=unset,
        calculation=st.sampled_from(("attention", "latent")),
        ratios=st.sampled_from(("", "1", "1,1", "1,2;2,1")),
        base_ratios=st.sampled_from(("", "0.2", "0.2,0.3")),
        uses_base=flags(),
        uses_common=flags(),
        uses_negative_common=flags(),
        options=unset,
        negative_text_ratios=unset,
        negative_unet_ratios=unset,
        threshold=unset,
        network_stop=counts,
        network_stop_hires=counts,
        flips=flags(),
        splits_at_and=flags(),
    )
    return dynamic, st.builds(LatentModifier, **said), tiled, regional


@cache
def producers(dialect: Dialect) -> st.SearchStrategy[Producer]:

    def made(
        version: tuple[str | None, tuple[int, ...] | None], user: str | None, notes: tuple, **made_from: str | None
    ) -> Producer:
        return Producer(
            dialect=dialect.name, raw_version=version[0], version=version[1], user=user, notes=notes, **made_from
        )

    notes = st.lists(st.sampled_from(NOTES), unique=True, max_size=2).flatmap(
        lambda keys: st.tuples(*(st.tuples(st.just(key), texts()) for key in keys))
    )
    template = or_default(texts(), None)
    versions = st.sampled_from(VERSIONS[dialect.name])
    return st.builds(made, versions, template, notes, template=template, negative_template=template)


def assets(dialect: Dialect) -> st.SearchStrategy[Assets]:
    return st.builds(
        Assets,
        checkpoint=or_default(checkpoints(), None),
        vae=or_default(checkpoints(), None),
        modules=st.lists(files(hashed=False), max_size=2).map(tuple) if dialect.name == "forge" else st.just(()),
        networks=networks(),
        embeddings=embeddings(),
        weight_dtype=st.sampled_from((None, *(FORGE_WEIGHTS if dialect.name == "forge" else ("fp8", "fp8_sdxl")))),
        caches_fp16_for_networks=flags(),
        vae_encoder=st.sampled_from(("full", "taesd")),
        vae_decoder=st.sampled_from(("full", "taesd")),
    )


def conditioning(dialect: Dialect) -> st.SearchStrategy[Text]:
    return st.builds(
        Text,
        language=st.just(dialect.name),
        emphasis=st.sampled_from(("original", "no_norm", "ignore", "none")),
        layer=st.integers(-12, -1),
        padding=st.sampled_from(("none", "empty_chunks", "repeat_last")),
        legacy_timelines=flags(),
    )


@cache
def jobs(dialect: Dialect | None = None) -> st.SearchStrategy[Job]:
    """A job with a value for everything that can be said, and nothing else."""
    dialect = dialect or find_dialect("a1111")

    def made(second: Hires | None, others: tuple, found: list[Detailer], version: str | None, **rest: object) -> Job:
        first = [found[0].model_copy(update={"version": version}), *found[1:]] if found else []
        refiner, *finish = others
        # only a text-to-image job has a second pass: the text has one strength for both
        second = second if isinstance(rest["task"], TextToImage) else None
        return Job(stages=tuple(stage for stage in (second, refiner, *first, *finish) if stage is not None), **rest)

    faces = st.builds(FaceRestore, model=one_line())
    return st.builds(
        made,
        second=or_default(hires(dialect), None),
        others=st.tuples(*(or_default(kind, None) for kind in (refiners(), faces, post_upscales()))),
        found=st.lists(detailers(dialect), max_size=2),
        version=or_default(one_line(), None),
        producer=producers(dialect),
        task=or_default(tasks(), TextToImage()),
        prompt=prompts(dialect),
        negative=prompts(dialect, positive=False),
        size=sizes(),
        batch=st.builds(Batch, size=st.integers(1, 8), position=or_default(st.integers(0, 7), None)),
        assets=assets(dialect),
        text=conditioning(dialect),
        sampling=samplings(dialect),
        noise=noises(),
        controls=units(),
        patches=patches(),
    )
