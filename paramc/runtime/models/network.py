"""Networks (LoRA and its relatives) out of their files: for each module of a model, the parts of its formula."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

from torch import Tensor

from paramc.diagnostics.codes import diagnose
from paramc.runtime.catalogue.errors import ModelError
from paramc.runtime.catalogue.signs import network_base
from paramc.runtime.models.tensors import open_tensors
from paramc.tables import as_row, read_table, section

PATH: Final = Path(__file__).with_name("networks.toml")
BUNDLED: Final = "bundle_emb."  # before a learned word that a network brings along


class Bare(NamedTuple):
    """Beginnings and ends of names."""

    names: tuple[str, ...]
    ends: tuple[str, ...]


class Target(NamedTuple):
    """A module of a checkpoint. `model`: 0 the diffusion model, then the encoders; `module`: dots as underscores."""

    model: int
    module: str


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """`parts`: what the file says of each module, float32. `strange`: names of tensors that say nothing known.

    `doubled`: names of tensors that say again what another one said. `words`: tensors of learned words that came along,
    by the word and the rest of their names. `base`: the models that it was made for, empty
    when its names and shapes do not tell.
    """

    path: Path
    base: str
    parts: Mapping[Target, Mapping[str, Tensor]]
    strange: tuple[str, ...]
    doubled: tuple[str, ...] = ()
    words: Mapping[str, Mapping[str, Tensor]] = field(default_factory=dict)


def load_network(path: Path) -> Network:
    """The network of a safetensors file, or of a pickle file that holds nothing but tensors.

    Raises ModelError for a file that holds none (PC525), or is damaged.
    """
    parts: dict[Target, dict[str, Tensor]] = {}
    words: dict[str, dict[str, Tensor]] = {}
    strange, doubled = [], []
    with open_tensors(path) as file:
        shapes = {name: info.shape for name, info in file.header.tensors.items()}
        for name in sorted(shapes, key=lambda key: file.header.tensors[key].start):
            place = _place(name)
            if name.startswith(BUNDLED):
                word, _, rest = name.removeprefix(BUNDLED).partition(".")
                words.setdefault(word, {})[rest] = file.read(name).float()
            elif place is None:
                strange.append(name)
            elif place[1] in parts.get(place[0], {}):
                doubled.append(name)
            else:
                parts.setdefault(place[0], {})[place[1]] = file.read(name).float()
    if all(found.keys() == {"alpha"} for found in parts.values()):
        raise ModelError(diagnose("PC525", file=path, found="no network", wanted="a network such as a LoRA"))
    return Network(path, network_base(shapes), parts, tuple(strange), tuple(doubled), words)


def _place(name: str) -> tuple[Target, str] | None:
    """The module that a tensor is for, and the part that it is."""
    prefix = next((each for each in _prefixes() if name.startswith(each)), None)
    if prefix is None and (name.startswith(_bare().names) or name.endswith(_bare().ends)):
        prefix = ""
    ending = next((ending for ending in _endings() if name.endswith(ending)), None)
    if prefix is None or ending is None:
        return None
    module = name[len(prefix) : -len(ending)].replace(".processor", "").replace(".", "_")
    return Target(_prefixes().get(prefix, 0), module), _endings()[ending]


@cache
def _endings() -> Mapping[str, str]:
    """Ends of names with the parts that they mean, the longest first."""
    table = section(read_table(PATH), "endings", PATH.name)
    return {ending: str(table[ending]) for ending in sorted(table, key=len, reverse=True)}


@cache
def _prefixes() -> Mapping[str, int]:
    """Beginnings of names with the model that they mean, the longest first."""
    table = section(read_table(PATH), "prefixes", PATH.name)
    return {prefix: int(str(table[prefix])) for prefix in sorted(table, key=len, reverse=True)}


@cache
def _bare() -> Bare:
    """What tells a tensor for a diffusion model without anything before its name."""
    return as_row(section(read_table(PATH), "bare", PATH.name), Bare, PATH.name)
