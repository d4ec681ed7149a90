"""Which of the texts of a file are settings: the table of carriers, and the choice of the strongest."""

import json
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import NamedTuple

from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import Diagnostic
from paramc.resources import GRAMMARS
from paramc.source.model import Carried, Source
from paramc.tables import Table, TableError, read_table, rows

DEFAULT_KEY = "parameters"
LEAST_OBJECT = 3  # characters of an object that holds something


class Carrier(NamedTuple):
    """A row of carriers.toml: texts under `key` are settings; no `formats` means every format.

    weak: only with a sign of settings. companion: never in rivalry with a stronger text. whole: its texts are objects
    of JSON, and one that is empty or breaks off comes behind everything else.
    """

    key: str
    formats: tuple[str, ...]
    seen: str
    weak: bool = False
    companion: bool = False
    whole: bool = False

    def lacks(self, text: str) -> bool:
        """Whether a text is not whole that has to be."""
        body = text.strip()
        return self.whole and (len(body) < LEAST_OBJECT or body[0] != "{" or body[-1] != "}")


class Placeholder(NamedTuple):
    """A row of carriers.toml: `text` under `key` is what other programs leave there."""

    key: str
    text: str
    seen: str


class Sidecar(NamedTuple):
    """A row of carriers.toml: a file beside the image, called like it with this suffix."""

    suffix: str
    seen: str


class Written(NamedTuple):
    """A row of carriers.toml: a text that matches `like` is written under `key`."""

    like: str
    key: str


class Carriers(NamedTuple):
    """The whole table. `places`: key → rank and row of each carrier of that key."""

    places: dict[str, tuple[tuple[int, Carrier], ...]]
    placeholders: frozenset[tuple[str, str]]
    sidecars: tuple[str, ...]
    related: frozenset[str]
    written: tuple[Written, ...]
    signs: "tuple[re.Pattern[str], ...]"
    prefixes: tuple[str, ...]
    prefixed: "re.Pattern[str]"
    wrapping: "re.Pattern[str]"


def unprefixed(text: Carried) -> Carried:
    """A string such as `workflow: {…}` under the key that it names; any other text as it is."""
    match = carriers().prefixed.match(text.text)
    if match is None:
        return text
    key = match[1].lower()
    place = text.carrier.rpartition(":")[0]
    return text._replace(carrier=f"{place}:{key}", key=key, text=text.text[match.end() :])


def unwrapped(text: Carried) -> tuple[Carried, ...]:
    """The texts that one JSON object holds under keys of their own, one at least spelt out as a text; or the text."""
    table = carriers()
    if table.wrapping.match(text.text) is None:
        return (text,)
    try:
        document: object = json.loads(text.text)
    except (ValueError, RecursionError):
        return (text,)
    place = text.carrier.rpartition(":")[0]
    members = document.items() if isinstance(document, dict) else ()
    return tuple(
        text._replace(carrier=f"{place}:{key}", key=key, text=value if isinstance(value, str) else json.dumps(value))
        for key, value in members
        if key in table.prefixes
    )


def strongest(texts: Iterable[Carried], form: str) -> Carried | None:
    """The text under the strongest carrier; of several under one key the last, as image libraries keep it.

    XMP comes last: it says a second time what another place says, and programs forget to renew it.
    """
    placed = [
        ((place[1].lacks(text.text), ":XMP:" in text.carrier, place[0]), text)
        for text in texts
        if (place := _place(text, form)) is not None
    ]
    best = min((rank for rank, _ in placed), default=None)
    return next((text for rank, text in reversed(placed) if rank == best), None)


def rivalry(chosen: Carried, others: Iterable[Carried], form: str) -> tuple[Diagnostic, ...]:
    """What is to be said when a weaker carrier holds other settings."""
    for text in others:
        place = _place(text, form)
        if place is not None and not place[1].companion and text.text.strip() != chosen.text.strip():
            return (diagnose("PC112", taken=chosen.key, left=text.key),)
    return ()


def is_settings(text: Carried, form: str) -> bool:
    """Whether a text lies under a carrier, and shows it where it must."""
    return _place(text, form) is not None


def settings_of(source: Source) -> dict[str, str]:
    """Key → text of a source and of what lies beside it: what another image needs to say the same."""
    table = carriers()
    beside = {text.key: text.text for text in source.others if text.key in table.related or text.key in table.places}
    return {**beside, source.key if source.key in table.places else key_for(source.text): source.text}


def key_for(text: str) -> str:
    """The key under which programs look for a text like this one."""
    return next((row.key for row in carriers().written if re.search(row.like, text)), DEFAULT_KEY)


def has_signs(text: str) -> bool:
    """Whether a text that may be anything shows that it is settings."""
    return any(sign.search(text) for sign in carriers().signs)


def _place(text: Carried, form: str) -> tuple[int, Carrier] | None:
    """The rank of a text among the carriers, 0 first, with its row; None for what is no settings text."""
    table = carriers()
    rows_of_key = table.places.get(text.key)
    if rows_of_key is None or not text.text or text.text.isspace():
        return None
    if (text.key, text.text.strip()) in table.placeholders:
        return None
    fitting = (item for item in rows_of_key if not item[1].formats or form in item[1].formats)
    place = next(fitting, None)
    return None if place is None or (place[1].weak and not has_signs(text.text)) else place


@cache
def carriers() -> Carriers:
    """The table of carriers.toml."""
    path = GRAMMARS / "carriers.toml"
    table = read_table(path)
    places: dict[str, tuple[tuple[int, Carrier], ...]] = {}
    prefixes = _words(table, "prefixes", path)
    for rank, row in enumerate(rows(table, "carriers", Carrier, path)):
        places[row.key] = (*places.get(row.key, ()), (rank, row))
    return Carriers(
        places,
        frozenset((row.key, row.text) for row in rows(table, "placeholders", Placeholder, path)),
        tuple(row.suffix for row in rows(table, "sidecars", Sidecar, path)),
        frozenset(_words(table, "related", path)),
        rows(table, "written", Written, path),
        tuple(re.compile(sign, re.MULTILINE) for sign in _words(table, "signs", path)),
        tuple(prefixes),
        re.compile(rf"\s*({'|'.join(prefixes)})\s*:\s*(?=[\[{{])", re.IGNORECASE),
        re.compile(rf'\s*\{{\s*"(?:{"|".join(prefixes)})"\s*:\s*"\s*\{{'),
    )


def _words(table: Table, name: str, path: Path) -> list[str]:
    words = table.get(name, [])
    if not isinstance(words, list):
        raise TableError(f"{path}: `{name}` is no list")
    return [str(word) for word in words]
