"""Families that are known and not run: their files and folders are named, with what comes nearest."""

import json
from pathlib import Path

import pytest

import paramc
from paramc.diagnostics.model import RunError
from paramc.ir.assets import AssetRef
from paramc.passes.plan import plan_job
from paramc.runtime.catalogue.errors import ModelError
from paramc.runtime.catalogue.find import find_model
from paramc.runtime.catalogue.scan import scan
from paramc.runtime.catalogue.store import open_catalogue
from paramc.runtime.execute.checks import check_plan
from paramc.runtime.models.bases import USUALLY
from paramc.runtime.models.checkpoint import load_checkpoint
from tests.unit.catalogue.files import write
from tests.unit.runtime_models.tiny import Shapes, filled, save, under

pytestmark = pytest.mark.sdk

FILM: Shapes = {"txt_in.individual_token_refiner.blocks.0.adaLN_modulation.1.bias": (4,)}
FLUX_LIKE: Shapes = {
    "single_transformer_blocks.0.norm.linear.weight": (4, 4),
    "time_embed.timestep_embedder.linear_1.weight": (4, 4),
}
REFINED: Shapes = {"context_embedder.token_refiner.refiner_blocks.0.norm1.weight": (4,)}
STRANGERS: dict[str, tuple[str, Shapes]] = {
    "krea2": ("krea2", {"txtfusion.projector.weight": (4, 4)}),
    "ltx": ("ltx-video", {"patchify_proj.weight": (4, 4)}),
    "wan": ("wan", {"head.modulation": (1, 2, 4), "blocks.0.self_attn.q.weight": (4, 4)}),
    "wan of diffusers": ("wan", {"patch_embedding.weight": (4, 4), "condition_embedder.time_proj.weight": (4, 4)}),
    "hunyuan film": ("hunyuan-video", FILM | {"img_in.proj.weight": (4, 4, 1, 2, 2)}),
    "hunyuan picture": ("hunyuan-image", FILM | {"img_in.proj.weight": (4, 4, 1, 1)}),
    "hunyuan film of diffusers": (
        "hunyuan-video",
        REFINED
        | {
            "single_transformer_blocks.0.norm.linear.weight": (4, 4),
            "time_text_embed.text_embedder.linear_1.weight": (4, 4),
            "x_embedder.proj.weight": (4, 4, 1, 2, 2),
        },
    ),
    "hunyuan picture of diffusers": ("hunyuan-image", REFINED | {"x_embedder.proj.weight": (4, 4, 1, 1)}),
    "hunyuan dit": ("hunyuan-dit", {"text_embedding_padding": (4, 4), "blocks.0.mlp.fc1.weight": (4, 4)}),
    "cascade c": ("stable-cascade", {"clip_txt_mapper.weight": (4, 4)}),
    "cascade b": ("stable-cascade", {"down_blocks.1.0.channelwise.0.weight": (4, 4)}),
    "kandinsky 2": (
        "kandinsky",
        {"encoder_hid_proj.image_embeds.weight": (4, 4), "down_blocks.0.resnets.0.conv1.weight": (4, 4, 3, 3)},
    ),
    "kandinsky 3": ("kandinsky", {"encoder_hid_proj.projection_linear.weight": (4, 4)}),
    "kandinsky 5": ("kandinsky", {"visual_embeddings.in_layer.weight": (4, 4)}),
    "deepfloyd": (
        "deepfloyd",
        {"add_embedding.pool.positional_embedding": (1, 4), "encoder_hid_proj.weight": (4, 4)},
    ),
    "omnigen": ("omnigen", {"time_token.mlp.0.weight": (4, 4), "llm.layers.0.self_attn.qkv_proj.weight": (4, 4)}),
    "omnigen 2": (
        "omnigen2",
        {"image_index_embedding": (4, 4), "time_caption_embed.caption_embedder.0.weight": (4,)},
    ),
    "bria": ("bria", FLUX_LIKE | {"context_embedder.weight": (4, 4096)}),
    "fibo": ("bria-fibo", FLUX_LIKE | {"caption_projection.0.linear.weight": (4, 4)}),
    "longcat": ("longcat-image", FLUX_LIKE | {"context_embedder.weight": (4, 3584)}),
    "ovis": ("ovis-image", {"context_embedder_norm.weight": (4,)}),
    "cosmos": ("cosmos", {"x_embedder.proj.1.weight": (4, 4), "blocks.0.self_attn.q_proj.weight": (4, 4)}),
    "svd": (
        "svd",
        {"input_blocks.0.0.weight": (4, 8, 3, 3), "input_blocks.1.0.time_mixer.mix_factor": (1,)},
    ),
    "motion": ("animatediff", {"down_blocks.0.motion_modules.0.temporal_transformer.norm.weight": (4,)}),
    "mochi": ("mochi", {"blocks.0.attn.qkv_x.weight": (4, 4)}),
    "qwen 2.1": ("qwen-image-2.1", {"txt_in.text_norm.weight": (4,)}),
    "sprint": ("sana-sprint", {"blocks.0.cross_attn.q_linear.bias": (4,), "cfg_embedder.mlp.0.weight": (4, 4)}),
}


