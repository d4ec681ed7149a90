"""The noise levels of emitted schedulers against those of the real programs.

Recorded from A1111 1.10.1 and Forge 2.0.1, float32; tolerances are relative to the largest level.
"""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from paramc.backends.pipelines import read_pipelines
from paramc.backends.registry import choices, find_target
from paramc.backends.select import select_script
from paramc.ir.family import Family
from paramc.ir.geometry import Size
from paramc.ir.job import Job
from paramc.ir.sampling import Noise, Sampling
from paramc.passes.plan import plan_job

pytestmark = [pytest.mark.sdk, pytest.mark.filterwarnings("ignore:__array_:DeprecationWarning")]

GOLDEN = Path(__file__).parents[1] / "golden" / "diffusers" / "sigmas.json.gz"
RECORDS: list[dict[str, Any]] = json.loads(gzip.decompress(GOLDEN.read_bytes()))
TARGET = find_target("diffusers")
EXACT, CLOSE = 5e-6, 7e-3
SAMPLERS = {"sd3": ("euler",), "flux": ("euler",)}
BROKEN = {("forge", "sd3", "uniform")}  # the program itself ends in zeros there


def cases() -> list[tuple[dict[str, Any], str, str]]:
    """(record, sampler, grade) wherever the table promises the program's own levels."""
    assert TARGET.schedulers is not None
    found = []
    for record in RECORDS:
        for sampler in SAMPLERS.get(record["base"], ("euler", "euler_ancestral", "heun", "lms", "dpmpp_2m")):
            row = TARGET.schedulers.judged(record["base"], "schedule", sampler, record["schedule"], record["steps"])
            broken = (record["program"], record["base"], record["schedule"]) in BROKEN
            if row is not None and row.grade in ("exact", "close") and not broken:
                found.append((record, sampler, row.grade))
    return found


CASES = cases()


def levels(record: dict[str, Any], sampler: str) -> Any:
    """What the scheduler of the emitted script comes to."""
    import diffusers
    import torch

    job = Job(
        size=Size(64, 64),
        sampling=Sampling(sampler=sampler, schedule=record["schedule"], steps=record["steps"], cfg_scale=7.0),
        noise=Noise(seed=1),
        family=Family(name=record["base"], base=record["base"]),
    )
    assert TARGET.schedulers is not None
    tables = read_pipelines(TARGET.folder / "pipelines.toml")
    first = select_script(plan_job(job), tables, TARGET.schedulers, choices(TARGET, {}), TARGET.kind_of).passes[0]
    assert first.scheduler is not None
    source = f"diffusers.{first.scheduler.name}({', '.join(first.scheduler.arguments)})"
    scheduler = eval(source, {"diffusers": diffusers, "SEED": 1})  # noqa: S307  # source of our own
    given = [argument.removeprefix("sigmas=") for argument in first.arguments if argument.startswith("sigmas=")]
    if given:
        scheduler.set_timesteps(sigmas=eval(given[0], {"torch": torch, "STEPS": record["steps"]}))  # noqa: S307
    else:
        scheduler.set_timesteps(record["steps"])
    sigmas = scheduler.sigmas.float()
    if scheduler.order == 2:  # two calls a step: each level but the ends stands twice
        sigmas = torch.cat([sigmas[:1], sigmas[1:-1:2], sigmas[-1:]])
    return sigmas


@pytest.mark.parametrize(
    ("record", "sampler", "grade"),
    CASES,
    ids=[f"{r['program']}-{r['base']}-{s}-{r['schedule']}-{r['steps']}" for r, s, _ in CASES],
)
def test_noise_levels_are_the_programs(record: dict[str, Any], sampler: str, grade: str) -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("diffusers")
    recorded = torch.tensor(record["sigmas"])
    found = levels(record, sampler)
    assert len(found) == len(recorded)
    assert float((found - recorded).abs().max() / recorded.max()) <= (EXACT if grade == "exact" else CLOSE)


def test_the_record_covers_every_promise() -> None:
    assert len(CASES) > 300
