"""What steers a conditioning or a model: nets, and the pictures that they see."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from paramc.dialects.graph.found import NO_PICTURE, ControlUse, Found, Mask, Picture
from paramc.dialects.graph.model import Link, Node
from paramc.dialects.graph.roles import NUMBERED, Role
from paramc.dialects.graph.walk import Walk, text_of

CHANNELS: Final = ("red", "green", "blue", "alpha")
NO_FILE: Final = ("None", "none", "")
MOST_NUMBERED: Final = 9  # nets of one node


def control_use(walk: Walk, node: Node) -> ControlUse:
    """The picture and the file that steer a conditioning."""
    return _Use(walk, node, walk.role(node)).read()


def control_pile(walk: Walk, link: Link | None) -> tuple[ControlUse, ...]:
    """The nets of nodes that hand a pile of them on, from the one that lies lowest."""
    return tuple(use for node in walk.piled(link, "control_pile") for use in _piled(walk, node))


def _piled(walk: Walk, node: Node) -> Iterator[ControlUse]:
    role = walk.role(node)
    if NUMBERED not in role.takes.get("file", ""):
        yield control_use(walk, node)
        return
    for number in range(1, MOST_NUMBERED + 1):
        takes = {ours: name.replace(NUMBERED, str(number)) for ours, name in role.takes.items()}
        use = _Use(walk, node, role._replace(takes=takes))
        if walk.is_on(use.found("on")) and use.found("file").value not in (None, *NO_FILE):
            yield use.read()


@dataclass(frozen=True, slots=True)
class _Use:
    """A node that steers. `role` has the names of its inputs, of one that holds several nets those of one of them."""

    walk: Walk
    node: Node
    role: Role

    def read(self) -> ControlUse:
        image, maker = picture(self.walk, self.role.link(self.node, "image"))
        kind = str(self.role.fixed.get("kind", ""))
        settings: tuple[tuple[str, Found], ...] = ()
        if maker:
            kind = self.walk.roles.preprocessor(text_of(self.walk.found(maker, "kind").value) or "")
            names = ("resolution", "threshold_a", "threshold_b")
            settings = tuple((name, self.walk.found(maker, name)) for name in names)
        strength, start, end = (self.found(name) for name in ("strength", "start", "end"))
        return ControlUse(self.node.id, self.file(), image, strength, start, end, kind, settings)

    def found(self, ours: str) -> Found:
        name = self.role.takes.get(ours, "")
        return self.walk.at(self.node, name) if name in self.node.inputs else Found(self.role.fixed.get(ours))

    def file(self) -> Found:
        """The file of the net: of the node itself, or of the loader that it is linked to."""
        net = self.role.link(self.node, "net")
        seen: set[Link] = set()
        while net and net not in seen:
            seen.add(net)
            loader = self.walk.node(net)
            if loader is None:
                break
            about = self.walk.role(loader)
            if about.role == "control_net":
                return self.walk.found(loader, "file")
            net = about.link(loader, "input") or self.walk.passed(loader, "control_net")
        return self.found("file")


def picture(walk: Walk, link: Link | None) -> Picture:
    """The file at the start of a chain of pictures or masks, and the last preprocessor on the way.

    What else is done to it is unknown here.
    """
    way: list[tuple[Link, Node | None]] = []
    while link and link not in walk.pictures:
        walk.pictures[link] = NO_PICTURE  # what leads back to itself has no file
        node = walk.node(link)
        if node is None:
            break
        role = walk.role(node)
        way.append((link, node if role.role == "preprocessor" else None))
        if role.role == "load_image":
            walk.pictures[link] = Picture(walk.found(node, "file"))
            break
        if role.role in ("checkpoint", "sample", "decode", "empty"):
            break
        known = role.link(node, "image") or role.link(node, "input")
        link = known or walk.passed(node, "image") or walk.stand_in(node, "mask")
    found = walk.pictures[link] if link else NO_PICTURE
    for place, maker in reversed(way):
        found = found._replace(maker=maker or found.maker)
        walk.pictures[place] = found
    return found


def mask_of(walk: Walk, link: Link | None) -> Mask | None:
    """The mask that a link brings as it lies in its file; None where it is another one, or none of a file."""
    way: list[tuple[Link, Node]] = []
    while link and link not in walk.masks:
        walk.masks[link] = None  # what leads back to itself is none
        node = walk.node(link)
        if node is None:
            break
        way.append((link, node))
        link = walk.role(node).link(node, "input")
    found = walk.masks[link] if link else None
    for place, node in reversed(way):
        found = walk.masks[place] = _masked(walk, node, place.slot, found)
    return found if found and found.channel.value in CHANNELS else None


def _masked(walk: Walk, node: Node, slot: int, below: Mask | None) -> Mask | None:
    """What a node makes of a mask, or of the file of one. A picture is one whose channel is still to be told."""
    role, channel, file = walk.role(node), walk.found(node, "channel"), walk.found(node, "file")
    if role.role == "load_image" and file.value is not None:
        is_alpha = walk.roles.gives(node, slot) == "mask" and channel.value is None
        return Mask(file, Found("alpha") if is_alpha else channel, False)
    if below is None or role.role != "mask_through":
        return None
    if role.fixed.get("inverts"):
        return below._replace(is_inverted=not below.is_inverted)
    if not role.fixed.get("keeps"):
        return None
    return below._replace(channel=channel) if below.channel.value is None else below
