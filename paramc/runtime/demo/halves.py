"""Files of weights as they are shipped: numbers of half precision."""

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor


def write_halves(path: Path, tensors: Mapping[str, Tensor], **metadata: str) -> None:
    """One file with the tensors, and with what it says of itself."""
    halves = {name: tensor.detach().to(torch.float16).contiguous() for name, tensor in tensors.items()}
    save_file(halves, path, {"format": "pt", **metadata})
