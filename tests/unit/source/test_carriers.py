"""Carriers of other programs: each with a file that none of our writers wrote."""

import shutil
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from paramc.api import load
from paramc.diagnostics.model import SourceError
from paramc.source.detect import open_file, read_source

GOLDEN = Path(__file__).parents[2] / "golden" / "images"
CAT = "a cat, 猫\nNegative prompt: dog\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1, Size: 8x8, Version: v1.10.1"


@pytest.mark.parametrize(
    ("file", "carrier", "encoding"),
    [
        ("pillow-itxt-packed.png", "png:iTXt:parameters", "utf-8"),
        ("pillow.avif", "avif:Exif:UserComment", "utf-16-be"),
        ("pillow.gif", "gif:comment", "utf-8"),
        ("pillow-xmp.jpg", "jpeg:XMP:UserComment", "utf-8"),
        ("pillow-xmp.webp", "webp:XMP:UserComment", "utf-8"),
        ("pillow-xpcomment.jpg", "jpeg:IFD0:XPComment", "utf-16-le"),
    ],
)
def test_what_an_image_library_wrote_is_read_whole(file, carrier, encoding):
    source = open_file(GOLDEN / file)
    assert (source.text, source.carrier, source.encoding, source.size) == (CAT, carrier, encoding, (8, 8))


def test_a_packed_text_chunk_of_an_image_library_is_read():
    source = open_file(GOLDEN / "pillow-ztxt.png")
    assert (source.text, source.carrier) == (CAT.replace("猫", "cat"), "png:zTXt:parameters")


@pytest.mark.parametrize(
    ("file", "carrier", "begin", "others"),
    [
        ("comfyui-xmp.avif", "avif:XMP:prompt", '{"1":', ["workflow"]),
        ("comfyui-make.jpg", "jpeg:IFD0:prompt", '{"14":', ["workflow"]),
        ("comfyui-animated.png", "png:comf:prompt", '{"1":', ["workflow"]),
        ("comment-marker.jpg", "jpeg:comment", "Negative prompt:", []),
        ("exif-chunk.png", "png:IFD0:UserComment", '{"prompt":', ["ImageDescription", "Software"]),
        ("tensorart.png", "png:tEXt:generation_data", '{"prompt":"', ["prompt"]),
    ],
)
def test_programs_with_places_of_their_own_are_found(file, carrier, begin, others):
    source = open_file(GOLDEN / file)
    assert (source.carrier, [text.key for text in source.others], source.diagnostics) == (carrier, others, ())
    assert source.text.startswith(begin)


@pytest.mark.parametrize("text", ["{}", "null", "undefined", '{"1": {"class_type": "KSam'])
def test_a_graph_that_is_empty_or_breaks_off_comes_behind_a_whole_one(build, text):
    whole = '{"nodes": [], "links": []}'
    data = build.png(build.text("prompt", text.encode()), build.text("workflow", whole.encode()))
    source = read_source(data)
    assert (source.key, source.text) == ("workflow", whole)


def test_a_graph_that_breaks_off_is_better_than_none(build):
    text = '{"1": {"class_type": "KSam'
    assert read_source(build.png(build.text("prompt", text.encode()))).text == text


def test_a_source_tells_where_its_text_lay():
    source = open_file(GOLDEN / "comfyui-make.jpg")
    assert (source.format, source.key, source.place) == ("jpeg", "prompt", "comfyui-make.jpg, prompt")
    assert str(source.other("workflow")).startswith('{"id":') and source.other("parameters") is None


@pytest.mark.parametrize("text", ["OLYMPUS DIGITAL CAMERA", "a photo of me", '{"data":{"source_type":"douyin"}}'])
@pytest.mark.parametrize("tag", [0x010E, 0x9286, 0x9C9C])
def test_what_cameras_and_editors_write_is_no_setting(text, tag):
    exif = Image.Exif()
    place = exif.get_ifd(0x8769) if tag == 0x9286 else exif
    place[tag] = text.encode("utf-16-le") if tag == 0x9C9C else b"ASCII\0\0\0" + text.encode()
    stream = BytesIO()
    Image.new("RGB", (4, 4)).save(stream, "JPEG", exif=exif.tobytes())
    with pytest.raises(SourceError, match="PC103"):
        read_source(stream.getvalue())


