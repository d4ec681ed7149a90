"""What a network adds to a weight at strength 1, one formula for each kind.

LoRA: Hu et al. 2021. LoHa and LoKr: Yeh et al. 2023 (LyCORIS). (IA)³: Liu et al. 2022. DoRA: Liu et al. 2024.
OFT: Qiu et al. 2023. BOFT: Liu et al. 2024. GLoRA: Chavan et al. 2023. All in float32. Parts are named as in
networks.toml.
"""

import math
from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

import torch
from torch import Tensor

Parts: TypeAlias = Mapping[str, Tensor]
MISFITS: Final = (RuntimeError, IndexError, ZeroDivisionError)
"""Torch's words for shapes that do not go together, or have too few dimensions, and a rank of 0."""
Formula: TypeAlias = Callable[[Tensor, Parts, "int | None"], Tensor]


def weight_delta(weight: Tensor, parts: Parts, rank_limit: int | None = None) -> Tensor | None:
    """What is added to `weight`, a tensor of its own; None when the parts say nothing of it, or do not fit it.

    rank_limit: how many components of a low-rank product count.
    """
    formula = next((function for needed, function in FORMULAS if needed <= parts.keys()), None)
    if formula is None:
        return None
    try:
        return _redirected(weight, formula(weight, parts, rank_limit).reshape(weight.shape), parts)
    except MISFITS:
        return None


def bias_delta(bias: Tensor, parts: Parts) -> Tensor | None:
    """What is added to a bias; None when the parts say nothing of it, or do not fit it."""
    try:
        delta = _bias(bias, parts)
    except MISFITS:
        return None
    return None if delta is None or delta.numel() != bias.numel() else delta.reshape(bias.shape).clone()


def _bias(bias: Tensor, parts: Parts) -> Tensor | None:
    delta = parts.get("bias")
    if delta is None and "up_bias" in parts and "down" in parts:
        delta = parts["up_bias"] * _scale(parts, parts["down"].shape[0])
    if delta is None and "gains" in parts and _act_on_outputs(parts["gains"], len(bias)):
        delta = bias * (parts["gains"].flatten() - 1)
    return delta


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


def _gains(weight: Tensor, parts: Parts, rank_limit: int | None) -> Tensor:
    """The weight times learned gains of its outputs or its inputs."""
    gains = parts["gains"]
    shape = [1] * weight.dim()
    shape[0 if _act_on_outputs(gains, weight.shape[0]) else 1] = -1
    return weight * (gains.reshape(shape) - 1)


def _act_on_outputs(gains: Tensor, outputs: int) -> bool:
    """A column acts on outputs, a row on inputs; those of convolutions always are a row."""
    return gains.numel() == outputs and (gains.dim() > 2 or gains.shape[0] == outputs)


def _difference(weight: Tensor, parts: Parts, rank_limit: int | None) -> Tensor:
    return parts["difference"].clone()


def _generalised(weight: Tensor, parts: Parts, rank_limit: int | None) -> Tensor:
    """GLoRA: a product of its own and one with the weight."""
    own = parts["b2"].flatten(1) @ parts["b1"].flatten(1)
    through = (weight.flatten(1) @ parts["a2"].flatten(1)) @ parts["a1"].flatten(1)
    return (own + through) * _scale(parts, parts["b1"].shape[0])


def _rotated(weight: Tensor, parts: Parts, rank_limit: int | None) -> Tensor:
    """OFT and BOFT: outputs turned block by block by the Cayley transform of skew matrices; alpha bounds their norm."""
    blocks = parts["rotations"]
    skew = blocks - blocks.transpose(-1, -2)
    bound = _alpha(parts, 0.0) * weight.shape[0]
    if bound:
        norm = skew.norm()
        skew = skew * (norm.clamp(max=bound) / norm.clamp(min=1e-12))
    one = torch.eye(blocks.shape[-1], device=blocks.device).expand_as(blocks)
    turns = (one + skew) @ torch.linalg.inv(one - skew)
    return _rescaled(_through_butterfly(weight, turns) if turns.dim() == 4 else _turned(weight, turns), parts) - weight


def _turned_as_stated(weight: Tensor, parts: Parts, rank_limit: int | None) -> Tensor:
    """OFT of files that hold the turns themselves."""
    return _rescaled(_turned(weight, parts["turns"]), parts) - weight


def _turned(weight: Tensor, turns: Tensor) -> Tensor:
    """Each block of outputs through the transpose of its turn, (blocks, size, size)."""
    grouped = weight.reshape(*turns.shape[:2], weight[0].numel())
    return torch.einsum("knm,knp->kmp", turns, grouped).reshape(weight.shape)


def _inputs_turned(weight: Tensor, parts: Parts, rank_limit: int | None) -> Tensor:
    """OFT of peft: inputs turned block by block; one block serves all where there is but one.

    A block is the upper half of a skew matrix, row by row; its Cayley transform is a sum of five powers (peft 0.17).
    """
    halves = parts["input_turns"]
    size = (1 + math.isqrt(1 + 8 * halves.shape[1])) // 2
    skew = halves.new_zeros(len(halves), size, size)
    rows, columns = torch.triu_indices(size, size, 1, device=halves.device)
    skew[:, rows, columns] = halves
    skew = skew - skew.transpose(-1, -2)
    squared = skew @ skew
    turns = torch.eye(size, device=halves.device) + 2 * (skew + squared + squared @ skew) + squared @ squared
    grouped = weight.reshape(len(weight), -1, size)
    turned = torch.einsum("okn,kmn->okm", grouped, turns.expand(grouped.shape[1], size, size))
    return turned.reshape(weight.shape) - weight


def _through_butterfly(weight: Tensor, turns: Tensor) -> Tensor:
    """Outputs through several layers of turns, (layers, blocks, size, size), shuffled wider before each."""
    size = turns.shape[-1]
    rows = weight.flatten(1)
    for layer, blocks in enumerate(turns):
        stride = 2**layer * (size // 2)
        shuffled = rows.reshape(-1, 2, stride, rows.shape[1]).transpose(1, 2)
        turned = blocks @ shuffled.reshape(-1, size, rows.shape[1])
        rows = turned.reshape(-1, stride, 2, rows.shape[1]).transpose(1, 2).reshape(rows.shape)
    return rows.reshape(weight.shape)


def _rescaled(turned: Tensor, parts: Parts) -> Tensor:
    """Outputs times their learned factors, where there are some."""
    if "rescale" not in parts:
        return turned
    return turned * parts["rescale"].reshape(-1, *(1,) * (turned.dim() - 1))


def _redirected(weight: Tensor, delta: Tensor, parts: Parts) -> Tensor:
    """DoRA: the changed weight brought to learned lengths of its columns or its rows; without any, as it is."""
    magnitude = parts.get("magnitude", parts.get("magnitude_of_rows"))
    if magnitude is None:
        return delta
    changed = weight + delta
    by_rows = "magnitude" not in parts or magnitude.shape[0] == weight.shape[0] == magnitude.numel()
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
    (frozenset({"gains"}), _gains),
    (frozenset({"difference"}), _difference),
    (frozenset({"rotations"}), _rotated),
    (frozenset({"turns"}), _turned_as_stated),
    (frozenset({"input_turns"}), _inputs_turned),
    (frozenset({"a1", "a2", "b1", "b2"}), _generalised),
)
