"""How far scripts in the style `plain` come from the runner: the latents of both on one tiny pipeline."""

from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import torch
from diffusers import DiffusionPipeline

import paramc
from paramc.ir.family import Family
from paramc.ir.job import Job
from paramc.ir.names import executed_schedule, samplers, schedules
from tests.sdk.painted import Keeps, OneFolder, TinyShelf

STEPS = 20
THROUGHOUT = ("euler", "dpmpp_2m", "euler_ancestral", "dpmpp_sde", "heun")  # samplers measured on every schedule
LEFT_OUT = frozenset({"tcd"})  # which the runner does not have
PAIRS = tuple(
    dict.fromkeys(
        [
            *((name, executed_schedule(name, None)) for name in samplers() if name not in LEFT_OUT),
            *((name, walked) for walked in schedules() if walked != "automatic" for name in THROUGHOUT),
        ]
    )
)
HEAD = """\
# How far a picture by the library's scheduler is from the UI's own: the largest difference of the latents after 20 steps
# on a tiny pipeline, as a share of the largest number. Made by `pytest --slow --bless tests/sdk/test_measured.py`.
"""
TEXT = (
    "a photo of a cat\nNegative prompt: bad quality\n"
    "Steps: {steps}, Sampler: Euler, Schedule type: Automatic, CFG scale: 5, Seed: 42, Size: 64x64, RNG: CPU, "
    "Version: v1.10.1"
)


def job(base: str, sampler: str, schedule: str, steps: int = STEPS) -> Job:
    """A picture by a sampler on a schedule."""
    made = paramc.parse(TEXT.format(steps=steps)).replace({"sampling.sampler": sampler, "sampling.schedule": schedule})
    return made.model_copy(update={"family": Family(name=base, base=base)})


def deviation(made: Job, folder: Path, style: str = "plain") -> float:
    """The largest difference of the two latents, as a share of the runner's largest number."""
    expected, found = _painted(made, folder), latents(made, folder, style)
    assert found.shape == expected.shape
    return float((found - expected).abs().max() / expected.abs().max())


@cache
def _runner(folder: Path) -> Any:
    from paramc.runtime.execute.runner import Runner

    finder = OneFolder(folder)
    runner = Runner([], device="cpu", rng="nv", finder=finder)
    runner.shelf = TinyShelf(finder, device=torch.device("cpu"))
    return runner


@cache
def _pipe(folder: Path) -> Any:
    return DiffusionPipeline.from_pretrained(folder, local_files_only=True)


def _painted(made: Job, folder: Path) -> torch.Tensor:
    watch, runner = Keeps(), _runner(folder)
    runner.shelf.leftover = None  # what an earlier job left behind
    runner.run(made, watch)
    return watch.latent


def latents(made: Job, folder: Path, style: str) -> torch.Tensor:
    """The latent of the script, which takes the pipeline as it lies in memory instead of loading it."""
    options = {"model": "tiny", "dtype": "float32", "device": "cpu", "loader": "pretrained", "style": style}
    source = paramc.compile(made, "diffusers", options=options).text
    if style == "exact":
        lines = source
    else:
        lines = source.replace('output_type="np"', 'output_type="latent"').partition("# Cut off")[0]
    loading, loop = lines.partition("pipe = ")[0], lines.partition("pipe.to(DEVICE)\n")[2]
    pipe = deepcopy(_pipe(folder))  # a script may change its parts
    names: dict[str, Any] = {"__name__": "script", "pipe": pipe}
    exec(compile(f"{loading}\n{loop}", "script.py", "exec"), names)  # noqa: S102  # the script is what is measured
    found: torch.Tensor = names["latents" if style == "exact" else "images"]
    return found


def table(found: dict[tuple[str, str, str], float]) -> str:
    """Deviations by (base, sampler, schedule) as measured.toml has them."""
    lines = [HEAD]
    for base in dict.fromkeys(base for base, _, _ in found):
        for sampler in dict.fromkeys(sampler for other, sampler, _ in found if other == base):
            rows = {walked: value for (a, b, walked), value in found.items() if (a, b) == (base, sampler)}
            lines.append(f"\n[{base}.{sampler}]\n")
            lines += [f"{walked} = {value:.1e}\n" for walked, value in rows.items()]
    return "".join(lines)
