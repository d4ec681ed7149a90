"""Pipelines of every family, tiny and with random weights, saved as folders: no download, seconds to build."""

import gzip
import json
import lzma
from pathlib import Path

import torch
from diffusers import (
    AutoencoderKL,
    EulerDiscreteScheduler,
    FlowMatchEulerDiscreteScheduler,
    FluxPipeline,
    FluxTransformer2DModel,
    SD3Transformer2DModel,
    StableDiffusion3Pipeline,
    StableDiffusionPipeline,
    StableDiffusionXLImg2ImgPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
    T5Config,
    T5EncoderModel,
    T5Tokenizer,
)

import paramc.runtime.text

SEED = 0
HEARING = 30  # times as much that small transformers listen to texts: by themselves they hardly do
WORDS = ("cat", "dog", "photo", "of", "a", "bad", "quality")


def save(base: str, folder: Path, *, whole: bool = False) -> Path:
    """The tiny pipeline of a base, saved under `folder`; the same weights every time. whole: with every word."""
    torch.manual_seed(SEED)
    _WORDS.clear()
    _WORDS.extend(_every_merge() if whole else ())
    builders = {
        "sd1": _sd1,
        "sd2": _sd2,
        "sdxl": _sdxl,
        "refiner": _refiner,
        "sd3": _sd3,
        "flux": _flux,
        "flux-schnell": _schnell,
    }
    place = folder / base
    pipeline = builders[base]()
    if base in ("sd1", "sd2", "sdxl"):
        _unbalance(pipeline.text_encoder.final_layer_norm)
    if hasattr(pipeline, "transformer") and whole:
        with torch.no_grad():
            pipeline.transformer.context_embedder.weight.mul_(HEARING)
    pipeline.save_pretrained(place)
    return place


def _unbalance(norm: torch.nn.LayerNorm) -> None:
    """A mean that is not zero, which emphasis divides by."""
    with torch.no_grad():
        norm.weight.normal_(1.0, 0.3)
        norm.bias.normal_(0.2, 0.2)


_WORDS: list[tuple[str, str]] = []  # merges in place of those of a few words


def _every_merge() -> list[tuple[str, str]]:
    packed = Path(paramc.runtime.text.__file__).parent / "merges.txt.gz"
    lines = gzip.decompress(packed.read_bytes()).decode().split("\n")
    return [(first, second) for first, second in (line.split(" ") for line in lines)]


def _clip_tokenizer(pad: str = "<|endoftext|>") -> CLIPTokenizer:
    codes = [*range(33, 127), *range(161, 173), *range(174, 256)]
    symbols = [chr(code) for code in codes] + [chr(256 + n) for n in range(256 - len(codes))]
    merges: list[tuple[str, str]] = []
    for word in WORDS:
        parts = [*word[:-1], f"{word[-1]}</w>"]
        while len(parts) > 1:
            merges.append((parts[0], parts[1]))
            parts = [parts[0] + parts[1], *parts[2:]]
    merges = _WORDS or list(dict.fromkeys(merges))
    tokens = [*symbols, *(f"{symbol}</w>" for symbol in symbols), *("".join(pair) for pair in merges)]
    tokens = [*dict.fromkeys(tokens), "<|startoftext|>", "<|endoftext|>"]
    vocabulary = {token: number for number, token in enumerate(tokens)}
    return CLIPTokenizer(vocab=vocabulary, merges=merges, model_max_length=77, pad_token=pad)


def _clip_config(tokenizer: CLIPTokenizer, width: int = 32) -> CLIPTextConfig:
    return CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=width,
        intermediate_size=37,
        num_hidden_layers=4,
        num_attention_heads=4,
        max_position_embeddings=77,
        hidden_act="quick_gelu",
        projection_dim=32,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )


def _t5_tokenizer() -> T5Tokenizer:
    if _WORDS:
        packed = Path(paramc.runtime.text.__file__).parent / "t5.json.xz"
        known = json.loads(lzma.decompress(packed.read_bytes()))["model"]["vocab"]
        return T5Tokenizer(vocab=[(piece, score) for piece, score in known], extra_ids=100, model_max_length=512)
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -2.0)]
    pieces += [(f"▁{word}", -3.0) for word in WORDS]
    pieces += [(chr(code), -5.0) for code in range(33, 127) if chr(code) not in dict(pieces)]
    return T5Tokenizer(vocab=pieces, extra_ids=0, model_max_length=512)


def _t5(width: int) -> T5EncoderModel:
    config = T5Config(
        vocab_size=32128 if _WORDS else 120, d_model=width, d_kv=8, d_ff=37, num_layers=2, num_heads=4, feed_forward_proj="gated-gelu",
        tie_word_embeddings=False,
    )  # fmt: skip
    return T5EncoderModel(config)


