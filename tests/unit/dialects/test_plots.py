"""Grids in settings texts: the X/Y/Z plot's fields as axes."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

import paramc
from paramc.dialects.plots import ReadPlot, read_plot
from paramc.ir.assets import AssetRef, Hash
from paramc.ir.job import Job, Producer
from paramc.ir.sweep import Axis, Replacement, Setting

LINE = "Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: 5, Size: 512x512, Model: m"


def plot(fields: str, line: str = LINE) -> ReadPlot:
    return read_plot(
        paramc.parse(f"a cat, a dog\nNegative prompt: no cat\n{line}, Script: X/Y/Z plot, {fields}, Version: v1.10.1")
    )


def only(kind: str, values: str, line: str = LINE) -> Axis:
    text = json.dumps(values) if set(values) & set(',:"') else values
    read = plot(f"X Type: {kind}, X Values: {text}", line)
    assert read.diagnostics == ()
    (axis,) = read.sweep.axes
    return axis


def edits(axis: Axis) -> list[list[tuple[str, object]]]:
    return [[(edit.path, edit.value) for edit in point.edits if isinstance(edit, Setting)] for point in axis.points]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ("1, 2,3", [1, 2, 3]),
        ("1-5", [1, 2, 3, 4, 5]),
        ("1-5 (+2)", [1, 3, 5]),
        ("10-5 (-3)", [10, 7]),
        ("1-10 [5]", [1, 3, 5, 7, 10]),
        ("10-50 (+5)", [10, 15, 20, 25, 30, 35, 40, 45, 50]),
        ("5, 10-12,40", [5, 10, 11, 12, 40]),
        ("8,,9,", [8, 9]),
    ],
)
def test_whole_numbers_and_their_ranges(values: str, expected: list[int]) -> None:
    assert edits(only("Steps", values)) == [[("sampling.steps", number)] for number in expected]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ("3-8", [3, 4, 5, 6, 7, 8]),
        ("1-3 (+0.5)", [1, 1.5, 2, 2.5, 3]),
        ("0.0-1.0 [6]", [0, 0.2, 0.4, 0.6, 0.8, 1]),
        ("3,4.5,6", [3, 4.5, 6]),
        ("-1 - 1", [-1, 0, 1]),
    ],
)
def test_decimal_numbers_and_their_ranges(values: str, expected: list[float]) -> None:
    assert edits(only("CFG Scale", values)) == [[("sampling.cfg_scale", number)] for number in expected]


def test_random_seeds_are_those_that_were_drawn() -> None:
    read = plot('X Type: Seed, X Values: "-1,-1", Fixed X Values: "31, 41"')
    assert edits(read.sweep.axes[0]) == [[("noise.seed", 31)], [("noise.seed", 41)]]


def test_the_first_text_gives_way_to_each_in_both_prompts() -> None:
    axis = only("Prompt S/R", 'cat, fox,"a red, old hen"')
    assert [point.edits for point in axis.points] == [
        (Replacement(paths=("prompt", "negative"), old="cat", new=new),) for new in ("cat", "fox", "a red, old hen")
    ]


def test_quotes_hold_commas_and_quotes() -> None:
    assert [point.label for point in only("Prompt S/R", 'cat,"say ""no"", twice", x"y').points] == [
        "cat",
        'say "no", twice',
        'x"y',
    ]


def test_samplers_carry_their_schedules() -> None:
    assert edits(only("Sampler", "DPM++ 2M Karras, Euler")) == [
        [("sampling.sampler", "dpmpp_2m"), ("sampling.schedule", "karras")],
        [("sampling.sampler", "euler")],
    ]


def test_checkpoints_carry_their_hashes() -> None:
    assert edits(only("Checkpoint name", "one.safetensors [31e35c80fc],two")) == [
        [("assets.checkpoint", AssetRef(name="one.safetensors", hashes=(Hash(algorithm="sha256", hex="31e35c80fc"),)))],
        [("assets.checkpoint", AssetRef(name="two"))],
    ]


@pytest.mark.parametrize(
    ("line", "path"),
    [
        (f"{LINE}, Denoising strength: 0.5, Hires upscale: 2", "stages.hires.strength"),
        (f"{LINE}, Denoising strength: 0.5", "task.strength"),
    ],
)
def test_denoising_belongs_to_the_pass_that_there_is(line: str, path: str) -> None:
    assert edits(only("Denoising", "0.3", line)) == [[(path, 0.3)]]


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("Clip skip", "2", [("text.layer", -2)]),
        ("Schedule type", "Align Your Steps", [("sampling.schedule", "align_your_steps")]),
        ("VAE", "x.pt", [("assets.vae", AssetRef(name="x.pt"))]),
        ("Var. seed", "4", [("noise.variation.seed", 4)]),
        ("Var. strength", "0.4", [("noise.variation.strength", 0.4)]),
        ("Hires steps", "4", [("stages.hires.steps", 4)]),
        ("Hires upscaler", "Latent", [("stages.hires.upscaler", "latent:bilinear")]),
        ("Refiner switch at", "0.8", [("stages.refiner.switch_at", 0.8)]),
        ("Sigma Churn", "2", [("sampling.s_churn", 2)]),
        ("Token merging ratio", "0.3", [("patches.token_merging.ratio", 0.3)]),
        ("RNG source", "CPU", [("noise.generator", "cpu")]),
        ("Always discard next-to-last sigma", "True", [("sampling.drops_penultimate_sigma", True)]),
        ("Rescale CFG φ", "0.7", [("sampling.cfg_rescale", 0.7)]),
    ],
)
def test_kinds_are_values_of_the_job(kind: str, value: str, expected: list[tuple[str, object]]) -> None:
    line = f"{LINE}, Denoising strength: 0.5, Hires upscale: 2"
    (axis,) = plot(f"X Type: {kind}, X Values: {value}", line).sweep.axes
    assert edits(axis) == [expected]


def test_three_axes_keep_their_order() -> None:
    read = plot('X Type: Steps, X Values: "1,2", Y Type: Nothing, Y Values: "", Z Type: Seed, Z Values: 3')
    assert [axis.name for axis in read.sweep.axes] == ["Steps", "Seed"]


@pytest.mark.parametrize(
    ("fields", "code", "word"),
    [
        ("X Type: [PAG] PAG Scale, X Values: 3", "PC835", "[PAG] PAG Scale"),
        ("X Type: Steps, X Values: many", "PC836", "many"),
        ("X Type: Steps, X Values: 0", "PC836", "0"),
        ("X Type: Sampler, X Values: Oiler", "PC836", "Oiler"),
        ('X Type: Steps, X Values: "1-9 [999999999]"', "PC836", "999999999"),
        ("X Type: Steps, X Values: 1-999999999", "PC836", "1-999999999"),
        ('X Type: Steps, X Values: ","', "PC836", ","),
        ('X Type: Steps, X Values: ""', "PC836", '`""`'),
        ('X Type: Prompt S/R, X Values: ", cat"', "PC836", "Prompt S/R"),
    ],
)
def test_what_is_no_axis_of_ours_is_kept_and_named(fields: str, code: str, word: str) -> None:
    read = plot(fields)
    (said,) = read.diagnostics
    assert (read.sweep.axes, said.code) == ((), code)
    assert word in said.message


def test_settings_without_a_grid_speak_of_none() -> None:
    assert plot("Score: 5") == read_plot(paramc.parse("a cat"))


def test_other_programs_have_no_such_fields() -> None:
    notes = (("X Type", "Steps"), ("X Values", "1,2"))
    assert read_plot(Job(producer=Producer(dialect="comfyui", notes=notes))).sweep.axes == ()


@given(
    st.text(st.sampled_from('1234567890-+()[]., "\n\té')) | st.text(),
    st.sampled_from(("Steps", "CFG Scale", "Prompt S/R", "Size")),
)
def test_whatever_is_typed_is_read_or_named(text: str, kind: str) -> None:
    job = paramc.parse(f"a cat\n{LINE}")
    notes = (("X Type", kind), ("X Values", text))
    read = read_plot(job.model_copy(update={"producer": job.producer.model_copy(update={"notes": notes})}))
    assert len(read.sweep.axes) + len(read.diagnostics) == 1


@pytest.mark.slow
def test_a_megabyte_of_values_takes_a_moment() -> None:
    start = time.perf_counter()
    plot(f"X Type: Steps, X Values: {json.dumps('1-2,' * 250_000)}")
    assert time.perf_counter() - start < 20


def test_the_corpus_reads_without_a_mistake(corpus_texts: list[dict[str, str]]) -> None:
    known = {"Checkpoint name", "Prompt S/R", "Steps", "Seed", "CFG Scale", "Rescale CFG φ"}
    for record in corpus_texts:
        job = paramc.parse(record["text"])
        notes = dict(job.producer.notes)
        read = read_plot(job)
        kinds = {notes[key] for key in ("X Type", "Y Type", "Z Type") if key in notes}
        assert {axis.name for axis in read.sweep.axes} == kinds & known
        assert {item.code for item in read.diagnostics} <= {"PC835"}
