"""The classes of a library by model family: pipelines.toml as typed rows."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from paramc.tables import Table, TableError, as_row, merged, read_table, rows, section


@dataclass(frozen=True, slots=True)
class ConstantRow:
    """What a script calls a quantity at its top, and a remark above it."""

    quantity: str
    name: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class PipelineRow:
    """A pipeline class, and the quantity behind each keyword of its call, in the order of the script."""

    pipeline: str
    arguments: Mapping[str, str]
    told: Mapping[str, str] = field(default_factory=dict)  # further keywords, source text
    adapts: bool = True  # it takes networks and learns words, where its model does
    is_bare: bool = False  # it is loaded without what the model's others are told
    mended: str = ""  # a statement behind loading, without which it fails


@dataclass(frozen=True, slots=True)
class ImagePromptRow:
    """How adapters that take a picture as a prompt are loaded for a model, and what they look at it with.

    `files` are those of a repository of adapters, in its `folder`; `others` names the folders of image encoders by how
    the names of files end that need another one.
    """

    encoder: str  # class of the image encoder
    eyes: str  # … its repository
    eyes_folder: str = ""  # … and where it lies in there
    loading: Mapping[str, str] = field(default_factory=dict)  # further keywords of loading, source text
    parts: Mapping[str, str] = field(default_factory=dict)  # of the pipeline, source text
    repository: str = ""
    folder: str = ""
    files: tuple[str, ...] = ()
    others: Mapping[str, str] = field(default_factory=dict)

    def eyes_of(self, name: str) -> str:
        """Where the image encoder of an adapter lies in its repository."""
        return next((str(place) for end, place in self.others.items() if name.endswith(end)), self.eyes_folder)


@dataclass(frozen=True, slots=True)
class ModelRow:
    """A model family.

    `pretrained` and `single_file` are further keywords of the two ways to load it, `second_pass` of a second pipeline
    that is made of the first one's parts; source text.
    """

    title: str
    repository: str
    dtype: str
    pipelines: str = ""  # another base with the same pipelines
    pretrained: Mapping[str, str] = field(default_factory=dict)
    single_file: Mapping[str, str] = field(default_factory=dict)
    second_pass: Mapping[str, str] = field(default_factory=dict)
    scheduling: Mapping[str, str] = field(default_factory=dict)  # further keywords of every scheduler
    multiple: int = 8  # sides are multiples of it, pixels
    latent_scale: int = 8  # pixels per latent cell
    channels: int = 4  # of a latent
    rounds_down: bool = False  # leaves out int(steps − steps · strength) steps, not steps − int(steps · strength)
    upcasts: bool = False  # its VAE overflows in half precision
    shift: float | None = None  # of the noise levels, flow models
    exponential_shift: bool = False  # a shift that is asked for is the logarithm of the scheduler's
    sequence: int | None = None  # tokens of the long text encoder
    long_sequence: int | None = None  # the same for texts that need more
    embedded_guidance: float | None = None  # the default, where guidance is an input of the model
    packed: bool = False  # latents leave the pipeline packed two by two
    learns: bool = False  # its text encoder can be taught words
    layers: bool = False  # clip skip changes the picture
    text_layer: int = 0  # the text encoders' state that it reads, from the end, not normalised; 0: the last, normalised
    part: str = "unet"  # the diffusion model's name in the pipeline
    part_class: str = ""  # loads it from a file of its own, where no pipeline does
    encoders: tuple[str, ...] = ("text_encoder",)
    letters: tuple[str, ...] = ()  # what files of learned words call these
    long: str = ""  # the encoder beside them that takes texts as a whole
    files: bool = True  # it can be loaded from a file of its own
    before: str = ""  # statements that make the `parts` which no repository of it has
    parts: Mapping[str, str] = field(default_factory=dict)
    vae_class: str = "AutoencoderKL"  # of a VAE of its own; empty for none that can be exchanged
    empties: bool = False  # without a negative prompt it is not guided, so that an empty one is said
    adapts: bool = True  # it takes networks and changes inside
    knows_latents: bool = True  # its pipelines know by themselves that latents of so many channels are none of pixels
    refused: bool = False  # its pipeline samples in a way of its own
    refers: bool = False  # what its pipeline takes for the picture to start from is one that the model looks at
    net: str = "ControlNetModel"  # the class of what steers it
    net_files: bool = True  # … which can be loaded from a file of its own


@dataclass(frozen=True, slots=True)
class Pipelines:
    """pipelines.toml."""

    constants: tuple[ConstantRow, ...]
    notes: Mapping[str, str]
    packages: Mapping[str, str]
    switches: Mapping[str, Table]
    quantizations: Mapping[str, Table]
    latent_modes: Mapping[str, Table]
    filters: Mapping[str, str]
    repacked: Mapping[str, str]
    repositories: Mapping[str, str]
    image_prompts: Mapping[str, Table]
    bases: Mapping[str, Table]
    families: Mapping[str, Table]
    pipelines: Mapping[str, Table]
    where: Path

    def model(self, base: str, family: str) -> ModelRow | None:
        """The row of a base, with what differs in the family; None for a base that no pipeline is listed for."""
        table = self.bases.get(base)
        if table is None:
            return None
        row = as_row(merged(table, self.families.get(family, {})), ModelRow, f"{self.where}: {base}")
        return None if row.refused else row

    def image_prompt(self, base: str) -> ImagePromptRow | None:
        """How a base is shown pictures; None where the library has no adapters for it."""
        table = self.image_prompts.get(base)
        return as_row(table, ImagePromptRow, f"{self.where}: image_prompts.{base}") if table else None

    def paints(self, base: str, task: str, family: str = "") -> bool:
        """Is there a pipeline of a base, or of a family with pipelines of its own, for a task?"""
        return task in self.pipelines[self._owner(base, family)]

    def pipeline(self, base: str, task: str, family: str = "") -> PipelineRow:
        """The pipeline for a task: what it starts from, alone or behind the name of what steers it."""
        owner = self._owner(base, family)
        return as_row(self.pipelines[owner][task], PipelineRow, f"{self.where}: pipelines.{owner}.{task}")

    def _owner(self, base: str, family: str) -> str:
        """Under which name the pipelines of a family are listed."""
        usual = self.bases[base].get("pipelines", base)
        return str(self.families.get(family, {}).get("pipelines", usual))


@cache
def read_pipelines(path: Path) -> Pipelines:
    """The table at `path`."""
    table = read_table(path)
    return Pipelines(
        constants=rows(table, "constants", ConstantRow, path),
        notes=_texts(table, "notes", path),
        packages=_texts(table, "packages", path),
        switches=_tables(table, "switches", path),
        quantizations=_tables(table, "quantizations", path),
        latent_modes=_tables(table, "latent_modes", path),
        filters=_texts(table, "filters", path),
        repacked=_texts(table, "repacked", path),
        repositories=_texts(table, "repositories", path),
        image_prompts=_tables(table, "image_prompts", path),
        bases=_tables(table, "bases", path),
        families=_tables(table, "families", path),
        pipelines=_tables(table, "pipelines", path),
        where=path,
    )


def _texts(table: Table, name: str, where: Path) -> dict[str, str]:
    return {key: str(value) for key, value in section(table, name, where).items()}


def _tables(table: Table, name: str, where: Path) -> dict[str, Table]:
    listed: dict[str, Table] = {}
    for key, value in section(table, name, where).items():
        if not isinstance(value, dict):
            raise TableError(f"{where}: `{name}.{key}` is not a table")
        listed[key] = value
    return listed
