"""From an argument, a file or bytes to a Source: the format by its first bytes, the text by the table of carriers."""

import os
import sys
from collections.abc import Callable, Iterable
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, NamedTuple, TypeAlias

from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import Diagnostic, SourceError, Span
from paramc.resources import GRAMMARS
from paramc.source.model import LIMIT, Carried, Findings, Source
from paramc.source.text import REPLACEMENT, decode_text, without_surrogates
from paramc.tables import read_table, rows

STANDARD_INPUT = "-"
NAME_CROP = 200  # code points of an argument that a message repeats
_FILE_ENDINGS = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".avif", ".txt", ".json")
_PATH_STARTS = ("/", "./", "../", "~/", "\\\\", ".\\")
_FORMATS = {"png": "PNG", "jpeg": "JPEG", "webp": "WebP", "gif": "GIF"}
Reader: TypeAlias = Callable[[BinaryIO, Findings], None]


class Carrier(NamedTuple):
    """A row of carriers.toml: texts under `key` are settings; no `formats` means every format."""

    key: str
    formats: tuple[str, ...]
    seen: str


class Placeholder(NamedTuple):
    """A row of carriers.toml: `text` under `key` is what other programs leave there."""

    key: str
    text: str
    seen: str


def open_source(
    argument: str | bytes | os.PathLike[str], *, limit: int = LIMIT, standard_input: BinaryIO | None = None
) -> Source:
    """What a user names: a file, `-` for standard input, the settings text itself, or the bytes of any of them.

    Raises SourceError when there is no such file, or nothing in it to read.
    """
    if isinstance(argument, bytes):
        return read_source(argument, limit=limit)
    if not isinstance(argument, str):
        return open_file(argument, limit=limit)
    if argument == STANDARD_INPUT:
        return read_source((standard_input or sys.stdin.buffer).read(limit + 1), "<stdin>", limit=limit)
    if os.path.exists(argument):  # noqa: PTH110  # Path.exists raises for names that are too long
        return open_file(argument, limit=limit)
    if _names_a_file(argument):
        raise SourceError(diagnose("PC101", name=argument[:NAME_CROP]))
    return open_text(argument)


def open_file(path: str | os.PathLike[str], *, limit: int = LIMIT) -> Source:
    """The settings of a file, found by its content whatever its name. Raises SourceError."""
    try:
        with Path(path).open("rb") as stream:
            if stream.seekable():
                return _read(stream, Path(path).name, limit)
            return read_source(stream.read(limit + 1), Path(path).name, limit=limit)
    except (OSError, ValueError) as error:  # ValueError: the name itself is impossible
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise SourceError(diagnose("PC100", name=os.fspath(path), reason=reason.lower())) from error


def read_source(data: bytes, name: str = "<bytes>", *, limit: int = LIMIT) -> Source:
    """The settings in the bytes of a file. Raises SourceError."""
    return _read(BytesIO(data), name, limit)


def open_text(text: str, name: str = "<text>") -> Source:
    """A text that is already one, never refused: an empty one and traces of undecodable bytes are reported."""
    decoded = without_surrogates(text)
    problems = _undecodable(name, *decoded)
    if not text.strip():
        problems += (diagnose("PC104", name=name),)
    return Source(decoded.text, name, "text", decoded.encoding, diagnostics=problems)


def _undecodable(place: str, text: str, encoding: str, replaced: int) -> tuple[Diagnostic, ...]:
    """What is to be said about pieces that became U+FFFD, pointing at the first of them."""
    if not replaced:
        return ()
    first = text.find(REPLACEMENT)
    return (diagnose("PC111", Span(first, first + 1), place=place, count=replaced, encoding=encoding),)


def _names_a_file(argument: str) -> bool:
    """Whether an argument that is no file was meant as one: a line that ends like an image or begins like a path."""
    if "\n" in argument or ", " in argument:
        return False
    return argument.lower().endswith(_FILE_ENDINGS) or (argument.startswith(_PATH_STARTS) and " " not in argument)


