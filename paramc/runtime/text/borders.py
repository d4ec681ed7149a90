"""Texts cut where a program cuts them, for one that would cut elsewhere: a break in the plan at every chunk's end.

Nothing here needs torch.
"""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from paramc.dialects.chunks import CAPACITY, TokenRun, Vocabulary, pack
from paramc.ir.plan import Encode, Op, Plan, Run, Variant
from paramc.runtime.text.bpe import tokeniser, vocabulary
from paramc.runtime.text.manners import find_manner

BASES: Final = frozenset({"sd1", "sd2", "sdxl"})  # whose encoders take 77 tokens
FEW: Final = 40  # words and signs: such a text is taken to fit into one chunk, without a look at its tokens
SPACES: Final = "composed"  # a normalisation that leaves letters alone, as all of them do with plain text
REMEMBERED: Final = 20_000  # words with their tokens
BREAK: Final = Run(text="", breaks=True)
_PIECE: Final = re.compile(r"\w+|[^\w\s]")
_ATOM: Final = re.compile(r"(\S+?(?:,(?=[^\W_])|(?=\s)|\Z))")  # cut there, a text has the same tokens as whole


class Atom(NamedTuple):
    """A piece of a run that is never cut: where it ends, and its tokens."""

    run: int
    end: int
    tokens: Sequence[int]


def at_borders(plan: Plan) -> Plan:
    """The plan with its texts cut at the borders of the chunks that their own program makes."""
    if plan.base not in BASES:
        return plan
    return plan.model_copy(update={"ops": tuple(map(_cut_op, plan.ops))})


def _cut_op(op: Op) -> Op:
    if not isinstance(op, Encode) or find_manner(op.manner).chunking != "packed":
        return op
    variants = tuple(_cut_variant(variant, op.backtrack) for variant in op.variants)
    return op if variants == op.variants else op.model_copy(update={"variants": variants})


def _cut_variant(variant: Variant, backtrack: int) -> Variant:
    runs: list[Run] = []
    section: list[Run] = []
    for run in (*variant.runs, BREAK):
        if run.breaks:
            runs += (*_cut(section, backtrack), run)
            section = []
        else:
            section.append(run)
    return variant.model_copy(update={"runs": tuple(runs[:-1])})


def _cut(section: Sequence[Run], backtrack: int) -> Sequence[Run]:
    """The runs between two breaks, with breaks where chunks end."""
    if sum(len(_PIECE.findall(run.text)) for run in section) <= FEW:
        return section
    atoms = [
        Atom(number, found.end(), _tokens(found[1]))
        for number, run in enumerate(section)
        for found in _ATOM.finditer(run.text)
    ]
    if sum(len(atom.tokens) for atom in atoms) <= CAPACITY:
        return section
    return list(_divided(section, atoms, list(_ends(atoms, vocabulary(), backtrack))))


@lru_cache(maxsize=REMEMBERED)
def _tokens(text: str) -> tuple[int, ...]:
    return tuple(tokeniser(SPACES).ids(text))


def _ends(atoms: Sequence[Atom], words: Vocabulary, backtrack: int) -> Iterator[int]:
    """The number of atoms up to the end of each chunk but the last; a word that one would end in goes to the next."""
    start = 0
    while start < len(atoms):
        window: list[int] = []
        stop = start
        while stop < len(atoms) and len(window) <= CAPACITY:
            window += atoms[stop].tokens
            stop += 1
        if len(window) <= CAPACITY:
            return
        chunk = pack([TokenRun("", 1.0, window[: CAPACITY + 1])], words, backtrack=backtrack).chunks[0]
        room = chunk.tokens.index(words.end) - 1
        taken = 0
        end = start
        while taken + len(atoms[end].tokens) <= room:
            taken += len(atoms[end].tokens)
            end += 1
        start = max(end, start + 1)  # a word longer than a chunk is left whole
        if start < len(atoms):
            yield start


def _divided(section: Sequence[Run], atoms: Sequence[Atom], ends: Sequence[int]) -> Iterator[Run]:
    """The runs, divided behind the atoms that end chunks."""
    cuts: dict[int, list[int]] = {}
    for end in ends:
        cuts.setdefault(atoms[end - 1].run, []).append(atoms[end - 1].end)
    for number, run in enumerate(section):
        start = 0
        for end in cuts.get(number, ()):
            yield run.model_copy(update={"text": run.text[start:end].strip() if start else run.text[:end]})
            yield BREAK
            start = end
        rest = run.text[start:].lstrip() if start else run.text
        if rest:
            yield run.model_copy(update={"text": rest})
