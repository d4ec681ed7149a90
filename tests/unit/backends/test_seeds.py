"""Seeds that the scripts of a batch draw with, beside those of the runner: whatever the settings came from."""

import ast
from collections.abc import Callable

import pytest

import paramc
from paramc.ir.job import Job
from paramc.ir.plan import MakeNoise
from tests.unit.backends.scripts import TAIL

TEXT = f"a cat\n{TAIL}, "
BATCHES = [
    "",
    "Batch size: 3",
    "Batch size: 3, Batch pos: 0",
    "Batch size: 3, Batch pos: 2",
    "Batch pos: 1",
    "Batch size: 3, Batch pos: 7",
]
DRAWN = {
    "seed": "",
    "variation": ", Variation seed: 7, Variation seed strength: 0.3",
    "hires": ", Denoising strength: 0.5, Hires upscale: 2, Hires upscaler: Latent",
    "trees": ", Sampler: DPM++ SDE",
    "from zero": ", Seed: 0, Sampler: DPM++ SDE",
}
SOURCES: dict[str, Callable[[str], Job]] = {
    "text": paramc.parse,
    "plain script": lambda text: paramc.parse(_script(paramc.parse(text), "plain")),
    "exact script": lambda text: paramc.parse(_script(paramc.parse(text), "exact")),
    "graph": lambda text: paramc.parse(paramc.compile(paramc.parse(text), "comfyui").text),
}


def _script(job: Job, style: str) -> str:
    return paramc.compile(job, "diffusers", options={"style": style}).text


def _drawn(source: str) -> tuple[list[int], list[int]]:
    """Seeds and variation seeds by the constants of a script."""
    scope: dict[str, object] = {}
    for node in ast.parse(source).body:
        names = {ast.unparse(node.targets[0])} if isinstance(node, ast.Assign) else set()
        if any(word in name for name in names for word in ("SEED", "BATCH")):
            exec(compile(ast.Module([node], []), "script.py", "exec"), scope)  # noqa: S102  # what is tested
    seeds = scope.get("SEEDS", [scope["SEED"]] * (scope.get("BATCH_SIZE") or 1))  # type: ignore[operator]  # a number
    return seeds, scope.get("VARIATION_SEEDS", [])  # type: ignore[return-value]  # lists of numbers


def _painted(job: Job) -> tuple[list[int], list[int]]:
    """Seeds and variation seeds of the runner; those of variations where they count."""
    from paramc.runtime.execute.draws import seeds_of

    noise = next(op for op in paramc.lower(job).ops if isinstance(op, MakeNoise))
    seeds, variations = seeds_of(noise, job.batch.size)
    return seeds, variations if noise.variation else []


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("drawn", DRAWN)
@pytest.mark.parametrize("batch", BATCHES)
def test_a_script_draws_with_the_runner_s_seeds(batch: str, drawn: str, source: str) -> None:
    job = SOURCES[source](TEXT + batch + DRAWN[drawn])
    assert _drawn(_script(job, "exact")) == _painted(job)
    if drawn != "variation":  # which a plain script leaves out
        assert _drawn(_script(job, "plain"))[0] == _painted(job)[0]


def test_a_place_that_was_read_goes_with_the_seed_that_is_changed() -> None:
    for style in ("plain", "exact"):
        source = _script(paramc.parse(f"{TEXT}Batch size: 3, Batch pos: 2"), style)
        job = paramc.parse(source.replace("SEED = 42", "SEED = 100"))
        assert (job.noise.seed, job.batch.position) == (100, 2)


@pytest.mark.parametrize("seed", [-5, -1, 0, 1])
def test_a_picture_of_a_batch_keeps_its_seed_in_a_script(seed: int) -> None:
    job = paramc.parse(f"{TEXT}Batch size: 7, Batch pos: 7")
    job = job.model_copy(update={"noise": job.noise.model_copy(update={"seed": seed})})
    assert paramc.parse(_script(job, "plain")).noise.seed == seed
