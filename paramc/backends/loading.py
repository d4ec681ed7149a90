"""What a script loads before it paints: model, VAE, networks and learned words, each from where it lies."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from paramc.backends.literals import Value, literal
from paramc.backends.located import FOLDER, SINGLE, adapters, file_name, is_file, repository_of
from paramc.backends.pipelines import ModelRow, Pipelines
from paramc.backends.planned import Planned
from paramc.backends.registry import Choices
from paramc.ir.control import FreeU, Patch

SEED_ALONE = "{seed}"  # the usual name of a picture
PACKED = ".gguf"  # files of weights of fewer bits
UNET = "unet"


@dataclass(slots=True)
class Quantities:
    """Values by quantity for the constants, source text by quantity for the arguments, and remarks."""

    values: dict[str, Value] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Loading:
    """The parts of a plan that are loaded. adapts: its pipeline takes networks; learns: … and learned words."""

    planned: Planned
    pipelines: Pipelines
    model: ModelRow
    choices: Choices
    adapts: bool
    learns: bool

    def quantities(self) -> Quantities:
        """The quantities that loading needs."""
        found = Quantities()
        self._kept(found)
        self._locate(found)
        if self.is_file and self.model.part_class:
            found.values["repository"] = self.model.repository
        if self.planned.vae is not None and self.model.vae_class:
            repository = repository_of(self.planned.vae)
            found.values["vae"] = repository or file_name(self.planned.vae)
            found.notes |= {"vae": self.pipelines.notes["repository"]} if repository else {}
        loras = adapters(self.planned.networks, self.model)
        if loras and self.adapts:
            found.values["loras"] = loras
        if self.learns and self.planned.embeddings:
            found.values["embeddings"] = {asset.name or "": file_name(asset) for asset in self.planned.embeddings}
        return found

    @cached_property
    def is_file(self) -> bool:
        """Is the model one file?"""
        chosen, asset = str(self.choices["model"]), self.planned.checkpoint
        packed = repository_of(asset) or self._repacked
        named = is_file(chosen) if chosen else bool(asset.path or asset.name) and not packed
        loader = self.choices["loader"]
        return self.model.files and (loader == "single_file" or (loader == "auto" and named))

    def _locate(self, found: Quantities) -> None:
        asset = self.planned.checkpoint
        elsewhere = repository_of(asset) or self.model.repository
        found.values["model"] = self.choices["model"] or (file_name(asset) if self.is_file else elsewhere)
        kind = "folder" if not self.is_file else "transformer" if self.model.part_class else "file"
        found.notes["model"] = self.pipelines.notes[kind]

    def switches(self) -> Iterator[str]:
        """What the options say behind loading."""
        for option, told in self.pipelines.switches.items():
            statement = told.get(str(self.choices[option]).lower())
            if isinstance(statement, str):
                yield statement.format(part=self.model.part)

    def _kept(self, found: Quantities) -> None:
        """Where the pictures go, where that is said."""
        folder, name = str(self.choices["output"]), str(self.choices["name"])
        found.values |= {"output": folder} if folder else {}
        found.values |= {"name": name} if name != SEED_ALONE else {}

    @property
    def patches(self) -> tuple[Patch, ...]:
        """Changes inside the model, where it has the parts that they change."""
        return self.planned.patches if self.model.part == UNET and self.model.adapts else ()

    def weights(self) -> Iterator[str]:
        """How the model's halves are weighed, as keywords."""
        for patch in self.patches:
            if isinstance(patch, FreeU):
                values = {"s1": patch.s1, "s2": patch.s2, "b1": patch.b1, "b2": patch.b2}
                yield from (f"{name}={literal(value)}" for name, value in values.items())

    def quantized(self) -> str:
        """The configuration for weights of fewer bits: that of the file, or the one that is chosen."""
        told = self.pipelines.quantizations
        file = str(self.choices["model"]) or file_name(self.planned.checkpoint)
        if self.is_file and file.lower().endswith(PACKED):
            return str(told[PACKED.lstrip(".")]["part"])
        if self.is_file and not self.model.part_class:
            return ""
        choice = str(self.choices["quantization"])
        chosen = told.get(self._repacked if choice == "none" and not self.is_file else choice, {})
        return str(chosen.get("part" if self.is_file else "whole", "")).format(part=self.model.part)

    @cached_property
    def _repacked(self) -> str:
        """How weights are packed anew whose file the library does not read, empty where it does."""
        name = "" if self.choices["model"] else (self.planned.checkpoint.name or "").lower()
        ways = self.pipelines.repacked.items() if self.model.part_class else ()
        return next((way for sign, way in ways if sign in name), "")

    @property
    def vae_loader(self) -> str:
        """How a VAE of its own is loaded."""
        return FOLDER if self.planned.vae and repository_of(self.planned.vae) else SINGLE
