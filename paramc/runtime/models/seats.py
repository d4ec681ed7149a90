"""Where a network changes a model: modules under all the names that files of networks give them."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import chain
from typing import Final, NamedTuple, TypeAlias

from torch import Tensor, nn

from paramc.runtime.models.architectures import lying_in, originals
from paramc.runtime.models.names import original_module
from paramc.runtime.models.network import PATH, Target
from paramc.runtime.models.transformers import scale_first
from paramc.tables import TableError, read_table, rows, section

TEXT: Final = "text"  # the block of all text encoders
T5: Final = 3  # what networks call the number of a T5, also where only one encoder stands before it


class Piece(NamedTuple):
    """Rows of a module's parameters: the part `part` of `of` equal ones."""

    module: nn.Module
    part: int = 0
    of: int = 1

    def parameter(self, name: str) -> nn.Parameter | None:
        """The module's own parameter of that name."""
        return dict(self.module.named_parameters(recurse=False)).get(name)

    def rows(self, whole: Tensor) -> Tensor:
        """The rows of a parameter, a view."""
        return whole.chunk(self.of)[self.part]


class Blocks(NamedTuple):
    """The beginnings of names that weights of blocks are for, in order."""

    base: str
    names: tuple[str, ...]


Seat: TypeAlias = tuple[Piece, ...]  # the rows of all of them, one below the other, are what a file calls one weight


def seats(models: Sequence[nn.Module], base: str) -> dict[Target, Seat]:
    """The seats of a diffusion model and its text encoders, in this order, by every name that is known for them."""
    found: dict[Target, Seat] = {target: (Piece(module),) for target, module in _own(models)}
    modules = dict(models[0].named_modules())
    swapped = scale_first(models[0])
    for original, names in chain(originals(base, modules), lying_in(_further(base), modules)):
        seat = tuple(piece for name in names for piece in _pieces(modules[name], name in swapped))
        found[Target(0, original.replace(".", "_"))] = seat
    return found


def shares(all_seats: Mapping[Target, Seat], base: str, weights: Sequence[float]) -> Mapping[nn.Module, float] | None:
    """The factor of every module that belongs to a block; None where no blocks are known for so many weights."""
    row = next((row for row in _blocks() if row.base == base and len(row.names) == len(weights)), None)
    if row is None:
        return None
    by_name = dict(zip(row.names, weights, strict=True))
    found: dict[nn.Module, float] = {}
    for target, seat in all_seats.items():
        name = TEXT if target.model else next((name for name in row.names if target.module.startswith(name)), None)
        if name is not None:
            found |= {piece.module: by_name[name] for piece in seat}
    return found


def _own(models: Sequence[nn.Module]) -> Iterator[tuple[Target, nn.Module]]:
    """Modules with weights under the names of diffusers and transformers, and those of original UNets."""
    for number, model in enumerate(models):
        modules = dict(model.named_modules())
        levels = range(len({name.split(".")[1] for name in modules if name.startswith("down_blocks.")}))
        attends = tuple(f"down_blocks.{level}.attentions" in modules for level in levels)
        numbers = {number, T5} if number and any("SelfAttention" in name for name in modules) else {number}
        for name, module in modules.items():
            if any(True for _ in module.parameters(recurse=False)):
                for each in numbers:
                    yield from ((Target(each, known), module) for known in _known(each, name, attends))


def _known(number: int, name: str, attends: tuple[bool, ...]) -> Iterator[str]:
    """The names of a module; `attends`: the levels of the UNet that have attention, empty for other models."""
    flat = name.replace(".", "_")
    yield flat
    if number:
        yield flat.removeprefix("text_model_") if flat.startswith("text_model_") else f"text_model_{flat}"
    if flat.endswith("_to_out_0"):
        yield flat.removesuffix("_0")  # as older versions of diffusers wrote it
    original = original_module(name, attends) if attends else None
    if original:
        yield original.replace(".", "_")


def _pieces(module: nn.Module, swapped: bool) -> Seat:
    """The rows of a module in the order of the authors."""
    return (Piece(module, 1, 2), Piece(module, 0, 2)) if swapped else (Piece(module),)


@cache
def _blocks() -> tuple[Blocks, ...]:
    return rows(read_table(PATH), "blocks", Blocks, PATH.name)


@cache
def _further(base: str) -> Mapping[str, tuple[str, ...]]:
    """Names that only networks for a base have, and what stands in their place."""
    table = section(read_table(PATH), "further", PATH.name).get(base, {})
    if not isinstance(table, dict) or not all(isinstance(names, list) for names in table.values()):
        raise TableError(f"{PATH.name}: a further name stands for a list of modules")
    return {name: tuple(map(str, names)) for name, names in table.items() if isinstance(names, list)}
