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


def test_a_path_may_be_its_last_part_as_on_an_axis() -> None:
    job = edit(("steps", "9"), ("seed", "4"), ("sampler", "heun"))
    assert (job.sampling.steps, job.noise.seed, job.sampling.sampler) == (9, 4, "heun")


def test_the_short_words_of_a_search_are_understood() -> None:
    job = edit(("cfg", "3"), ("model", "a"), ("scheduler", "karras"))
    assert (job.sampling.cfg_scale, job.assets.checkpoint, job.sampling.schedule) == (3, AssetRef(name="a"), "karras")


@pytest.mark.parametrize(
    ("label", "sampler", "schedule"),
    [("Euler a", "euler_ancestral", None), ("DPM++ 2M Karras", "dpmpp_2m", "karras"), ("heun", "heun", None)],
)
def test_a_sampler_may_be_called_as_its_program_calls_it(label: str, sampler: str, schedule: str | None) -> None:
    job = edit(("sampler", label))
    assert (job.sampling.sampler, job.sampling.schedule) == (sampler, schedule)


def test_a_schedule_may_be_called_as_its_program_calls_it() -> None:
    assert edit(("schedule", "SGM Uniform")).sampling.schedule == "sgm_uniform"


def test_a_misspelt_word_is_answered_with_a_value_and_not_with_a_part_of_the_job() -> None:
    with pytest.raises(InvalidValue) as refused:
        edit(("samplr", "euler"))
    assert "`sampling.sampler`" in str(refused.value.diagnostics[0].help)


@pytest.mark.parametrize(
    ("word", "path"),
    [("clip_skip", "text.layer"), ("Clip skip", "text.layer"), ("denoise", "task.strength"), ("batch_size", "batch.size")],
)  # fmt: skip
def test_words_of_programs_are_answered_with_the_value_that_they_mean(word: str, path: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        edit((word, "2"))
    assert str(refused.value.diagnostics[0].help).startswith(f"did you mean `{path}`")


@pytest.mark.parametrize("path", ["size.width", "width", "height"])
def test_a_side_of_the_size_is_told_to_be_part_of_it(path: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        edit((path, "512"))
    assert refused.value.diagnostics[0].help == "did you mean `size`?"


def test_a_text_for_a_file_is_its_name_as_on_an_axis() -> None:
    job = edit(("checkpoint", "sd_xl_base_1.0"), ("vae", "models/a.safetensors"))
    assert job.assets.checkpoint == AssetRef(name="sd_xl_base_1.0")
    assert job.assets.vae == AssetRef(name="a.safetensors", path="models/a.safetensors")


@pytest.mark.parametrize(("path", "value"), [("checkpoint", ""), ("sampling", "foo"), ("steps", "foo"), ("task", "a")])
def test_other_values_are_no_names_of_files(path: str, value: str) -> None:
    with pytest.raises(InvalidValue):
        edit((path, value))


@pytest.mark.parametrize("path", ["sampling.steps[5]", "sampling[1].steps", "prompt[2]"])
def test_what_there_is_one_of_cannot_be_counted(path: str) -> None:
    with pytest.raises(InvalidValue, match="the job has no value"):
        edit((path, "7"))


def test_a_path_that_other_jobs_have_is_not_offered_again() -> None:
    with pytest.raises(InvalidValue) as refused:
        edit(("strength", "0.5"))
    said = refused.value.diagnostics[0]
    assert "`stages.hires.strength`" in str(said.help)
    assert "`task.strength`" not in str(said.help)
