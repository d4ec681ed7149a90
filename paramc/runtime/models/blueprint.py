"""Models without weights, and the weights put into them while their file is read once from front to end."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

from paramc.diagnostics.codes import diagnose
from paramc.runtime.catalogue.errors import ModelError
from paramc.runtime.models.names import Place
from paramc.runtime.models.tensors import Tensors


@dataclass(slots=True)
class Blueprint:
    """`model` on the meta device; `places`: by name in the file, where each tensor goes."""

    title: str
    model: nn.Module
    places: Mapping[str, tuple[Place, ...]]
    dtype: torch.dtype
    weights: dict[str, Tensor] = field(default_factory=dict)
    shapes: dict[str, torch.Size] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.shapes = {name: tensor.shape for name, tensor in self.model.state_dict().items()}

    def take(self, name: str, tensor: Tensor) -> None:
        """Put one tensor of the file where it belongs. Raises ModelError when it does not fit there.

        What goes to several places as it is, is one tensor there, too.
        """
        made: dict[tuple[Place, torch.Size], Tensor] = {}
        for place in self.places[name]:
            shape = self.shapes[place.name]
            key = (place._replace(name=""), shape)
            if key not in made:
                made[key] = _fitted(name, tensor, place, shape, self.dtype)
            self.weights[place.name] = made[key]

    def finish(self, file: Path, device: str) -> None:
        """Hand the weights to the model. Raises ModelError when some are missing."""
        missing = sorted(self.shapes.keys() - self.weights.keys())
        if missing:
            raise ModelError(diagnose("PC527", file=file, part=self.title, name=missing[0], count=len(missing)))
        self.model.load_state_dict(self.weights, assign=True)
        self.weights.clear()
        _number_positions(self.model)
        self.model.requires_grad_(False).eval().to(device)


def fill(blueprints: Sequence[Blueprint], file: Tensors) -> None:
    """Read what the models want of a file, each byte once and in order."""
    tensors = file.header.tensors
    for name in sorted(tensors, key=lambda key: tensors[key].start):
        takers = [blueprint for blueprint in blueprints if name in blueprint.places]
        if takers:
            tensor = file.read(name)
            for blueprint in takers:
                blueprint.take(name, tensor)


def _fitted(name: str, tensor: Tensor, place: Place, shape: torch.Size, dtype: torch.dtype) -> Tensor:
    """The tensor, or its third, in the shape and type wanted; 1×1 convolutions and linear layers are the same."""
    if place.part is not None:
        tensor = tensor.chunk(3)[place.part].clone()
    if place.rows is not None:
        tensor = tensor[slice(*place.rows)].clone()
    if place.swapped:
        tensor = torch.cat(tensor.chunk(2)[::-1])
    if place.turned:
        tensor = tensor.T.contiguous()
    if _bare(tensor.shape) != _bare(shape):
        found, wanted = _size(tensor.shape), _size(shape)
        raise ModelError(diagnose("PC526", name=name, found=found, wanted=wanted))
    return tensor.reshape(shape).to(dtype)


def _bare(shape: torch.Size) -> list[int]:
    return [size for size in shape if size != 1]


def _size(shape: torch.Size) -> str:
    return " × ".join(map(str, shape))


def _number_positions(model: nn.Module) -> None:
    """Give text encoders the positions that they count by, which no file holds."""
    for name, buffer in list(model.named_buffers()):
        if buffer.is_meta:
            owner, _, leaf = name.rpartition(".")
            positions = torch.arange(buffer.shape[-1]).expand(buffer.shape)
            model.get_submodule(owner).register_buffer(leaf, positions, persistent=False)
