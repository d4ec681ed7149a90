"""What a conditioning is made of: texts, and how they are put together."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property, partial
from typing import Final, TypeAlias

from paramc.dialects.graph.found import (
    NOTHING_FOUND,
    Conditioning,
    Found,
    Leaf,
    Part,
    Placed,
)
from paramc.dialects.graph.model import Link, Node
from paramc.dialects.graph.roles import Role
from paramc.dialects.graph.steering import control_pile, control_use, mask_of, picture
from paramc.dialects.graph.values import as_number
from paramc.dialects.graph.walk import KINDS, LISTED, ONWARD, TAG, Walk

DEEPEST: Final = 60  # branches inside one another
MOST_PARTS: Final = 1000  # of one conditioning: what is combined with itself doubles each time
SIDES: Final = ("positive", "negative")
PICTURES: Final = ("picture1", "picture2", "picture3")  # our names of those that a text is encoded with
Change: TypeAlias = Callable[[Conditioning], Conditioning]


class Conditionings:
    """Reads conditionings, each output once."""

    def __init__(self, walk: Walk) -> None:
        self.walk = walk
        self.known: dict[Link, Conditioning] = {}

    def read(self, link: Link | None, depth: int = 0) -> Conditioning:
        """What a link brings. Circles and branches without end come to nothing."""
        changes: list[tuple[Link, Change]] = []
        found = Conditioning()
        seen: set[Link] = set()
        while link:
            if link in self.known:
                found = self.known[link]
                break
            node = self.walk.node(link)
            if node is None:
                break
            if link in seen:
                self.walk.say_circle(node.id)
                break
            if depth > DEEPEST:
                self.walk.opaque[node.id] = None
                break
            seen.add(link)
            step = self._step(node, link, depth)
            if isinstance(step, Conditioning):
                found = self.known[link] = step
                break
            following, change = step
            changes.append((link, change))
            link = following
        for place, change in reversed(changes):
            found = self.known[place] = change(found)
        return found

    def _step(self, node: Node, link: Link, depth: int) -> Conditioning | tuple[Link | None, Change]:
        walk = self.walk
        role = walk.role(node)
        match role.role:
            case "text":
                return self._text(node, role)
            case "loader":
                side = walk.roles.gives(node, link.slot)
                leaf = Leaf(walk.found(node, side), node.id, Link(node.id, role.gives.index("clip")))
                return Conditioning((Part((leaf,)),), control_pile(walk, role.link(node, "controls")))
            case "combine":
                second = self.read(role.link(node, "second"), depth + 1)
                return role.link(node, "first"), lambda first: self._combined(node, first, second)
            case "concat":
                second = self.read(role.link(node, "second"), depth + 1)
                return role.link(node, "first"), lambda first: self._lengthened(node, first, second)
            case "range" | "strength" | "guidance" | "zero":
                return role.link(node, "input"), self._change(node, role)
            case "area" | "area_mask":
                return role.link(node, "input"), self._placed(node, role)
            case "control" | "controls":
                side = walk.roles.gives(node, link.slot)
                return role.link(node, side if side in SIDES else SIDES[0]), self._controlled(node, role)
            case "earlier":
                walk.opaque[node.id] = None
                latent = role.link(node, "latent")
                more = (latent,) if latent else ()
                return role.link(node, "input"), lambda found: replace(found, earlier=(*more, *found.earlier))
            case "reference":
                shown = self._shown(node, ("latent",))
                return role.link(node, "input"), lambda found: replace(found, references=(*found.references, *shown))
            case "inpaint_conditioning":
                return role.link(node, SIDES[link.slot > 0]), _unchanged
            case "sample":
                return role.link(node, walk.roles.gives(node, link.slot)), _unchanged
            case name if name in ONWARD:
                return walk.onward(node, "conditioning"), _unchanged
            case _:
                return self._unknown(node, link.slot)

    def _text(self, node: Node, role: Role) -> Conditioning:
        walk = self.walk
        texts = [walk.at(node, name) for name in role.texts if name in node.inputs]
        parser = walk.found(node, "parser").value
        leading = next((text for text in texts if text.value not in (None, "")), texts[0] if texts else Found(""))
        if any(text.value not in (leading.value, "", None) for text in texts):
            walk.opaque[node.id] = None  # its encoders are given different texts
        if LISTED in role.takes and isinstance(leading.value, str):
            leading = leading._replace(value=TAG.sub("", leading.value).strip())  # networks are no words
        own = Link(node.id, role.gives.index("clip")) if "clip" in role.gives else role.link(node, "clip")
        leaf = Leaf(leading, node.id, own, parser == "A1111")
        style = role.fixed.get("style")
        if isinstance(style, str) and isinstance(leading.value, str) and leading.value.startswith(style):
            plain = leading.value.partition(")")[2].lstrip()  # behind the name of the style
            leaf = leaf._replace(text=Found(plain), a1111=True)
        part = Part((leaf,), guidance=walk.found(node, "guidance"))
        return Conditioning((part,), references=self._shown(node, PICTURES))

    def _shown(self, node: Node, names: tuple[str, ...]) -> tuple[Found, ...]:
        """The pictures that a node is shown, by our names of its inputs; one that is no file's is named."""
        role = self.walk.role(node)
        links = [link for name in names if (link := role.link(node, name))]
        found = [picture(self.walk, link).file for link in links]
        if NOTHING_FOUND in found:
            self.walk.opaque[node.id] = None
        return tuple(file for file in found if file != NOTHING_FOUND)

    def _change(self, node: Node, role: Role) -> Change:
        first, second = self.walk.found(node, "start"), self.walk.found(node, "end")
        if as_number(first.value) == 0 and as_number(second.value) == 1:
            first = second = NOTHING_FOUND  # the whole time is no part of it
        weight, guidance = self.walk.found(node, "strength"), self.walk.found(node, "guidance")

        def changed(part: Part) -> Part:
            match role.role:
                case "range":
                    return part._replace(start=first, end=second)
                case "strength":
                    return part._replace(weight=weight)
                case "guidance":
                    return part._replace(guidance=guidance)
                case _:
                    return part._replace(zero=True)

        return partial(_each, changed)

    def _placed(self, node: Node, role: Role) -> Change:
        """All parts in one place; a rectangle's node says how much they count as well."""
        found, strength = self.walk.found, self.walk.found(node, "strength")
        if role.role == "area":
            x, y, width, height = (found(node, name) for name in ("x", "y", "width", "height"))
            unit = str(role.fixed.get("unit", ""))

            def placed(part: Part) -> Part:
                area = (part.area or Placed())._replace(placing=node.id, unit=unit, fits_mask=False)
                return part._replace(weight=strength, area=area._replace(x=x, y=y, width=width, height=height))

            return partial(_each, placed)
        mask = mask_of(self.walk, role.link(node, "mask"))
        if mask is None:
            self.walk.opaque[node.id] = None
            return _unchanged
        fits = found(node, "fits").value == role.fixed.get("fitting")

        def masked(part: Part) -> Part:
            area = (part.area or Placed())._replace(masking=node.id, mask=mask, mask_strength=strength, fits_mask=fits)
            return part._replace(area=area)

        return partial(_each, masked)

    def _combined(self, node: Node, first: Conditioning, second: Conditioning) -> Conditioning:
        if len(first.parts) + len(second.parts) > MOST_PARTS:
            self.walk.opaque[node.id] = None
            return first
        controls = tuple(dict.fromkeys((*first.controls, *second.controls)))
        earlier = (*first.earlier, *second.earlier)[:MOST_PARTS]
        shown = tuple(dict.fromkeys((*first.references, *second.references)))[:MOST_PARTS]
        return Conditioning((*first.parts, *second.parts), controls, earlier, shown)

    def _lengthened(self, node: Node, first: Conditioning, second: Conditioning) -> Conditioning:
        """Tokens joined on: of the second only its first entry counts."""
        more = second.parts[0].leaves if second.parts else ()
        if sum(len(part.leaves) + len(more) for part in first.parts) > MOST_PARTS:
            self.walk.opaque[node.id] = None
            return first
        return replace(first, parts=tuple(part._replace(leaves=(*part.leaves, *more)) for part in first.parts))

    def _controlled(self, node: Node, role: Role) -> Change:
        if not self.walk.is_on(self.walk.found(node, "on")):
            return _unchanged
        piled = role.role == "controls"
        uses = control_pile(self.walk, role.link(node, "pile")) if piled else (control_use(self.walk, node),)
        return lambda found: replace(found, controls=(*found.controls, *uses))

    def _unknown(self, node: Node, slot: int) -> Conditioning | tuple[Link | None, Change]:
        """A node that nothing is known of hands its conditioning on; one that takes none but a text encodes it."""
        walk = self.walk
        sides = [walk.roles.called(node, side) for side in SIDES]
        link = walk.passed(node, "conditioning")
        if all(sides):
            link = sides[self._place(node, slot) > 0]
        if link:
            return link, _unchanged
        name = next((name for name in walk.roles.stand_ins.get("text", ()) if name in node.inputs), "")
        if not name:
            return Conditioning()
        text = walk.at(node, name)
        return Conditioning((Part((Leaf(text, node.id, walk.stand_in(node, "clip")),)),))

    def _place(self, node: Node, slot: int) -> int:
        """The place of an output among those that are conditionings, or that others take for the sides of theirs."""
        given = [KINDS.get(kind, kind) for kind in self.walk.roles.given(node)]
        if 0 <= slot < len(given) and given[slot] == "conditioning":
            return given[:slot].count("conditioning")
        taken = sorted(self._taken.get(node.id, ()))
        return taken.index(slot) if slot in taken else slot

    @cached_property
    def _taken(self) -> Mapping[str, set[int]]:
        """The outputs of each node that are linked to a side."""
        taken: dict[str, set[int]] = {}
        for node in self.walk.graph.nodes.values():
            for link in filter(None, (self.walk.roles.called(node, side) for side in SIDES)):
                taken.setdefault(link.node, set()).add(link.slot)
        return taken


def clip_chain(found: Conditioning) -> tuple[Link, ...]:
    """Where the texts of a conditioning take their encoder from."""
    links = (leaf.clip for part in found.parts for leaf in part.leaves)
    return tuple(dict.fromkeys(link for link in links if link))


def _each(change: Callable[[Part], Part], found: Conditioning) -> Conditioning:
    """All parts changed; what is combined with itself holds a part many times, which is changed once."""
    changed = {key: change(part) for key, part in {id(part): part for part in found.parts}.items()}
    return replace(found, parts=tuple(changed[id(part)] for part in found.parts))


def _unchanged(found: Conditioning) -> Conditioning:
    return found
