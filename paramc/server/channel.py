"""The line on which a server tells how far it is: a WebSocket over a plain or a secured connection."""

import os
from base64 import b64encode
from collections import deque
from hashlib import sha1
from http.client import HTTPException
from socket import socket
from time import monotonic
from typing import Final

from paramc.server.frames import Event, FrameError, Inbox, frame
from paramc.server.transfer import Wire

MAGIC: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, section 1.3
PIECE: Final = 2**16
SWITCHED: Final = "101"
HEAD: Final = 2**15  # bytes of an answer's head
END: Final = b"\r\n\r\n"
GOOD_BYE: Final = (1000).to_bytes(2)


class ChannelLost(Exception):  # noqa: N818  # reads as what happened
    """The line could not be opened, broke, or carries nonsense; the text says which."""


class Channel:
    """An open line, for messages from the server alone."""

    def __init__(self, line: socket, came: bytes = b"") -> None:
        self._line = line
        self._inbox = Inbox()
        self._events: deque[Event] = deque()
        self._take(came)

    def receive(self, wait: float) -> str | None:
        """The next text, None where none comes within `wait` seconds; pictures are let go. Raises ChannelLost."""
        end = monotonic() + wait
        while True:
            while self._events:
                text = self._taken(self._events.popleft())
                if text is not None:
                    return text
            left = end - monotonic()
            if left <= 0:
                return None
            self._listen(left)

    def close(self) -> None:
        """Say good-bye where somebody may still hear it."""
        try:
            self._line.settimeout(1.0)
            self._line.sendall(frame("close", GOOD_BYE, os.urandom(4)))
        except OSError:
            pass  # the other side has gone first
        finally:
            self._line.close()

    def _listen(self, wait: float) -> None:
        self._line.settimeout(wait)
        try:
            data = self._line.recv(PIECE)
            if not data:
                raise ChannelLost("it ended without a word")
        except TimeoutError:
            return
        except OSError as error:
            raise ChannelLost(str(error)) from error
        self._take(data)

    def _take(self, data: bytes) -> None:
        try:
            self._events.extend(self._inbox.feed(data))
        except FrameError as error:
            raise ChannelLost(str(error)) from error

    def _taken(self, event: Event) -> str | None:
        match event.kind:
            case "text":
                return event.data.decode("utf-8", "replace")
            case "ping":
                self._answer(event.data)
            case "close":
                raise ChannelLost("the server closed it")
            case _:
                pass  # pictures of the work in hand, and answers to nothing
        return None

    def _answer(self, data: bytes) -> None:
        try:
            self._line.sendall(frame("pong", data, os.urandom(4)))
        except OSError as error:
            raise ChannelLost(str(error)) from error


def open_channel(wire: Wire, path: str, client: str) -> Channel:
    """The line of one client. Raises ChannelLost."""
    key = b64encode(os.urandom(16)).decode()
    connection = wire.connection()
    try:
        connection.connect()
        connection.sock.sendall(_greeting(wire, wire.target(path, {"clientId": client}), key))
        head, rest = _head(connection.sock)
    except (OSError, HTTPException, ValueError) as error:
        connection.close()
        raise ChannelLost(str(error) or type(error).__name__) from error
    status, headers = _understood(head)
    if status != SWITCHED or headers.get("sec-websocket-accept") != _accepted(key):
        connection.close()
        raise ChannelLost(f"the server answers with `{status}` and opens none")
    try:
        return Channel(connection.sock, rest)
    except ChannelLost:
        connection.close()
        raise


def _greeting(wire: Wire, target: str, key: str) -> bytes:
    address = wire.address
    headers = wire.headers() | {
        "Host": address.url.partition("://")[2].removesuffix(address.base),
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": key,
        "Sec-WebSocket-Version": "13",
    }
    lines = (f"GET {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()))
    return "".join(f"{line}\r\n" for line in (*lines, "")).encode("latin-1")


def _head(line: socket) -> tuple[bytes, bytes]:
    """The head of an answer, and what came behind it already."""
    data = b""
    while END not in data:
        piece = line.recv(PIECE)
        if not piece or len(data) > HEAD:
            raise ValueError("what came is no answer to a request")
        data += piece
    head, _, rest = data.partition(END)
    return head, rest


def _understood(head: bytes) -> tuple[str, dict[str, str]]:
    """The status, and the headers by name in small letters."""
    first, *lines = head.decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in lines)
    return first.partition(" ")[2][:3], {name.strip().lower(): value.strip() for name, _, value in pairs}


def _accepted(key: str) -> str:
    return b64encode(sha1(key.encode() + MAGIC, usedforsecurity=False).digest()).decode()
