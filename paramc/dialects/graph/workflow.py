"""A workflow as the frontend saves it, in both versions of its format, as typed values.

Group nodes become subgraphs, whose nodes are called by their index.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

from paramc.dialects.graph.values import Json, as_list, as_name, as_object, as_text, as_whole

ENTRY: Final = "-10"  # id of the node that stands for the inputs of a subgraph, in its links
EXIT: Final = "-20"  # and for its outputs
MUTED: Final = 2
BYPASSED: Final = 4


class Slot(NamedTuple):
    """An input of a node. `widget`: the name of the widget that it belongs to, empty for a mere link."""

    name: str
    type: str
    link: str
    widget: str


class Wire(NamedTuple):
    """A link: an output of one node, an input of another."""

    origin: str
    origin_slot: int
    target: str
    target_slot: int


@dataclass(frozen=True, slots=True)
class Drawn:
    """A node as drawn. `promoted` are widgets of inner nodes shown on it: (inner id, widget)."""

    id: str
    type: str
    mode: int
    title: str
    inputs: tuple[Slot, ...]
    outputs: tuple[str, ...]
    values: Json
    promoted: tuple[tuple[str, str], ...]
    called: str  # what texts call it: `%name.widget%`

    @property
    def is_off(self) -> bool:
        """Whether it is left out of the run."""
        return self.mode in (MUTED, BYPASSED)


class Port(NamedTuple):
    """An input of a subgraph, with the links that lead on from it."""

    name: str
    type: str
    links: tuple[str, ...]


@dataclass(slots=True)
class Sheet:
    """The nodes and links of a workflow or of a subgraph."""

    nodes: dict[str, Drawn] = field(default_factory=dict)
    wires: dict[str, Wire] = field(default_factory=dict)
    inputs: tuple[Port, ...] = ()
    exits: dict[int, str] = field(default_factory=dict)  # output of the subgraph → the link that feeds it
    is_group: bool = False
    doubles: list[str] = field(default_factory=list)  # ids that several nodes have


class Workflow(NamedTuple):
    """A whole file: what is drawn, and the subgraphs by the type of their instances."""

    sheet: Sheet
    subgraphs: Mapping[str, Sheet]


def read_workflow(value: Json, group_marks: Sequence[str]) -> Workflow:
    """The workflow in a JSON value, whatever of it makes sense. `group_marks` begin the types of group nodes."""
    whole = as_object(value)
    subgraphs: dict[str, Sheet] = {}
    for item in as_list(as_object(whole.get("definitions")).get("subgraphs")):
        inner = as_object(item)
        subgraphs[as_name(inner.get("id"))] = _subgraph(inner)
    for name, item in as_object(as_object(whole.get("extra")).get("groupNodes")).items():
        sheet = _group(as_object(item))
        subgraphs |= {mark + name: sheet for mark in group_marks}
    return Workflow(_sheet(whole), subgraphs)


def _sheet(value: Mapping[str, Json]) -> Sheet:
    sheet = Sheet()
    for item in as_list(value.get("nodes")):
        node = _drawn(as_object(item))
        if node.id in sheet.nodes:
            sheet.doubles.append(node.id)
        elif node.type:
            sheet.nodes[node.id] = node
    sheet.wires = dict(_wires(value))
    for item in as_list(as_object(value.get("extra")).get("ue_links")):
        _receive(sheet, as_object(item))
    return sheet


def _receive(sheet: Sheet, sent: Mapping[str, Json]) -> None:
    """Link an input that nothing is linked to with what is sent to it without a line, as the file notes it."""
    places = sent.get("upstream"), sent.get("upstream_slot"), sent.get("downstream"), sent.get("downstream_slot")
    wire = Wire(as_name(places[0]), as_whole(places[1]) or 0, as_name(places[2]), as_whole(places[3]) or 0)
    node = sheet.nodes.get(wire.target)
    if node is None or wire.origin not in sheet.nodes or not 0 <= wire.target_slot < len(node.inputs):
        return
    if not node.inputs[wire.target_slot].link:
        name = f"sent{wire.target}:{wire.target_slot}"
        sheet.wires[name] = wire
        slots = list(node.inputs)
        slots[wire.target_slot] = slots[wire.target_slot]._replace(link=name)
        sheet.nodes[node.id] = replace(node, inputs=tuple(slots))


def _subgraph(value: Mapping[str, Json]) -> Sheet:
    sheet = _sheet(value)
    sheet.inputs = tuple(
        Port(as_text(port.get("name")), as_text(port.get("type")), tuple(map(as_name, as_list(port.get("linkIds")))))
        for port in map(as_object, as_list(value.get("inputs")))
    )
    sheet.exits = {wire.target_slot: name for name, wire in sheet.wires.items() if wire.target == EXIT}
    return sheet


def _wires(value: Mapping[str, Json]) -> Iterator[tuple[str, Wire]]:
    """Links by id: lists of five values and a type, or objects with a name for each."""
    listed = value.get("links")
    for item in as_list(listed) or as_object(listed).values():
        parts = [as_object(item).get(key) for key in _WIRE] if isinstance(item, dict) else list(as_list(item))
        if len(parts) >= len(_WIRE):
            name, origin, origin_slot, target, target_slot, *_ = parts
            slots = as_whole(origin_slot) or 0, as_whole(target_slot) or 0
            yield as_name(name), Wire(as_name(origin), slots[0], as_name(target), slots[1])


_WIRE: Final = ("id", "origin_id", "origin_slot", "target_id", "target_slot")


def _drawn(value: Mapping[str, Json]) -> Drawn:
    properties = as_object(value.get("properties"))
    promoted = (as_list(pair) for pair in as_list(properties.get("proxyWidgets")))
    mode = as_whole(value.get("mode"))
    return Drawn(
        as_name(value.get("id")),
        as_text(value.get("type")),
        mode or 0,
        as_text(value.get("title")),
        tuple(map(_slot, as_list(value.get("inputs")))),
        tuple(as_text(as_object(slot).get("type")) for slot in as_list(value.get("outputs"))),
        value.get("widgets_values"),
        tuple((as_name(pair[0]), as_text(pair[1])) for pair in promoted if len(pair) >= 2),
        as_text(properties.get("Node name for S&R")),
    )


def _slot(value: Json) -> Slot:
    slot = as_object(value)
    widget = slot.get("widget")
    name = as_text(slot.get("name"))
    label = as_text(as_object(widget).get("name")) if isinstance(widget, dict) else ""
    kind = slot.get("type")
    return Slot(
        name, kind if isinstance(kind, str) else "*", as_name(slot.get("link")), label or (name if widget else "")
    )


def _group(value: Mapping[str, Json]) -> Sheet:
    """A group node's content. Its inputs are those of the inner nodes that no inner link feeds."""
    sheet = Sheet(is_group=True)
    nodes = [_drawn(as_object(item)) for item in as_list(value.get("nodes"))]
    fed: dict[tuple[int, int], str] = {}
    kinds: dict[tuple[int, int], str] = {}
    for number, item in enumerate(as_list(value.get("links"))):
        match item:
            case [int() as origin, int() as origin_slot, int() as target, int() as target_slot, *_]:
                name = f"inner{number}"
                sheet.wires[name] = Wire(str(origin), origin_slot, str(target), target_slot)
                fed[target, target_slot] = name
            case [None, _, int() as target, int() as target_slot, _, str() as kind, *_]:
                kinds[target, target_slot] = kind
            case _:
                continue
    _open_group(sheet, nodes, Feeds(fed, kinds), as_object(value.get("config")))
    _close_group(sheet, nodes, value)
    return sheet