@pytest.mark.parametrize("name", ["none-label.png", "none-screenshot.png", "none-editor.jpg"])
def test_images_of_other_programs_hold_nothing(name):
    with pytest.raises(SourceError, match="PC103"):
        open_file(GOLDEN / name)


@pytest.mark.parametrize("cut", range(40, 700, 60))
def test_a_cut_avif_is_told_and_never_fails(cut):
    data = (GOLDEN / "pillow.avif").read_bytes()[:cut]
    try:
        source = read_source(data)
    except SourceError as error:
        assert error.diagnostics[0].code in ("PC103", "PC102")
    else:
        assert source.text == CAT or {problem.code for problem in source.diagnostics} & {"PC113", "PC106"}


class TestSidecars:
    """Files beside a picture without settings."""

    @pytest.fixture
    def picture(self, tmp_path):
        return Path(shutil.copy(GOLDEN / "none-editor.jpg", tmp_path / "cat.jpg"))

    @pytest.mark.parametrize("name", ["cat.txt", "cat.jpg.txt"])
    def test_a_text_of_the_same_name_is_read(self, picture, name):
        picture.with_name(name).write_text(CAT, encoding="utf-8")
        source = open_file(picture)
        assert (source.text, source.carrier, source.format, source.size) == (CAT, "sidecar:.txt", "sidecar", (48, 48))

    @pytest.mark.parametrize("name", ["cat.json", "cat.civitai.info", "cat.swarm.json"])
    def test_so_is_a_record(self, picture, name):
        picture.with_name(name).write_text('{"prompt": "a cat", "seed": 1}', encoding="utf-8")
        assert open_file(picture).key == name.removeprefix("cat")

    def test_a_caption_is_no_setting(self, picture):
        picture.with_suffix(".txt").write_text("1girl, solo, standing", encoding="utf-8")
        with pytest.raises(SourceError, match="PC103"):
            open_file(picture)

    def test_settings_inside_go_before_those_beside(self, tmp_path):
        picture = shutil.copy(GOLDEN / "pillow.gif", tmp_path)
        (tmp_path / "pillow.txt").write_text("other\nSteps: 99", encoding="utf-8")
        assert open_file(picture).text == CAT


SETTINGS = "a cat, 東京\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1, Size: 64x64"
USER_COMMENT, EXIF_FOLDER = 0x9286, 0x8769


@pytest.mark.parametrize("inside", [True, False], ids=["Exif folder", "main folder"])
@pytest.mark.parametrize("encoding", ["utf-16-be", "utf-16-le", "utf-8"])
@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "AVIF"])
def test_a_comment_that_an_image_library_wrote_is_read_in_every_encoding(
    form: str, encoding: str, inside: bool
) -> None:
    exif = Image.Exif()
    mark = b"UNICODE\0" if encoding.startswith("utf-16") else b"\0" * 8
    (exif.get_ifd(EXIF_FOLDER) if inside else exif)[USER_COMMENT] = mark + SETTINGS.encode(encoding)
    stream = BytesIO()
    Image.new("RGB", (16, 16)).save(stream, form, exif=exif.tobytes())
    assert read_source(stream.getvalue()).text == SETTINGS


@pytest.mark.parametrize(
    ("keys", "dialect"),
    [
        ({"Description": "a cat --ar 16:9 --v 6 Job ID: 12345678-1234-1234-1234-123456789abc"}, "midjourney"),
        (
            {"invokeai": '{"session_id": "s", "node": {"type": "txt2img", "prompt": "a cat", "steps": 9}}'},
            "invokeai_nodes",
        ),
        ({"Software": "NovelAI", "Description": "a cat", "Comment": '{"steps": 28, "uc": "x", "scale": 5}'}, "novelai"),
    ],
)
def test_chunks_of_other_programs_are_found(keys: dict[str, str], dialect: str) -> None:
    chunks = PngInfo()
    for key, text in keys.items():
        chunks.add_text(key, text)
    stream = BytesIO()
    Image.new("RGB", (16, 16)).save(stream, "PNG", pnginfo=chunks)
    job = load(read_source(stream.getvalue())).job
    assert (job.producer.dialect, job.prompt.text) == (dialect, "a cat")
