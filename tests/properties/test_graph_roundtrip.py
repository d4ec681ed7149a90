"""A job that speaks ComfyUI's language comes back from its graph as it was."""

from collections import Counter
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

import paramc
from paramc.backends.registry import find_target
from paramc.ir.assets import AssetRef, Assets, ImageRef
from paramc.ir.control import ControlNet, ExtraNetwork, Hypernetwork, HyperTile, PromptArea, TokenMerging
from paramc.ir.geometry import Size
from paramc.ir.job import Batch, Job, Producer, Text
from paramc.ir.names import samplers, schedules
from paramc.ir.paths import leaves
from paramc.ir.prompt import Prompt
from paramc.ir.sampling import Noise, Sampling
from paramc.ir.stages import (
    Further,
    Hires,
    ImageToImage,
    Inpaint,
    PostUpscale,
    Refiner,
    SoftInpainting,
    Stage,
    TextToImage,
)

COMFYUI = find_target("comfyui")
EXAMPLES = 120
CENSUS = 1000
# Names that are written as another one, which means the same to the server or stands in.
OTHER_WORDS = {"automatic", "uniform", "turbo", "beta", "polyexponential", "align_your_steps_11", "align_your_steps_32"}
SAMPLERS = [name for name in samplers() if COMFYUI.answers[f"sampler.{name}"].grade in ("exact", "close")]
SCHEDULES = [name for name in schedules() if name not in OTHER_WORDS | {"align_your_steps_gits", "kl_optimal"}]
LATENT = ["latent:bilinear", "latent:nearest_exact", "latent:bicubic", "latent:area", "latent:bislerp"]

one_of = st.sampled_from
texts: st.SearchStrategy[Prompt] = one_of(["", "a cat", "(a:1.2) b", r"\(x\) [y] BREAK", "é AND c\n<lora:x:1>"]).map(
    Prompt.model_validate
)
seeds = st.integers(1000, 2**64 - 1)
strengths = one_of([0.3, 0.5, 0.65, 0.75]) | st.integers(1, 99).map(lambda percent: percent / 100)
pictures = st.just(ImageRef(path="in.png"))


def assets(name: str) -> AssetRef:
    return AssetRef(name=name)


files = one_of(["dream", "sub/x", "old.ckpt"]).map(assets)
sizes: list[dict[str, Any]] = [{"scale": 1.5}, {"scale": 2.0}, {"size": Size(1016, 1024)}]


@st.composite
def second_passes(draw: st.DrawFn) -> Hires:
    """Another size and strength at least; texts and seed of its own now and then."""
    return Hires(
        upscaler=draw(one_of([*LATENT, "model:4x-UltraSharp", "image:lanczos", "image:nearest"])),
        strength=draw(strengths),
        seed=draw(st.none() | st.integers(0, 999)),  # that of the first pass goes without saying
        cfg_scale=draw(one_of([None, 5.0])),
        sampler=draw(one_of([None, "heun"])),
        schedule=draw(one_of([None, "sgm_uniform"])),
        steps=draw(one_of([None, 12])),
        checkpoint=draw(one_of([None, assets("second")])),
        prompt=draw(one_of([None, Prompt.model_validate("of its own")])),
        negative=draw(one_of([None, Prompt.model_validate("not this")])),
        **draw(one_of(sizes)),
    )


