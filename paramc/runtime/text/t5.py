"""T5's own tokeniser, which all models of it share."""

import json
import lzma
from functools import cache
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer


@cache
def tokeniser() -> Tokenizer:
    """With a vocabulary of 32100 pieces."""
    described = json.loads(lzma.decompress((Path(__file__).parent / "t5.json.xz").read_bytes()))
    described["model"]["vocab"] = [
        (piece, float(np.float32(score)))  # the file has the shortest decimals of float32 numbers
        for piece, score in described["model"]["vocab"]
    ]
    return Tokenizer.from_str(json.dumps(described))
