"""Learned words in the layouts of their trainers, and files that hold none."""

import pickle
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("torch")

import torch
from safetensors.torch import save, save_file
from transformers import T5Config, T5EncoderModel

from paramc.diagnostics.model import RunError
from paramc.runtime.text.stack import text_stack
from paramc.runtime.text.words import LearnedWord, fitting_words, read_word
from tests.conformance.text.tiny_clip import stack

pytestmark = pytest.mark.sdk

L, G = torch.arange(48.0).reshape(3, 16), torch.arange(72.0).reshape(3, 24)


def saved(content: object, *, as_zip: bool = True) -> bytes:
    stream = BytesIO()
    torch.save(content, stream, _use_new_zipfile_serialization=as_zip)
    return stream.getvalue()


WHOLE = {
    ".pt": saved({"string_to_param": {"*": L}}),
    ".old.pt": saved({"string_to_param": {"*": L}}, as_zip=False),
    ".safetensors": save({"emb_params": L}),
}


@pytest.mark.parametrize(
    ("tensors", "encoders"),
    [
        ({"emb_params": L}, [""]),
        ({"<mine>": L}, [""]),
        ({"clip_l": L, "clip_g": G}, ["g", "l"]),
        ({"text_encoders_0": L, "text_encoders_1": G}, ["g", "l"]),
    ],
)
def test_layouts_of_safetensors(tmp_path: Path, tensors: dict[str, torch.Tensor], encoders: list[str]) -> None:
    save_file(tensors, tmp_path / "mine.safetensors")
    word = read_word(tmp_path / "mine.safetensors", "mine")
    assert (word.name, sorted(word.vectors)) == ("mine", encoders)
    assert torch.equal(word.vectors.get("l", word.vectors.get("")), L)


@pytest.mark.parametrize("content", [{"string_to_param": {"*": L}, "name": "mine", "step": 500}, {"<mine>": L}])
def test_layouts_of_pickles(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "mine.pt")
    assert torch.equal(read_word(tmp_path / "mine.pt", "mine").vectors[""], L)


def test_a_single_vector_is_a_table_of_one(tmp_path: Path) -> None:
    save_file({"emb_params": L[0]}, tmp_path / "mine.safetensors")
    assert read_word(tmp_path / "mine.safetensors", "mine").vectors[""].shape == (1, 16)


Writer: TypeAlias = Callable[[object, Path], object]


class Bomb:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return (Path.touch, (self._path,))


@pytest.mark.parametrize("writes", [torch.save, lambda bomb, path: path.write_bytes(pickle.dumps(bomb))])
def test_a_pickle_that_runs_code_is_refused_unopened(tmp_path: Path, writes: Writer) -> None:
    writes(Bomb(tmp_path / "ran"), tmp_path / "mine.pt")
    with pytest.raises(RunError, match="PC500"):
        read_word(tmp_path / "mine.pt", "mine")
    assert not (tmp_path / "ran").exists()


def test_a_file_that_is_cut_off_holds_no_word(tmp_path: Path) -> None:
    path = tmp_path / "mine.safetensors"
    save_file({"emb_params": L}, path)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(RunError, match="PC501"):
        read_word(path, "mine")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"not a file of tensors"])
@pytest.mark.parametrize("suffix", [".pt", ".safetensors", ".bin"])
def test_other_bytes_hold_no_word(tmp_path: Path, suffix: str, content: bytes) -> None:
    path = tmp_path / f"mine{suffix}"
    path.write_bytes(content)
    with pytest.raises(RunError, match=r"PC50[01]"):
        read_word(path, "mine")


@pytest.mark.parametrize(
    "tensors",
    [
        {"a": L, "b": L},
        {"a": torch.zeros(2, 3, 4)},
        {"a": torch.zeros(3, 16, dtype=torch.int64)},
        {"emb_params": torch.full_like(L, torch.nan)},
    ],
)
def test_other_tensors_are_no_word(tmp_path: Path, tensors: dict[str, torch.Tensor]) -> None:
    save_file({key: tensor.clone() for key, tensor in tensors.items()}, tmp_path / "mine.safetensors")
    with pytest.raises(RunError, match="PC501"):
        read_word(tmp_path / "mine.safetensors", "mine")


def test_a_missing_file_holds_no_word(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="PC501"):
        read_word(tmp_path / "none.pt", "none")


@pytest.mark.parametrize(
    ("vectors", "base", "codes"),
    [
        ({"": L}, "sd1", []),
        ({"": G}, "sd1", ["PC502"]),
        ({"": L}, "sdxl", ["PC502"]),
        ({"l": L, "g": G}, "sdxl", []),
        ({"l": L}, "sdxl", ["PC502"]),
        ({"": L.repeat(26, 1)}, "sd1", ["PC503"]),
        ({"": L.repeat(25, 1)}, "sd1", []),
    ],
)
def test_a_word_fits_the_encoders_it_was_learned_for(
    vectors: dict[str, torch.Tensor], base: str, codes: list[str]
) -> None:
    words, problems = fitting_words([LearnedWord("mine", vectors)], stack(base))
    assert ([word.name for word in words], [item.code for item in problems]) == ([] if codes else ["mine"], codes)


def test_a_model_that_reads_with_a_language_model_alone_takes_no_words() -> None:
    long = T5EncoderModel(T5Config(d_model=8, d_kv=4, d_ff=8, num_layers=1, num_heads=2, vocab_size=8))
    words, problems = fitting_words([LearnedWord("mine", {"": L})], text_stack("chroma", [long]))
    assert (words, [item.code for item in problems]) == ((), ["PC502"])


@settings(max_examples=200)
@given(st.sampled_from([".pt", ".old.pt", ".safetensors"]), st.data())
def test_damaged_files_hold_a_word_or_are_refused(suffix: str, data: st.DataObject) -> None:
    content = bytearray(WHOLE[suffix])
    for _ in range(data.draw(st.integers(1, 5))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    with TemporaryDirectory() as folder:
        path = Path(folder, f"mine{suffix}")
        path.write_bytes(content)
        try:
            assert read_word(path, "mine").vectors
        except RunError as error:
            assert error.diagnostics[0].code in ("PC500", "PC501")
