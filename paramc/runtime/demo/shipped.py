"""Where the demo model and what goes with it lie, for those who ask for them by name."""

from pathlib import Path
from typing import Final

from paramc.runtime.catalogue.header import read_header
from paramc.runtime.catalogue.scan import NO_HASHES
from paramc.runtime.catalogue.signs import Identity, identify
from paramc.runtime.catalogue.store import Entry

NAME: Final = "demo"
SIDE: Final = 64  # pixels of a picture: the size that the model is made for
BASE: Final = "sd1"
STYLE: Final = "demo-grey"
WORD: Final = "demo-moon"
CONTROL: Final = "demo-edges"
UPSCALER: Final = "demo-2x"
EXTRAS: Final = (STYLE, WORD, CONTROL, UPSCALER)


def shipped(name: str) -> Path:
    """The file of one of the names."""
    return Path(__file__).with_name("weights") / f"{name}.safetensors"


def shipped_model() -> Path:
    """The file with the demo model."""
    return shipped(NAME)


def shipped_extras() -> tuple[Entry, ...]:
    """What goes with the model, as catalogues list files. The model itself is only found by those who ask for it."""
    return tuple(_entry(shipped(name)) for name in EXTRAS)


def shipped_entries() -> tuple[Entry, ...]:
    """Everything that is shipped, the model first; not hashed."""
    return _entry(shipped_model()), *shipped_extras()


def _entry(path: Path) -> Entry:
    about = path.stat()
    identity = Identity(identify(read_header(path)).kind, BASE, BASE)
    return Entry(path, about.st_size, about.st_mtime_ns, identity, "", NO_HASHES)
