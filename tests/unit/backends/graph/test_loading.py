"""Which loaders a graph begins with, and what lies over the model."""

import json

import pytest

import paramc
from paramc.ir.assets import AssetRef, Hash
from paramc.ir.control import (
    DeepShrink,
    FreeU,
    Hypernetwork,
    HyperTile,
    PerturbedAttention,
    SelfAttentionGuidance,
    Tiling,
    TokenMerging,
)
from paramc.ir.plan import ApplyNetwork, Decode, LoadCheckpoint, LoadParts, LoadVae, PatchModel
from tests.unit.backends.graph.plans import classes, every, graph_of, only, picture, sample
from tests.unit.backends.graph.server import refusals


def parts(*names: str, base: str = "flux") -> dict:
    encoders = tuple(AssetRef(name=name) for name in names)
    graph = graph_of(
        picture(LoadParts(id="checkpoint", asset=AssetRef(name="flux1-dev"), encoders=encoders), family=base)
    )
    assert refusals(graph) == []
    return graph


def checkpoint(**values: object) -> str:
    graph = graph_of(picture(LoadCheckpoint(id="checkpoint", asset=AssetRef.model_validate(values))))
    return only(graph, "CheckpointLoaderSimple")["ckpt_name"]


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("dream", "dream.safetensors"),
        ("dream_v1.5", "dream_v1.5.safetensors"),
        ("old.ckpt", "old.ckpt"),
        ("xl/dream.SafeTensors", "xl/dream.SafeTensors"),
        ('夢 "1"\n', '夢 "1"\n.safetensors'),
    ],
)
def test_a_model_is_a_file_of_its_name(name: str, file: str) -> None:
    assert checkpoint(name=name) == file


@pytest.mark.parametrize("suffix", [".safetensors", ".sft", ".ckpt", ".pt", ".pth", ".bin", ".gguf"])
def test_a_name_with_a_suffix_is_a_file_name(suffix: str) -> None:
    assert checkpoint(name=f"a{suffix}") == f"a{suffix}"


def test_a_found_file_goes_by_its_own_name() -> None:
    assert checkpoint(name="dream", path="C:\\models\\Dream (1).ckpt") == "Dream (1).ckpt"


def test_a_model_known_by_its_hash_alone_is_called_by_it() -> None:
    assert checkpoint(hashes=(Hash(algorithm="sha256", hex="9aba26abdf"),)) == "9aba26abdf.safetensors"


def test_a_model_that_nobody_names_gets_a_name_all_the_same() -> None:
    assert checkpoint() == "model.safetensors"


def test_flux_in_parts_has_a_loader_for_each() -> None:
    graph = parts("ae", "clip_l", "t5xxl_fp8_e4m3fn")
    assert only(graph, "UNETLoader") == {"unet_name": "flux1-dev.safetensors", "weight_dtype": "default"}
    assert only(graph, "DualCLIPLoader") == {
        "clip_name1": "clip_l.safetensors",
        "clip_name2": "t5xxl_fp8_e4m3fn.safetensors",
        "type": "flux",
    }
    assert only(graph, "VAELoader") == {"vae_name": "ae.safetensors"}
    assert "CheckpointLoaderSimple" not in classes(graph)


def test_flux_with_one_encoder_gets_the_other() -> None:
    loader = only(parts("ae", "t5xxl_fp16"), "DualCLIPLoader")
    assert (loader["clip_name1"], loader["clip_name2"]) == ("t5xxl_fp16.safetensors", "clip_l.safetensors")


def test_three_encoders_have_a_loader_of_their_own() -> None:
    loader = only(parts("clip_l", "clip_g", "t5xxl", "sd3_vae", base="sd3"), "TripleCLIPLoader")
    assert list(loader.values()) == ["clip_l.safetensors", "clip_g.safetensors", "t5xxl.safetensors"]


def test_a_vae_alone_beside_a_checkpoint_leaves_its_encoders_in_place() -> None:
    graph = parts("sdxl_vae", base="sdxl")
    assert only(graph, "VAELoader") == {"vae_name": "sdxl_vae.safetensors"}
    assert only(graph, "VAEDecode")["vae"] == [next(key for key in graph if graph[key]["class_type"] == "VAELoader"), 0]
    assert every(graph, "CLIPTextEncode")[0]["clip"] == ["1", 1]


@pytest.mark.parametrize(
    ("dtype", "word"), [("fp8", "fp8_e4m3fn"), ("fp8_e5m2", "fp8_e5m2"), ("nf4", "default"), (None, "default")]
)
def test_weights_are_stored_as_the_loader_can(dtype: str | None, word: str) -> None:
    encoders = (AssetRef(name="ae"), AssetRef(name="t5xxl"))
    load = LoadParts(id="checkpoint", asset=AssetRef(name="flux"), encoders=encoders, weight_dtype=dtype)
    assert only(graph_of(picture(load, family="flux")), "UNETLoader")["weight_dtype"] == word


