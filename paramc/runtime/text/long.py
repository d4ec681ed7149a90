"""T5 and language models as programs use them: a text as one row of as many tokens as it has."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias, TypeVar

import torch
from tokenizers import Tokenizer
from torch import Tensor
from transformers import Gemma2Model, LlamaModel, MistralModel, Qwen2Model, Qwen3Model, T5EncoderModel, UMT5EncoderModel

from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import RunError
from paramc.ir.plan import Run
from paramc.runtime.text.chatglm import ChatGlm
from paramc.runtime.text.emphasis import EMPHASES, restored
from paramc.runtime.text.manners import LongText

LanguageModel: TypeAlias = Qwen2Model | Qwen3Model | LlamaModel | MistralModel | Gemma2Model | ChatGlm
LongModel: TypeAlias = T5EncoderModel | UMT5EncoderModel | LanguageModel

V = TypeVar("V")
NOTHING: Final = (Run(text=""),)


@dataclass(frozen=True, slots=True)
class LongRow:
    """Tokens of a text with what stands around it, and their weights. head: how many stand before the text."""

    tokens: tuple[int, ...]
    weights: tuple[float, ...]
    head: int = 0


class LongStates(NamedTuple):
    """tokens: (texts, length, width), float32; of `deep` models each layer below the other. pooled: (texts, width)."""

    tokens: Tensor
    pooled: Tensor | None = None


class LongTexts(NamedTuple):
    """tokens: (length, width) of each text. pooled: (texts, width), what they are as a whole, where that is told."""

    tokens: Sequence[Tensor]
    pooled: Tensor | None


@dataclass(frozen=True, slots=True, eq=False)
class LongEncoder:
    """The model, its tokeniser, and how a program fills its rows."""

    model: LongModel
    tokeniser: Tokenizer
    text: LongText

    @property
    def width(self) -> int:
        """Numbers of a token's vector."""
        return int(self.model.config.hidden_size) * max(len(self.text.states), 1)

    def ids(self, text: str) -> tuple[int, ...]:
        """The tokens of a piece of text."""
        known = text.encode(errors="replace").decode()  # halves of a pair of surrogates are no text
        return tuple(self.tokeniser.encode(known, add_special_tokens=False).ids)

    def weights(self, row: LongRow, length: int) -> Sequence[float]:
        """Of the tokens of a row filled up with padding."""
        return self._filled(row.weights, [1.0] * (length - len(row.weights)))

    def _filled(self, values: Sequence[V], padding: Sequence[V]) -> Sequence[V]:
        return [*padding, *values] if self.text.pads_before else [*values, *padding]

    def marks(self) -> tuple[int, ...]:
        """The tokens that stand before all."""
        known = map(self.tokeniser.token_to_id, self.text.marks)
        return tuple(token for token in known if token is not None)

    @torch.no_grad()
    def encode(self, row: LongRow, length: int) -> LongStates:
        """A row filled up with padding. Raises RunError (PC599) for a token that the model has no place for."""
        padding = [self.tokeniser.token_to_id(self.text.pad) or 0] * (length - len(row.tokens))
        numbers = self._filled(row.tokens, padding)
        if (most := max(numbers, default=0)) >= int(self.model.config.vocab_size):
            raise RunError(diagnose("PC599", number=most, known=int(self.model.config.vocab_size)))
        ids = torch.tensor([numbers], device=self.model.device)
        shown = [int(self.text.padding == "seen")] * len(padding)
        seen = torch.tensor([self._filled([1] * len(row.tokens), shown)], device=self.model.device)
        output = self.model(ids, attention_mask=seen, output_hidden_states=bool(self.text.states) or self.text.deep)
        if self.text.deep:
            return LongStates(torch.cat(output.hidden_states[1:], dim=1).float())
        taken = [output.hidden_states[index] for index in self.text.states] or [output.last_hidden_state]
        hidden: Tensor = torch.cat(taken, dim=-1).float()
        pooled = output.hidden_states[-1][:, -1].float() if self.text.pools else None
        return LongStates(hidden * seen[..., None] if self.text.padding == "zeros" else hidden, pooled)