class Feeds(NamedTuple):
    """What feeds the inputs of a group's nodes, by (node, input): links from inside, types of links from outside."""

    inner: Mapping[tuple[int, int], str]
    kinds: Mapping[tuple[int, int], str]


def _open_group(sheet: Sheet, nodes: Sequence[Drawn], feeds: Feeds, config: Mapping[str, Json]) -> None:
    ports: list[Port] = []
    for index, node in enumerate(nodes):
        renamed = as_object(as_object(config.get(str(index))).get("input"))
        inputs: list[Slot] = []
        for place, slot in enumerate(node.inputs):
            link = feeds.inner.get((index, place))
            if link is None:
                link = f"outer{len(ports)}"
                sheet.wires[link] = Wire(ENTRY, len(ports), str(index), place)
                own = slot.name or feeds.kinds.get((index, place), slot.type)
                name = as_text(as_object(renamed.get(own)).get("name"))
                ports.append(Port(name or own, slot.type, (link,)))
            inputs.append(slot._replace(link=link))
        sheet.nodes[str(index)] = Drawn(
            str(index), node.type, node.mode, node.title, tuple(inputs), node.outputs, node.values, (), node.called
        )
    sheet.inputs = tuple(ports)


def _close_group(sheet: Sheet, nodes: Sequence[Drawn], value: Mapping[str, Json]) -> None:
    """Outputs of a group: those of its nodes, in order, that are listed as leaving it or not used inside."""
    used = {(wire.origin, wire.origin_slot) for wire in sheet.wires.values()}
    leaving = {
        (as_name(item[0]), as_whole(item[1]) or 0)
        for item in map(as_list, as_list(value.get("external")))
        if len(item) > 1
    }
    number = 0
    for index, node in enumerate(nodes):
        for slot in range(len(node.outputs)):
            if (str(index), slot) in leaving or (str(index), slot) not in used:
                name = f"exit{number}"
                sheet.wires[name] = Wire(str(index), slot, EXIT, number)
                sheet.exits[number] = name
                number += 1
