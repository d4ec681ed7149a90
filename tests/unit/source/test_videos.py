"""What is no picture and carries settings all the same: videos and latents."""

import json
from pathlib import Path
from struct import pack

import pytest

import paramc
from paramc.diagnostics.model import SourceError
from paramc.source.detect import open_file, read_source

GOLDEN = Path(__file__).parents[2] / "golden" / "images"
GRAPH = json.dumps({"1": {"class_type": "EmptyLatentImage", "inputs": {"width": 64}}})
DRAWING = {"last_node_id": 1, "nodes": [], "links": []}


def box(kind: bytes, *body: bytes) -> bytes:
    return pack(">I4s", sum(map(len, body)) + 8, kind) + b"".join(body)


def item(name: bytes, text: bytes) -> bytes:
    return box(name, box(b"data", pack(">II", 1, 0), text))


def film(*user_data: bytes) -> bytes:
    return box(b"ftyp", b"isom", bytes(4)) + box(b"mdat", bytes(40)) + box(b"moov", box(b"udta", *user_data))


def tagged(*items: bytes) -> bytes:
    return film(box(b"meta", bytes(4), box(b"hdlr", bytes(25)), box(b"ilst", *items)))


def element(number: int, *body: bytes) -> bytes:
    length = sum(map(len, body))
    return number.to_bytes((number.bit_length() + 7) // 8, "big") + pack(">Q", length | 1 << 56) + b"".join(body)


def reel(*tags: tuple[bytes, bytes], endless: bool = False) -> bytes:
    listed = b"".join(
        element(0x7373, element(0x67C8, element(0x45A3, name), element(0x4487, text))) for name, text in tags
    )
    head = element(0x1A45DFA3, element(0x4282, b"webm"))
    if not endless:
        return head + element(0x18538067, element(0x1F43B675, bytes(30)), element(0x1254C367, listed))
    unknown = b"\x01" + b"\xff" * 7
    frames = b"\x1f\x43\xb6\x75" + unknown + element(0xA3, bytes(5)) * 3
    return head + b"\x18\x53\x80\x67" + unknown + frames + element(0x1254C367, listed)


@pytest.mark.parametrize(
    ("file", "carrier", "size"),
    [
        ("comfyui-savevideo.mp4", "mp4:meta:prompt", (64, 48)),
        ("comfyui-savewebm.webm", "webm:tag:prompt", (64, 48)),
        ("comfyui-savelatent.latent", "latent:header:prompt", None),
    ],
)
def test_what_comfyui_saves_gives_the_graph_that_ran_and_the_drawing(file, carrier, size):
    source = open_file(GOLDEN / file)
    assert (source.carrier, source.size, source.diagnostics) == (carrier, size, ())
    assert "nodes" in json.loads(source.other("workflow"))
    assert paramc.read(GOLDEN / file).producer.dialect == "comfyui"


@pytest.mark.parametrize("make", [lambda text: tagged(item(b"\xa9cmt", text)), lambda text: reel((b"COMMENT", text))])
@pytest.mark.parametrize("drawing", [DRAWING, json.dumps(DRAWING)], ids=["object", "text"])
def test_graphs_inside_a_comment_are_told_apart(make, drawing):
    source = read_source(make(json.dumps({"prompt": GRAPH, "workflow": drawing, "CreationTime": "2024"}).encode()))
    assert (source.key, source.text) == ("prompt", GRAPH)
    assert json.loads(source.other("workflow")) == DRAWING


def test_a_comment_with_settings_is_read():
    assert read_source(tagged(item(b"\xa9cmt", b"a cat\nSteps: 20, Sampler: Euler"))).carrier == "mp4:meta:comment"


def test_a_comment_of_another_program_is_no_settings():
    with pytest.raises(SourceError, match="PC103"):
        read_source(tagged(item(b"\xa9cmt", b"holidays")))


def test_names_that_are_spelt_out_are_read():
    named = box(
        b"----", box(b"mean", bytes(4), b"com.x"), box(b"name", bytes(4), b"prompt"), box(b"data", bytes(8), b"{}")
    )
    assert read_source(tagged(named)).carrier == "mp4:meta:prompt"


def test_user_data_of_quicktime_is_read():
    text = b"a cat\nSteps: 20, Sampler: Euler"
    source = read_source(film(box(b"\xa9cmt", pack(">HH", len(text), 0), text)))
    assert (source.carrier, source.text) == ("mp4:udta:comment", text.decode())


def test_a_segment_that_never_says_how_long_it_is_is_read_to_its_end():
    assert read_source(reel((b"PROMPT", GRAPH.encode()), endless=True)).text == GRAPH


@pytest.mark.parametrize("whole", [tagged(item(b"\xa9cmt", b"Steps: 20, Seed: 1")), reel((b"PROMPT", GRAPH.encode()))])
def test_a_film_that_is_cut_is_read_or_refused(whole):
    for end in range(len(whole)):
        try:
            read_source(whole[:end])
        except SourceError:
            continue


def test_boxes_inside_boxes_are_looked_into_as_deep_as_films_are():
    nested = b""
    for _ in range(3000):
        nested = box(b"moov", nested)
    with pytest.raises(SourceError, match="PC103"):
        read_source(box(b"ftyp", b"isom", bytes(4)) + nested)


@pytest.mark.parametrize(
    "header", [b"[" * 90_000, b'{"__metadata__": 7}', b'{"__metadata__": {"prompt": 7}}', b'{"a":']
)
def test_a_header_without_texts_gives_none(header):
    with pytest.raises(SourceError):
        read_source(pack("<Q", len(header)) + header)


def test_a_header_of_millions_of_bytes_is_not_looked_at():
    with pytest.raises(SourceError, match=r"PC109|PC103"):
        read_source(pack("<Q", 2**23) + b'{"__metadata__": {"prompt": "{}"}}')
