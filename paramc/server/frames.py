"""Frames of a WebSocket (RFC 6455): bytes joined to messages, and messages cut to bytes. Nothing here waits."""

from collections.abc import Iterator
from typing import Final, Literal, NamedTuple, TypeAlias

Kind: TypeAlias = Literal["text", "bytes", "close", "ping", "pong"]

MOST: Final = 32 * 2**20  # bytes of one message: a preview of a picture has a hundredth of it
SHORT: Final = 125  # bytes that a frame about the connection may have
KINDS: Final[dict[int, Kind]] = {1: "text", 2: "bytes", 8: "close", 9: "ping", 10: "pong"}
CODES: Final = {kind: code for code, kind in KINDS.items()}
MORE: Final = 0  # the code of a frame that goes on with the message before
TWO_BYTES, EIGHT_BYTES = 126, 127  # lengths that stand behind the head
MASK: Final = 4


class FrameError(Exception):
    """The bytes are no frames of a server."""


class Event(NamedTuple):
    """A whole message, or a frame about the connection."""

    kind: Kind
    data: bytes


class _Head(NamedTuple):
    last: bool
    code: int
    start: int
    length: int


class Inbox:
    """What came so far of the next frame and the next message. `most`: bytes of a message."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._rest = bytearray()
        self._parts = bytearray()
        self._kind: Kind | None = None

    def feed(self, data: bytes) -> Iterator[Event]:
        """The events that the next bytes complete. Raises FrameError; nothing may be fed after that."""
        self._rest += data
        while (head := self._head()) and len(self._rest) >= head.start + head.length:
            content = bytes(self._rest[head.start : head.start + head.length])
            del self._rest[: head.start + head.length]
            yield from self._frame(head, content)

    def _head(self) -> _Head | None:
        """The head of the next frame, None until it is there."""
        if len(self._rest) < 2:
            return None
        first, second = self._rest[0], self._rest[1]
        if first & 0x70:
            raise FrameError("a frame has bits set that nobody agreed on")
        if second & 0x80:
            raise FrameError("a frame is masked, as only those of a client are")
        size = {TWO_BYTES: 2, EIGHT_BYTES: 8}.get(second, 0)
        if len(self._rest) < 2 + size:
            return None
        length = int.from_bytes(self._rest[2 : 2 + size]) if size else second
        head = _Head(bool(first & 0x80), first & 0x0F, 2 + size, length)
        self._check(head)
        return head

    def _check(self, head: _Head) -> None:
        kind = KINDS.get(head.code)
        if kind is None and head.code != MORE:
            raise FrameError(f"a frame is of the unknown kind {head.code}")
        if kind in ("close", "ping", "pong"):
            if head.length > SHORT or not head.last:
                raise FrameError("a frame about the connection is longer than any may be")
        elif len(self._parts) + head.length > self._most:
            raise FrameError(f"a message has more than {self._most} bytes")
        elif (head.code == MORE) is (self._kind is None):
            raise FrameError("the frames of two messages are mixed")

    def _frame(self, head: _Head, content: bytes) -> Iterator[Event]:
        kind = KINDS.get(head.code) or self._kind
        if kind in ("close", "ping", "pong"):
            yield Event(kind, content)
            return
        self._kind = kind
        self._parts += content
        if head.last and kind is not None:
            whole, self._kind = bytes(self._parts), None
            self._parts = bytearray()
            yield Event(kind, whole)


def frame(kind: Kind, data: bytes, mask: bytes) -> bytes:
    """One frame of a client, whose bytes are masked by the four of `mask`."""
    length = len(data)
    if length <= SHORT:
        size = bytes([0x80 | length])
    elif length < 2**16:
        size = bytes([0x80 | TWO_BYTES]) + length.to_bytes(2)
    else:
        size = bytes([0x80 | EIGHT_BYTES]) + length.to_bytes(8)
    return bytes([0x80 | CODES[kind]]) + size + mask + masked(data, mask)


def masked(data: bytes, mask: bytes) -> bytes:
    """The bytes with the mask laid over them again and again; masking twice gives them back."""
    pattern = (mask * (len(data) // MASK + 1))[: len(data)]
    return (int.from_bytes(data) ^ int.from_bytes(pattern)).to_bytes(len(data))
