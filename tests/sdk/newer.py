"""Tiny pipelines of newer families, with random weights."""

from collections.abc import Callable

from diffusers import (
    AuraFlowPipeline,
    AuraFlowTransformer2DModel,
    ChromaPipeline,
    ChromaTransformer2DModel,
    DiffusionPipeline,
    DPMSolverMultistepScheduler,
    FlowMatchEulerDiscreteScheduler,
    Lumina2Pipeline,
    Lumina2Transformer2DModel,
    PixArtSigmaPipeline,
    PixArtTransformer2DModel,
    ZImagePipeline,
    ZImageTransformer2DModel,
)
from transformers import (
    Gemma2Config,
    Gemma2Model,
    PreTrainedModel,
    Qwen3Config,
    Qwen3Model,
    T5Tokenizer,
    UMT5Config,
    UMT5EncoderModel,
)

from tests.sdk.components import flow_vae, t5, t5_tokenizer, vae

WIDTH = 32  # of what the text encoders give
TOKENS = 120
TEMPLATE = "{% for message in messages %}{{ message['content'] }}{% endfor %}"


def _language_model(kind: type[PreTrainedModel], config: type) -> PreTrainedModel:
    sizes = {"num_hidden_layers": 3, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8}
    return kind(config(vocab_size=TOKENS, hidden_size=WIDTH, intermediate_size=37, **sizes))


def _chatting() -> T5Tokenizer:
    tokenizer = t5_tokenizer()
    tokenizer.chat_template = TEMPLATE
    return tokenizer


def _chroma() -> DiffusionPipeline:
    transformer = ChromaTransformer2DModel(
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=WIDTH,
        axes_dims_rope=(4, 4, 8),
        approximator_num_channels=8,
        approximator_hidden_dim=32,
        approximator_layers=1,
    )
    return ChromaPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(),
        vae=flow_vae(),
        text_encoder=t5(WIDTH),
        tokenizer=t5_tokenizer(),
        transformer=transformer,
    )


def _z_image() -> DiffusionPipeline:
    transformer = ZImageTransformer2DModel(
        in_channels=16,
        dim=WIDTH,
        n_layers=1,
        n_refiner_layers=1,
        n_heads=2,
        n_kv_heads=2,
        cap_feat_dim=WIDTH,
        axes_dims=[4, 4, 8],
        axes_lens=[256, 32, 32],
    )
    return ZImagePipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(),
        vae=flow_vae(),
        text_encoder=_language_model(Qwen3Model, Qwen3Config),
        tokenizer=_chatting(),
        transformer=transformer,
    )


def _aura_flow() -> DiffusionPipeline:
    config = UMT5Config(vocab_size=TOKENS, d_model=WIDTH, d_kv=8, d_ff=37, num_layers=2, num_heads=4)
    transformer = AuraFlowTransformer2DModel(
        sample_size=8,
        num_mmdit_layers=1,
        num_single_dit_layers=1,
        attention_head_dim=8,
        num_attention_heads=4,
        joint_attention_dim=WIDTH,
        caption_projection_dim=32,
        pos_embed_max_size=256,
    )
    return AuraFlowPipeline(
        tokenizer=t5_tokenizer(),
        text_encoder=UMT5EncoderModel(config),
        vae=vae(),
        transformer=transformer,
        scheduler=FlowMatchEulerDiscreteScheduler(),
    )


def _lumina_2() -> DiffusionPipeline:
    transformer = Lumina2Transformer2DModel(
        sample_size=8,
        hidden_size=24,
        num_layers=1,
        num_refiner_layers=1,
        num_attention_heads=3,
        num_kv_heads=1,
        multiple_of=2,
        axes_dim_rope=(4, 2, 2),
        axes_lens=(256, 32, 32),
        cap_feat_dim=WIDTH,
    )
    return Lumina2Pipeline(
        transformer=transformer,
        scheduler=FlowMatchEulerDiscreteScheduler(),
        vae=flow_vae(),
        text_encoder=_language_model(Gemma2Model, Gemma2Config),
        tokenizer=t5_tokenizer(),
    )


def _pix_art() -> DiffusionPipeline:
    transformer = PixArtTransformer2DModel(
        num_attention_heads=2,
        attention_head_dim=8,
        num_layers=1,
        cross_attention_dim=16,
        sample_size=8,
        caption_channels=WIDTH,
        use_additional_conditions=False,
    )
    return PixArtSigmaPipeline(
        tokenizer=t5_tokenizer(),
        text_encoder=t5(WIDTH),
        vae=vae(),
        transformer=transformer,
        scheduler=DPMSolverMultistepScheduler(),
    )


NEWER: dict[str, Callable[[], DiffusionPipeline]] = {
    "chroma": _chroma,
    "z-image": _z_image,
    "auraflow": _aura_flow,
    "lumina2": _lumina_2,
    "pixart": _pix_art,
}
