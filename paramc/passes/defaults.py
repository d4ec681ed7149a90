"""What a job is taken to mean where it says nothing, and no producer's history says it either."""

from typing import Final

from paramc.ir.geometry import Size

DEFAULT_SIZE: Final = Size(512, 512)
DEFAULT_STEPS: Final = 20
DEFAULT_CFG: Final = 7.0
