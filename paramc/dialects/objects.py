"""Codecs of values that are JSON objects with fields of their own, and of lists of such objects."""

import json
from collections.abc import Sequence
from typing import Final, NamedTuple

from paramc.dialects.balance import JsonValue, read_json
from paramc.dialects.codecs import Codec, Unreadable
from paramc.dialects.members import Leaf, read_members
from paramc.ir.base import Model

DOT: Final = "."
MOST_ITEMS: Final = 1000  # of a list of objects


class Member(NamedTuple):
    """One field of an object: `key` is its place there, keys joined by dots and items counted from 1; `absent` is what
    its value is where the object leaves it out; with `spelt`, it is written as a text that its codec makes of it."""

    key: str
    codec: Codec
    absent: object = None
    spelt: bool = False


def object_codec(members: Sequence[Member], *, rest: bool) -> Codec:
    """One value for each of `members`; with `rest`, one more for what else the object holds, as (key, JSON)."""
    known = {member.key: index for index, member in enumerate(members)}
    is_list = all(key[:1].isdecimal() for key in known)
    opened = {DOT.join(key.split(DOT)[:depth]) for key in known for depth in range(1, key.count(DOT) + 1)}

    def read(text: str) -> tuple[object, ...]:
        body = text.strip()
        found = read_members(body, lambda path: path in opened)
        if found.broken or not body.startswith("[" if is_list else "{"):
            raise Unreadable("a JSON object")
        values = [member.absent for member in members]
        others: list[tuple[str, str]] = []
        for leaf in found.leaves:
            if leaf.value is None and not leaf.whole:
                continue
            said = body[leaf.start : leaf.end]
            try:
                index = known[leaf.path]
                values[index] = members[index].codec.read(_said(leaf, said))
            except (KeyError, Unreadable) as error:
                if not rest:
                    raise Unreadable(f"an object without `{leaf.path[:40]}`") from error
                others.append((leaf.path, said))
        return (*values, tuple(others)) if rest else tuple(values)

    def write(value: object) -> str | None:
        if not isinstance(value, tuple) or len(value) != len(members) + rest:
            return None
        others = value[-1] if rest else ()
        if not isinstance(others, tuple) or not (rest or any(one is not None for one in value)):
            return None
        made: dict[str, JsonValue] = {}
        for member, one in zip(members, value, strict=False):
            _put(made, member.key, _json_of(member, one))
        made |= {key: _loaded(said) for key, said in others}
        return json.dumps(list(made.values()) if is_list else made, ensure_ascii=False)

    return Codec(read, write, len(members) + rest)


def list_codec(paths: Sequence[str], members: Sequence[Member], name: str) -> Codec:
    """Objects in order, under `name` with a number for `{n}`; read as mappings of `paths` to their values."""
    codec = object_codec(members, rest=False)

    def read(text: str) -> tuple[dict[str, object], ...]:
        try:
            loaded = read_json(text)
        except ValueError:
            loaded = None
        items = list(loaded.values()) if isinstance(loaded, dict) else loaded
        if not isinstance(items, list) or len(items) > MOST_ITEMS:
            raise Unreadable("a JSON object of objects")
        return tuple(_named(paths, codec.read(json.dumps(item))) for item in items)

    def write(value: object) -> str | None:
        if not isinstance(value, tuple) or not value:
            return None
        written = [
            codec.write(tuple(item.__dict__[path] for path in paths)) for item in value if isinstance(item, Model)
        ]
        named = {name.replace("{n}", str(number)): json.loads(said or "{}") for number, said in enumerate(written, 1)}
        return json.dumps(named, ensure_ascii=False)

    return Codec(read, write)


def _named(paths: Sequence[str], values: object) -> dict[str, object]:
    assert isinstance(values, tuple)  # what an object's codec reads
    return {path: value for path, value in zip(paths, values, strict=True) if value is not None}


def _said(leaf: Leaf, said: str) -> str:
    """What a value says, as a settings text would spell it."""
    match leaf.value:
        case bool() | None:
            return said if leaf.whole else str(leaf.value)
        case str() as text:
            return text
        case _:
            return said


def _json_of(member: Member, value: object) -> JsonValue:
    if isinstance(value, bool | int | float | str) and not member.spelt:
        return value
    said = None if value is None else member.codec.write(value)
    return said if said is None or isinstance(value, str) else _loaded(said)


def _loaded(said: str) -> JsonValue:
    """The JSON value that a text spells, or the text."""
    try:
        return read_json(said)
    except ValueError:
        return said


def _put(home: dict[str, JsonValue], key: str, value: JsonValue) -> None:
    """Set the value at a place of nested objects; none for None."""
    if value is None:
        return
    *above, last = key.split(DOT)
    for name in above:
        child = home.setdefault(name, {})
        assert isinstance(child, dict)  # tables put no value above another
        home = child
    home[last] = value
