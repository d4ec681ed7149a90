"""`--axis`: names, ranges, quotes, replacements, and whatever else somebody may type."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

import paramc
from paramc.diagnostics.model import InvalidValue, ParamcError, UnknownName
from paramc.dialects.axes import read_axis, read_sweep
from paramc.ir.assets import AssetRef
from paramc.ir.geometry import Size
from paramc.ir.sweep import Axis, Replacement, Setting

JOB = paramc.parse(
    "a cat, a dog\nNegative prompt: rain\nSteps: 20, Sampler: Euler a, Schedule type: Karras, CFG scale: 7, Seed: 5, "
    "Size: 512x512, Model: m, Version: v1.10.1"
)


def axis(text: str) -> Axis:
    return read_axis(text, JOB)


def labels(text: str) -> list[str]:
    return [point.label for point in axis(text).points]


def values(text: str) -> list[object]:
    return [edit.value for point in axis(text).points for edit in point.edits if isinstance(edit, Setting)]


def refusal(*texts: str) -> str:
    with pytest.raises(ParamcError) as refused:
        read_sweep(texts, JOB)
    return refused.value.diagnostics[0].code


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("seed", "noise.seed"),
        ("cfg_scale", "sampling.cfg_scale"),
        ("steps", "sampling.steps"),
        ("sampling.steps", "sampling.steps"),
        ("variation.seed", "noise.variation.seed"),
        ("hires.scale", "stages.hires.scale"),
    ],
)
def test_a_short_name_is_the_nearest_path(name: str, path: str) -> None:
    assert axis(f"{name}=2,3").paths == (path,)


def test_a_strength_is_that_of_the_second_pass_where_there_is_no_other() -> None:
    job = paramc.parse(
        "a\nSteps: 20, Sampler: Euler, CFG scale: 7, Seed: 5, Size: 512x512, Denoising strength: 0.5, Hires upscale: 2"
    )
    assert read_axis("strength=0.3", job).paths == ("stages.hires.strength",)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("seed=1..4", ["1", "2", "3", "4"]),
        ("seed=4..1", ["4", "3", "2", "1"]),
        ("seed=1..10 step 3", ["1", "4", "7", "10"]),
        ("seed=1..9 step 3", ["1", "4", "7"]),
        ("cfg_scale=0.2..0.8 step 0.2", ["0.2", "0.4", "0.6", "0.8"]),
        ("cfg_scale=-1..1", ["-1", "0", "1"]),
        ("seed=7", ["7"]),
        ("seed= 7 , 9..10 ,12", ["7", "9", "10", "12"]),
        ("steps=10 .. 30 step 10", ["10", "20", "30"]),
    ],
)
def test_numbers_and_ranges(text: str, expected: list[str]) -> None:
    assert labels(text) == expected


def test_decimal_steps_are_exact() -> None:
    assert values("cfg_scale=0.1..0.5 step 0.1") == [0.1, 0.2, 0.3, 0.4, 0.5]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('prompt="a, b",c', ["a, b", "c"]),
        (r'prompt="say \"no\", \\ yes"', [r'say "no", \ yes']),
        ('prompt=say "no"', ['say "no"']),
        ("prompt=a (b:1.2) [c|d]", ["a (b:1.2) [c|d]"]),
        ('prompt="1..4"', ["1..4"]),
        ("prompt=a..b", ["a..b"]),
        ('prompt=""', [""]),
        ("prompt=<lora:x:1>=y", ["<lora:x:1>=y"]),
    ],
)
def test_texts_are_quoted_where_they_hold_commas(text: str, expected: list[str]) -> None:
    assert labels(text) == values(text) == expected


def test_values_are_typed_by_their_path() -> None:
    assert values("size=512x768") == [Size(512, 768)]
    assert values("zero_terminal_snr=true,false") == [True, False]
    assert values("vae=null,x.pt") == [None, AssetRef(name="x.pt")]
    assert values("checkpoint=/models/b.safetensors") == [AssetRef(name="b.safetensors", path="/models/b.safetensors")]


def test_a_sampler_goes_by_its_id_or_by_its_label() -> None:
    (first, second) = axis("sampler=heun,DPM++ 2M Karras").points
    assert [(edit.path, edit.value) for edit in first.edits if isinstance(edit, Setting)] == [
        ("sampling.sampler", "heun")
    ]
    assert [(edit.path, edit.value) for edit in second.edits if isinstance(edit, Setting)] == [
        ("sampling.sampler", "dpmpp_2m"),
        ("sampling.schedule", "karras"),
    ]


def test_a_schedule_goes_by_its_label() -> None:
    assert values("schedule=Align Your Steps,simple") == ["align_your_steps", "simple"]


@pytest.mark.parametrize("text", ["sampler=oiler", "schedule=karas"])
def test_an_unknown_name_offers_the_closest(text: str) -> None:
    with pytest.raises(UnknownName) as refused:
        axis(text)
    assert "did you mean" in str(refused.value.diagnostics[0].help)


def test_a_text_of_the_prompt_gives_way() -> None:
    found = axis('prompt:cat=dog,"a red, old fox"')
    assert found.name == "cat"
    assert [point.edits for point in found.points] == [
        (Replacement(paths=("prompt",), old="cat", new=new),) for new in ("dog", "a red, old fox")
    ]


def test_a_text_that_gives_way_may_be_quoted() -> None:
    (point,) = axis('prompt:"a=b, c"=x').points
    assert point.edits == (Replacement(paths=("prompt",), old="a=b, c", new="x"),)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("seed", "PC830"),
        ("seed=", "PC830"),
        ("=1", "PC830"),
        ("", "PC830"),
        ("seed=1,,2", "PC830"),
        ('seed="1', "PC830"),
        ("seed=1..4 stop", "PC830"),
        ("seed=1..4 step 0", "PC830"),
        ("sed=1", "PC312"),
        ("width=64", "PC312"),
        ("steps:cat=dog", "PC312"),
        ("steps=many", "PC311"),
        ("steps=0", "PC311"),
        ("networks=[]", "PC311"),
        ("assets.networks=[]", "PC311"),
        ("seed=1..99999999999999999999", "PC832"),
        (f"seed={'1,' * 1000}1", "PC832"),
        ("prompt:zebra=cat", "PC833"),
        ("negative:cat=dog", "PC833"),
    ],
)
def test_what_is_no_axis_is_refused_by_its_cause(text: str, code: str) -> None:
    assert refusal(text) == code


def test_two_axes_over_one_value_are_refused() -> None:
    assert refusal("seed=1,2", "noise.seed=3") == "PC834"


def test_the_schedule_of_a_joined_name_counts_as_its_axis() -> None:
    assert refusal("sampler=DPM++ 2M Karras", "schedule=simple") == "PC834"


def test_two_texts_of_one_prompt_may_give_way() -> None:
    assert read_sweep(["prompt:cat=a,b", "prompt:dog=c"], JOB).count == 2


def test_a_text_may_stand_in_a_prompt_of_another_axis() -> None:
    assert read_sweep(["prompt=one bird,two birds", "prompt:bird=owl,wren"], JOB).count == 4


def test_a_sweep_has_an_end() -> None:
    assert refusal("seed=1..500", "steps=1..500") == "PC832"


def test_a_message_repeats_only_the_start_of_a_long_axis() -> None:
    with pytest.raises(InvalidValue) as refused:
        axis("!" * 100_000)
    assert len(refused.value.diagnostics[0].message) < 300


@given(st.text(st.sampled_from('seedprompt=:,."\\ 01-+é\n\x00\ud800step')) | st.text())
def test_whatever_is_typed_is_an_axis_or_refused(text: str) -> None:
    for words in (text, f"prompt={text}", f"seed={text}", f"prompt:cat={text}", f'prompt:"{text}"=x'):
        with contextlib.suppress(ParamcError):
            assert axis(words).points
