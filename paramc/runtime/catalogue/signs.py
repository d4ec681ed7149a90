"""What a model file is, told from the names and shapes in its header."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final, Literal, NamedTuple, TypeAlias, cast, get_args

from paramc.runtime.catalogue.contents import Header
from paramc.tables import NOTHING, Table, TableError, TableValue, read_table, rows

Kind: TypeAlias = Literal[
    "checkpoint",
    "diffusion_model",
    "vae",
    "text_encoder",
    "network",
    "embedding",
    "controlnet",
    "image_encoder",
    "depth_model",
    "upscaler",
    "unknown",
]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
Shapes: TypeAlias = tuple[tuple[str, tuple[int, ...]], ...]  # names with their shapes, 0 for any size

INWARD: Final = ("lora_down.weight", "lora_A.weight", "lora.down.weight", "layer.down.weight", "_w1_b", "lokr_w2_b")


class Identity(NamedTuple):
    """What a file is; family and base are empty where its header does not tell."""

    kind: Kind
    family: str = ""
    base: str = ""


UNKNOWN: Final = Identity("unknown")
OF_OTHERS: Final = ("unknown", "text_encoder")  # kinds of files that may be models of other things


class Sign(NamedTuple):
    """A row of signs.toml: the shapes, 0 for any size, that make a file `kind`."""

    kind: str
    shapes: Mapping[str, TableValue]
    family: str = ""
    base: str = ""
    prefix: str = ""


class Foreign(NamedTuple):
    """A row of signs.toml: names and shapes that only a family has that is known by name alone."""

    family: str
    names: tuple[str, ...] = ()
    shapes: Mapping[str, TableValue] = NOTHING


class Clue(NamedTuple):
    """A row of signs.toml: names, or the width that goes into a layer, that make a network one for `base`."""

    base: str
    begins: tuple[str, ...] = ()
    part: str = ""
    width: int = 0


class Called(NamedTuple):
    """A row of signs.toml: what people call files with a name that begins so."""

    name: str
    begins: tuple[str, ...]


class Ends(NamedTuple):
    """A row of signs.toml: ends of names that only files of this kind have."""

    kind: str
    ends: tuple[str, ...]


def identify(header: Header) -> Identity:
    """The first row of signs.toml that fits; `unknown` when none does."""
    for family, prefix, names, foreign in _foreign():
        if all(name in header.tensors for name in names) and _has(header, foreign):
            return Identity("checkpoint" if prefix else "diffusion_model", family, family)
    for sign, shapes in _signs():
        if _has(header, shapes):
            return Identity(cast(Kind, sign.kind), sign.family, sign.base)
    for row in _ends():
        if any(name.endswith(row.ends) for name in header.tensors):
            return _network(cast(Kind, row.kind), header)
    return UNKNOWN


def called(header: Header, kind: Kind) -> str:
    """What people call a file that is no checkpoint: by its names, or else by its kind."""
    if not header.tensors:
        return "a file without tensors"
    if kind in OF_OTHERS:
        row = next((row for row in _called() if any(name.startswith(row.begins) for name in header.tensors)), None)
        if row is not None:
            return row.name
    return kind_called(kind)


def kind_called(kind: Kind) -> str:
    """One of a kind, in words."""
    if kind == "unknown":
        return "no kind of model that paramc knows"
    words = "VAE" if kind == "vae" else kind.replace("_", " ")
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"


def _has(header: Header, shapes: Shapes) -> bool:
    return all(_fits(header.shape(name), shape) for name, shape in shapes)


def _network(kind: Kind, header: Header) -> Identity:
    base = network_base({name: info.shape for name, info in header.tensors.items()})
    return Identity(kind, base, base)


def network_base(shapes: Mapping[str, tuple[int, ...]]) -> str:
    """The base that a network is for, by the names and shapes of its tensors; empty when they do not tell."""
    return next((clue.base for clue in _clues() if any(_speaks(clue, *item) for item in shapes.items())), "")


def _speaks(clue: Clue, name: str, shape: tuple[int, ...]) -> bool:
    if clue.begins and not name.startswith(clue.begins):
        return False
    if not clue.part:
        return True
    inward = name.endswith(INWARD) and len(shape) > 1 and shape[1] == clue.width
    return inward and clue.part in name.replace(".", "_")


def _fits(shape: tuple[int, ...] | None, wanted: tuple[int, ...]) -> bool:
    if shape is None or len(shape) != len(wanted):
        return False
    return all(known in (0, size) for size, known in zip(shape, wanted, strict=True))


@cache
def _table() -> Table:
    return read_table(Path(__file__).with_name("signs.toml"))


@cache
def _foreign() -> tuple[tuple[str, str, tuple[str, ...], Shapes], ...]:
    """Each family with what may stand before the names, and these with it."""
    before = _table().get("before", [])
    return tuple(
        (row.family, prefix, tuple(prefix + name for name in row.names), _shapes(prefix, row.shapes))
        for row in rows(_table(), "foreign", Foreign, "signs.toml")
        for prefix in (map(str, before) if isinstance(before, list) else ())
    )


@cache
def _signs() -> tuple[tuple[Sign, Shapes], ...]:
    return tuple((sign, _shapes(sign.prefix, sign.shapes)) for sign in rows(_table(), "signs", Sign, "signs.toml"))


def _shapes(prefix: str, shapes: Mapping[str, TableValue]) -> Shapes:
    return tuple((prefix + name, _sizes(shape)) for name, shape in shapes.items())


def _sizes(value: TableValue) -> tuple[int, ...]:
    if not isinstance(value, list):
        raise TableError("signs.toml: a shape is a list of sizes")
    return tuple(size for size in value if isinstance(size, int))


@cache
def _ends() -> tuple[Ends, ...]:
    return rows(_table(), "ends", Ends, "signs.toml")


@cache
def _called() -> tuple[Called, ...]:
    return rows(_table(), "called", Called, "signs.toml")


@cache
def _clues() -> tuple[Clue, ...]:
    return rows(_table(), "clues", Clue, "signs.toml")
