"""A graph as the frontend saves it: nodes with places, from left to right, in titled groups that do not overlap."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from paramc.backends.graph.builder import spelt_out
from paramc.backends.graph.tables import Layout
from paramc.dialects.graph.definitions import Definition, Widget
from paramc.dialects.graph.model import Graph, Link, Node
from paramc.dialects.graph.roles import Roles
from paramc.dialects.graph.values import Json

VERSION: Final = 0.4
ANY: Final = "*"
KEPT: Final = "fixed"  # what happens to a seed after a run: nothing
SAMPLER: Final = "sample"


class Box(NamedTuple):
    """A rectangle in the units of the canvas."""

    x: int
    y: int
    width: int
    height: int


class Wire(NamedTuple):
    """A link of the workflow."""

    id: int
    source: str
    slot: int
    target: str
    place: int
    type: str


def workflow_text(graph: Graph, roles: Roles, layout: Layout, remarks: Sequence[str] = ()) -> str:
    """The graph as a workflow, version 0.4 of the format, as JSON; with `remarks` on a note beside the nodes."""
    workflow = _workflow(graph, roles, layout)
    return spelt_out(json.dumps(_noted(workflow, layout, remarks), indent=2, ensure_ascii=False)) + "\n"


def _noted(workflow: dict[str, Json], layout: Layout, remarks: Sequence[str]) -> dict[str, Json]:
    """The workflow with a note to the left of it, which the frontend keeps to itself."""
    nodes, last = workflow["nodes"], workflow["last_node_id"]
    if not remarks or not isinstance(nodes, list) or not isinstance(last, int):
        return workflow
    note: Json = {
        "id": last + 1,
        "type": layout.note,
        "pos": [layout.margin - layout.width - 2 * layout.gap, layout.margin + layout.header],
        "size": [layout.width, layout.header + 3 * layout.row * len(remarks)],
        "flags": {},
        "order": len(nodes),
        "mode": 0,
        "inputs": [],
        "outputs": [],
        "title": layout.note_title,
        "properties": {},
        "widgets_values": ["".join(f"- {remark}\n" for remark in remarks)],
    }
    return {**workflow, "last_node_id": last + 1, "nodes": [*nodes, note]}


def _workflow(graph: Graph, roles: Roles, layout: Layout) -> dict[str, Json]:
    order = _order(graph)
    numbers = _numbers(order)
    wires = list(_wires(graph, roles, order))
    fed: dict[str, list[Wire]] = {name: [] for name in order}
    used: dict[str, list[Wire]] = {name: [] for name in order}
    for wire in wires:
        fed[wire.target].append(wire)
        used[wire.source].append(wire)
    groups = _groups(graph, roles, layout, order)
    boxes = _boxes(graph, roles, layout, groups)
    drawn: list[Json] = [
        {
            "id": numbers[name],
            "type": graph.nodes[name].type,
            "pos": [boxes[name].x, boxes[name].y],
            "size": [boxes[name].width, boxes[name].height],
            "flags": {},
            "order": place,
            "mode": 0,
            **_content(graph.nodes[name], roles, fed[name], used[name]),
        }
        for place, name in enumerate(order)
    ]
    links: list[Json] = [
        [wire.id, numbers[wire.source], wire.slot, numbers[wire.target], wire.place, wire.type] for wire in wires
    ]
    return {
        "last_node_id": max(numbers.values(), default=0),
        "last_link_id": len(wires),
        "nodes": drawn,
        "links": links,
        "groups": [
            _group(layout, _title(layout, number, max(groups)), [boxes[name] for name in names])
            for number, names in groups.items()
        ],
        "config": {},
        "extra": {},
        "version": VERSION,
    }


def _order(graph: Graph) -> list[str]:
    """The nodes so that each stands behind what it is made of."""
    found: dict[str, None] = {}
    for name in graph.nodes:
        waiting = [name]
        opened: set[str] = set()
        while waiting:
            last = waiting[-1]
            before = [item for item in _sources(graph.nodes[last]) if item in graph.nodes and item not in found]
            if last in found or (last in opened and not set(before) - opened):
                found.setdefault(waiting.pop(), None)
                continue
            opened.add(last)
            waiting += [item for item in before if item not in opened]
            if waiting[-1] == last:
                found.setdefault(waiting.pop(), None)
    return list(found)


def _sources(node: Node) -> list[str]:
    return [value.node for value in node.inputs.values() if isinstance(value, Link)]


def _numbers(order: Sequence[str]) -> dict[str, int]:
    """Whole numbers for ids: their own where all of them are numbers."""
    if all(name.isdecimal() and len(name) < 16 and str(int(name)) == name for name in order):
        return {name: int(name) for name in order}
    return {name: place + 1 for place, name in enumerate(order)}


def _wires(graph: Graph, roles: Roles, order: Sequence[str]) -> Iterator[Wire]:
    number = 0
    for name in order:
        node = graph.nodes[name]
        for place, given in enumerate(_sockets(node, roles)):
            link = node.link(given)
            if link and link.node in graph.nodes:
                number += 1
                kind = _type(graph.nodes[link.node], link.slot, roles)
                definition = roles.definitions.get(node.type)
                wanted = definition.links.get(given, kind) if definition else kind
                yield Wire(number, link.node, link.slot, name, place, kind if kind != ANY else wanted)


def _linked(node: Node) -> list[tuple[str, Link]]:
    return [(name, value) for name, value in node.inputs.items() if isinstance(value, Link)]


def _type(node: Node, slot: int, roles: Roles) -> str:
    definition = roles.definitions.get(node.type)
    return definition.gives[slot] if definition and 0 <= slot < len(definition.gives) else ANY


def _content(node: Node, roles: Roles, fed: Sequence[Wire], used: Sequence[Wire]) -> dict[str, Json]:
    """What a node holds: sockets, values and title."""
    definition = roles.definitions.get(node.type)
    widgets = {widget.name for widget in definition.widgets} if definition else set()
    wires = {wire.place: wire for wire in fed}
    types = definition.links if definition else {}
    inputs: list[Json] = [
        _slot(name, wires.get(place), types.get(name, ANY), name in widgets)
        for place, name in enumerate(_sockets(node, roles))
    ]
    content: dict[str, Json] = {
        "inputs": inputs if definition else [*inputs, *_bare_slots(node)],
        "outputs": list(_outputs(node, roles, used)),
        "properties": {"Node name for S&R": node.type},
        "widgets_values": _values(node, definition),
    }
    return {**content, "title": node.title} if node.title else content


def _sockets(node: Node, roles: Roles) -> list[str]:
    """The inputs that have a socket: those that are nothing else, then the widgets that are linked."""
    definition = roles.definitions.get(node.type)
    return list(dict.fromkeys([*(definition.links if definition else ()), *(name for name, _ in _linked(node))]))


def _slot(name: str, wire: Wire | None, kind: str, is_widget: bool) -> dict[str, Json]:
    slot: dict[str, Json] = {"name": name, "type": wire.type if wire else kind, "link": wire.id if wire else None}
    return {**slot, "widget": {"name": name}} if is_widget else slot


def _bare_slots(node: Node) -> Iterator[Json]:
    """The values of an unknown class, so that they keep their names."""
    for name, value in node.inputs.items():
        if not isinstance(value, Link):
            yield {"name": name, "type": ANY, "link": None, "widget": {"name": name}}


def _outputs(node: Node, roles: Roles, mine: Sequence[Wire]) -> Iterator[Json]:
    definition = roles.definitions.get(node.type)
    count = len(definition.gives) if definition else 0
    for slot in range(max([count, *(wire.slot + 1 for wire in mine)])):
        kind = _type(node, slot, roles)
        links: list[Json] = [wire.id for wire in mine if wire.slot == slot]
        yield {"name": kind, "type": kind, "links": links or None, "slot_index": slot}


def _values(node: Node, definition: Definition | None) -> list[Json]:
    if definition is None:
        return [value for value in node.inputs.values() if not isinstance(value, Link)]
    values: list[Json] = []
    for widget in definition.widgets:
        values.append(_value(node, widget))
        if widget.followed:
            values.append(KEPT)
    return values


def _value(node: Node, widget: Widget) -> Json:
    given = node.inputs.get(widget.name, widget.default)
    value = widget.default if isinstance(given, Link) else given
    return escaped(value) if widget.dynamic and isinstance(value, str) else value


def escaped(text: str) -> str:
    """A text that the frontend's templates leave as it is: no choices, no comments."""
    literal = "".join(f"\\{sign}" if sign in "{|}" else sign for sign in text)
    return literal.replace("//", "{/}{/}").replace("/*", "{/}*")


