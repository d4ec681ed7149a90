"""Conditionings as prompts: one text as it is, several as A1111 would say them."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Final, NamedTuple

from paramc.dialects.description import Dialect
from paramc.dialects.graph.found import Conditioning, Found, Leaf, Part, Placed
from paramc.dialects.graph.values import as_number
from paramc.dialects.graph.walk import text_of
from paramc.dialects.language import Language, language_of
from paramc.dialects.registry import find_dialect
from paramc.dialects.weights import Run

COMPOSED: Final = "a1111"  # the language that has words for what graphs do with several texts
AND: Final = " AND "
MOST_EDITS: Final = 60  # inside one another
SEAM: Final = 1e-6  # between two shares that are meant to be one


class Said(NamedTuple):
    """A prompt in a language. `leaf` is the widget that it stands in, where it is one; `divided`: guidance is the
    node's divided by this. `lost` are nodes whose text or place it does not hold, `placed` the parts of a prompt whose
    parts have places."""

    text: str = ""
    composed: bool = False
    native: bool = False  # A1111's rules apply to its weights too
    leaf: Found = Found(None)
    divided: float = 1.0
    lost: tuple[str, ...] = ()
    placed: tuple[Part, ...] = ()

    def guided(self, cfg: Found) -> Found:
        """The guidance that goes with the prompt's weights; the node's own one where they divide it by nothing."""
        number = as_number(cfg.value)
        return cfg if number is None or self.divided == 1 else Found(float(f"{number / self.divided:.10g}"))


def positive_text(found: Conditioning, dialect: Dialect, calls: Sequence[float] = ()) -> Said:
    """A positive prompt: what counts beside one another is joined by AND, what is joined by a break.

    `calls`: the shares of time at which the model is called, for texts that follow each other.
    """
    parts = _live(found)
    placed = parts if any(part.area for part in parts) else ()
    if _is_plain(parts):
        return _plain(parts)._replace(placed=placed)
    if any(part.start.value is not None for part in parts):
        said = _switching(parts, dialect, calls)
        return said._replace(lost=(*said.lost, *_placing(parts)))
    weights = [as_number(part.weight.value) for part in parts]
    stated = not placed and any(weight is not None for weight in weights)
    even = round(1 / len(parts), 6)
    shares = [(1.0 if weight is None else weight) if stated else even for weight in weights]
    if len(parts) == 1:
        shares = [1.0]
    pieces = [_weighed(_composed(part.leaves, dialect), share) for part, share in zip(parts, shares, strict=True)]
    text = pieces[0] + "".join(AND + piece.removeprefix(" ") for piece in pieces[1:])
    divided = sum(shares) if stated and sum(shares) > 0 else 1.0
    return Said(text, composed=True, divided=divided, placed=placed)


def negative_text(found: Conditioning | None, dialect: Dialect, *, composed: bool) -> Said:
    """A negative prompt; of several that count beside one another the first, for no language can say more."""
    parts = _live(found) if found else ()
    if not parts:
        return Said()
    if _is_plain(parts) and not composed:
        return _plain(parts)._replace(lost=_placing(parts))
    first, *others = parts
    lost = (*(leaf.node for part in others for leaf in part.leaves), *_placing(parts))
    if len(parts) > 1 and _is_plain(parts[:1]) and not composed:
        return _plain(parts[:1])._replace(lost=lost)
    return Said(_composed(first.leaves, dialect), composed=True, lost=lost)


def _switching(parts: Sequence[Part], dialect: Dialect, calls: Sequence[float]) -> Said:
    """Texts that follow each other, as one that is edited; the first alone where they do not make a sequence."""
    ordered = sorted(parts, key=lambda part: as_number(part.start.value) or 0.0)
    texts = [_composed(part.leaves, dialect) for part in ordered]
    starts = [as_number(part.start.value) or 0.0 for part in ordered]
    ends = [1.0 if (end := as_number(part.end.value)) is None else end for part in ordered]
    seamless = (
        starts[0] <= 0 and ends[-1] >= 1 and all(abs(a - b) < SEAM for a, b in zip(ends, starts[1:], strict=False))
    )
    weighed = any(part.weight.value is not None for part in parts)
    if calls and seamless and not weighed and len(parts) <= MOST_EDITS:
        lasts = [_last_before(end, calls) for end in ends[:-1]]
        text = _edited(texts, lasts, len(calls), dialect)
        if text is not None:
            return Said(text, composed=True)
    lost = tuple(leaf.node for part in ordered[1:] for leaf in part.leaves)
    return Said(texts[0], composed=True, lost=lost)


def _last_before(end: float, calls: Sequence[float]) -> int:
    """The last call before a share of the time; of several calls at that very share, the one in their middle."""
    earlier, at_most = (sum(call < end + slack for call in calls) for slack in (-SEAM, SEAM))
    return earlier + (at_most - earlier) // 2 - 1


def _edited(texts: Sequence[str], lasts: Sequence[int], calls: int, dialect: Dialect) -> str | None:
    """The texts as edits inside one another: each up to its last call. None where they cannot be told apart so."""
    wanted = list(zip((*lasts, calls), texts, strict=True))
    head, tail = _shared(texts)
    edits = language_of(find_dialect(COMPOSED, dialect.roots)).edits
    for cut in ((head, tail), (0, 0)):
        middle = [text[cut[0] : len(text) - cut[1]] for text in texts]
        inside = middle[-1]
        for text, last in zip(reversed(middle[:-1]), reversed(lasts), strict=True):
            inside = f"[{text}:{inside}:{last}]"
        whole = texts[0][: cut[0]] + inside + texts[0][len(texts[0]) - cut[1] :]
        if [*edits.schedule(whole, calls)] == wanted:
            return whole
    return None


def _shared(texts: Sequence[str]) -> tuple[int, int]:
    """How many characters all texts begin and end with, whole words only."""
    shortest = min(texts, key=len)
    head = next((n for n, sign in enumerate(shortest) if any(text[n] != sign for text in texts)), len(shortest))
    head = shortest.rfind(" ", 0, head) + 1
    rest = [text[head:][::-1] for text in texts]
    least = min(rest, key=len)
    tail = next((n for n, sign in enumerate(least) if any(text[n] != sign for text in rest)), len(least))
    return head, least.rfind(" ", 0, tail) + 1


def places(said: Said) -> tuple[tuple[object, ...], ...]:
    """Where the parts of a prompt count and how much, whichever nodes say so."""
    return tuple((part.weight.value, *_place(part.area or Placed())) for part in said.placed)


def _place(area: Placed) -> tuple[object, ...]:
    mask = area.mask and (area.mask.file.value, area.mask.channel.value, area.mask.is_inverted)
    sides = (area.x, area.y, area.width, area.height, area.mask_strength)
    return area.unit, area.fits_mask, mask, *(side.value for side in sides)


def _placing(parts: Sequence[Part]) -> tuple[str, ...]:
    """The nodes that say where parts count."""
    nodes = (node for part in parts if part.area for node in (part.area.placing, part.area.masking))
    return tuple(filter(None, dict.fromkeys(nodes)))


def _live(found: Conditioning) -> tuple[Part, ...]:
    return tuple(part for part in found.parts if part.leaves and not part.zero)


def _is_plain(parts: Sequence[Part]) -> bool:
    return not parts or (len(parts) == 1 and len(parts[0].leaves) == 1 and parts[0].start.value is None)


def _plain(parts: Sequence[Part]) -> Said:
    if not parts:
        return Said()
    leaf = parts[0].leaves[0]
    return Said(text_of(leaf.text.value) or "", native=leaf.a1111, leaf=leaf.text)


def _composed(leaves: Sequence[Leaf], dialect: Dialect) -> str:
    """The texts with a break between each two, their weights as products of none."""
    language = language_of(find_dialect(COMPOSED, dialect.roots))
    pieces = (_rewritten(leaf, language, dialect) for leaf in leaves)
    return language.writing.new_chunk.join(pieces)


def _rewritten(leaf: Leaf, language: Language, dialect: Dialect) -> str:
    """A text in another language: as it is where it means the same there."""
    text = text_of(leaf.text.value) or ""
    if leaf.a1111:
        return text
    runs = tuple(_merged(language_of(dialect).weights.runs(text)))
    alike = language.weights.runs(text) == (runs or (("", 1.0),))
    plain = len(language.edits.read(text).nodes) <= 1 and not language.networks.split(text).tags
    return text if alike and plain and len(language.branches.split(text)) == 1 else language.writing.write(runs)


def _merged(runs: Sequence[Run]) -> Iterator[Run]:
    """Neighbours of one weight as one run."""
    for weight, group in groupby(runs, key=itemgetter(1)):
        yield "".join(text for text, _ in group), weight


def _weighed(text: str, weight: float) -> str:
    return text if weight == 1 else f"{text} :{weight:g}"
