"""Jobs in, pictures out: what `paramc.run` does once torch is there."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import randrange
from typing import Final, Literal, TypeAlias

import torch
from PIL import Image

from paramc.backends.legalise import fate_diagnostics, legalise, report_fates
from paramc.backends.registry import find_target
from paramc.backends.report import Report
from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import Diagnostic, RunError
from paramc.ir.job import Job
from paramc.ir.plan import MakeNoise, Plan
from paramc.ir.stages import Enlarge
from paramc.passes.complete import complete_job
from paramc.passes.plan import plan_job
from paramc.resources import GRAMMARS, TARGETS
from paramc.runtime.execute.checks import check_plan
from paramc.runtime.execute.draws import seeds_of
from paramc.runtime.execute.executor import Executor
from paramc.runtime.execute.files import with_own_size
from paramc.runtime.execute.finder import finder_in
from paramc.runtime.execute.shelf import Finder, Shelf
from paramc.runtime.execute.thrift import REST, SPENDING, Thrift
from paramc.runtime.execute.watch import UNWATCHED, Watch
from paramc.runtime.rng.streams import Generator, OpenStream, stream_opener
from paramc.runtime.samplers.limits import ImpossibleWalk

Source: TypeAlias = Literal["cpu", "cuda", "nv"]
NumberType: TypeAlias = Literal["float32", "float16", "bfloat16"]

TARGET: Final = "run"
LARGEST_SEED: Final = 4294967293  # a UI draws seeds up to this
GENERATORS: Final[dict[Source, Generator]] = {"cpu": "cpu", "cuda": "cuda", "nv": "philox"}
DTYPES: Final[dict[NumberType, torch.dtype]] = {
    "float32": torch.float32,
    "float16": torch.float16,
    "bfloat16": torch.bfloat16,
}


@dataclass(frozen=True, slots=True)
class Ran:
    """What jobs gave: `images`, and beside each in `jobs` the job that makes just this one.

    reports: what became of each setting, one for each job that was run. diagnostics: what there was to say on the way.
    """

    images: tuple[Image.Image, ...]
    jobs: tuple[Job, ...]
    reports: tuple[Report, ...]
    diagnostics: tuple[Diagnostic, ...]


class Runner:
    """Runs jobs on one device; models stay loaded between them.

    rng: where the noise comes from for jobs that do not say it. thrift: what memory and time are saved. grammars,
    targets: folders that are looked into for what dialects mean, and for what the runner honours, the user's own first.
    """

    def __init__(
        self,
        folders: Sequence[Path],
        *,
        device: str = "auto",
        dtype: NumberType = "float32",
        rng: Source | None = None,
        thrift: Thrift = SPENDING,
        finder: Finder | None = None,
        grammars: tuple[Path, ...] = (GRAMMARS,),
        targets: tuple[Path, ...] = (TARGETS,),
    ) -> None:
        self._grammars = grammars
        self._target = find_target(TARGET, targets)
        self._device = device_called(device)
        self._rng: Source | None = rng
        self._thrift = thrift
        self.shelf = Shelf(finder or finder_in(folders), device=self._device, dtype=DTYPES[dtype], thrift=thrift)

    def run(self, job: Job, watch: Watch = UNWATCHED, *, after: int | None = None) -> Ran:
        """The pictures of a job. Raises RunError, and Cancelled where the watch stops it.

        after: seed of the picture that Forge made before in the same session, for a picture encoded with noise of the
        generator which that one left behind. Without it a job is the same picture however often it is run.
        """
        said: list[Diagnostic] = []
        _require_steps(job)
        job = _with_seed(complete_job(job, self._grammars), said)
        plan = plan_job(job, self._grammars)
        target = self._target
        report = report_fates(job, plan, target)
        said += [item for item in fate_diagnostics(report, target) if item.severity != "info"]
        plan = with_own_size(legalise(plan, target))
        said += check_plan(plan)
        if self._thrift.offload in ("model", "layers") and self._device.type == REST.type:
            said.append(diagnose("PC576"))
        if self._thrift.stored != "same":
            said.append(diagnose("PC542", stored=self._thrift.stored))
        executor = Executor(plan, self.shelf, self._stream(job, plan, said), watch, after)
        try:
            pictures = executor.run()
        except RunError as error:
            # a folder nobody could read may be the cause
            error.diagnostics = tuple(dict.fromkeys((*self.shelf.told(), *error.diagnostics)))
            raise
        except ImpossibleWalk as problem:
            told = diagnose("PC558", problem=str(problem), help="ask for more steps, or another sampler")
            raise RunError(*said, told) from problem
        said += [*executor.said, *self.shelf.told()]
        jobs = _jobs(job, plan, len(pictures.images))
        return Ran(pictures.images, tuple(jobs), (report,), tuple(said))

    def run_all(self, jobs: Iterable[Job], watch: Watch = UNWATCHED) -> Ran:
        """The pictures of several jobs, one after the other."""
        ran = [self.run(job, watch) for job in jobs]
        return Ran(
            tuple(image for each in ran for image in each.images),
            tuple(job for each in ran for job in each.jobs),
            tuple(report for each in ran for report in each.reports),
            tuple(item for each in ran for item in each.diagnostics),
        )

    def _stream(self, job: Job, plan: Plan, said: list[Diagnostic]) -> OpenStream:
        """The generator that the job asks for, or the one that is assumed."""
        noise = next((op for op in plan.ops if isinstance(op, MakeNoise)), None)
        generator: Generator = "philox" if noise is None else noise.generator
        if noise is not None and job.origin("noise.generator") != "stated" and job.noise.generator in (None, "cuda"):
            source: Source = "cuda" if self._rng is None else self._rng
            generator = GENERATORS[source]
            if self._rng is None:
                said.append(diagnose("PC553", source="cuda", path="noise.generator"))
        if generator == "cuda" and self._device.type != "cuda":
            said.append(diagnose("PC569", path="noise.generator"))
            generator = "philox"
        return stream_opener(generator)


def device_called(name: str) -> torch.device:
    """The device of that name; `auto`: the graphics card where there is one. Raises RunError."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:  # which lists all that there are
        raise RunError(diagnose("PC566", device=name, reason="no kind of device is called so")) from error
    try:
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:  # the latter where torch was built without the device
        raise RunError(diagnose("PC566", device=name, reason=str(error).splitlines()[0])) from error
    return device


