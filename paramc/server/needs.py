"""What a graph needs and a server has: classes, files, words and numbers, with what comes close to the missing."""

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from functools import cached_property
from pathlib import PurePosixPath
from typing import Final, Literal, NamedTuple, TypeAlias

from paramc.dialects.graph.values import Json, as_list, as_object, as_text
from paramc.server.tables import ServerTables

Kind: TypeAlias = Literal["class", "file", "word", "number", "input"]
OFFERS: Final = 3  # names that are offered for a missing one
NEAR: Final = 0.5
CHOICE: Final = "COMBO"
PARTS: Final = ("required", "optional")


class Need(NamedTuple):
    """What a graph asks for in vain. `renamed`: surely the same under another name; `offers`: what comes close."""

    kind: Kind
    node: str
    name: str
    value: Json
    renamed: str = ""
    offers: tuple[str, ...] = ()
    why: str = ""


class Stock:
    """What a server has, by its own description of its nodes."""

    def __init__(self, nodes: Mapping[str, Json]) -> None:
        self._nodes = nodes

    @cached_property
    def classes(self) -> list[str]:
        """The names of its classes."""
        return list(self._nodes)

    def takes(self, kind: str) -> Mapping[str, Json] | None:
        """The inputs of a class as they are described, None for an unknown class."""
        if kind not in self._nodes:
            return None
        inputs = as_object(as_object(self._nodes[kind]).get("input"))
        return {name: take for part in PARTS for name, take in as_object(inputs.get(part)).items()}

    def required(self, kind: str) -> tuple[str, ...]:
        """The inputs that a node of a class cannot do without."""
        inputs = as_object(as_object(self._nodes.get(kind)).get("input"))
        return tuple(as_object(inputs.get("required")))


def choices(take: Json) -> tuple[str, ...] | None:
    """The words that an input takes, in either way of describing them; None where it takes others too."""
    kind, *rest = as_list(take) or (None,)
    listed = as_object(rest[0] if rest else None).get("options") if kind == CHOICE else kind
    return tuple(word for word in listed if isinstance(word, str)) if isinstance(listed, list) else None


def needs(graph: Mapping[str, Json], stock: Stock, tables: ServerTables, uploaded: bool = False) -> Iterator[Need]:
    """Everything that the server lacks for a graph, in its order. `uploaded`: its pictures are brought along."""
    for node, described in graph.items():
        kind = as_text(as_object(described).get("class_type"))
        takes = stock.takes(kind)
        if takes is None:
            yield Need("class", node, "", kind, offers=_near(kind, stock.classes))
            continue
        inputs = as_object(as_object(described).get("inputs"))
        yield from (Need("input", node, name, None) for name in stock.required(kind) if name not in inputs)
        for name, value in inputs.items():
            if name in takes and not (uploaded and tables.pictures.get(kind) == name):
                yield from _need(node, name, value, takes[name], name in tables.files)


def renamed(graph: Mapping[str, Json], found: Sequence[Need], names: Mapping[str, str]) -> dict[str, Json]:
    """The graph with the server's own names for what it has under others; `names`: what the user said himself."""
    changes = {(need.node, need.name): need.renamed for need in found if need.renamed}
    return {node: _rewritten(node, as_object(described), changes, names) for node, described in graph.items()}


def _rewritten(
    node: str, described: Mapping[str, Json], changes: Mapping[tuple[str, str], str], names: Mapping[str, str]
) -> Json:
    inputs: dict[str, Json] = {}
    for name, value in as_object(described.get("inputs")).items():
        asked = names.get(value) if isinstance(value, str) else None
        inputs[name] = asked if asked is not None else changes.get((node, name), value)
    return {**described, "inputs": inputs}


def _need(node: str, name: str, value: Json, take: Json, is_file: bool) -> Iterator[Need]:
    words = choices(take)
    if isinstance(value, str) and words is not None:
        if value not in words:
            same = _same(value, words) if is_file else ""
            near = () if same else _near_files(value, words) if is_file else _near(value, words)
            yield Need("file" if is_file else "word", node, name, value, same, near)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        why = _outside(value, take)
        if why:
            yield Need("number", node, name, value, why=why)


def _outside(value: float, take: Json) -> str:
    """Why a number does not fit; empty where it does."""
    limits = as_object([*as_list(take), None, None][1])
    least, most = limits.get("min"), limits.get("max")
    if isinstance(least, int | float) and value < least:
        return f"it takes no less than {least}"
    if isinstance(most, int | float) and value > most:
        return f"it takes no more than {most}"
    return ""


def _same(value: str, words: Sequence[str]) -> str:
    """The only file of that name in another folder, in other letters, or with another suffix."""
    for key in (_base, _stem):
        alike = [word for word in words if key(word) == key(value)]
        if alike:
            return alike[0] if len(alike) == 1 else ""
    return ""


def _near(value: str, words: Sequence[str]) -> tuple[str, ...]:
    lower = {word.lower(): word for word in words}
    return tuple(lower[word] for word in get_close_matches(value.lower(), lower, OFFERS, NEAR))


def _near_files(value: str, words: Sequence[str]) -> tuple[str, ...]:
    own = _stem(value)
    stems = {_stem(word): word for word in words}
    within = tuple(word for stem, word in stems.items() if own and stem and (own in stem or stem in own))
    near = (stems[stem] for stem in get_close_matches(own, stems, OFFERS, NEAR))
    alike = tuple(word for word in words if _stem(word) == own)
    return tuple(dict.fromkeys((*alike, *near, *within)))[:OFFERS]


def _base(name: str) -> str:
    return PurePosixPath(name.replace("\\", "/")).name.lower()


def _stem(name: str) -> str:
    return PurePosixPath(_base(name)).stem