def _groups(graph: Graph, roles: Roles, layout: Layout, order: Sequence[str]) -> dict[int, list[str]]:
    """The nodes by group, never in one further left than what they are made of; each later pass has one of its own."""
    passes, before = _passes_behind(graph, roles, order), _leads_to_sampler(graph, roles, order)
    last = layout.again + max(passes.values(), default=0)
    groups: dict[str, int] = {}
    for name in order:
        role = roles.of(graph.nodes[name]).role
        own = layout.roles.get(role, 0)
        if passes[name]:
            own = layout.again + passes[name] - 1 if role == SAMPLER or name in before else last
        elif own == layout.last:
            own = last
        groups[name] = max([own, *(groups[item] for item in _sources(graph.nodes[name]) if item in groups)])
    found: dict[int, list[str]] = {}
    for name, number in groups.items():
        found.setdefault(number, []).append(name)
    return dict(sorted(found.items()))


def _passes_behind(graph: Graph, roles: Roles, order: Sequence[str]) -> dict[str, int]:
    """How many passes one after the other each node comes behind."""
    found: dict[str, int] = {}
    for name in order:
        sources = [item for item in _sources(graph.nodes[name]) if item in found]
        found[name] = max((found[item] + (roles.of(graph.nodes[item]).role == SAMPLER) for item in sources), default=0)
    return found


