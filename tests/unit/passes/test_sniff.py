"""Which dialect a text is in."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from paramc.diagnostics.model import ReadError
from paramc.dialects.registry import dialects, find_dialect
from paramc.passes.sniff import sniff
from tests.unit.infotext_records import records

LINE = "a\nSteps: 20, Sampler: Euler a, Seed: 1"
# One text for every pattern, in the order of the patterns.
SIGNS: Mapping[str, list[str]] = {
    "a1111": [f"{LINE}, Version: v1.10.1", LINE, "Steps: 20", "Negative prompt: b", "a cat"],
    "forge": [
        f"{LINE}, Version: f2.0.1v1.10.1-previous-1-gabc",
        f"{LINE}, Version: neo",
        f"{LINE}, Distilled CFG Scale: 3.5",
        f"{LINE}, Diffusion in Low Bits: bnb-nf4",
        f"{LINE}, Module 1: ae",
        f"{LINE}, Hires CFG Scale: 1",
    ],
    "forge_classic": [f"{LINE}, Version: classic"],
    "reforge": [
        f"{LINE}, Dynamic clip skip: 3->2",
        f"{LINE}, DPM++ SDE r: 0.5",
        f"{LINE}, DPM++ 2M solver: heun",
        f"{LINE}, rescale_cfg_enabled: True",
        f"{LINE}, mahiro_cfg_enabled: True",
    ],
    "sdnext": [
        f"{LINE}, App: SD.Next",
        f"{LINE}, Operations: txt2img",
        f"{LINE}, Pipeline: StableDiffusionPipeline",
        f"{LINE}, CLiP-skip: 2",
        f"{LINE}, Scheduler: UniPCMultistepScheduler",
    ],
}
CASES = [(name, place, text) for name, texts in SIGNS.items() for place, text in enumerate(texts)]


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "dialect.toml").write_text('engine = "infotext"\nsniff = ["none", "toy"]', encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(("name", "place", "text"), CASES)
def test_each_pattern_betrays_its_dialect(name: str, place: int, text: str) -> None:
    assert sniff(text) == (name, ())


@pytest.mark.parametrize("name", SIGNS)
def test_every_pattern_has_a_text(name: str) -> None:
    assert len(find_dialect(name).sniff) == len(SIGNS[name])


@pytest.mark.parametrize(("name", "place", "text"), CASES)
def test_the_text_needs_the_pattern(name: str, place: int, text: str) -> None:
    import re

    assert [bool(re.search(pattern, text)) for pattern in find_dialect(name).sniff].index(True) == place


def test_a_descendant_goes_before_its_ancestor() -> None:
    assert sniff(f"{LINE}, Version: v1.10.1, App: SD.Next")[0] == "sdnext"


def test_a_better_place_decides_between_cousins() -> None:
    assert sniff(f"{LINE}, Hires CFG Scale: 1, Dynamic clip skip: 3->2")[0] == "reforge"


def test_a_tie_is_said() -> None:
    name, (remark,) = sniff(f"{LINE}, Version: classic, Dynamic clip skip: 3->2")
    assert (name, remark.code, remark.message) == (
        "forge_classic",
        "PC301",
        "read as `forge_classic`; the text could as well be of `reforge`",
    )


def test_folders_of_the_user_take_part(folders: Path) -> None:
    assert sniff("a toy", (folders,))[1][0].code == "PC301"


def test_a_text_that_no_dialect_knows_is_refused(folders: Path) -> None:
    with pytest.raises(ReadError, match="PC302") as caught:
        sniff("a cat", (folders,))
    assert "one, two" in str(caught.value.diagnostics[0].help)


def test_sdnext_records_of_its_own_are_recognised() -> None:
    own = [record for record in records("sdnext") if "App: SD.Next" in record.text]
    assert {sniff(record.text)[0] for record in own} == {"sdnext"}


def test_every_dialect_of_a_text_can_be_sniffed() -> None:
    assert set(SIGNS) <= set(dialects())


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ('{"sui_image_params": {}}', "swarmui"),
        ('{"positive_prompt": "a", "scheduler": "euler", "seed": 1}', "invokeai"),
        ('[{"sui_image_params": {}}]', "swarmui"),
        ('{"extraMetadata": "{}", "1": {"class_type": "KSampler", "inputs": {}}}', "civitai"),
        ('{"1": {"class_type": "KSampler", "inputs": {}}}', "comfyui"),
        ('{"schema": 1}', "json"),
        ('{"nobody": "knows"}', "plain_json"),
        ('{"prompt": "a\\nSteps: 20, Sampler: Euler a, Version: v1.10.1"}', "plain_json"),
        ('"a cat" -s 50 -S 1', "dream"),
        ("sd-cli -m x.gguf -p a", "sdcpp_cli"),
        ("Prompt: a cat\nSeed: 1\nSteps: 25\nGuidance Scale: 7.5\n", "easydiffusion_text"),
        (f"{LINE}, Version: stable-diffusion.cpp", "sdcpp"),
        (f"{LINE}, Version: Fooocus v2.5.5", "fooocus_a1111"),
    ],
)
def test_records_are_told_by_their_members(text: str, name: str) -> None:
    assert sniff(text) == (name, ())


def test_a_place_in_a_file_that_is_a_dialects_own_decides() -> None:
    assert sniff("a cat on a mat", carrier="Dream")[0] == "dream"
    assert sniff('{"prompt": "a"}', carrier="generation_data")[0] == "tensorart"


def test_a_place_decides_nothing_for_texts_of_another_form() -> None:
    assert sniff("a cat", carrier="generation_data")[0] == "a1111"


def test_lines_without_a_sign_are_not_looked_at_again_and_again() -> None:
    assert sniff("\n" * 300_000 + "a cat")[0] == "a1111"  # minutes, if every line looked at all those behind it
