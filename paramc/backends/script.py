"""A script as plain values, ready to be printed: what the selection decides and the template says.

Text is source code throughout, made from the target's tables and from the names of constants; what the user wrote is
found in the values of constants alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

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

    `scale` is a factor that `size` may speak of, empty where it does not. `cells` are the rows and columns that are
    kept of the encoded picture where a UI cuts that instead.
    """

    size: tuple[str, str]
    filter: str
    box: tuple[str, ...] = ()
    scale: str = ""
    evens: bool = False  # a UI's filter makes sides of whole cells first
    cells: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Eyes:
    """How an image encoder and the adapters that go with it are loaded, source text."""

    encoder: str
    place: tuple[str, ...]  # the encoder's repository, and the folder in it
    parts: Mapping[str, str]  # of the pipeline, beside the encoder
    loading: Mapping[str, str]  # keywords of the loading of adapters


@dataclass(frozen=True, slots=True)
class Start:
    """The picture that an image-to-image pass begins with, and how it is brought to size; empty: it stays as it is."""

    resize: str


@dataclass(frozen=True, slots=True)
class Mask:
    """What of the start is painted anew: the white of a picture, or with `inverts` its black."""

    inverts: bool
    fill: str = "original"  # what stands there when painting begins
    pads: bool = False  # the masked part is painted alone, with some of what is around it


@dataclass(frozen=True, slots=True)
class Texts:
    """Prompts that the script encodes by itself: the arguments of each encoding, none for a prompt that is not seen."""

    positive: tuple[str, ...]
    negative: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Encoding:
    """How the script encodes prompts by itself.

    `encoders` are the names of the parts that do it, `layer` the source of the state that is taken from them.
    """

    encoders: tuple[str, ...]
    layer: str
    is_normed: bool
    backtrack: int  # tokens that may move behind a comma at the end of a chunk
    names_ends: bool = False  # texts have the names of start and end in them, which count
    mended: tuple[str, ...] = ()  # by encoder, the function that texts are mended by; none where they are plain
    words: tuple[str, ...] = ()  # what files of learned words call the encoders, none where no word is used
    long: str = ""  # the encoder beside them that takes texts as a whole, empty for none
    least: int = 0  # … the tokens that it is given at the least
    alone: bool = False  # … and whether those of the others do not count
    folds: bool = False  # … and whether there are letters in the texts that its tokeniser does not know
    groups: bool = False  # few tokens of one weight stay together in a chunk
    moves: bool = False  # weights move vectors away from those of an empty text

    @property
    def is_pooled(self) -> bool:
        """Is something said of a text as a whole?"""
        return len(self.encoders) > 1 or bool(self.long)


@dataclass(frozen=True, slots=True)
class Unit:
    """A picture that steers a loop: its place among the constants, how it is brought to size, and what counts more."""

    number: int
    resize: str
    priority: str


@dataclass(frozen=True, slots=True)
class Loop:
    """A pass that the script samples by itself, with the runner's functions: source text, empty where nothing is said.

    walk: the schedule's function and its arguments. skipped: steps that a pass on a picture leaves out.
    """

    sampler: str
    levels: str
    own: str  # the levels of the network's timesteps, where those are others
    alphas: str
    on_timesteps: bool
    walk: tuple[str, ...]
    drops: bool  # the last level but one is left out
    steps: str
    skipped: str
    spacing: str  # of the times of a sampler that walks along them
    knobs: tuple[str, ...]
    quirks: tuple[str, ...]
    estimate: str
    rounds: bool  # timesteps become levels of the table
    guidance: tuple[str, ...]
    is_simple: bool  # two texts guide every evaluation
    is_alone: bool  # one text does, and no other is evaluated
    padding: str  # how prompts of different length are brought to one
    stream: str  # what opens a stream
    open: str  # … of `seed`
    spec: tuple[str, ...]
    is_brownian: bool
    is_leftover: bool  # noise of the steps comes from the generator that the streams leave behind
    leaves: bool  # … and so does the random part of the picture that the pass encodes
    multiplier: str
    extra: str
    scales_by_vp: bool
    silences: bool  # the negative prompt is zeros
    is_flow: bool = False  # data and noise are mixed along a line
    leads_nowhere: bool = False  # of a strength of 0 no step is left: what goes in comes out
    units: tuple[Unit, ...] = ()  # pictures that steer
    by_time: bool = False  # … between shares of the timesteps, not of the steps
    renoises: bool = False  # what a mask leaves alone is noised to each level
    fits_late: bool = False  # odd latents are fitted behind the convolution that doubles them
    is_one_text: tuple[bool, bool] = (True, True)  # the prompt, the negative prompt
    has_places: bool = False  # prompts count in parts of the picture
    refined: str = ""  # the share that is done, of which a refiner takes over at some; empty where none does
    finer: str = ""  # the estimate of the refiner
    merging: str = ""  # the share of tokens that are merged, empty where that stays as it was
    rescaling: str = ""  # of what the spread is brought back, empty where guidance is not rescaled
    varies: bool = False  # every picture has a seed of its variation
    per_batch: bool = False  # one stream draws for the whole batch
    reseeds: bool = False  # … and another one of the same seed for the steps
    from_the_top: bool = False  # noise is scaled by variance only where the pass begins at the greatest level
    part: str = ""  # which levels are walked, in brackets; empty for all
    ends_clean: bool = False  # … the last of which is taken for 0
    mask_noise: str = ""  # what a mask leaves alone has the noise of the start, or another; empty where none
    ends_early: bool = False  # the last level stands for 0
    hint: str = "hint"  # what brings pictures that steer to size