def _leads_to_sampler(graph: Graph, roles: Roles, order: Sequence[str]) -> set[str]:
    found: set[str] = set()
    for name in reversed(order):
        if name in found or roles.of(graph.nodes[name]).role == SAMPLER:
            found.update(_sources(graph.nodes[name]))
    return found


def _boxes(graph: Graph, roles: Roles, layout: Layout, groups: Mapping[int, Sequence[str]]) -> dict[str, Box]:
    """A place for each node: groups beside one another, in each a column for every step of the way through it."""
    boxes: dict[str, Box] = {}
    left = layout.margin
    for names in groups.values():
        columns: dict[str, int] = {}
        for name in names:
            steps = (columns[item] + 1 for item in _sources(graph.nodes[name]) if item in columns)
            columns[name] = max(steps, default=0)
        for column in range(max(columns.values(), default=0) + 1):
            top = layout.margin + layout.header
            for name in (name for name in names if columns[name] == column):
                height = _height(graph.nodes[name], roles, layout)
                boxes[name] = Box(left, top, layout.width, height)
                top += height + layout.gap + layout.header
            left += layout.width + layout.gap
        left += layout.gap
    return boxes


def _height(node: Node, roles: Roles, layout: Layout) -> int:
    definition = roles.definitions.get(node.type)
    rows = max(len(_sockets(node, roles)), len(definition.gives) if definition else 1)
    widgets = definition.widgets if definition else ()
    texts = sum(layout.text for widget in widgets if widget.dynamic)
    return layout.header + layout.row * (rows + len(widgets)) + texts


def _title(layout: Layout, number: int, last: int) -> str:
    """What a group is called: the last one holds the result, one behind the second pass one more pass."""
    if number == last and number >= layout.again:
        return layout.titles[layout.last]
    return layout.titles[number] if number <= layout.again else layout.more


def _group(layout: Layout, title: str, boxes: Sequence[Box]) -> dict[str, Json]:
    around = layout.gap // 3
    left, top = min(box.x for box in boxes) - around, min(box.y for box in boxes) - layout.header * 2
    right = max(box.x + box.width for box in boxes) + around
    bottom = max(box.y + box.height for box in boxes) + around
    bounding: list[Json] = [left, top, right - left, bottom - top]
    return {"title": title, "bounding": bounding, "color": layout.color, "font_size": 24, "flags": {}}
