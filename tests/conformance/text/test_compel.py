"""compel's weights against the library itself (2.5.1), on the small encoders: 1e-6 of the greatest number, float32."""

import bz2
import contextlib
import io
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("compel")

import compel
from transformers import CLIPTokenizer

import paramc.runtime.text
from paramc.ir.plan import Run
from paramc.runtime.text.encode import encode
from paramc.runtime.text.manners import find_manner
from tests.conformance.text.recorded import deviation, op_of
from tests.conformance.text.tiny_clip import encoder, stack

pytestmark = [pytest.mark.sdk, pytest.mark.filterwarnings("ignore")]  # the library's own

COLOURS = ["red", "green", "blue", "cyan", "magenta", "yellow", "black", "white", "orange", "purple"]
LIST = ", ".join(COLOURS * 6)
TEXTS = [
    "",
    "a cat",
    "a cat++ on a (mat)1.5",
    "a (red fox)0.5 in snow",
    "a cat-- and (dog)0.3, big+",
    "(all)0.7",
    LIST,
    f"{LIST} (dog)1.4. {' '.join(COLOURS * 5)}",
    f"{LIST} (dog and bird)0.5, {LIST}",
    f"{'. '.join(COLOURS * 8)} (a blue sky that goes on and on)0.6",
    f"({' '.join(COLOURS * 9)})0.8",
]
CLOSE = 1e-6


@pytest.fixture(scope="module")
def tokenisers() -> list[CLIPTokenizer]:
    return [tokenizer("<|endoftext|>"), tokenizer("!")]


def tokenizer(pad: str) -> CLIPTokenizer:
    """The library's tokeniser, from the list of merges that paramc ships."""
    packed = Path(paramc.runtime.text.__file__).parent / "merges.txt.bz2"
    merges = [tuple(line.split(" ")) for line in bz2.decompress(packed.read_bytes()).decode().split("\n")]
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    signs = [chr(byte) for byte in printable] + [chr(256 + index) for index in range(256 - len(printable))]
    words = [*signs, *(f"{sign}</w>" for sign in signs), *map("".join, merges), "<|startoftext|>", "<|endoftext|>"]
    vocabulary = {word: number for number, word in enumerate(words)}
    return CLIPTokenizer(vocab=vocabulary, merges=merges, model_max_length=77, pad_token=pad)


def weighted(text: str) -> tuple[Run, ...]:
    (prompt,) = compel.Compel.parse_prompt_string(text).prompts
    return tuple(Run(text=fragment.text, weight=fragment.weight) for fragment in prompt.children)


@pytest.mark.parametrize("text", TEXTS)
def test_sd1_is_encoded_as_by_the_library(text: str, tokenisers: list[CLIPTokenizer]) -> None:
    library = compel.Compel(tokenizer=tokenisers[0], text_encoder=encoder("l"), truncate_long_prompts=False)
    wanted = library(text)
    done = encode(op_of([(text, weighted(text))], emphasis="compel"), stack("sd1"), find_manner("compel"))
    assert deviation(done.entries[0].conditioning.tokens, wanted) <= CLOSE


@pytest.mark.parametrize("text", TEXTS)
def test_sdxl_is_encoded_as_by_the_library(text: str, tokenisers: list[CLIPTokenizer]) -> None:
    with contextlib.redirect_stdout(io.StringIO()):  # it prints that lists are deprecated
        library = compel.Compel(
            tokenizer=tokenisers,
            text_encoder=[encoder("l"), encoder("g")],
            returned_embeddings_type=compel.ReturnedEmbeddingsType.PENULTIMATE_HIDDEN_STATES_NON_NORMALIZED,
            requires_pooled=[False, True],
            truncate_long_prompts=False,
        )
        tokens, pooled = library(text)
    done = encode(op_of([(text, weighted(text))], emphasis="compel"), stack("sdxl"), find_manner("compel"))
    assert deviation(done.entries[0].conditioning.tokens, tokens) <= CLOSE
    assert deviation(done.entries[0].conditioning.vector, pooled) <= CLOSE
