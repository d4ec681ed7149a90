"""A server on this machine that speaks ComfyUI's protocol and replays what the real one was recorded to say."""

import gzip
import json
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha1
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from ssl import PROTOCOL_TLS_SERVER, SSLContext
from threading import Event, Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

from PIL import Image

GOLDEN = Path(__file__).parents[1] / "golden" / "comfyui"
CERTIFICATE = Path(__file__).parent / "localhost.pem"  # for this machine alone, with its key
JOB = "PROMPT_ID"  # what stands for the job in the recordings
FILES = {
    "CheckpointLoaderSimple.ckpt_name": ["sdxl/dream.safetensors", "other.ckpt"],
    "LoraLoader.lora_name": ["styles/ink_v2.safetensors", "styles/inkwell.safetensors"],
    "VAELoader.vae_name": ["fine.vae.pt"],
    "LoadImage.image": ["example.png"],
}


@cache
def recorded(name: str) -> Any:
    """A recording."""
    return json.loads(gzip.decompress((GOLDEN / f"{name}.json.gz").read_bytes()))


def picture() -> bytes:
    """A small picture."""
    stream = BytesIO()
    Image.new("RGB", (8, 8), "teal").save(stream, "PNG")
    return stream.getvalue()


def nodes() -> dict[str, Any]:
    """The recorded node classes, with a few files."""
    found = json.loads(json.dumps(recorded("object_info")))
    for place, files in FILES.items():
        kind, name = place.split(".")
        take = found[kind]["input"]["required"][name]
        if isinstance(take[0], list):
            take[0] = files
        else:
            take[1]["options"] = files
    return found


@dataclass
class Script:
    """What the server does. `hangs`: the job never ends; `drops` cuts the line after so many messages."""

    run: str = "saveimage_run"
    status: int = 200
    answer: Any = None
    raw: dict[str, bytes] = field(default_factory=dict)  # whole answers by path, head included
    frames: bytes = b""  # sent on the line before anything else
    results: dict[str, Any] | None = None
    view: bytes = b""
    hangs: bool = False
    drops: int | None = None
    silent: bool = False  # nothing is ever told on the line
    deaf: int = 0  # orders whose answers are lost
    no_line: bool = False
    absent: int = 0  # questions about the job that get no answer
    away: int = 0  # and such that somebody before the server answers
    secured: bool = False  # with the certificate in CERTIFICATE
    base: str = ""  # what all paths begin with
    queue: int = 1  # jobs in the queue, as the line tells first


@dataclass
class Heard:
    """What the server was told; `logins` are the headers of that name."""

    orders: list[dict[str, Any]] = field(default_factory=list)
    posts: list[tuple[str, Any]] = field(default_factory=list)
    uploads: list[bytes] = field(default_factory=list)
    views: list[dict[str, list[str]]] = field(default_factory=list)
    frames: list[bytes] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    logins: set[str | None] = field(default_factory=set)