@st.composite
def further_passes(draw: st.DrawFn) -> Further:
    """One more: over what was enlarged, on the rest of some steps, or on all of them again."""
    part: dict[str, Any] = draw(
        one_of(
            [
                {"strength": 0.4},
                {"strength": 0.65, "steps": 12},
                {"strength": 0.4, "adds_noise": False},
                {"strength": 0.5, "first_step": 4, "last_step": 12, "leaves_noise": True},
                {"first_step": 8},
                {"first_step": 8, "last_step": 15, "leaves_noise": True},
                {"first_step": 8, "adds_noise": False},
                {"last_step": 9, "steps": 14},
            ]
        )
    )
    grown: dict[str, Any] = draw(
        one_of(
            [
                {},
                *({"upscaler": upscaler, "scale": 1.5} for upscaler in (*LATENT, "image:area")),
                {"upscaler": "latent:bicubic", "size": Size(1280, 1024)},
                {"upscaler": "model:4x-UltraSharp", "scale": 2.0, "resampling": draw(one_of([None, "area"]))},
                {"upscaler": "model:4x-UltraSharp", "scale": 3.0},
                {"upscaler": "model:2x-Small", "scale": 2.0},
                {"upscaler": "model:of no known factor"},
            ]
        )
    )
    partly = "strength" in part and ("adds_noise" in part or "first_step" in part)  # only some nodes can say both
    return Further(
        **part,
        **grown,
        seed=draw(st.none() | st.integers(0, 999)),
        cfg_scale=draw(one_of([None, 5.0])),
        sampler="heun" if partly else draw(one_of([None, "heun"])),
        schedule="sgm_uniform" if "first_step" in part and partly else draw(one_of([None, "sgm_uniform"])),
        checkpoint=draw(one_of([None, assets("third")])),
        prompt=draw(one_of([None, Prompt.model_validate("of its own")])),
        negative=draw(one_of([None, Prompt.model_validate("not this")])),
    )


refiners = st.builds(
    Refiner,
    checkpoint=st.just(assets("refiner")),
    switch_at=one_of([0.6, 0.8]),
    counts_steps=st.just(True),
    seed=one_of([None, None, 7, 999]),
)
networks = st.lists(
    st.builds(
        ExtraNetwork, model=one_of(["one", "two"]).map(assets), unet=one_of([1.0, 0.5]), text_encoder=one_of([0.0, 0.7])
    ),
    max_size=3,
).map(lambda items: [item.model_copy(update={"unit": number + 1}) for number, item in enumerate(items)])
others = st.lists(
    one_of([Hypernetwork(name="hyper", strength=0.7), TokenMerging(ratio=0.5), HyperTile(unet=True, unet_tile=128)]),
    max_size=2,
    unique_by=lambda patch: patch.kind,
)  # fmt: skip
units = st.lists(
    st.builds(
        ControlNet,
        model=st.just(assets("canny")),
        image=st.just(ImageRef(path="c.png")),
        weight=one_of([1.0, 0.6]),
        start=one_of([0.0, 0.2]),
        end=one_of([1.0, 0.7]),
    ),
    max_size=2,
).map(lambda items: tuple(item.model_copy(update={"unit": number}) for number, item in enumerate(items)))
tasks = st.one_of(
    st.builds(ImageToImage, init=pictures, strength=strengths, resize=one_of(["stretch", "crop"]), exact_steps=one_of([True, True, False])),
    st.builds(Inpaint, init=pictures, strength=strengths, mask=st.just(ImageRef(path="m.png")), mask_blur=one_of([0.0, 4.0]), inverts_mask=st.booleans(), fill=one_of(["original", "original", "fill", "latent_nothing"]), soft=one_of([None, SoftInpainting()])),
)  # fmt: skip


@st.composite
def samplings(draw: st.DrawFn) -> Sampling:
    """Sampler and schedule with the numbers that nodes of their own take."""
    sampler, schedule = draw(one_of(SAMPLERS)), draw(one_of(SCHEDULES))
    numbers: dict[str, Any] = {}
    if sampler in STOCHASTIC and draw(st.booleans()):
        numbers |= {"eta": draw(one_of([0.5, 0.7])), "s_noise": draw(one_of([1.0, 1.003]))}
    if schedule in ("karras", "exponential") and draw(st.booleans()):
        numbers |= {"sigma_min": 0.05, "sigma_max": 12.0}
    return Sampling(
        sampler=sampler,
        schedule=schedule,
        steps=draw(one_of([20, 25, 40]) | st.integers(16, 60)),
        cfg_scale=draw(one_of([1.0, 7.0, 7.5])),
        cfg_rescale=draw(one_of([0.0, 0.7])),
        **numbers,
    )