@pytest.mark.parametrize(
    ("base", "names", "kind"),
    [
        ("sd3", ("clip_l", "clip_g"), "sd3"),
        ("sd3", ("clip_l",), "sd3"),
        ("sdxl", ("clip_l", "clip_g"), "sdxl"),
        ("sdxl", ("clip_l",), "stable_diffusion"),
        ("chroma", ("t5xxl",), "chroma"),
        ("chroma", ("t5xxl", "clip_l"), "sdxl"),
        ("sd1", ("clip_l",), "stable_diffusion"),
    ],
)
def test_loaders_are_told_what_the_encoders_are_for(base: str, names: tuple[str, ...], kind: str) -> None:
    graph = parts("ae", *names, base=base)
    assert only(graph, "CLIPLoader" if len(names) == 1 else "DualCLIPLoader")["type"] == kind


def test_a_vae_with_an_encoder_in_its_name_is_a_vae() -> None:
    assert only(parts("qwen_image_vae", "qwen_2.5_vl_7b", base="qwen-image"), "VAELoader") == {
        "vae_name": "qwen_image_vae.safetensors"
    }


def test_the_first_vae_that_is_named_counts() -> None:
    encoders = (AssetRef(name="ae"), AssetRef(name="other_vae"), AssetRef(name="t5xxl"))
    load = LoadParts(id="checkpoint", asset=AssetRef(name="flux"), encoders=encoders)
    assert only(graph_of(picture(load, family="flux")), "VAELoader") == {"vae_name": "ae.safetensors"}


def test_a_vae_of_its_own_decodes() -> None:
    load = LoadVae(id="vae", asset=AssetRef(name="kl-f8-anime2.ckpt"))
    graph = graph_of(picture(load, Decode(id="decode", latent="sample", vae="vae.vae")))
    assert only(graph, "VAELoader") == {"vae_name": "kl-f8-anime2.ckpt"}
    assert graph[only(graph, "VAEDecode")["vae"][0]]["class_type"] == "VAELoader"


def network(kind: str, name: str, number: int = 1, model: str = "checkpoint") -> ApplyNetwork:
    return ApplyNetwork(
        id=f"network{number}",
        model=f"{model}.model",
        clip=f"{model}.clip",
        kind=kind,
        asset=AssetRef(name=name),
        model_strength=0.8,
        clip_strength=0.25,
    )


def test_loras_follow_each_other() -> None:
    ops = (network("lora", "a"), network("lyco", "b", 2, "network1"), sample("sample", model="network2.model"))
    first, second = every(graph_of(picture(*ops)), "LoraLoader")
    assert (first["lora_name"], first["strength_model"], first["strength_clip"]) == ("a.safetensors", 0.8, 0.25)
    assert (first["model"], first["clip"]) == (["1", 0], ["1", 1])
    assert second["lora_name"] == "b.safetensors"
    assert (second["model"][1], second["clip"][1]) == (0, 1)


def test_a_hypernetwork_leaves_the_text_encoder_alone() -> None:
    ops = (network("hypernet", "anime"), network("lora", "a", 2, "network1"), sample("sample", model="network2.model"))
    graph = graph_of(picture(*ops))
    assert only(graph, "HypernetworkLoader") == {"hypernetwork_name": "anime.pt", "strength": 0.8, "model": ["1", 0]}
    assert only(graph, "LoraLoader")["clip"] == ["1", 1]


def test_a_network_of_another_kind_is_left_out() -> None:
    graph = graph_of(picture(network("wildcard", "x"), sample("sample", model="network1.model")))
    assert only(graph, "KSampler")["model"] == ["1", 0]


def test_strengths_stay_within_what_the_node_takes() -> None:
    strong = network("lora", "a").model_copy(update={"model_strength": 1e9, "clip_strength": float("nan")})
    graph = graph_of(picture(strong, sample("sample", model="network1.model")))
    assert refusals(graph) == []
    assert only(graph, "LoraLoader")["strength_model"] == 100.0


