"""Images that real programs saved, pixels shrunk, metadata untouched."""

import json
import os
from hashlib import sha256
from pathlib import Path

import pytest

from paramc.diagnostics.model import SourceError
from paramc.source.detect import open_file

GOLDEN = Path(__file__).parents[2] / "golden" / "images"
CORPUS = os.environ.get("PARAMC_CORPUS")
NEGATIVE = {"none", "ti_embedding", "aigc_label"}
A1111_LIKE = {
    "a1111", "a1111_extras", "civitai", "comfyui_a1111text", "forge", "forge_classic", "forge_neo", "forge_stealth",
    "fooocus_a1111", "sdcpp", "sdnext", "stability_matrix",
}  # fmt: skip


def spellings(value: object) -> list[str]:
    """The value as it may stand in a text: plain, in JSON, in JSON inside JSON; white space as one space, lower case."""
    forms = [str(value)]
    for ascii_only in (True, False):
        once = json.dumps(str(value), ensure_ascii=ascii_only)[1:-1]
        twice = json.dumps(once, ensure_ascii=ascii_only)[1:-1]
        forms += [once, twice]
    return [" ".join(form.lower().split()) for form in forms]


@pytest.mark.parametrize(
    ("file", "carrier", "encoding", "begin", "end"),
    [
        ("a1111-dogs.png", "png:tEXt:parameters", "utf-8", "3 corgi dogs", "Model: realisticVisionV13_v13"),
        ("a1111-itxt.png", "png:iTXt:parameters", "utf-8", "general, masterpiece", "Version: v1.10.1"),
        ("a1111.jpg", "jpeg:Exif:UserComment", "utf-16-be", "general, masterpiece", "Version: v1.10.1"),
        ("a1111.webp", "webp:Exif:UserComment", "utf-16-be", "general, masterpiece", "Version: v1.10.1"),
        ("forge-snow.png", "png:tEXt:parameters", "utf-8", "snow, scenery", "latest-276-g29be1da7"),
        ("forge-classic.jpg", "jpeg:Exif:UserComment", "utf-16-be", "general, masterpiece", "Version: classic"),
        ("sdnext.jpg", "jpeg:Exif:UserComment", "utf-16-be", "A mesmerizing 3D render", "Model: AuraFlow-v0.3"),
        ("sdnext.webp", "webp:Exif:UserComment", "utf-16-be", "general, master", "Sampler sigma: exponential"),
        ("sdcpp-cat.png", "png:tEXt:parameters", "utf-8", "a lovely cat", "Version: stable-diffusion.cpp"),
        ("little-endian.jpg", "jpeg:Exif:UserComment", "utf-16-le", '{\n  "sui_image_params"', "]\n}"),
        ("description.jpg", "jpeg:IFD0:UserComment", "utf-8", '{"prompt"', '"k_dpmpp_2m"}}'),
        ("comfyui.webp", "webp:IFD0:prompt", "utf-8", '{"3": {"inputs"', '"ModelSamplingSD3"}}}'),
        ("utf8-in-text-chunk.png", "png:tEXt:parameters", "utf-8", "general, master", "SDXL_v160.safetensors"),
    ],
)  # fmt: skip
def test_the_text_is_found_where_the_program_put_it(file, carrier, encoding, begin, end):
    source = open_file(str(GOLDEN / file))
    assert (source.carrier, source.encoding, source.diagnostics) == (carrier, encoding, ())
    assert source.text.startswith(begin) and source.text.endswith(end)


@pytest.mark.parametrize("file", ["a1111-itxt.png", "a1111.jpg", "sdnext.webp", "utf8-in-text-chunk.png"])
def test_letters_beyond_latin_survive(file):
    assert "テスト" in open_file(str(GOLDEN / file)).text


@pytest.mark.parametrize("file", ["none-screenshot.png", "none-editor.jpg"])
def test_images_without_settings_say_so(file):
    with pytest.raises(SourceError) as caught:
        open_file(str(GOLDEN / file))
    assert [problem.code for problem in caught.value.diagnostics] == ["PC103"]


def test_the_error_names_the_texts_that_are_there():
    with pytest.raises(SourceError) as caught:
        open_file(str(GOLDEN / "none-editor.jpg"))
    assert caught.value.diagnostics[0].notes == ("it holds texts under `comment`",)


@pytest.mark.skipif(CORPUS is None, reason="PARAMC_CORPUS names no corpus")
class TestCorpus:
    """The whole collection of published images."""

    def records(self):
        root = Path(str(CORPUS), "images")
        return [(root, json.loads(line)) for line in (root / "index.jsonl").read_text(encoding="utf-8").splitlines()]

    def test_every_image_of_the_family_gives_its_prompt_and_steps(self):
        missing = []
        for root, record in self.records():
            if record["ui"] in A1111_LIKE:
                text = " ".join(open_file(str(root / record["file"])).text.split())
                wanted = [record["expected"].get(key) or "" for key in ("prompt", "negative_prompt", "steps", "seed")]
                missing += [record["file"] for part in wanted if " ".join(str(part).split()) not in text]
        assert missing == []

    def test_every_image_with_settings_gives_what_its_program_wrote(self):
        """Prompt, steps and seed as the collection states them stand in the texts, in JSON possibly escaped."""
        missing = []
        for root, record in self.records():
            if record["ui"] in NEGATIVE:
                continue
            source = open_file(str(root / record["file"]))
            assert source.diagnostics == ()
            everything = (source.text, *(other.text for other in source.others))
            texts = " ".join(" ".join(text.lower().split()) for text in everything)
            wanted = [record["expected"].get(key) for key in ("prompt", "negative_prompt", "steps", "seed")]
            missing += [
                record["file"] for value in wanted if value and not any(form in texts for form in spellings(value))
            ]
        assert missing == []

    def test_every_image_without_settings_is_refused(self):
        for root, record in self.records():
            if record["ui"] in NEGATIVE:
                with pytest.raises(SourceError):
                    open_file(str(root / record["file"]))

    def test_texts_equal_the_strings_that_another_reader_took_from_the_same_images(self):
        known = {}
        for line in Path(str(CORPUS), "infotext.jsonl").read_text(encoding="utf-8").splitlines():
            record = json.loads(line)
            if record["kind"] == "image":
                known.setdefault(record["source"], set()).add(sha256(record["text"].encode()).digest())
        shared = [(root, record) for root, record in self.records() if record["source"] in known]
        read = {record["file"]: open_file(str(root / record["file"])).text for root, record in shared}
        wrong = [
            record["file"]
            for _, record in shared
            if sha256(read[record["file"]].encode()).digest() not in known[record["source"]]
        ]
        assert (wrong, len(read)) == ([], 54)
