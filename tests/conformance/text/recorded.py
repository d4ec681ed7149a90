"""What real programs made of texts with the small encoders, and the same texts as ops."""

import gzip
import json
import math
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor

from paramc.dialects.prompt import weigh
from paramc.dialects.registry import find_dialect
from paramc.dialects.weights import BREAK
from paramc.ir.plan import Encode, Run, Variant
from paramc.runtime.text.words import LearnedWord

Value: TypeAlias = "str | int | float | bool | list[Value] | dict[str, Value] | None"
Case: TypeAlias = dict[str, Value]

FOLDER = Path(__file__).parents[2] / "golden" / "text_encoder"
TOLERANCE = 1e-5  # of the greatest number, float32
EMPHASES = {"Original": "original", "No norm": "no_norm", "Ignore": "ignore", "None": "none"}


@cache
def content(name: str) -> dict[str, Value]:
    return json.loads(gzip.decompress((FOLDER / f"{name}.json.gz").read_bytes()))


def cases(name: str) -> list[Case]:
    return content(name)["cases"]


@cache
def arrays(name: str) -> dict[str, np.ndarray]:
    return dict(np.load(FOLDER / f"{name}.npz"))


def expected(name: str, case: Case, array: str = "arr", row: str = "row") -> Tensor:
    """A recorded array; `array` is the key of the case that names it, or the array's own name."""
    return torch.from_numpy(arrays(name)[str(case.get(array, array))][int(case[row])])


def learned(size: int = 3) -> LearnedWord:
    """The word `myemb` of the recordings."""
    return LearnedWord("myemb", {"l": sines(size, 16, 0), "g": sines(size, 24, 1), "h": sines(size, 24, 1)})


def sines(count: int, width: int, phase: int) -> Tensor:
    return torch.tensor(0.5 * np.sin(0.9 * np.arange(count * width) + phase), dtype=torch.float32).reshape(count, width)


def op(*texts: str, emphasis: str = "original", layer: int = -1, negative: bool = False) -> Encode:
    """The texts as one schedule, read as A1111 reads them."""
    return op_of([(text, runs(text, emphasis)) for text in texts], emphasis=emphasis, layer=layer, negative=negative)


def op_of(
    texts: list[tuple[str, tuple[Run, ...]]], *, emphasis: str = "original", layer: int = -1, negative: bool = False
) -> Encode:
    variants = tuple(Variant(last_call=index, text=text, runs=found) for index, (text, found) in enumerate(texts))
    return Encode(id="encode", clip="clip", variants=variants, layer=layer, emphasis=emphasis, negative=negative)


def runs(text: str, emphasis: str) -> tuple[Run, ...]:
    if emphasis == "none":
        return (Run(text=text),)
    return tuple(
        Run(text="", breaks=True) if run == BREAK else Run(text=run[0], weight=run[1])
        for run in weigh(text, find_dialect("a1111"))
    )


def bracketed(text: str) -> tuple[Run, ...]:
    """Of one word in brackets: the setting `use_old_emphasis_implementation` knows no numbers."""
    word = text.lstrip("([")
    depth = len(text) - len(word)
    factor = 1.1 if text[0] == "(" else 1 / 1.1
    inside, _, rest = word.partition(")" if text[0] == "(" else "]")
    return (Run(text=inside, weight=math.prod([factor] * depth)), Run(text=rest.lstrip(")]")))


def comfyui_runs(text: str, weight: float = 1.0) -> tuple[Run, ...]:
    """`(inside:number)` replaces the weight, `(inside)` multiplies it by 1.1; the rest is text."""
    hidden = text.replace("\\)", "\0").replace("\\(", "\1")
    return tuple(
        Run(text=piece.replace("\0", ")").replace("\1", "("), weight=found) for piece, found in _weighed(hidden, weight)
    )


def _weighed(text: str, weight: float) -> list[tuple[str, float]]:
    found: list[tuple[str, float]] = []
    for piece in _groups(text):
        if len(piece) < 2 or (piece[0], piece[-1]) != ("(", ")"):
            found.append((piece, weight))
            continue
        inside, number = piece[1:-1], weight * 1.1
        colon = inside.rfind(":")
        if colon > 0:
            with suppress(ValueError):
                number, inside = float(inside[colon + 1 :]), inside[:colon]
        found += _weighed(inside, number)
    return found


def _groups(text: str) -> list[str]:
    """Brackets at the top level with what is in them, and what is between."""
    pieces, current, depth = [], "", 0
    for sign in text:
        if sign == "(" and depth == 0:
            pieces.append(current)
            current = ""
        current += sign
        depth += {"(": 1, ")": -1}.get(sign, 0)
        if sign == ")" and depth == 0:
            pieces.append(current)
            current = ""
    return [piece for piece in [*pieces, current] if piece]


def deviation(result: Tensor, wanted: Tensor) -> float:
    """Greatest difference over the greatest number; infinite when the shapes differ."""
    if result.shape != wanted.shape:
        return math.inf
    return ((result - wanted).abs().max() / wanted.abs().max().clamp(min=1e-30)).item()
