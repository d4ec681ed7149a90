"""A prompt of one language in the words of another, with everything that this costs."""

from collections.abc import Iterator, Sequence
from math import isclose
from typing import Final, NamedTuple

from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import Diagnostic
from paramc.dialects.branches import BranchText
from paramc.dialects.edits import Timeline, operators, text_at
from paramc.dialects.embeddings import bared, referenced
from paramc.dialects.language import Language
from paramc.dialects.networks import Networks, Tag
from paramc.dialects.weights import BREAK, Run, Runs
from paramc.dialects.writing import decimal
from paramc.ir.prompt import NetworkTag

FIRST: Final = 1  # the step whose text stands for a prompt that changes
STEPS: Final = 20  # of a pass for which a share of the steps is worked out
SAME: Final = 1e-12  # relative: programs multiply in other orders
AND: Final = " AND "  # between parts, in the languages that have them


class Rephrased(NamedTuple):
    """The text in the other language. Without diagnostics, it means exactly the same."""

    text: str
    diagnostics: tuple[Diagnostic, ...]


class _Part(NamedTuple):
    """One part: its weight, (last step, runs) pairs, and what else its language acts upon."""

    weight: float
    schedule: Sequence[tuple[int, Runs]]
    beyond: Sequence[str]

    def is_like(self, other: "_Part") -> bool:
        mine, theirs = list(_changes(self.schedule)), list(_changes(other.schedule))
        return (
            self.weight == other.weight
            and [end for end, _ in mine] == [end for end, _ in theirs]
            and all(_alike(one, two) for (_, one), (_, two) in zip(mine, theirs, strict=True))
            and self.beyond == other.beyond
        )


class _Meaning(NamedTuple):
    """What a text comes to after all passes."""

    networks: Sequence[NetworkTag]
    parts: Sequence[_Part]

    def is_like(self, other: "_Meaning") -> bool:
        mine, theirs = ([_asked(network) for network in one.networks] for one in (self, other))
        if mine != theirs or len(self.parts) != len(other.parts):
            return False
        return all(one.is_like(two) for one, two in zip(self.parts, other.parts, strict=True))

    @property
    def weighs(self) -> bool:
        return any(run[1] != 1.0 for part in self.parts for _, runs in part.schedule for run in runs if run != BREAK)


def rephrase(text: str, source: Language, target: Language, embeddings: Sequence[str] = ()) -> Rephrased:
    """`text` of the language `source` as `target` says it; what cannot be said is left out and named.

    A text that both read alike stays as it is spelt, and so does a piece of one. `embeddings` are the names of textual
    inversions, which not every language marks.
    """
    mine, theirs = source.writing.embedding, target.writing.embedding
    if mine == theirs:
        return _rephrased(text, source, target)
    bare, named = bared(text, mine)
    found = _rephrased(bare, source, target)
    return found._replace(text=referenced(found.text, theirs, (*embeddings, *named)))


def _rephrased(text: str, source: Language, target: Language) -> Rephrased:
    if source.reads_like(target):
        return Rephrased(text, ())
    asked = _meaning(text, source)
    said: list[Diagnostic] = []
    written = text if asked.is_like(_meaning(text, target)) else _rewritten(text, source, target, said)
    if not said and not asked.is_like(_meaning(written, target)):
        said.append(diagnose("PC223", language=target.name))
    if source.weights.settings.arithmetic != target.weights.settings.arithmetic and asked.weighs:
        said.append(diagnose("PC224", source=source.name, language=target.name))
    return Rephrased(written, tuple(said))


def _meaning(text: str, language: Language) -> _Meaning:
    untagged = language.networks.split(text)
    networks = [language.networks.network(tag) for tag in untagged.tags]
    return _Meaning(networks, [_part(part, language) for part in language.branches.split(untagged.text)])


def _part(part: BranchText, language: Language) -> _Part:
    schedule = language.edits.schedule(part.text, STEPS)
    return _Part(
        part.weight,
        [(end, language.weights.runs(entry)) for end, entry in schedule],
        [str(mark) for mark in language.weights.beyond(schedule[0][1])],
    )


def _rewritten(text: str, source: Language, target: Language, said: list[Diagnostic]) -> str:
    untagged = source.networks.split(text)
    kept = _tags(text, untagged.tags, source, target, said)
    parts = source.branches.split(untagged.text)
    combines = len(parts) == 1 or source.shares("branches", target)
    if not combines:
        said.append(diagnose("PC220", count=len(parts), language=target.name))
    written = [_written(part.text, source, target, said) for part in parts]
    if combines:
        weights = ("" if part.spelt is None else f" :{decimal(part.weight)}" for part in parts)
        written = [piece + weight for piece, weight in zip(written, weights, strict=True)]
    whole = (AND if combines else ", ").join(piece.strip() if len(parts) > 1 else piece for piece in written)
    return whole + "".join(f" {tag}" for tag in kept)