class Server(ThreadingHTTPServer):
    """The server with its script and its memory."""

    daemon_threads = True

    def __init__(self, script: Script) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        if script.secured:
            context = SSLContext(PROTOCOL_TLS_SERVER)
            context.load_cert_chain(CERTIFICATE)
            self.socket = context.wrap_socket(self.socket, server_side=True)
        self.script, self.heard = script, Heard()
        self.ordered, self.told = Event(), Event()
        self.done = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that leave in the middle of an answer are what some tests are about."""

    @property
    def url(self) -> str:
        return f"http{'s' * self.script.secured}://127.0.0.1:{self.server_port}{self.script.base}"

    @property
    def job(self) -> str:
        return str(self.heard.orders[-1]["prompt_id"])

    def replayed(self, value: Any) -> Any:
        """A recording with the name of the job in hand."""
        return json.loads(json.dumps(value).replace(JOB, self.job))


class _Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the base class calls it so
        pass

    def do_GET(self) -> None:
        parts = urlsplit(self.path.removeprefix(self.server.script.base))
        self.server.heard.paths.append(parts.path)
        self.server.heard.logins.add(self.headers["Authorization"])
        script = self.server.script
        if parts.path in script.raw:
            self.wfile.write(script.raw[parts.path])
            self.close_connection = True
            return
        match parts.path.strip("/").split("/"):
            case ["ws"]:
                self._line()
            case ["object_info"]:
                self._json(nodes())
            case ["system_stats"]:
                self._json({"system": {"comfyui_version": "0.3.64"}, "devices": [{"name": "cpu"}]})
            case ["queue"]:
                running = [[0, self.server.job, {}, {}, []]] if self._is_running() else []
                self._json({"queue_running": running, "queue_pending": []})
            case ["history", _] if script.absent:
                script.absent -= 1
                self.close_connection = True
            case ["history", _] if script.away:
                script.away -= 1
                self._send(503, b"<h1>Service Unavailable</h1>", "text/html")
            case ["history", job]:
                self._json(self._history(job))
            case ["view"]:
                self.server.heard.views.append(parse_qs(parts.query))
                self._send(200, script.view or picture(), "image/png")
            case _:
                self._json({}, 404)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        script, heard = self.server.script, self.server.heard
        path = self.path.removeprefix(script.base)
        if path in script.raw:
            self.wfile.write(script.raw[path])
            self.close_connection = True
            return
        match path.strip("/"):
            case "prompt":
                heard.orders.append(json.loads(body))
                if len(heard.orders) <= script.deaf:
                    self.close_connection = True
                    self.connection.close()
                    return
                answer = script.answer or self.server.replayed(recorded("ws")[script.run]["post_response"])
                self._json(self.server.replayed(answer), script.status)
                self.server.ordered.set()
                if script.no_line or script.silent:
                    self.server.done = not script.hangs
            case "upload/image":
                heard.uploads.append(body)
                self._json({"name": "given (1).png", "subfolder": "paramc", "type": "input"})
            case path:
                heard.posts.append((path, json.loads(body)))
                self.server.done = path == "interrupt"  # what runs is in no queue to be deleted from
                self._json({})

    def _is_running(self) -> bool:
        return bool(self.server.heard.orders) and self.server.script.hangs and not self.server.done

    def _history(self, job: str) -> Any:
        if not self.server.done or self.server.script.hangs or not self.server.heard.orders:
            return {}
        entry = self.server.replayed(recorded("ws")[self.server.script.run]["history_entry"])
        if self.server.script.results is not None:
            entry["outputs"] = self.server.script.results
        return {job: entry}

    def _line(self) -> None:
        script = self.server.script
        if script.no_line:
            self._json({}, 404)
            return
        key = self.headers["Sec-WebSocket-Key"].encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        self.send_response(101)
        for name, value in (
            ("Upgrade", "websocket"),
            ("Connection", "Upgrade"),
            ("Sec-WebSocket-Accept", b64encode(sha1(key).digest()).decode()),
        ):
            self.send_header(name, value)
        self.end_headers()
        self.close_connection = True
        self.wfile.write(script.frames)
        self.server.ordered.wait(10)
        if script.silent:
            self.server.told.wait(10)
            return
        messages = self.server.replayed(recorded("ws")[script.run]["messages"])
        left = {"type": "status", "data": {"status": {"exec_info": {"queue_remaining": script.queue}}}}
        self.wfile.write(text_frame(json.dumps(left).encode()))
        try:
            for message in messages[: script.drops]:
                self.wfile.write(text_frame(json.dumps(message).encode()))
        finally:  # the job is done, whether or not somebody still listens
            self.server.done = True
            self.server.told.set()
        if script.drops is None:
            self.server.heard.frames.append(self.connection.recv(4096))

    def _json(self, value: Any, status: int = 200) -> None:
        text = value if isinstance(value, str) else json.dumps(value)
        self._send(status, text.encode(), "application/json")

    def _send(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def text_frame(data: bytes, code: int = 0x81) -> bytes:
    """A frame of a server."""
    length = len(data)
    if length < 126:
        return bytes([code, length]) + data
    return (
        bytes([code, 126]) + length.to_bytes(2) + data
        if length < 2**16
        else bytes([code, 127]) + length.to_bytes(8) + data
    )


@contextmanager
def serving(script: Script) -> Iterator[Server]:
    """The server while it runs."""
    server = Server(script)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.ordered.set()
        server.told.set()
        server.shutdown()
        server.server_close()
        thread.join()
