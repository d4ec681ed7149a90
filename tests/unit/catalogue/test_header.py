"""Headers of safetensors files, whole and broken."""

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paramc.runtime.catalogue.errors import ModelError
from paramc.runtime.catalogue.header import read_header
from tests.unit.catalogue.files import SD1, header_of, write


def code(path: Path) -> str:
    with pytest.raises(ModelError) as caught:
        read_header(path)
    return caught.value.diagnostics[0].code


def put(folder: Path, data: bytes) -> Path:
    path = folder / "model.safetensors"
    path.write_bytes(data)
    return path


def test_tensors_have_their_shapes_and_places(tmp_path: Path) -> None:
    path = write(tmp_path / "a.safetensors", {"a": (2, 3), "b": (5,)}, metadata={"format": "pt"})
    header = read_header(path)
    assert header.shape("a") == (2, 3)
    assert header.tensors["b"].start == header.data_start + 12
    assert header.tensors["b"].end == path.stat().st_size
    assert header.metadata == {"format": "pt"}


def test_a_tensor_that_is_not_there_has_no_shape(tmp_path: Path) -> None:
    assert read_header(write(tmp_path / "a.safetensors", SD1)).shape("nothing") is None


@pytest.mark.parametrize("kept", [0.999, 0.5])
def test_a_file_cut_short_is_named_as_such(tmp_path: Path, kept: float) -> None:
    whole = write(tmp_path / "a.safetensors", {"a": (50, 100)}).read_bytes()
    assert code(put(tmp_path, whole[: int(len(whole) * kept)])) == "PC522"


def test_a_header_cut_short_is_named_as_such(tmp_path: Path) -> None:
    assert code(put(tmp_path, header_of(SD1)[:-10])) == "PC522"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<!DOCTYPE html><html>not a model</html>",
        b"PK\x03\x04" + b"\0" * 100,
        (2).to_bytes(8, "little") + b"[]",
        (4).to_bytes(8, "little") + b"nope",
        (5).to_bytes(8, "little") + b"\xff\xfe{}}",
    ],
)
def test_other_files_are_told_apart(tmp_path: Path, data: bytes) -> None:
    assert code(put(tmp_path, data)) == "PC521"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "it is empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n", "`git lfs pull` puts the file itself"),
        (b"<!DOCTYPE html><html>", "it is a web page"),
        (b'{"error":"Unauthorized"}', 'it is a text that begins with `{"error":"Unauthorized"}`'),
        (b"Entry not found\n", "it is a text that begins with `Entry not found`"),
        (b"PK\x03\x04" + bytes(90), "torch saves models in"),
        (b"\x89PNG\r\n\x1a\n" + bytes(90), "it is a picture"),
        (bytes.fromhex("fffefdfc") * 9, "it does not begin with the length of a header, and a header"),
    ],
)
def test_what_lies_there_instead_is_named(tmp_path: Path, data: bytes, reason: str) -> None:
    with pytest.raises(ModelError) as caught:
        read_header(put(tmp_path, data))
    assert reason in caught.value.diagnostics[0].message


@pytest.mark.parametrize(
    "entry",
    [
        '{"dtype":"F16","shape":[2,2],"data_offsets":[0,7]}',
        '{"dtype":"F16","shape":[-2],"data_offsets":[0,4]}',
        '{"dtype":"F16","shape":["2"],"data_offsets":[0,4]}',
        '{"dtype":"F16","shape":[2],"data_offsets":[8,4]}',
        '{"dtype":"F16","shape":[2]}',
        "7",
    ],
)
def test_a_tensor_described_wrongly_is_refused(tmp_path: Path, entry: str) -> None:
    text = f'{{"a":{entry}}}'.encode()
    assert code(put(tmp_path, len(text).to_bytes(8, "little") + text + b"\0" * 16)) == "PC521"


def test_deep_nesting_is_no_header(tmp_path: Path) -> None:
    text = b'{"a":' + b"[" * 200_000
    assert code(put(tmp_path, len(text).to_bytes(8, "little") + text)) == "PC521"


def test_a_folder_cannot_be_read(tmp_path: Path) -> None:
    assert code(tmp_path) == "PC523"


@pytest.mark.slow
def test_a_large_truncated_file_is_named_within_a_second(tmp_path: Path) -> None:
    shapes = {f"model.diffusion_model.block.{number}.weight": (1000, 1000) for number in range(2000)}
    path = put(tmp_path, header_of(shapes))
    start = time.perf_counter()
    assert code(path) == "PC522"
    assert time.perf_counter() - start < 1


@given(st.binary(max_size=200), st.integers(0, 300))
def test_no_bytes_make_it_fail(tmp_path_factory: pytest.TempPathFactory, tail: bytes, length: int) -> None:
    path = put(tmp_path_factory.mktemp("any"), length.to_bytes(8, "little") + tail)
    try:
        read_header(path)
    except ModelError as error:
        assert error.diagnostics[0].code in ("PC521", "PC522")
