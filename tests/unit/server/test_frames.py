"""Frames of a WebSocket: whatever the pieces that they come in, the messages are the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paramc.server.frames import Event, FrameError, Inbox, frame, masked
from tests.kit.comfy_server import text_frame

MASK = b"abcd"
PIECES = st.lists(st.binary(max_size=300), min_size=1, max_size=4)


def message(pieces: list[bytes]) -> bytes:
    """A text in several frames, with a question in between."""
    last = len(pieces) - 1
    frames = (
        text_frame(piece, (0x80 if place == last else 0) | (0 if place else 1)) for place, piece in enumerate(pieces)
    )
    return text_frame(b"?", 0x89).join(frames)


def events(data: bytes, cuts: int = 1, most: int = 10_000) -> list[Event]:
    inbox = Inbox(most)
    step = max(len(data) // cuts, 1)
    return [event for start in range(0, len(data), step) for event in inbox.feed(data[start : start + step])]


@given(st.lists(PIECES, max_size=4), st.integers(1, 400))
def test_messages_do_not_depend_on_how_their_bytes_arrive(texts: list[list[bytes]], cuts: int) -> None:
    data = b"".join(message(pieces) for pieces in texts)
    found = [event.data for event in events(data, cuts) if event.kind == "text"]
    assert found == [b"".join(pieces) for pieces in texts]


@given(st.binary(max_size=2000))
def test_any_bytes_are_events_or_no_frames(data: bytes) -> None:
    try:
        events(data, 7)
    except FrameError as error:
        assert str(error)


@given(st.binary(max_size=500), st.binary(min_size=4, max_size=4))
def test_masking_twice_gives_the_bytes_back(data: bytes, mask: bytes) -> None:
    assert masked(masked(data, mask), mask) == data


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\xc1\x00", "bits set"),
        (b"\x81\x80abcd", "masked"),
        (b"\x83\x00", "unknown kind 3"),
        (b"\x89\x7e\x00\x80", "longer than any"),
        (b"\x09\x00", "longer than any"),
        (b"\x81\x7f\x00\x00\x00\x00\x7f\xff\xff\xff", "more than 10000 bytes"),
        (b"\x80\x00", "mixed"),
        (b"\x01\x00\x81\x00", "mixed"),
    ],
)
def test_what_no_server_sends_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(FrameError, match=reason):
        events(data)


def test_a_message_of_many_small_frames_is_bounded_as_well() -> None:
    endless = b"\x01\x7e\x0f\xff" + b"x" * 4095 + (b"\x00\x7e\x0f\xff" + b"x" * 4095) * 3
    with pytest.raises(FrameError, match="more than 10000 bytes"):
        events(endless)


@pytest.mark.parametrize(
    ("length", "head"),
    [(125, b"\x8a\xfd"), (126, b"\x8a\xfe\x00\x7e"), (65536, b"\x8a\xff" + b"\x00" * 5 + b"\x01\x00\x00")],
)
def test_lengths_are_written_as_short_as_they_can_be(length: int, head: bytes) -> None:
    written = frame("pong", b"x" * length, MASK)
    assert written.startswith(head + MASK)
    assert len(written) == len(head) + len(MASK) + length
