"""What paints jobs one after the other, and shows on a terminal how far it is."""

import gc
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Final

from paramc.api import open_runner
from paramc.commands.parser import Arguments
from paramc.commands.sources import grammar_folders, model_folders, target_folders
from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import RunError
from paramc.ir.job import Job
from paramc.presentation.blocks import WIPE, Pixel, above, below, blocks
from paramc.presentation.console import Console
from paramc.resources import write_atomically

if TYPE_CHECKING:
    from PIL.Image import Image

    from paramc.runtime.execute.runner import Ran, Runner
    from paramc.runtime.execute.watch import Progress

WIDTH: Final = 24  # cells of a preview, and the pixels that it is high at the most


class Painter:
    """Paints as the command line asks for it. The runner is made when the first picture is really to be painted.

    leaves: finished pictures stay on the terminal where previews are asked for.
    """

    def __init__(self, arguments: Arguments, console: Console, *, leaves: bool = False) -> None:
        self._arguments, self._console, self._leaves = arguments, console, leaves
        self._runner: Runner | None = None

    def paint(self, job: Job, file: Path, show: "Callable[[Progress], None]") -> "Ran":
        """The pictures of a job; previews lie beside `file`, where the first is to go.

        Raises RunError, for a file that cannot be read as well, and OSError where a preview cannot be written.
        """
        if self._runner is None:
            self._runner = _runner_of(self._arguments)
        from paramc.runtime.execute.watch import Meter  # with torch, which only a run needs

        preview = Preview(file.with_suffix(".preview.png"), self._console)
        finished: Sequence[Image] = ()
        try:
            ran = self._runner.run(job, Meter(show, preview.show if self._arguments.preview else None))
            finished = ran.images if self._arguments.preview and self._leaves else ()
        except OSError as error:
            if error.filename == str(preview.file):
                raise
            raise RunError(
                diagnose("PC519", file=error.filename or "a file", reason=error.strerror or error)
            ) from error
        finally:
            preview.end(finished)
        return ran


def _runner_of(arguments: Arguments) -> "Runner":
    """Raises RunError where the libraries are not installed."""
    gc.enable()  # a process of a moment does without; this one may run for hours
    # before torch is loaded: threads that wait for the next piece of work sleep, or a busy machine is many times slower
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    return open_runner(
        model_folders(arguments),
        device=arguments.device,
        dtype=arguments.dtype,
        rng=arguments.rng,
        offload=arguments.offload,
        tile_vae=arguments.tile_vae,
        channels_last=arguments.channels_last,
        compile_model=arguments.compile_model,
        weights=arguments.weights,
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


class Preview:
    """A coarse picture of the work in hand: in a file, and under the line of progress on a terminal with colours."""

    def __init__(self, file: Path, console: Console) -> None:
        self.file, self._console = file, console

    def show(self, image: "Image") -> None:
        """In the place of the picture before."""
        from paramc.runtime.execute.saving import png_bytes

        write_atomically(self.file, png_bytes(image, {}))
        self._draw(image, below)

    def end(self, finished: Sequence["Image"] = ()) -> None:
        """Take it away; finished pictures stay on the terminal."""
        self.file.unlink(missing_ok=True)
        self._console.notify(WIPE)
        for image in finished:
            self._draw(image, above)

    def _draw(self, image: "Image", placed: Callable[[Sequence[str]], str]) -> None:
        screen = self._console.errors
        if screen.colour:
            self._console.notify(placed(blocks(_cells(image), fine=screen.fine)))


def _cells(image: "Image") -> list[list[Pixel]]:
    """The picture, brought to the width of a preview."""
    width, height = WIDTH, max(1, min(WIDTH, round(WIDTH * image.height / image.width)))
    data = image.convert("RGB").resize((width, height)).tobytes()
    pixels = [(data[at], data[at + 1], data[at + 2]) for at in range(0, len(data), 3)]
    return [pixels[row * width : (row + 1) * width] for row in range(height)]
