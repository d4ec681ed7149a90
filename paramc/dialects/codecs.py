"""Codecs: named pairs that read a value from its text and write it back, `read(write(value)) == value`.

A codec that serves several paths reads and writes a tuple with one value for each. Writing gives None where there is
nothing to say.
"""

import json
import re
from collections.abc import Callable, Mapping
from functools import partial
from math import isfinite
from typing import Final, NamedTuple

from paramc.dialects.balance import read_json
from paramc.dialects.version import parse_version
from paramc.ir.assets import AssetRef, Hash
from paramc.ir.geometry import Size

LONGEST_NUMBER: Final = 64  # characters
LARGEST: Final = 2**64  # whole numbers and sizes stay below, in magnitude
_SIZE = re.compile(r"(-?\d{1,9})\s*[xX×]\s*(-?\d{1,9})(?:\s*px)?")
_HASHED = {pair: re.compile(rf"(.*\S)\s*\{pair[0]}([0-9a-fA-F]{{6,64}})\{pair[1]}", re.DOTALL) for pair in ("[]", "()")}
_HEX = re.compile(r"[0-9a-fA-F]{6,64}")
_QUOTED_SIGNS = re.compile(r"[,:\n]")
_TUPLE_SIZE = re.compile(r"[(\[]?\s*(\d{1,9})\s*,\s*(\d{1,9})\s*[)\]]?")
_OF_TENSORS = "0x"  # in front of a sha256 of the tensors without the header of their file
_NEEDED_DIGITS = 8  # A1111's partial hash of 2022 has just as many; every later one is longer


class Unreadable(ValueError):  # noqa: N818  # reads as the thing it reports
    """A text that the codec cannot read; the message says what it wants instead."""


class Codec(NamedTuple):
    """`read` raises Unreadable. `width` is how many values there are."""

    read: Callable[[str], object]
    write: Callable[[object], str | None]
    width: int = 1


def quoted(text: str) -> str:
    """The spelling of a value: a JSON string where it holds a comma, a colon or a line break, else the text itself."""
    return json.dumps(text, ensure_ascii=False) if _QUOTED_SIGNS.search(text) else text


def number_text(value: float) -> str:
    """The shortest decimal that reads back as `value`, without `.0`."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e16:
        return str(int(value))
    return str(value)


def read_float(text: str) -> float:
    """A finite number."""
    try:
        value = float(text) if len(text) <= LONGEST_NUMBER and "_" not in text else None
    except ValueError:
        value = None
    if value is None or not isfinite(value):
        raise Unreadable("a number" if value is None else "a finite number")
    return value


def read_int(text: str) -> int:
    """A whole number; `7.0` is one."""
    try:
        value = int(text) if len(text) <= LONGEST_NUMBER and "_" not in text else None
    except ValueError:
        value = _whole(text)
    if value is None or abs(value) >= LARGEST:
        raise Unreadable("a whole number" if value is None else "a whole number below 2^64")
    return value


def _whole(text: str) -> int | None:
    """The number that a decimal such as `7.0` comes to."""
    try:
        number = read_float(text)
    except Unreadable:
        return None
    return int(number) if number.is_integer() else None


def read_bool(text: str) -> bool:
    """`True` or `False`, in any case."""
    word = text.strip().lower()
    if word not in {"true", "false"}:
        raise Unreadable("`True` or `False`")
    return word == "true"


def read_size(text: str) -> Size:
    """`512x768`, width first."""
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise Unreadable("a size such as `512x768`")
    return Size(int(match[1]), int(match[2]))


def hash_of(digits: str) -> Hash:
    """A hash by its length: eight digits are A1111's partial hash of 2022, any other number a prefix of sha256."""
    return Hash(algorithm="autov1" if len(digits) == _NEEDED_DIGITS else "sha256", hex=digits.lower())


def choice(values: Mapping[str, object], accepts: Mapping[str, object], width: int) -> Codec:
    """One label for each value; `accepts` are further labels that are only read. Case makes no difference."""
    known = {**accepts, **values}
    lower = {label.lower(): value for label, value in known.items()}
    labels = {values[label]: label for label in reversed(list(values))}
    wanted = " or ".join(f"`{label}`" for label in values)

    def read(text: str) -> object:
        if text in known:
            return known[text]
        word = text.strip().lower()
        if word not in lower:
            raise Unreadable(wanted)
        return lower[word]

    return Codec(read, labels.get, width)


