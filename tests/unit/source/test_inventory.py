"""Every place of a file that is looked at, and every key that is taken for settings, has a file of another writer."""

import ast
from pathlib import Path

import pytest

import paramc.source
from paramc.source.carriers import carriers
from paramc.source.detect import open_file
from paramc.source.model import Source

GOLDEN = Path(__file__).parents[2] / "golden" / "images"
PACKAGE = Path(paramc.source.__file__).parent
READERS = {"read_exif": ("IFD0", "Exif"), "read_xmp": ("XMP",), "_spread": ("",), "add": ("",)}  # what is below a place
PASSED_ON = ("place", "carrier", "self._place")  # a place that the caller has named
# place → a file with settings there that none of our writers wrote; `*` stands for the name of a chunk or a format
FILES = {
    "png:*": ("a1111-dogs.png", "pillow-ztxt.png", "a1111-itxt.png", "comfyui-animated.png"),
    "png:IFD0": ("exif-chunk.png",),
    "png:Exif": ("pillow-exif.png",),
    "png:XMP": ("pillow-xmp.png", "pillow-xmp-description.png"),
    "*:stealth": ("novelai-stealth.png", "pillow-stealth.webp"),
    "jpeg:IFD0": ("comfyui-make.jpg", "description.jpg", "pillow-xpcomment.jpg"),
    "jpeg:Exif": ("a1111.jpg", "little-endian.jpg"),
    "jpeg:XMP": ("pillow-xmp.jpg",),
    "jpeg": ("comment-marker.jpg",),
    "webp:IFD0": ("comfyui.webp", "pillow-description.webp"),
    "webp:Exif": ("a1111.webp",),
    "webp:XMP": ("pillow-xmp.webp",),
    "avif:IFD0": ("pillow-description.avif",),
    "avif:Exif": ("pillow.avif",),
    "avif:XMP": ("comfyui-xmp.avif",),
    "gif": ("pillow.gif",),
    "mp4:meta": ("comfyui-savevideo.mp4",),
    "mp4:udta": ("comment.mov",),
    "webm:tag": ("comfyui-savewebm.webm",),
    "latent:header": ("comfyui-savelatent.latent",),
}
CHUNKS = {"tEXt", "zTXt", "iTXt", "comf"}  # of a PNG
WITHOUT_TEXT = {"IHDR", "IEND", "eXIf", "exif", "IDAT"}


def source_of(name: str) -> Source:
    return open_file(GOLDEN / name, hidden="stealth" in name)


def pattern(node: ast.expr) -> str | None:
    """The place that an argument names, `*` for its parts that vary; None where it only hands one on."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "*" for part in node.values)
    assert ast.unparse(node) in PASSED_ON
    return None


def places() -> set[str]:
    """Every place that the readers of files name."""
    found: set[str] = set()
    for path in PACKAGE.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or len(node.args) < 2:
                continue
            name = node.func.attr if isinstance(node.func, ast.Attribute) else ast.unparse(node.func)
            place = pattern(node.args[name != "add" and name != "_spread"]) if name in READERS else None
            found |= {f"{place}:{below}".rstrip(":") for below in READERS.get(name, ()) if place}
    return found


def test_every_place_that_is_read_has_a_file() -> None:
    assert places() == set(FILES)


@pytest.mark.parametrize(("place", "file"), [(place, file) for place, files in FILES.items() for file in files])
def test_the_settings_of_the_file_lie_there(place: str, file: str) -> None:
    outside, _, inside = place.partition(":")
    carrier = source_of(file).carrier.split(":")
    assert outside in ("*", carrier[0])
    assert inside in ("", "*", carrier[1])


def test_every_chunk_of_text_has_a_file() -> None:
    assert {source_of(file).carrier.split(":")[1] for file in FILES["png:*"]} == CHUNKS
    tree = ast.parse((PACKAGE / "png.py").read_text(encoding="utf-8"))
    told_apart = {
        node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, bytes)
    }
    assert {name.decode() for name in told_apart if name.isalpha() and len(name) == 4} - WITHOUT_TEXT == CHUNKS


@pytest.mark.parametrize("key", carriers().places)
def test_every_key_of_settings_has_a_file(key: str) -> None:
    found = {source_of(path.name).key for path in sorted(GOLDEN.iterdir()) if not path.name.startswith("none-")}
    assert key in found


def test_every_kind_of_file_beside_a_picture_is_tested() -> None:
    tested = Path(__file__).with_name("test_carriers.py").read_text(encoding="utf-8")
    assert [suffix for suffix in carriers().sidecars if f'"cat{suffix}"' not in tested] == []
