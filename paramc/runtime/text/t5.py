"""T5's own tokeniser, which all models of it share."""

import lzma
from functools import cache
from pathlib import Path

from tokenizers import Tokenizer


@cache
def tokeniser() -> Tokenizer:
    """With a vocabulary of 32100 pieces."""
    return Tokenizer.from_buffer(lzma.decompress((Path(__file__).parent / "t5.json.xz").read_bytes()))
