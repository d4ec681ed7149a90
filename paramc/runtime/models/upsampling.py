"""Two ways of enlarging inside a UNet whose levels do not halve evenly: convolve before or after fitting the size."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal, TypeAlias

from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from diffusers.models.upsampling import Upsample2D
from torch import Tensor, nn
from torch.nn.functional import interpolate

Order: TypeAlias = Literal["convolve_then_fit", "fit_then_convolve"]


class ConvolvedFirst(nn.Module):
    """Doubles, convolves, and only then brings the result to the size of the skip connection (A1111).

    The weights stay under their names. diffusers and ComfyUI fit the size before the convolution, which is another
    picture wherever a level has an odd number of cells.
    """

    def __init__(self, original: Upsample2D) -> None:
        super().__init__()
        self.conv = original.get_submodule("conv")
        self.originals = (original,)  # in a tuple, so that its weights are not counted twice

    def forward(self, hidden: Tensor, output_size: tuple[int, int] | None = None) -> Tensor:
        """Features (batch, channels, height, width), enlarged to twice their size or to `output_size`."""
        doubled: Tensor = self.conv(interpolate(hidden, scale_factor=2.0, mode="nearest"))
        if output_size is None or tuple(doubled.shape[-2:]) == tuple(output_size):
            return doubled
        return interpolate(doubled, size=tuple(output_size), mode="nearest")


def set_upsampling(unet: UNet2DConditionModel, order: Order) -> None:
    """Choose the order for every call from now on."""
    for name, module in list(unet.named_modules()):
        if order == "convolve_then_fit" and isinstance(module, Upsample2D):
            unet.set_submodule(name, ConvolvedFirst(module))
        elif order == "fit_then_convolve" and isinstance(module, ConvolvedFirst):
            unet.set_submodule(name, module.originals[0])


@contextmanager
def upsampling(unet: UNet2DConditionModel, order: Order) -> Iterator[None]:
    """Choose the order while the context is open; then it is diffusers' own again."""
    set_upsampling(unet, order)
    try:
        yield
    finally:
        set_upsampling(unet, "fit_then_convolve")
