"""Records as other programs read them."""

import json
import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

import paramc
from paramc.api import load
from paramc.backends.legalise import report_fates
from paramc.backends.registry import find_target, targets
from paramc.dialects.read_record import read_record
from paramc.dialects.registry import find_dialect
from paramc.ir.paths import leaves
from tests.unit.dialects.test_records import RECORDS, source_of

LINE = "Steps: 30, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 6.5, Seed: 42, Size: 832x1216"
ONE_OF_EACH = list({record["ui"]: record for record in RECORDS}.values())


def written(text: str, target: str) -> str:
    return paramc.convert(text, target).text


def document(text: str, target: str) -> dict:
    return json.loads(written(text, target))


def test_numbers_are_numbers_and_texts_are_texts() -> None:
    found = document(f"a\n{LINE}, Model: 7", "invokeai")
    assert (found["steps"], found["cfg_scale"], found["scheduler"]) == (30, 6.5, "dpmpp_2m_k")
    assert (found["positive_prompt"], found["model"]) == ("a", {"name": "7"})


def test_a_program_may_want_its_numbers_as_texts() -> None:
    assert document(f"a\n{LINE}", "fooocus")["seed"] == "42"


def test_truths_are_truths() -> None:
    found = document(f"a\n{LINE}, Denoising strength: 0.4, Hires upscale: 2, Hires upscaler: Latent", "invokeai")
    assert found["hrf_enabled"] is True


def test_constants_come_along() -> None:
    assert document(f"a\n{LINE}", "fooocus")["metadata_scheme"] == "fooocus"


def test_networks_stand_beside_prompts_without_tags() -> None:
    found = document(f"a cat <lora:x:0.7>\n{LINE}", "invokeai")
    assert (found["positive_prompt"], found["loras"]) == ("a cat", [{"model": {"name": "x"}, "weight": 0.7}])


def test_networks_stay_in_prompts_with_tags() -> None:
    assert "a <lora:x:0.7>" in written(f"a <lora:x:0.7>\n{LINE}", "sdcpp")


def test_what_another_programs_extensions_said_is_left_out() -> None:
    assert "RP Active" not in written(f"a\n{LINE}, RP Active: True, X Type: Seed", "swarmui")


def test_a_program_gets_its_own_extensions_back() -> None:
    text = '{"prompt": "a", "steps": 28, "uc": "b", "scale": 5, "sampler": "k_euler", "sm": true}'
    assert document(text, "novelai")["sm"] == "True"


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40))
def test_a_shell_reads_the_command_as_it_is_meant(prompt: str) -> None:
    said = {"text.language": "sdcpp", "prompt": prompt, "assets.checkpoint.name": f"-m {prompt}"}
    job = paramc.parse(f"a\n{LINE}").replace(said)
    words = shlex.split(paramc.compile(job, "sdcpp").text)
    assert words[0] == "sd-cli"
    assert words[words.index("-p") + 1] == prompt
    assert words[words.index("-m") + 1] == f"-m {prompt}"


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40))
def test_a_command_comes_back(prompt: str) -> None:
    said = {"text.language": "sdcpp", "prompt": prompt, "negative": prompt[::-1]}
    back = read_record(
        paramc.compile(paramc.parse(f"a\n{LINE}").replace(said), "sdcpp").text, find_dialect("sdcpp_cli")
    )[0]
    assert (back.prompt.text, back.negative.text) == (prompt, prompt[::-1])


@pytest.fixture(params=targets())
def target(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_every_member_of_a_record_has_one_fate(target: str) -> None:
    for record in ONE_OF_EACH:
        job = load(source_of(record)).job
        fates = report_fates(job, paramc.lower(job), find_target(target)).fates
        stated = {path for entry in job.ledger for path in entry.paths}
        values = [path for fate in fates if fate.origin != "stated" for path in fate.paths]
        assert [fate.raw for fate in fates if fate.origin == "stated"] == [entry.raw for entry in job.ledger]
        assert values == [path for path, _ in leaves(job) if path not in stated]


def test_records_go_through_every_target(target: str) -> None:
    for record in ONE_OF_EACH:
        try:
            paramc.compile(load(source_of(record)).job, target)
        except paramc.Unsupported as error:
            assert error.diagnostics[0].code == "PC640"  # a family that the target lacks