def with_words(codec: Codec, words: Mapping[str, object]) -> Codec:
    """`codec`, with words of the program for some of its values."""

    def read(text: str) -> object:
        return words[text] if text in words else codec.read(text)

    def write(value: object) -> str | None:
        return next((word for word, meant in words.items() if meant == value), None) or codec.write(value)

    return Codec(read, write, codec.width)


def _write_number(value: object) -> str | None:
    return number_text(value) if isinstance(value, int | float) else None


def _write_decimal(value: object) -> str | None:
    return str(float(value)) if isinstance(value, int | float) else None


def _write_text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _read_text(text: str) -> str:
    return text


def _write_bool(value: object) -> str | None:
    return str(value) if isinstance(value, bool) else None


def _write_size(value: object) -> str | None:
    return f"{value.width}x{value.height}" if isinstance(value, Size) else None


def _read_target(text: str) -> Size | None:
    size = read_size(text)
    if min(size) < 0:
        raise Unreadable("a size such as `512x768`")
    return size if any(size) else None


def _read_drawn(text: str) -> Size | None:
    size = read_size(text)
    return size if min(size) > 0 else None


def _read_count(text: str) -> int | None:
    return read_int(text) or None


def _read_natural(text: str) -> int | None:
    value = read_int(text)
    return value if value >= 0 else None


def _read_layer(text: str) -> int:
    return -max(read_int(text), 1)


def _write_layer(value: object) -> str | None:
    return str(-value) if isinstance(value, int) else None


def _read_percent(text: str) -> float:
    read_float(text)
    return float(_shifted(text, -2))


def _write_percent(value: object) -> str | None:
    shifted = _shifted(repr(value), 2) if isinstance(value, int | float) else None
    text = number_text(float(shifted)) if shifted else None
    return text if text is None or float(_shifted(text, -2)) == value else shifted


def _shifted(digits: str, places: int) -> str:
    """A number with its point moved, where a product would round."""
    mantissa, _, exponent = digits.strip().lower().partition("e")
    return f"{mantissa}e{int(exponent or 0) + places}"


def _write_both(value: object) -> str | None:
    return _write_number(value[0]) if isinstance(value, tuple) and len(set(value)) == 1 else None


def _write_lead(value: object) -> str | None:
    return _write_number(value[0]) if isinstance(value, tuple) and len(value) == 2 else None


def _read_hashes(text: str) -> tuple[Hash, ...]:
    if not _HEX.fullmatch(text.strip()):
        raise Unreadable("a hash, hexadecimal digits")
    return (hash_of(text.strip()),)


def _write_hashes(value: object) -> str | None:
    return value[0].hex if isinstance(value, tuple) and value and isinstance(value[0], Hash) else None


def _read_asset(text: str, *, brackets: str = "[]") -> tuple[str, tuple[Hash, ...]]:
    match = _HASHED[brackets].fullmatch(text) if text.endswith(brackets[1]) else None
    return (match[1], (hash_of(match[2]),)) if match else (text, ())


def _write_asset(value: object, *, brackets: str = "[]", blank: str = " ") -> str | None:
    if not isinstance(value, tuple) or len(value) != 2 or not isinstance(value[0], str):
        return None
    name, hashes = value
    digits = _write_hashes(hashes)
    return f"{name}{blank}{brackets[0]}{digits}{brackets[1]}" if digits else name or None


def _read_listed(text: str, algorithm: str) -> tuple[AssetRef, ...]:
    found = []
    for item in text.split(","):
        name, colon, digits = item.partition(":")
        if colon and name.strip() and _HEX.fullmatch(digits.strip()):
            found.append(_asset(name.strip(), algorithm, digits.strip().lower()))
    if not found and text.strip():
        raise Unreadable("a list such as `name: 0123456789ab`")
    return tuple(found)


def _asset(name: str, algorithm: str, digits: str) -> AssetRef:
    return AssetRef(name=name, hashes=(Hash.model_validate({"algorithm": algorithm, "hex": digits}),))


def _write_listed(value: object, algorithm: str) -> str | None:
    if not isinstance(value, tuple):
        return None
    items = (
        f"{asset.name}: {item.hex}"
        for asset in value
        if isinstance(asset, AssetRef)
        for item in asset.hashes
        if item.algorithm == algorithm
    )
    return ", ".join(items) or None


