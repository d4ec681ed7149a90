"""Single requests over HTTP: bounded in size and time, tried again where that is harmless, never sent elsewhere."""

import json
from collections.abc import Callable, Mapping
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from time import monotonic, sleep
from typing import Final, NamedTuple
from urllib.parse import quote, urlencode

from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import ServerError
from paramc.dialects.graph.values import Json
from paramc.server.address import Address

ANSWER: Final = 64 * 2**20  # bytes of JSON: the nodes of a server with every pack there is take a third of it
PIECE: Final = 2**16
TRIES: Final = 3
PAUSE: Final = 0.5  # seconds before the second try; doubled before each further one
JSON: Final = "application/json"
SAFE: Final = "/"
REFUSALS: Final = {401: "PC861", 403: "PC862", 407: "PC863", 413: "PC864"}  # what is said, by status
AWAY: Final = (502, 503, 504)  # what those say who stand before a server that does not answer


class Unanswered(ServerError):  # noqa: N818  # reads as what happened
    """No answer came: the server is away, or the connection broke off."""


class Reply(NamedTuple):
    """An answer; `kind` is its media type."""

    status: int
    kind: str
    body: bytes


class Wire(NamedTuple):
    """How a server is spoken to. `patience`: seconds for one answer."""

    address: Address
    patience: float = 30.0
    rest: Callable[[float], None] = sleep

    def get(self, path: str, query: Mapping[str, str] | None = None, *, limit: int = ANSWER) -> Reply:
        """The answer to a question, asked again where none comes. Raises ServerError."""
        for attempt in range(TRIES - 1):
            try:
                return self._ask("GET", path, query, None, "", limit)
            except Unanswered:
                self.rest(PAUSE * 2**attempt)
        return self._ask("GET", path, query, None, "", limit)

    def post(self, path: str, body: bytes, kind: str = JSON) -> Reply:
        """The answer to an order, given once. Raises ServerError."""
        return self._ask("POST", path, None, body, kind, ANSWER)

    def connection(self) -> HTTPConnection:
        """A connection that is not open yet."""
        address = self.address
        if not address.secure:
            return HTTPConnection(address.host, address.port, timeout=self.patience)
        from ssl import create_default_context  # only where a connection is secured

        context = create_default_context()
        return HTTPSConnection(address.host, address.port, timeout=self.patience, context=context)

    def headers(self) -> dict[str, str]:
        """What every request says beside its own matter."""
        return {"Authorization": self.address.login} if self.address.login else {}

    def target(self, path: str, query: Mapping[str, str] | None = None) -> str:
        """The path behind the base, with its query; nothing in it is taken for a separator."""
        asked = f"?{urlencode(query)}" if query else ""
        return f"{self.address.base}{quote(path, safe=SAFE)}{asked}"

    def _ask(
        self, method: str, path: str, query: Mapping[str, str] | None, body: bytes | None, kind: str, limit: int
    ) -> Reply:
        connection = self.connection()
        headers = self.headers() | {"Connection": "close"} | ({"Content-Type": kind} if kind else {})
        try:
            connection.request(method, self.target(path, query), body, headers)
            response = connection.getresponse()
            data = self._body(response, path, limit)
        except TimeoutError as error:
            reason = f"nothing came within {self.patience:g} s"
            raise Unanswered(diagnose("PC840", url=self.address.url, reason=reason)) from error
        except (OSError, HTTPException, ValueError) as error:  # ValueError: a response that cannot be decoded
            self._check_trust(error)
            known = error.strerror if isinstance(error, OSError) else None
            reason = known or str(error) or type(error).__name__
            raise Unanswered(diagnose("PC840", url=self.address.url, reason=reason)) from error
        finally:
            connection.close()
        if response.status in AWAY:
            reason = f"what stands before it says so with status {response.status}"
            raise Unanswered(diagnose("PC840", url=self.address.url, reason=reason))
        if 300 <= response.status < 400:
            place = response.getheader("Location", "")[:200]
            raise self.odd(path, f"with a redirection to `{place}`, which is not followed")
        if response.status in REFUSALS:
            raise ServerError(diagnose(REFUSALS[response.status], url=self.address.url, path=path))
        return Reply(response.status, response.getheader("Content-Type", ""), data)

    def _check_trust(self, error: Exception) -> None:
        """Raises ServerError for a certificate that does not hold: asking again would change nothing."""
        if self.address.secure:
            from ssl import SSLCertVerificationError  # only where a connection is secured

            if isinstance(error, SSLCertVerificationError):
                raise ServerError(diagnose("PC858", url=self.address.url, reason=error.verify_message)) from error

    def _body(self, response: HTTPResponse, path: str, limit: int) -> bytes:
        end = monotonic() + self.patience * TRIES
        if response.length is not None and response.length > limit:
            raise self.odd(path, f"with {response.length} bytes, more than the {limit} that are taken")
        pieces: list[bytes] = []
        size = 0
        while piece := response.read1(PIECE):
            size += len(piece)
            if size > limit:
                raise self.odd(path, f"with more than the {limit} bytes that are taken")
            if monotonic() > end:
                raise TimeoutError
            pieces.append(piece)
        if response.length:
            raise HTTPException("the answer broke off")
        return b"".join(pieces)

    def odd(self, path: str, what: str) -> ServerError:
        """The error of an answer that makes no sense."""
        return ServerError(diagnose("PC841", url=self.address.url, path=path, what=what))


def read_json(wire: Wire, path: str, reply: Reply) -> Json:
    """What an answer says. Raises ServerError for one that is no JSON."""
    try:
        value: Json = json.loads(reply.body)
    except (ValueError, RecursionError) as error:
        said = f"with status {reply.status} and {len(reply.body)} bytes that are no JSON"
        raise wire.odd(path, said) from error
    return value
