"""What a network adds to a weight at strength 1, one formula for each kind.

LoRA: Hu et al. 2021. LoHa and LoKr: Yeh et al. 2023 (LyCORIS). (IA)³: Liu et al. 2022. DoRA: Liu et al. 2024.
OFT: Qiu et al. 2023. All in float32. Parts are named as in networks.toml.
"""

import math
from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

import torch
from torch import Tensor

Parts: TypeAlias = Mapping[str, Tensor]
Formula: TypeAlias = Callable[[Tensor, Parts, "int | None"], Tensor]


def weight_delta(weight: Tensor, parts: Parts, rank_limit: int | None = None) -> Tensor | None:
    """What is added to `weight`, a tensor of its own; None when the parts say nothing of it, or do not fit it.

    rank_limit: how many components of a low-rank product count.
    """
    formula = next((function for needed, function in FORMULAS if needed <= parts.keys()), None)
    if formula is None:
        return None
    try:
        delta = formula(weight, parts, rank_limit).reshape(weight.shape)
    except RuntimeError:  # torch's word for shapes that do not go together
        return None
    return _redirected(weight, delta, parts["magnitude"]) if "magnitude" in parts else delta


def bias_delta(bias: Tensor, parts: Parts) -> Tensor | None:
    """What is added to a bias; None when the parts say nothing of it, or do not fit it."""
    delta = parts.get("bias")
    return None if delta is None or delta.numel() != bias.numel() else delta.reshape(bias.shape).clone()


def _low_rank(weight: Tensor, parts: Parts, rank_limit: int | None) -> Tensor:
    """Up × down × alpha / rank, with a core in the middle for convolutions in the form of Tucker."""
    up, down = parts["up"][:, :rank_limit], parts["down"][:rank_limit]
    rank = parts["down"].shape[0]
    if "mid" in parts:
        core = parts["mid"][:rank_limit, :rank_limit]
        return torch.einsum("mn...,im,nj->ij...", core, up.flatten(1), down.flatten(1)).mul_(_scale(parts, rank))
    return (up.flatten(1) @ down.flatten(1)).mul_(_scale(parts, rank))


def _hadamard(weight: Tensor, parts: Parts, rank_limit: int | None) -> Tensor:
    """Two low-rank products multiplied element by element."""
    first = _pair(parts["w1_a"], parts["w1_b"], parts.get("t1"))
    second = _pair(parts["w2_a"], parts["w2_b"], parts.get("t2"))
    return (first * second).reshape(weight.shape) * _scale(parts, parts["w1_b"].shape[0])


def _kronecker(weight: Tensor, parts: Parts, rank_limit: int | None) -> Tensor:
    """The Kronecker product of a small and a large factor, each whole or itself of low rank."""
    first = _factor(parts, "kron_1")
    second = _factor(parts, "kron_2")
    first = first.reshape(first.shape + (1,) * (second.dim() - first.dim()))
    ranked = parts.get("kron_2_b", parts.get("kron_1_b"))
    scale = 1.0 if ranked is None else _scale(parts, ranked.shape[0])
    return torch.kron(first, second.contiguous()).reshape(weight.shape) * scale


def _factor(parts: Parts, name: str) -> Tensor:
    if name in parts:
        return parts[name]
    return _pair(parts[f"{name}_a"], parts[f"{name}_b"], parts.get("kron_t2") if name == "kron_2" else None)


def _pair(left: Tensor, right: Tensor, core: Tensor | None) -> Tensor:
    """left × right; around a core both have the rank in front."""
    if core is None:
        return left.flatten(1) @ right.flatten(1)
    return torch.einsum("ij...,ip,jr->pr...", core, left, right)


def _factors(weight: Tensor, parts: Parts, rank_limit: int | None) -> Tensor:
    """The weight times a factor for each input or each output."""
    along = 1 if bool(parts["on_input"].item()) else 0
    shape = [1] * weight.dim()
    shape[along] = -1
    return weight * parts["factors"].reshape(shape)


def _difference(weight: Tensor, parts: Parts, rank_limit: int | None) -> Tensor:
    return parts["difference"].clone()


def _generalised(weight: Tensor, parts: Parts, rank_limit: int | None) -> Tensor:
    """GLoRA: a product of its own and one with the weight."""
    own = parts["b2"].flatten(1) @ parts["b1"].flatten(1)
    through = (weight.flatten(1) @ parts["a2"].flatten(1)) @ parts["a1"].flatten(1)
    return (own + through) * _scale(parts, parts["b1"].shape[0])


def _rotated(weight: Tensor, parts: Parts, rank_limit: int | None) -> Tensor:
    """OFT: outputs turned block by block by the Cayley transform of skew matrices; alpha bounds their norm."""
    blocks = parts["rotations"]
    skew = blocks - blocks.transpose(1, 2)
    bound = _alpha(parts, 0.0) * weight.shape[0]
    if bound:
        norm = skew.norm()
        skew = skew * (norm.clamp(max=bound) / norm.clamp(min=1e-12))
    one = torch.eye(blocks.shape[1], device=blocks.device).expand_as(blocks)
    turn = (one + skew) @ torch.linalg.inv(one - skew)
    grouped = weight.reshape(blocks.shape[0], blocks.shape[1], -1)
    turned = torch.einsum("knm,knp->kmp", turn, grouped).reshape(weight.shape)
    return turned * parts.get("rescale", torch.ones(1, device=weight.device)) - weight


def _redirected(weight: Tensor, delta: Tensor, magnitude: Tensor) -> Tensor:
    """DoRA: the changed weight brought to learned lengths, of rows or of columns by the shape of `magnitude`."""
    changed = weight + delta
    by_rows = magnitude.shape[0] == weight.shape[0] and magnitude.numel() == weight.shape[0]
    kept = 0 if by_rows else 1
    others = [dimension for dimension in range(weight.dim()) if dimension != kept]
    shape = [1] * weight.dim()
    shape[kept] = -1
    length = torch.linalg.vector_norm(changed, dim=others, keepdim=True)
    redirected: Tensor = changed * (magnitude.reshape(shape) / length)
    return redirected - weight


def _scale(parts: Parts, rank: int) -> float:
    """alpha / rank, unless the file states the quotient."""
    if "scale" in parts:
        return float(parts["scale"].item())
    return _alpha(parts, float(rank)) / rank


def _alpha(parts: Parts, default: float) -> float:
    value = float(parts["alpha"].item()) if "alpha" in parts else default
    return value if math.isfinite(value) else default


FORMULAS: Final[tuple[tuple[frozenset[str], Formula], ...]] = (
    (frozenset({"up", "down"}), _low_rank),
    (frozenset({"w1_a", "w1_b", "w2_a", "w2_b"}), _hadamard),
    (frozenset({"kron_1", "kron_2"}), _kronecker),
    (frozenset({"kron_1_a", "kron_1_b", "kron_2"}), _kronecker),
    (frozenset({"kron_1", "kron_2_a", "kron_2_b"}), _kronecker),
    (frozenset({"kron_1_a", "kron_1_b", "kron_2_a", "kron_2_b"}), _kronecker),
    (frozenset({"factors", "on_input"}), _factors),
    (frozenset({"difference"}), _difference),
    (frozenset({"rotations"}), _rotated),
    (frozenset({"a1", "a2", "b1", "b2"}), _generalised),
)
