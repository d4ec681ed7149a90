"""Tables that normalise letters before a text is cut into tokens, as SentencePiece and `tokenizer.json` have them."""

from typing import Final

import numpy as np

UNIT: Final = 4  # bytes of a number, little-endian
LEAF: Final = 1 << 31  # a unit that is no step on the way, but says where the new letters begin
SPREAD: Final = 255  # places behind the base of a unit at which its next byte may stand


def require_letters(table: bytes) -> None:
    """Raises ValueError for a table that leads beyond its own end, where the library would break off the program.

    It holds the size of a trie in bytes, the trie (a double array), and the new letters.
    """
    count = int.from_bytes(table[:UNIT], "little") // UNIT
    letters = table[UNIT * (1 + count) :]
    letters.decode()
    if not count or len(table) < UNIT * (1 + count):
        raise ValueError("its table of letters is cut short")
    units = np.frombuffer(table, "<u4", count, UNIT)
    steps = units < LEAF
    steps[0] = True  # where every way begins
    bases = np.arange(count) ^ ((units >> 10) << ((units >> 6) & 8))
    begins = units[bases[steps & (units >> 8 & 1 == 1) & (bases < count)]] & (LEAF - 1)
    inside = np.append(np.frombuffer(letters, "u1") & 0xC0 == 0x80, False)  # bytes that continue a letter
    if (bases[steps] | SPREAD >= count).any() or (begins > len(letters)).any() or inside[begins].any():
        raise ValueError("its table of letters leads nowhere")
