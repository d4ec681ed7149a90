"""What a server can be asked and told, route by route."""

import json
import os
from collections.abc import Iterator, Mapping
from typing import Final, Literal, NamedTuple, TypeAlias

from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import ServerError
from paramc.dialects.graph.values import Json, as_list, as_object, as_text
from paramc.server.channel import Channel, open_channel
from paramc.server.transfer import PAUSE, TRIES, Reply, Unanswered, Wire, read_json

PICTURE: Final = 256 * 2**20  # bytes of one result
FINE: Final = 200
UNKNOWN: Final = 404
Place: TypeAlias = Literal["running", "waiting", "gone"]
PLACES: Final[dict[str, Place]] = {"queue_running": "running", "queue_pending": "waiting"}


class Ticket(NamedTuple):
    """Names of one job: `client` hears of it, `job` is what the server calls it."""

    client: str
    job: str


class Result(NamedTuple):
    """A file that a node has made; names are the server's and not to be trusted."""

    node: str
    name: str
    folder: str
    kind: str


class Client:
    """One server."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire

    def nodes(self) -> Mapping[str, Json]:
        """Every node class by name, as the server describes it. Raises ServerError."""
        return as_object(self._json("/object_info"))

    def state(self) -> Mapping[str, Json]:
        """What the server says of itself. Raises ServerError."""
        return as_object(self._json("/system_stats"))

    def listen(self, ticket: Ticket) -> Channel:
        """The line on which the job's progress is told. Raises ChannelLost."""
        return open_channel(self.wire, "/ws", ticket.client)

    def queue(self, graph: Mapping[str, Json], workflow: Json, ticket: Ticket) -> tuple[int, Mapping[str, Json]]:
        """Hand in a graph; gives the status and what the server says to it. Raises ServerError.

        An order whose answer was lost is given again only when the server does not know the job.
        """
        body = {
            "prompt": dict(graph),
            "client_id": ticket.client,
            "prompt_id": ticket.job,
            "extra_data": {"extra_pnginfo": {"workflow": workflow}} if workflow else {},
        }
        data = json.dumps(body).encode()
        for attempt in range(TRIES - 1):
            try:
                return self._order(data)
            except Unanswered:
                self.wire.rest(PAUSE * 2**attempt)
                if self.place(ticket) != "gone" or self.history(ticket):
                    return FINE, {"prompt_id": ticket.job}
        return self._order(data)

    def _order(self, data: bytes) -> tuple[int, Mapping[str, Json]]:
        reply = self.wire.post("/prompt", data)
        return reply.status, as_object(read_json(self.wire, "/prompt", reply))

    def place(self, ticket: Ticket) -> Place:
        """Where a job is. Raises ServerError."""
        queues = as_object(self._json("/queue"))
        for name, place in PLACES.items():
            if any(ticket.job in as_list(entry)[1:2] for entry in as_list(queues.get(name))):
                return place
        return "gone"

    def history(self, ticket: Ticket) -> Mapping[str, Json]:
        """What came of a job; empty while it is not over. Raises ServerError."""
        return as_object(as_object(self._json(f"/history/{ticket.job}")).get(ticket.job))

    def cancel(self, ticket: Ticket) -> None:
        """Take a job out of the queue, or stop it where it runs. Raises ServerError."""
        self.wire.post("/queue", json.dumps({"delete": [ticket.job]}).encode())
        if self.place(ticket) == "running":
            self.wire.post("/interrupt", json.dumps({"prompt_id": ticket.job}).encode())

    def upload(self, name: str, data: bytes) -> str:
        """Put a picture into the server's input folder; gives what a node is to call it. Raises ServerError."""
        mark = os.urandom(16).hex()
        reply = self.wire.post("/upload/image", _form(name, data, mark), f"multipart/form-data; boundary={mark}")
        said = as_object(read_json(self.wire, "/upload/image", reply)) if reply.status == FINE else {}
        kept, folder = as_text(said.get("name")), as_text(said.get("subfolder"))
        if not kept:
            raise ServerError(diagnose("PC848", name=name, reason=f"the server answers with status {reply.status}"))
        return f"{folder}/{kept}" if folder else kept

    def fetch(self, result: Result) -> bytes:
        """The bytes of a result. Raises ServerError."""
        query = {"filename": result.name, "subfolder": result.folder, "type": result.kind}
        reply = self.wire.get("/view", query, limit=PICTURE)
        if reply.status != FINE:
            raise self.wire.odd("/view", f"with status {reply.status} instead of `{result.name[:100]}`")
        return reply.body

    def _json(self, path: str) -> Json:
        reply: Reply = self.wire.get(path)
        if reply.status != FINE:
            raise self.wire.odd(path, f"with status {reply.status}")
        return read_json(self.wire, path, reply)


def results(entry: Mapping[str, Json]) -> Iterator[Result]:
    """The files that a job has made, by what its history says."""
    for node, made in as_object(entry.get("outputs")).items():
        for files in as_object(made).values():
            for file in as_list(files):
                found = as_object(file)
                name, kind = as_text(found.get("filename")), as_text(found.get("type"))
                if name:
                    yield Result(node, name, as_text(found.get("subfolder")), kind)


def _form(name: str, data: bytes, mark: str) -> bytes:
    quoted = "".join("_" if sign in '"\\' or not sign.isprintable() else sign for sign in name)
    head = f'--{mark}\r\nContent-Disposition: form-data; name="image"; filename="{quoted}"\r\n\r\n'
    return head.encode("utf-8", "replace") + data + f"\r\n--{mark}--\r\n".encode()