@dataclass(frozen=True, slots=True)
class Refiner:
    """A second pipeline that goes on with the first one's latents; `loader` makes it from its file or repository."""

    pipeline: str
    loader: str
    arguments: tuple[str, ...]
    decodes: bool = False  # its VAE makes the picture, where the script samples by itself


@dataclass(frozen=True, slots=True)
class Pass:
    """One call of a pipeline. Without a scheduler or texts it shares the first pass's."""

    pipeline: str
    arguments: tuple[str, ...]
    texts: Texts | None = None
    loop: Loop | None = None
    names: Mapping[str, str] = field(default_factory=dict)  # of the constants, by quantity
    scheduler: Call | None = None
    start: Start | None = None
    mended: str = ""  # a statement that its pipeline needs, empty for most
    encodes: bool = True  # the start is handed over as a latent
    mask: Mask | None = None
    control: str = ""  # how pictures that steer are brought to size, empty where none does
    adapters: int = 0  # T2I-Adapters that they steer through; the others are ControlNets
    scales: str = ""  # how much pictures count that it is shown as prompts, source text; empty for as much as before
    strengths: str = ""  # those of the networks, source text; empty for the same as before
    latent: LatentEnlargement | None = None
    picture: PictureEnlargement | None = None


@dataclass(frozen=True, slots=True)
class Script:
    """Everything that the template prints, in plain values. Without passes, a finished picture is enlarged."""

    model: ModelRow
    constants: tuple[Constant, ...]
    passes: tuple[Pass, ...]
    dtype: str
    is_whole_on_cpu: bool  # float32 there, where half precision is slow and some operations lack it
    device: str  # empty: whatever the machine has
    single_file: bool
    local_files: bool
    is_offloaded: bool  # parts come to the device when they are needed
    switches: tuple[str, ...]  # statements behind loading
    names_files: bool  # by a pattern
    has_folder: bool  # pictures go to one
    net: str  # how what steers is loaded
    eyes: Eyes | None  # what looks at pictures that are shown as prompts, None where there are none
    tiles: bool  # edges meet
    weighs: tuple[str, ...]  # the arguments by which the model's halves are weighed, none where they are not
    quantized: str  # the configuration of weights of fewer bits, source text, empty for none
    vae: str  # how the VAE of its own is loaded, empty for none
    networks: bool
    embeddings: bool
    refiner: Refiner | None
    batch: bool
    one_stream: bool  # of noise, for all its pictures
    is_placed: bool  # the seed is not that of the batch's first picture
    encodes: bool  # prompts are embedded by the script itself, from an earlier layer
    encoding: Encoding | None  # … or in all that they say
    finish: tuple[PictureEnlargement, ...]

    @property
    def is_guided_simply(self) -> bool:
        """Do two texts, or one, guide every evaluation of every pass?"""
        loops = [item.loop for item in self.passes]
        return all(loop is not None and (loop.is_simple or loop.is_alone) for loop in loops)

    @property
    def has_places(self) -> bool:
        """Do prompts count in parts of the picture, in any pass?"""
        return any(item.loop is not None and item.loop.has_places for item in self.passes)

    @property
    def count(self) -> str:
        """How many pictures are painted at once, source text."""
        return "len(SEEDS)" if not self.one_stream else "BATCH_SIZE" if self.batch else "1"

    @property
    def distils_anew(self) -> bool:
        """Does each pass have a distilled guidance of its own?"""
        return len({item.names.get("distilled") for item in self.passes}) > 1

    @property
    def draws_from_streams(self) -> bool:
        """Does each picture draw all its noise from one stream, as it comes?"""
        loops = [item.loop for item in self.passes if item.loop is not None]
        return not any(loop.spec or loop.is_brownian or loop.is_leftover or loop.per_batch for loop in loops)
