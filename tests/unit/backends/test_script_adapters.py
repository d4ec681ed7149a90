"""IP-Adapters and T2I-Adapters in scripts: what is loaded, what the call is told, and what is read back."""

import ast
from pathlib import Path

import pytest

import paramc
from paramc.backends.registry import find_target
from paramc.ir.assets import AssetRef, ImageRef
from paramc.ir.control import ControlNet
from paramc.ir.job import Job
from tests.unit.backends.scripts import HIRES, PLAIN, arguments, constants, ruff, with_family

HUB = ("h94/IP-Adapter", "models", "ip-adapter_sd15.safetensors")
SECOND = PLAIN.replace(", Version", f", Hires steps: 5, {HIRES}Latent, Version")
REDRAWN = PLAIN.replace(", Version", ", Denoising strength: 0.4, Version")
ADAPTERS = ("t2i-adapter_xl_canny", "t2i-adapter_xl_sketch")


def unit(name: str, number: int = 0, path: str | None = None, passes: str = "both") -> ControlNet:
    asset = AssetRef(name=name, path=path)
    told = {"unit": number, "model": asset, "image": ImageRef(path=f"{number}.png"), "weight": 0.7, "passes": passes}
    return ControlNet.model_validate(told)


def job(*units: ControlNet, base: str = "sd1", text: str = PLAIN) -> Job:
    return with_family(text, base, base).model_copy(update={"controls": units})


def script(*units: ControlNet, base: str = "sd1", text: str = PLAIN) -> str:
    return paramc.compile(job(*units, base=base, text=text), "diffusers").text


def grade(made: Job) -> set[str]:
    fates = paramc.compile(made, "diffusers").report.fates
    return {fate.grade for fate in fates if "control.controlnet" in fate.features}


@pytest.mark.parametrize(
    ("name", "path", "place"),
    [
        ("ip-adapter_sd15", None, HUB),
        ("ip-adapter_mine", None, (".", "", "ip-adapter_mine.safetensors")),
        ("ip-adapter_sd15", "/models/ip-adapter_sd15.bin", ("/models", "", "ip-adapter_sd15.bin")),
        ("ip-adapter_sd15", "h94/IP-Adapter/models/ip-adapter_sd15.safetensors", HUB),
        ("ip-adapter_x", "a/b/ip-adapter_x.bin", ("a/b", "", "ip-adapter_x.bin")),
    ],
)
def test_an_adapter_is_loaded_from_where_it_lies(name: str, path: str | None, place: tuple[str, ...]) -> None:
    assert constants(script(unit(name, path=path)))["IP_ADAPTERS"] == [place]


@pytest.mark.parametrize(
    ("base", "name", "folder"),
    [
        ("sd1", "ip-adapter_sd15", "models/image_encoder"),
        ("sd1", "ip-adapter_sd15_vit-G", "sdxl_models/image_encoder"),
        ("sdxl", "ip-adapter_sdxl", "sdxl_models/image_encoder"),
        ("sdxl", "ip-adapter_sdxl_vit-h", "models/image_encoder"),
    ],
)
def test_an_adapter_looks_through_its_own_image_encoder(base: str, name: str, folder: str) -> None:
    loading = arguments(script(unit(name), base=base), "CLIPVisionModelWithProjection.from_pretrained")
    assert loading["subfolder"] == repr(folder)


@pytest.mark.parametrize("text", [PLAIN, REDRAWN])
def test_pictures_are_shown_beside_nets_that_steer(text: str) -> None:
    source = script(unit("ip-adapter_sd15"), unit("canny", 1), unit("ip-adapter-plus_sd15", 2), text=text)
    found = constants(source)
    assert (found["IP_IMAGES"], found["CONTROL_IMAGES"]) == (["0.png", "2.png"], ["1.png"])
    assert arguments(source, "pipe")["ip_adapter_image"] == "shown"


@pytest.mark.parametrize(
    ("passes", "scales"), [("first", ([0.7], [0.0])), ("second", ([0.0], [0.7])), ("both", ([0.7], None))]
)
def test_a_picture_counts_in_its_passes(passes: str, scales: tuple[object, object]) -> None:
    source = script(unit("ip-adapter_sd15", passes=passes), text=SECOND)
    found = constants(source)
    assert (found["IP_SCALES"], found.get("HIRES_IP_SCALES")) == scales
    assert ("hires.set_ip_adapter_scale(HIRES_IP_SCALES)" in source) == (scales[1] is not None)
    assert arguments(source, "hires")["ip_adapter_image"] == "shown"


