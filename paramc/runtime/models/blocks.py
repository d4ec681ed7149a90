"""Weights in few bits as numbers: the block formats of GGUF, and the 4-bit ones of bitsandbytes, in float32.

A block is a row of bytes: scales, offsets, and the quanta of its values. Names of the parts as in llama.cpp: d and m
are half-precision numbers, `low` and `high` the lower and the higher bits of quanta.
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final, TypeAlias

import torch
from torch import Tensor

Unpack: TypeAlias = Callable[[Tensor], Tensor]  # (blocks, bytes) → (blocks, values)

NONLINEAR: Final = (-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113)  # quanta of IQ4


def _cut(blocks: Tensor, *sizes: int) -> Sequence[Tensor]:
    """Parts of so many bytes, and the rest."""
    return torch.split(blocks, [*sizes, blocks.shape[1] - sum(sizes)], dim=1)


def _half(part: Tensor) -> Tensor:
    """Half-precision numbers, (blocks, bytes / 2)."""
    return part.contiguous().view(torch.float16).float()


def _signed(part: Tensor) -> Tensor:
    return part.contiguous().view(torch.int8).float()


def _bits(part: Tensor, width: int, run: int) -> Tensor:
    """Quanta of `width` bits: of each run of bytes first the lowest bits of all, then the next ones."""
    shifts = torch.arange(0, 8, width, device=part.device, dtype=torch.uint8)
    runs: Tensor = part.reshape(len(part), -1, 1, run) >> shifts.view(1, 1, -1, 1)
    return runs.bitwise_and(2**width - 1).reshape(len(part), -1).to(torch.int16)


def _grouped(scales: Tensor, quanta: Tensor) -> Tensor:
    """Quanta times the scale of their group, all groups being equally long."""
    return (scales[..., None] * quanta.reshape(*scales.shape, -1)).flatten(1)


def _q4_0(blocks: Tensor) -> Tensor:
    d, low = _cut(blocks, 2)
    return _half(d) * (_bits(low, 4, 16) - 8)


def _q4_1(blocks: Tensor) -> Tensor:
    d, m, low = _cut(blocks, 2, 2)
    return _half(d) * _bits(low, 4, 16) + _half(m)


def _five_bits(high: Tensor, low: Tensor) -> Tensor:
    """The fifth bits of a block's 32 quanta lie one after the other in four bytes."""
    return _bits(low, 4, 16) | _bits(high, 1, 1) << 4


def _q5_0(blocks: Tensor) -> Tensor:
    d, high, low = _cut(blocks, 2, 4)
    return _half(d) * (_five_bits(high, low) - 16)


def _q5_1(blocks: Tensor) -> Tensor:
    d, m, high, low = _cut(blocks, 2, 2, 4)
    return _half(d) * _five_bits(high, low) + _half(m)


def _q8_0(blocks: Tensor) -> Tensor:
    d, quanta = _cut(blocks, 2)
    return _half(d) * _signed(quanta)


def _q2_k(blocks: Tensor) -> Tensor:
    scales, low, d, m = _cut(blocks, 16, 64, 2)
    factors, offsets = _half(d) * (scales & 15), _half(m) * (scales >> 4)
    return _grouped(factors, _bits(low, 2, 32)) - offsets.repeat_interleave(16, dim=1)


def _q3_k(blocks: Tensor) -> Tensor:
    high, low, scales, d = _cut(blocks, 32, 64, 12)
    factors = (_bits(scales[:, :8], 4, 8) | _bits(scales[:, 8:], 2, 4) << 4) - 32
    return _grouped(_half(d) * factors, _bits(low, 2, 32) - ((_bits(high, 1, 32) ^ 1) << 2))


def _six_bits(scales: Tensor) -> tuple[Tensor, Tensor]:
    """Eight factors and eight offsets of six bits each, out of twelve bytes."""
    factors, offsets, rest = torch.split(scales, 4, dim=1)
    second = (rest & 15) | (factors >> 2 & 48), (rest >> 4) | (offsets >> 2 & 48)
    return torch.cat([factors & 63, second[0]], dim=1), torch.cat([offsets & 63, second[1]], dim=1)


