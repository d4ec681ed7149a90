"""Packing tokens in chunks: what the recorded prompts do not show."""

import pytest

from paramc.dialects.chunks import CAPACITY, Embedding, Packed, TokenRun, Vocabulary, pack

COMMA = 1
WORDS = Vocabulary(begin=98, end=99, comma=COMMA)


def packed(*tokens: int, backtrack: int = 20, embeddings: tuple[Embedding, ...] = ()) -> Packed:
    return pack([TokenRun("text", 1.5, tokens)], WORDS, backtrack=backtrack, embeddings=embeddings)


def inner(result: Packed) -> list[list[int]]:
    """The tokens of each chunk without frame and padding."""
    return [[token for token in chunk.tokens if token not in (98, 99)] for chunk in result.chunks]


def test_chunks_are_framed_and_filled() -> None:
    (chunk,) = packed(7, 8).chunks
    assert chunk.tokens == (98, 7, 8, *[99] * 74)
    assert chunk.multipliers == (1.0, 1.5, 1.5, *[1.0] * 74)


def test_of_embeddings_that_begin_alike_the_longest_counts_and_of_equal_ones_the_first() -> None:
    words = (Embedding("short", (7,), 1), Embedding("long", (7, 8), 2), Embedding("late", (7, 8), 3))
    (chunk,) = packed(7, 8, 7, embeddings=words).chunks
    assert chunk.fixes == ((0, "long"), (2, "short"))


@pytest.mark.parametrize(("backtrack", "first"), [(20, 56), (19, 75), (0, 75)])
def test_what_follows_a_comma_moves_on_when_it_is_not_too_much(backtrack: int, first: int) -> None:
    tokens = [7] * 55 + [COMMA] + [8] * 30
    assert [len(chunk) for chunk in inner(packed(*tokens, backtrack=backtrack))] == [first, 86 - first]


def test_a_comma_that_opens_a_chunk_is_not_one_to_go_back_to() -> None:
    tokens = [7] * CAPACITY + [COMMA] + [8] * CAPACITY
    assert [len(chunk) for chunk in inner(packed(*tokens, backtrack=74))] == [75, 75, 1]


def test_vectors_of_a_moved_embedding_stay_registered_where_they_were() -> None:
    tokens = [7] * 60 + [COMMA] + [9] + [8] * 20
    result = packed(*tokens, embeddings=(Embedding("word", (9,), 4),))
    assert [chunk.fixes for chunk in result.chunks] == [((61, "word"),), ()]
    assert inner(result)[1][:5] == [0, 0, 0, 0, 8]


def test_breaks_close_chunks_and_the_count_shows_it() -> None:
    chunk_break = TokenRun("BREAK", -1.0, (5,))
    result = pack([chunk_break, TokenRun("a", 1.0, (7,)), chunk_break, TokenRun("b", 1.0, (8, 9))], WORDS)
    assert (inner(result), result.token_count) == ([[], [7], [8, 9]], 152)


def test_an_empty_text_is_one_empty_chunk() -> None:
    assert (inner(packed()), packed().token_count) == ([[]], 0)
