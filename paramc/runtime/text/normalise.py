"""What programs do to a text before it is cut into words; they differ on quotes, CJK, full-width letters, ligatures."""

import html
import unicodedata
from collections.abc import Callable, Mapping
from typing import Final, Literal, TypeAlias

Normalisation: TypeAlias = Literal["mended", "unescaped", "spaced", "composed"]

_IDEOGRAPHS: Final = (  # the blocks that BERT's tokeniser takes for CJK characters
    (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x2A6DF), (0x2A700, 0x2B73F), (0x2B740, 0x2B81F),
    (0x2B820, 0x2CEAF), (0x2F800, 0x2FA1F),
)  # fmt: skip


def mended(text: str) -> str:
    """Mojibake, entities, curly quotes, full-width letters, ligatures undone; single spaces; lower case (A1111)."""
    return " ".join(_fixed(text).split()).lower()


def unescaped(text: str) -> str:
    """The same, and entities of entities too (OpenCLIP)."""
    return " ".join(html.unescape(html.unescape(_fixed(text))).split()).lower()


def spaced(text: str) -> str:
    """Spaces around ideographs, no control or zero-width characters, composed, lower case (ComfyUI)."""
    composed_text = unicodedata.normalize("NFC", "".join(map(_spaced_character, text)))
    return " ".join(word.lower() for word in composed_text.split())


def composed(text: str) -> str:
    """Composed, single spaces, lower case (transformers from 5 on)."""
    return " ".join(unicodedata.normalize("NFC", text).split()).lower()


NORMALISATIONS: Final[Mapping[Normalisation, Callable[[str], str]]] = {
    "mended": mended,
    "unescaped": unescaped,
    "spaced": spaced,
    "composed": composed,
}


def _fixed(text: str) -> str:
    if text.isascii() and text.isprintable() and "&" not in text:
        return text
    import ftfy  # its tables take time to load, and plain text does not need them

    return ftfy.fix_text(text)


def _spaced_character(character: str) -> str:
    if any(first <= ord(character) <= last for first, last in _IDEOGRAPHS):
        return f" {character} "
    if character in "\t\n\r" or unicodedata.category(character) == "Zs":
        return " "
    return "" if character == "\ufffd" or unicodedata.category(character).startswith("C") else character
