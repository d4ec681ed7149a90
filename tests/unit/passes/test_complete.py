"""Prompts set as bare texts are read by the grammar of the job's language."""

from paramc import Job, Prompt
from paramc.ir.prompt import Edit
from paramc.ir.stages import Hires
from paramc.passes.complete import complete_job


def test_a_bare_text_is_no_read_prompt() -> None:
    assert not Job().replace({"prompt": "a [b:c:0.5]"}).prompt.is_read


def test_every_prompt_of_a_job_is_read() -> None:
    job = Job(stages=(Hires(),)).replace(
        {"prompt": "<lora:x:1> a", "negative": "b", "stages.hires.prompt": "[a:b:0.5]"}
    )
    done = complete_job(job)
    assert [tag.name for tag in done.prompt.networks] == ["x"]
    assert done.negative.branches[0].text == "b"
    hires = done.hires
    assert hires is not None
    assert hires.prompt is not None
    assert isinstance(hires.prompt.branches[0].body[0], Edit)


def test_a_negative_prompt_has_no_branches_at_and() -> None:
    assert len(complete_job(Job().replace({"negative": "a AND b"})).negative.branches) == 1


def test_reading_again_changes_nothing() -> None:
    job = complete_job(Job().replace({"prompt": "a AND b"}))
    assert complete_job(job) is job


def test_prompts_are_equal_when_their_texts_are() -> None:
    job = Job().replace({"prompt": "a AND b"})
    assert complete_job(job) == job
    assert Prompt(text="a") != Prompt(text="b")
