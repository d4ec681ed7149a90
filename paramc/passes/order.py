"""The order in which jobs are best painted: what takes long to get ready changes least often."""

from collections.abc import Iterable, Sequence
from typing import TypeVar

from paramc.ir.job import Job
from paramc.ir.stages import Hires, Refiner
from paramc.passes.complete import complete_job

K = TypeVar("K")


def painting_order(jobs: Iterable[Job]) -> tuple[int, ...]:
    """Places of the jobs: models outermost, then networks, then texts; otherwise as they came."""
    whole = [complete_job(job) for job in jobs]
    ranks = [_ranks([key(job) for job in whole]) for key in (_models, _networks, _texts)]
    return tuple(sorted(range(len(whole)), key=lambda place: [rank[place] for rank in ranks]))


def _ranks(keys: Sequence[K]) -> list[int]:
    """The number of each key among the different ones, in the order in which they first come."""
    first = {key: rank for rank, key in enumerate(dict.fromkeys(keys))}
    return [first[key] for key in keys]


def _models(job: Job) -> tuple[object, ...]:
    others = (stage.checkpoint for stage in job.stages if isinstance(stage, Hires | Refiner))
    return (job.assets, *others)


def _networks(job: Job) -> tuple[object, ...]:
    tags = (*job.prompt.networks, *job.negative.networks)
    return tuple(tag.model_copy(update={"span": None}) for tag in tags)


def _texts(job: Job) -> tuple[object, ...]:
    second = [(stage.prompt, stage.negative) for stage in job.stages if isinstance(stage, Hires)]
    return (job.prompt, job.negative, job.text, *second)
