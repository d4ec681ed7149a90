"""How far scripts in the style `plain` come from the runner: the latents of both on one tiny pipeline."""

from functools import cache
from math import isnan, nan
from pathlib import Path
from typing import Any

import torch

import paramc
from paramc.backends.schedulers import EXACT
from paramc.diagnostics.model import RunError
from paramc.ir.family import Family
from paramc.ir.job import Job
from paramc.ir.names import executed_schedule, samplers, schedules
from tests.sdk.painted import Keeps, OneFolder, TinyShelf, copied

STEPS = 20
NO_NUMBERS = "PC554"
THROUGHOUT = ("euler", "dpmpp_2m", "euler_ancestral", "dpmpp_sde", "heun")  # samplers measured on every schedule
LEFT_OUT = frozenset({"tcd"})  # which the runner does not have
ON_TIMESTEPS = frozenset({"ddim", "ddim_cfg_pp", "plms", "unipc"})  # of which flows have none
ON_FLOWS = {"uniform": "simple"}  # usual schedules that fail on flows → what is walked there
PAIRS = tuple(
    dict.fromkeys(
        [
            *((name, executed_schedule(name, None)) for name in samplers() if name not in LEFT_OUT),
            *((name, walked) for walked in schedules() if walked != "automatic" for name in THROUGHOUT),
        ]
    )
)
FLOW_PAIRS = tuple(
    dict.fromkeys((name, ON_FLOWS.get(walked, walked)) for name, walked in PAIRS if name not in ON_TIMESTEPS)
)
MEASURED = {"sd1": PAIRS, "sdxl": PAIRS, "sd3": FLOW_PAIRS, "flux": FLOW_PAIRS}
LIKE = {"sdxl": "sd1", "flux": "sd3"}  # bases of which only what differs is written down
ALIKE = 2.0  # a factor within which two figures are the same
HEAD = """\
# How far a picture by the library's scheduler is from the UI's own: the largest difference of the latents after 20 steps
# on a tiny pipeline, as a share of the largest number; nan where the UI's own picture holds no numbers. Of `sdxl` and
# `flux` only what differs from `sd1` and `sd3`. Made by `pytest --slow --bless tests/sdk/test_measured.py`.
"""
FORGE = "f2.0.1v1.10.1-previous-636-gb835f24a"  # fills T5's rows as the library does
ALONE = "1, Distilled CFG Scale: 3.5"
TEXT = (
    "a photo of a cat\nNegative prompt: bad quality\n"
    "Steps: {steps}, Sampler: Euler, Schedule type: Automatic, CFG scale: {cfg}, Seed: 42, Size: 64x64, RNG: CPU, "
    "Version: {version}"
)


def job(base: str, sampler: str, schedule: str, steps: int = STEPS) -> Job:
    """A picture by a sampler on a schedule."""
    cfg, version = ALONE if base == "flux" else "5", "v1.10.1" if MEASURED[base] is PAIRS else FORGE
    made = paramc.parse(TEXT.format(steps=steps, cfg=cfg, version=version))
    made = made.replace({"sampling.sampler": sampler, "sampling.schedule": schedule})
    return made.model_copy(update={"family": Family(name=base, base=base)})


def deviation(made: Job, folder: Path, style: str = "plain") -> float:
    """The largest difference of the two latents, as a share of the runner's largest number."""
    try:
        expected = _painted(made, folder)
    except RunError as error:
        if {each.code for each in error.diagnostics} != {NO_NUMBERS}:
            raise
        return nan
    found = latents(made, folder, style)
    assert found.shape == expected.shape
    return float((found - expected).abs().max() / expected.abs().max())


@cache
def _runner(folder: Path) -> Any:
    from paramc.runtime.execute.runner import Runner

    finder = OneFolder(folder)
    runner = Runner([], device="cpu", rng="nv", finder=finder)
    runner.shelf = TinyShelf(finder, device=torch.device("cpu"))
    return runner


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
    pipe = copied(folder)
    names: dict[str, Any] = {"__name__": "script", "pipe": pipe}
    exec(compile(f"{loading}\n{loop}", "script.py", "exec"), names)  # noqa: S102  # the script is what is measured
    found: torch.Tensor = names["latents" if style == "exact" else "images"]
    return found if found.ndim == 4 else _unpacked(found, names["WIDTH"] // 16)


def _unpacked(tokens: torch.Tensor, columns: int) -> torch.Tensor:
    """A latent out of tokens of four cells each."""
    cells = tokens.unflatten(1, (-1, columns)).unflatten(3, (-1, 2, 2))
    return cells.permute(0, 3, 1, 4, 2, 5).flatten(4, 5).flatten(2, 3)


def differing(found: dict[tuple[str, str, str], float]) -> dict[tuple[str, str, str], float]:
    """The deviations that are not those of the base that theirs is like."""
    return {
        (base, sampler, walked): value
        for (base, sampler, walked), value in found.items()
        if not are_alike(value, found.get((LIKE.get(base, ""), sampler, walked)))
    }


def are_alike(one: float, other: float | None) -> bool:
    """Are two deviations the same, or both beyond notice, or both no numbers?"""
    if other is None or isnan(one) or isnan(other):
        return other is not None and isnan(one) and isnan(other)
    return max(one, other) <= max(ALIKE * min(one, other), EXACT)


def table(found: dict[tuple[str, str, str], float]) -> str:
    """Deviations by (base, sampler, schedule) as measured.toml has them."""
    lines = [HEAD]
    for base in dict.fromkeys(base for base, _, _ in found):
        for sampler in dict.fromkeys(sampler for other, sampler, _ in found if other == base):
            rows = {walked: value for (a, b, walked), value in found.items() if (a, b) == (base, sampler)}
            lines.append(f"\n[{base}.{sampler}]\n")
            lines += [f"{walked} = {value:.1e}\n" for walked, value in rows.items()]
    return "".join(lines)
