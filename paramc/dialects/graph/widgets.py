"""Which widget has which value: the list `widgets_values` against the definition of the class."""

from collections.abc import Iterator, Mapping
from typing import Final

from paramc.dialects.graph.definitions import COMBO, Definition
from paramc.dialects.graph.frontend import Frontend
from paramc.dialects.graph.values import Json, as_list, as_object
from paramc.dialects.graph.workflow import Drawn

UNNAMED: Final = "UNKNOWN"  # what the frontend calls the values of a class that it does not know


def widget_values(node: Drawn, definition: Definition | None, frontend: Frontend) -> dict[str, Json]:
    """The widgets of a node by name, in their order."""
    values = as_list(node.values)
    if definition is None or (definition.varies and not _fits(node, definition, frontend)):
        return dict(_undefined(node, frontend))
    found: dict[str, Json] = {}
    place = 0
    for widget in definition.widgets:
        if place < len(values):
            value = values[place]
            if value is None and widget.kind == COMBO and widget.has_default:
                value = widget.default
            found[widget.name] = value
        elif widget.has_default:
            found[widget.name] = widget.default
        place += 2 if widget.followed else 1
    return found


def _fits(node: Drawn, definition: Definition, frontend: Frontend) -> bool:
    """Whether a node has the widgets that its class had when its row was written, and values of their kinds."""
    named = _sockets(node, frontend)
    if named and named.keys() != {widget.name for widget in definition.widgets}:
        return False
    values, place = as_list(node.values), 0
    for widget in definition.widgets:
        if place >= len(values):
            break
        if not isinstance(values[place], _KINDS.get(widget.kind, object)):
            return False
        control = values[place + 1] if widget.followed and place + 1 < len(values) else None
        if control is not None and not _is_control(control, frontend):
            return False
        place += 2 if widget.followed else 1
    return True


_KINDS: Final[Mapping[str, type | tuple[type, ...]]] = {
    "INT": (int, float),
    "FLOAT": (int, float),
    "STRING": str,
    "COMBO": (str, bool),
    "BOOLEAN": (bool, str, int),
}


def _undefined(node: Drawn, frontend: Frontend) -> Iterator[tuple[str, Json]]:
    """The values of an unknown class: named by themselves, by the widget slots that the file lists, or not at all."""
    if isinstance(node.values, dict):
        yield from as_object(node.values).items()
        return
    values = as_list(node.values)
    if named := _sockets(node, frontend):
        yield from named.items()
        return
    for index, value in enumerate(values):
        yield (f"{UNNAMED}_{index}" if index else UNNAMED), value


def _sockets(node: Drawn, frontend: Frontend) -> dict[str, Json]:
    """The values by the names of the sockets; nothing where there is one without a name: not all widgets are listed."""
    names, values = [slot.widget for slot in node.inputs if slot.widget], as_list(node.values)
    found: dict[str, Json] = {}
    place = 0
    for name in names:
        if place >= len(values):
            return {}
        found[name] = values[place]
        place += 1
        if name in frontend.seeds and place < len(values) and _is_control(values[place], frontend):
            place += 1
    return found if place == len(values) else {}


def _is_control(value: Json, frontend: Frontend) -> bool:
    """What happens to the seed after a run; files of 2023 have a switch there."""
    return isinstance(value, bool) or value in frontend.controls