def _vae(channels: int = 4, **more: object) -> AutoencoderKL:
    return AutoencoderKL(
        block_out_channels=[8, 8, 16, 16],
        down_block_types=["DownEncoderBlock2D"] * 4,
        up_block_types=["UpDecoderBlock2D"] * 4,
        norm_num_groups=4,
        layers_per_block=1,
        latent_channels=channels,
        **more,
    )


def _scheduler() -> EulerDiscreteScheduler:
    return EulerDiscreteScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", timestep_spacing="leading", steps_offset=1
    )


def _sd2() -> StableDiffusionPipeline:
    return _sd1("!")


def _sd1(pad: str = "<|endoftext|>") -> StableDiffusionPipeline:
    tokenizer = _clip_tokenizer(pad)
    unet = UNet2DConditionModel(
        block_out_channels=(16, 32),
        layers_per_block=1,
        cross_attention_dim=32,
        attention_head_dim=4,
        norm_num_groups=8,
        sample_size=8,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
    )
    return StableDiffusionPipeline(
        vae=_vae(),
        text_encoder=CLIPTextModel(_clip_config(tokenizer)),
        tokenizer=tokenizer,
        unet=unet,
        scheduler=_scheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def _sdxl() -> StableDiffusionXLPipeline:
    tokenizer, second = _clip_tokenizer(), _clip_tokenizer("!")
    unet = UNet2DConditionModel(
        block_out_channels=(16, 32),
        layers_per_block=1,
        cross_attention_dim=64,
        attention_head_dim=4,
        norm_num_groups=8,
        sample_size=8,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        transformer_layers_per_block=(1, 2),
        projection_class_embeddings_input_dim=6 * 8 + 32,
    )
    return StableDiffusionXLPipeline(
        vae=_vae(force_upcast=True),
        text_encoder=CLIPTextModel(_clip_config(tokenizer)),
        text_encoder_2=CLIPTextModelWithProjection(_clip_config(second)),
        tokenizer=tokenizer,
        tokenizer_2=second,
        unet=unet,
        scheduler=_scheduler(),
        add_watermarker=False,
    )


def _refiner() -> StableDiffusionXLImg2ImgPipeline:
    second = _clip_tokenizer("!")
    unet = UNet2DConditionModel(
        block_out_channels=(16, 32),
        layers_per_block=1,
        cross_attention_dim=32,
        attention_head_dim=4,
        norm_num_groups=8,
        sample_size=8,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=256,  # by which the runner knows that it is told a score
        transformer_layers_per_block=(1, 2),
        projection_class_embeddings_input_dim=5 * 256 + 32,
    )
    return StableDiffusionXLImg2ImgPipeline(
        vae=_vae(force_upcast=True),
        text_encoder=None,
        text_encoder_2=CLIPTextModelWithProjection(_clip_config(second)),
        tokenizer=None,
        tokenizer_2=second,
        unet=unet,
        scheduler=_scheduler(),
        requires_aesthetics_score=True,
        force_zeros_for_empty_prompt=False,
        add_watermarker=False,
    )


def _sd3() -> StableDiffusion3Pipeline:
    tokenizer, second = _clip_tokenizer(), _clip_tokenizer("!")
    transformer = SD3Transformer2DModel(
        sample_size=32,
        patch_size=2,
        in_channels=16,
        num_layers=2,
        attention_head_dim=8,
        num_attention_heads=4,
        joint_attention_dim=64,
        caption_projection_dim=32,
        pooled_projection_dim=64,
        out_channels=16,
    )
    return StableDiffusion3Pipeline(
        transformer=transformer,
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
        vae=_vae(16, shift_factor=0.0609, scaling_factor=1.5305, use_quant_conv=False, use_post_quant_conv=False),
        text_encoder=CLIPTextModelWithProjection(_clip_config(tokenizer)),
        tokenizer=tokenizer,
        text_encoder_2=CLIPTextModelWithProjection(_clip_config(second)),
        tokenizer_2=second,
        text_encoder_3=_t5(64),
        tokenizer_3=_t5_tokenizer(),
    )


def _schnell() -> FluxPipeline:
    return _flux(guided=False)


def _flux(*, guided: bool = True) -> FluxPipeline:
    tokenizer = _clip_tokenizer()
    transformer = FluxTransformer2DModel(
        in_channels=64,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=32,
        pooled_projection_dim=32,
        axes_dims_rope=(4, 4, 8),
        guidance_embeds=guided,
    )
    return FluxPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True),
        vae=_vae(16, shift_factor=0.1159, scaling_factor=0.3611, use_quant_conv=False, use_post_quant_conv=False),
        text_encoder=CLIPTextModel(_clip_config(tokenizer)),
        tokenizer=tokenizer,
        text_encoder_2=_t5(32),
        tokenizer_2=_t5_tokenizer(),
        transformer=transformer,
    )