def _tags(text: str, tags: Sequence[Tag], source: Language, target: Language, said: list[Diagnostic]) -> Sequence[str]:
    """The network tags that the other language reads alike, as spelt."""
    spelt = [text[slice(*tag.span)] for tag in tags]
    asked = [[_asked(source.networks.network(tag))] for tag in tags]
    alike = [_asked_of(tag, target.networks) == network for tag, network in zip(spelt, asked, strict=True)]
    lost = [tag for tag, is_kept in zip(tags, alike, strict=True) if not is_kept]
    if lost:
        names = ", ".join(dict.fromkeys(f"`{tag.items[0]}`" for tag in lost))
        said.append(diagnose("PC219", lost[0].span, "left out", names=names, language=target.name))
    return [tag for tag, is_kept in zip(spelt, alike, strict=True) if is_kept]


def _asked_of(spelt: str, networks: Networks) -> Sequence[tuple[object, ...]]:
    """The networks that a tag asks for where another language reads it, if it is one there."""
    untagged = networks.split(spelt)
    known = [tag for tag in untagged.tags if tag.kind in networks.strengths]
    return [_asked(networks.network(tag)) for tag in known] if not untagged.text else []


def _asked(network: NetworkTag) -> tuple[object, ...]:
    return network.kind, network.name, network.text_encoder, network.unet, network.rank


def _written(text: str, source: Language, target: Language, said: list[Diagnostic]) -> str:
    """One part: as it is where both read it alike, otherwise written anew from its runs."""
    asked = _Meaning((), [_part(BranchText(text, 1.0, 0, None), source)])
    if asked.is_like(_meaning(text, target)):
        return text
    nodes = source.edits.read(text).nodes
    if any(True for _ in operators(nodes)):
        said.append(diagnose("PC221", language=target.name))
        text = text_at(nodes, FIRST, Timeline(STEPS))
    signs = dict.fromkeys(f"`{mark.strip()}`" for mark in source.weights.beyond(text))
    if signs:
        said.append(diagnose("PC226", signs=", ".join(signs), source=source.name, language=target.name))
    runs = _rounded(_breakless(_spaced(text, source), target, said), target, said)
    written = target.writing.write(runs)
    if not _Meaning((), [_Part(1.0, [(STEPS, tuple(runs))], [])]).is_like(_meaning(written, target)):
        said.append(diagnose("PC223", language=target.name))
    return written


def _spaced(text: str, source: Language) -> Runs:
    """The runs, with the white space that the language puts between them."""
    runs = source.weights.runs(text)
    glue = source.writing.glue
    return runs if glue is None else tuple(piece for run in runs for piece in (run, (glue, 1.0)))[:-1]


def _breakless(runs: Runs, target: Language, said: list[Diagnostic]) -> Sequence[Run]:
    """The runs, with commas for breaks where the language has none."""
    if BREAK not in runs or target.writing.new_chunk.strip():
        return runs
    said.append(diagnose("PC222", language=target.name))
    return [(", ", 1.0) if run == BREAK else run for run in runs]


def _rounded(runs: Sequence[Run], target: Language, said: list[Diagnostic]) -> Sequence[Run]:
    """The runs with weights as exact as the language takes them."""
    decimals = target.weights.settings.decimals
    if decimals is None:
        return runs
    rounded = [(text, round(weight, decimals)) for text, weight in runs]
    if not _alike(runs, rounded):
        said.append(diagnose("PC227", language=target.name, decimals=decimals))
    return rounded


def _changes(schedule: Sequence[tuple[int, Runs]]) -> Iterator[tuple[int, Runs]]:
    """The entries of a schedule, those joined whose runs are the same."""
    for (end, runs), (_, following) in zip(schedule, (*schedule[1:], (0, None)), strict=True):
        if runs != following:
            yield end, runs


def _alike(asked: Sequence[Run], found: Sequence[Run]) -> bool:
    """The same texts with the same weights, white space and the last bits of numbers aside."""
    mine, theirs = list(_merged(asked)), list(_merged(found))
    return len(mine) == len(theirs) and all(
        "".join(one[0].split()) == "".join(other[0].split()) and isclose(one[1], other[1], rel_tol=SAME, abs_tol=SAME)
        for one, other in zip(mine, theirs, strict=True)
    )


def _merged(runs: Sequence[Run]) -> Iterator[Run]:
    """Neighbours of one weight as one; white space has no weight."""
    text, weight = "", 1.0
    for piece, factor in runs:
        if not piece.strip() or (text and isclose(factor, weight, rel_tol=SAME)):
            text += piece
            continue
        if text.strip():
            yield text, weight
        text, weight = piece, factor
    if text.strip():
        yield text, weight
