"""Any plan is a graph that ComfyUI accepts: plans are drawn from the IR, graphs checked against its recorded nodes."""

import json
from collections import Counter
from typing import Any

from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from paramc.backends.graph import emit, verify
from paramc.backends.registry import choices, find_target
from paramc.backends.report import Report
from paramc.ir.assets import AssetRef, Assets, ImageRef
from paramc.ir.geometry import Size
from paramc.ir.job import Batch, Job
from paramc.ir.names import samplers, schedules
from paramc.ir.plan import (
    ApplyNetwork,
    Combine,
    Decode,
    EmptyLatent,
    Encode,
    EncodeImage,
    LoadCheckpoint,
    LoadImage,
    LoadParts,
    LoadVae,
    MakeNoise,
    Op,
    Plan,
    ResizeLatent,
    Run,
    Sample,
    Save,
    Sigmas,
    Slice,
    UpscaleImage,
    Variant,
)
from paramc.ir.stages import Refiner
from tests.unit.backends.graph.server import refusals

COMFYUI = find_target("comfyui")
EXAMPLES = 250
ROUNDS = 5  # of drawing for the census: what is drawn in one of them is alike

words = st.text(max_size=8)
numbers = st.one_of(st.sampled_from([0.0, 1.0, -1.0, 7.5, 0.5, 1e12, float("inf"), float("nan")]), st.floats(0, 30))
names = st.one_of(st.none(), st.sampled_from(["dream", "a/b.ckpt", "ae", "clip_l", "t5xxl", '夢 "x"']), words)
assets = st.builds(AssetRef, name=names)
sizes = st.builds(Size, st.integers(0, 20_000), st.integers(0, 20_000))
runs = st.lists(
    st.one_of(st.builds(Run, text=words, weight=st.floats(-2, 2)), st.just(Run(text="", breaks=True))), max_size=4
).map(tuple)
files = st.builds(AssetRef, name=st.sampled_from(["ae", "clip_l", "clip_g", "t5xxl", None]))
in_parts = tuple(AssetRef(name=name) for name in ("ae", "clip_l", "t5xxl"))
modules = st.one_of(st.just(in_parts), st.lists(files, max_size=5).map(tuple))
seeds = st.one_of(st.none(), st.integers(-9, 2**70))
generators: st.SearchStrategy[Any] = st.sampled_from(["cpu", "cuda", "philox"])
loads: st.SearchStrategy[Op] = st.one_of(
    st.builds(LoadCheckpoint, id=st.just("checkpoint"), asset=assets),
    st.builds(LoadParts, id=st.just("checkpoint"), asset=assets, encoders=modules),
)
layers = st.integers(-30, -1)
emphases = st.sampled_from(["original", "none", "comfy"])


@st.composite
def encodes(draw: st.DrawFn, name: str) -> Encode:
    """One text, or several that follow each other."""
    lasts = sorted(draw(st.sets(st.integers(0, 40), min_size=1, max_size=4)))
    variants = tuple(Variant(last_call=last, text=draw(words), runs=draw(runs)) for last in lasts)
    return Encode(
        id=name,
        clip="checkpoint.clip",
        variants=variants,
        layer=draw(layers),
        emphasis=draw(emphases),
        negative=name.startswith("negative"),
    )


@st.composite
def conditionings(draw: st.DrawFn, name: str) -> tuple[list[Op], str]:
    """The ops of a prompt and the id of its conditioning; positive ones may be several at once."""
    count = draw(st.integers(1, 3)) if name.startswith("positive") else 1
    parts: list[Op] = [draw(encodes(f"{name}{index}")) for index in range(count)]
    if count == 1:
        return parts, parts[0].id
    weights = tuple(draw(st.lists(st.floats(-2, 2), min_size=count, max_size=count)))
    whole = Combine(id=f"{name}_and", inputs=tuple(op.id for op in parts), weights=weights)
    return [*parts, whole], whole.id


