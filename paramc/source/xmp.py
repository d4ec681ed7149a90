"""XMP: the properties that programs put settings into (ISO 16684-1); entities are refused, never expanded."""

from typing import Final

from paramc.diagnostics.codes import diagnose
from paramc.source.model import Findings
from paramc.source.text import Decoded, decode_text

NAMES = frozenset(
    {
        "UserComment", "ImageDescription", "description", "title", "Comment", "CreatorTool", "Software",
        "parameters", "prompt", "workflow",
    }
)  # fmt: skip
SYNTAX = ("http://www.w3.org/1999/02/22-rdf-syntax-ns#", "adobe:ns:meta/")  # what wraps the properties
_DEEPEST: Final = 64  # elements inside one another; real packets have a dozen


def read_xmp(packet: bytes, carrier: str, found: Findings, *, cut: bool = False) -> None:
    """Note the properties of `NAMES`, be they elements, attributes or lists; what precedes damage is kept."""
    from pyexpat import ExpatError, ParserCreate  # only a few images have such a packet

    decoded = decode_text(packet) or decode_text(packet.rstrip(b"\0"))
    if decoded is None:
        return found.report(diagnose("PC110", place="XMP"))
    packet_reader = _Packet(f"{carrier}:XMP", found, cut)
    parser = ParserCreate(None, " ")
    parser.StartDoctypeDeclHandler = packet_reader.refuse
    parser.StartElementHandler = packet_reader.open
    parser.EndElementHandler = packet_reader.close
    parser.CharacterDataHandler = packet_reader.take
    try:
        parser.Parse(decoded.text.lstrip("\ufeff").rstrip("\0"), True)
    except _RefusedError as refused:
        found.report(diagnose("PC114", reason=refused))
    except ExpatError:
        packet_reader.finish()
        found.report(diagnose("PC110", place="XMP"))
    return None


class _RefusedError(Exception):
    """A packet that no writer of metadata makes; the argument says what is wrong with it."""


class _Packet:
    """The elements that are open, and the text gathered for the innermost property."""

    def __init__(self, place: str, found: Findings, cut: bool) -> None:
        self._place, self._found, self._cut = place, found, cut
        self._open: list[str | None] = []  # the name of a property; None for what wraps them and their items
        self._text: list[list[str]] = [[]]

    def refuse(self, *_: object) -> None:
        """A document type: the place where entities are declared."""
        raise _RefusedError("it declares a document type")

    def open(self, name: str, attributes: dict[str, str]) -> None:
        """An element begins; its attributes may be properties."""
        if len(self._open) >= _DEEPEST:
            raise _RefusedError(f"its elements lie more than {_DEEPEST} deep")
        space, _, local = name.rpartition(" ")
        is_property = space not in SYNTAX
        self._open.append(local if is_property else None)
        if is_property:
            self._text.append([])
        for attribute, value in attributes.items():
            self._keep(attribute.rpartition(" ")[2], value, cut=False)

    def take(self, text: str) -> None:
        """Text of the innermost property."""
        self._text[-1].append(text)

    def close(self, _: str = "", *, cut: bool = False) -> None:
        """An element ends."""
        name = self._open.pop()
        if name is not None:
            self._keep(name, "".join(self._text.pop()), cut=cut)

    def finish(self) -> None:
        """The packet ends too early: what is open is kept as far as it goes."""
        while self._open:
            self.close(cut=self._cut)

    def _keep(self, name: str, text: str, *, cut: bool) -> None:
        if name in NAMES and text.strip() and self._found.spend(len(text), name):
            self._found.add(self._place, name, Decoded(text.strip(), "utf-8", 0), cut=cut)
