"""What a file says of a model with words of its own and channels normed in fewer groups."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from paramc.diagnostics.model import ParamcError
from paramc.runtime.catalogue.header import Header, read_header
from paramc.runtime.models.own import own_groups, own_merges
from paramc.runtime.text.bpe import tokeniser

pytestmark = pytest.mark.sdk


def stating(folder: Path, **metadata: str) -> Header:
    path = folder / "model.safetensors"
    save_file({"weight": torch.zeros(1)}, path, {key.replace("__", "."): value for key, value in metadata.items()})
    return read_header(path)


def test_a_file_that_says_nothing_is_of_the_usual_make(tmp_path: Path) -> None:
    header = stating(tmp_path)
    assert (own_groups(header), own_merges(header)) == ({"norm_num_groups": 32}, "")


def test_groups_are_those_that_the_file_states(tmp_path: Path) -> None:
    assert own_groups(stating(tmp_path, norm_num_groups="4")) == {"norm_num_groups": 4}


@pytest.mark.parametrize("stated", ["0", "33", "four", "-4", "²", "9" * 5000])
def test_groups_that_cannot_be_are_refused(tmp_path: Path, stated: str) -> None:
    with pytest.raises(ParamcError) as caught:
        own_groups(stating(tmp_path, norm_num_groups=stated))
    assert caught.value.diagnostics[0].code == "PC594"


def test_merges_make_a_vocabulary_of_the_file_s_own(tmp_path: Path) -> None:
    merges = own_merges(stating(tmp_path, tokenizer__merges="a b\nab c</w>"))
    assert tokeniser("composed", merges).ids("abc") == [513]


def test_damaged_merges_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ParamcError) as caught:
        own_merges(stating(tmp_path, tokenizer__merges="ab c"))
    assert caught.value.diagnostics[0].code == "PC594"