STOCHASTIC = ("euler_ancestral", "dpmpp_2s_ancestral", "dpmpp_sde", "dpmpp_2m_sde", "dpmpp_2m_sde_heun")
enlargements = one_of(
    [PostUpscale(upscaler="model:4x-UltraSharp"), PostUpscale(upscaler="image:lanczos", scale=2.0)]
)  # fmt: skip


areas = st.builds(
    PromptArea,
    strength=one_of([1.0, 0.8, 1.5]),
    x=one_of([0.0, 64.0]),
    y=one_of([0.0, 128.0]),
    width=one_of([64.0, 256.0]),
    height=one_of([128.0, 512.0]),
) | st.builds(
    PromptArea,
    unit=st.just("share"),
    x=one_of([0.0, 0.25]),
    width=one_of([0.5, 1.0]),
    height=one_of([0.3, 1.0]),
    mask=one_of([None, ImageRef(path="where.png")]),
) | st.builds(
    PromptArea,
    mask=st.just(ImageRef(path="where.png")),
    mask_channel=one_of(["red", "alpha"]),
    inverts_mask=st.booleans(),
    mask_strength=one_of([1.0, 0.5]),
    fits_mask=st.booleans(),
    strength=one_of([1.0, 0.5]),
)  # fmt: skip


@st.composite
def placed(draw: st.DrawFn, job: Job) -> Job:
    """The same, with one to four prompts that count in places of their own."""
    own = [one.model_copy(update={"branch": number}) for number, one in enumerate(draw(st.lists(areas, max_size=4)))]
    if not own:
        return job
    patches = (*job.patches, *own)
    if len(own) == 1:
        return job.model_copy(update={"patches": patches})
    share = round(1 / len(own), 6)
    prompt = " AND ".join(f"{word} :{share:g}" for word in "abcd"[: len(own)])
    text = job.text.model_copy(update={"language": "a1111"})
    texts = {"prompt": Prompt.model_validate(prompt), "negative": Prompt.model_validate("plain")}
    stages = tuple(stage.model_copy(update=_untold(stage)) for stage in job.stages)
    return job.model_copy(update={"patches": patches, "text": text, "stages": stages, **texts})


def _untold(stage: Stage) -> dict[str, None]:
    """Without texts of its own."""
    return {name: None for name in ("prompt", "negative") if name in type(stage).model_fields}


@st.composite
def jobs(draw: st.DrawFn) -> Job:
    """Jobs that a graph can say in full."""
    later = draw(one_of(["none", "none", "hires", "refiner", "parts", "picture", "picture", "picture"]))
    sampling = draw(samplings())
    kinds = {"hires": second_passes(), "refiner": refiners}
    stages: list[Stage] = [_telling(draw(kinds[later]), sampling)] if later in kinds else []
    task = draw(tasks) if later == "picture" else TextToImage()
    if later in ("hires", "picture"):
        stages += [_telling(stage, sampling) for stage in draw(st.lists(further_passes(), max_size=3))]
    if later == "none":
        sampling = sampling.model_copy(update={"share": draw(strengths)})
    if later == "parts":  # one pass in two pieces that are guided in their own ways
        sampling = sampling.model_copy(update={"last_step": 8, "leaves_noise": True})
        stages += [Further(adds_noise=False, first_step=8, cfg_scale=3.0, seed=draw(st.none() | st.integers(0, 999)))]
    vae = draw(one_of([None, "vae-ft-mse"]))
    job = Job(
        task=task,
        prompt=draw(texts),
        negative=draw(texts),
        size=Size(draw(one_of([512, 640, 1024])), draw(one_of([512, 768]))),
        batch=Batch(size=draw(one_of([1, 1, 4]))),
        assets=Assets(checkpoint=draw(files), vae=None if vae is None else assets(vae)),
        text=Text(language="comfyui", emphasis="comfy", layer=draw(one_of([-1, -2]))),
        sampling=sampling,
        noise=Noise(seed=draw(seeds), generator="cpu", scales_by_vp=True),
        stages=(*stages, *draw(st.lists(enlargements, max_size=1))),
        producer=Producer(dialect="comfyui"),
        controls=draw(units),
        patches=(*draw(networks), *sorted(draw(others), key=lambda patch: ORDER.index(patch.kind))),
    )
    return draw(placed(job))


