"""One Plan, three backends: script and graph describe the operations that the runner does, but for what the report says."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

import paramc
from paramc.backends.report import Report
from paramc.ir.assets import AssetRef, Assets, ImageRef
from paramc.ir.family import Family
from paramc.ir.geometry import Size
from paramc.ir.job import Batch, Job, Producer, Text
from paramc.ir.paths import leaves
from paramc.ir.plan import (
    ApplyNetwork,
    Combine,
    EmptyLatent,
    LoadCheckpoint,
    LoadVae,
    MakeNoise,
    MaskLatent,
    Plan,
    ResizeLatent,
    Sample,
    Sigmas,
    Slice,
    UpscaleImage,
)
from paramc.ir.prompt import Prompt
from paramc.ir.sampling import Noise, Sampling
from paramc.ir.stages import Hires, ImageToImage, Inpaint, Refiner, TextToImage

EXAMPLES = 60
CENSUS = 1000
KEPT = ("exact", "inert")
SEED = "noise.seed"
one_of = st.sampled_from

prompts = one_of(
    [
        "a cat",
        "a (cat:1.2), [fog]",
        "sea BREAK sky",
        "a cat AND fog :1.5",
        "a [dog:fox:0.5]",
        "a [dog|fox]",
        "a cat <lora:detail:0.8>",
        "a cat <lora:detail:0.8:0.3>",
    ]
).map(Prompt.model_validate)
pictures = st.just(ImageRef(path="in.png"))
tasks = st.one_of(
    st.builds(ImageToImage, init=pictures, strength=one_of([0.3, 0.75, 1.0]), resize=one_of(["stretch", "crop"])),
    st.builds(Inpaint, init=pictures, strength=one_of([0.5, 0.75]), mask=st.just(ImageRef(path="m.png"))),
)
stages = st.one_of(
    st.builds(
        Hires,
        upscaler=one_of(["latent:bilinear", "latent:nearest_exact", "image:lanczos"]),
        scale=one_of([1.5, 2.0]),
        steps=one_of([None, 10]),
        strength=one_of([0.5, 0.7]),
        sampler=one_of([None, "euler"]),
    ),
    st.builds(Refiner, checkpoint=st.just(AssetRef(name="refiner")), switch_at=one_of([0.5, 0.8])),
)


@st.composite
def jobs(draw: st.DrawFn) -> Job:
    """Jobs of A1111 of every kind that all three can say something of."""
    later = draw(one_of(["nothing", "stage", "picture"]))
    vae = draw(one_of([None, "vae-ft-mse"]))
    return Job(
        producer=Producer(dialect="a1111", version=(1, 10, 1, 0, 0)),
        family=Family(name="sd1", base="sd1"),
        task=draw(tasks) if later == "picture" else TextToImage(),
        prompt=draw(prompts),
        negative=draw(one_of(["", "blurry"]).map(Prompt.model_validate)),
        size=Size(draw(one_of([512, 640])), 512),
        batch=Batch(size=draw(one_of([1, 1, 2]))),
        assets=Assets(checkpoint=AssetRef(name="dream"), vae=vae and AssetRef(name=vae)),
        text=Text(layer=draw(one_of([-1, -2]))),
        sampling=Sampling(
            sampler=draw(one_of(["euler", "euler_ancestral", "dpmpp_2m", "dpmpp_sde", "heun", "dpm_2", "ddim", "lms"])),
            schedule=draw(one_of(["automatic", "karras", "exponential", "sgm_uniform", "simple"])),
            steps=draw(one_of([20, 30])),
            cfg_scale=draw(one_of([1.0, 7.0])),
        ),
        noise=Noise(seed=draw(st.integers(1, 2**32)), generator=draw(one_of(["cpu", "cuda"]))),
        stages=(draw(stages),) if later == "stage" else (),
    )


Fact = tuple[str, object, tuple[str, ...]]  # what it is called, its value, and the settings that ask for it


def operations(plan: Plan) -> Iterator[Fact]:
    """The facts of a Plan, op by op; ids and wires are named by the kinds of the ops."""
    numbers: Counter[str] = Counter()
    for op in plan.ops:
        numbers[op.op] += 1
        name = f"{op.op}{numbers[op.op]}"
        hires = "stages.hires" if "hires" in op.id else ""
        for field, value, paths in _facts(op, plan):
            yield f"{name}.{field}", value, (*paths, *([hires] if hires else []))


def _facts(op: Any, plan: Plan) -> Iterator[Fact]:
    match op:
        case LoadCheckpoint() | LoadVae():
            yield "file", op.asset.name, ("assets.checkpoint.name", "assets.vae.name", "stages.refiner")
        case ApplyNetwork():
            yield "strengths", (op.asset.name, op.model_strength, op.clip_strength), ("prompt",)
        case EmptyLatent():
            yield "room", (op.size, op.batch), ("size", "batch.size")
        case MakeNoise():
            yield "seed", op.seed, (SEED,)
            yield "source", op.generator, ("noise.generator", SEED)
            yield "later", (op.multiplier, op.extra, op.delta, op.variation), ("noise",)
        case Sigmas():
            asked = ("sampling.schedule", "sampling.sampler")
            yield "schedule", op.schedule, asked
            yield "steps", (op.steps, op.drops_penultimate), ("sampling.steps", "task.strength", *asked)
        case Slice():
            yield "part", (op.start, op.end, op.lengthens), ("task.strength", "sampling.sampler")
        case Sample():
            yield "positive", _said(op.positive, plan), ("prompt", "text.layer")
            yield "negative", _said(op.negative, plan), ("negative", "text.layer")
            yield "sampler", op.sampler, ("sampling.sampler", "sampling.schedule")
            yield "cfg", op.cfg_scale, ("sampling.cfg_scale", "prompt")
            yield "switch", op.switch_at and round(op.switch_at, 2), ("stages.refiner", "sampling.schedule")
        case MaskLatent():
            yield "mask", (op.mask.path, op.blur, op.inverts, op.fill, op.area), ("task",)
        case ResizeLatent():
            yield "method", (op.method, op.size, op.crop_to), ("stages.hires",)
        case UpscaleImage():
            yield "upscaler", (op.upscaler, op.size, op.crop_to), ("stages.hires",)
        case _:
            return


def _said(name: str, plan: Plan) -> Any:
    """What a conditioning says: layer and texts, with the last call of each where there are several."""
    op: Any = next(each for each in plan.ops if each.id == name.partition(".")[0])
    if isinstance(op, Combine):
        return tuple((_said(part, plan), weight) for part, weight in zip(op.inputs, op.weights, strict=True))
    texts = tuple((each.last_call if op.switches else 0, _weighed(each.runs)) for each in op.variants)
    return op.layer, texts


def _weighed(runs: Any) -> tuple[tuple[str, float], ...]:
    """Texts with their weights, without what spacing there is at their borders."""
    pieces: list[tuple[str, float]] = []
    for run in runs:
        text = "BREAK" if run.breaks else run.text
        if pieces and pieces[-1][1] == run.weight:
            pieces[-1] = (f"{pieces[-1][0]} {text}", run.weight)
        else:
            pieces.append((text, run.weight))
    spaced = ((" ".join(text.split()), weight) for text, weight in pieces)
    return tuple((text, weight) for text, weight in spaced if text)


def losses(report: Report) -> tuple[str, ...]:
    """The settings that the report does not call kept."""
    return tuple(path for fate in report.fates if fate.grade not in KEPT for path in fate.paths)


def is_told(paths: tuple[str, ...], lost: tuple[str, ...]) -> bool:
    """Whether the report says that one of the settings is not kept."""
    return any(loss == path or loss.startswith(f"{path}.") for loss in lost for path in paths)


def silent_differences(job: Job, target: str) -> dict[str, tuple[object, object]]:
    """The facts of the runner's Plan that an artefact, read back and planned, has otherwise, and its report not told."""
    made = paramc.compile(job, target)
    theirs = {name: value for name, value, _ in operations(paramc.lower(paramc.parse(made.text)))}
    lost = losses(made.report)
    return {
        name: (value, theirs.get(name))
        for name, value, paths in operations(paramc.lower(job))
        if theirs.get(name) != value and not is_told(paths, lost)
    }


