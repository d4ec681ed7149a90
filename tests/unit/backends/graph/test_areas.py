"""Prompts that count in parts of the picture, out of graphs and into them."""

import json
from typing import Any

import pytest

import paramc
from paramc.ir.assets import ImageRef
from paramc.ir.control import PromptArea
from paramc.ir.job import Job
from tests.unit.backends.graph.plans import every, only
from tests.unit.backends.graph.server import refusals
from tests.unit.dialects.graph.drawings import Drawing, drawing, job_of, named, node, sampler

SETTINGS = "Steps: 4, Sampler: Euler, CFG scale: 6, Seed: 1, Size: 640x512, Model: dreamshaper_8"
LEFT = {"width": 320, "height": 512, "x": 0, "y": 0, "strength": 0.8}


def beside(last: dict[str, Any], **more: dict[str, Any]) -> Drawing:
    """A pass guided by `a cat` and, in a place that the node `last` lays over it, `a dog`."""
    dog = node("CLIPTextEncode", text="a dog", clip=("file", 1))
    both = node("ConditioningCombine", conditioning_1=("good", 0), conditioning_2=("placed", 0))
    return drawing(dog=dog, placed=last, both=both, **{"pass": sampler(positive=("both", 0))}, **more)


def areas_of(job: Job) -> list[PromptArea]:
    return [patch for patch in job.patches if isinstance(patch, PromptArea)]


def placed(*areas: PromptArea, prompt: str = "a cat :0.5 AND a dog :0.5") -> Job:
    return paramc.parse(f"{prompt}\n{SETTINGS}").model_copy(update={"patches": areas, "ledger": ()})


def written(job: Job) -> dict[str, Any]:
    graph: dict[str, Any] = json.loads(paramc.compile(job, "comfyui").text)
    assert refusals(graph) == []
    return graph


def test_a_rectangle_of_pixels_is_read() -> None:
    job = job_of(beside(node("ConditioningSetArea", conditioning=("dog", 0), **LEFT)))
    assert areas_of(job) == [PromptArea(branch=1, strength=0.8, width=320, height=512)]
    assert (job.prompt.text, job.sampling.cfg_scale, named(job)) == ("a cat :0.5 AND a dog :0.5", 7.0, [])


def test_a_rectangle_in_shares_is_read() -> None:
    told = {"width": 0.5, "height": 1.0, "x": 0.25, "y": 0.0, "strength": 1.0}
    job = job_of(beside(node("ConditioningSetAreaPercentage", conditioning=("dog", 0), **told)))
    assert areas_of(job) == [PromptArea(branch=1, unit="share", x=0.25, width=0.5, height=1.0)]


def test_the_only_prompt_may_have_an_area() -> None:
    area = node("ConditioningSetArea", conditioning=("good", 0), **LEFT)
    job = job_of(drawing(area=area, **{"pass": sampler(positive=("area", 0))}))
    assert (job.prompt.text, job.text.language) == ("a cat", "comfyui")
    assert areas_of(job) == [PromptArea(strength=0.8, width=320, height=512)]


def test_an_area_laid_over_several_prompts_is_that_of_each() -> None:
    both = node("ConditioningCombine", conditioning_1=("good", 0), conditioning_2=("dog", 0))
    area = node("ConditioningSetArea", conditioning=("both", 0), **LEFT)
    dog = node("CLIPTextEncode", text="a dog", clip=("file", 1))
    job = job_of(drawing(dog=dog, both=both, area=area, **{"pass": sampler(positive=("area", 0))}))
    assert areas_of(job) == [PromptArea(branch=at, strength=0.8, width=320, height=512) for at in (0, 1)]