def resources(kinds: Mapping[str, object]) -> Codec:
    """A JSON object of hashes by `kind` or `kind:name`; read as kind → name → hash, other kinds left out."""

    def read(text: str) -> dict[str, dict[str, Hash]]:
        try:
            loaded = read_json(text)
        except ValueError:
            loaded = None
        if not isinstance(loaded, dict):
            raise Unreadable("a JSON object of hashes")
        found: dict[str, dict[str, Hash]] = {}
        for key, digits in loaded.items():
            kind, _, name = key.partition(":")
            if kind in kinds and isinstance(digits, str) and _HEX.fullmatch(digits):
                found.setdefault(kind, {})[name] = hash_of(digits)
        return found

    def write(value: object) -> str | None:
        if not isinstance(value, Mapping):
            return None
        items = {
            f"{kind}:{name}" if name else kind: hashed.hex
            for kind, named in value.items()
            for name, hashed in named.items()
        }
        return json.dumps(items, ensure_ascii=False) if items else None

    return Codec(read, write)


def _read_names(text: str) -> tuple[AssetRef, ...]:
    return tuple(AssetRef(name=name.strip()) for name in text.split(",") if name.strip())


def _write_names(value: object) -> str | None:
    if not isinstance(value, tuple):
        return None
    return ", ".join(asset.name or "" for asset in value if isinstance(asset, AssetRef)) or None


def _read_file(text: str) -> AssetRef:
    return AssetRef(name=text)


def _write_file(value: object) -> str | None:
    return value.name if isinstance(value, AssetRef) else None


def version(pattern: str) -> Codec:
    """The text itself, and the version that `pattern` finds in it as a tuple that compares."""
    expression = re.compile(pattern)

    def read(text: str) -> tuple[str, tuple[int, ...] | None]:
        found = expression.search(text)
        return text, parse_version(found[1]) if found else None

    return Codec(read, _write_version, 2)


def _write_version(value: object) -> str | None:
    return value[0] if isinstance(value, tuple) and value and isinstance(value[0], str) else None


def _read_pair(text: str) -> tuple[float, float]:
    """`(0, 1)`."""
    numbers = [read_float(item) for item in text.strip("() ").split(",")]
    if len(numbers) != 2:
        raise Unreadable("two numbers such as `(0, 1)`")
    return numbers[0], numbers[1]


def _read_triple(text: str) -> tuple[int | None, float | None, float | None]:
    """`(512, 100, 200)`; −1 stands for the preprocessor's own."""
    numbers = [read_float(item) for item in text.strip("() ").split(",")]
    if len(numbers) != 3:
        raise Unreadable("three numbers such as `(512, 100, 200)`")
    size, low, high = (None if number == -1 else number for number in numbers)
    return None if size is None else int(size), low, high


def _read_window(text: str) -> tuple[float, float]:
    """`0.0, 1.0, 0.0`: start, end and no smoothness."""
    numbers = [read_float(item) for item in text.split(",")]
    if len(numbers) != 3 or numbers[2]:
        raise Unreadable("a start, an end and a smoothness of 0")
    return numbers[0], numbers[1]


def _write_window(value: object) -> str | None:
    match value:
        case (int() | float() as start, int() | float() as end):
            return f"{float(start)}, {float(end)}, 0.0"
        case _:
            return None


def _write_numbers(value: object) -> str | None:
    if not isinstance(value, tuple) or not value:
        return None
    return f"({', '.join(number_text(-1 if item is None else item) for item in value)})"


def _read_given(text: str) -> bool | None:
    return True if text.strip() else None


def _write_presence(value: object) -> str | None:
    return None if value is None else "True"


def _write_side(value: object, *, side: int) -> str | None:
    return str(value[side]) if isinstance(value, Size) else None


def _read_tuple_size(text: str) -> Size:
    """`(768, 1280)`, width first; `768x1280` too."""
    match = _TUPLE_SIZE.fullmatch(text.strip())
    return Size(int(match[1]), int(match[2])) if match else read_size(text)


def _write_tuple_size(value: object) -> str | None:
    return f"({value.width}, {value.height})" if isinstance(value, Size) else None


def _read_skipped(text: str) -> int:
    return -1 - max(read_int(text), 0)


def _write_skipped(value: object) -> str | None:
    return str(-1 - value) if isinstance(value, int) else None


def _read_tagged_hashes(text: str) -> tuple[Hash, ...]:
    """A hash with what it is in front: `blake3:…`; `0x…` is one of the tensors alone."""
    name, _colon, digits = text.strip().rpartition(":")
    if text.startswith(_OF_TENSORS):
        name, digits = "addnet", text.strip()[len(_OF_TENSORS) :]
    if not _HEX.fullmatch(digits):
        raise Unreadable("a hash, hexadecimal digits")
    if name not in ("blake3", "addnet"):
        return (hash_of(digits),)
    return (Hash.model_validate({"algorithm": name, "hex": digits.lower()}),)