@given(jobs())
@settings(max_examples=EXAMPLES)
def test_a_script_describes_the_operations_of_the_runner(job: Job) -> None:
    assert silent_differences(job, "diffusers") == {}


@given(jobs())
@settings(max_examples=EXAMPLES)
def test_a_graph_describes_the_operations_of_the_runner(job: Job) -> None:
    assert silent_differences(job, "comfyui") == {}


def test_a_difference_that_nobody_tells_is_found() -> None:
    job = Job(size=Size(512, 512), sampling=Sampling(sampler="euler", schedule="karras", steps=20), noise=Noise(seed=1))
    other = job.replace({"sampling.cfg_scale": 8.0})
    facts, changed = ({name: value for name, value, _ in operations(paramc.lower(each))} for each in (job, other))
    assert {name for name in facts if facts[name] != changed[name]} == {"sample1.cfg"}


def test_the_jobs_are_of_every_kind() -> None:
    seen: Counter[str] = Counter()

    @given(jobs())
    @settings(max_examples=CENSUS, database=None)
    def count(job: Job) -> None:
        seen.update({f"{path}={value}" for path, value in leaves(job) if path in ("sampling.sampler", "task.kind")})
        seen.update(f"stages.{stage.kind}" for stage in job.stages)
        seen.update({job.task.kind, f"prompt {job.prompt.text}", f"batch {job.batch.size}", f"layer {job.text.layer}"})

    count()
    kinds = {"stages.hires", "stages.refiner", "image_to_image", "inpaint", "text_to_image", "batch 2", "layer -2"}
    assert all(seen[kind] >= CENSUS * 0.02 for kind in kinds), seen
    assert len([name for name in seen if name.startswith("prompt ")]) == 8
    assert min(seen.values()) >= CENSUS * 0.02, seen
