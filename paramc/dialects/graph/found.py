"""What a trace finds in a graph, before it becomes a Job."""

from dataclasses import dataclass, field
from typing import NamedTuple

from paramc.dialects.graph.model import Link, Node
from paramc.dialects.graph.values import Json


class Found(NamedTuple):
    """A value and the widget that it stands in; computed ones stand in none (`node` is empty)."""

    value: Json
    node: str = ""
    input: str = ""


NOTHING_FOUND = Found(None)


class Picture(NamedTuple):
    """The file that a chain of pictures begins with, and the last preprocessor on the way."""

    file: Found = NOTHING_FOUND
    maker: Node | None = None


NO_PICTURE = Picture()


class Mask(NamedTuple):
    """A mask as it lies in a file; without a channel it is a picture that has several."""

    file: Found
    channel: Found
    is_inverted: bool


class Lora(NamedTuple):
    """A network laid over model and text encoder; an absent strength is 1."""

    node: str
    file: Found
    unet: Found
    text_encoder: Found


@dataclass(slots=True)
class ModelChain:
    """What a MODEL, CLIP or VAE is made of, from its user down to the file."""

    nodes: list[str] = field(default_factory=list)
    file: Found = NOTHING_FOUND
    bare: bool = False  # a diffusion model without encoders
    dtype: Found = NOTHING_FOUND
    loras: list[Lora] = field(default_factory=list)
    files: list[Found] = field(default_factory=list)  # text encoders
    layer: Found = NOTHING_FOUND
    shift: Found = NOTHING_FOUND
    rescale: Found = NOTHING_FOUND
    zsnr: Found = NOTHING_FOUND
    hypernets: list[tuple[Found, Found]] = field(default_factory=list)
    merging: Found = NOTHING_FOUND
    hypertile: list[tuple[str, Found]] = field(default_factory=list)
    patches: dict[str, dict[str, Found]] = field(default_factory=dict)  # by kind, what its node says by field
    soft: bool = False  # a mask counts by degrees
    adapters: list["ControlUse"] = field(default_factory=list)  # pictures that change the model


class Leaf(NamedTuple):
    """A text that is encoded. `a1111`: its node reads it by A1111's rules."""

    text: Found
    node: str
    clip: Link | None = None
    a1111: bool = False


class Placed(NamedTuple):
    """Where a text counts: a rectangle, its unit by name, and a mask, with the nodes that say so."""

    placing: str = ""
    masking: str = ""
    unit: str = ""
    x: Found = NOTHING_FOUND
    y: Found = NOTHING_FOUND
    width: Found = NOTHING_FOUND
    height: Found = NOTHING_FOUND
    mask: Mask | None = None
    mask_strength: Found = NOTHING_FOUND
    fits_mask: bool = False


class Part(NamedTuple):
    """One entry of a conditioning: texts joined to one, a weight, and a share of the time in which it counts."""

    leaves: tuple[Leaf, ...]
    weight: Found = NOTHING_FOUND
    start: Found = NOTHING_FOUND
    end: Found = NOTHING_FOUND
    guidance: Found = NOTHING_FOUND
    zero: bool = False
    area: Placed | None = None


class ControlUse(NamedTuple):
    """A picture that steers a conditioning or changes a model. `kind`: how it is made ready, `settings`: by what."""

    node: str
    file: Found
    image: Found
    strength: Found
    start: Found
    end: Found
    kind: str = ""
    settings: tuple[tuple[str, Found], ...] = ()


@dataclass(slots=True)
class Conditioning:
    """What a CONDITIONING comes to. `earlier` are latents that it is made with, the results of other passes perhaps.

    `references`: pictures that the model looks at.
    """

    parts: tuple[Part, ...] = ()
    controls: tuple[ControlUse, ...] = ()
    earlier: tuple[Link, ...] = ()
    references: tuple[Found, ...] = ()


@dataclass(slots=True)
class Start:
    """Where the latent of a pass comes from: nothing, a picture, or an earlier pass, and what was done to it."""

    kind: str = "unknown"  # empty, image, pass
    before: "Pass | None" = None
    width: Found = NOTHING_FOUND
    height: Found = NOTHING_FOUND
    batch: Found = NOTHING_FOUND
    image: Found = NOTHING_FOUND
    mask: Found = NOTHING_FOUND
    mask_blur: Found = NOTHING_FOUND
    mask_inverted: bool = False
    is_masked: bool = False
    is_part: bool = False  # of the picture, cut out and resized
    fill: str = "original"  # what the masked part begins with, in the words of the Job
    method: Found = NOTHING_FOUND
    in_latent: bool = False
    upscaler: Found = NOTHING_FOUND
    scale: Found = NOTHING_FOUND
    in_all: bool = False  # `scale` is by how much it is larger in all, what a model does to it included
    target: tuple[Found, Found] | None = None
    cut: Found = NOTHING_FOUND  # what becomes of the excess when the shape changes


@dataclass(slots=True, eq=False)
class Pass:
    """One sampler node and all that goes into it."""

    node: Node
    model: ModelChain = field(default_factory=ModelChain)
    clips: list[ModelChain] = field(default_factory=list)  # what its texts are encoded by
    positive: Conditioning = field(default_factory=Conditioning)
    negative: Conditioning | None = None
    start: Start = field(default_factory=Start)
    seed: Found = NOTHING_FOUND
    generator: Found = NOTHING_FOUND
    second_seed: Found = NOTHING_FOUND  # of noise that is mixed into the first
    second_share: Found = NOTHING_FOUND
    steps: Found = NOTHING_FOUND
    cfg: Found = NOTHING_FOUND
    image_cfg: Found = NOTHING_FOUND
    sampler: Found = NOTHING_FOUND
    schedule: Found = NOTHING_FOUND
    strength: Found = NOTHING_FOUND
    first_step: Found = NOTHING_FOUND
    last_step: Found = NOTHING_FOUND
    share: Found = NOTHING_FOUND  # of the schedule, which is so long that just the steps behind `first_step` are run
    adds_noise: Found = NOTHING_FOUND
    leftover: Found = NOTHING_FOUND
    cleaned: bool = False  # the last of its levels is made 0
    eta: Found = NOTHING_FOUND
    s_noise: Found = NOTHING_FOUND
    sigma_min: Found = NOTHING_FOUND
    sigma_max: Found = NOTHING_FOUND
    rho: Found = NOTHING_FOUND
    alpha: Found = NOTHING_FOUND
    beta: Found = NOTHING_FOUND
    plain_start: bool = False  # the first sigma is set just below the largest


@dataclass(slots=True)
class Result:
    """One output of a graph: its passes in the order in which they run, and every node that it is made of."""

    node: Node
    passes: list[Pass] = field(default_factory=list)
    vae: ModelChain | None = None
    image: Found = NOTHING_FOUND  # a picture that no pass made
    finish: list[tuple[str, Node]] = field(default_factory=list)  # what is done to the picture, in order
    nodes: list[str] = field(default_factory=list)
    opaque: list[str] = field(default_factory=list)  # nodes whose effect is not known
