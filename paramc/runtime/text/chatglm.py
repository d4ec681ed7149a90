"""ChatGLM as an encoder of texts (Kolors), by the names of its authors' files.

diffusers has the model, too, but compiles a piece of it on import, with a warning, and keeps the layer that writes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers.modeling_outputs import BaseModelOutput

THETA: Final = 10_000.0


@dataclass(frozen=True, slots=True)
class ChatGlmConfig:
    """Sizes. groups: heads of keys and values. norm_epsilon: of the norms."""

    vocab_size: int
    hidden_size: int
    inner_size: int
    layers: int
    heads: int
    head_size: int
    groups: int
    norm_epsilon: float = 1e-5

    @classmethod
    def of_table(cls, table: Mapping[str, object]) -> "ChatGlmConfig":
        """Out of a configuration as it lies beside the weights."""
        return cls(
            vocab_size=int(str(table["padded_vocab_size"])),
            hidden_size=int(str(table["hidden_size"])),
            inner_size=int(str(table["ffn_hidden_size"])),
            layers=int(str(table["num_layers"])),
            heads=int(str(table["num_attention_heads"])),
            head_size=int(str(table["kv_channels"])),
            groups=int(str(table["multi_query_group_num"])),
            norm_epsilon=float(str(table.get("layernorm_epsilon", 1e-5))),
        )


class Norm(nn.Module):
    """Division by the root mean square, in single precision."""

    def __init__(self, config: ChatGlmConfig) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(config.hidden_size))
        self.epsilon = config.norm_epsilon

    def forward(self, x: Tensor) -> Tensor:
        """Of the same type as `x`."""
        scaled = x * torch.rsqrt(x.float().pow(2).mean(-1, keepdim=True) + self.epsilon)
        return (self.weight * scaled).to(x.dtype)


class Attention(nn.Module):
    """Heads that share keys and values in groups; the first half of each head is turned by its position."""

    def __init__(self, config: ChatGlmConfig) -> None:
        super().__init__()
        self.sizes = [config.heads * config.head_size, *[config.groups * config.head_size] * 2]
        self.head_size = config.head_size
        self.query_key_value = nn.Linear(config.hidden_size, sum(self.sizes))
        self.dense = nn.Linear(self.sizes[0], config.hidden_size, bias=False)

    def forward(self, x: Tensor, turns: Tensor, seen: Tensor) -> Tensor:
        """turns: (rows, tokens, quarter of a head, 2). seen: (rows, tokens, tokens), what each token looks at."""
        query, key, value = (
            part.reshape(*x.shape[:2], -1, self.head_size).transpose(1, 2)
            for part in self.query_key_value(x).split(self.sizes, dim=-1)
        )
        found = functional.scaled_dot_product_attention(
            _turned(query, turns), _turned(key, turns), value, seen[:, None], enable_gqa=True
        )
        mixed: Tensor = self.dense(found.transpose(1, 2).flatten(2))
        return mixed


def _turned(x: Tensor, turns: Tensor) -> Tensor:
    """Pairs of numbers in the first half of each head, turned."""
    half = x.shape[-1] // 2
    first, second = x[..., :half].reshape(*x.shape[:-1], half // 2, 2).unbind(-1)
    cosine, sine = turns[:, None].to(x.dtype).unbind(-1)
    pairs = torch.stack([first * cosine - second * sine, second * cosine + first * sine], dim=-1)
    return torch.cat([pairs.flatten(-2), x[..., half:]], dim=-1)


class FeedForward(nn.Module):
    """One half of the inner numbers opens the gate for the other."""

    def __init__(self, config: ChatGlmConfig) -> None:
        super().__init__()
        self.dense_h_to_4h = nn.Linear(config.hidden_size, 2 * config.inner_size, bias=False)
        self.dense_4h_to_h = nn.Linear(config.inner_size, config.hidden_size, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Of the same shape as `x`."""
        gate, inner = self.dense_h_to_4h(x).chunk(2, dim=-1)
        found: Tensor = self.dense_4h_to_h(functional.silu(gate) * inner)
        return found


class Layer(nn.Module):
    """Attention and feed-forward, each behind a norm and beside what goes in."""

    def __init__(self, config: ChatGlmConfig) -> None:
        super().__init__()
        self.input_layernorm = Norm(config)
        self.self_attention = Attention(config)
        self.post_attention_layernorm = Norm(config)
        self.mlp = FeedForward(config)

    def forward(self, x: Tensor, turns: Tensor, seen: Tensor) -> Tensor:
        """Of the same shape as `x`."""
        x = x + self.self_attention(self.input_layernorm(x), turns, seen)
        found: Tensor = x + self.mlp(self.post_attention_layernorm(x))
        return found


class ChatGlm(nn.Module):
    """Hidden states of a text; the last of them has no norm behind it."""

    def __init__(self, config: ChatGlmConfig) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.ModuleDict({"word_embeddings": nn.Embedding(config.vocab_size, config.hidden_size)})
        self.encoder = nn.ModuleDict({"layers": nn.ModuleList(Layer(config) for _ in range(config.layers))})

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.parameters()).device

    def forward(self, ids: Tensor, attention_mask: Tensor, output_hidden_states: bool = True) -> BaseModelOutput:
        """ids, attention_mask: (rows, tokens); padding, whose mask is 0, stands before the text, and sees all."""
        seen = attention_mask.bool()
        earlier = torch.ones(ids.shape[1], ids.shape[1], dtype=torch.bool, device=ids.device).tril()
        looks = (seen[:, None] & earlier) | ~seen[..., None]
        turns = self._turns((attention_mask.cumsum(1) - 1).clamp(min=0))
        x = self.embedding["word_embeddings"](ids)
        states = [x]
        for layer in self.encoder["layers"].children():
            x = layer(x, turns, looks)
            states.append(x)
        return BaseModelOutput(last_hidden_state=x, hidden_states=tuple(states) if output_hidden_states else None)

    def _turns(self, positions: Tensor) -> Tensor:
        size = self.config.head_size // 2
        rates = THETA ** -(torch.arange(0, size, 2, device=positions.device) / size)
        angles = positions[..., None] * rates
        return torch.stack([angles.cos(), angles.sin()], dim=-1)
