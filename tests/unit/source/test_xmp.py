"""XMP packets: properties in every form, and XML that is meant to do harm."""

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paramc.source.model import Findings
from paramc.source.xmp import read_xmp

HEAD = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" '
    'xmlns:exif="http://ns.adobe.com/exif/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/">'
)
TAIL = "</rdf:RDF></x:xmpmeta>"
BOMB = (
    '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">'
    + "".join(f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(8))
    + "]>"
)


def read(packet: str | bytes):
    found = Findings()
    read_xmp(packet if isinstance(packet, bytes) else packet.encode(), "png", found)
    return [(text.carrier, text.text) for text in found.texts], [problem.code for problem in found.problems]


@pytest.mark.parametrize(
    "inner",
    [
        "<rdf:Description><exif:UserComment>a &lt;b&gt;</exif:UserComment></rdf:Description>",
        '<rdf:Description exif:UserComment="a &lt;b&gt;"/>',
        "<rdf:Description><exif:UserComment><rdf:Alt><rdf:li xml:lang='x-default'>a &#60;b></rdf:li></rdf:Alt>"
        "</exif:UserComment></rdf:Description>",
    ],
)
def test_a_property_may_be_an_element_an_attribute_or_a_list(inner):
    assert read(HEAD + inner + TAIL) == ([("png:XMP:UserComment", "a <b>")], [])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16-le", "utf-16"])
def test_a_packet_may_be_wide(encoding):
    packet = HEAD + '<rdf:Description dc:title="猫"/>' + TAIL
    assert read(packet.encode(encoding)) == ([("png:XMP:title", "猫")], [])


def test_entities_are_never_expanded():
    tracemalloc.start()
    texts, problems = read(BOMB + HEAD + "<exif:UserComment>&i;</exif:UserComment>" + TAIL)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (texts, problems) == ([], ["PC114"]) and peak < 1_000_000


def test_files_of_the_machine_are_never_read(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("secret", encoding="utf-8")
    entity = f'<!DOCTYPE x [<!ENTITY s SYSTEM "{secret.as_uri()}">]>'
    assert read(entity + HEAD + "<exif:UserComment>&s;</exif:UserComment>" + TAIL) == ([], ["PC114"])


def test_an_entity_without_a_declaration_is_damage():
    texts, problems = read(HEAD + '<a dc:title="kept"/><exif:UserComment>&nbsp;</exif:UserComment>' + TAIL)
    assert (texts, problems) == ([("png:XMP:title", "kept")], ["PC110"])


def test_deep_elements_are_refused():
    assert read(HEAD + "<a>" * 100_000)[1] == ["PC114"]


def test_a_packet_cut_in_its_text_gives_what_is_left():
    found = Findings()
    read_xmp((HEAD + "<exif:UserComment>a cat, Ste").encode(), "png", found, cut=True)
    assert [(text.text, text.cut) for text in found.texts] == [("a cat, Ste", True)]


@given(st.text(st.sampled_from("<>/&;\"' =!?[]-ax:é\0\ud7ff"), max_size=60))
def test_any_packet_is_read_without_an_exception(text):
    read(text)
    read(HEAD + text + TAIL)
