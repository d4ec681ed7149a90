"""Codecs are inverse: what one writes it reads back, and what is spelt its own way is spelt so again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paramc.dialects.codecs import CODECS, Codec, Unreadable, quoted
from paramc.dialects.fields import Field, fields_of
from paramc.dialects.registry import find_dialect
from paramc.ir.assets import AssetRef, Hash
from paramc.ir.geometry import Size
from paramc.ir.prompt import Prompt
from tests.properties.strategies import embeddings, hashes, networks, one_line

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
WHOLE = st.integers(-(2**63), 2**63)
SIZES = st.builds(Size, st.integers(1, 99999), st.integers(1, 99999))
KOHYA = networks().map(
    lambda assets: tuple(
        asset.model_copy(update={"hashes": asset.hashes[:1]}) for asset in assets if asset.network is None
    )
)
NAMES = st.lists(st.sampled_from("abc"), unique=True, min_size=1).map(
    lambda names: tuple(AssetRef(name=name) for name in names)
)


def _blake(hashed: Hash) -> Hash:
    return hashed.model_copy(update={"algorithm": "blake3"})


# a value that the codec can say, and texts spelt its own way
VALUES: dict[str, st.SearchStrategy] = {
    "int": WHOLE,
    "float": NUMBERS,
    "decimal": NUMBERS,
    "count": st.integers(1, 1000),
    "natural": st.integers(0, 4096),
    "percent": st.floats(0, 1),
    "layer": st.integers(-12, -1),
    "bool": st.booleans(),
    "size": SIZES,
    "target_size": SIZES,
    "noise_size": SIZES,
    "pair": st.tuples(st.integers(0, 9).map(float), st.integers(0, 9).map(float)),
    "window": st.tuples(NUMBERS, NUMBERS),
    "triple": st.tuples(st.integers(0, 2048), st.integers(0, 255).map(float), st.integers(0, 255).map(float)),
    "both": NUMBERS.map(lambda number: (number, number)),
    "lead": NUMBERS.map(lambda number: (number, number)),
    "text": one_line(),
    "hashes": st.tuples(hashes(8, 10)),
    "asset": st.tuples(one_line(), st.one_of(st.just(()), st.tuples(hashes(8, 10)))),
    "tight_asset": st.tuples(one_line(), st.one_of(st.just(()), st.tuples(hashes(10)))),
    "file": st.builds(AssetRef, name=one_line()),
    "addnet_list": KOHYA.filter(bool),
    "sha256_list": embeddings().filter(bool),
    "names": NAMES,
    "tuple_size": SIZES.filter(lambda size: min(size) >= 0),
    "skipped_layers": st.integers(-12, -1),
    "variation": st.tuples(st.integers(0, 2**32), NUMBERS),
    "tagged_hashes": st.tuples(st.one_of(hashes(8, 10), hashes(12, algorithm="addnet"), hashes(64).map(_blake))),
    "named_weight": st.tuples(one_line(), NUMBERS).map(lambda pair: (*pair, pair[1])),
    "weight_name": st.tuples(one_line(), NUMBERS).map(lambda pair: (*pair, pair[1])),
}
CANONICAL = {
    "int": ("0", "-1", "20", "18446744073709551615"),
    "float": ("7", "7.5", "-0.5", "1e-05", "1e+22"),
    "decimal": ("7.0", "0.35"),
    "layer": ("1", "2"),
    "bool": ("True", "False"),
    "size": ("512x768",),
    "asset": ("name [0123456789]", "name", "a (b) [01234567]"),
    "tight_asset": ("name(0123456789ab)",),
    "addnet_list": ("a: 0123456789ab, b: ba9876543210",),
    "window": ("0.0, 1.0, 0.0",),
    "triple": ("(512, 100, 200)", "(-1, -1, -1)"),
    "presence": ("True",),
    "tuple_size": ("(768, 1280)",),
    "skipped_layers": ("0", "1"),
    "tagged_hashes": ("blake3:0123456789", "0x0123456789ab", "0123456789"),
    "named_weight": ("a b : 0.5",),
    "weight_name": ("0.5 - a/b",),
    "variation": ("77:0.5",),
}


@pytest.mark.parametrize("name", VALUES)
def test_what_is_written_reads_back(name: str) -> None:
    codec = CODECS[name]

    @given(VALUES[name])
    def holds(value: object) -> None:
        text = codec.write(value)
        assert text is not None
        assert codec.read(text) == value

    holds()


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, texts in CANONICAL.items() for text in texts])
def test_its_own_spelling_is_written_again(name: str, text: str) -> None:
    assert CODECS[name].write(CODECS[name].read(text)) == text


def test_every_codec_has_values_to_try() -> None:
    assert set(CODECS) - set(VALUES) == {
        "presence",
        "part",
        "width",
        "height",
        "urn",
        "given",
    }  # these read whether, one side or a name that is not written again


@pytest.mark.parametrize("name", CODECS)
@given(
    text=st.one_of(
        st.text(max_size=20), st.sampled_from(("1e999", "nan", "-inf", "9" * 5000, "1_0", "٣", "0x0", "(1,", ""))
    )
)
def test_any_text_is_read_or_refused(name: str, text: str) -> None:
    try:
        CODECS[name].read(text)
    except Unreadable as error:
        assert str(error)


def choices() -> list[tuple[Field, dict]]:
    """Every row with labels of its own, once."""
    found = {}
    for name in ("a1111", "forge", "forge_classic", "reforge", "sdnext"):
        table = find_dialect(name).table("fields.toml")["fields"]
        found |= {row.key: (row, table[row.key]) for row in fields_of(find_dialect(name)).rows if row.kind == "choice"}
    return list(found.values())


@pytest.mark.parametrize(("row", "written"), choices(), ids=lambda item: item.key if isinstance(item, Field) else "")
def test_each_value_of_a_choice_has_one_label(row: Field, written: dict) -> None:
    assert all(row.codec.write(row.codec.read(label)) == label for label in written["values"])
    assert all(row.codec.write(row.codec.read(label)) in written["values"] for label in written.get("accepts", {}))


@given(st.text(max_size=30))
def test_quoting_hides_commas_colons_and_line_breaks(text: str) -> None:
    spelt = quoted(text)
    assert spelt == text or (spelt[0] == spelt[-1] == '"' and "\n" not in spelt)


@pytest.mark.parametrize("value", [None, (), Prompt(), Hash(algorithm="md5", hex="0")])
@pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS)
def test_a_value_of_another_kind_is_not_said(codec: Codec, value: object) -> None:
    if codec is not CODECS["presence"] and codec is not CODECS["part"]:
        assert codec.write(value) is None
