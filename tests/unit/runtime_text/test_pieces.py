"""Files of words of SentencePiece: written by hand here, read as tokenisers."""

import json
import struct
from base64 import b64encode
from pathlib import Path

import pytest

from paramc.diagnostics.model import Diagnostic
from paramc.runtime.catalogue.errors import ModelError
from paramc.runtime.text.pieces import tokeniser_of
from paramc.runtime.text.tokenisers import tokeniser_in
from tests.unit.runtime_execute.latest import message, write_pieces

pytestmark = pytest.mark.sdk

Piece = tuple[str, float, int]
FRAME: tuple[Piece, ...] = (("<unk>", 0.0, 2), ("<s>", 0.0, 3))


def written(pieces: tuple[Piece, ...], kind: int, *normal: tuple[int, int]) -> bytes:
    said = [(1, message((1, text.encode()), (2, score), (3, kind))) for text, score, kind in (*FRAME, *pieces)]
    return message(*said, (2, message((3, kind))), (3, message(*normal)))


def test_pairs_are_merged_by_score_and_not_from_the_left(tmp_path: Path) -> None:
    letters = tuple((letter, -9.0, 1) for letter in "abc")
    words = tokeniser_of(written((*letters, ("ab", -2.0, 1), ("bc", -1.0, 1)), 2, (3, 0)))
    assert words.encode("abc").tokens == ["a", "bc"]


def test_the_cut_with_the_best_sum_of_scores_is_taken() -> None:
    pieces = (("a", -1.0, 1), ("b", -1.0, 1), ("c", -1.0, 1), ("ab", -5.0, 1), ("bc", -1.5, 1))
    words = tokeniser_of(written(pieces, 1, (3, 0)))
    assert words.encode("abc").tokens == ["a", "bc"]


@pytest.mark.parametrize(
    ("normal", "tokens"),
    [
        ((), ["▁", "a", "▁", "a"]),
        (((4, 0),), ["▁", "▁", "a", "▁", "▁", "a"]),
        (((3, 0), (4, 0)), ["▁", "a", "▁", "▁", "a"]),
    ],
)
def test_spaces_are_kept_and_put_before_a_text_as_the_file_says(
    normal: tuple[tuple[int, int], ...], tokens: list[str]
) -> None:
    words = tokeniser_of(written((("▁", -1.0, 1), ("a", -1.0, 1)), 2, *normal))
    assert words.encode(" a  a").tokens == tokens


def test_what_no_piece_has_is_unknown_or_its_bytes() -> None:
    some = (("a", -1.0, 1),)
    assert tokeniser_of(written(some, 2, (3, 0))).encode("a!").ids == [2, 0]
    every = tuple((f"<0x{number:02X}>", 0.0, 6) for number in range(256))
    pieces = [(1, message((1, text.encode()), (2, score), (3, kind))) for text, score, kind in (*FRAME, *some, *every)]
    falling = message(*pieces, (2, message((3, 2), (35, 1))), (3, message((3, 0))))
    assert tokeniser_of(falling).encode("a!").ids == [2, 3 + 33]


def test_further_words_stand_behind_those_of_the_file_and_take_the_place_of_their_like() -> None:
    pieces = (("s", -9.0, 1), ("op", -2.0, 1), ("o", -9.0, 1), ("p", -9.0, 1), ("sop", -1.0, 1))
    words = tokeniser_of(written(pieces, 2, (3, 0)), ["[gMASK]", "sop"])
    assert words.token_to_id("[gMASK]") == 7
    assert words.encode("sop").ids == [8]


def test_signs_are_read_as_such() -> None:
    assert tokeniser_of(written((("a", -1.0, 1),), 2, (3, 0))).encode("<s>a", add_special_tokens=False).ids == [1, 2]


def test_spaces_around_a_text_go_and_wider_ones_stay() -> None:
    pieces = tuple((letter, -1.0, 1) for letter in ("▁", "a", "\u3000", "\n"))
    words = tokeniser_of(written(pieces, 2))
    assert words.encode(" \u3000a\n a ").tokens == ["▁", "\u3000", "a", "\n", "▁", "a"]


@pytest.mark.parametrize("cut", [1, 3, 40, 200])
def test_a_file_that_ends_too_early_is_refused(tmp_path: Path, cut: int) -> None:
    write_pieces(tmp_path / "tokenizer" / "tokenizer.model")
    path = tmp_path / "tokenizer" / "tokenizer.model"
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(ModelError) as caught:
        tokeniser_in(tmp_path)
    assert caught.value.diagnostics[0].code == "PC597"


@pytest.mark.parametrize("data", [b"", b"\xff" * 40, b"\x0b", struct.pack("<Q", 0), b"\x0a\xff\xff\xff\xff\x7f"])
def test_what_is_no_file_of_words_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="it "):
        tokeniser_of(data)


@pytest.mark.parametrize("score", [3, b"", b"12345678"])
def test_a_score_that_is_no_number_is_refused(score: int | bytes) -> None:
    with pytest.raises(ValueError, match="score"):
        tokeniser_of(written(FRAME, 1) + message((1, message((1, b"a"), (2, score)))))


def test_a_piece_of_which_pairs_would_fill_the_memory_is_refused() -> None:
    with pytest.raises(ValueError, match="too long"):
        tokeniser_of(written((("a" * 257, 0.0, 1),), 2))
    assert tokeniser_of(written((("a" * 257, 0.0, 4),), 2)).encode("a" * 257).tokens[-1] == "a" * 257