@st.composite
def passes(draw: st.DrawFn, name: str, latent: str, model: str, refined: bool) -> list[Op]:
    """The ops of one sampling pass."""
    positive, towards = draw(conditionings(f"positive_{name}"))
    negative, against = draw(conditionings(f"negative_{name}"))
    steps = draw(st.one_of(st.integers(1, 40), st.sampled_from([0, 20_000])))
    sigmas = Sigmas(
        id=f"sigmas_{name}",
        model=model,
        schedule=draw(st.sampled_from([*schedules(), "unknown:odd"])),
        steps=steps,
        sigma_min=draw(st.sampled_from([0.0, 0.1, -1.0])),
        sigma_max=draw(st.sampled_from([0.0, 0.0, 0.0, 10.0, 1e9])),
        rho=draw(st.sampled_from([0.0, 7.0, 3.0, 1e-9])),
        beta_alpha=draw(st.sampled_from([0.6, 0.5])),
        drops_penultimate=draw(st.booleans()),
        shift=draw(st.sampled_from([None, 3.0, -1.0])),
    )
    ops: list[Op] = [*positive, *negative, sigmas]
    if draw(st.booleans()):
        start = draw(st.just(0) | st.integers(0, max(steps - 1, 0)))
        ops.append(Slice(id=f"tail_{name}", sigmas=sigmas.id, start=start, strength=draw(st.floats(0, 1))))
    return [
        *ops,
        Sample(
            id=name,
            model=model,
            positive=towards,
            negative=against,
            latent=latent,
            noise="noise",
            sigmas=ops[-1].id,
            sampler=draw(st.sampled_from([*samplers(), "unknown:odd"])),
            cfg_scale=draw(numbers),
            distilled_cfg_scale=draw(st.sampled_from([3.5, None, 1e9, float("nan")])),
            cfg_rescale=draw(st.sampled_from([0.0, 0.7])),
            eta=draw(st.sampled_from([None, 0.0, 1.0, 0.3])),
            s_noise=draw(st.sampled_from([1.0, 1.1])),
            flags=draw(st.sampled_from([(), ("zero_terminal_snr",)])),
            refined_by="refiner.model" if refined else None,
            switch_at=draw(st.floats(0, 1)) if refined else None,
        ),
    ]


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """One or two passes on nothing or on a picture, with loaders, networks and enlargement of every kind."""
    ops: list[Op] = [draw(loads)]
    model, vae, refined = "checkpoint.model", "checkpoint.vae", draw(st.booleans())
    if draw(st.booleans()):
        ops.append(LoadVae(id="vae", asset=draw(assets)))
        vae = "vae.vae"
    if refined:
        ops.append(LoadCheckpoint(id="refiner", asset=draw(assets)))
    for index in range(draw(st.integers(0, 2))):
        kind, weight = draw(st.sampled_from(["lora", "hypernet", "odd"])), draw(numbers)
        network = ApplyNetwork(
            id=f"network{index}", model=model, clip="checkpoint.clip", kind=kind, asset=draw(assets),
            model_strength=weight, clip_strength=weight,
        )  # fmt: skip
        ops.append(network)
        model = f"network{index}.model"
    ops.append(
        MakeNoise(id="noise", seed=draw(st.one_of(st.none(), st.integers(-9, 2**70))), generator=draw(generators))
    )
    ops += draw(starts(vae))
    ops += draw(passes("sample", "latent", model, refined))
    latent = "sample"
    if draw(st.booleans()):
        ops += draw(between(vae))
        ops += draw(passes("sample_hires", "enlarged", model, refined))
        latent = "sample_hires"
    ops += [Decode(id="decode", latent=latent, vae=vae), Save(id="save", image="decode")]
    base = draw(st.sampled_from(["sd1", "flux", "sdxl", "sd3", "sd1", "flux", "sd2", "other"]))
    return Plan(family=base, base=base, ops=tuple(ops))


