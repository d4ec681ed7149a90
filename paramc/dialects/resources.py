"""Lists of files that a site knows a picture's models by: JSON among the fields, each item with a type and a name."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Final, NamedTuple

from paramc.dialects.balance import read_json
from paramc.dialects.codecs import Unreadable, hash_of, read_named_weight
from paramc.dialects.interpret import Entry, Interpretation
from paramc.ir.assets import Hash
from paramc.ir.places import Place, place_of
from paramc.ir.prompt import Prompt

CHECKPOINT: Final = place_of("assets.checkpoint")
PROMPT: Final = place_of("prompt")
NETWORK: Final = "patches.extra_network"
NAME, URN, VERSION = "name", "urn", "version"
FULL: Final = 1.0  # weight of a network without one


class Resource(NamedTuple):
    """One file; `kind` is `checkpoint`, or that of a network."""

    kind: str
    name: str | None
    version: str | None
    urn: str | None
    weight: float
    hashes: tuple[Hash, ...]


def gather_resources(meaning: Interpretation) -> None:
    """Give the job the files that only a list names: its checkpoint, and networks where the prompt names none."""
    lists, weights = meaning.fields.resource_lists, meaning.fields.weight_lists
    for entry in meaning.effective():
        if entry.pair.key in lists:
            _gather(meaning, entry, tuple(listed_resources(entry.pair.value, lists[entry.pair.key])))
        elif entry.pair.key in weights:
            _gather(meaning, entry, tuple(_weighed(entry.pair.value, weights[entry.pair.key])))


def _weighed(text: str, kind: str) -> Iterator[Resource]:
    """The networks of `name: 0.5, name: 1`; what is none is passed over."""
    for item in text.split(","):
        with suppress(Unreadable):
            name, weight, _ = read_named_weight(item)
            yield Resource(kind, name, None, None, weight, ())


def listed_resources(text: str, kinds: Mapping[str, str]) -> Iterator[Resource]:
    """The files of a list whose types are among `kinds`; nothing where the text is no such list."""
    try:
        items = read_json(text)
    except ValueError:
        return
    for item in items if isinstance(items, list) else []:
        if isinstance(item, dict):
            kind = kinds.get(str(item.get("type", "")).lower())
            if kind:
                found = _resource(kind, item)
                yield from [found] if found.name or found.urn else ()


def _resource(kind: str, item: Mapping[str, object]) -> Resource:
    name, version, weight, digits = (item.get(key) for key in ("modelName", "modelVersionName", "weight", "hash"))
    name = name or item.get("name")
    return Resource(
        kind,
        name if isinstance(name, str) and name else None,
        version if isinstance(version, str) and version else None,
        _urn(kind, item),
        float(weight) if isinstance(weight, int | float) and not isinstance(weight, bool) else FULL,
        (hash_of(digits),) if isinstance(digits, str) and len(digits) >= 6 and _is_hex(digits) else (),
    )


def _urn(kind: str, item: Mapping[str, object]) -> str | None:
    """The resource's own; of one that only its version names, a URN that leaves open what is not known."""
    urn, version = item.get("air"), item.get("modelVersionId")
    if isinstance(urn, str) and urn:
        return urn
    return f"urn:air:*:{kind}:civitai:*@{version}" if isinstance(version, int) and not _named(item) else None


def _named(item: Mapping[str, object]) -> bool:
    return bool(item.get("modelName") or item.get("name"))


def _is_hex(digits: str) -> bool:
    return all(digit in "0123456789abcdefABCDEF" for digit in digits)


def _gather(meaning: Interpretation, entry: Entry, found: tuple[Resource, ...]) -> None:
    draft = meaning.draft
    checkpoint = next((item for item in found if item.kind == "checkpoint"), None)
    if checkpoint:
        for name, value in ((NAME, checkpoint.name), (VERSION, checkpoint.version), (URN, checkpoint.urn)):
            place = Place("", (*CHECKPOINT.names, name))
            if value is not None and draft.get(place, 0) is None:
                draft.put(place, 0, value)
                entry.places.append((place, 0))
    prompt = draft.get(PROMPT, 0)
    named = isinstance(prompt, Prompt) and prompt.networks
    if not named and not any(part == NETWORK for part, _ in draft.parts):
        networks = [item for item in found if item.kind != "checkpoint"]
        for number, item in enumerate(networks, 1):
            _put_network(meaning, entry, number, item)


def _put_network(meaning: Interpretation, entry: Entry, number: int, item: Resource) -> None:
    values: dict[tuple[str, ...], object] = {
        ("kind",): "extra_network",
        ("unit",): number,
        ("network",): item.kind,
        ("model", NAME): item.name or item.urn,
        ("model", URN): item.urn,
        ("model", "hashes"): item.hashes,
        ("unet",): item.weight,
        ("text_encoder",): item.weight,
    }
    for names, value in values.items():
        place = Place(NETWORK, names)
        entry.places.append((place, number))
        if value is not None:
            meaning.draft.put(place, number, value)
