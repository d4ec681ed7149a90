"""Pictures that steer a pass: through what each of them does, and the constants that say so."""

from collections.abc import Callable, Iterable
from typing import Final, NamedTuple, TypeAlias

from paramc.backends.literals import Value
from paramc.backends.located import image_adapter, net_files, net_name
from paramc.backends.pipelines import ImagePromptRow, ModelRow
from paramc.backends.script import Eyes
from paramc.ir.assets import AssetRef
from paramc.ir.control import ControlNet

KindOf: TypeAlias = Callable[[ControlNet], str | None]
CONTROL, CONTROL_IMAGE = "controlnet", "control.png"
SHOWN, ADAPTER = "ip_adapter", "t2i_adapter"  # kinds of a target's


class Steering(NamedTuple):
    """Units by what they steer through: ControlNets, T2I-Adapters, and IP-Adapters, which are shown a picture."""

    nets: tuple[ControlNet, ...] = ()
    adapters: tuple[ControlNet, ...] = ()
    shown: tuple[ControlNet, ...] = ()


def steering_of(units: Iterable[ControlNet], kind_of: KindOf) -> Steering:
    """Units, told apart."""
    kinds = [(unit, kind_of(unit)) for unit in units]
    return Steering(*(tuple(unit for unit, found in kinds if found == kind) for kind in (None, ADAPTER, SHOWN)))


def net_values(units: tuple[ControlNet, ...], model: ModelRow) -> dict[str, Value]:
    """The constants for ControlNets."""
    from_files = net_files(model, units)
    names: list[Value] = [net_name(unit.model or AssetRef(name=CONTROL), is_file=from_files) for unit in units]
    return {"controlnets": names, **_weighed(units)}


def adapter_values(units: tuple[ControlNet, ...], repositories: Callable[[str], str | None]) -> dict[str, Value]:
    """The constants for T2I-Adapters; `repositories` tells where one of a published name lies."""
    assets = [unit.model or AssetRef(name=ADAPTER) for unit in units]
    names: list[Value] = [repositories(asset.name or "") or net_name(asset, is_file=False) for asset in assets]
    return {"adapters": names, **_weighed(units)}


def _weighed(units: tuple[ControlNet, ...]) -> dict[str, Value]:
    return {
        "control_images": [unit.image.path or CONTROL_IMAGE for unit in units],
        "control_scales": [unit.weight for unit in units],
        "control_starts": [unit.start for unit in units],
        "control_ends": [unit.end for unit in units],
    }


def shown_values(units: tuple[ControlNet, ...], row: ImagePromptRow, absent: str) -> dict[str, Value]:
    """The constants for IP-Adapters, in a pass that those have no part in which are for its opposite, `absent`."""
    return {
        "ip_adapters": [image_adapter(unit.model or AssetRef(name=SHOWN), row) for unit in units],
        "ip_images": [unit.image.path or CONTROL_IMAGE for unit in units],
        "ip_scales": [0.0 if unit.passes == absent else unit.weight for unit in units],
    }


def eyes_of(units: tuple[ControlNet, ...], row: ImagePromptRow) -> Eyes:
    """What looks at the pictures: one image encoder, that of the first adapter."""
    asset: Final = units[0].model
    folder = row.eyes_of((asset.name or "").lower() if asset else "")
    return Eyes(row.encoder, (row.eyes, folder), row.parts, row.loading)