@pytest.mark.parametrize("kind", STRANGERS)
def test_a_family_that_is_not_run_is_named(tmp_path: Path, kind: str) -> None:
    family, shapes = STRANGERS[kind]
    for prefix in ("", "model.diffusion_model.", "net."):
        path = save(tmp_path / "a.safetensors", filled(under(prefix, shapes)))
        with pytest.raises(ModelError) as caught:
            load_checkpoint(path)
        said = caught.value.diagnostics[0]
        assert (said.code, f"`{family}`" in said.message) == ("PC538", True)
        assert USUALLY not in (said.help or "")


def test_a_family_that_is_not_run_is_told_with_what_comes_nearest(tmp_path: Path) -> None:
    with pytest.raises(ModelError) as caught:
        load_checkpoint(save(tmp_path / "a.safetensors", filled(STRANGERS["krea2"][1])))
    assert "`Krea2Pipeline`" in (caught.value.diagnostics[0].help or "")


@pytest.mark.parametrize(
    ("part", "config", "family"),
    [
        ("text_encoder", {"model_type": "bert", "architectures": ["BertModel"]}, "bert"),
        ("transformer", {"_class_name": "CogView4Transformer2DModel"}, "cogview4"),
        ("transformer", {"_class_name": "WanTransformer3DModel"}, "wan"),
        ("transformer", {"_class_name": "NobodyKnows"}, "NobodyKnows"),
    ],
)
def test_a_folder_of_such_a_family_is_named_before_its_weights_are_read(
    tmp_path: Path, part: str, config: dict[str, object], family: str
) -> None:
    for name, table in {"unet": {"cross_attention_dim": 2048}, "scheduler": {}, part: config}.items():
        (tmp_path / name).mkdir()
        file = "scheduler_config.json" if name == "scheduler" else "config.json"
        (tmp_path / name / file).write_text(json.dumps(table), encoding="utf-8")
    (tmp_path / "model_index.json").write_text("{}", encoding="utf-8")
    with pytest.raises(ModelError) as caught:
        load_checkpoint(tmp_path)
    said = caught.value.diagnostics[0]
    assert (said.code, f"`{family}`" in said.message) == ("PC538", True)


