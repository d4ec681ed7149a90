"""`--set path=value`."""

import pytest

from paramc.commands.edits import edited
from paramc.commands.parser import Arguments
from paramc.diagnostics.model import InvalidValue
from paramc.ir.assets import AssetRef
from paramc.ir.geometry import Size
from paramc.ir.job import Job


def edit(*edits: tuple[str, str], job: Job | None = None) -> Job:
    return edited(job or Job(), Arguments(edits=list(edits), family=None))


def test_numbers_lists_and_switches_are_json() -> None:
    job = edit(("sampling.steps", "30"), ("size", "[640, 512]"), ("sampling.zero_terminal_snr", "true"))
    assert (job.sampling.steps, job.size, job.sampling.zero_terminal_snr) == (30, Size(640, 512), True)


def test_null_takes_a_value_away() -> None:
    assert edit(("size", "null"), job=Job(size=Size(1, 1))).size is None


@pytest.mark.parametrize("text", ["heun", "[[[[", "'heun'", '{"a"', "[" * 100_000, "9" * 10_000])
def test_what_is_no_json_is_taken_as_it_stands(text: str) -> None:
    assert edit(("sampling.sampler", text)).sampling.sampler == text


@pytest.mark.parametrize("text", ["123", "true", "1e5"])
def test_a_number_where_a_text_belongs_is_a_text(text: str) -> None:
    assert edit(("assets.checkpoint.name", text)).assets.checkpoint == AssetRef(name=text)


def test_a_json_string_may_say_what_would_be_a_number() -> None:
    assert edit(("prompt", '"7"')).prompt.text == "7"


def test_what_fits_in_neither_way_is_refused_with_the_value() -> None:
    with pytest.raises(InvalidValue, match=r"sampling\.steps` cannot be `1\.5`"):
        edit(("sampling.steps", "1.5"))


def test_the_family_follows_the_edits() -> None:
    job = edit(("assets.checkpoint.name", "sd_xl_base_1.0"))
    assert job.family is not None
    assert job.family.name == "sdxl"


def test_without_edits_the_job_stays_the_same() -> None:
    job = Job()
    assert edited(job, Arguments(edits=[], family=None)) is job


def test_a_size_is_written_as_everywhere() -> None:
    assert edit(("size", "640x512")).size == Size(640, 512)


@pytest.mark.parametrize("value", ["[7,7]", "NaN", "-3"])
def test_no_edit_can_ask_for_the_impossible(value: str) -> None:
    with pytest.raises(InvalidValue):
        edit(("size" if "[" in value else "sampling.steps", value))
