"""From an argument, a file or bytes to a Source: the format by its first bytes, whatever the name."""

import os
import re
import sys
from io import BytesIO
from pathlib import Path
from stat import S_ISREG
from typing import BinaryIO

from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import SourceError
from paramc.source.model import BARE, LIMIT, Source, undecodable
from paramc.source.notebook import looks_like_notebook, script_of
from paramc.source.text import decode_text, without_surrogates

STANDARD_INPUT = "-"
NAME_CROP = 200  # code points of an argument that a message repeats
_FILE_ENDINGS = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".avif", ".mp4", ".webm", ".latent", ".txt", ".json")
_PASTED_STARTS = (">", "`", "~", "Parameters ", '"', "\ufeff")
_JSON_STARTS = ("{", "[")
_SETTINGS, _NEGATIVE = "steps", "egative prompt:"
_SHORT = 40  # code points; no line of a page's own is longer
_BRANDS = {b"avif", b"avis", b"mif1", b"msf1", b"heic", b"heix"}
_PATH_STARTS = ("/", "./", "../", "~/", "\\\\", ".\\")


def open_source(
    argument: str | bytes | os.PathLike[str],
    *,
    limit: int = LIMIT,
    standard_input: BinaryIO | None = None,
    hidden: bool = False,
) -> Source:
    """What a user names: a file, `-` for standard input, the settings text itself, or the bytes of any of them.

    hidden: look into the pixels even where there are other settings. Raises SourceError when there is no such file, or
    nothing in it to read.
    """
    if isinstance(argument, bytes):
        return read_source(argument, limit=limit, hidden=hidden)
    if not isinstance(argument, str):
        return open_file(argument, limit=limit, hidden=hidden)
    if argument == STANDARD_INPUT:
        data = (standard_input or sys.stdin.buffer).read(limit + 1)
        return without_chrome(read_source(data, "<stdin>", limit=limit, hidden=hidden))
    if os.path.exists(argument):  # noqa: PTH110  # Path.exists raises for names that are too long
        return open_file(argument, limit=limit, hidden=hidden)
    if _names_a_file(argument):
        raise SourceError(diagnose("PC101", name=argument[:NAME_CROP]))
    return without_chrome(open_text(argument))


def open_file(path: str | os.PathLike[str], *, limit: int = LIMIT, hidden: bool = False) -> Source:
    """The settings of a file, found by its content whatever its name, or beside it. Raises SourceError."""
    path = Path(path)
    try:
        with path.open("rb") as stream:
            if stream.seekable():
                if not S_ISREG(os.fstat(stream.fileno()).st_mode):
                    raise OSError("it is a device, not a file")
                return without_chrome(_read(stream, path.name, limit, hidden=hidden, path=path))
            return without_chrome(read_source(stream.read(limit + 1), path.name, limit=limit, hidden=hidden))
    except (OSError, ValueError) as error:  # ValueError: the name itself is impossible
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise SourceError(diagnose("PC100", name=os.fspath(path), reason=reason.lower())) from error


def read_source(data: bytes, name: str = "<bytes>", *, limit: int = LIMIT, hidden: bool = False) -> Source:
    """The settings in the bytes of a file. Raises SourceError."""
    return _read(BytesIO(data), name, limit, hidden=hidden)


def open_text(text: str, name: str = "<text>", *, verbatim: bool = False) -> Source:
    """A text that is already one, never refused: an empty one and traces of undecodable bytes are reported.

    verbatim: with the markup and the like that stand around a text copied from a page.
    """
    decoded = without_surrogates(text)
    problems = undecodable(name, decoded)
    if not text.strip():
        problems += (diagnose("PC104", name=name),)
    source = Source(decoded.text, name, BARE, decoded.encoding, diagnostics=problems)
    return source if verbatim else without_chrome(source, headings=False)


def without_chrome(source: Source, *, headings: bool = True) -> Source:
    """The source without what stands around a text copied from a page, see `pasted.cleaned`; of a notebook its code."""
    if not source.key and looks_like_notebook(source.text):
        return source._replace(text=script_of(source.text) or source.text)
    if source.key or not _may_be_pasted(source.text) or _is_script(source.text):
        return source
    from paramc.source.pasted import OTHERS, cleaned  # only for texts that look like that

    text, done = cleaned(source.text, headings=headings)
    if not done or not text.strip():
        return source
    rest = [name for name in done if name != OTHERS]
    said = [diagnose("PC116", what=", ".join(rest))] if rest else []
    said += [diagnose("PC281")] if OTHERS in done else []
    return source._replace(text=text, diagnostics=(*source.diagnostics, *said))


def _may_be_pasted(text: str) -> bool:
    """A look that spares most texts the table."""
    start = text.lstrip()
    if ("&" in text and ";" in text) or "</" in text or "<br" in text or start.startswith(_PASTED_STARTS):
        return True
    if 0 <= start.find("\n") < _SHORT or len(start) - start.rstrip().rfind("\n") < _SHORT:
        return True
    return start[:1] not in _JSON_STARTS and _may_be_relaid(text)


def _is_script(text: str) -> bool:
    """Is it Python as it stands? Then all that stands in it belongs to it."""
    if not re.search(r"(?m)^(?:from [\w.]+ import|import) \w", text):
        return False
    import ast  # only for what looks like it
    from warnings import catch_warnings

    try:
        with catch_warnings(action="ignore"):  # backslashes of prompts
            ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def _may_be_relaid(text: str) -> bool:
    """Are there settings, and in another place than the begin of one line?"""
    lowered = text.lower()
    if _SETTINGS not in lowered:
        return False
    return f"\n{lowered}".count(f"\n{_SETTINGS}: ") != 1 or lowered.count(_NEGATIVE) != text.count(_NEGATIVE)


def _names_a_file(argument: str) -> bool:
    """Whether an argument that is no file was meant as one: a line that ends like an image or begins like a path."""
    if "\n" in argument or ", " in argument:
        return False
    return argument.lower().endswith(_FILE_ENDINGS) or (argument.startswith(_PATH_STARTS) and " " not in argument)


def _read(stream: BinaryIO, name: str, limit: int, *, hidden: bool, path: Path | None = None) -> Source:
    head = stream.read(16)
    form = image_format(head)
    if form is None:
        stream.seek(0)
        return _read_text(stream, name, limit)
    from paramc.source.image import read_image  # most sources are texts

    return read_image(stream, form, name, limit=limit, hidden=hidden, path=path)


def image_format(head: bytes) -> str | None:
    """The image format of a file that begins with these 16 bytes, or None."""
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if head.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    if head[4:8] == b"ftyp":
        return "avif" if head[8:12] in _BRANDS else "mp4"
    if head.startswith(b"\x1aE\xdf\xa3"):
        return "webm"
    if head[8:10] == b'{"' and head[3:8] == bytes(5):  # a short header, and JSON
        return "latent"
    return "gif" if head.startswith((b"GIF87a", b"GIF89a")) else None


def _read_text(stream: BinaryIO, name: str, limit: int) -> Source:
    size = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    if size > limit:
        raise SourceError(diagnose("PC105", name=name, limit=limit))
    decoded = decode_text(stream.read())
    if decoded is None:
        raise SourceError(diagnose("PC102", name=name))
    if not decoded.text.strip("\0\ufeff \t\r\n"):
        raise SourceError(diagnose("PC104", name=name))
    problems = undecodable(name, decoded)
    return Source(decoded.text.rstrip("\0"), name, BARE, decoded.encoding, diagnostics=problems)
