"""The text encoders of a checkpoint, side by side."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from transformers import CLIPTextModel, CLIPTextModelWithProjection

from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import RunError
from paramc.runtime.text.encoder import Encoder
from paramc.runtime.text.manners import Base, find_base

CLIP_L: Final = "l"  # the encoder that is not OpenCLIP's
SHORTENED: Final = (1024, 23)  # width and layers of OpenCLIP-H as diffusers keeps it: without its last layer
TextEncoderModel: TypeAlias = CLIPTextModel | CLIPTextModelWithProjection


@dataclass(frozen=True, slots=True, eq=False)
class TextStack:
    """The encoders in the order in which their vectors are joined."""

    base: Base
    encoders: tuple[Encoder, ...]

    @property
    def width(self) -> int:
        """Numbers of a token's joined vector."""
        return sum(encoder.width for encoder in self.encoders)


def text_stack(base: str, models: Sequence[TextEncoderModel]) -> TextStack:
    """The encoders of a model of this base, in its order. Raises RunError where the base has others."""
    row = find_base(base, len(models))
    if row is None:
        raise RunError(diagnose("PC506", base=base, count=len(models)))
    return TextStack(row, tuple(map(Encoder, row.encoders, models, row.pads, map(_left_out, models))))


def _left_out(model: TextEncoderModel) -> int:
    return 1 if (model.config.hidden_size, model.config.num_hidden_layers) == SHORTENED else 0
