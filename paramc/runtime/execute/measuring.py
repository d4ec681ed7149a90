"""A job measured against plain diffusers on the same machine: both in processes of their own, by turns."""

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import Final, cast

import torch
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.utils.logging import disable_progress_bar

from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import RunError
from paramc.ir.job import Job
from paramc.runtime.catalogue.header import HEADED, read_header
from paramc.runtime.denoise.conditioning import Conditioning
from paramc.runtime.execute.plain import WAYS, Kept, Plain, TextModel
from paramc.runtime.execute.runner import DTYPES, NumberType, Runner
from paramc.runtime.execute.watch import Cancelled, Progress, Unwatched
from paramc.runtime.models.checkpoint import Checkpoint
from paramc.runtime.models.tensors import DTYPES as FORMATS

STATUS: Final = Path("/proc/self/status")
OTHERS: Final = [f"{number} other things" for number in range(7)]  # texts that no job before has encoded


@dataclass(frozen=True, slots=True)
class Figures:
    """What one side of a measurement took.

    Seconds of processor time on a processor, of the clock elsewhere: load, until the first step; again, the median
    until that of a next job with another text; step, the median of one; call, that of the network in it (0: not told
    apart); image, the whole. memory: bytes at the peak, of the process (0 where the system does not say it) or of the
    graphics card.
    """

    load: float
    again: float
    step: float
    call: float
    image: float
    memory: int


@dataclass(frozen=True, slots=True)
class Setup:
    """What both sides are given. `kept`: the same weights as diffusers keeps them."""

    job: str
    models: tuple[Path, ...]
    kept: Kept
    device: str
    dtype: NumberType


@dataclass(slots=True)
class Stopwatch(Unwatched):
    """Notes the time of each evaluation, and of the network's share in it."""

    clock: Callable[[], float]
    starts: list[float] = field(default_factory=list)
    calls: list[float] = field(default_factory=list)

    def evaluates(self, x: Tensor, level: Tensor, progress: Progress) -> None:
        """A step begins."""
        self.starts_step()

    def starts_step(self) -> None:
        """A step begins."""
        self.starts.append(self.clock())
        self.calls.append(0.0)

    @property
    def steps(self) -> list[float]:
        """Seconds of each step but the last."""
        return [end - start for start, end in zip(self.starts, self.starts[1:], strict=False)]


@dataclass(slots=True)
class Asking(Unwatched):
    """Notes what the network is asked for the first prediction, and stops the run. words: tokens of the longest row."""

    rows: int = 0
    words: int = 0

    def evaluates(self, x: Tensor, level: Tensor, progress: Progress) -> None:
        """A prediction is wanted. Raises Cancelled at the second one."""
        if self.rows:
            raise Cancelled

    def networks(self, timesteps: Tensor, conditioning: Conditioning) -> None:
        """The network is about to be called, on all rows of a prediction or on some."""
        rows, words = conditioning.tokens.shape[:2]
        self.rows, self.words = self.rows + rows, max(self.words, words)


@dataclass(slots=True)
class Starting(Unwatched):
    """Notes when the first step begins, and stops the run."""

    clock: Callable[[], float]
    at: float = 0.0

    def evaluates(self, x: Tensor, level: Tensor, progress: Progress) -> None:
        """The first step begins. Raises Cancelled."""
        self.at = self.clock()
        raise Cancelled


def measured(
    job: Job, models: Sequence[Path], *, device: str, dtype: NumberType, rounds: int
) -> tuple[list[Figures], list[Figures]]:
    """The figures of the runner and those of diffusers, one for each round. Raises RunError as a run does."""
    with TemporaryDirectory() as place:
        kept = _save(job, models, Path(place), device, dtype)
        setup = Setup(job.model_dump_json(), tuple(models), kept, device, dtype)
        pairs = [(_apart(_ours, setup), _apart(_theirs, setup)) for _ in range(rounds)]
    return [ours for ours, _ in pairs], [theirs for _, theirs in pairs]


def middle(figures: Sequence[Figures]) -> Figures:
    """The median of each figure."""
    return Figures(
        load=median(each.load for each in figures),
        again=median(each.again for each in figures),
        step=median(each.step for each in figures),
        call=median(each.call for each in figures),
        image=median(each.image for each in figures),
        memory=round(median(each.memory for each in figures)),
    )