MASKS: dict[str, tuple[Drawing, dict[str, Any]]] = {
    "channel": ({"mask": node("LoadImageMask", image="m.png", channel="blue")}, {"mask_channel": "blue"}),
    "transparent": ({"mask": node("LoadImage", image="m.png")}, {"mask_channel": "alpha"}),
    "inverted": (
        {"load": node("LoadImageMask", image="m.png", channel="red"), "mask": node("InvertMask", mask=("load", 0))},
        {"inverts_mask": True},
    ),
    "picture": (
        {
            "load": node("LoadImage", image="m.png"),
            "mask": node("ImageToMask", image=("load", 0), channel="green"),
        },
        {"mask_channel": "green"},
    ),
    "there and back": (
        {
            "load": node("LoadImageMask", image="m.png", channel="alpha"),
            "shown": node("MaskToImage", mask=("load", 0)),
            "mask": node("ImageToMask", image=("shown", 0), channel="red"),
        },
        {"mask_channel": "alpha"},
    ),
}


@pytest.mark.parametrize("name", MASKS)
def test_a_mask_is_read_as_it_lies_in_its_file(name: str) -> None:
    more, said = MASKS[name]
    slot = 1 if name == "transparent" else 0
    told = {"mask": ("mask", slot), "strength": 0.7, "set_cond_area": "mask bounds"}
    job = job_of(beside(node("ConditioningSetMask", conditioning=("dog", 0), **told), **more))
    mask = PromptArea(branch=1, mask=ImageRef(path="m.png"), mask_strength=0.7, fits_mask=True)
    assert (areas_of(job), named(job)) == ([mask.model_copy(update=said)], [])


@pytest.mark.parametrize("is_last", [True, False])
def test_of_a_rectangle_and_one_around_a_mask_the_last_counts(is_last: bool) -> None:
    mask = {"mask": ("mask", 0), "strength": 0.7, "set_cond_area": "mask bounds"}
    laid = {"ConditioningSetArea": LEFT, "ConditioningSetMask": mask}
    first, last = sorted(laid, reverse=is_last)
    below = node(first, conditioning=("dog", 0), **laid[first])
    drawn = beside(
        node(last, conditioning=("below", 0), **laid[last]),
        below=below,
        mask=node("LoadImageMask", image="m.png", channel="red"),
    )
    (area,) = areas_of(job_of(drawn))
    assert (area.width, area.strength, area.mask_strength, area.fits_mask) == (320, 0.8, 0.7, not is_last)


@pytest.mark.parametrize(
    "mask",
    [
        {"mask": node("SolidMask", value=1.0, width=64, height=64)},
        {"load": node("LoadImageMask", image="m.png", channel="red"), "mask": node("GrowMask", mask=("load", 0), expand=9)},
    ],
)  # fmt: skip
def test_a_mask_that_is_no_file_s_is_named(mask: Drawing) -> None:
    told = {"mask": ("mask", 0), "strength": 0.7, "set_cond_area": "default"}
    job = job_of(beside(node("ConditioningSetMask", conditioning=("dog", 0), **told), **mask))
    assert "ConditioningSetMask" in named(job)


def test_an_area_of_a_negative_is_named() -> None:
    area = node("ConditioningSetArea", conditioning=("bad", 0), **LEFT)
    job = job_of(drawing(area=area, **{"pass": sampler(negative=("area", 0))}))
    assert (areas_of(job), named(job)) == ([], ["ConditioningSetArea"])


def test_an_area_of_a_text_that_comes_later_is_named() -> None:
    area = node("ConditioningSetArea", conditioning=("dog", 0), **LEFT)
    parts = {
        "early": node("ConditioningSetTimestepRange", conditioning=("good", 0), start=0.0, end=0.5),
        "late": node("ConditioningSetTimestepRange", conditioning=("area", 0), start=0.5, end=1.0),
    }
    job = job_of({**beside(parts["late"], area=area), "good2": parts["early"]})
    assert "ConditioningSetArea" in named(job)


@pytest.mark.parametrize(
    ("kind", "inputs"),
    [
        ("PairConditioningSetProperties", {"positive_NEW": ("good", 0), "negative_NEW": ("bad", 0)}),
        ("PairConditioningCombine", {"positive_A": ("good", 0), "negative_A": ("bad", 0)}),
    ],
)
def test_both_sides_of_what_changes_a_pair_are_told_apart(kind: str, inputs: dict[str, Any]) -> None:
    pair = node(kind, **inputs)
    job = job_of(drawing(pair=pair, **{"pass": sampler(positive=("pair", 0), negative=("pair", 1))}))
    assert (job.prompt.text, job.negative.text, named(job)) == ("a cat", "blurry", [kind])


