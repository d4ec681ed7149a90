"""Telling an exhausted memory from other faults."""

import torch


def is_exhaustion(error: Exception) -> bool:
    """Whether the device or the machine had no memory left."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return "DefaultCPUAllocator: can't allocate memory" in str(error)