@pytest.mark.parametrize(
    ("patch", "class_type", "inputs"),
    [
        (
            Hypernetwork(name="anime", strength=0.5),
            "HypernetworkLoader",
            {"hypernetwork_name": "anime.pt", "strength": 0.5},
        ),
        (TokenMerging(ratio=0.4), "TomePatchModel", {"ratio": 0.4}),
        (
            HyperTile(unet=True, unet_tile=128, unet_swap=2, unet_depth=1),
            "HyperTile",
            {"tile_size": 128, "swap_size": 2, "max_depth": 1},
        ),
        (FreeU(b1=1.3, s2=0.4), "FreeU_V2", {"b1": 1.3, "b2": 1.02, "s1": 0.99, "s2": 0.4}),
        (SelfAttentionGuidance(scale=0.7), "SelfAttentionGuidance", {"scale": 0.7, "blur_sigma": 2.0}),
        (PerturbedAttention(scale=2.5), "PerturbedAttentionGuidance", {"scale": 2.5}),
        (
            DeepShrink(block_number=4, downscale_after_skip=False),
            "PatchModelAddDownscale",
            {"block_number": 4, "downscale_factor": 2.0, "end_percent": 0.35, "downscale_after_skip": False},
        ),
    ],
)
def test_patches_are_nodes_on_the_model(patch: TokenMerging, class_type: str, inputs: dict) -> None:
    ops = (PatchModel(id="patch1", model="checkpoint.model", patch=patch), sample("sample", model="patch1"))
    graph = graph_of(picture(*ops))
    assert refusals(graph) == []
    assert only(graph, class_type) | inputs == only(graph, class_type)


@pytest.mark.parametrize("patch", [HyperTile(vae=True), TokenMerging(hires=0.5), Tiling()])
def test_patches_without_a_node_change_nothing(patch: TokenMerging) -> None:
    ops = (PatchModel(id="patch1", model="checkpoint.model", patch=patch), sample("sample", model="patch1"))
    assert only(graph_of(picture(*ops)), "KSampler")["model"] == ["1", 0]


@pytest.mark.parametrize(
    ("model", "modules", "kind", "latent"),
    [
        ("Chroma1-HD", "Module 1: ae, Module 2: t5xxl_fp16", "chroma", "EmptySD3LatentImage"),
        ("z_image_turbo_bf16", "Module 1: ae, Module 2: qwen_3_4b", "lumina2", "EmptySD3LatentImage"),
        ("qwen_image_fp8", "Module 1: qwen_image_vae, Module 2: qwen_2.5_vl_7b", "qwen_image", "EmptySD3LatentImage"),
    ],
)
def test_a_family_has_its_own_loaders_and_latents(model: str, modules: str, kind: str, latent: str) -> None:
    text = (
        f"a cat\nSteps: 8, Sampler: Euler, CFG scale: 1, Seed: 1, Size: 1024x1024, Model: {model}, {modules}, Shift: 3"
    )
    nodes = json.loads(paramc.convert(text, "comfyui").text).values()
    values = {node["class_type"]: node["inputs"] for node in nodes}
    assert values["CLIPLoader"]["type"] == kind
    assert values["ModelSamplingAuraFlow"]["shift"] == 3.0
    assert latent in values


def test_encoders_that_are_not_named_have_their_usual_files() -> None:
    text = "a cat\nSteps: 28, Sampler: Euler, CFG scale: 5, Seed: 1, Size: 1024x1024, Model: hidream_i1_full_fp8, Module 1: ae, Module 2: clip_l_hidream"
    made = json.loads(paramc.convert(text, "comfyui").text)
    encoders = only(made, "QuadrupleCLIPLoader")
    assert [name.split("_")[0] for name in encoders.values()] == ["clip", "clip", "t5xxl", "llama"]
    assert "EmptySD3LatentImage" in {node["class_type"] for node in made.values()}


def test_a_family_without_nodes_of_its_own_is_not_called_exact() -> None:
    settings = (
        "a cat\nSteps: 8, Sampler: Euler, CFG scale: 1, Seed: 1, Size: 1024x1024, Model: PixArt-Sigma-XL-2-1024-MS"
    )
    fates = {fate.key: fate.grade for fate in paramc.convert(settings, "comfyui").report.fates}
    assert (fates["Model"], fates["Size"]) == ("approximate", "approximate")


def test_a_family_that_is_newer_than_the_server_has_its_nodes_and_says_so() -> None:
    """As the published workflow of FLUX.2 has them; its schedule is one that no other model has."""
    settings = "a cat\nSteps: 8, Sampler: Euler, CFG scale: 1, Seed: 1, Size: 1024x768, Model: flux2_dev_fp8mixed"
    files = [{"name": "mistral_3_small_flux2_fp8"}, {"name": "flux2-vae"}]
    asked = paramc.parse(settings).replace(sampling__schedule="unknown:Flux2Scheduler", assets__modules=files)
    written = paramc.compile(asked, "comfyui")
    made = json.loads(written.text)
    assert only(made, "CLIPLoader") == {"clip_name": "mistral_3_small_flux2_fp8.safetensors", "type": "flux2"}
    assert only(made, "EmptyFlux2LatentImage") == {"width": 1024, "height": 768, "batch_size": 1}
    assert only(made, "Flux2Scheduler") == {"steps": 8, "width": 1024, "height": 768}
    told = [item.message for item in written.diagnostics if item.code == "PC859"]
    assert [message.split("`")[1] for message in told] == ["flux2", "EmptyFlux2LatentImage", "Flux2Scheduler"]
