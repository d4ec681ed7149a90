"""Scripts of the style `exact` for prompts that count in parts of the picture: what stands in them, and reads back."""

import ast
import json
import re
from pathlib import Path

import pytest

import paramc
from paramc.backends.report import Grade
from paramc.ir.assets import AssetRef, ImageRef
from paramc.ir.control import ControlNet, PromptArea
from paramc.ir.job import Job
from tests.unit.backends.scripts import PLAIN, constants, ruff, with_family
from tests.unit.dialects.graph.drawings import drawing, node, sampler

EXACT = {"style": "exact"}
HOSTILE = '"""\nimport os\n# \\ {{ 7 * 7 }} \' \u202e.png'
RECTANGLE = PromptArea(branch=1, x=64, y=8, width=256, height=384, strength=0.8)
MASKED = PromptArea(
    mask=ImageRef(path="m.png"), mask_channel="alpha", inverts_mask=True, mask_strength=0.5, fits_mask=True
)
SHARES = PromptArea(branch=1, unit="share", width=0.5, height=1.0)
PLACES = {"rectangle": (RECTANGLE,), "mask": (MASKED,), "both": (SHARES, MASKED)}


def placed(
    *areas: PromptArea, prompt: str = "a cat :0.5 AND a dog :0.5", family: str = "sd1", base: str = "sd1"
) -> Job:
    made = with_family(PLAIN.replace("a cat", prompt, 1), family, base)
    return made.model_copy(update={"patches": areas, "ledger": ()})


def written(job: Job) -> str:
    return paramc.compile(job, "diffusers", options=EXACT).text


def grades(job: Job, **options: str) -> set[Grade]:
    fates = paramc.compile(job, "diffusers", options=options).report.fates
    return {fate.grade for fate in fates if "patch.prompt_area" in fate.features}


def areas_of(job: Job) -> list[PromptArea]:
    return [patch for patch in job.patches if isinstance(patch, PromptArea)]


def test_what_is_said_of_places_stands_at_the_top() -> None:
    found = constants(written(placed(RECTANGLE, MASKED)))["PROMPT_AREAS"]
    mask = {"mask": "m.png", "mask_channel": "alpha", "inverts_mask": True, "mask_strength": 0.5, "fits_mask": True}
    assert found == [mask, {"x": 64, "y": 8, "width": 256, "height": 384, "strength": 0.8}]


def test_a_prompt_without_a_place_counts_everywhere() -> None:
    source = written(placed(RECTANGLE))
    assert "# Where each prompt counts, None for everywhere" in source
    assert constants(source)["PROMPT_AREAS"] == [None, {"x": 64, "y": 8, "width": 256, "height": 384, "strength": 0.8}]


def test_a_mask_that_nobody_names_has_a_name_to_be_put_at() -> None:
    unnamed = (PromptArea(mask=ImageRef()), PromptArea(branch=1, mask=ImageRef()))
    assert constants(written(placed(*unnamed)))["PROMPT_AREAS"] == [{"mask": "mask_1.png"}, {"mask": "mask_2.png"}]


def test_nothing_of_a_place_leaves_its_text() -> None:
    source = written(placed(PromptArea(mask=ImageRef(path=HOSTILE)), prompt='a """ cat :0.5 AND \\" :0.5'))
    assert constants(source)["PROMPT_AREAS"] == [{"mask": HOSTILE}, None]
    assert "os" not in {node.name for node in ast.walk(ast.parse(source)) if isinstance(node, ast.alias)}
    assert source.replace("\n", "").isprintable()


@pytest.mark.parametrize("base", ["sd1", "sd2", "sdxl", "sd3", "flux"])
@pytest.mark.parametrize("name", PLACES)
def test_scripts_with_places_read_back_as_themselves(name: str, base: str) -> None:
    job = placed(*PLACES[name], base=base, family=base)
    source = written(job)
    again = paramc.parse(source)
    assert again == job.model_copy(update={"producer": again.producer})
    assert written(again.model_copy(update={"family": job.family})) == source


