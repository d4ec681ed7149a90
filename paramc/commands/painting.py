"""What every verb that paints shares: the job asked for, the line of progress, names and bytes of pictures."""

import os
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path, PurePath
from time import monotonic
from typing import TYPE_CHECKING

from paramc.api import compile as compile_job
from paramc.api import open_runner
from paramc.commands.edits import edited
from paramc.commands.parser import Arguments
from paramc.commands.sources import grammar_folders, target_folders
from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import Diagnostic, RunError
from paramc.ir.base import json_of
from paramc.ir.job import Job
from paramc.passes.plan import DEFAULT_SIZE
from paramc.passes.resolve import stem_of
from paramc.presentation.blocks import WIPE, Pixel, above, below, blocks
from paramc.presentation.console import Console
from paramc.resources import write_atomically

if TYPE_CHECKING:
    from PIL.Image import Image

    from paramc.runtime.execute.runner import Runner
    from paramc.runtime.execute.watch import Progress

SETTINGS = "parameters"  # the keyword under which UIs look for their settings text
OURS = "paramc"
DEMO = "demo"  # the word for the shipped model
PREVIEW = 24  # cells that a preview is wide, and pixels that it is high at the most
DIGEST = 10  # hex digits of the settings in a file name


def runner_of(arguments: Arguments) -> "Runner":
    """What paints, as the command line asks for it. Raises RunError where the libraries are not installed."""
    # before torch is loaded: threads that wait for the next piece of work sleep, or a busy machine is many times slower
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    return open_runner(
        arguments.models,
        device=arguments.device,
        dtype=arguments.dtype,
        rng=arguments.rng,
        offload=arguments.offload,
        tile_vae=arguments.tile_vae,
        channels_last=arguments.channels_last,
        compile_model=arguments.compile_model,
        grammars=grammar_folders(arguments),
        targets=target_folders(arguments),
    )


class ProgressLine:
    """The line that tells how far a picture is."""

    def __init__(self, name: str, console: Console) -> None:
        self._name, self._console = name, console
        self._op, self._start = "", monotonic()

    def show(self, progress: "Progress") -> None:
        """Write over the line."""
        if progress.op != self._op:
            self._op, self._start = progress.op, monotonic()
        passed = monotonic() - self._start
        rate = f" · {progress.calls / passed:.2f} it/s" if progress.calls and passed > 0 else ""
        total = f" of {progress.expected}" if progress.expected else ""
        self._console.notify(f"\r{self._name} · {progress.op} {progress.calls + 1}{total}{rate}\x1b[K")


def asked(job: Job, arguments: Arguments) -> Job:
    """The job with what the command line says over it. Raises InvalidValue, RunError for a file that is not there."""
    job = edited(job, arguments)
    named = {"assets.checkpoint": _model(arguments), "assets.vae": arguments.vae}
    # Path raises where there is no such user, and for names that are too long
    files = {path: os.path.expanduser(file or "") for path, file in named.items()}  # noqa: PTH111
    for path, file in files.items():
        if file and not os.path.exists(file):  # noqa: PTH110
            raise RunError(diagnose("PC573", kind=path.removeprefix("assets."), file=file))
    values: dict[str, object] = {
        path: {"name": PurePath(file).name, "path": file} for path, file in files.items() if file
    }
    if arguments.seed is not None:
        values["noise.seed"] = arguments.seed
    return job.replace(values) if values else job


def _model(arguments: Arguments) -> str | None:
    """The file of the checkpoint: the one that was asked for, or the model that is shipped where that one was."""
    from paramc.runtime.demo.shipped import shipped_model

    return str(shipped_model()) if asks_for_demo(arguments) else arguments.model


def asks_for_demo(arguments: Arguments) -> bool:
    """Whether the shipped model is to paint; a file of its name in this folder goes first."""
    return arguments.model == DEMO and not Path(DEMO).exists()


def demo_remarks(job: Job) -> tuple[Diagnostic, ...]:
    """What a person should know who has a job painted by the shipped model that was not made for it."""
    from paramc.runtime.demo.shipped import SIDE

    said: list[Diagnostic] = []
    checkpoint = job.assets.checkpoint
    if checkpoint is not None and stem_of(checkpoint.name or "") != DEMO:
        said.append(diagnose("PC595", path="assets.checkpoint", name=checkpoint.name or "another"))
    size = job.size or DEFAULT_SIZE
    if max(size.width, size.height) > 2 * SIDE:
        said.append(diagnose("PC596", path="size", size=f"{size.width}x{size.height}", native=f"{SIDE}x{SIDE}"))
    return tuple(said)


def bare(job: Job) -> Job:
    """The job without where it comes from."""
    return job.model_copy(update={"ledger": (), "implied": (), "family": None})


def file_name(stem: str, job: Job, place: int) -> str:
    """A name that tells the settings apart, so that a later run knows what is finished."""
    digest = sha256(json_of(bare(job)).encode()).hexdigest()[:DIGEST]
    return f"{stem}-{digest}{f'-{place}' if place else ''}.png"


def picture_bytes(image: "Image", job: Job) -> bytes:
    """The picture as PNG, with the settings that make just this one."""
    from paramc.runtime.execute.saving import png_bytes  # only where something was painted

    text = (
        compile_job(job, "a1111").text.encode("utf-8", "backslashreplace").decode()
    )  # a lone surrogate is spelled out
    return png_bytes(image, {SETTINGS: text, OURS: json_of(job)})


class Preview:
    """A coarse picture of the work in hand: in a file, and under the line of progress on a terminal with colours."""

    def __init__(self, file: Path, console: Console) -> None:
        self._file, self._console = file, console

    def show(self, image: "Image") -> None:
        """In the place of the picture before."""
        from paramc.runtime.execute.saving import png_bytes

        write_atomically(self._file, png_bytes(image, {}))
        self._draw(image, below)

    def end(self, finished: Sequence["Image"] = ()) -> None:
        """Take it away; finished pictures stay on the terminal."""
        self._file.unlink(missing_ok=True)
        self._console.notify(WIPE)
        for image in finished:
            self._draw(image, above)

    def _draw(self, image: "Image", placed: Callable[[Sequence[str]], str]) -> None:
        screen = self._console.errors
        if screen.colour:
            self._console.notify(placed(blocks(_cells(image), fine=screen.fine)))


def _cells(image: "Image") -> list[list[Pixel]]:
    """The picture, brought to the width of a preview."""
    width, height = PREVIEW, max(1, min(PREVIEW, round(PREVIEW * image.height / image.width)))
    data = image.convert("RGB").resize((width, height)).tobytes()
    pixels = [(data[at], data[at + 1], data[at + 2]) for at in range(0, len(data), 3)]
    return [pixels[row * width : (row + 1) * width] for row in range(height)]
