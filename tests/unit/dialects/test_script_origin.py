"""Scripts carry the settings that they were made from: what their code cannot say comes back, what was changed counts."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import paramc
from paramc import Job, Unsupported
from paramc.diagnostics.model import ReadError, Span
from paramc.dialects.script.folded import folded, unfolded
from paramc.dialects.script.origin import origin_of
from paramc.ir.ledger import MOST_SIGNS
from paramc.ir.paths import leaves, value_at

SAMPLE = Path(__file__).parents[2] / "golden" / "corpus" / "infotext.jsonl"
TEXT = (
    "a (red:1.2) bicycle, <lora:wheels:0.8>\nNegative prompt: (blurry:1.3)\nSteps: 20, Sampler: DPM++ 2M, "
    "Schedule type: Karras, CFG scale: 7, Seed: 42, Size: 512x512, Model hash: cc6cb27103, Model: base, ENSD: 31337, "
    "Denoising strength: 0.5, Hires upscale: 2, Hires upscaler: R-ESRGAN 4x+, Version: v1.10.1"
)


def source(text: str = TEXT, **options: str) -> str:
    return paramc.compile(paramc.parse(text), "diffusers", options=options).text


def reread(old: str, new: str) -> Job:
    """The script with a change by hand, read back."""
    script = source()
    assert script.count(old) == 1
    return paramc.parse(script.replace(old, new))


def lost(text: str) -> list[str]:
    """The values graded better than dropped that a script does not give back."""
    job = paramc.parse(text)
    artifact = paramc.compile(job, "diffusers")
    back, asked = paramc.parse(artifact.text), dict(leaves(job))
    kept = [path for fate in artifact.report.fates if fate.grade != "dropped" for path in fate.paths if path in asked]
    return [path for path in kept if value_at(job, path) != value_at(back, path)]


@given(st.text())
@example("a\n\n b \n'c'\nd  e\r" + "long words " * 30 + "\n")
def test_a_text_comes_back_from_remarks(text: str) -> None:
    lines = list(folded(text))
    assert unfolded(lines) == text
    assert all(line.startswith("#") and line.isprintable() and line == line.rstrip() for line in lines)


@pytest.mark.parametrize("options", [{}, {"prompts": "exact"}, {"notebook": "true"}], ids=str)
def test_a_job_comes_back_as_it_was(options: dict[str, str]) -> None:
    assert paramc.parse(source(**options)) == paramc.parse(TEXT)


def test_every_value_of_the_sample_comes_back() -> None:
    texts = [json.loads(line)["text"] for line in SAMPLE.read_text(encoding="utf-8").splitlines()]
    assert {text: lost(text) for text in texts[::4] if lost(text)} == {}


@pytest.mark.slow
def test_every_value_of_the_corpus_comes_back(corpus_texts: list[dict[str, object]]) -> None:
    for record in corpus_texts:
        try:
            assert lost(str(record["text"])) == []
        except Unsupported as error:  # no pipeline for the family
            assert error.diagnostics[0].code == "PC640"


def test_a_changed_number_counts_and_all_else_stays() -> None:
    assert reread("SEED = 42", "SEED = 7") == paramc.parse(TEXT).replace({"noise.seed": 7})


def test_a_changed_prompt_is_read_as_the_script_says_it() -> None:
    job = reread('PROMPT = "a red bicycle,', 'PROMPT = "a [blue] car,')
    assert (job.prompt.text, job.text.language) == ("a [blue] car,", "diffusers")
    assert job.assets.checkpoint == paramc.parse(TEXT).assets.checkpoint


def test_another_scheduler_is_another_sampler() -> None:
    old = source().split("pipe.scheduler = ")[1].split("\n\n")[0]
    job = reread(f"\n\npipe.scheduler = {old}", "\n\npipe.scheduler = EulerAncestralDiscreteScheduler()")
    assert job.sampling.sampler == "euler_ancestral"


def test_a_network_that_was_taken_out_is_gone() -> None:
    old = source().split("for name, (file, _)")[1].split("\n\n")[0]
    job = reread(f"for name, (file, _){old}", "")
    assert (job.patches, job.prompt.networks) == ((), ())


@pytest.mark.parametrize(("old", "new"), [("# a1111:", "# nobody:"), ("# | Steps", "# Steps"), ("# | a", "# | 'a")])
def test_a_damaged_text_leaves_the_code(old: str, new: str) -> None:
    assert reread(old, new).producer.dialect == "diffusers"


def test_code_that_says_it_all_has_nothing_behind_it() -> None:
    read = paramc.parse(source().partition("# The settings behind")[0])
    assert "# |" not in paramc.compile(read, "diffusers").text


@pytest.mark.parametrize("ends", ["\n", "\r\n"], ids=["\\n", "\\r\\n"])
def test_settings_stand_in_the_script_where_their_entries_say(ends: str) -> None:
    script = source().replace("\n", ends)
    entries = [entry for entry in paramc.parse(script).ledger if entry.span]
    shown = {entry.key: script[slice(*entry.span)] for entry in entries if entry.span}
    assert shown["Seed"] == "Seed: 42"
    assert shown["Size"] == f"Size:{ends}#   512x512"
    assert [entry.key for entry in entries if entry.raw_span is None] == ["Size"]


@given(st.lists(st.sampled_from(["word", "'", '"', " ", "\n", "é", "\t", "long words " * 9])).map("".join))
@example("Steps: 3 " * 20 + "\n'quoted'\nend")
def test_a_part_of_a_text_is_found_in_its_remarks(text: str) -> None:
    lines = [f"{line}\n" for line in ("# a1111:", *folded(text))]
    found = origin_of(0, lines)
    assert found is not None
    words = [Span(*match.span()) for match in re.finditer(r"\w+", text)]
    for word, place in zip(words, found.moved(words), strict=True):
        said = "".join(lines)[slice(*place)]
        assert said == text[slice(*word)] or len(said) > len(text[slice(*word)]) + MOST_SIGNS


def test_a_fix_of_a_prompt_that_is_folded_is_not_offered() -> None:
    script = source(f"{'a long prompt, ' * 9}(((cat, dog\nSteps: 20, Sampler: Euler a, Seed: 1, Size: 512x512, ENSD: 1")
    assert [found.suggestion for found in paramc.check(paramc.parse(script)) if found.code == "PC201"] == [None]


def test_a_script_in_the_remarks_of_a_script_is_not_followed() -> None:
    inner = "".join(f"# | {line}\n" for line in source().split("\n"))
    with pytest.raises(ReadError, match="no pipeline"):
        paramc.parse(f"import x\n# diffusers:\n{inner}", dialect="diffusers")
