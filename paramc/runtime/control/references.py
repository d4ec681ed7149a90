"""Pictures that self-attention looks at beside the one in hand.

The picture is noised to the level in hand and goes through the model first, under the same texts. What self-attention
is given there it may look at thereafter. Programs draw that noise where no seed controls it: here it is one for all.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Final, TypeAlias, cast

import torch
from diffusers.models.attention import BasicTransformerBlock
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from paramc.ir.control import ControlNet
from paramc.ir.geometry import Size

FIDELITY: Final = 0.5  # of units that say none
SEED: Final = 0  # of the picture's noise
Noised: TypeAlias = Callable[[Tensor, Tensor, Tensor], Tensor]
"""(latent, noise, timesteps) to what the model sees of the latent at these timesteps, (rows,)."""
Keywords: TypeAlias = dict[str, Tensor | None]
Places: TypeAlias = Sequence[tuple[nn.Module, float]]  # parts of a model, each with the weight from which it takes part


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """A unit that looks at a picture. latent: its own at the size of a pass, (1, channels, height, width)."""

    setting: ControlNet
    latent: Callable[[Size], Tensor]

    @property
    def fidelity(self) -> float:
        """The share in which negatives go without the picture, so that guidance leads to it."""
        match self.setting.priority:
            case "prompt":
                return 0.0
            case "control":
                return 1.0
            case _:
                return FIDELITY if self.setting.threshold_a is None else self.setting.threshold_a


def noise_like(latent: Tensor) -> Tensor:
    """The noise that is put on a picture."""
    return torch.randn(latent.shape, generator=torch.Generator().manual_seed(SEED)).to(latent)


@dataclass(frozen=True, slots=True, eq=False)
class Impression:
    """What the attention of a model was given while a picture went through it."""

    unit: Reference
    tokens: dict[nn.Module, Tensor] = field(default_factory=dict)


@contextmanager
def noting(unet: UNet2DConditionModel, unit: Reference) -> Iterator[Impression]:
    """What goes through the model while this lasts is written down."""
    seen = Impression(unit)

    def note_tokens(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        seen.tokens[module] = inputs[0]

    with ExitStack() as stack:
        for module, _ in attentions(unet):
            _while(stack, module.register_forward_pre_hook(note_tokens))
        yield seen


@contextmanager
def looking(unet: UNet2DConditionModel, pictures: Sequence[Impression], against: int) -> Iterator[None]:
    """The model takes from pictures while this lasts; `against`: rows of negatives, the last ones."""
    with ExitStack() as stack:
        for module, share in attentions(unet):
            if acting := [seen for seen in pictures if share < seen.unit.setting.weight]:
                _attend(stack, module, acting, against)
        yield


def attentions(unet: UNet2DConditionModel) -> Places:
    """The self-attention of a model, the widest first: a unit of weight 0.5 acts on the widest half."""
    blocks = [block for block in unet.modules() if isinstance(block, BasicTransformerBlock)]
    blocks.sort(key=lambda block: -cast(nn.LayerNorm, block.norm1).normalized_shape[0])
    return [(block.attn1, place / len(blocks)) for place, block in enumerate(blocks)]


def _attend(stack: ExitStack, module: nn.Module, acting: Sequence[Impression], against: int) -> None:
    """Self-attention looks at the picture in hand and at the others; negatives in part at the former alone."""
    alone = _fidelity(acting)

    def widen(part: nn.Module, inputs: tuple[Tensor, ...], more: Keywords) -> tuple[tuple[Tensor, ...], Keywords]:
        context = torch.cat([inputs[0], *(seen.tokens[part] for seen in acting)], dim=1)
        return inputs, {**more, "encoder_hidden_states": context}

    def part_again(part: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        if not against or not alone:
            return output
        own = cast(Tensor, part.forward(inputs[0][-against:]))
        return torch.cat([output[:-against], alone * own + (1 - alone) * output[-against:]])

    _while(stack, module.register_forward_pre_hook(widen, with_kwargs=True))
    _while(stack, module.register_forward_hook(part_again, prepend=True))  # before merged tokens are spread again


def _fidelity(acting: Sequence[Impression]) -> float:
    return sum(seen.unit.fidelity for seen in acting) / len(acting)


def _while(stack: ExitStack, handle: RemovableHandle) -> None:
    stack.callback(handle.remove)
