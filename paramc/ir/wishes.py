"""What to say of an edit that the Job refuses: why a value does not fit, and which path was meant."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Final, get_args, get_origin

from pydantic import ValidationError

from paramc.ir.base import Model
from paramc.ir.geometry import Size
from paramc.ir.prompt import Prompt
from paramc.resources import GRAMMARS
from paramc.tables import read_table, section

PROVENANCE: Final = frozenset({"schema_number", "family", "ledger", "implied", "span"})  # no edits of these
PARTS: Final = ("stages.", "controls.", "patches.")
MOST_OFFERED: Final = 3
ENOUGH: Final = 0.6  # likeness of a path that is offered
_WHY: Final[Mapping[str, str]] = {
    "int": "it takes a whole number",
    "float": "it takes a number",
    "bool": "it takes true or false",
    "string": "it takes a text",
    "tuple": "it takes a list",
    "named": "it takes a width and a height, as in `512x768`",
    "too": "it takes another number of values",
    "model": "it takes several values by name",
    "extra": "it has no value of that name",
    "json": "it is no JSON",
    "missing": "a value that it needs is missing",
}


def why_not(error: ValidationError) -> str:
    """The first thing that is wrong with a value, in a few words."""
    detail = error.errors(include_url=False, include_input=False)[0]
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "literal_error":
        return f"it takes {context['expected']}"
    if kind == "union_tag_invalid":
        return f"it takes {context['expected_tags']}"
    words = kind.split("_")
    return next((_WHY[word] for word in (words[0], words[-1]) if word in _WHY), "it takes another kind of value")


def is_unknown_kind(error: ValidationError) -> bool:
    """Is what is wrong the kind of an item?"""
    detail = error.errors(include_url=False, include_input=False)[0]
    return detail["type"] == "union_tag_invalid" or detail["loc"][-1:] == ("kind",)


def meant(path: str) -> str:
    """A question with the paths of a Job that come closest to `path`; empty when none does."""
    from difflib import get_close_matches  # only on the way to an error

    if offered := _table("offers").get(path.lower().replace(" ", "_")):
        return _question(offered)
    known = [one for one in known_paths() if one != path]  # which this job may lack where others have it
    whole, _, name = path.rpartition(".")
    if path in Size._fields:
        whole = "size"
    if whole in known and not any(one.startswith(f"{whole}.") for one in known):
        return _question([whole])
    named = [one for one in known if one.rpartition(".")[2] == name]
    if not named and whole:
        named = get_close_matches(path, known, 1, ENOUGH)
    if not named:
        names = dict.fromkeys(one.rpartition(".")[2] for one in known)
        near = get_close_matches(name, names, 1, ENOUGH)
        named = [one for one in known if near and one.rpartition(".")[2] == near[0]]
    shared = {one: len({*one.split(".")} & {*path.split(".")}) for one in named}
    best = [one for one in named if shared[one] == max(shared.values())]
    return _question(sorted(best, key=lambda one: one.count("."))[:MOST_OFFERED])


def _question(offered: Sequence[str]) -> str:
    return f"did you mean {' or '.join(f'`{one}`' for one in offered)}?" if offered else ""


def full_path(name: str) -> str | None:
    """The path that a short name such as `seed` stands for: the one of that name that is nearest to the top.

    A path is its own. A word alone means no stage, control or patch: these take their kind before it (`hires.scale`).
    Else the one that a short word of find.toml (`cfg`, `model`) stands for. None where none is, or several as near.
    """
    known = known_paths()
    if name in known or "[" in name:
        return name
    named = [one for one in known if f".{one}".endswith(f".{name}") and ("." in name or not one.startswith(PARTS))]
    nearest = min((one.count(".") for one in named), default=0)
    found = [one for one in named if one.count(".") == nearest]
    return found[0] if len(found) == 1 else _short_names().get(name)


@cache
def _short_names() -> Mapping[str, str]:
    """What each short word of find.toml stands for, where that is one value of a Job."""
    found = ((name, places[0]) for name, places in _table("names").items() if len(places) == 1)
    return {name: path for name, path in found if path in known_paths()}


@cache
def _table(name: str) -> Mapping[str, tuple[str, ...]]:
    """Words of find.toml with their paths."""
    file = GRAMMARS / "find.toml"
    rows = section(read_table(file), name, file).items()
    return {word: tuple(map(str, paths)) for word, paths in rows if isinstance(paths, list)}


@cache
def known_paths() -> Mapping[str, None]:
    """Every path of a Job, in the order of its fields."""
    from paramc.ir.job import Job  # which has paths, and so imports this

    return dict.fromkeys(_walk(Job, ""))


def _walk(model: type[Model], prefix: str) -> Iterator[str]:
    for name, field in model.model_fields.items():
        path = f"{prefix}{name}"
        if name == "kind" or name in PROVENANCE:
            continue
        parts = list(_parts(field.annotation))
        if not any("kind" in part.model_fields for part, _ in parts):
            yield path
        for part, listed in parts:
            if part is Prompt:
                yield f"{path}.text"
            elif "kind" in part.model_fields and listed:
                yield from _walk(part, f"{path}.{part.model_fields['kind'].default}.")
            elif not listed:
                yield from _walk(part, f"{path}.")


def _parts(annotation: object, *, listed: bool = False) -> Iterator[tuple[type[Model], bool]]:
    """The models that an annotation speaks of, and whether there may be several of each."""
    if isinstance(annotation, type) and issubclass(annotation, Model):
        yield annotation, listed
    for part in get_args(annotation):
        yield from _parts(part, listed=listed or get_origin(annotation) is tuple)
