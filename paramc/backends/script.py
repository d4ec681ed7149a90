"""A script as plain values, ready to be printed: what the selection decides and the template says.

Text is source code throughout, made from the target's tables and from the names of constants; what the user wrote is
found in the values of constants alone.
"""

from dataclasses import dataclass

from paramc.backends.literals import Value
from paramc.backends.pipelines import ModelRow


@dataclass(frozen=True, slots=True)
class Constant:
    """A line at the top of the script, with a remark above it."""

    name: str
    value: Value
    note: str = ""


@dataclass(frozen=True, slots=True)
class Call:
    """A class and its arguments, source text."""

    name: str
    arguments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LatentEnlargement:
    """The latents of the first pass interpolated; `rows` and `columns` are what is kept of them, empty for all."""

    arguments: tuple[str, ...]
    rows: str = ""
    columns: str = ""


@dataclass(frozen=True, slots=True)
class PictureEnlargement:
    """Finished pictures resized to `size` by a filter of Pillow's, then cut to `box` where there is one.

    `scale` is a factor that `size` may speak of, empty where it does not.
    """

    size: tuple[str, str]
    filter: str
    box: tuple[str, ...] = ()
    scale: str = ""


@dataclass(frozen=True, slots=True)
class Start:
    """The picture that an image-to-image pass begins with, and how it is brought to size."""

    resize: str


@dataclass(frozen=True, slots=True)
class Pass:
    """One call of a pipeline. Without a scheduler it shares the first pass's."""

    pipeline: str
    arguments: tuple[str, ...]
    scheduler: Call | None = None
    start: Start | None = None
    latent: LatentEnlargement | None = None
    picture: PictureEnlargement | None = None


@dataclass(frozen=True, slots=True)
class Script:
    """Everything that the template prints, in plain values. Without passes, a finished picture is enlarged."""

    model: ModelRow
    constants: tuple[Constant, ...]
    passes: tuple[Pass, ...]
    dtype: str
    device: str  # empty: whatever the machine has
    single_file: bool
    local_files: bool
    vae: bool
    networks: bool
    batch: bool
    encodes: bool  # prompts are embedded by the script itself, from an earlier layer
    finish: tuple[PictureEnlargement, ...]
