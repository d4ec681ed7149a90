"""Following a job to its end: along the line while it holds, and by asking where it does not."""

import json
from collections.abc import Callable, Mapping
from time import monotonic
from typing import Final, NamedTuple

from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import Diagnostic, ServerError
from paramc.dialects.graph.values import Json, as_number, as_object, as_text, as_whole
from paramc.server.channel import Channel, ChannelLost
from paramc.server.client import Client, Ticket
from paramc.server.transfer import Unanswered

LOST_SIGHT: Final = 3  # times in a row that a job is nowhere before it counts as gone
QUEUED: Final = "status"  # the message that tells how long the queue is
LEFT: Final = "queue_remaining"
ENDS: Final = frozenset({"execution_success", "execution_error", "execution_interrupted"})


class Update(NamedTuple):
    """How far a job is: `done` of `total` in a node, 0 where a node does not tell; `queued` jobs while it waits."""

    node: str
    done: float = 0
    total: float = 0
    queued: int = 0


class Waits(NamedTuple):
    """Seconds: `whole` for the job, `quiet` until the server is asked about it, `pause` between two such questions.

    `away`: how long a server may not answer before it counts as lost; one that starts again takes that long.
    """

    whole: float = 3600.0
    quiet: float = 15.0
    pause: float = 1.0
    away: float = 120.0


class Ended(NamedTuple):
    """What the server's history says of the job, and what is to be told of the way there."""

    entry: Mapping[str, Json]
    said: tuple[Diagnostic, ...] = ()


def follow(
    client: Client, channel: Channel | None, ticket: Ticket, tell: Callable[[Update], None], waits: Waits
) -> Ended:
    """Wait until a job is over. Raises ServerError when it is not within the time, or the server has forgotten it."""
    end = monotonic() + waits.whole
    said: tuple[Diagnostic, ...] = ()
    if channel is not None:
        try:
            _listen(client, channel, ticket, tell, waits, end)
        except (ChannelLost, Unanswered) as error:
            said = (diagnose("PC850", reason=error, seconds=f"{waits.pause:g}"),)
    return Ended(_ask(client, ticket, waits, end), said)


def _listen(
    client: Client, channel: Channel, ticket: Ticket, tell: Callable[[Update], None], waits: Waits, end: float
) -> None:
    """Come back when the job is over, or nothing more is to be heard of it.

    A line that tells of everything but the job is as quiet as one that tells nothing.
    """
    heard, begun = monotonic(), False
    while monotonic() < end:
        text = channel.receive(min(waits.quiet, max(end - monotonic(), 0.0)))
        kind, data = _about(text or "", ticket)
        if kind == QUEUED:
            if not begun:
                queue = as_object(as_object(data.get("status")).get("exec_info"))
                tell(Update("", queued=as_whole(queue.get(LEFT)) or 0))
        elif kind:
            begun = True
            heard = monotonic()
            if _is_end(kind, data, tell):
                return
        if monotonic() - heard >= waits.quiet:
            if client.place(ticket) == "gone":
                return
            heard = monotonic()


def _about(text: str, ticket: Ticket) -> tuple[str, Mapping[str, Json]]:
    """The kind and the content of a message about the job, or about the queue; no kind for any other."""
    try:
        message = as_object(json.loads(text))
    except (ValueError, RecursionError):
        return "", {}  # whatever it was: the history knows how the job ends
    data = as_object(message.get("data"))
    if message.get("type") == QUEUED:
        return QUEUED, data
    return (as_text(message.get("type")), data) if data.get("prompt_id") == ticket.job else ("", {})


def _is_end(kind: str, data: Mapping[str, Json], tell: Callable[[Update], None]) -> bool:
    """Is this message the job's last? What it says of the way is told."""
    node = data.get("node")
    match kind:
        case "executing" if node is None:
            return True
        case "executing":
            tell(Update(as_text(node)))
        case "progress":
            tell(Update(as_text(node), as_number(data.get("value")) or 0, as_number(data.get("max")) or 0))
        case _:
            return kind in ENDS
    return False


def _ask(client: Client, ticket: Ticket, waits: Waits, end: float) -> Mapping[str, Json]:
    """What the history says, once it says something."""
    missed, seen = 0, monotonic()
    while True:
        try:
            entry = client.history(ticket)
            if entry:
                return entry
            missed = missed + 1 if client.place(ticket) == "gone" else 0
            seen = monotonic()
        except Unanswered:
            if monotonic() - seen > waits.away:
                raise
        if missed == LOST_SIGHT:
            raise ServerError(diagnose("PC853", job=ticket.job))
        if monotonic() > end:
            raise ServerError(diagnose("PC854", seconds=f"{waits.whole:g}"))
        client.wire.rest(waits.pause)
