"""Settings in the lowest bits of the pixels, column by column: signature, length in bits, text, plain or gzip."""

import json
import zlib
from os import SEEK_END
from typing import TYPE_CHECKING, BinaryIO, Final, NamedTuple

from paramc.diagnostics.codes import diagnose
from paramc.source.model import Findings
from paramc.source.text import Decoded, decode

if TYPE_CHECKING:
    from PIL.Image import Image

SIGNATURES = {  # → the channels that carry it, and whether the text is packed
    b"stealth_pnginfo": ("A", False),
    b"stealth_pngcomp": ("A", True),
    b"stealth_rgbinfo": ("RGB", False),
    b"stealth_rgbcomp": ("RGB", True),
}
MODES = {"A": ("RGBA",), "RGB": ("RGB", "RGBA")}
PIXELS_FLOOR: Final = 2**24  # bytes of pixels that any image may have …
PIXELS_EACH: Final = (
    8  # … and as many more for each byte of its file; pictures shrink to a third, bombs to a thousandth
)
_SIGNATURE_BITS, _LENGTH_BITS = 120, 32
_ODD = [255 * (value & 1) for value in range(256)]
_GZIP = 31  # window bits that ask zlib for a gzip header
_PACKET = frozenset({"Comment", "prompt", "workflow"})  # keys of a JSON object that stands for several text chunks


class Hidden(NamedTuple):
    """The picture in memory, opened for its bits."""

    picture: "Image"
    channels: str

    @property
    def column(self) -> int:
        """Bits in one column of pixels."""
        return self.picture.height * len(self.channels)

    def bits(self, start: int, count: int) -> bytes:
        """`count` bits from `start` on, eight to a byte; fewer where the picture ends."""
        from PIL import Image

        first, last = start // self.column, -(-(start + count) // self.column)
        strip = self.picture.crop((first, 0, min(last, self.picture.width), self.picture.height))
        chosen = strip.getchannel("A") if self.channels == "A" else strip.convert("RGB")
        values = chosen.transpose(Image.Transpose.TRANSPOSE).tobytes()
        wanted = values[start - first * self.column :][:count]
        return Image.frombytes("L", (len(wanted), 1), wanted).point(_ODD, "1").tobytes() if wanted else b""


def read_stealth(stream: BinaryIO, form: str, found: Findings) -> None:
    """Note what the pixels of an image hide; the only reader that decodes them."""
    picture = _decoded(stream, found)
    if picture is None:
        return
    for channels, modes in MODES.items():
        if picture.mode in modes and _read_channels(Hidden(picture, channels), form, found):
            return


def _decoded(stream: BinaryIO, found: Findings) -> "Image | None":
    """The picture, or None for one that cannot be decoded, or is too large for the size of its file."""
    from PIL import Image  # only for pictures without other settings

    end = stream.seek(0, SEEK_END)
    width, height = found.size or (0, 0)
    if width * height * 4 > PIXELS_FLOOR + PIXELS_EACH * end:
        found.report(diagnose("PC115", width=width, height=height))
        return None
    stream.seek(0)
    try:
        picture = Image.open(stream)
        if picture.size != found.size:
            return None
        picture.load()
    except (OSError, ValueError, SyntaxError, EOFError, TypeError, OverflowError, zlib.error):
        return None  # damage is told by the reader of the format
    return picture


def _read_channels(hidden: Hidden, form: str, found: Findings) -> bool:
    """Whether these channels hide a text; it is noted."""
    channels, packed = SIGNATURES.get(hidden.bits(0, _SIGNATURE_BITS), ("", False))
    if channels != hidden.channels:
        return False
    length = int.from_bytes(hidden.bits(_SIGNATURE_BITS, _LENGTH_BITS), "big")
    start = _SIGNATURE_BITS + _LENGTH_BITS
    if length > hidden.column * hidden.picture.width - start:
        found.report(diagnose("PC109", chunk="stealth"))
    elif found.spend(length // 8, "stealth"):
        data = hidden.bits(start, length)
        text = _unpacked(data, found) if packed else decode(data, "utf-8")
        if text is not None:
            _spread(f"{form}:stealth", text, found)
    return True


def _unpacked(data: bytes, found: Findings) -> Decoded | None:
    try:
        text = zlib.decompressobj(_GZIP).decompress(data, found.left + 1)
    except zlib.error:
        found.report(diagnose("PC109", chunk="stealth"))
        return None
    return decode(text, "utf-8") if found.spend(len(text), "stealth") else None


def _spread(place: str, text: Decoded, found: Findings) -> None:
    """The text; or, where it is an object that stands for the text chunks of a PNG, each of them."""
    chunks = _chunks(text.text)
    if not chunks:
        found.add(place, "parameters", text)
    for key, value in chunks.items():
        found.add(place, key, text._replace(text=value))


def _chunks(text: str) -> dict[str, str]:
    """Key → text of the chunks that an object stands for; empty for any other text."""
    try:
        packet: object = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(packet, dict) or not any(_is_chunk(packet.get(key)) for key in _PACKET):
        return {}
    return {str(key): value if isinstance(value, str) else json.dumps(value) for key, value in packet.items()}


def _is_chunk(value: object) -> bool:
    return isinstance(value, dict) or (isinstance(value, str) and value.lstrip().startswith("{"))
