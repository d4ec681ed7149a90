"""Bytes that are text: byte order marks, UTF-8, and UTF-16 whose byte order nobody wrote down."""

from typing import NamedTuple

MARKS = (  # the UTF-32 marks begin like those of UTF-16
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe\0\0", "utf-32-le"),
    (b"\0\0\xfe\xff", "utf-32-be"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
UNREADABLE_SHARE = 8  # with more than an eighth of undecodable or control characters, bytes are no text
_CONTROLS = dict.fromkeys({*range(1, 32)} - {*b"\t\n\v\f\r\x1b"})


class Decoded(NamedTuple):
    """Text, the encoding it was in, and how many pieces of it were not valid in that encoding."""

    text: str
    encoding: str
    replaced: int


def decode_text(data: bytes) -> Decoded | None:
    """The bytes as text, or None when they are none: NULs outside UTF-16, or mostly undecodable."""
    for mark, encoding in MARKS:
        if data.startswith(mark):
            return _if_text(decode(data[len(mark) :], encoding))
    if 0 in data:
        return _if_text(decode(data, _order(data))) if _looks_wide(data) else None
    return _if_text(decode(data, "utf-8"))


def decode(data: bytes, encoding: str) -> Decoded:
    """The bytes in this very encoding; what is not valid in it becomes U+FFFD and is counted."""
    try:
        return Decoded(data.decode(encoding), encoding, 0)
    except UnicodeDecodeError:
        text = data.decode(encoding, "replace")
        return Decoded(text, encoding, max(1, text.count(REPLACEMENT)))


def decode_wide(data: bytes) -> Decoded:
    """UTF-16 with or without a mark, in the byte order that the text itself betrays; UTF-8 where it is that."""
    for mark, encoding in MARKS[3:]:
        if data.startswith(mark):
            return decode(data[2:], encoding)
    if 0 not in data:
        narrow = decode(data, "utf-8")
        if not narrow.replaced:
            return narrow
    return decode(data, _order(data))


def without_surrogates(text: str) -> Decoded:
    """A string from the command line: lone surrogates, the traces of undecodable bytes, become U+FFFD."""
    try:
        text.encode()
    except UnicodeEncodeError:
        mended = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        return Decoded(mended, "utf-8", max(1, mended.count(REPLACEMENT)))
    return Decoded(text, "utf-8", 0)


def _if_text(decoded: Decoded) -> Decoded | None:
    text = decoded.text.rstrip("\0")
    unreadable = decoded.replaced + len(text) - len(text.translate(_CONTROLS))
    return None if "\0" in text or unreadable * UNREADABLE_SHARE > len(text) else decoded


def _looks_wide(data: bytes) -> bool:
    even, odd = data[::2].count(0), data[1::2].count(0)
    return len(data) % 2 == 0 and max(even, odd) * 4 >= len(data) // 2 and min(even, odd) * 16 <= max(even, odd)


def _order(data: bytes) -> str:
    """The high bytes of UTF-16 are mostly zero, or else few different ones; a draw is what most programs write."""
    even, odd = data[::2], data[1::2]
    if even.count(0) != odd.count(0):
        return "utf-16-be" if even.count(0) > odd.count(0) else "utf-16-le"
    return "utf-16-le" if len(set(odd)) < len(set(even)) else "utf-16-be"