def _with_offsets(d: Tensor, m: Tensor, scales: Tensor, quanta: Tensor) -> Tensor:
    factors, offsets = _six_bits(scales)
    return _grouped(_half(d) * factors, quanta) - (_half(m) * offsets).repeat_interleave(32, dim=1)


def _q4_k(blocks: Tensor) -> Tensor:
    d, m, scales, low = _cut(blocks, 2, 2, 12)
    return _with_offsets(d, m, scales, _bits(low, 4, 32))


def _q5_k(blocks: Tensor) -> Tensor:
    d, m, scales, high, low = _cut(blocks, 2, 2, 12, 32)
    return _with_offsets(d, m, scales, _bits(low, 4, 32) | _bits(high, 1, 32) << 4)


def _q6_k(blocks: Tensor) -> Tensor:
    low, high, scales, d = _cut(blocks, 128, 64, 16)
    quanta = (_bits(low, 4, 64) | _bits(high, 2, 32) << 4) - 32
    return _grouped(_half(d) * _signed(scales), quanta)


def _iq4_nl(blocks: Tensor) -> Tensor:
    d, low = _cut(blocks, 2)
    return _half(d) * _nonlinear(_bits(low, 4, 16))


def _iq4_xs(blocks: Tensor) -> Tensor:
    d, high, scales, low = _cut(blocks, 2, 2, 4)
    factors = (_bits(scales, 4, 1) | _bits(high, 2, 1) << 4) - 32
    return _grouped(_half(d) * factors, _nonlinear(_bits(low, 4, 16)))


def _nonlinear(quanta: Tensor) -> Tensor:
    return torch.tensor(NONLINEAR, dtype=torch.float32, device=quanta.device)[quanta.int()]


FORMATS: Final[Mapping[str, tuple[int, Unpack]]] = MappingProxyType(  # bytes of a block, and what is in them
    {
        "Q4_0": (18, _q4_0), "Q4_1": (20, _q4_1), "Q5_0": (22, _q5_0), "Q5_1": (24, _q5_1), "Q8_0": (34, _q8_0),
        "Q2_K": (84, _q2_k), "Q3_K": (110, _q3_k), "Q4_K": (144, _q4_k), "Q5_K": (176, _q5_k), "Q6_K": (210, _q6_k),
        "IQ4_NL": (18, _iq4_nl), "IQ4_XS": (136, _iq4_xs),
    }
)  # fmt: skip


def unpacked_blocks(data: Tensor, kind: str) -> Tensor:
    """The values of blocks in a row of bytes, in a row."""
    size, unpack = FORMATS[kind]
    return unpack(data.view(-1, size)).flatten()


def unturned(values: Tensor, heads: int) -> Tensor:
    """Rows that lie in pairs, one of each half of a head, half after half again (llama.cpp's converter swaps them)."""
    return values.reshape(heads, -1, 2, *values.shape[1:]).transpose(1, 2).reshape(values.shape)


def unpacked_nibbles(data: Tensor, codes: Tensor, scales: Tensor, size: int) -> Tensor:
    """The values of bytes with two quanta each, the higher bits first; one scale for each block of `size` values."""
    quanta = torch.stack([data >> 4, data & 15], dim=-1).flatten().int()
    return codes.float()[quanta] * _each(scales, size, len(quanta))


def unpacked_scales(quanta: Tensor, codes: Tensor, scales: Tensor, size: int, offset: float) -> Tensor:
    """Scales that are themselves quanta of a byte each, with a mean taken out of them."""
    return codes.float()[quanta.int()] * _each(scales, size, len(quanta)) + offset


def _each(scales: Tensor, size: int, count: int) -> Tensor:
    """The scale of each of so many values."""
    return scales[: -(-count // size)].float().repeat_interleave(min(size, count))[:count]