def _apart(work: Callable[[Setup], Figures], setup: Setup) -> Figures:
    """The work in a process of its own, whose memory nothing else has touched."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(work, setup).result()


def _save(job: Job, models: Sequence[Path], folder: Path, device: str, dtype: NumberType) -> Kept:
    """The job's checkpoint as diffusers keeps it, its numbers in the format that its file has them in.

    Raises RunError for families whose pipelines are not measured.
    """
    runner = Runner(models, device=device, dtype=dtype)
    if job.assets.checkpoint is None:
        raise RunError(diagnose("PC574", found="no checkpoint"))
    checkpoint = runner.shelf.weights(job.assets.checkpoint).checkpoint
    if not _is_measured(checkpoint):
        raise RunError(diagnose("PC574", found=checkpoint.family or checkpoint.base))
    watch = Asking()
    with suppress(Cancelled):
        runner.run(job, watch)
    disable_progress_bar()  # type: ignore[no-untyped-call]  # transformers has no type for it
    kept = _format(checkpoint.path, DTYPES[dtype])
    texts = {f"text_{number}": model for number, model in enumerate(checkpoint.text_encoders)}
    for name, model in {"model": checkpoint.unet, "vae": checkpoint.vae, **texts}.items():
        nn.Module.to(model, kept)
        cast("ModelMixin | PreTrainedModel", model).save_pretrained(folder / name)
    kinds = cast("tuple[type[TextModel], ...]", tuple(type(model) for model in checkpoint.text_encoders))
    return Kept(folder, checkpoint.base, kinds, watch.rows // job.batch.size, watch.words)


def _is_measured(checkpoint: Checkpoint) -> bool:
    """Whether diffusers' parts are called for its family, and it has all of its encoders."""
    way = WAYS.get(checkpoint.base)
    return way is not None and isinstance(checkpoint.unet, way.model) and len(checkpoint.text_encoders) in way.encoders


def _format(file: Path, otherwise: torch.dtype) -> torch.dtype:
    """The number format of most of the weights in a file; `otherwise` for folders and for packed numbers."""
    sizes = Counter[str]()
    for info in read_header(file).tensors.values() if file.suffix.lower() in HEADED else ():
        sizes[info.dtype] += info.end - info.start
    found = FORMATS.get(max(sizes, key=lambda name: sizes[name], default=""), otherwise)
    return found if found in DTYPES.values() else otherwise


def _ours(setup: Setup) -> Figures:
    """The runner: a job of one step to load everything, then the job itself with another text."""
    clock, job = _clock(setup), Job.model_validate_json(setup.job)
    first, second = Stopwatch(clock), Stopwatch(clock)
    begin = clock()
    runner = Runner(setup.models, device=setup.device, dtype=setup.dtype)
    runner.run(job.replace({"sampling.steps": 1}), first)
    if job.assets.checkpoint is None:
        raise RunError(diagnose("PC574", found="no checkpoint"))
    _time_calls(runner.shelf.weights(job.assets.checkpoint).checkpoint.unet, second)
    again = median(_start(runner, job.replace({"prompt": text}), clock) for text in OTHERS)
    runner.run(job, second)
    image = clock() - second.starts[0]
    return Figures(
        first.starts[0] - begin,
        again,
        median(second.steps),
        median(second.calls[:-1]),
        image,
        _peak(setup),
    )


def _start(runner: Runner, job: Job, clock: Callable[[], float]) -> float:
    """Seconds until the first step of a job, of which no more is run."""
    watch, begin = Starting(clock), clock()
    with suppress(Cancelled):
        runner.run(job, watch)
    return watch.at - begin


def _theirs(setup: Setup) -> Figures:
    """The parts of a pipeline of diffusers, called one after the other, with its own scheduler."""
    clock, job = _clock(setup), Job.model_validate_json(setup.job)
    first, second = Stopwatch(clock), Stopwatch(clock)
    begin = clock()
    disable_progress_bar()  # type: ignore[no-untyped-call]  # transformers has no type for it
    plain = Plain(setup.kept, DTYPES[setup.dtype], setup.device)
    with torch.inference_mode():
        plain.paint(job, 1, first.starts_step)
        again = clock()
        plain.paint(job, job.sampling.steps or 1, second.starts_step)
    image = clock() - second.starts[0]
    return Figures(first.starts[0] - begin, second.starts[0] - again, median(second.steps), 0.0, image, _peak(setup))


def _time_calls(model: torch.nn.Module, watch: Stopwatch) -> None:
    """Add up the time that the network takes in each step."""
    entered: list[float] = []

    def enter(module: torch.nn.Module, inputs: object) -> None:
        entered.append(watch.clock())

    def leave(module: torch.nn.Module, inputs: object, output: object) -> None:
        watch.calls[-1] += watch.clock() - entered.pop()

    model.register_forward_pre_hook(enter)
    model.register_forward_hook(leave)


def _clock(setup: Setup) -> Callable[[], float]:
    """Processor time where that is what the work takes; a graphics card is waited for."""
    if torch.device(setup.device).type == "cpu":
        return process_time

    def waited() -> float:
        torch.cuda.synchronize()
        return perf_counter()

    return waited


def _peak(setup: Setup) -> int:
    if torch.device(setup.device).type == "cuda":
        return torch.cuda.max_memory_allocated()
    lines = STATUS.read_text(encoding="utf-8").splitlines() if STATUS.exists() else ()
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM")), 0)
