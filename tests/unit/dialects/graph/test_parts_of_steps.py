"""A sampler node that runs a part of its steps, leaves noise or adds none: read to a Job, planned, and written again."""

import json
from typing import Any

import pytest

import paramc
from paramc.backends.legalise import report_fates
from paramc.backends.registry import find_target
from paramc.ir.job import Job
from paramc.ir.plan import MakeNoise, Sigmas, Slice
from paramc.ir.stages import Further
from tests.unit.dialects.graph.drawings import Drawing, drawing, job_of, named, node, sampler

OFF, ON = "disable", "enable"


def advanced(**changed: object) -> dict[str, Any]:
    """A sampler node that can run a part of its steps."""
    usual = {
        "model": ("file", 0),
        "positive": ("good", 0),
        "negative": ("bad", 0),
        "latent_image": ("empty", 0),
        "noise_seed": 5,
        "steps": 20,
        "cfg": 7.0,
        "sampler_name": "euler",
        "scheduler": "karras",
        "add_noise": ON,
        "start_at_step": 0,
        "end_at_step": 10000,
        "return_with_leftover_noise": OFF,
    }
    return node("KSamplerAdvanced", **(usual | changed))


def parted(**changed: object) -> Job:
    return job_of(drawing(**{"pass": advanced(**changed)}))


def split(*cuts: tuple[str, int]) -> Drawing:
    """A chain whose levels are cut by nodes, the first one nearest to the schedule. A cut keeps `high` or `low`."""
    nodes: Drawing = {"levels": node("BasicScheduler", model=("file", 0), scheduler="karras", steps=20, denoise=1.0)}
    levels = ("levels", 0)
    for number, (kept, step) in enumerate(cuts):
        nodes[f"cut{number}"] = node("SplitSigmas", sigmas=levels, step=step)
        levels = (f"cut{number}", 0 if kept == "high" else 1)
    return drawing(
        **nodes,
        noise=node("RandomNoise", noise_seed=5),
        guider=node("CFGGuider", model=("file", 0), positive=("good", 0), negative=("bad", 0), cfg=7.0),
        chooser=node("KSamplerSelect", sampler_name="euler"),
        **{
            "pass": node(
                "SamplerCustomAdvanced",
                noise=("noise", 0),
                guider=("guider", 0),
                sampler=("chooser", 0),
                sigmas=levels,
                latent_image=("empty", 0),
            )
        },
    )


def steps_run(job: Job) -> tuple[int, int | None, bool]:
    sampling = job.sampling
    return sampling.first_step, sampling.last_step, sampling.leaves_noise


@pytest.mark.parametrize(
    ("changed", "run"),
    [
        ({}, (0, None, False)),
        ({"end_at_step": 15}, (0, 15, False)),
        ({"end_at_step": 15, "return_with_leftover_noise": ON}, (0, 15, True)),
        ({"end_at_step": 20, "return_with_leftover_noise": ON}, (0, None, False)),
        ({"end_at_step": 0}, (0, 0, False)),
        ({"start_at_step": 5}, (5, None, False)),
        ({"start_at_step": 5, "end_at_step": 9}, (5, 9, False)),
        ({"start_at_step": 25}, (25, None, False)),
    ],
)
def test_the_part_of_the_steps_is_read(changed: dict[str, object], run: tuple[int, int | None, bool]) -> None:
    assert steps_run(parted(**changed)) == run
    assert named(parted(**changed)) == []


def test_a_node_that_adds_no_noise_has_none_at_the_start() -> None:
    assert parted(add_noise=OFF).noise.multiplier == 0.0
    assert parted().noise.multiplier == 1.0


@pytest.mark.parametrize(
    ("cuts", "run"),
    [
        ([("high", 15)], (0, 15, True)),
        ([("low", 5)], (5, None, False)),
        ([("high", 15), ("low", 5)], (5, 15, True)),
        ([("low", 5), ("high", 10)], (5, 15, True)),
        ([("low", 5), ("low", 3)], (8, None, False)),
        ([("high", 15), ("high", 10)], (0, 10, True)),
        ([("high", 10), ("high", 15)], (0, 10, True)),
    ],
)
def test_levels_that_are_cut_by_nodes_are_counted_from_the_first(
    cuts: list[tuple[str, int]], run: tuple[int, int | None, bool]
) -> None:
    assert steps_run(job_of(split(*cuts))) == run


@pytest.mark.parametrize(
    ("denoise", "steps", "first"), [(0.8, 25, 5), (0.5, 40, 20), (0.3, 66, 46), (1.0, 20, 0), (0.0, 20, 0)]
)
def test_a_strength_on_an_empty_latent_is_the_end_of_a_longer_schedule(denoise: float, steps: int, first: int) -> None:
    job = job_of(drawing(**{"pass": sampler(denoise=denoise)}))
    plan = paramc.lower(job)
    assert (job.sampling.steps, job.sampling.share) == (20, denoise)
    assert [op.steps for op in plan.ops if isinstance(op, Sigmas)] == [steps]
    assert [(op.start, op.strength) for op in plan.ops if isinstance(op, Slice)] == [(first, denoise)] * (denoise < 1)
    assert named(job) == []


