"""A workflow as the graph that its frontend would queue: virtual nodes resolved, subgraphs laid out flat."""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, TypeAlias

from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import Diagnostic
from paramc.dialects.graph.definitions import Definitions
from paramc.dialects.graph.frontend import Frontend
from paramc.dialects.graph.model import Graph, Link, Node, Value
from paramc.dialects.graph.templates import Templates
from paramc.dialects.graph.values import Json, as_list, as_text
from paramc.dialects.graph.widgets import widget_values
from paramc.dialects.graph.workflow import BYPASSED, ENTRY, MUTED, Drawn, Port, Sheet, Slot, Workflow

MOST_NODES: Final = 20_000  # that subgraphs add to a graph laid out flat: inside one another they multiply
MOST_RECEIVED: Final = 20  # of what is sent through what is sent
MOST_OUTPUTS: Final = 100  # of a node whose types are told
ANY: Final = ("*", "")
Passed: TypeAlias = tuple[int, str, str]  # a scope, a link in it, and the type that is asked for
PROMOTED_PORT: Final = "-1"  # stands for the inputs of the subgraph itself in a list of promoted widgets


class Copied(NamedTuple):
    """A value that a virtual node puts into the widgets that it is linked to."""

    value: Json


class Sent(NamedTuple):
    """What a node sends to every input of a type that nothing is linked to."""

    slot: Slot
    sender: Drawn


@dataclass(eq=False, slots=True)
class Scope:
    """A sheet at one place of the graph. `shown`: values of inner widgets that the instance has set."""

    sheet: Sheet
    prefix: str = ""
    parent: "Scope | None" = None
    instance: Drawn | None = None
    shown: dict[tuple[str, str], Json] = field(default_factory=dict)
    inner: "dict[str, Scope]" = field(default_factory=dict)
    stored: dict[str, Drawn] = field(default_factory=dict)  # by the name that they are fetched by
    # by the type, and what the names have to begin with
    sent: dict[tuple[str, str], Sent] = field(default_factory=dict)


def export(workflow: Workflow, definitions: Definitions, frontend: Frontend, templates: Templates) -> Graph:
    """The graph of a workflow. What cannot be followed is said in its diagnostics."""
    return _Export(workflow, definitions, frontend, templates).graph()