def _require_steps(job: Job) -> None:
    """Raises RunError for a job of no steps, which a plan would take for one that says nothing of them."""
    if job.sampling.steps is not None and job.sampling.steps < 1 and not isinstance(job.task, Enlarge):
        raise RunError(diagnose("PC561", path="sampling.steps"))


def _with_seed(job: Job, said: list[Diagnostic]) -> Job:
    if job.noise.seed is not None and job.noise.seed >= 0:
        return job
    seed = randrange(LARGEST_SEED + 1)
    said.append(diagnose("PC564", seed=seed, path="noise.seed"))
    return job.replace({"noise.seed": seed})


def _jobs(job: Job, plan: Plan, count: int) -> list[Job]:
    """One job for each picture of a batch."""
    noise = next((op for op in plan.ops if isinstance(op, MakeNoise)), None)
    if noise is None or count == 1:
        return [job] * count
    seeds, variations = seeds_of(noise, count)
    jobs = []
    for place, (seed, other) in enumerate(zip(seeds, variations, strict=True)):
        variation = noise.variation and noise.variation.model_copy(update={"seed": other})
        own = job.noise.model_copy(update={"seed": seed, "variation": variation})
        batch = job.batch.model_copy(update={"position": place})
        jobs.append(job.model_copy(update={"noise": own, "batch": batch}))
    return jobs