def table(*units: int, letters: bytes = b"b\0") -> bytes:
    """A table of letters whose places are all empty but the first ones, and `a`'s."""
    places = {**dict(enumerate(units)), ord("a"): units[1]}
    trie = struct.pack("<512I", *(places.get(place, 0) for place in range(512)))
    return struct.pack("<I", len(trie)) + trie + letters


LETTERS = table(0, ord("a") | 1 << 8 | (ord("a") ^ 256) << 10)  # `a` goes on at 256, where the new letters are told


def with_letters(data: bytes) -> bytes:
    some = (("b", -1.0, 1), ("▁", -1.0, 1))
    return written(some, 2, (3, 0)) + message((3, message((2, data))))


def test_letters_are_normalised_by_the_table_of_the_file() -> None:
    assert tokeniser_of(with_letters(LETTERS)).encode("ab").tokens == ["b", "b"]


@pytest.mark.parametrize(
    "data",
    [
        b"\4",
        struct.pack("<I", 0),
        LETTERS[:90],
        struct.pack("<II", 4, 0xFFFFFFFF),
        table(1 << 20, 0),
        table(0, ord("a") | 1 << 8 | (ord("a") ^ 512) << 10),
        LETTERS[:-2] + "é".encode()[1:],
        LETTERS[: 4 + 4 * 256] + struct.pack("<I", 9) + LETTERS[8 + 4 * 256 :],
        LETTERS[: 4 + 4 * 256] + struct.pack("<I", 1) + LETTERS[8 + 4 * 256 : -2] + "é".encode(),
    ],
)
def test_a_table_of_letters_that_leads_nowhere_is_refused(data: bytes, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"table of letters|codec"):
        tokeniser_of(with_letters(data))
    normaliser = {"type": "Precompiled", "precompiled_charsmap": b64encode(data).decode()}
    write_tokeniser(tmp_path, normalizer={"type": "Sequence", "normalizers": [normaliser]})
    assert refusal(tmp_path).code == "PC597"


def write_tokeniser(folder: Path, **said: object) -> None:
    model = {"type": "WordLevel", "vocab": {"a": 0, "<unk>": 1}, "unk_token": "<unk>"}
    made = {"added_tokens": [], "pre_tokenizer": {"type": "WhitespaceSplit"}, "model": model, **said}
    write(folder, "tokenizer.json", json.dumps(made))


def write(folder: Path, name: str, text: str) -> None:
    (folder / "tokenizer").mkdir(exist_ok=True)
    (folder / "tokenizer" / name).write_text(text, encoding="utf-8")


def refusal(folder: Path) -> Diagnostic:
    with pytest.raises(ModelError) as caught:
        tokeniser_in(folder)
    return caught.value.diagnostics[0]


def test_what_a_tokeniser_was_saved_with_cuts_no_text_off(tmp_path: Path) -> None:
    cutting = {"direction": "Right", "max_length": 2, "strategy": "LongestFirst", "stride": 0}
    filling = {"strategy": {"Fixed": 9}, "direction": "Right", "pad_id": 1, "pad_type_id": 0, "pad_token": "<unk>"}
    write_tokeniser(tmp_path, truncation=cutting, padding={**filling, "pad_to_multiple_of": None})
    assert tokeniser_in(tmp_path).encode("a a a b").ids == [0, 0, 0, 1]


@pytest.mark.parametrize("model", [{}, {"type": "BPE", "vocab": [], "merges": 3}])
def test_a_model_of_no_known_kind_is_refused(tmp_path: Path, model: object) -> None:
    write_tokeniser(tmp_path, model=model)
    assert refusal(tmp_path).code == "PC597"


def test_a_model_without_a_word_for_what_it_does_not_know_is_refused(tmp_path: Path) -> None:
    write_tokeniser(tmp_path, model={"type": "WordLevel", "vocab": {"a": 0}, "unk_token": "<unk>"})
    assert refusal(tmp_path).message.endswith("WordLevel error: Missing [UNK] token from the vocabulary")


def test_merges_of_words_that_are_not_there_are_refused(tmp_path: Path) -> None:
    write(tmp_path, "vocab.json", '{"a": 0}')
    write(tmp_path, "merges.txt", "b c")
    write(tmp_path, "tokenizer_config.json", '{"tokenizer_class": "Qwen2TokenizerFast"}')
    assert refusal(tmp_path).code == "PC597"


@pytest.mark.parametrize("name", ["tokenizer.json", "tokenizer.model", "merges.txt"])
def test_a_file_larger_than_any_vocabulary_is_not_read(tmp_path: Path, name: str) -> None:
    write(tmp_path, "vocab.json", '{"a": 0}')
    with (tmp_path / "tokenizer" / name).open("wb") as file:
        file.truncate(2**30)
    assert refusal(tmp_path).message.endswith("it is larger than 64 MiB")


@pytest.mark.parametrize("said", [[1], {"tokenizer_class": 3}, {"added_tokens_decoder": {"q": 3}}])
def test_a_configuration_of_another_form_is_refused(tmp_path: Path, said: object) -> None:
    write(tmp_path, "vocab.json", '{"a": 0}')
    write(tmp_path, "merges.txt", "")
    write(tmp_path, "tokenizer_config.json", json.dumps(said))
    assert refusal(tmp_path).code == "PC597"


def test_code_beside_words_is_neither_run_nor_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "vocab.json", '{"a": 0}')
    write(tmp_path, "own.py", f"open({str(tmp_path / 'ran')!r}, 'w').close()\nclass Own: pass\n")
    write(tmp_path, "tokenizer_config.json", '{"auto_map": {"AutoTokenizer": ["own.Own", null]}}')
    monkeypatch.setattr("builtins.input", lambda _: "y")
    refusal(tmp_path)
    assert not (tmp_path / "ran").exists()
