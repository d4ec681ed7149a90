"""The files beside an image that hold its settings: `cat.txt` or `cat.png.txt` for `cat.png`."""

from pathlib import Path

from paramc.source.carriers import carriers, has_signs
from paramc.source.model import Carried
from paramc.source.text import decode_text


def read_sidecar(path: Path, limit: int) -> Carried | None:
    """The first text beside `path` that shows that it is settings: descriptions of pictures lie there too."""
    for suffix in carriers().sidecars:
        for file in (path.with_name(path.stem + suffix), path.with_name(path.name + suffix)):
            text = _read(file, suffix, limit)
            if text is not None and has_signs(text.text):
                return text
    return None


def _read(file: Path, suffix: str, limit: int) -> Carried | None:
    try:
        with file.open("rb") as stream:
            data = stream.read() if file.stat().st_size <= limit else b""
    except (OSError, ValueError):  # most pictures have none
        return None
    decoded = decode_text(data)
    return None if decoded is None else Carried(f"sidecar:{suffix}", suffix, *decoded)