@pytest.mark.parametrize(("end", "expected"), [(1.0, {"exact"}), (0.6, {"approximate"})])
def test_a_picture_is_shown_in_every_step(end: float, expected: set[str]) -> None:
    assert grade(job(unit("ip-adapter_sd15").model_copy(update={"end": end}))) == expected


def test_one_adapter_steers_by_itself_and_several_together() -> None:
    one = arguments(script(unit(ADAPTERS[0]), base="sdxl"), "pipe")
    assert (one["image"], one["adapter_conditioning_scale"]) == ("controls[0]", "CONTROL_SCALES[0]")
    both = script(*(unit(name, number) for number, name in enumerate(ADAPTERS)), base="sdxl")
    assert arguments(both, "pipe")["image"] == "controls"
    assert "adapter=MultiAdapter(adapters)" in both


def test_adapters_of_published_names_come_from_their_repositories() -> None:
    found = constants(script(unit("t2iadapter_canny_sd15v2"), unit("t2iadapter_mine", 1)))
    assert found["ADAPTERS"] == ["TencentARC/t2iadapter_canny_sd15v2", "t2iadapter_mine"]


@pytest.mark.parametrize("text", [SECOND, REDRAWN])
def test_adapters_steer_where_their_pipeline_paints(text: str) -> None:
    made = job(unit("t2iadapter_canny_sd15v2"), text=text)
    assert grade(made) == {"dropped"}
    assert "T2IAdapter" not in paramc.compile(made, "diffusers").text


def test_networks_that_the_pipeline_of_adapters_has_not_are_left_out_and_said() -> None:
    text = PLAIN.replace("a cat", "a cat <lora:x:0.5>")
    adapted, steered = (job(unit(name), text=text) for name in ("t2iadapter_canny_sd15v2", "canny"))
    assert "load_lora_weights" not in paramc.compile(adapted, "diffusers").text
    assert "load_lora_weights" in paramc.compile(steered, "diffusers").text
    prompt = next(fate for fate in paramc.compile(adapted, "diffusers").report.fates if fate.key == "prompt")
    assert (prompt.grade, prompt.code) == ("approximate", "PC601")


@pytest.mark.parametrize(
    ("base", "names", "text"),
    [
        ("sd1", ("ip-adapter_sd15",), PLAIN),
        ("sd1", ("ip-adapter_sd15", "canny"), REDRAWN),
        ("sd1", ("ip-adapter_sd15",), SECOND),
        ("sd1", ("t2iadapter_canny_sd15v2",), PLAIN),
        ("sdxl", ("ip-adapter_sdxl", *ADAPTERS), PLAIN),
        ("flux", ("ip-adapter",), PLAIN.replace("Automatic", "Simple")),
    ],
)
def test_scripts_with_adapters_read_back_as_themselves(
    tmp_path: Path, base: str, names: tuple[str, ...], text: str
) -> None:
    source = script(*(unit(name, number) for number, name in enumerate(names)), base=base, text=text)
    back = paramc.parse(source)
    assert len(back.controls) == len(names)
    assert {each.weight for each in back.controls} == {0.7}
    again = paramc.compile(back.model_copy(update={"family": with_family(text, base, base).family}), "diffusers").text
    assert ast.unparse(ast.parse(again).body[1:]) == ast.unparse(ast.parse(source).body[1:])
    (tmp_path / "script.py").write_text(source)
    assert "would be reformatted" not in ruff("format", "--check", folder=tmp_path)
    assert ruff("check", "--select", "E4,E7,E9,F,I", folder=tmp_path).strip() == "All checks passed!"


def test_units_are_told_apart_by_their_names() -> None:
    kinds = {
        name: find_target("diffusers").kind_of(unit(name)) for name in ("ip-adapter_sd15", "IP-Adapter-FaceID", "x")
    }
    assert kinds == {"ip-adapter_sd15": "ip_adapter", "IP-Adapter-FaceID": "other", "x": None}


def test_pictures_that_steer_are_brought_to_size_in_their_own_way() -> None:
    shown = unit("ip-adapter_sd15").model_copy(update={"resize": "stretch"})
    assert "ImageOps.pad(" in script(shown, unit("canny", 1).model_copy(update={"resize": "pad"}))
