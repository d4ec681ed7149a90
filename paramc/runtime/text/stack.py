"""The text encoders of a checkpoint, side by side."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from tokenizers import Tokenizer
from transformers import CLIPTextModel, CLIPTextModelWithProjection

from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import RunError
from paramc.runtime.text.bpe import SHARED, vocabulary
from paramc.runtime.text.encoder import Encoder
from paramc.runtime.text.long import LanguageModel, LongModel
from paramc.runtime.text.manners import Base, find_base

CLIP_L: Final = "l"  # the encoder that is not OpenCLIP's
SHORTENED: Final = (1024, 23)  # width and layers of OpenCLIP-H as diffusers keeps it: without its last layer
TextEncoderModel: TypeAlias = CLIPTextModel | CLIPTextModelWithProjection | LongModel


@dataclass(frozen=True, slots=True, eq=False)
class TextStack:
    """The encoders in the order in which their vectors are joined, and T5 or a language model where the base has it.

    beside: a language model that reads the text besides T5.
    family: by which programs decide how long its rows are. tokeniser: its own, where it is not T5's.
    """

    base: Base
    encoders: tuple[Encoder, ...]
    long: LongModel | None = None
    name: str = ""
    family: str = ""
    tokeniser: Tokenizer | None = None
    beside: LanguageModel | None = None

    @property
    def width(self) -> int:
        """Numbers of a token's joined vector."""
        return sum(encoder.width for encoder in self.encoders)


def text_stack(
    base: str,
    models: Sequence[TextEncoderModel],
    family: str = "",
    *,
    merges: str = SHARED,
    tokeniser: Tokenizer | None = None,
) -> TextStack:
    """The encoders of a model of this base, in its order. Raises RunError where the base has others.

    `merges` are those of a vocabulary of the model's own, with an end of its own; `tokeniser`: a language model's.
    """
    clips = [model for model in models if isinstance(model, CLIPTextModel | CLIPTextModelWithProjection)]
    long = next((model for model in models if isinstance(model, LongModel)), None)
    row = find_base(base, len(clips))
    if row is None:
        raise RunError(diagnose("PC506", base=base, count=len(models)))
    end = vocabulary(merges).end
    pads = tuple(end if pad == vocabulary().end else pad for pad in row.pads)
    found = zip(row.encoders, clips, pads, strict=True)
    encoders = tuple(Encoder(name, model, pad, _left_out(model), merges) for name, model, pad in found)
    beside = next((model for model in models if isinstance(model, LanguageModel)), None) if row.beside else None
    return TextStack(row, encoders, long, base, family, tokeniser, beside)


def _left_out(model: CLIPTextModel | CLIPTextModelWithProjection) -> int:
    return 1 if (model.config.hidden_size, model.config.num_hidden_layers) == SHORTENED else 0