@pytest.mark.parametrize("text", ["a cat", "another"])
def test_a_second_pass_with_other_places_is_named(text: str) -> None:
    area = node("ConditioningSetArea", conditioning=("good", 0), **LEFT)
    again = node("CLIPTextEncode", text=text, clip=("file", 1))
    larger = node("LatentUpscaleBy", samples=("first", 0), upscale_method="bilinear", scale_by=2.0)
    first = sampler(positive=("area", 0))
    second = sampler(positive=("again", 0), latent_image=("larger", 0), denoise=0.5)
    job = job_of(drawing(area=area, again=again, larger=larger, first=first, **{"pass": second}))
    assert (named(job) == ["KSampler"]) == (text == "a cat")  # what has a text of its own counts everywhere


def test_what_was_read_is_written() -> None:
    areas = (
        PromptArea(strength=1.5, x=64, width=128, height=256),
        PromptArea(branch=1, strength=0.5, mask=ImageRef(path="m.png"), inverts_mask=True, mask_strength=0.7),
    )
    graph = written(placed(*areas))
    rectangle = only(graph, "ConditioningSetArea")
    assert {name: rectangle[name] for name in ("x", "y", "width", "height", "strength")} == {
        "x": 64, "y": 0, "width": 128, "height": 256, "strength": 1.5,
    }  # fmt: skip
    mask = only(graph, "ConditioningSetMask")
    assert (mask["strength"], graph[mask["conditioning"][0]]["class_type"]) == (0.7, "ConditioningSetAreaStrength")
    assert (graph[mask["mask"][0]]["class_type"], only(graph, "KSampler")["cfg"]) == ("InvertMask", 6.0)
    assert areas_of(paramc.parse(json.dumps(graph))) == list(areas)


@pytest.mark.parametrize(
    ("edit", "place", "changed"),
    [
        ({"patches.prompt_area.width": 128.0}, "rectangle", {"width": 128}),
        ({"patches.prompt_area.strength": 0.5}, "rectangle", {"strength": 0.5}),
        ({"patches.prompt_area.mask.path": "n.png"}, "mask", {"image": "n.png"}),
        ({"patches.prompt_area.mask_channel": "alpha"}, "mask", {"channel": "alpha"}),
        ({"patches.prompt_area.mask_strength": 0.25}, "placed", {"strength": 0.25}),
    ],
)
def test_a_change_is_one_of_its_widget_alone(edit: dict[str, object], place: str, changed: dict[str, object]) -> None:
    """The area is the only one, and that of the second prompt."""
    told = {"mask": ("mask", 0), "strength": 0.7, "set_cond_area": "default"}
    mask = node("LoadImageMask", image="m.png", channel="red")
    rectangle = node("ConditioningSetArea", conditioning=("dog", 0), **LEFT)
    api = beside(node("ConditioningSetMask", conditioning=("rectangle", 0), **told), mask=mask, rectangle=rectangle)
    graph = json.loads(paramc.compile(job_of(api).replace(edit), "comfyui").text)
    assert graph == api | {place: {**api[place], "inputs": api[place]["inputs"] | changed}}


def test_of_a_widget_for_two_areas_one_alone_cannot_be_changed() -> None:
    both = node("ConditioningCombine", conditioning_1=("good", 0), conditioning_2=("dog", 0))
    area = node("ConditioningSetArea", conditioning=("both", 0), **LEFT)
    dog = node("CLIPTextEncode", text="a dog", clip=("file", 1))
    job = job_of(drawing(dog=dog, both=both, area=area, **{"pass": sampler(positive=("area", 0))}))
    one, all_ = (
        written(job.replace(dict.fromkeys(paths, 128.0)))
        for paths in (["patches.prompt_area.width"], ["patches.prompt_area.width", "patches.prompt_area[1].width"])
    )
    assert [each["width"] for each in every(one, "ConditioningSetArea")] == [128, 320]
    assert [each["width"] for each in every(all_, "ConditioningSetArea")] == [128]


