"""The encoding that scripts print against what A1111 made of the same texts with small encoders: 1e-5, float32."""

import bz2
from copy import deepcopy
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("diffusers")

from transformers import CLIPTokenizer

import paramc
import paramc.runtime.text
from paramc.backends.pieces import is_mended, names_ends, pieces
from paramc.ir.family import Family
from paramc.ir.plan import Encode
from tests.conformance.text.recorded import EMPHASES, TOLERANCE, Case, cases, deviation, expected, op
from tests.conformance.text.tiny_clip import encoder

pytestmark = [pytest.mark.sdk, pytest.mark.filterwarnings("ignore:__array_:DeprecationWarning")]

SETTINGS = "a (cat:1.2)\nNegative prompt: bad\nSteps: 4, Sampler: Euler, CFG scale: 7, Seed: 1, RNG: CPU"
LEARNED = "myemb"  # a word that only a file could explain
SIGNS = {names_ends: "<|endoftext|>", is_mended: "“&”"}  # of texts for which scripts print more


@cache
def tokenizer(pad: str) -> CLIPTokenizer:
    """The library's tokeniser, from the list of merges that paramc ships."""
    packed = Path(paramc.runtime.text.__file__).parent / "merges.txt.bz2"
    merges = [tuple(line.split(" ")) for line in bz2.decompress(packed.read_bytes()).decode().split("\n")]
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    signs = [chr(byte) for byte in printable] + [chr(256 + index) for index in range(256 - len(printable))]
    words = [*signs, *(f"{sign}</w>" for sign in signs), *map("".join, merges), "<|startoftext|>", "<|endoftext|>"]
    vocabulary = {word: number for number, word in enumerate(words)}
    return CLIPTokenizer(vocab=vocabulary, merges=merges, model_max_length=77, pad_token=pad)


@cache
def pipe(base: str) -> SimpleNamespace:
    """The parts of a pipeline that encode."""
    names = {"sd1": "l", "sd2": "g", "sdxl": "lg"}[base]
    pads = {"l": "<|endoftext|>", "g": "!"}
    parts: dict[str, object] = {}
    for name, suffix in zip(names, ("", "_2"), strict=False):
        parts |= {
            f"text_encoder{suffix}": shortened(encoder(name)) if base == "sd2" else encoder(name),
            f"tokenizer{suffix}": tokenizer(pads[name]),
        }
    return SimpleNamespace(**parts)


def shortened(model: Any) -> Any:
    """The encoder without its last layer, as the library keeps that of Stable Diffusion 2."""
    inner = deepcopy(model.text_model)
    inner.encoder.layers = inner.encoder.layers[:-1]
    return inner


@cache
def printed(base: str, layer: int, backtrack: int, signs: str) -> dict[str, Any]:
    """The names of the part of a script that encodes, whose prompt has certain signs in it."""
    job = paramc.parse(SETTINGS.replace("a (cat", f"{signs} a (cat")).model_copy(
        update={"family": Family(name=base, base=base)}
    )
    job = job.replace({"text.layer": layer, "text.backtrack": backtrack})
    options = {"prompts": "exact", "model": "x", "device": "cpu"}
    source = paramc.compile(job, "diffusers", options=options).text
    names: dict[str, Any] = {}
    exec(compile(source.partition("\npipe = ")[0], "script.py", "exec"), names)  # noqa: S102  # it is what is tested
    return names


def encoded(base: str, asked: Encode, backtrack: int = 20, others: tuple[str, ...] = ("",)) -> Any:
    texts_of_all = "".join(variant.text for variant in asked.variants)
    signs = "".join(sign for has, sign in SIGNS.items() if has(texts_of_all))
    names = printed(base, asked.layer, backtrack, signs)
    emphasis = asked.emphasis if asked.emphasis in ("original", "no_norm") else "no_norm"
    texts = [pieces(asked, variant) for variant in asked.variants]
    beside = [pieces(asked, variant) for text in others for variant in op(text).variants]
    return names["encode"](pipe(base), texts, beside, emphasis)


def told(name: str) -> list[object]:
    """The cases that a script can tell: no learned words, no former ways. One in five runs always."""
    found = []
    for index, case in enumerate(cases(name)):
        texts = "".join(case.get("batch") or [case["prompt"]])
        former = (
            "error" in case or {"use_old_emphasis_implementation", "sdxl_clip_l_skip"} & case.get("opts", {}).keys()
        )
        if not former and LEARNED not in texts.lower():
            found.append(pytest.param(case, id=f"{index}", marks=[pytest.mark.slow] if index % 5 else []))
    return found


@pytest.mark.parametrize("case", told("a1111_sd1"))
def test_sd1_is_encoded_as_by_a1111(case: Case) -> None:
    changed = case["opts"]
    asked = op(
        *(case.get("batch") or [case["prompt"]]),
        emphasis=EMPHASES[changed.get("emphasis", "Original")],
        layer=-changed.get("CLIP_stop_at_last_layers", 1),
    )
    found = encoded("sd1", asked, changed.get("comma_padding_backtrack", 20))
    assert deviation(found if "batch" in case else found[0], expected("a1111_sd1", case)) <= TOLERANCE


@pytest.mark.parametrize("case", told("a1111_sd2"))
def test_sd2_is_encoded_as_by_a1111(case: Case) -> None:
    assert deviation(encoded("sd2", op(case["prompt"]))[0], expected("a1111_sd2", case)) <= TOLERANCE


@pytest.mark.parametrize("case", told("a1111_sdxl"))
def test_sdxl_is_encoded_as_by_a1111(case: Case) -> None:
    asked = op(case["prompt"], emphasis=EMPHASES[case["opts"].get("emphasis", "Original")])
    tokens, pooled = encoded("sdxl", asked)
    if case["negative"] and not case["prompt"]:  # zeros: the script leaves them to the pipeline
        assert not expected("a1111_sdxl", case).any()
        return
    assert deviation(tokens[0], expected("a1111_sdxl", case)) <= TOLERANCE
    wanted = expected("a1111_sdxl", case, "vector", "vec_row")[: pooled.shape[1]]
    assert deviation(pooled[0], wanted) <= TOLERANCE