@st.composite
def starts(draw: st.DrawFn, vae: str) -> list[Op]:
    """Zeros, or a picture."""
    size, batch = draw(sizes), draw(st.integers(1, 5000))
    if draw(st.booleans()):
        return [EmptyLatent(id="latent", size=size, batch=batch)]
    resize: Any = draw(st.sampled_from(["stretch", "crop", "pad", "latent"]))
    load = LoadImage(
        id="image", image=ImageRef(path=draw(names)), size=draw(st.one_of(st.none(), sizes)), resize=resize
    )
    return [load, EncodeImage(id="latent", image="image", vae=vae, batch=batch)]


@st.composite
def between(draw: st.DrawFn, vae: str) -> list[Op]:
    """The first pass enlarged, as latent or as picture."""
    size, cut = draw(sizes), draw(sizes)
    if draw(st.booleans()):
        method = draw(st.sampled_from(["bilinear", "nearest", "odd"]))
        return [
            ResizeLatent(
                id="enlarged", latent="sample", method=method, size=size, crop_to=draw(st.sampled_from([size, cut]))
            )
        ]
    upscaler = draw(st.sampled_from(["model:4x-UltraSharp", "model:4x-UltraSharp", "image:lanczos", "none", "odd"]))
    return [
        Decode(id="first", latent="sample", vae=vae),
        UpscaleImage(
            id="up", image="first", upscaler=upscaler, size=draw(st.sampled_from([None, size])),
            scale=draw(st.sampled_from([None, 1.5])), crop_to=draw(st.sampled_from([None, cut])),
        ),
        EncodeImage(id="enlarged", image="up", vae=vae),
    ]  # fmt: skip


jobs = st.builds(
    Job,
    batch=st.builds(Batch, size=st.just(2), position=st.sampled_from([None, 1])),
    assets=st.builds(Assets, embeddings=st.lists(assets, max_size=2).map(tuple)),
    stages=st.sampled_from([(), (Refiner(counts_steps=True),)]),
)
forms = st.sampled_from(["ksampler", "faithful"])


@settings(max_examples=EXAMPLES, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(jobs, plans(), forms, words)
def test_any_plan_is_a_graph_that_the_server_accepts(job: Job, plan: Plan, form: str, prefix: str) -> None:
    chosen = choices(COMFYUI, {"form": form, "filename_prefix": prefix})
    files = emit(job, plan, COMFYUI, chosen, Report("comfyui", ()))
    graph = json.loads(files[0].text)
    assert refusals(graph) == []
    assert verify(job, COMFYUI, files) == ()
    assert emit(job, plan, COMFYUI, chosen, Report("comfyui", ())) == files
    assert list(graph) == [str(number + 1) for number in range(len(graph))]


def test_the_plans_of_these_tests_are_of_every_kind() -> None:
    """A census: each sampler form, loader and way of enlarging in at least 2 % of the graphs."""
    seen: Counter[str] = Counter()

    def count(job: Job, plan: Plan, form: str) -> None:
        (file,) = emit(job, plan, COMFYUI, choices(COMFYUI, {"form": form}), Report("comfyui", ()))
        seen.update({node["class_type"] for node in json.loads(file.text).values()})

    few = settings(max_examples=EXAMPLES // ROUNDS, database=None, suppress_health_check=list(HealthCheck))
    for start in range(ROUNDS):
        seed(start)(few(given(jobs, plans(), forms)(count)))()
    kinds = [
        "KSampler", "KSamplerAdvanced", "SamplerCustomAdvanced", "SplitSigmas", "SetFirstSigma", "UNETLoader",
        "DualCLIPLoader", "CheckpointLoaderSimple", "VAELoader", "LoraLoader", "HypernetworkLoader", "LatentUpscale",
        "LatentCrop", "ImageScale", "ImageUpscaleWithModel", "ConditioningCombine", "ConditioningConcat",
        "ConditioningSetTimestepRange", "ConditioningSetAreaStrength", "FluxGuidance", "CLIPSetLastLayer", "LoadImage",
    ]  # fmt: skip
    assert [kind for kind in kinds if seen[kind] < EXAMPLES / 50] == []
