"""Settings texts of the A1111 family → Job, with a ledger that keeps every character of the source."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from paramc.diagnostics.model import Diagnostic, Span
from paramc.dialects.description import Dialect
from paramc.dialects.fields import Fields, fields_of
from paramc.dialects.infotext import scan
from paramc.dialects.interpret import PROMPTS, UNSAID, Interpretation
from paramc.dialects.prompt import read_negative, read_prompt
from paramc.dialects.registry import find_dialect
from paramc.dialects.resources import gather_resources
from paramc.dialects.scanned import Passage, Scanned
from paramc.dialects.settings import recover_settings
from paramc.dialects.settle import settle
from paramc.ir.job import Job
from paramc.ir.ledger import Implied, Stated
from paramc.ir.paths import plain
from paramc.ir.places import Place, View, place_of

SEPARATOR: Final = ": "
FINISHING: Final = "stages.post_upscale"
PROMPT: Final = place_of("prompt")
NEGATIVE: Final = place_of("negative")
DIALECT: Final = place_of("producer.dialect")
LANGUAGE: Final = place_of("text.language")
PROMPT_TABLE: Final = "prompt.toml"


def read_infotext(text: str, dialect: Dialect, *, strict: bool = False) -> tuple[Job, tuple[Diagnostic, ...]]:
    """The Job that a settings text says, and what was to be said on the way.

    With `strict` the program's own losses and mistakes are kept; otherwise the Job is what the settings were made with.
    """
    fields = fields_of(dialect)
    scanned = scan(text, dialect, strict=strict)
    if not scanned.pairs and not strict:
        scanned = _finishing(text, dialect, fields) or scanned
    meaning = Interpretation(fields)
    meaning.decode(scanned.pairs)
    meaning.place()
    settle(meaning, executed=strict)
    implied = _name_languages(meaning, dialect)
    _read_prompts(meaning, scanned, dialect)
    if not strict and fields.resource_lists:
        gather_resources(meaning)
    job = meaning.draft.job()
    return job.model_copy(update={"ledger": _ledger(scanned, meaning, job), "implied": implied}), (
        *scanned.diagnostics,
        *meaning.diagnostics,
    )


def _name_languages(meaning: Interpretation, dialect: Dialect) -> tuple[Implied, ...]:
    """The dialect of the text and the language of its prompts, which no field says."""
    language = dialect.path(PROMPT_TABLE)
    own = {DIALECT: dialect.name, LANGUAGE: language.parent.name if language else dialect.name}
    unsaid = {place: name for place, name in own.items() if meaning.draft.get(place, 0) is None}
    for place, name in unsaid.items():
        meaning.draft.put(place, 0, name)
    return tuple(
        Implied(path=place.text(), read=plain(name), because=f"the text is one of {dialect.title}")
        for place, name in unsaid.items()
        if name != place.value(UNSAID)
    )


def _read_prompts(meaning: Interpretation, scanned: Scanned, dialect: Dialect) -> None:
    name = meaning.draft.get(LANGUAGE, 0)
    language = dialect if name == dialect.name else find_dialect(str(name), dialect.roots)
    texts = [(PROMPT, "prompt", scanned.prompt.text), (NEGATIVE, "negative", scanned.negative.text)]
    texts += [
        (entry.places[0][0], entry.match.field.kind, str(entry.value))
        for entry in meaning.effective()
        if entry.match and entry.match.field.kind in PROMPTS and entry.places
    ]
    for place, kind, text in texts:
        if text:
            meaning.draft.put(place, 0, (read_prompt if kind == "prompt" else read_negative)(text, language))


def _finishing(text: str, dialect: Dialect, fields: Fields) -> Scanned | None:
    """A line of fields that all speak of a finished picture, however few: what the program writes beside one."""
    if "\n" in text.strip():
        return None
    read = recover_settings(text, 0, dialect)
    matches = [fields.match(pair.key) for pair in read.pairs]
    if not matches or not all(match and match.field.places[0].owner == FINISHING for match in matches):
        return None
    nowhere = Passage("", Span(0, 0))
    return Scanned(text, nowhere, nowhere, tuple(read.pairs), stray=tuple(read.stray), trailing=tuple(read.trailing))


class _Piece(NamedTuple):
    """An entry of the ledger before it has its gap; `end` is where its value ends."""

    start: int
    end: int
    key: str
    places: Sequence[tuple[Place, int]] = ()
    problem: str | None = None
    item: str | None = None  # canonical text of the one item of a collection that it says


def _ledger(scanned: Scanned, meaning: Interpretation, job: Job) -> tuple[Stated, ...]:
    """Every entry of the source, in order; with their gaps they give back the source."""
    source = scanned.source
    pieces = sorted(_pieces(scanned, meaning), key=lambda piece: piece[:2])
    if pieces and source[: pieces[0].start].strip():
        pieces.insert(0, _Piece(0, pieces[0].start, ""))
    ranks, view = meaning.draft.ranks(), View(job)
    starts = [piece.start for piece in pieces[1:]] + [len(source)]
    return tuple(_stated(source, piece, start, ranks, view) for piece, start in zip(pieces, starts, strict=False))


def _pieces(scanned: Scanned, meaning: Interpretation) -> Iterator[_Piece]:
    start, end = scanned.prompt.span
    if start < end:
        leading = 0 if scanned.source[:start].isspace() else start
        yield _Piece(leading, end, "", ((PROMPT, 0),))
    start, end = scanned.negative.span
    if scanned.labels:
        label = scanned.labels[0]
        key = scanned.source[label.start : label.end - 1]
        yield _Piece(label.start, max(end, label.end), key, ((NEGATIVE, 0),))
    elif start < end:
        yield _Piece(start, end, "", ((NEGATIVE, 0),))
    for entry in meaning.entries:
        yield _Piece(*entry.pair.span, entry.pair.key, entry.places, entry.problem, entry.item)
    for start, end in scanned.trailing:
        yield _Piece(start, end, "")


def _stated(source: str, piece: _Piece, following: int, ranks: Mapping[tuple[str, int], int], view: View) -> Stated:
    start, end, key, places, problem, item = piece
    if key:
        colon = start + len(key)
        value = colon + len(SEPARATOR) if source.startswith(SEPARATOR, colon) and colon + 2 <= end else colon + 1
    else:
        value = start
    ranked = [(place, ranks.get((place.part, number), 0)) for place, number in places]
    read = [plain(view.value(place, rank)) for place, rank in (ranked[1:] if item is not None else ranked)]
    return Stated(
        key=key,
        raw=source[value:end],
        span=Span(start, end),
        paths=tuple(place.text(rank) for place, rank in ranked),
        read=tuple(read if item is None else (item, *read)),
        problem=problem,
        gap=source[end:following],
    )