def _write_tagged_hashes(value: object) -> str | None:
    if not isinstance(value, tuple) or not value or not isinstance(value[0], Hash):
        return None
    tag = {"blake3": "blake3:", "addnet": _OF_TENSORS}.get(value[0].algorithm, "")
    return tag + value[0].hex


def read_named_weight(text: str) -> tuple[str, float, float]:
    """`name : 0.5`: the file of a network and its strength, for both models."""
    name, colon, weight = text.rpartition(":")
    if not colon or not name.strip():
        raise Unreadable("a name and a strength such as `name : 0.5`")
    return name.strip(), read_float(weight), read_float(weight)


def _write_named_weight(value: object) -> str | None:
    match value:
        case (str() as name, int() | float() as unet, _):
            return f"{name} : {number_text(unet)}"
        case _:
            return None


def _read_weight_name(text: str) -> tuple[str, float, float]:
    """`0.5 - name`, likewise."""
    weight, dash, name = text.partition(" - ")
    if not dash or not name.strip():
        raise Unreadable("a strength and a name such as `0.5 - name`")
    return name.strip(), read_float(weight), read_float(weight)


def _write_weight_name(value: object) -> str | None:
    match value:
        case (str() as name, int() | float() as unet, _):
            return f"{float(unet)} - {name}"
        case _:
            return None


def _read_variation(text: str) -> tuple[int, float]:
    """`3647897225,0.2`: the seed of another noise and its share; the first where there are several."""
    numbers = text.strip("[] ").split("]")[0].replace(":", ",").split(",")
    if len(numbers) < 2:
        raise Unreadable("a seed and a share such as `1234,0.2`")
    return read_int(numbers[0]), read_float(numbers[1])


def _write_variation(value: object) -> str | None:
    match value:
        case (int() as seed, int() | float() as strength):
            return f"{seed}:{number_text(strength)}"
        case _:
            return None


NUMBERS: Final = {
    "int": Codec(read_int, _write_number),
    "float": Codec(read_float, _write_number),
    "decimal": Codec(read_float, _write_decimal),  # always with a point: `1.0`
    "count": Codec(_read_count, _write_number),  # 0 says nothing
    "both": Codec(lambda text: (read_float(text),) * 2, _write_both, 2),
    "lead": Codec(lambda text: (read_float(text),) * 2, _write_lead, 2),
    "natural": Codec(_read_natural, _write_number),  # so does −1
    "percent": Codec(_read_percent, _write_percent),
    "layer": Codec(_read_layer, _write_layer),
    "bool": Codec(read_bool, _write_bool),
    "size": Codec(read_size, _write_size),
    "target_size": Codec(_read_target, _write_size),  # 0x0 says nothing
    "noise_size": Codec(_read_drawn, _write_size),  # so does any side below 1
    "width": Codec(read_int, partial(_write_side, side=0)),  # one side of a size
    "height": Codec(read_int, partial(_write_side, side=1)),
    "tuple_size": Codec(_read_tuple_size, _write_tuple_size),
    "skipped_layers": Codec(_read_skipped, _write_skipped),  # counted from 0
    "variation": Codec(_read_variation, _write_variation, 2),
    "pair": Codec(_read_pair, _write_numbers, 2),
    "window": Codec(_read_window, _write_window, 2),
    "triple": Codec(_read_triple, _write_numbers, 3),
}
TEXTS: Final = {
    "text": Codec(_read_text, _write_text),
    "presence": Codec(read_bool, _write_presence),  # `True` while the value is not None
    "given": Codec(_read_given, lambda value: None),  # anything; a picture stays in the source
    "part": Codec(read_bool, _write_presence),  # `True` makes a part of the Job that may be empty
    "urn": Codec(lambda text: (text, text), lambda value: None, 2),  # the only name of a file
    "hashes": Codec(_read_hashes, _write_hashes),
    "tagged_hashes": Codec(_read_tagged_hashes, _write_tagged_hashes),
    "named_weight": Codec(read_named_weight, _write_named_weight, 3),
    "weight_name": Codec(_read_weight_name, _write_weight_name, 3),
    "asset": Codec(_read_asset, _write_asset, 2),
    "tight_asset": Codec(partial(_read_asset, brackets="()"), partial(_write_asset, brackets="()", blank=""), 2),
    "file": Codec(_read_file, _write_file),
    "addnet_list": Codec(partial(_read_listed, algorithm="addnet"), partial(_write_listed, algorithm="addnet")),
    "sha256_list": Codec(partial(_read_listed, algorithm="sha256"), partial(_write_listed, algorithm="sha256")),
    "names": Codec(_read_names, _write_names),
}
CODECS: Final = NUMBERS | TEXTS
