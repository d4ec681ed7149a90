"""What somebody outside may see of a run, and how it is stopped."""

from collections.abc import Callable
from typing import Final, NamedTuple, Protocol

from PIL import Image
from torch import Tensor

from paramc.runtime.denoise.conditioning import Conditioning
from paramc.runtime.execute.preview import previewed


class Cancelled(Exception):  # noqa: N818  # reads as what happened
    """The run was stopped from outside; nothing of the picture in hand is kept."""


class Progress(NamedTuple):
    """How far a pass is. `op` is its id in the Plan; calls are evaluations of the guided denoiser.

    `expected` is 0 for samplers that choose their own steps. `base` is the model's, by which previews are coloured.
    """

    op: str
    calls: int
    expected: int
    base: str = ""


class Watch(Protocol):
    """Is told what happens, in order. It may raise Cancelled from any of these."""

    def drew(self, noise: Tensor) -> None:
        """Normals came out of the streams of a batch, (batch, channels, height, width)."""
        ...

    def evaluates(self, x: Tensor, level: Tensor, progress: Progress) -> None:
        """The denoiser is about to see `x` at a level, 0-d: a sigma, or a timestep."""
        ...

    def networks(self, timesteps: Tensor, conditioning: Conditioning) -> None:
        """The network itself is called for some rows, with the timesteps (rows,) that it sees."""
        ...

    def predicted(self, clean: Tensor, progress: Progress) -> None:
        """A denoiser gave its guess at the clean latent: what a preview may show."""
        ...

    def decodes(self, latent: Tensor) -> None:
        """A finished latent is about to become pictures."""
        ...


class Unwatched:
    """Takes no notice."""

    def drew(self, noise: Tensor) -> None:
        """Nothing."""

    def evaluates(self, x: Tensor, level: Tensor, progress: Progress) -> None:
        """Nothing."""

    def networks(self, timesteps: Tensor, conditioning: Conditioning) -> None:
        """Nothing."""

    def predicted(self, clean: Tensor, progress: Progress) -> None:
        """Nothing."""

    def decodes(self, latent: Tensor) -> None:
        """Nothing."""


UNWATCHED: Final = Unwatched()


class Meter(Unwatched):
    """Tells how far a run is, and shows what is to be seen so far where somebody asks for it."""

    def __init__(
        self, progress: Callable[[Progress], None], preview: Callable[[Image.Image], None] | None = None
    ) -> None:
        self._progress = progress
        self._preview = preview

    def evaluates(self, x: Tensor, level: Tensor, progress: Progress) -> None:
        """Tells the progress."""
        self._progress(progress)

    def predicted(self, clean: Tensor, progress: Progress) -> None:
        """Shows the guess."""
        if self._preview is not None:
            self._preview(previewed(clean, progress.base))
