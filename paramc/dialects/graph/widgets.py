"""Which widget has which value: the list `widgets_values` against the definition of the class."""

from collections.abc import Iterator, Sequence
from typing import Final

from paramc.dialects.graph.definitions import COMBO, Definition
from paramc.dialects.graph.frontend import Frontend
from paramc.dialects.graph.values import Json, as_list, as_object
from paramc.dialects.graph.workflow import Drawn

UNNAMED: Final = "UNKNOWN"  # what the frontend calls the values of a class that it does not know


def widget_values(node: Drawn, definition: Definition | None, frontend: Frontend) -> dict[str, Json]:
    """The widgets of a node by name, in their order."""
    if definition is None:
        return dict(_undefined(node, frontend))
    found: dict[str, Json] = {}
    values = as_list(node.values)
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


def _undefined(node: Drawn, frontend: Frontend) -> Iterator[tuple[str, Json]]:
    """The values of an unknown class: named by themselves, by the widget slots that the file lists, or not at all."""
    if isinstance(node.values, dict):
        yield from as_object(node.values).items()
        return
    values = as_list(node.values)
    names = [slot.widget for slot in node.inputs if slot.widget]
    if names and len(names) <= len(values):
        yield from _named(names, values, frontend)
        return
    for index, value in enumerate(values):
        yield (f"{UNNAMED}_{index}" if index else UNNAMED), value


def _named(names: Sequence[str], values: Sequence[Json], frontend: Frontend) -> Iterator[tuple[str, Json]]:
    place = 0
    for name in names:
        if place >= len(values):
            return
        yield name, values[place]
        place += 1
        if name in frontend.seeds and place < len(values) and _is_control(values[place], frontend):
            place += 1


def _is_control(value: Json, frontend: Frontend) -> bool:
    """What happens to the seed after a run; files of 2023 have a switch there."""
    return isinstance(value, bool) or value in frontend.controls
