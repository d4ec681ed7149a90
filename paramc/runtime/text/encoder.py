"""A CLIP text model as programs use it: any hidden state, vectors in the place of tokens, tokens out of sight."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import CLIPTextModel, CLIPTextModelWithProjection

from paramc.runtime.text.row import Row

LENGTH = 77  # tokens that the model takes at once, start and end among them
ROWS_AT_ONCE = 64  # rows that go through the model together


@dataclass(frozen=True, slots=True, eq=False)
class States:
    """hidden: (rows, 77, width) of the layer asked for. pooled: (rows, width or projection), or None if unasked."""

    hidden: Tensor
    pooled: Tensor | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Encoder:
    """One text model. name: `l`, `g` or `h`. pad: the token behind the end of a text.

    left_out: layers at the end that the model was stored without. merges: of its own vocabulary, where it has one.
    """

    name: str
    model: CLIPTextModel | CLIPTextModelWithProjection
    pad: int
    left_out: int = 0
    merges: str = ""

    @property
    def text_model(self) -> CLIPTextModel:
        """The model without its projection."""
        return self.model.text_model if isinstance(self.model, CLIPTextModelWithProjection) else self.model

    @property
    def width(self) -> int:
        """Numbers of a vector."""
        return int(self.text_model.config.hidden_size)

    def padded(self, row: Row) -> tuple[int, ...]:
        """The tokens with the padding of this encoder behind the end."""
        text = row.tokens[: row.end + 1]
        return (*text, *[self.pad] * (len(row.tokens) - len(text)))

    @torch.no_grad()
    def encode(
        self,
        rows: Sequence[Row],
        layer: int,
        *,
        normed: bool,
        pooled: bool = False,
        vectors: Mapping[str, Tensor],
        unseen: Sequence[frozenset[int]] = (),
    ) -> States:
        """States of rows of 77 tokens; the positions in `unseen` of each row are not attended to.

        `layer` counts hidden states from the end: −1 is the last. With `normed` the final layer norm follows.
        """
        parts = [
            self._encode_some(
                rows[start : start + ROWS_AT_ONCE],
                layer,
                normed,
                pooled,
                vectors,
                unseen[start : start + ROWS_AT_ONCE],
            )
            for start in range(0, len(rows), ROWS_AT_ONCE)
        ]
        pools = [part.pooled for part in parts if part.pooled is not None]
        return States(torch.cat([part.hidden for part in parts]), torch.cat(pools) if pools else None)

    def _encode_some(
        self,
        rows: Sequence[Row],
        layer: int,
        normed: bool,
        pooled: bool,
        vectors: Mapping[str, Tensor],
        unseen: Sequence[frozenset[int]],
    ) -> States:
        model = self.text_model
        ids = torch.tensor([self.padded(row) for row in rows], device=model.device)
        x = model.embeddings(inputs_embeds=self._embedded(ids, rows, vectors))
        mask = _mask(x, unseen)
        depth = len(model.encoder.layers)
        wanted = max(0, depth + 1 + layer + self.left_out)
        taken = x
        for index, block in enumerate(model.encoder.layers[: depth if pooled else wanted], 1):
            x = block(x, mask)
            taken = x if index == wanted else taken
        return States(model.final_layer_norm(taken) if normed else taken, self._pooled(ids, x) if pooled else None)

    def _embedded(self, ids: Tensor, rows: Sequence[Row], vectors: Mapping[str, Tensor]) -> Tensor:
        """(rows, 77, width): the tokens' vectors, and learned ones where the rows say so, as many as there is room."""
        embedded: Tensor = self.text_model.embeddings.token_embedding(ids)
        for index, row in enumerate(rows):
            for position, name, first in row.learned:
                place = embedded[index, position:]
                learned = vectors[name][first : first + len(place)]
                place[: len(learned)] = learned.to(place)
        return embedded

    def _pooled(self, ids: Tensor, last: Tensor) -> Tensor:
        """The last state at the end of each text; the end has the highest id of all tokens."""
        ends = ids.argmax(dim=1)
        pooled: Tensor = self.text_model.final_layer_norm(last[torch.arange(len(last), device=last.device), ends])
        return self.model.text_projection(pooled) if isinstance(self.model, CLIPTextModelWithProjection) else pooled


def _mask(x: Tensor, unseen: Sequence[frozenset[int]]) -> Tensor:
    """(1 or rows, 1, tokens, tokens), added to attention: nothing sees what comes later, or what is hidden."""
    length = x.shape[1]
    lowest = torch.finfo(x.dtype).min
    causal = torch.full((length, length), lowest, dtype=x.dtype, device=x.device).triu(1)
    if not any(unseen):
        return causal[None, None]
    rows = causal.repeat(len(x), 1, 1, 1)
    for row, tokens in zip(rows, unseen, strict=True):
        row[:, :, sorted(tokens)] = lowest
    return rows
