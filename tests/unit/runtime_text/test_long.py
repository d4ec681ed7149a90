"""Rows of a language model."""

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

from tokenizers import Tokenizer, models
from transformers import T5Config, T5EncoderModel

from paramc.diagnostics.model import RunError
from paramc.runtime.text.long import LongEncoder, LongRow
from paramc.runtime.text.manners import LongText

pytestmark = pytest.mark.sdk

WORDS = 4


@pytest.mark.parametrize("token", [WORDS - 1, WORDS])
def test_a_token_that_the_model_has_no_row_for_is_told(token: int) -> None:
    small = T5Config(vocab_size=WORDS, d_model=8, d_kv=4, d_ff=8, num_layers=1, num_heads=2)
    words = Tokenizer(models.WordLevel({"a": 0, "<unk>": 1}, unk_token="<unk>"))
    encoder = LongEncoder(T5EncoderModel(small), words, LongText("", (), before="", after=""))
    row = LongRow((0, token), (1.0, 1.0))
    if token < WORDS:
        assert encoder.encode(row, 2).tokens.shape == (1, 2, 8)
    else:
        with pytest.raises(RunError, match="token of the number 4, and the text encoder knows 4"):
            encoder.encode(row, 2)
