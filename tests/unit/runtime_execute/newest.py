"""Checkpoints of the newest families in their authors' layouts: few and narrow layers, and a tokeniser of single bytes."""

from collections.abc import Mapping
from pathlib import Path

import torch
from diffusers.models.transformers.transformer_hidream_image import HiDreamImageTransformer2DModel
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from torch import Tensor

from tests.unit.runtime_execute.families import (
    CLIP_G,
    CLIP_L,
    MERGES,
    T5,
    UNET,
    flux_shapes,
    projected_clip,
    sixteen_channels,
    t5_shapes,
)
from tests.unit.runtime_models.tiny import Shapes, conv, filled, linear, save, under, vae_shapes

HEAD = 128  # the width of an attention head that positions are made for
MARKS = (
    "<|im_start|>",
    "<|im_end|>",
    "<bos>",
    "<s>",
    "<pad>",
    "<|endoftext|>",
    "</s>",
    "<|begin_of_text|>",
    "<|eot_id|>",
)
WORDS = 256 + len(MARKS)
FILM = (1, 1, 1)  # dimensions behind the channels of what acts on films


def write_tokeniser(path: Path) -> None:
    """One token for each byte, and one for each mark."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    words = Tokenizer(models.BPE({letter: place for place, letter in enumerate(alphabet)}, []))
    words.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    words.decoder = decoders.ByteLevel()
    words.add_special_tokens(list(MARKS))
    words.save(str(path))


def chroma_shapes(width: int = HEAD, text: int = 64) -> Shapes:
    """FLUX without the embedded guidance and without modulation of its own; an approximator gives that."""
    shapes = {
        name: shape
        for name, shape in flux_shapes(width, text).items()
        if not name.startswith(("time_in", "vector_in", "guidance_in")) and "mod" not in name
    }
    guide = "distilled_guidance_layer"
    shapes |= linear(f"{guide}.in_proj", 96, 64) | linear(f"{guide}.out_proj", width, 96)
    for layer in range(2):
        block = f"{guide}.layers.{layer}"
        shapes |= linear(f"{block}.in_layer", 96, 96) | linear(f"{block}.out_layer", 96, 96)
        shapes[f"{guide}.norms.{layer}.scale"] = (96,)
    return shapes


def next_dit_block(name: str, width: int, heads: int, keys: int, inner: int, *, bias: bool = False) -> Shapes:
    """A block of Lumina 2 and Z-Image without what modulates it."""
    head = width // heads
    shapes = linear(f"{name}.attention.qkv", width + 2 * keys * head, width, bias=bias)
    shapes |= linear(f"{name}.attention.out", width, width, bias=bias)
    shapes |= {f"{name}.attention.{part}_norm.weight": (head,) for part in "qk"}
    shapes |= {f"{name}.feed_forward.{part}.weight": (inner, width) for part in ("w1", "w3")}
    shapes[f"{name}.feed_forward.w2.weight"] = (width, inner)
    return shapes | {f"{name}.{part}_norm{n}.weight": (width,) for part in ("attention", "ffn") for n in (1, 2)}


def z_image_shapes(width: int = HEAD, text: int = 64) -> Shapes:
    inner = int(width / 3 * 8)
    shapes = linear("x_embedder", width, 64) | linear("cap_embedder.1", width, text)
    shapes |= {"cap_embedder.0.weight": (text,), "x_pad_token": (1, width), "cap_pad_token": (1, width)}
    shapes |= linear("t_embedder.mlp.0", 1024, 256) | linear("t_embedder.mlp.2", width, 1024)
    for name in ("layers.0", "layers.1", "noise_refiner.0", "context_refiner.0"):
        shapes |= next_dit_block(name, width, 1, 1, inner)
        shapes |= {} if "context" in name else linear(f"{name}.adaLN_modulation.0", 4 * width, width)
    shapes |= linear("final_layer.linear", 64, width) | linear("final_layer.adaLN_modulation.1", width, width)
    return shapes | {"norm_final.weight": (width,)}  # which nothing uses


def lumina2_shapes(width: int = 192, text: int = 64) -> Shapes:
    """Two heads of queries, one of keys and values, each of the 96 numbers that positions are made for."""
    shapes = linear("x_embedder", width, 64) | linear("cap_embedder.1", width, text)
    shapes |= {"cap_embedder.0.weight": (text,), "norm_final.weight": (width,)}
    shapes |= linear("t_embedder.mlp.0", width, 256) | linear("t_embedder.mlp.2", width, width)
    for name in ("layers.0", "layers.1", "noise_refiner.0", "context_refiner.0"):
        shapes |= next_dit_block(name, width, 2, 1, 1024)
        shapes |= {} if "context" in name else linear(f"{name}.adaLN_modulation.1", 4 * width, width)
    return shapes | linear("final_layer.linear", 64, width) | linear("final_layer.adaLN_modulation.1", width, width)


def qwen_image_shapes(width: int = HEAD, text: int = 256) -> Shapes:
    shapes = linear("img_in", width, 64) | linear("txt_in", width, text) | {"txt_norm.weight": (text,)}
    embedder = "time_text_embed.timestep_embedder"
    shapes |= linear(f"{embedder}.linear_1", width, 256) | linear(f"{embedder}.linear_2", width, width)
    for layer in range(2):
        block = f"transformer_blocks.{layer}"
        for side in ("img", "txt"):
            shapes |= linear(f"{block}.{side}_mod.1", 6 * width, width)
            shapes |= linear(f"{block}.{side}_mlp.net.0.proj", 4 * width, width)
            shapes |= linear(f"{block}.{side}_mlp.net.2", width, 4 * width)
        for part in ("to_q", "to_k", "to_v", "add_q_proj", "add_k_proj", "add_v_proj", "to_out.0", "to_add_out"):
            shapes |= linear(f"{block}.attn.{part}", width, width)
        shapes |= {f"{block}.attn.norm_{part}.weight": (HEAD,) for part in ("q", "k", "added_q", "added_k")}
    return shapes | linear("norm_out.linear", 2 * width, width) | linear("proj_out", 64, width)


def flux2_shapes(width: int = HEAD, text: int = 96, *, guided: bool = False) -> Shapes:
    """One double and one single block; modulation is shared by all, and nothing has a bias."""
    shapes = linear("img_in", width, 128, bias=False) | linear("txt_in", width, text, bias=False)
    for name in ("time_in", *(("guidance_in",) if guided else ())):
        shapes |= linear(f"{name}.in_layer", width, 256, bias=False)
        shapes |= linear(f"{name}.out_layer", width, width, bias=False)
    for name, parts in (("double_stream_modulation_img", 6), ("double_stream_modulation_txt", 6)):
        shapes |= linear(f"{name}.lin", parts * width, width, bias=False)
    shapes |= linear("single_stream_modulation.lin", 3 * width, width, bias=False)
    for side in ("img", "txt"):
        block = f"double_blocks.0.{side}_"
        shapes |= linear(f"{block}attn.qkv", 3 * width, width, bias=False)
        shapes |= {f"{block}attn.norm.{part}_norm.scale": (HEAD,) for part in ("query", "key")}
        shapes |= linear(f"{block}attn.proj", width, width, bias=False)
        shapes |= linear(f"{block}mlp.0", 6 * width, width, bias=False) | linear(
            f"{block}mlp.2", width, 3 * width, bias=False
        )
    shapes |= linear("single_blocks.0.linear1", 9 * width, width, bias=False)
    shapes |= linear("single_blocks.0.linear2", width, 4 * width, bias=False)
    shapes |= {f"single_blocks.0.norm.{part}_norm.scale": (HEAD,) for part in ("query", "key")}
    shapes |= linear("final_layer.adaLN_modulation.1", 2 * width, width, bias=False)
    return shapes | linear("final_layer.linear", 128, width, bias=False)


def auraflow_shapes(width: int = 256, text: int = 64) -> Shapes:
    """One block of each kind; nothing but the ends has a bias. A head is 256 wide."""
    shapes = linear("init_x_linear", width, 16) | linear("cond_seq_linear", width, text, bias=False)
    shapes |= {"positional_encoding": (1, 64, width), "register_tokens": (1, 8, width)}
    shapes |= linear("t_embedder.mlp.0", width, 256) | linear("t_embedder.mlp.2", width, width)
    sides = {"double_layers.0.mlpX": "double_layers.0.modX", "double_layers.0.mlpC": "double_layers.0.modC"}
    for feed, modulation in (sides | {"single_layers.0.mlp": "single_layers.0.modCX"}).items():
        shapes |= linear(f"{modulation}.1", 6 * width, width, bias=False)
        shapes |= linear(f"{feed}.c_fc1", 768, width, bias=False) | linear(f"{feed}.c_fc2", 768, width, bias=False)
        shapes |= linear(f"{feed}.c_proj", width, 768, bias=False)
    for block in ("double_layers.0.attn.w1", "double_layers.0.attn.w2", "single_layers.0.attn.w1"):
        for part in "qkvo":
            shapes |= linear(f"{block}{part}", width, width, bias=False)
    return shapes | linear("modF.1", 2 * width, width, bias=False) | linear("final_linear", 16, width, bias=False)


def pixart_shapes(width: int = 64, text: int = 64, *, tokens: int = 300, sized: bool = False) -> Shapes:
    """Sixteen heads of four; `sized`: the model is told the size of the picture. `y_embedding` is for training alone."""
    shapes = conv("x_embedder.proj", width, 4, 2) | {"pos_embed": (1, 32 * 32, width)}
    shapes |= linear("t_block.1", 6 * width, width) | {"y_embedder.y_embedding": (tokens, text)}
    shapes |= linear("y_embedder.y_proj.fc1", width, text) | linear("y_embedder.y_proj.fc2", width, width)
    embedders = {"t_embedder": width} | ({"csize_embedder": width // 3, "ar_embedder": width // 3} if sized else {})
    for name, size in embedders.items():
        shapes |= linear(f"{name}.mlp.0", size, 256) | linear(f"{name}.mlp.2", size, size)
    for layer in range(2):
        block = f"blocks.{layer}"
        shapes |= {f"{block}.scale_shift_table": (6, width)} | linear(f"{block}.attn.qkv", 3 * width, width)
        shapes |= linear(f"{block}.attn.proj", width, width) | linear(f"{block}.cross_attn.q_linear", width, width)
        shapes |= linear(f"{block}.cross_attn.kv_linear", 2 * width, width)
        shapes |= linear(f"{block}.cross_attn.proj", width, width)
        shapes |= linear(f"{block}.mlp.fc1", 4 * width, width) | linear(f"{block}.mlp.fc2", width, 4 * width)
    return shapes | linear("final_layer.linear", 32, width) | {"final_layer.scale_shift_table": (2, width)}


def hidream_shapes() -> Shapes:
    """Two double and one single block, two experts; the authors' names are diffusers' own."""
    model = HiDreamImageTransformer2DModel(
        patch_size=2, in_channels=16, num_layers=2, num_single_layers=1, attention_head_dim=HEAD, num_attention_heads=1,
        caption_channels=[64, 64], text_emb_dim=128, num_routed_experts=2, axes_dims_rope=(64, 32, 32),
        llama_layers=[0, 1, 2],
    )  # fmt: skip
    return {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}


def hidream_file(path: Path) -> Path:
    """With all four encoders; the CLIPs take longer texts than others do."""
    clip = projected_clip(64, 2) | {"text_model.embeddings.position_embedding.weight": (248, 64)}
    parts = {
        UNET: hidream_shapes(),
        "vae.": sixteen_channels(),
        CLIP_L: clip,
        CLIP_G: clip,
        T5: t5_shapes(64),
        "text_encoders.llama.transformer.model.": language_shapes("llama", 64, 3),
    }
    write_tokeniser(path.with_suffix(".tokenizer.json"))
    shapes = {name: shape for prefix in parts for name, shape in under(prefix, parts[prefix]).items()}
    return save(path, filled(shapes), MERGES)


def flux2_vae() -> Mapping[str, Tensor]:
    """An autoencoder of 32 channels, and what was measured of its latents."""
    shapes = {name: shape for name, shape in sixteen_channels().items() if "conv_out" not in name or "decoder" in name}
    last = shapes["decoder.mid.block_1.conv1.bias"][0]
    shapes |= conv("encoder.conv_out", 64, last) | conv("decoder.conv_in", last, 32)
    shapes |= conv("encoder.quant_conv", 64, 64, 1) | conv("decoder.post_quant_conv", 32, 32, 1)
    normed = {"bn.running_mean": torch.linspace(-1, 1, 128), "bn.running_var": torch.linspace(0.5, 2, 128)}
    return filled(shapes) | normed | {"bn.num_batches_tracked": torch.tensor(7)}


def language_shapes(kind: str, width: int = 64, layers: int = 3) -> Shapes:
    """Two heads of queries, one of keys and values."""
    head = {"qwen3": 32, "qwen2": 128, "llama": 128, "mistral": 128, "gemma2": 256}[kind]
    shapes: Shapes = {"embed_tokens.weight": (WORDS, width), "norm.weight": (width,)}
    for layer in range(layers):
        block = f"layers.{layer}"
        for part, rows in (("q", 2 * head), ("k", head), ("v", head)):
            shapes |= linear(f"{block}.self_attn.{part}_proj", rows, width, bias=kind == "qwen2")
        shapes |= linear(f"{block}.self_attn.o_proj", width, 2 * head, bias=False)
        for part, (outputs, inputs) in {"gate": (96, width), "up": (96, width), "down": (width, 96)}.items():
            shapes |= linear(f"{block}.mlp.{part}_proj", outputs, inputs, bias=False)
        shapes |= {f"{block}.self_attn.{part}_norm.weight": (head,) for part in "qk" if kind == "qwen3"}
        norms = ("input", "post_attention", *(("pre_feedforward", "post_feedforward") if kind == "gemma2" else ()))
        shapes |= {f"{block}.{name}_layernorm.weight": (width,) for name in norms}
    return shapes


def film(name: str, outputs: int, inputs: int, size: tuple[int, ...] = (3, 3, 3)) -> Shapes:
    return {f"{name}.weight": (outputs, inputs, *size), f"{name}.bias": (outputs,)}


def film_block(name: str, inputs: int, outputs: int) -> Shapes:
    shapes: Shapes = {f"{name}.residual.0.gamma": (inputs, *FILM), f"{name}.residual.3.gamma": (outputs, *FILM)}
    shapes |= film(f"{name}.residual.2", outputs, inputs) | film(f"{name}.residual.6", outputs, outputs)
    return shapes | (film(f"{name}.shortcut", outputs, inputs, FILM) if inputs != outputs else {})


def film_vae_shapes(base: int = 4) -> Shapes:
    """Qwen-Image's autoencoder in the layout of the one for films that it was made from."""
    widths = (base, 2 * base, 4 * base, 4 * base)
    last = widths[-1]
    shapes = film("encoder.conv1", base, 3) | film("conv1", 32, 32, FILM) | film("conv2", 16, 16, FILM)
    width, number = base, 0
    for level, outputs in enumerate(widths):
        for _ in range(2):
            shapes |= film_block(f"encoder.downsamples.{number}", width, outputs)
            width, number = outputs, number + 1
        if level < 3:
            name = f"encoder.downsamples.{number}"
            shapes |= conv(f"{name}.resample.1", width, width)
            shapes |= film(f"{name}.time_conv", width, width, (3, 1, 1)) if level else {}
            number += 1
    for side in ("encoder", "decoder"):
        shapes |= film_block(f"{side}.middle.0", last, last) | film_block(f"{side}.middle.2", last, last)
        shapes |= {f"{side}.middle.1.norm.gamma": (last, 1, 1)}
        shapes |= conv(f"{side}.middle.1.to_qkv", 3 * last, last, 1) | conv(f"{side}.middle.1.proj", last, last, 1)
    shapes |= {"encoder.head.0.gamma": (last, *FILM), "decoder.head.0.gamma": (base, *FILM)}
    shapes |= film("encoder.head.2", 32, last) | film("decoder.head.2", 3, base) | film("decoder.conv1", last, 16)
    number = 0
    for level, outputs in enumerate(reversed(widths)):
        for _ in range(3):
            shapes |= film_block(f"decoder.upsamples.{number}", width, outputs)
            width, number = outputs, number + 1
        if level < 3:
            name = f"decoder.upsamples.{number}"
            shapes |= conv(f"{name}.resample.1", width // 2, width)
            shapes |= film(f"{name}.time_conv", 2 * width, width, (3, 1, 1)) if level < 2 else {}
            width, number = width // 2, number + 1
    return shapes


ENCODERS: Mapping[str, tuple[str, str]] = {
    "z-image": ("text_encoders.qwen3_4b.transformer.model.", "qwen3"),
    "lumina2": ("text_encoders.gemma2_2b.transformer.model.", "gemma2"),
}
MODELS = {"z-image": z_image_shapes, "lumina2": lumina2_shapes}


def chroma_file(path: Path) -> Path:
    shapes = under(UNET, chroma_shapes()) | under("vae.", sixteen_channels()) | under(T5, t5_shapes(64))
    return save(path, filled(shapes), {})


def halved(shapes: Shapes) -> dict[str, Tensor]:
    """Smaller numbers, for models whose blocks have no norm behind them, and would make much of the last digits."""
    return {name: tensor / 2 for name, tensor in filled(shapes).items()}


def pixart_file(path: Path, *, tokens: int, sized: bool) -> Path:
    model = pixart_shapes(96, tokens=tokens, sized=sized)
    parts = {UNET: model, "first_stage_model.": vae_shapes(), T5: t5_shapes(64)}
    return save(path, halved({name: shape for prefix in parts for name, shape in under(prefix, parts[prefix]).items()}))


def auraflow_file(path: Path) -> Path:
    """With a T5 that has words of its own, and counts positions in each of its layers."""
    reader = t5_shapes(64)
    reader["encoder.block.1.layer.0.SelfAttention.relative_attention_bias.weight"] = (32, 2)
    parts = {UNET: auraflow_shapes(), "vae.": vae_shapes(), "text_encoders.pile_t5xl.transformer.": reader}
    write_tokeniser(path.with_suffix(".tokenizer.json"))
    shapes = {name: shape for prefix in parts for name, shape in under(prefix, parts[prefix]).items()}
    return save(path, halved(shapes), {})


def language_file(path: Path, family: str) -> Path:
    """A checkpoint with all of its parts, and its tokeniser beside it."""
    prefix, kind = ENCODERS[family]
    shapes = under(UNET, MODELS[family]()) | under("vae.", sixteen_channels()) | under(prefix, language_shapes(kind))
    write_tokeniser(path.with_suffix(".tokenizer.json"))
    return save(path, filled(shapes), {})


def flux2_files(folder: Path) -> Path:
    """The diffusion models of both kinds alone, their encoders and VAE in files of their own."""
    save(folder / "flux2-vae.safetensors", flux2_vae(), {})
    save(folder / "mistral_3_small_flux2_bf16.safetensors", filled(under("model.", language_shapes("mistral", 32, 31))))
    write_tokeniser(folder / "mistral_3_small_flux2_bf16.tokenizer.json")
    save(folder / "tiny-flux2.safetensors", filled(flux2_shapes(guided=True)), {})
    save(folder / "qwen_3_4b.safetensors", filled(under("model.", language_shapes("qwen3", 32, 28))), {})
    write_tokeniser(folder / "qwen_3_4b.tokenizer.json")
    return save(folder / "tiny-flux2-klein.safetensors", filled(flux2_shapes()), {})


def qwen_image_files(folder: Path) -> Path:
    """The diffusion model alone, its encoder and VAE in files of their own under the names that they are known by."""
    save(folder / "qwen_image_vae.safetensors", filled(film_vae_shapes()), {})
    seeing = under("model.", language_shapes("qwen2", 256)) | linear("visual.patch_embed.proj", 4, 4)
    save(folder / "qwen_2.5_vl_7b.safetensors", filled(seeing), {})
    write_tokeniser(folder / "qwen_2.5_vl_7b.tokenizer.json")
    return save(folder / "tiny-qwen-image.safetensors", filled(qwen_image_shapes()), {})
