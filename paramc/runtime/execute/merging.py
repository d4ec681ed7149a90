"""Token merging (Bolya & Hoffman 2023): self-attention over fewer tokens, the most similar ones taken together."""

import math
from dataclasses import dataclass, field
from typing import Final
from weakref import WeakKeyDictionary

import torch
from diffusers.models.attention import BasicTransformerBlock
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

STRIDE: Final = 2  # one token of each square of this side stays; the others may be merged into those


@dataclass(slots=True, eq=False)
class _Merging:
    """The hooks of one model."""

    ratio: float
    size: tuple[int, int] = (0, 0)  # height and width of the latent in hand
    handles: list[RemovableHandle] = field(default_factory=list)


_APPLIED: Final = WeakKeyDictionary[nn.Module, _Merging]()


def merge_tokens(model: nn.Module, ratio: float) -> None:
    """Let every block on the latent's own resolution merge a share of its tokens, in [0, 1); 0 = none."""
    known = _APPLIED.get(model)
    if (known.ratio if known else 0.0) == ratio:
        return
    if known is not None:
        for handle in known.handles:
            handle.remove()
        del _APPLIED[model]
    if ratio > 0:
        _APPLIED[model] = _hooked(model, ratio)


@dataclass(frozen=True, slots=True, eq=False)
class Matching:
    """Which tokens of (batch, tokens, width) are merged into which.

    kept, merged: places among the sources, (batch, n, 1); into: places among the targets. sources, targets: places
    among all tokens, (1, n, 1).
    """

    sources: Tensor
    targets: Tensor
    kept: Tensor
    merged: Tensor
    into: Tensor

    def merge(self, tokens: Tensor) -> Tensor:
        """The tokens that stay, then the targets, each the mean of itself and what is merged into it."""
        sources, targets = _at(tokens, self.sources), _at(tokens, self.targets)
        index = self.into.expand(-1, -1, tokens.shape[-1])
        met = targets.scatter_reduce(-2, index, _at(sources, self.merged), reduce="mean")
        return torch.cat([_at(sources, self.kept), met], dim=1)

    def unmerge(self, tokens: Tensor) -> Tensor:
        """Every token back in its place; the merged ones have what their target has."""
        stayed = self.kept.shape[1]
        kept, targets = tokens[:, :stayed], tokens[:, stayed:]
        batch, width = len(tokens), tokens.shape[-1]
        sources = self.sources.expand(batch, -1, -1)
        places = (self.targets.expand(batch, -1, -1), _at(sources, self.kept), _at(sources, self.merged))
        result = tokens.new_empty(batch, sources.shape[1] + self.targets.shape[1], width)
        for place, values in zip(places, (targets, kept, _at(targets, self.into)), strict=True):
            result.scatter_(-2, place.expand(-1, -1, width), values)
        return result


def match(tokens: Tensor, height: int, width: int, ratio: float) -> Matching:
    """The most similar `ratio` of all tokens, (batch, height x width, channels), by the cosine to their best target."""
    places = torch.arange(height * width, device=tokens.device).view(height, width)
    is_target = torch.zeros(height, width, dtype=torch.bool, device=tokens.device)
    is_target[: height // STRIDE * STRIDE : STRIDE, : width // STRIDE * STRIDE : STRIDE] = True
    sources, targets = (places[chosen].view(1, -1, 1) for chosen in (~is_target, is_target))
    directions = tokens / tokens.norm(dim=-1, keepdim=True)
    likeness, nearest = (_at(directions, sources) @ _at(directions, targets).transpose(-1, -2)).max(dim=-1)
    order = likeness.argsort(dim=-1, descending=True)[..., None]
    count = min(sources.shape[1], int(tokens.shape[1] * ratio))
    merged = order[:, :count]
    return Matching(sources, targets, order[:, count:], merged, nearest[..., None].gather(-2, merged))


def _at(tokens: Tensor, places: Tensor) -> Tensor:
    return tokens.gather(1, places.expand(len(tokens), -1, tokens.shape[-1]))


def _hooked(model: nn.Module, ratio: float) -> _Merging:
    merging = _Merging(ratio)

    def note_size(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        merging.size = (inputs[0].shape[-2], inputs[0].shape[-1])

    merging.handles.append(model.register_forward_pre_hook(note_size))
    for block in model.modules():
        if isinstance(block, BasicTransformerBlock):
            merging.handles += _hook_block(block, merging)
    return merging


def _hook_block(block: BasicTransformerBlock, merging: _Merging) -> list[RemovableHandle]:
    """The block's input decides; the input of its self-attention is merged and the output spread again."""
    found: list[Matching] = []

    def decide(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        found.clear()
        tokens, (height, width) = inputs[0], merging.size
        if min(height, width) >= STRIDE and math.ceil(math.sqrt(height * width // tokens.shape[1])) <= 1:
            found.append(match(tokens, height, width, merging.ratio))

    def merge(module: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...] | None:
        return (found[0].merge(inputs[0]), *inputs[1:]) if found else None

    def spread(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor | None:
        return found[0].unmerge(output) if found else None

    attention = block.attn1
    return [
        block.register_forward_pre_hook(decide),
        attention.register_forward_pre_hook(merge),
        attention.register_forward_hook(spread),
    ]