def _telling(stage: Hires | Refiner | Further, sampling: Sampling) -> Stage:
    """A later pass says nothing again that the first one says."""
    if isinstance(stage, Refiner):
        return stage
    same = {name: None for name in ("sampler", "schedule") if getattr(stage, name) == getattr(sampling, name)}
    return stage.model_copy(update=same)


ORDER = ("token_merging", "hypernetwork", "hypertile")


def said(job: Job) -> dict[str, object]:
    """What a job says, but for who made it; of a strength that nodes count steps for, the steps."""
    told = {path: value for path, value in leaves(job) if not path.startswith("producer.")}
    steps = job.sampling.steps or 0
    if isinstance(job.task, ImageToImage | Inpaint) and not job.task.exact_steps:
        told["task.strength"] = int(min(job.task.strength or 0.0, 0.999) * steps)
    if is_parted(job):
        strengths = {path: value for path, value in told.items() if path.endswith((".strength", ".share"))}
        told |= {path: int(steps / share) for path, share in strengths.items() if isinstance(share, float) and share}
    return told


def is_parted(job: Job) -> bool:
    """Do nodes make the whole schedule, of which another one takes a part?"""
    return job.sampling.schedule in ("align_your_steps", "ddim") or job.sampling.sigma_max > 0


@given(jobs())
@settings(max_examples=EXAMPLES)
def test_a_job_comes_back_from_its_graph(job: Job) -> None:
    written = paramc.compile(job, "comfyui")
    lost = {path for fate in written.report.fates if fate.grade == "dropped" for path in fate.paths}
    back = paramc.parse(written.files[0].text)
    assert {path: value for path, value in said(back).items() if path not in lost} == {
        path: value for path, value in said(job).items() if path not in lost
    }


@given(jobs())
@settings(max_examples=EXAMPLES // 4)
def test_a_job_comes_back_from_its_graph_for_the_editor(job: Job) -> None:
    """As it does from that for the server."""
    queued, drawn = (paramc.compile(job, "comfyui", options={"form": form}) for form in ("ksampler", "ui"))
    assert said(paramc.parse(drawn.files[0].text)) == said(paramc.parse(queued.files[0].text))


@given(jobs())
@settings(max_examples=EXAMPLES // 4)
def test_a_graph_that_was_read_is_written_again_node_by_node(job: Job) -> None:
    first = paramc.compile(job, "comfyui").files[0].text
    assert paramc.compile(paramc.parse(first), "comfyui").files[0].text == first


def test_every_kind_of_job_is_drawn() -> None:
    seen: Counter[str] = Counter()

    @given(jobs())
    @settings(max_examples=CENSUS)
    def count(job: Job) -> None:
        if isinstance(job.task, Inpaint):
            seen.update({f"fill {job.task.fill}", f"soft {job.task.soft is not None}"})
        if isinstance(job.task, ImageToImage) and job.task.exact_steps:
            seen.update({f"exact steps of {'parted' if is_parted(job) else 'plain'} levels"})
        if job.refiner:
            seen.update({f"refiner seed {job.refiner.seed is not None}"})
        for stage in job.stages:
            if isinstance(stage, Further):
                begins = "noise" if stage.adds_noise else "none"
                seen.update({f"further {stage.upscaler}", f"further from {stage.first_step} with {begins}"})
        if job.sampling.share < 1:
            seen.update({f"share of {'parted' if is_parted(job) else 'plain'} levels"})
        seen.update({job.task.kind, *(f"stage {stage.kind}" for stage in job.stages)})
        seen.update({f"patch {patch.kind}" for patch in job.patches})
        seen.update({f"{len(job.controls)} units"})
        seen.update({str(job.sampling.schedule), f"batch {job.batch.size}", f"layer {job.text.layer}"})

    count()
    rare = {name: number for name, number in seen.items() if number < CENSUS * 0.02}
    assert rare == {}
    assert {"image_to_image", "inpaint", "stage hires", "stage refiner", "patch extra_network", "karras"} <= set(seen)
