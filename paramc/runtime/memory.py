"""Telling an exhausted memory from other faults."""

from typing import Final

import torch

# of allocators that raise no error of their own: those of processors and of Apple's graphics
SIGNS: Final = ("DefaultCPUAllocator: can't allocate memory", "MPS backend out of memory")


def is_exhaustion(error: Exception) -> bool:
    """Whether the device or the machine had no memory left."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return any(sign in str(error) for sign in SIGNS)