class _Export:
    def __init__(self, workflow: Workflow, definitions: Definitions, frontend: Frontend, templates: Templates) -> None:
        self.workflow = workflow
        self.definitions = definitions
        self.frontend = frontend
        self.templates = templates
        self.result = Graph()
        self.known: dict[Passed, Link | None] = {}  # where links lead that were followed before
        self.received_inside = 0  # of what is sent, through what is sent
        names = {name for names in frontend.broadcast.values() for name in names}
        self.names = (*sorted(names), "")  # what is sent to some before what is sent to all

    def graph(self) -> Graph:
        for double in self.workflow.sheet.doubles:
            self.say(diagnose("PC334", node=double))
        scopes = self.scopes()
        for scope in scopes:
            for node in scope.sheet.nodes.values():
                if not node.is_off and node.id not in scope.inner and self.frontend.runs(node.type):
                    self.result.nodes[scope.prefix + node.id] = self.node(scope, node)
        self.drop_dead_links()
        return self.result

    def say(self, problem: Diagnostic) -> None:
        self.result.diagnostics.append(problem)

    def scopes(self) -> list[Scope]:
        """Every sheet at every place where it is used, the outermost first."""
        top = Scope(self.workflow.sheet)
        found, waiting = [top], deque([top])
        count = 0
        while waiting:
            scope = waiting.popleft()
            self.note_stores(scope)
            for node in scope.sheet.nodes.values():
                sheet = self.workflow.subgraphs.get(node.type)
                if sheet is None or (node.is_off and not sheet.is_group):
                    continue
                count += len(sheet.nodes) + 1
                if count > MOST_NODES:
                    self.say(diagnose("PC335", most=MOST_NODES))
                    return found
                child = Scope(sheet, f"{scope.prefix}{node.id}:", scope, node)
                self.show(scope, child, node)
                scope.inner[node.id] = child
                found.append(child)
                waiting.append(child)
        return found

    def note_stores(self, scope: Scope) -> None:
        for node in scope.sheet.nodes.values():
            if node.type in self.frontend.store and not node.is_off:
                scope.stored.setdefault(_first_text(node), node)
            names = self.frontend.broadcast.get(node.type)
            if names is not None and not node.is_off:
                for place, sent in _sent(scope.sheet, node, names):
                    scope.sent.setdefault(place, sent)

    def show(self, outer: Scope, scope: Scope, instance: Drawn) -> None:
        """Note the values that an instance sets for widgets inside it."""
        values = as_list(instance.values)
        if scope.sheet.is_group:
            self.show_group(scope, instance)
        elif instance.promoted:
            for (inner, name), value in zip(instance.promoted, values, strict=False):
                self.show_one(scope, inner, name, value)
        else:
            ports = [port for port in scope.sheet.inputs if self.is_widget(scope, port)]
            for port, value in zip(ports, values, strict=False):
                self.show_port(scope, port, value)
        for (node, name), value in outer.shown.items():
            if node == instance.id:
                self.show_one(scope, PROMOTED_PORT, name, value)

    def show_one(self, scope: Scope, inner: str, name: str, value: Json) -> None:
        if inner != PROMOTED_PORT:
            scope.shown[inner, name] = value
            return
        for port in scope.sheet.inputs:
            if port.name == name:
                self.show_port(scope, port, value)

    def show_port(self, scope: Scope, port: Port, value: Json) -> None:
        for link in port.links:
            wire = scope.sheet.wires.get(link)
            slot = wire and _input(scope.sheet.nodes.get(wire.target), wire.target_slot)
            if wire and slot and slot.widget:
                scope.shown[wire.target, slot.widget] = value

    def show_group(self, scope: Scope, instance: Drawn) -> None:
        values = as_list(instance.values)
        place = 0
        for node in scope.sheet.nodes.values():
            definition = self.definitions.get(node.type)
            for widget in definition.widgets if definition else ():
                if place < len(values):
                    scope.shown[node.id, widget.name] = values[place]
                place += 2 if widget.followed else 1

    @staticmethod
    def is_widget(scope: Scope, port: Port) -> bool:
        wires = (scope.sheet.wires.get(link) for link in port.links)
        slots = (wire and _input(scope.sheet.nodes.get(wire.target), wire.target_slot) for wire in wires)
        return any(slot and slot.widget for slot in slots)

    def node(self, scope: Scope, node: Drawn) -> Node:
        definition = self.definitions.get(node.type)
        values: dict[str, Value] = {}
        for name, value in widget_values(node, definition, self.frontend).items():
            values[name] = scope.shown.get((node.id, name), value)
        inputs: dict[str, Value] = {}
        for slot in node.inputs:
            if not slot.link:
                if link := self.received(scope, slot, node):
                    inputs[slot.name] = link
                continue
            match self.follow(scope, slot, node):
                case Copied(value):
                    values[slot.widget or slot.name] = value
                case Link() as link:
                    inputs[slot.name] = link
                case None:
                    continue
        for widget in definition.widgets if definition else ():
            text = values.get(widget.name)
            if widget.dynamic and isinstance(text, str):
                values[widget.name] = self.templates.chosen(text)
        return Node(scope.prefix + node.id, node.type, values | inputs, node.title, node.outputs[:MOST_OUTPUTS])

    def received(self, scope: Scope, slot: Slot, asker: Drawn) -> Link | None:
        """What is sent to an input that nothing is linked to; to that of a widget only by its name."""
        if not scope.sent or asker.type in self.frontend.broadcast or self.received_inside == MOST_RECEIVED:
            return None
        names = (name for name in self.names if slot.name.startswith(name) and (name or not slot.widget))
        sent = next((sent for name in names if (sent := scope.sent.get((slot.type, name)))), None)
        if sent is None:
            return None
        self.received_inside += 1
        found = self.follow(scope, sent.slot, sent.sender)
        self.received_inside -= 1
        return found if isinstance(found, Link) else None

    def follow(self, scope: Scope, slot: Slot, asker: Drawn) -> Link | Copied | None:
        """What the link of an input leads to in the end."""
        way: list[Passed] = []
        found = self.end_of(scope, slot, asker, way)
        if not self.received_inside and not isinstance(found, Copied):
            self.known.update(dict.fromkeys(way, found))
        return found

    def end_of(self, scope: Scope, slot: Slot, asker: Drawn, way: list[Passed]) -> Link | Copied | None:
        """As `follow`; `way` collects the links behind the first node that hands it on."""
        link, direct = slot.link, True
        seen: set[tuple[int, str]] = set()
        while True:
            if (id(scope), link) in seen:
                self.say(diagnose("PC336", node=scope.prefix + asker.id))
                return None
            seen.add((id(scope), link))
            if not direct:
                passed = id(scope), link, slot.type
                if passed in self.known:
                    return self.known[passed]
                way.append(passed)
            wire = scope.sheet.wires.get(link)
            if wire is None:
                self.say(diagnose("PC332", node=scope.prefix + asker.id, link=link))
                return None
            if wire.origin == ENTRY and scope.parent and scope.instance:
                outer = _outer_slot(scope, wire.origin_slot)
                if outer is None or not outer.link:
                    return self.received(scope.parent, outer, scope.instance) if outer else None
                asker = scope.instance
                scope, link = scope.parent, outer.link
                continue
            origin = scope.sheet.nodes.get(wire.origin)
            if origin is None:
                self.say(diagnose("PC333", node=scope.prefix + asker.id, origin=wire.origin))
                return None
            if origin.mode == MUTED and origin.type not in self.frontend.value:
                return None
            if origin.type in self.frontend.value:
                return Copied(next(iter(as_list(origin.values)), None)) if direct else None
            if origin.mode == BYPASSED:
                stand_in = _passed(origin, wire.origin_slot, slot.type)
            elif origin.id in scope.inner:
                child = scope.inner[origin.id]
                leads = child.sheet.exits.get(wire.origin_slot)
                if leads is None:
                    return None
                scope, link = child, leads
                continue
            elif origin.type in self.frontend.through or origin.type in self.frontend.store:
                stand_in = next(iter(origin.inputs), None)
            elif origin.type in self.frontend.fetch:
                store = _store(scope, _first_text(origin))
                if store is None:
                    self.say(diagnose("PC333", node=scope.prefix + origin.id, origin=_first_text(origin)))
                    return None
                scope, stand_in = store[0], next(iter(store[1].inputs), None)
            else:
                return Link(scope.prefix + origin.id, wire.origin_slot)
            if stand_in is None or not stand_in.link:
                return None
            link, direct = stand_in.link, False

    def drop_dead_links(self) -> None:
        nodes = self.result.nodes
        for name, node in nodes.items():
            if any(isinstance(value, Link) and value.node not in nodes for value in node.inputs.values()):
                kept = {
                    key: value
                    for key, value in node.inputs.items()
                    if not (isinstance(value, Link) and value.node not in nodes)
                }
                nodes[name] = node._replace(inputs=kept)


