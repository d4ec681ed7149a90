"""Jobs that are painted at once: those that differ in the seed alone, where a batch has a stream for each picture."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from paramc.ir.job import Job
from paramc.ir.plan import EncodeImage, MakeNoise, Plan, Sample
from paramc.ir.sampling import ANY_SEED
from paramc.passes.complete import complete_job
from paramc.passes.plan import plan_job
from paramc.resources import GRAMMARS

ADAPTIVE: Final = "dpm_adaptive"  # a sampler whose steps depend on all pictures of a batch
LEAVES_STREAMS: Final = "renoises_known"  # the flag of a program that draws from what the picture before left behind


def batches(jobs: Sequence[Job], most: int, grammars: tuple[Path, ...] = (GRAMMARS,)) -> Iterator[tuple[int, ...]]:
    """Places of the jobs, those together of which one batch makes the pictures, by seed; as their first ones came."""
    if most == 1:
        yield from ((place,) for place in range(len(jobs)))
        return
    alike: dict[Job, list[int]] = {}
    for place, job in enumerate(jobs):
        seed = job.noise.seed if job.noise.seed in (None, ANY_SEED) else 0  # one yet to be drawn is next to no other
        alike.setdefault(job.replace({"noise.seed": seed}), []).append(place)
    for places in alike.values():
        if len(places) == 1 or not _may_join(jobs[places[0]], grammars):
            yield from ((place,) for place in places)
        else:
            yield from _in_a_row(sorted((jobs[place].noise.seed or 0, place) for place in places), most)


def joined(jobs: Sequence[Job]) -> Job:
    """The one job that makes the pictures of several, as `batches` puts them together."""
    return jobs[0] if len(jobs) == 1 else jobs[0].replace({"batch.size": len(jobs)})


def _may_join(job: Job, grammars: tuple[Path, ...]) -> bool:
    if (
        job.batch.size != 1
        or job.batch.position
        or job.noise.variation is not None
        or job.noise.seed in (None, ANY_SEED)
    ):
        return False
    plan = plan_job(complete_job(job, grammars), grammars)
    streams = [op for op in plan.ops if isinstance(op, MakeNoise)]
    passes = [op for op in plan.ops if isinstance(op, Sample)]
    if any(op.per_batch for op in streams) or any(op.sampler == ADAPTIVE for op in passes):
        return False
    return not (any(LEAVES_STREAMS in op.flags for op in passes) and _looks_back(plan))


def _looks_back(plan: Plan) -> bool:
    """Whether anything is drawn from the streams that the picture before has left."""
    return any(isinstance(op, EncodeImage) or (isinstance(op, Sample) and op.sampler == "ddpm") for op in plan.ops)


def _in_a_row(found: Sequence[tuple[int, int]], most: int) -> Iterator[tuple[int, ...]]:
    """The places of seeds that follow one another, so many at the most."""
    row: list[tuple[int, int]] = []
    for seed, place in found:
        if row and (len(row) == most or seed != row[-1][0] + 1):
            yield tuple(place for _, place in row)
            row = []
        row.append((seed, place))
    yield tuple(place for _, place in row)