def _read(stream: BinaryIO, name: str, limit: int) -> Source:
    head = stream.read(16)
    stream.seek(0)
    form = _image_format(head)
    return _read_text(stream, name, limit) if form is None else _read_image(stream, form, name, limit)


def _image_format(head: bytes) -> str | None:
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if head.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    return "gif" if head.startswith((b"GIF87a", b"GIF89a")) else None


def _reader(form: str) -> Reader:
    """The reader of an image format; imported when an image is met, since most sources are texts."""
    match form:
        case "png":
            from paramc.source.png import read_png as reader
        case "jpeg":
            from paramc.source.jpeg import read_jpeg as reader
        case "webp":
            from paramc.source.webp import read_webp as reader
        case _:
            from paramc.source.gif import read_gif as reader
    return reader


def _read_text(stream: BinaryIO, name: str, limit: int) -> Source:
    data = stream.read(limit + 1)
    if len(data) > limit:
        raise SourceError(diagnose("PC105", name=name, limit=limit))
    decoded = decode_text(data)
    if decoded is None:
        raise SourceError(diagnose("PC102", name=name))
    if not decoded.text.strip("\0\ufeff \t\r\n"):
        raise SourceError(diagnose("PC104", name=name))
    problems = _undecodable(name, *decoded)
    return Source(decoded.text.rstrip("\0"), name, "text", decoded.encoding, diagnostics=problems)


def _read_image(stream: BinaryIO, form: str, name: str, limit: int) -> Source:
    found = Findings(limit)
    _reader(form)(stream, found)
    chosen = _strongest(found.texts, form)
    if chosen is None:
        keys = ", ".join(f"`{text.key}`" for text in found.texts[:8])
        notes = (f"it holds texts under {keys}",) if keys else ()
        nothing = diagnose("PC103", name=name, format=_FORMATS[form], notes=notes)
        raise SourceError(nothing, *found.problems)
    rest = tuple(text for text in found.texts if text is not chosen)
    _report_rivals(chosen, rest, form, found)
    problems = (*found.problems, *_undecodable(chosen.key, chosen.text, chosen.encoding, chosen.replaced))
    return Source(chosen.text, name, chosen.carrier, chosen.encoding, found.size, rest, problems)


def _strongest(texts: Iterable[Carried], form: str) -> Carried | None:
    """The text under the strongest carrier; of several under one key the last, as image libraries keep it."""
    ranked = [(_rank(text, form), text) for text in texts]
    best = min((rank for rank, _ in ranked if rank is not None), default=None)
    return next((text for rank, text in reversed(ranked) if rank == best), None) if best is not None else None


def _rank(text: Carried, form: str) -> int | None:
    """The place of a text in the order of carriers, 0 first; None for what is no settings text."""
    carriers, placeholders = _carriers()
    if not text.text.strip() or (text.key, text.text.strip()) in placeholders:
        return None
    matches = (n for n, row in enumerate(carriers) if row.key == text.key and (not row.formats or form in row.formats))
    return next(matches, None)


def _report_rivals(chosen: Carried, rest: Iterable[Carried], form: str, found: Findings) -> None:
    """Say so when a weaker carrier holds another settings text; the last-resort carrier is no rival."""
    last = len(_carriers()[0]) - 1
    for text in rest:
        rank = _rank(text, form)
        if rank is not None and rank != last and text.text.strip() != chosen.text.strip():
            return found.report(diagnose("PC112", taken=chosen.key, left=text.key))
    return None


@cache
def _carriers() -> tuple[tuple[Carrier, ...], frozenset[tuple[str, str]]]:
    path = GRAMMARS / "carriers.toml"
    table = read_table(path)
    placeholders = rows(table, "placeholders", Placeholder, path)
    return rows(table, "carriers", Carrier, path), frozenset((row.key, row.text) for row in placeholders)
