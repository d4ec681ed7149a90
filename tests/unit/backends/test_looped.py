"""Sweeps as one script: a loop that a person would have written, and that calls what the single scripts call."""

import ast
from pathlib import Path

import pytest

import paramc
from paramc.backends.callcheck import faults, read_interface
from paramc.backends.literals import LINE
from paramc.backends.looped import Unlike, loop_script
from paramc.dialects.axes import read_sweep
from tests.unit.backends.scripts import HIRES, PLAIN, TARGET, constants, ruff


def swept(*axes: str, text: str = PLAIN, **options: str) -> str:
    job = paramc.parse(text)
    sweep = read_sweep(axes, job)
    sources = [paramc.compile(cell.job, "diffusers", options=options).text for cell in sweep.cells(job)]
    return loop_script(sources, sweep, TARGET)


def loop_of(source: str) -> ast.For:
    """The loop that paints."""
    loops = [node for node in ast.parse(source).body if isinstance(node, ast.For)]
    return next(node for node in loops if "painted.append" in ast.unparse(node))


SWEEPS = {
    "values": swept("seed=1..4", "cfg_scale=4,6,8", "prompt:cat=dog,fox"),
    "one axis": swept("steps=10,20,30"),
    "samplers": swept("sampler=Euler a,DPM++ 2M Karras,UniPC", "seed=1,2"),
    "sizes": swept("size=512x512,512x768"),
    "models": swept("checkpoint=a,b", "seed=1,2"),
    "networks": swept("prompt:cat=<lora:x:1>,<lora:x:0.5>"),
    "two texts of one prompt": swept("prompt:a c=the c,one c", "prompt:at=ow,ub"),
    "second pass": swept("hires.scale=1.5,2", text=PLAIN.replace(", Version", f", {HIRES}Latent, Version")),
    "hostile": swept(r'prompt="\"\"\" + {x}' + "\u202e\",'; import os #"),
}


@pytest.mark.parametrize("name", SWEEPS)
def test_a_loop_calls_only_what_exists(name: str) -> None:
    assert list(faults(SWEEPS[name], read_interface(TARGET.folder / "interface.toml"))) == []


def test_a_loop_needs_no_formatter_and_no_linter(tmp_path: Path) -> None:
    for number, source in enumerate(SWEEPS.values()):
        (tmp_path / f"_{number}.py").write_text(source, encoding="utf-8", errors="backslashreplace")
    assert ruff("format", "--diff", folder=tmp_path) == ""
    assert ruff("check", "--quiet", "--select", "E4,E7,E9,F,I,B", folder=tmp_path) == ""


@pytest.mark.parametrize("name", SWEEPS)
def test_lines_are_no_longer_than_a_formatter_makes_them(name: str) -> None:
    assert all(len(line) <= LINE for line in SWEEPS[name].split("\n") if '"' not in line and "'" not in line)


def test_the_first_axis_changes_quickest() -> None:
    found = constants(SWEEPS["values"])
    assert (found["SEEDS"], found["CFG_SCALES"]) == ([1, 2, 3, 4], [4.0, 6.0, 8.0])
    assert found["PROMPTS"] == ["a dog", "a fox"]
    loop = loop_of(SWEEPS["values"])
    assert (ast.unparse(loop.target), ast.unparse(loop.iter)) == (
        "(prompt, cfg_scale, seed)",
        "itertools.product(PROMPTS, CFG_SCALES, SEEDS)",
    )


def test_random_numbers_are_drawn_anew_for_every_picture() -> None:
    body = ast.unparse(loop_of(SWEEPS["one axis"]))
    assert "manual_seed(SEED)" in body


def test_models_are_loaded_once_where_none_varies() -> None:
    assert "from_single_file" not in ast.unparse(loop_of(SWEEPS["samplers"]))
    assert "from_single_file(model" in ast.unparse(loop_of(SWEEPS["models"]))


def test_what_a_network_was_loaded_into_is_made_anew_with_it() -> None:
    body = ast.unparse(loop_of(SWEEPS["networks"]))
    assert ("from_single_file(MODEL" in body, "load_lora_weights" in body) == (True, True)


def test_each_sampler_has_its_scheduler() -> None:
    source = SWEEPS["samplers"]
    made = next(node for node in ast.parse(source).body if ast.unparse(node).startswith("schedulers = "))
    assert isinstance(made, ast.Assign)
    assert isinstance(made.value, ast.List)
    assert [ast.unparse(item.func) for item in made.value.elts if isinstance(item, ast.Call)] == [
        "EulerAncestralDiscreteScheduler",
        "DPMSolverMultistepScheduler",
        "UniPCMultistepScheduler",
    ]
    assert "pipe.scheduler = scheduler" in ast.unparse(loop_of(source))


def test_a_value_that_follows_two_axes_is_listed_cell_by_cell() -> None:
    source = SWEEPS["two texts of one prompt"]
    assert constants(source)["PROMPTS"] == ["the cow", "one cow", "the cub", "one cub"]


def test_values_that_vary_together_stand_together() -> None:
    assert constants(SWEEPS["sizes"])["HEIGHTS"] == [512, 768]
    both = swept("size=512x512,768x640")
    assert constants(both)["WIDTH_HEIGHTS"] == [(512, 512), (768, 640)]
    assert ast.unparse(loop_of(both).target) == "(width, height)"


def test_labels_say_what_the_axes_are_called_but_for_texts_that_say_it_themselves() -> None:
    assert constants(SWEEPS["values"])["LABELS"] == [
        ["dog", "fox"],
        ["cfg_scale: 4", "cfg_scale: 6", "cfg_scale: 8"],
        ["seed: 1", "seed: 2", "seed: 3", "seed: 4"],
    ]


def test_hostile_texts_stay_in_their_literals() -> None:
    found = constants(SWEEPS["hostile"])
    assert found["PROMPTS"] == ['""" + {x}\u202e', "'; import os #"]


def test_losses_of_all_cells_stand_in_the_head() -> None:
    source = swept("sampler=Euler a,DPM++ 2M,UniPC", text=PLAIN.replace("Automatic", "Karras"))
    head = source.partition("import itertools")[0]
    assert head.count("# - ") == len({line for line in head.split("\n") if line.startswith("# - ")}) >= 2


def test_scripts_of_different_shapes_are_no_loop() -> None:
    with pytest.raises(Unlike):
        swept("layer=-1,-2")


def test_a_loop_of_the_exact_style_encodes_and_draws_for_every_picture() -> None:
    source = swept("seed=1..3", "cfg_scale=4,5", style="exact")
    body = ast.unparse(loop_of(source))
    found = ("start_from_noise" in body, ", cfg_scale)" in body, "from_single_file" in body, "settings" in body)
    assert found == (True, True, False, False)