def encode_long(runs: Sequence[Sequence[Run]], counts: Sequence[int], emphasis: str, encoder: LongEncoder) -> LongTexts:
    """The texts of one schedule; weights as for CLIP.

    All are as long as the longest, but where padding is not seen: there each has its own length.
    """
    grid = [long_rows(text, encoder) for text in runs]
    if encoder.text.padding == "unseen":
        texts = [[_column([row], [1], emphasis, encoder) for row in rows] for rows in grid]
        return LongTexts([torch.cat([part.tokens[0] for part in parts]) for parts in texts], _last(texts))
    chunks = max(map(len, grid))
    grid = [[*rows, *long_rows(NOTHING, encoder) * (chunks - len(rows))] for rows in grid]
    columns = [_column(column, counts, emphasis, encoder) for column in zip(*grid, strict=True)]
    return LongTexts(list(torch.cat([column.tokens for column in columns], dim=1)), columns[-1].pooled)


def _last(texts: Sequence[Sequence[LongStates]]) -> Tensor | None:
    """What the last part of each text is as a whole."""
    pools = [parts[-1].pooled for parts in texts if parts[-1].pooled is not None]
    return torch.cat(pools) if pools else None


def _column(rows: Sequence[LongRow], counts: Sequence[int], emphasis: str, encoder: LongEncoder) -> LongStates:
    """One chunk of every text."""
    length = max(encoder.text.least, max(len(row.tokens) for row in rows) + encoder.text.further)
    shown = _shown(encoder.text, rows[0].head, length)
    states = [encoder.encode(row, length) for row in rows]
    z = torch.cat([each.tokens[:, shown] for each in states])
    pooled = _last([[each] for each in states])
    weights = torch.tensor([encoder.weights(row, length) for row in rows])[:, shown].to(z)
    weights = weights.repeat(1, z.shape[1] // weights.shape[1])
    if bool((weights == 1).all()):
        return LongStates(z, pooled)
    [nothing] = long_rows(NOTHING, encoder)
    empty = encoder.encode(nothing, length).tokens[:, shown]
    return LongStates(EMPHASES.get(emphasis, restored)(z, weights, empty, torch.tensor(counts).to(z)), pooled)


def _shown(text: LongText, head: int, length: int) -> slice | list[int]:
    """Which tokens the model gets, `head` of which stand before the text."""
    if text.ends_before:
        return [0, *range(max(head - 1, 1), length)]
    return slice(head, None) if text.drops_before else slice(None)


def long_rows(runs: Sequence[Run], encoder: LongEncoder) -> list[LongRow]:
    """The rows of a text: one, and one more behind each break."""
    chunks: list[list[Run]] = [[]]
    for run in runs:
        if run.breaks:
            chunks.append([])
        else:
            chunks[-1].append(run)
    return [_row(chunk, encoder) for chunk in chunks]


def _row(runs: Sequence[Run], encoder: LongEncoder) -> LongRow:
    """One row. Every run is cut into tokens for itself; a single one together with what stands around it."""
    text = encoder.text
    before, after = encoder.marks() + encoder.ids(text.before), encoder.ids(text.after)
    words = [run.text.lower().strip() if text.lowers else run.text for run in runs]
    if text.before and len(runs) == 1:
        whole = encoder.ids(text.before + words[0] + text.after)
        pieces = [(whole[len(before) : len(whole) - len(after)], runs[0].weight)]
        before = whole[: len(before)]  # whose last token may have grown together with the text
    else:
        pieces = [(encoder.ids(word), run.weight) for word, run in zip(words, runs, strict=True)]
    ids = [token for tokens, _ in pieces for token in tokens]
    weights = [weight for tokens, weight in pieces for _ in tokens]
    kept = min(len(before), 2) if text.ends_before else len(before)
    most = max(text.most - kept - len(after), 0) if text.most else None
    tokens = (*before, *ids[:most], *after)
    return LongRow(tokens, (*[1.0] * len(before), *weights[:most], *[1.0] * len(after)), len(before))
