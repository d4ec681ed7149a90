"""Networks laid over the weights of a checkpoint, and taken off again bit for bit."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import Diagnostic
from paramc.runtime.catalogue.errors import ModelError
from paramc.runtime.models.bases import bases
from paramc.runtime.models.checkpoint import Checkpoint
from paramc.runtime.models.deltas import Parts, bias_delta, weight_delta
from paramc.runtime.models.names import original_module
from paramc.runtime.models.network import Network, Target, load_network

__all__ = ["Applied", "Network", "Networks", "load_network"]


@dataclass(frozen=True, slots=True)
class Applied:
    """A network at its strengths. `rank_limit`: how many components of its low-rank products count, None = all."""

    network: Network
    unet_strength: float
    text_strength: float
    rank_limit: int | None = None

    def strength(self, target: Target) -> float:
        """The strength for a module."""
        return self.text_strength if target.model else self.unet_strength


class Networks:
    """The networks of one checkpoint. Weights that a network changes are kept as they were until it goes.

    Merged rather than computed beside the layers, as A1111 does: the sum rounds once, and a step costs nothing.
    """

    def __init__(self, checkpoint: Checkpoint) -> None:
        self._base = checkpoint.base
        models: tuple[nn.Module, ...] = (checkpoint.unet, *checkpoint.text_encoders)
        self._modules = dict(_modules(models))
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
        with torch.no_grad():
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

    @torch.no_grad()
    def _restore(self) -> None:
        for parameter, kept in self._kept.items():
            parameter.copy_(kept)

    def _require_base(self, network: Network) -> None:
        fits = any(target in self._modules for target in network.parts)
        if fits and network.base in ("", self._base):
            return
        row = bases().get(network.base)
        family = row.title if row else network.base or "another family"
        raise ModelError(diagnose("PC530", file=network.path, family=family, model=bases()[self._base].title))

    def _lay(self, item: Applied) -> Iterator[Diagnostic]:
        idle = [target.module for target, parts in item.network.parts.items() if not self._change(item, target, parts)]
        left = [*idle, *item.network.strange]
        if left:
            yield diagnose("PC531", file=item.network.path, name=left[0], count=len(left))

    def _change(self, item: Applied, target: Target, parts: Parts) -> bool:
        """Change the weight and the bias of a module; False when nothing of it fits."""
        module = self._modules.get(target)
        if module is None:
            return False
        strength = item.strength(target)
        changed = False
        for name in ("weight", "bias"):
            parameter = module.get_parameter(name) if name in dict(module.named_parameters(recurse=False)) else None
            if parameter is not None:
                changed |= self._add(parameter, name, parts, strength, item.rank_limit)
        return changed

    def _add(self, parameter: nn.Parameter, name: str, parts: Parts, strength: float, limit: int | None) -> bool:
        here = {part: tensor.to(parameter.device) for part, tensor in parts.items()}
        weight = parameter.float()  # as former networks left it, on which some formulas depend; in float32 no copy
        delta = weight_delta(weight, here, limit) if name == "weight" else bias_delta(weight, here)
        if delta is not None and strength:
            if parameter not in self._kept:
                self._kept[parameter] = parameter.detach().clone()
            self._changed.add(parameter)
            parameter.copy_(weight.add_(delta.mul_(strength)))
        return delta is not None


def _modules(models: Sequence[nn.Module]) -> Iterator[tuple[Target, nn.Module]]:
    """Modules with weights under every name that files of networks give them."""
    for number, model in enumerate(models):
        modules = dict(model.named_modules())
        levels = range(len({name.split(".")[1] for name in modules if name.startswith("down_blocks.")}))
        attends = tuple(f"down_blocks.{level}.attentions" in modules for level in levels)
        for name, module in modules.items():
            if any(True for _ in module.parameters(recurse=False)):
                yield from ((Target(number, known), module) for known in _known(number, name, attends))


def _known(number: int, name: str, attends: tuple[bool, ...]) -> Iterator[str]:
    """The names of a module; `attends`: the levels of the UNet that have attention, empty for a text encoder."""
    flat = name.replace(".", "_")
    if number and not flat.startswith("text_"):
        flat = f"text_model_{flat}"
    yield flat
    if flat.endswith("_to_out_0"):
        yield flat.removesuffix("_0")  # as older versions of diffusers wrote it
    original = original_module(name, attends) if attends else None
    if original:
        yield original.replace(".", "_")
