"""Where the demo model lies, for those who ask for it by name."""

from pathlib import Path
from typing import Final

NAME: Final = "demo"
SIDE: Final = 64  # pixels of the pictures that it was trained on


def shipped_model() -> Path:
    """The file with the demo model."""
    return Path(__file__).with_name("weights") / f"{NAME}.safetensors"


def shipped_style() -> Path:
    """The file with the network that takes the colours away."""
    return shipped_model().with_name("demo-grey.safetensors")
