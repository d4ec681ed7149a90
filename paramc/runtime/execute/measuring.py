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
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from torch import Tensor, nn
from transformers import CLIPTextModel
from transformers.utils.logging import disable_progress_bar

from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import RunError
from paramc.ir.job import Job
from paramc.runtime.catalogue.header import HEADED, read_header
from paramc.runtime.execute.runner import DTYPES, NumberType, Runner
from paramc.runtime.execute.watch import Cancelled, Progress, Unwatched
from paramc.runtime.models.tensors import DTYPES as FORMATS

STATUS: Final = Path("/proc/self/status")
BODY: Final = 75  # tokens of a text between its first and its last, which are the same work whatever they say
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
    """What both sides are given. `folder`: the same weights as diffusers keeps them."""

    job: str
    models: tuple[Path, ...]
    folder: Path
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
        self.starts.append(self.clock())
        self.calls.append(0.0)

    @property
    def steps(self) -> list[float]:
        """Seconds of each step but the last."""
        return [end - start for start, end in zip(self.starts, self.starts[1:], strict=False)]


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
        _save(job, models, Path(place), device, dtype)
        setup = Setup(job.model_dump_json(), tuple(models), Path(place), device, dtype)
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


def _save(job: Job, models: Sequence[Path], folder: Path, device: str, dtype: NumberType) -> None:
    """The job's checkpoint as diffusers keeps it, its numbers in the format that its file has them in.

    Raises RunError for families whose pipelines are not measured.
    """
    runner = Runner(models, device=device, dtype=dtype)
    if job.assets.checkpoint is None:
        raise RunError(diagnose("PC574", found="no checkpoint"))
    checkpoint = runner.shelf.weights(job.assets.checkpoint).checkpoint
    if not isinstance(checkpoint.unet, UNet2DConditionModel) or len(checkpoint.text_encoders) != 1:
        raise RunError(diagnose("PC574", found=checkpoint.family))
    disable_progress_bar()  # type: ignore[no-untyped-call]  # transformers has no type for it
    kept = _format(checkpoint.path, DTYPES[dtype])
    parts = {"unet": checkpoint.unet, "vae": checkpoint.vae, "text_encoder": checkpoint.text_encoders[0]}
    for name, model in parts.items():
        nn.Module.to(model, kept)
        model.save_pretrained(folder / name)


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
    plain = _plain(setup)
    with torch.inference_mode():
        plain(job, 1, first)
        again = clock()
        plain(job, job.sampling.steps or 1, second)
    image = clock() - second.starts[0]
    return Figures(first.starts[0] - begin, second.starts[0] - again, median(second.steps), 0.0, image, _peak(setup))


def _plain(setup: Setup) -> Callable[[Job, int, Stopwatch], None]:
    dtype, device = DTYPES[setup.dtype], setup.device
    disable_progress_bar()  # type: ignore[no-untyped-call]  # transformers has no type for it
    unet = cast(UNet2DConditionModel, UNet2DConditionModel.from_pretrained(setup.folder / "unet", torch_dtype=dtype))
    vae = cast(AutoencoderKL, AutoencoderKL.from_pretrained(setup.folder / "vae", torch_dtype=dtype))
    text = CLIPTextModel.from_pretrained(setup.folder / "text_encoder", dtype=dtype)
    for model in (unet, vae, text):
        model.to(device).requires_grad_(False).eval()  # type: ignore[arg-type]  # transformers leaves out devices

    def paint(job: Job, steps: int, watch: Stopwatch) -> None:
        count, size = job.batch.size, job.size or (512, 512)
        last = text.config.vocab_size - 1  # where CLIP's vocabularies end a text; its start is the one before
        tokens = torch.tensor([[last - 1, *[0] * BODY, last]] * 2, device=device)
        prompts = text(tokens)[0].repeat_interleave(count, dim=0)
        scheduler = DDIMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear")
        scheduler.set_timesteps(steps, device=device)
        x = torch.randn(count, 4, size[1] // 8, size[0] // 8).to(device, dtype) * scheduler.init_noise_sigma
        for number, time in enumerate(scheduler.timesteps):
            watch.evaluates(x, time, Progress("plain", number, steps))
            rows = scheduler.scale_model_input(torch.cat([x, x]), int(time))
            without, towards = unet(rows, time, encoder_hidden_states=prompts, return_dict=False)[0].chunk(2)
            guided = without + (job.sampling.cfg_scale or 1.0) * (towards - without)
            x = cast(Tensor, scheduler.step(guided, int(time), x, return_dict=False)[0])
        vae.decode(cast(torch.FloatTensor, x / float(vae.config["scaling_factor"])), return_dict=False)

    return paint


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