@pytest.mark.parametrize(
    ("pipeline", "family"),
    [
        ("StableCascadeCombinedPipeline", "stable-cascade"),
        ("KandinskyV22Pipeline", "kandinsky"),
        ("IFPipeline", "deepfloyd"),
        ("StableVideoDiffusionPipeline", "svd"),
        ("AnimateDiffPipeline", "animatediff"),
        ("HunyuanDiTPipeline", "hunyuan-dit"),
        ("OmniGenPipeline", "omnigen"),
        ("SanaSprintPipeline", "sana-sprint"),
    ],
)
def test_a_folder_of_such_a_family_is_named_by_its_pipeline_whatever_lies_in_it(
    tmp_path: Path, pipeline: str, family: str
) -> None:
    (tmp_path / "model_index.json").write_text(json.dumps({"_class_name": pipeline}), encoding="utf-8")
    with pytest.raises(ModelError) as caught:
        load_checkpoint(tmp_path)
    said = caught.value.diagnostics[0]
    assert (said.code, f"`{family}`" in said.message) == ("PC538", True)


@pytest.mark.parametrize(
    ("model", "near"),
    [
        ("hunyuanImage_v21", "`HunyuanImagePipeline`"),
        ("stable_cascade_stage_c", "`StableCascadeCombinedPipeline`"),
        ("kandinsky-2-2", "`KandinskyV22Pipeline`"),
        ("OmniGen-v1", "`OmniGenPipeline`"),
        ("Bria-3.2", "`BriaPipeline`"),
        ("wan2.1_t2v", "films"),
        ("ltx-video-2b", "films"),
    ],
)
def test_settings_that_name_such_a_family_are_told_what_comes_nearest(model: str, near: str) -> None:
    job = paramc.parse(f"a cat\nSteps: 4, Sampler: Euler, CFG scale: 4, Seed: 1, Size: 64x64, Model: {model}")
    with pytest.raises(RunError) as caught:
        check_plan(plan_job(job))
    said = caught.value.diagnostics[0]
    assert (said.code, near in (said.help or "")) == ("PC565", True)


OTHERS: dict[str, tuple[str, Shapes]] = {
    "empty": ("a file without tensors", {}),
    "language": ("a language model", {"model.layers.0.self_attn.q_proj.weight": (4, 4), "lm_head.weight": (4, 4)}),
    "speech": ("a speech recogniser", {"model.encoder.conv1.weight": (4, 4, 3)}),
    "sound": ("a model of sound", {"enc_to_dec_proj.weight": (4, 4)}),
    "bert": ("a language model that reads both ways", {"bert.embeddings.word_embeddings.weight": (4, 4)}),
    "training": ("a part of a state of training", {"optimizer.state.0.exp_avg": (4,)}),
    "finder": ("a model that finds things in pictures", {"model.22.cv2.0.0.conv.weight": (4, 4)}),
    "looker": ("a model that looks at pictures", {"vit.embeddings.cls_token": (1, 1, 4)}),
    "vae": ("a VAE", {"decoder.conv_in.weight": (4, 4, 3, 3), "decoder.mid.block_1.conv1.weight": (4, 4, 3, 3)}),
    "upscaler": ("an upscaler", {"conv_first.weight": (4, 3, 3, 3)}),
    "text": ("a text encoder", {"text_model.encoder.layers.0.mlp.fc1.weight": (4, 4)}),
    "network": ("a network", {"lora_unet_mid_block.lora_down.weight": (4, 4)}),
    "nothing": ("no kind of model that paramc knows", {"weight": (4,)}),
}


@pytest.mark.parametrize("kind", OTHERS)
def test_a_file_of_no_model_for_pictures_is_called_what_it_is(tmp_path: Path, kind: str) -> None:
    found, shapes = OTHERS[kind]
    with pytest.raises(ModelError) as caught:
        load_checkpoint(write(tmp_path / "model.safetensors", shapes))
    assert caught.value.diagnostics[0].message.endswith(f"is {found}, not a checkpoint")


def test_the_catalogue_calls_it_so_as_well(tmp_path: Path) -> None:
    write(tmp_path / "llm.safetensors", OTHERS["language"][1])
    with open_catalogue(tmp_path / "models.sqlite") as catalogue:
        scan(catalogue, [tmp_path], hashing=False)
        with pytest.raises(ModelError, match="is a language model, not a checkpoint"):
            find_model(catalogue, AssetRef(name="llm"), "checkpoint")
