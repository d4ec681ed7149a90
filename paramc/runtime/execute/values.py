"""What flows between the ops of a Plan."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, TypeAlias

from PIL import Image, ImageOps
from torch import Tensor

from paramc.ir.control import Patch, PromptArea
from paramc.ir.geometry import Size
from paramc.ir.plan import EncodeImage, LoadImage, MakeNoise, Sigmas, Slice
from paramc.runtime.control.flow_steering import TransformerUnit
from paramc.runtime.control.steering import UnetUnit
from paramc.runtime.denoise.prompts import Branch
from paramc.runtime.models.checkpoint import Checkpoint
from paramc.runtime.models.networks import Applied
from paramc.runtime.stages.sizes import Box

BACKGROUND: Final = (255, 255, 255)  # behind what of a picture is transparent


def flattened(picture: Image.Image) -> Image.Image:
    """RGB, on white where it is transparent, turned as its EXIF says."""
    picture = ImageOps.exif_transpose(picture)
    if picture.mode == "P" and "transparency" in picture.info:
        picture = picture.convert("RGBA")
    if picture.mode in ("RGBA", "LA"):
        whole = Image.new("RGBA", picture.size, (*BACKGROUND, 255))
        whole.alpha_composite(picture.convert("RGBA"))
        picture = whole
    return picture.convert("RGB")


@dataclass(frozen=True, slots=True, eq=False)
class Laid:
    """A network from a file, its strengths, and the steps [first, last) on which it changes the diffusion model."""

    path: Path
    applied: Applied
    first_step: int | None = None
    last_step: int | None = None

    def at(self, step: int) -> Applied:
        """The network as it acts on a step, from 0."""
        acts = (self.first_step or 0) <= step and (self.last_step is None or step < self.last_step)
        return self.applied if acts else replace(self.applied, unet_strength=0.0)


@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """A checkpoint with what is laid over it. The tensors themselves are shared: see `Shelf.ready`.

    modules: files of encoders and a VAE beside it.
    """

    path: Path
    checkpoint: Checkpoint
    modules: tuple[Path, ...] = ()
    networks: tuple[Laid, ...] = ()
    patches: tuple[Patch, ...] = ()

    @property
    def changes(self) -> bool:
        """Whether what is laid over it changes from step to step."""
        return any(laid.first_step is not None or laid.last_step is not None for laid in self.networks)


@dataclass(frozen=True, slots=True, eq=False)
class Painter:
    """A VAE: `encode` takes (batch, 3, height, width) in [-1, 1], `decode` gives it; latents are scaled."""

    encode: Callable[[Tensor], Tensor]
    decode: Callable[[Tensor], Tensor]


@dataclass(frozen=True, slots=True, eq=False)
class Guide:
    """Encoded texts as the denoiser wants them. empty: the empty prompt, (1, 77, width), for padding.

    controls: the pictures that steer beside the texts. areas: where each branch counts; empty: everywhere.
    """

    branches: tuple[Branch, ...]
    empty: Callable[[], Tensor]
    controls: tuple[UnetUnit | TransformerUnit, ...] = ()
    areas: tuple[PromptArea | None, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Opened:
    """A picture of the user's, as it lies in its file, and the op that says how it is brought to size."""

    op: LoadImage
    picture: Image.Image

    def plain(self) -> "Pictures":
        """The picture itself, RGB, on white where it is transparent."""
        return Pictures((flattened(self.picture),))


@dataclass(frozen=True, slots=True, eq=False)
class Pictures:
    """Pictures of a batch, RGB, of one size. excess: rows and columns of their latent that are to be cut away."""

    images: tuple[Image.Image, ...]
    excess: tuple[int, int] = (0, 0)


@dataclass(frozen=True, slots=True, eq=False)
class Numbers:
    """Pictures of a batch that were not rounded: (batch, 3, height, width) in [0, 1]."""

    values: Tensor


@dataclass(frozen=True, slots=True, eq=False)
class ToEncode:
    """A picture on its way into a latent; a mask may still change it before."""

    op: EncodeImage
    source: Opened | Pictures | Numbers
    painter: Painter


@dataclass(frozen=True, slots=True, eq=False)
class Overlay:
    """What of the user's picture is laid over the result.

    picture: RGBA, what the mask leaves alone; part: where the result goes in it. whole: the picture itself, RGB.
    """

    picture: Image.Image
    part: Box | None
    whole: Image.Image


@dataclass(frozen=True, slots=True, eq=False)
class Latent:
    """Latents of a batch, or the room for them.

    shape: (channels, height, width) in cells. values: (batch, *shape), or None before anything is sampled.
    mask: (1, 1, height, width), 1 where the picture is painted anew. concat: further input channels of models that fill
    or paint after a picture, (1, channels, height, width). reference: the latent of a picture of another size that is
    looked at, (1, channels, its height, its width). cell: pixels of a side that one number stands for.
    """

    shape: tuple[int, int, int]
    batch: int
    values: Tensor | None = None
    mask: Tensor | None = None
    concat: Tensor | None = None
    reference: Tensor | None = None
    overlay: Overlay | None = None
    soft: "Softness | None" = None
    fills_with_noise: bool = False
    cell: int = 8

    @property
    def size(self) -> Size:
        """In pixels."""
        return Size(self.shape[2] * self.cell, self.shape[1] * self.cell)


@dataclass(frozen=True, slots=True)
class Softness:
    """Soft inpainting's settings that act while sampling, and those that act on the finished picture."""

    bias: float
    preservation: float
    contrast: float
    influence: float
    threshold: float
    difference_contrast: float


Value: TypeAlias = (
    Weights | Painter | Guide | Opened | Pictures | Numbers | ToEncode | Latent | MakeNoise | Sigmas | Slice
)
