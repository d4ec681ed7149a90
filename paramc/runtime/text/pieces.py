"""SentencePiece's files of words (`tokenizer.model`), as tokenisers."""

import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers

from paramc.runtime.text.letters import require_letters

SPACE: Final = "▁"
SPACES_AROUND: Final = r"\A +| +\z"  # other white space stays
UNKNOWN: Final = 2  # kinds of pieces
CONTROL: Final = 3
USER_DEFINED: Final = 4
UNIGRAM: Final = 1  # the kind of a model that weighs whole cuts against each other; the other kind merges pairs
LONGEST: Final = 64  # bits of a number
LONGEST_WORD: Final = 256  # letters; more pairs than memory holds would make longer ones
NO_SCORE: Final = bytes(4)  # as a float


class Field(NamedTuple):
    """A field of a message: its number, and its value as a number or as bytes."""

    number: int
    value: int
    data: bytes


class Piece(NamedTuple):
    """A word or a part of one. score: the greater, the sooner two parts become it."""

    text: str
    score: float
    kind: int


@dataclass(slots=True)
class Words:
    """What a file says. charsmap: how letters are normalised, empty = they stay."""

    pieces: list[Piece] = field(default_factory=list)
    kind: int = UNIGRAM
    falls_back_to_bytes: bool = False
    charsmap: bytes = b""
    begins_with_space: bool = True
    joins_spaces: bool = True


def tokeniser_of(data: bytes, further: Sequence[str] = ()) -> Tokenizer:
    """The tokeniser of a file. `further`: words that stand behind those of the file.

    Raises ValueError for a file that is none.
    """
    words = _words(data)
    unknown = next((number for number, piece in enumerate(words.pieces) if piece.kind == UNKNOWN), None)
    if unknown is None:
        raise ValueError("it has no piece for what is unknown")
    made = Tokenizer(_model(words, unknown, further))
    made.normalizer = normalizers.Sequence(list(_normalisers(words)))
    made.decoder = decoders.Sequence([decoders.Replace(SPACE, " "), decoders.ByteFallback(), decoders.Fuse()])
    made.add_special_tokens([piece.text for piece in words.pieces if piece.kind == CONTROL])
    made.add_tokens([AddedToken(piece.text, normalized=False) for piece in words.pieces if piece.kind == USER_DEFINED])
    return made


def _model(words: Words, unknown: int, further: Sequence[str]) -> models.Model:
    if words.kind == UNIGRAM:
        scored = [(piece.text, piece.score) for piece in words.pieces] + [(word, 0.0) for word in further]
        return models.Unigram(scored, unknown, words.falls_back_to_bytes)
    ids = {piece.text: number for number, piece in enumerate(words.pieces)}
    merges = list(_merges(words.pieces))
    # a word of the same letters among the pieces becomes that word, as in ChatGLM's own tokeniser
    ids |= {word: len(words.pieces) + number for number, word in enumerate(further)}
    return models.BPE(
        ids,
        merges,
        unk_token=words.pieces[unknown].text,
        fuse_unk=True,
        byte_fallback=words.falls_back_to_bytes,
    )


def _merges(pieces: Sequence[Piece]) -> Iterator[tuple[str, str]]:
    """Pairs of pieces that make a piece, those of the greatest score first. Raises ValueError for one too long."""
    ids: Mapping[str, int] = {piece.text: number for number, piece in enumerate(pieces)}
    if any(len(piece.text) > LONGEST_WORD and piece.kind != USER_DEFINED for piece in pieces):
        raise ValueError("it has a piece that is too long for a word")
    for piece in sorted(pieces, key=lambda piece: -piece.score):
        pairs = ((piece.text[:cut], piece.text[cut:]) for cut in range(1, len(piece.text)))
        known = [pair for pair in pairs if pair[0] in ids and pair[1] in ids]
        yield from sorted(known, key=lambda pair: (ids[pair[0]], ids[pair[1]]))


def _normalisers(words: Words) -> Iterator[normalizers.Normalizer]:
    if words.charsmap:
        require_letters(words.charsmap)
        yield normalizers.Precompiled(words.charsmap)
    if words.joins_spaces:
        yield normalizers.Replace(Regex(" +"), " ")
        yield normalizers.Replace(Regex(SPACES_AROUND), "")
    if words.begins_with_space:
        yield normalizers.Prepend(SPACE)
    yield normalizers.Replace(" ", SPACE)


def _words(data: bytes) -> Words:
    words = Words()
    for item in _fields(data):
        match item.number:
            case 1:
                words.pieces.append(_piece(item.data))
            case 2:
                for told in _fields(item.data):
                    match told.number:
                        case 3:
                            words.kind = told.value
                        case 35:
                            words.falls_back_to_bytes = bool(told.value)
                        case _:
                            pass
            case 3:
                _normalise(words, item.data)
            case _:
                pass
    return words


def _normalise(words: Words, data: bytes) -> None:
    for told in _fields(data):
        match told.number:
            case 2:
                words.charsmap = told.data
            case 3:
                words.begins_with_space = bool(told.value)
            case 4:
                words.joins_spaces = bool(told.value)
            case _:
                pass


def _piece(data: bytes) -> Piece:
    told = {item.number: item for item in _fields(data)}
    nothing = Field(0, 1, b"")
    score = told[2].data if 2 in told else NO_SCORE
    if len(score) != len(NO_SCORE):
        raise ValueError("it has a score that is no number")
    return Piece(told.get(1, nothing).data.decode(), struct.unpack("<f", score)[0], told.get(3, nothing).value)


def _fields(data: bytes) -> Iterator[Field]:
    """The fields of a message (protocol buffers). Raises ValueError where it is none."""
    place = 0
    while place < len(data):
        key, place = _number(data, place)
        value, size = 0, 0
        match key & 7:  # how it is written: as a number, in eight bytes, in as many as are told, in four
            case 0:
                value, place = _number(data, place)
            case 1:
                size = 8
            case 2:
                size, place = _number(data, place)
            case 5:
                size = 4
            case _:
                raise ValueError("it is not a message")
        if place + size > len(data):
            raise ValueError("it ends too early")
        yield Field(key >> 3, value, data[place : place + size])
        place += size


def _number(data: bytes, place: int) -> tuple[int, int]:
    """A number of seven bits a byte, the lowest first, and the place behind it."""
    value = 0
    for shift in range(0, LONGEST, 7):
        if place >= len(data):
            break
        byte = data[place]
        value |= (byte & 127) << shift
        place += 1
        if byte < 128:
            return value, place
    raise ValueError("it is not a message")
