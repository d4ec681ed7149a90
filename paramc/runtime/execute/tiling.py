"""Pictures that tile: convolutions that wrap around the edges."""

from torch import nn


def wrap_around(model: nn.Module, *, wraps: bool) -> None:
    """Every convolution of the model continues at the opposite edge, or sees zeros beyond it as it was trained."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            module.padding_mode = "circular" if wraps else "zeros"
