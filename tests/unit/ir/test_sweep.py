"""Sweeps: cells in order, values before replacements, what an axis varies."""

import pytest

from paramc.diagnostics.model import InvalidValue
from paramc.ir.job import Job
from paramc.ir.prompt import Prompt
from paramc.ir.sweep import Axis, Point, Replacement, Setting, Sweep, Value


def setting(path: str, value: Value) -> Point:
    return Point(label=str(value), edits=(Setting(path=path, value=value),))


def replacement(old: str, new: str) -> Point:
    return Point(label=new, edits=(Replacement(paths=("prompt", "negative"), old=old, new=new),))


SEEDS = Axis(name="seed", points=(setting("noise.seed", 1), setting("noise.seed", 2)))
SCALES = Axis(name="cfg", points=tuple(setting("sampling.cfg_scale", float(scale)) for scale in (4, 6, 8)))
ANIMALS = Axis(name="cat", points=(replacement("cat", "dog"), replacement("cat", "fox")))


def test_the_first_axis_changes_quickest() -> None:
    jobs = [cell.job for cell in Sweep(axes=(SEEDS, SCALES)).cells(Job())]
    assert [(job.noise.seed, job.sampling.cfg_scale) for job in jobs] == [
        (1, 4),
        (2, 4),
        (1, 6),
        (2, 6),
        (1, 8),
        (2, 8),
    ]


def test_cells_know_their_place_and_their_labels() -> None:
    cells = list(Sweep(axes=(SEEDS, SCALES)).cells(Job()))
    assert [cell.place for cell in cells] == [(0, 0), (1, 0), (0, 1), (1, 1), (0, 2), (1, 2)]
    assert cells[1].labels == ("2", "4.0")


def test_there_are_as_many_cells_as_combinations() -> None:
    sweep = Sweep(axes=(SEEDS, SCALES, ANIMALS))
    assert sweep.count == len(list(sweep.cells(Job()))) == 12


def test_no_axes_give_the_job_itself() -> None:
    (cell,) = Sweep().cells(Job())
    assert cell.job == Job()


def test_a_text_gives_way_wherever_it_stands() -> None:
    job = Job(prompt=Prompt(text="a cat, catnip"), negative=Prompt(text="cats"))
    assert [(cell.job.prompt.text, cell.job.negative.text) for cell in Sweep(axes=(ANIMALS,)).cells(job)] == [
        ("a dog, dognip", "dogs"),
        ("a fox, foxnip", "foxs"),
    ]


def test_a_prompt_that_is_set_is_replaced_in() -> None:
    prompts = Axis(name="prompt", points=(setting("prompt", "one cat"), setting("prompt", "two cats")))
    texts = [cell.job.prompt.text for cell in Sweep(axes=(ANIMALS, prompts)).cells(Job())]
    assert texts == ["one dog", "one fox", "two dogs", "two foxs"]


def test_an_axis_names_each_path_once() -> None:
    assert (SEEDS.paths, ANIMALS.paths) == (("noise.seed",), ("prompt", "negative"))


def test_a_value_out_of_range_is_refused_where_the_cell_is_made() -> None:
    with pytest.raises(InvalidValue, match="the least is 1"):
        list(Sweep(axes=(Axis(name="steps", points=(setting("sampling.steps", 0),)),)).cells(Job()))
