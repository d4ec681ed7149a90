"""An image to a Source: its texts by the reader of its format, then the pixels, then the files beside it."""

from collections.abc import Callable
from os import SEEK_END
from pathlib import Path
from typing import BinaryIO, TypeAlias

from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import Diagnostic, SourceError
from paramc.source.carriers import rivalry, strongest, unprefixed, unwrapped
from paramc.source.model import FLOOR, UNPACKED, Carried, Findings, Source, undecodable
from paramc.source.text import Decoded

_FORMATS = {
    "png": "PNG", "jpeg": "JPEG", "webp": "WebP", "gif": "GIF", "avif": "AVIF", "mp4": "MP4", "webm": "WebM",
    "latent": "latent",
}  # fmt: skip
_WITH_EXACT_PIXELS = ("png", "webp")  # the others change the lowest bits
Reader: TypeAlias = Callable[[BinaryIO, Findings], None]


def read_image(
    stream: BinaryIO, form: str, name: str, *, limit: int, hidden: bool = False, path: Path | None = None
) -> Source:
    """The settings in an image; in its pixels where `hidden` or nothing else is found, and at last beside its `path`.

    Raises SourceError when there are none.
    """
    found = Findings(min(limit, FLOOR + UNPACKED * stream.seek(0, SEEK_END)))
    reader_of(form)(stream, found)
    texts = _texts(found)
    chosen = strongest(texts, form)
    if form in _WITH_EXACT_PIXELS and (hidden or chosen is None):
        from paramc.source.stealth import read_stealth  # decodes the picture

        read_stealth(stream, form, found)
        texts = _texts(found)
        chosen = strongest(texts, form)
    if chosen is None and path is not None:
        from paramc.source.sidecar import read_sidecar  # only for the few without settings of their own

        chosen = read_sidecar(path, limit)
    if chosen is None:
        raise _nothing(form, name, texts, found)
    rest = tuple(text for text in texts if text is not chosen)
    problems = (*found.problems, *rivalry(chosen, rest, form), *_damage(chosen))
    return Source(chosen.text, name, chosen.carrier, chosen.encoding, found.size, rest, problems)


def reader_of(form: str) -> Reader:
    """The reader of an image format, imported when one is met."""
    match form:
        case "png":
            from paramc.source.png import read_png as reader
        case "jpeg":
            from paramc.source.jpeg import read_jpeg as reader
        case "webp":
            from paramc.source.webp import read_webp as reader
        case "avif":
            from paramc.source.avif import read_avif as reader
        case "mp4":
            from paramc.source.mp4 import read_mp4 as reader
        case "webm":
            from paramc.source.webm import read_webm as reader
        case "latent":
            from paramc.source.latent import read_latent as reader
        case _:
            from paramc.source.gif import read_gif as reader
    return reader


def _texts(found: Findings) -> tuple[Carried, ...]:
    """The texts that were found, each under the key that it names itself."""
    return tuple(text for carried in found.texts for text in unwrapped(unprefixed(carried)))


def _nothing(form: str, name: str, texts: tuple[Carried, ...], found: Findings) -> SourceError:
    keys = ", ".join(f"`{key}`" for key in list(dict.fromkeys(text.key for text in texts))[:8])
    notes = (f"it holds texts under {keys}",) if keys else ()
    return SourceError(diagnose("PC103", name=name, format=_FORMATS[form], notes=notes), *found.problems)


def _damage(chosen: Carried) -> tuple[Diagnostic, ...]:
    """What the settings lost: pieces in no encoding, and all behind the end of the file."""
    lost = undecodable(chosen.key, Decoded(chosen.text, chosen.encoding, chosen.replaced))
    return (diagnose("PC113", key=chosen.key), *lost) if chosen.cut else lost