def _first_text(node: Drawn) -> str:
    return as_text(next(iter(as_list(node.values)), None))


def _sent(sheet: Sheet, sender: Drawn, names: Sequence[str]) -> Iterator[tuple[tuple[str, str], Sent]]:
    """What a node sends on, input by input; of an input without a type by what it is linked to."""
    for place, slot in enumerate(sender.inputs):
        wire = sheet.wires.get(slot.link)
        origin = sheet.nodes.get(wire.origin) if wire else None
        if wire and origin and 0 <= wire.origin_slot < len(origin.outputs):
            kind = slot.type if slot.type not in ANY else origin.outputs[wire.origin_slot]
            yield (kind, names[place] if place < len(names) else ""), Sent(slot, sender)


def _input(node: Drawn | None, place: int) -> Slot | None:
    return node.inputs[place] if node and 0 <= place < len(node.inputs) else None


def _outer_slot(scope: Scope, place: int) -> Slot | None:
    """The input of the instance that stands for an input of its subgraph: by name, as unlinked ones are left out."""
    if scope.instance is None or not 0 <= place < len(scope.sheet.inputs):
        return None
    inputs = scope.instance.inputs
    if scope.sheet.is_group and len(inputs) == len(scope.sheet.inputs):
        return inputs[place]  # names that clash are lengthened
    return next((slot for slot in inputs if slot.name == scope.sheet.inputs[place].name), None)


def _store(scope: Scope, name: str) -> tuple[Scope, Drawn] | None:
    found: Scope | None = scope
    while found:
        if name in found.stored:
            return found, found.stored[name]
        found = found.parent
    return None


def _passed(node: Drawn, place: int, asked: str) -> Slot | None:
    """The input that a bypassed node hands on for its output `place`."""
    inputs = node.inputs
    if asked in ANY:
        return _input(node, place) or _input(node, 0)
    same = _input(node, place)
    given = node.outputs[place] if 0 <= place < len(node.outputs) else asked
    if same and _fits(same.type, given) and _fits(same.type, asked):
        return same
    exact = next((slot for slot in inputs if slot.type == asked), None)
    return exact or next((slot for slot in inputs if _fits(slot.type, asked)), None)


def _fits(one: str, other: str) -> bool:
    if one in ANY or other in ANY:
        return True
    return not {*one.lower().split(",")}.isdisjoint(other.lower().split(","))
