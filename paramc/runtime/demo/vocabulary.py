"""The demo model's own vocabulary: merges learned from its captions, in the format of CLIP's tokeniser."""

from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import pairwise

from paramc.runtime.demo.captions import UNNAMED
from paramc.runtime.demo.scenes import COUNTS, language
from paramc.runtime.text.bpe import END

Word = tuple[str, ...]


@cache
def merges() -> str:
    """Pairs in the order in which they merge, until every word of the captions is one token."""
    words = [(*word[:-1], word[-1] + END) for word in sorted(set(_spoken())) if len(word) > 1]
    return "\n".join(" ".join(pair) for pair in _learned(words))


def _learned(words: list[Word]) -> Iterator[tuple[str, str]]:
    """The commonest pair of neighbours, again and again; of several the first in the alphabet."""
    while any(len(word) > 1 for word in words):
        counts = Counter(pair for word in words for pair in pairwise(word))
        pair = min(counts, key=lambda pair: (-counts[pair], pair))
        yield pair
        words = [_joined(word, pair) for word in words]


def _joined(word: Word, pair: tuple[str, str]) -> Word:
    """The word with every such pair, from the left, as one token."""
    found: list[str] = []
    position = 0
    while position < len(word):
        width = 2 if word[position : position + 2] == pair else 1
        found.append("".join(word[position : position + width]))
        position += width
    return tuple(found)


def _spoken() -> Iterable[str]:
    """Every word that captions are made of."""
    words = language()
    texts = [
        *words.shapes, *words.plurals.values(), *words.colours, *words.backgrounds, *words.places, *words.sizes,
        *words.captions.openings, *words.captions.quality, *words.captions.before, *COUNTS, UNNAMED,
        "a an on at in the background plain striped checkered",
    ]  # fmt: skip
    for text in texts:
        yield from text.replace(",", " ").split()
