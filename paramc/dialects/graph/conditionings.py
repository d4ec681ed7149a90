"""What a conditioning is made of: texts, and how they are put together."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final, TypeAlias

from paramc.dialects.graph.found import Conditioning, ControlUse, Found, Leaf, Part
from paramc.dialects.graph.model import Link, Node
from paramc.dialects.graph.roles import Role
from paramc.dialects.graph.walk import ONWARD, Walk

DEEPEST: Final = 60  # branches inside one another
MOST_PARTS: Final = 1000  # of one conditioning: what is combined with itself doubles each time
SIDES: Final = ("positive", "negative")
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
                return Conditioning((Part((leaf,)),))
            case "combine":
                second = self.read(role.link(node, "second"), depth + 1)
                return role.link(node, "first"), lambda first: self._combined(node, first, second)
            case "concat":
                second = self.read(role.link(node, "second"), depth + 1)
                return role.link(node, "first"), lambda first: self._lengthened(node, first, second)
            case "range" | "strength" | "guidance" | "zero":
                return role.link(node, "input"), self._change(node, role)
            case "control":
                return role.link(node, SIDES[link.slot > 0]), self._controlled(node)
            case "earlier":
                walk.opaque[node.id] = None
                latent = role.link(node, "latent")
                more = (latent,) if latent else ()
                return role.link(node, "input"), lambda found: replace(found, earlier=(*more, *found.earlier))
            case "inpaint_conditioning":
                return role.link(node, SIDES[link.slot > 0]), _unchanged
            case "sample":
                return role.link(node, walk.roles.gives(node, link.slot)), _unchanged
            case name if name in ONWARD:
                return walk.onward(node, "conditioning"), _unchanged
            case _:
                return self._unknown(node)

    def _text(self, node: Node, role: Role) -> Conditioning:
        walk = self.walk
        texts = [walk.at(node, name) for name in role.texts if name in node.inputs]
        parser = walk.found(node, "parser").value
        leading = next((text for text in texts if text.value not in (None, "")), texts[0] if texts else Found(""))
        if any(text.value not in (leading.value, "", None) for text in texts):
            walk.opaque[node.id] = None  # its encoders are given different texts
        leaf = Leaf(leading, node.id, role.link(node, "clip"), parser == "A1111")
        style = role.fixed.get("style")
        if isinstance(style, str) and isinstance(leading.value, str) and leading.value.startswith(style):
            plain = leading.value.partition(")")[2].lstrip()  # behind the name of the style
            leaf = leaf._replace(text=Found(plain), a1111=True)
        return Conditioning((Part((leaf,), guidance=walk.found(node, "guidance")),))

    def _change(self, node: Node, role: Role) -> Change:
        first, second = self.walk.found(node, "start"), self.walk.found(node, "end")
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

        return lambda found: replace(found, parts=tuple(map(changed, found.parts)))

    def _combined(self, node: Node, first: Conditioning, second: Conditioning) -> Conditioning:
        if len(first.parts) + len(second.parts) > MOST_PARTS:
            self.walk.opaque[node.id] = None
            return first
        controls = tuple(dict.fromkeys((*first.controls, *second.controls)))
        return Conditioning((*first.parts, *second.parts), controls, (*first.earlier, *second.earlier)[:MOST_PARTS])

    def _lengthened(self, node: Node, first: Conditioning, second: Conditioning) -> Conditioning:
        """Tokens joined on: of the second only its first entry counts."""
        more = second.parts[0].leaves if second.parts else ()
        if sum(len(part.leaves) + len(more) for part in first.parts) > MOST_PARTS:
            self.walk.opaque[node.id] = None
            return first
        return replace(first, parts=tuple(part._replace(leaves=(*part.leaves, *more)) for part in first.parts))

    def _controlled(self, node: Node) -> Change:
        use = control_use(self.walk, node)
        return lambda found: replace(found, controls=(*found.controls, use))

    def _unknown(self, node: Node) -> Conditioning | tuple[Link | None, Change]:
        """A node that nothing is known of hands its conditioning on; one that takes none but a text encodes it."""
        walk = self.walk
        link = walk.passed(node, "conditioning")
        if link:
            return link, _unchanged
        name = next((name for name in walk.roles.stand_ins.get("text", ()) if name in node.inputs), "")
        if not name:
            return Conditioning()
        text = walk.at(node, name)
        return Conditioning((Part((Leaf(text, node.id, walk.stand_in(node, "clip")),)),))


def control_use(walk: Walk, node: Node) -> ControlUse:
    """The picture and the file that steer a conditioning."""
    role = walk.role(node)
    net, file = role.link(node, "net"), Found(None)
    seen: set[Link] = set()
    while net and net not in seen:
        seen.add(net)
        loader = walk.node(net)
        if loader is None:
            break
        about = walk.role(loader)
        if about.role == "control_net":
            file = walk.found(loader, "file")
            break
        net = about.link(loader, "input") or walk.passed(loader, "control_net")
    hint = role.link(node, "image")
    image, maker = picture(walk, hint), walk.node(hint)
    kind = str(role.fixed.get("kind", ""))
    settings: tuple[tuple[str, Found], ...] = ()
    if maker and walk.role(maker).role == "preprocessor":
        kind = str(walk.role(maker).fixed["kind"])
        settings = tuple((name, walk.found(maker, name)) for name in ("resolution", "threshold_a", "threshold_b"))
    strength, start, end = (walk.found(node, name) for name in ("strength", "start", "end"))
    return ControlUse(node.id, file, image, strength, start, end, kind, settings)


def picture(walk: Walk, link: Link | None) -> Found:
    """The file at the start of a chain of pictures or masks; what is done on the way is unknown here."""
    seen: set[Link] = set()
    while link and link not in seen:
        seen.add(link)
        node = walk.node(link)
        if node is None:
            break
        role = walk.role(node)
        if role.role == "load_image":
            return walk.found(node, "file")
        if role.role in ("checkpoint", "sample", "decode", "empty"):
            break
        known = role.link(node, "image") or role.link(node, "input")
        link = known or walk.passed(node, "image") or walk.stand_in(node, "mask")
    return Found(None)


def clip_chain(found: Conditioning) -> tuple[Link, ...]:
    """Where the texts of a conditioning take their encoder from."""
    links = (leaf.clip for part in found.parts for leaf in part.leaves)
    return tuple(dict.fromkeys(link for link in links if link))


def _unchanged(found: Conditioning) -> Conditioning:
    return found