def test_a_graph_with_places_survives_a_script() -> None:
    told = {"mask": ("mask", 0), "strength": 0.7, "set_cond_area": "mask bounds"}
    parts = {
        "dog": node("CLIPTextEncode", text="a dog", clip=("file", 1)),
        "mask": node("LoadImageMask", image="m.png", channel="blue"),
        "placed": node("ConditioningSetMask", conditioning=("dog", 0), **told),
        "both": node("ConditioningCombine", conditioning_1=("good", 0), conditioning_2=("placed", 0)),
        "pass": sampler(positive=("both", 0)),
    }
    job = paramc.parse(json.dumps(drawing(**parts)))
    again = paramc.parse(written(job))
    expected = PromptArea(branch=1, mask=ImageRef(path="m.png"), mask_channel="blue", mask_strength=0.7, fits_mask=True)
    assert areas_of(again) == areas_of(job) == [expected]
    assert written(again) == written(paramc.parse(written(again)))


def test_numbers_of_places_that_were_changed_are_read() -> None:
    source = (
        written(placed(RECTANGLE, MASKED))
        .replace('"x": 64.0', '"x": 32')
        .replace('"fits_mask": True', '"fits_mask": False')
    )
    mask = MASKED.model_copy(update={"fits_mask": False})
    assert areas_of(paramc.parse(source)) == [RECTANGLE.model_copy(update={"x": 32.0}), mask]


def test_of_several_places_of_a_prompt_the_first_counts() -> None:
    job = placed(RECTANGLE, RECTANGLE.model_copy(update={"x": 0.0}))
    source = written(job).replace('"x": 64.0', '"x": 32.0')
    assert [area.x for area in areas_of(paramc.parse(source))] == [32.0, 0.0]


@pytest.mark.parametrize(
    "said",
    ['{"x": -8}', '{"x": 1e999}', '{"x": "8"}', '{"mask": 3}', "{3: 4, **{}}", "[8]", "7", '{"x.y": 8}'],
)
def test_what_no_place_can_have_is_no_error(said: str) -> None:
    source = written(placed(RECTANGLE))
    changed = re.sub(r"(?ms)^PROMPT_AREAS = \[\n.*?^\]$", f"PROMPT_AREAS = [None, {said}]", source)
    assert said in changed
    assert areas_of(paramc.parse(changed)) == [RECTANGLE]


@pytest.mark.parametrize(
    ("job", "grade"),
    [
        (placed(RECTANGLE), "exact"),
        (placed(RECTANGLE, base="flux", family="flux"), "exact"),
        (placed(RECTANGLE, family="sd1-inpaint"), "dropped"),
        (placed(RECTANGLE, base="z-image", family="z-image"), "dropped"),
        (placed(RECTANGLE, prompt="a cat AND a dog :-1"), "dropped"),
        (placed(RECTANGLE).model_copy(update={"controls": (ControlNet(model=AssetRef(name="canny")),)}), "dropped"),
    ],
)
def test_places_are_kept_where_the_script_samples_by_itself(job: Job, grade: Grade) -> None:
    assert grades(job, style="exact") == {grade}
    assert grades(job) == {"dropped"}
    assert ("PROMPT_AREAS" in written(job)) == (grade == "exact")


def test_a_second_place_of_a_prompt_is_named() -> None:
    report = paramc.compile(placed(RECTANGLE, SHARES), "diffusers", options=EXACT).report
    lost = {fate.paths[0]: fate.why for fate in report.fates if fate.grade == "dropped"}
    assert {path.rpartition(".")[0] for path in lost} == {"patches.prompt_area[1]"}
    assert all("it has an area already" in why for why in lost.values())


@pytest.mark.parametrize("base", ["sd1", "sdxl", "flux"])
def test_scripts_with_places_are_formatted_and_use_all_that_they_say(tmp_path: Path, base: str) -> None:
    for name, areas in PLACES.items():
        source = written(placed(*areas, base=base, family=base))
        (tmp_path / f"{name}.py").write_text(source)
        tree = ast.parse(source)
        named = {each.id for each in ast.walk(tree) if isinstance(each, ast.Name)}
        defined = [each.name for each in tree.body if isinstance(each, ast.FunctionDef | ast.ClassDef)]
        assert sorted({*defined} & named) == sorted(defined)
    assert ruff("format", "--diff", folder=tmp_path) == ""
    assert ruff("check", "--select", "E4,E7,E9,F,I,B", folder=tmp_path).strip() == "All checks passed!"


def test_a_weight_of_the_only_prompt_is_written() -> None:
    (part,) = ast.literal_eval(str(constants(written(placed(prompt="a cat :0.6")))["PROMPT"]))
    assert part[0] == 0.6