def test_a_second_pass_keeps_its_own_steps_behind_such_a_first_one() -> None:
    graph = drawing(
        **{
            "pass": sampler(denoise=0.8),
            "large": node("LatentUpscaleBy", samples=("pass", 0), upscale_method="bicubic", scale_by=1.5),
            "more": sampler(latent_image=("large", 0), denoise=0.5),
            "picture": node("VAEDecode", samples=("more", 0), vae=("file", 2)),
        }
    )
    job = job_of(graph)
    assert job.hires is not None
    assert (job.sampling.steps, job.sampling.share, job.hires.steps) == (20, 0.8, None)


def test_the_plan_walks_the_part_alone() -> None:
    plan = paramc.lower(parted(start_at_step=5, end_at_step=9, add_noise=OFF))
    (cut,) = (op for op in plan.ops if isinstance(op, Slice))
    assert (cut.start, cut.end, cut.ends_clean) == (5, 9, True)
    assert next(op for op in plan.ops if isinstance(op, MakeNoise)).multiplier == 0.0


def test_on_a_picture_the_end_is_counted_as_the_start_is() -> None:
    changed = drawing(
        picture0=node("LoadImage", image="a.png"),
        latent=node("VAEEncode", pixels=("picture0", 0), vae=("file", 2)),
        **{"pass": advanced(latent_image=("latent", 0), start_at_step=8, end_at_step=15)},
    )
    (cut,) = (op for op in paramc.lower(job_of(changed)).ops if isinstance(op, Slice))
    assert (cut.start, cut.end) == (8, 15)


@pytest.mark.parametrize("sampler", ["dpmpp_3m_sde", "euler"])
def test_a_schedule_cut_off_before_its_last_level_drops_that_level(sampler: str) -> None:
    job = parted(steps=21, end_at_step=20, sampler_name=sampler)
    assert (job.sampling.steps, job.sampling.drops_penultimate_sigma, job.sampling.last_step) == (20, True, None)


def test_a_sampler_that_drops_a_level_by_itself_is_cut_where_it_is_cut() -> None:
    job = parted(steps=20, end_at_step=19, sampler_name="dpm_2")
    assert (job.sampling.steps, job.sampling.drops_penultimate_sigma, job.sampling.last_step) == (20, False, 19)


@pytest.mark.parametrize(
    "changed",
    [
        {"end_at_step": 15},
        {"end_at_step": 15, "return_with_leftover_noise": ON},
        {"start_at_step": 25},
        {"start_at_step": 4, "end_at_step": 8, "add_noise": OFF},
        {"steps": 21, "end_at_step": 20, "sampler_name": "dpmpp_3m_sde"},
        {"steps": 21, "end_at_step": 20, "scheduler": "kl_optimal", "return_with_leftover_noise": ON},
    ],
)
def test_a_part_comes_back_from_the_graph_that_is_written_anew(changed: dict[str, object]) -> None:
    job = parted(**changed)
    made = json.loads(paramc.compile(job, "comfyui", options={"canonical": True}).text)
    (again,) = (each["inputs"] for each in made.values() if each["class_type"].startswith("KSampler"))
    told = {name: value for name, value in advanced(**changed)["inputs"].items() if name in changed}
    assert {name: again[name] for name in told} == told
    back = paramc.parse(json.dumps(made))
    assert (back.sampling, back.noise) == (job.sampling, job.noise)


@pytest.mark.parametrize(("target", "grade"), [("comfyui", "exact"), ("run", "exact"), ("diffusers", "dropped")])
def test_each_target_says_what_becomes_of_a_part(target: str, grade: str) -> None:
    job = parted(end_at_step=15)
    fates = report_fates(job, paramc.lower(job), find_target(target)).fates
    assert [fate.grade for fate in fates if "sampling.last_step" in fate.paths] == [grade]


def test_a_pass_that_goes_on_from_a_cleaned_one_is_one_more_pass() -> None:
    graph = drawing(
        **{
            "pass": advanced(end_at_step=10),
            "more": advanced(latent_image=("pass", 0), start_at_step=10, add_noise=OFF),
            "picture": node("VAEDecode", samples=("more", 0), vae=("file", 2)),
        }
    )
    job = job_of(graph)
    assert job.stages == (Further(adds_noise=False, first_step=10),)
    assert (steps_run(job), named(job)) == ((0, 10, False), [])


def test_two_nodes_of_one_pass_end_where_the_second_does() -> None:
    graph = drawing(
        **{
            "pass": advanced(end_at_step=10, return_with_leftover_noise=ON),
            "more": advanced(latent_image=("pass", 0), start_at_step=10, end_at_step=16, add_noise=OFF),
            "picture": node("VAEDecode", samples=("more", 0), vae=("file", 2)),
        }
    )
    assert steps_run(job_of(graph)) == (0, 16, False)
    assert named(job_of(graph)) == []


def test_a_target_without_parts_runs_as_many_steps_as_were_asked_for() -> None:
    script = paramc.compile(job_of(drawing(**{"pass": sampler(denoise=0.8)})), "diffusers")
    assert "STEPS = 20" in script.text