def test_a_weight_without_a_place_comes_back() -> None:
    areas = (PromptArea(strength=1.0), PromptArea(branch=1, width=64, height=64))
    assert areas_of(paramc.parse(json.dumps(written(placed(*areas))))) == list(areas)


def test_a_small_rectangle_is_written_in_shares() -> None:
    rectangle = only(written(placed(PromptArea(x=320, y=128, width=32, height=16))), "ConditioningSetAreaPercentage")
    assert [rectangle[name] for name in ("x", "y", "width", "height")] == [0.5, 0.25, 0.05, 0.03125]


def test_strengths_above_the_nodes_are_scaled_together() -> None:
    areas = [PromptArea(branch=at, strength=strength, width=64, height=64) for at, strength in ((0, 40.0), (1, 10.0))]
    assert [area["strength"] for area in every(written(placed(*areas)), "ConditioningSetArea")] == [10.0, 2.5]


def test_a_mask_that_weighs_more_than_a_node_takes_weighs_in_its_strength() -> None:
    mask = PromptArea(branch=1, mask=ImageRef(path="m.png"), mask_strength=20.0)
    graph = written(placed(mask))
    assert only(graph, "ConditioningSetMask")["strength"] == 10.0
    assert only(graph, "ConditioningSetAreaStrength")["strength"] == 2.0


@pytest.mark.parametrize("target", ["comfyui", "run"])
@pytest.mark.parametrize(
    "idle",
    [
        PromptArea(branch=2, width=64, height=64),  # of no prompt
        PromptArea(width=128, height=64),  # the first prompt's second
        PromptArea(branch=1, x=-8.0, width=64, height=64),
        PromptArea(branch=1, width=64, height=float("nan")),
        PromptArea(branch=1, strength=float("inf")),
    ],
)
def test_an_area_that_counts_for_nothing_is_said_to_be_lost(idle: PromptArea, target: str) -> None:
    job = placed(PromptArea(width=64, height=64), idle)
    fates = [fate for fate in paramc.compile(job, target).report.fates if "patch.prompt_area" in fate.features]
    assert {(path.partition(".kind")[0], fate.grade) for fate in fates for path in fate.paths if "kind" in path} == {
        ("patches.prompt_area", "exact"),
        ("patches.prompt_area[1]", "dropped"),
    }


@pytest.mark.parametrize(
    ("prompt", "grade"), [("a :0.5 AND b :0.5", "exact"), ("a AND b :-1", "dropped"), ("a :0 AND b :0", "dropped")]
)
def test_only_a_mean_has_areas(prompt: str, grade: str) -> None:
    result = paramc.compile(placed(PromptArea(width=64, height=64), prompt=prompt), "comfyui")
    fates = [fate for fate in result.report.fates if "patch.prompt_area" in fate.features]
    assert {fate.grade for fate in fates} == {grade}
    assert ('ConditioningSetArea"' in result.text) == (grade == "exact")


@pytest.mark.parametrize("target", ["a1111", "diffusers", "invokeai"])
def test_other_targets_say_that_every_prompt_counts_everywhere(target: str) -> None:
    fates = paramc.compile(placed(PromptArea(width=64, height=64)), target).report.fates
    assert {fate.grade for fate in fates if "patch.prompt_area" in fate.features} == {"dropped"}


@pytest.mark.parametrize(
    ("area", "is_outside"),
    [
        (PromptArea(x=640, width=64, height=64), True),
        (PromptArea(x=632, width=64, height=64), False),
        (PromptArea(y=512, width=64, height=64), True),
        (PromptArea(unit="share", y=1.0, width=0.5, height=0.5), True),
        (PromptArea(unit="share", y=0.9, width=0.5, height=0.5), False),
        (PromptArea(x=640), False),  # the whole picture
    ],
)
def test_an_area_outside_the_picture_is_told_of(area: PromptArea, is_outside: bool) -> None:
    assert ("PC454" in {said.code for said in paramc.check(placed(area))}) == is_outside
