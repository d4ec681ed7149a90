"""Networks laid over the weights of a checkpoint, and taken off again bit for bit."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import Diagnostic
from paramc.runtime.catalogue.errors import ModelError
from paramc.runtime.models.bases import bases
from paramc.runtime.models.checkpoint import Checkpoint
from paramc.runtime.models.deltas import Parts, bias_delta, weight_delta
from paramc.runtime.models.network import Network, Target, load_network
from paramc.runtime.models.seats import Piece, Seat, seats, shares

__all__ = ["Applied", "Network", "Networks", "load_network"]


@dataclass(frozen=True, slots=True)
class Applied:
    """A network at its strengths.

    rank_limit: how many components of its low-rank products count, None = all. blocks: factors of the text encoders and
    of the model's blocks, empty = all 1; None: they could not be read.
    """

    network: Network
    unet_strength: float
    text_strength: float
    rank_limit: int | None = None
    blocks: tuple[float, ...] | None = ()

    def strength(self, target: Target) -> float:
        """The strength for a module."""
        return self.text_strength if target.model else self.unet_strength


class Networks:
    """The networks of one checkpoint. Weights that a network changes are kept as they were until it goes.

    Merged rather than computed beside the layers, as A1111 does: the sum rounds once, and a step costs nothing.
    """

    def __init__(self, checkpoint: Checkpoint) -> None:
        self._base = checkpoint.base
        self._seats = seats((checkpoint.unet, *checkpoint.text_encoders), checkpoint.base)
        self._kept: dict[nn.Parameter, Tensor] = {}
        self._changed: set[nn.Parameter] = set()
        self._applied: tuple[Applied, ...] | None = ()
        self._said: tuple[Diagnostic, ...] = ()

    def apply(self, wanted: Sequence[Applied]) -> tuple[Diagnostic, ...]:
        """Lay these networks over the weights, in order, in place of those applied before.

        Gives what has no place in this model. Raises ModelError for a network of another family; nothing changed then.
        """
        networks = tuple(wanted)
        if networks == self._applied:
            return self._said
        for item in networks:
            self._require_base(item.network)
        self._applied = None  # until all of them lie there, an interrupt included
        self._restore()
        former = set(self._kept)
        self._changed.clear()
        with torch.inference_mode():  # in which weights that are stored in fewer bits were made
            self._said = tuple(said for item in networks for said in self._lay(item))
        for parameter in former - self._changed:
            del self._kept[parameter]
        self._applied = networks
        return self._said

    def remove(self) -> None:
        """The weights of the checkpoint again, and nothing kept beside them."""
        self._restore()
        self._kept.clear()
        self._applied, self._said = (), ()

    @torch.inference_mode()
    def _restore(self) -> None:
        for parameter, kept in self._kept.items():
            parameter.copy_(kept)

    def _require_base(self, network: Network) -> None:
        fits = any(target in self._seats for target in network.parts)
        if fits and network.base in ("", self._base, bases()[self._base].like):
            return
        row = bases().get(network.base)
        family = row.title if row else network.base or "another family"
        raise ModelError(diagnose("PC530", file=network.path, family=family, model=bases()[self._base].title))

    def _lay(self, item: Applied) -> Iterator[Diagnostic]:
        network, taken = item.network, set[Piece]()
        weighed = shares(self._seats, self._base, item.blocks) if item.blocks else {}
        if weighed is None or item.blocks is None:
            yield diagnose("PC590", file=network.path)
        idle, again = [], list(network.doubled)
        for target, parts in network.parts.items():
            seat = self._seats.get(target, ())
            if not taken.isdisjoint(seat):
                again.append(target.module)
            elif self._change(seat, parts, item.strength(target) * _share(seat, weighed or {}), item.rank_limit):
                taken.update(seat)
            else:
                idle.append(target.module)
        left = [*idle, *network.strange]
        if left:
            yield diagnose("PC531", file=network.path, name=left[0], count=len(left))
        if again:
            yield diagnose("PC586", file=network.path, name=again[0], count=len(again))

    def _change(self, seat: Seat, parts: Parts, strength: float, limit: int | None) -> bool:
        """Change the weights and the biases of a seat; False when nothing of it fits."""
        changed = False
        for name in ("weight", "bias"):
            found = [(piece, parameter) for piece in seat if (parameter := piece.parameter(name)) is not None]
            if found and len(found) == len(seat):
                changed |= self._add(found, name, parts, strength, limit)
        return changed

    def _add(
        self, rows: Sequence[tuple[Piece, nn.Parameter]], name: str, parts: Parts, strength: float, limit: int | None
    ) -> bool:
        here = {part: tensor.to(rows[0][1].device) for part, tensor in parts.items()}
        # as former networks left it, on which some formulas depend; of one piece in float32 no copy
        pieces = [piece.rows(parameter).float() for piece, parameter in rows]
        weight = pieces[0] if len(pieces) == 1 else torch.cat(pieces)
        delta = weight_delta(weight, here, limit) if name == "weight" else bias_delta(weight, here)
        if delta is None or not strength:
            return delta is not None
        for _, parameter in rows:
            self._keep(parameter)
        changed = torch.split(weight.add_(delta.mul_(strength)), [len(piece) for piece in pieces])
        for (piece, parameter), values in zip(rows, changed, strict=True):
            piece.rows(parameter).copy_(values)
        return True

    def _keep(self, parameter: nn.Parameter) -> None:
        """A copy of a parameter as the file has it, unless there is one."""
        if parameter not in self._kept:
            self._kept[parameter] = parameter.detach().clone()
        self._changed.add(parameter)


def _share(seat: Seat, weighed: Mapping[nn.Module, float]) -> float:
    """The factor of a seat, all of whose modules lie in one block."""
    return weighed.get(seat[0].module, 1.0) if seat else 1.0
