"""Everything that paramc names is explained: codes, values of the Job, the words of the field."""

import pytest

from paramc.cli import main
from paramc.diagnostics.codes import codes
from paramc.ir.names import samplers, schedules
from paramc.presentation.terms import job_paths, keys_of, labels_of, meaning, path_of, terms


@pytest.mark.parametrize("name", [*codes(), *samplers(), *schedules()])
def test_a_name_is_explained(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", name]) == 0
    assert capsys.readouterr().out


@pytest.mark.parametrize("path", job_paths())
def test_a_value_of_the_job_is_explained(path: str) -> None:
    assert len(meaning(path).split()) >= 2


@pytest.mark.parametrize("path", job_paths())
def test_a_name_in_the_job_leads_to_a_value(path: str) -> None:
    assert path_of(path) == path
    assert path_of(path.rpartition(".")[2]) is not None


def test_every_term_is_a_value_of_the_job() -> None:
    assert set(terms()) <= set(job_paths())


def test_a_word_stands_for_one_value() -> None:
    words = [word for term in terms().values() for word in term.words]
    assert sorted(words) == sorted(set(words))


@pytest.mark.parametrize(
    ("word", "path"),
    [
        ("ENSD", "noise.delta"),
        ("Clip skip", "text.layer"),
        ("clip_skip", "text.layer"),
        ("cfg_scale", "sampling.cfg_scale"),
        ("Denoising strength", "task.strength"),
        ("CLiP-skip", "text.layer"),
        ("Hires upscaler", "stages.hires.upscaler"),
        ("sampler", "sampling.sampler"),
    ],
)
def test_a_word_of_the_field_is_understood(word: str, path: str) -> None:
    assert path_of(word) == path


def test_an_empty_word_stands_for_nothing() -> None:
    assert path_of(" ") is None


def test_programs_and_their_keys_come_from_the_tables() -> None:
    found = {title: keys for titles, keys in keys_of("text.layer").items() for title in titles.split(" · ")}
    assert found["A1111"] == ("Clip skip",)
    assert "CLiP-skip" in found["SD.Next"]


def test_labels_come_from_the_tables() -> None:
    assert "A1111" in labels_of("sampler", "euler_ancestral")["Euler a"]
