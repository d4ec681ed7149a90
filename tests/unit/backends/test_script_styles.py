"""The styles of scripts, and what they are told beside the picture: folders, names, switches, notebooks."""

import ast
import json
import re
from pathlib import Path

import pytest

import paramc
from paramc import ReadError
from paramc.backends.description import Condition, Target
from paramc.backends.loops import read_loops
from paramc.backends.notebook import source_of
from paramc.backends.parts import quoted, read_parts
from paramc.dialects.registry import dialects
from paramc.ir.assets import AssetRef
from paramc.ir.control import ControlNet
from paramc.runtime.text.manners import find_manner
from paramc.tables import TableError, as_row, section
from tests.unit.backends.scripts import FLUX, HIRES, PLAIN, TARGET, constants, ruff, script, with_family

CARD = PLAIN.replace(", RNG: CPU", "")
SECOND = PLAIN.replace(", Version", f", Hires steps: 5, {HIRES}Lanczos, Version")
LOOPS = {
    "plain": CARD,
    "picture": PLAIN.replace(", Version", ", Denoising strength: 0.4, Version"),
    "latent": PLAIN.replace(", Version", f", Hires steps: 5, {HIRES}Latent, Version"),
    "second": SECOND,
    "parts": PLAIN.replace("a cat", "a [cat:dog:0.5] AND b :0.3").replace("Size", "Batch size: 2, Size"),
    "varied": PLAIN.replace("Size", "Variation seed: 3, Variation seed strength: 0.2, Batch size: 2, Size"),
    "timesteps": PLAIN.replace("Euler", "DDIM"),
    "brownian": PLAIN.replace("Euler", "DPM++ SDE"),
    "forge": PLAIN.replace("v1.10.1", "f2.0.1v1.10.1-previous-636-gb835f24a").replace("Euler", "DDIM"),
}
SWITCHES = (
    ("offload", "model", "pipe.enable_model_cpu_offload()"),
    ("offload", "sequential", "pipe.enable_sequential_cpu_offload()"),
    ("vae_tiling", "true", "pipe.vae.enable_tiling()"),
    ("attention", "slicing", "pipe.enable_attention_slicing()"),
    ("attention", "xformers", "pipe.enable_xformers_memory_efficient_attention()"),
    ("compile", "true", "pipe.unet.compile()"),
    ("progress", "false", "pipe.set_progress_bar_config(disable=True)"),
)


@pytest.mark.parametrize("base", ["sd1", "sdxl", "sd3", "flux"])
def test_loops_of_their_own_are_formatted_and_sorted(tmp_path: Path, base: str) -> None:
    for name, text in LOOPS.items():
        (tmp_path / f"{name}.py").write_text(script(text, base, base, (("style", "exact"),)))
    assert "would be reformatted" not in ruff("format", "--check", folder=tmp_path)
    assert ruff("check", "--select", "E4,E7,E9,F,I", folder=tmp_path).strip() == "All checks passed!"


def test_a_loop_of_its_own_is_the_same_every_time() -> None:
    job = with_family(CARD, "sd1", "sd1")
    texts = {paramc.compile(job, "diffusers", options={"style": "exact"}).text for _ in range(3)}
    assert len(texts) == 1


@pytest.mark.parametrize("label", ["DPM++ 9 New", "TCD", "import os: x"])
def test_a_sampler_that_there_is_no_function_for_is_named_and_another_stands_in(label: str) -> None:
    source = script(CARD.replace("Euler", label), options=(("style", "exact"),))
    assert "sample_euler(denoise" in source
    assert "Sampler: dropped" in source


@pytest.mark.parametrize("name", LOOPS)
def test_a_loop_of_its_own_reads_back_as_itself(name: str) -> None:
    source = script(LOOPS[name], options=(("style", "exact"),))
    again = paramc.compile(paramc.parse(source), "diffusers", options={"style": "exact"}).text
    assert again == source


def test_numbers_that_were_changed_at_its_top_are_read() -> None:
    source = script(CARD, options=(("style", "exact"),))
    for name, number in {"SEED": 7, "STEPS": 9, "CFG_SCALE": 3.5, "WIDTH": 640, "BATCH_SIZE": 2}.items():
        source = re.sub(rf"(?m)^{name} = .*$", f"{name} = {number}", source)
    job = paramc.parse(source)
    assert (job.noise.seed, job.sampling.steps, job.sampling.cfg_scale, job.size.width) == (7, 9, 3.5, 640)


@pytest.mark.parametrize("line", ["STEPS = 1.5", "SEED = -1e300", "WIDTH = -8", "DIALECT = 'nobody'", "SETTINGS = 3"])
def test_what_no_job_can_have_at_its_top_is_no_error(line: str) -> None:
    source = script(CARD, options=(("style", "exact"),))
    name = line.partition(" = ")[0]
    changed = re.sub(rf"(?m)^{name} = (.*|\((?s:.*?)^\))$", line, source)
    assert changed != source
    if name in ("DIALECT", "SETTINGS"):
        with pytest.raises(ReadError):
            paramc.parse(changed)
    else:
        assert paramc.parse(changed).noise.seed == 42


def test_what_people_change_most_stands_in_its_first_ten_lines() -> None:
    source = script(CARD, options=(("style", "exact"),))
    lines = source.partition("from PIL import Image\n\n")[2].splitlines()[:10]
    assert {line.partition(" = ")[0] for line in lines} >= {"MODEL", "PROMPT", "SEED", "WIDTH", "HEIGHT", "STEPS"}


@pytest.mark.parametrize(("text", "functions"), [("a “cat”", {"mended"}), ("a &amp; cat", {"mended", "unescaped"})])
def test_texts_that_programs_mend_are_mended(text: str, functions: set[str]) -> None:
    source = script(CARD.replace("a cat", text), "sdxl", "sdxl", (("style", "exact"),))
    tree = ast.parse(source)
    assert functions <= {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    assert "ftfy" in source.partition("import")[0]


@pytest.mark.parametrize("base", ["sd1", "sdxl", "sd3", "flux"])
@pytest.mark.parametrize("name", LOOPS)
def test_it_prints_no_function_twice_and_none_that_nothing_calls(name: str, base: str) -> None:
    tree = ast.parse(script(LOOPS[name], base, base, (("style", "exact"),)))
    named = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    defined = [node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    assert len(defined) == len({*defined})
    assert {*defined} - named == set()


@pytest.mark.parametrize("base", ["sd1", "flux"])
def test_a_refiner_that_there_is_no_pipeline_for_is_left_out(base: str) -> None:
    text = CARD.replace(", Version", ", Refiner: second, Refiner switch at: 0.5, Version")
    source = script(text, base, base, (("style", "exact"),))
    assert "# - Refiner, Refiner switch at: dropped" in source
    assert {"refiner", "Relay"} & {
        node.id for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Name)
    } == set()


def test_it_keeps_what_the_library_does_not() -> None:
    job = with_family(LOOPS["parts"].replace(", RNG: CPU", ", RNG: NV").replace("Euler", "DPM2 a"), "sd1", "sd1")
    plain, exact = (
        {fate.key for fate in paramc.compile(job, "diffusers", options={"style": style}).report.fates if fate.code}
        for style in ("plain", "exact")
    )
    assert {"Sampler", "RNG"} <= plain
    assert exact == set()


@pytest.mark.parametrize("family", ["flux-fill", "flux-kontext"])
def test_models_that_it_cannot_sample_get_the_library_s_call(family: str) -> None:
    assert script(FLUX, family, "flux", (("style", "exact"),)) == script(FLUX, family, "flux", (("prompts", "exact"),))


def test_what_it_leaves_out_is_what_the_grades_leave_out() -> None:
    loops = read_loops(TARGET.folder / "loop.toml")
    conditions = section(TARGET.about, "conditions", TARGET.folder)
    own = [as_row(conditions[name], Condition, name) for name in ("own_loop", "own_flow", "own")]
    for either in (own[:2], own[2:]):
        assert {base for condition in either for base in condition.when["base"]} == loops.bases
        assert {name for condition in either for name in condition.unless["family"]} == loops.unlike
        assert all({*condition.unless["manner"]} == loops.manners for condition in either)


def test_texts_are_read_as_the_runner_reads_them() -> None:
    loops = read_loops(TARGET.folder / "loop.toml")
    for name in {*dialects()} - loops.manners:
        manner, row = find_manner(name), loops.reader(name)
        assert row.mends == (manner.normalisation, manner.open_normalisation or manner.normalisation)
        assert row.groups == (manner.chunking == "grouped")
        assert row.deep == (manner.layers in ("asked", "deepest"))
        assert row.silences == (manner.empty_negative == "zeros")
        assert manner.chunking in ("packed", "grouped")


def test_a_part_comes_with_all_that_it_needs() -> None:
    parts = read_parts(TARGET.folder / "parts.toml")
    defined = {
        node.name for node in ast.parse(quoted("sample_heun(1)", parts)).body if isinstance(node, ast.FunctionDef)
    }
    assert defined == {"derivative", "churned", "sample_heun", "heun_step"}


@pytest.mark.parametrize(("text", "base"), [(CARD, "sd1"), (FLUX, "flux")])
def test_a_script_that_hands_over_reads_back_as_itself(text: str, base: str) -> None:
    source = script(text, base, base, (("style", "paramc"),))
    again = paramc.compile(paramc.parse(source), "diffusers", options={"style": "paramc"}).text
    assert again == source


def test_a_script_that_hands_over_has_the_runner_s_fates() -> None:
    job = paramc.parse("a [cat:dog:0.5]\nSteps: 20, Sampler: DPM2 a, CFG scale: 7, Seed: 1, Size: 512x512")
    handed, ran = (
        paramc.compile(job, target, options=options).report.fates
        for target, options in (("diffusers", {"style": "paramc"}), ("run", {}))
    )
    assert handed == ran


@pytest.mark.parametrize(("name", "choice", "statement"), SWITCHES)
def test_a_switch_is_a_statement_behind_loading(name: str, choice: str, statement: str) -> None:
    lines = script(PLAIN, options=((name, choice),)).splitlines()
    assert statement in lines
    assert statement not in script(PLAIN).splitlines()


def test_pictures_go_where_they_are_told() -> None:
    source = script(PLAIN, options=(("output", "out/x"), ("name", "{seed}-{number}")))
    assert constants(source)["OUTPUT"] == "out/x"
    assert constants(source)["NAME"] == "{seed}-{number}"
    assert 'picture.save(folder / f"{name}.png")' in source


@pytest.mark.parametrize("name", ["{seed.__class__}", '"; import os #', "{0}", "../{seed}\n"])
def test_the_name_of_a_picture_is_never_more_than_a_text(name: str) -> None:
    source = script(PLAIN, options=(("name", name),))
    assert constants(source)["NAME"] == name
    assert [node.name for node in ast.walk(ast.parse(source)) if isinstance(node, ast.alias)].count("os") == 0


@pytest.mark.parametrize("style", ["plain", "exact"])
def test_a_notebook_holds_the_script(style: str) -> None:
    options = (("style", style), ("notebook", "true"))
    text = script(PLAIN, options=options)
    notebook = json.loads(text)
    assert (notebook["nbformat"], {cell["cell_type"] for cell in notebook["cells"]}) == (4, {"code"})
    assert len({cell["id"] for cell in notebook["cells"]}) == len(notebook["cells"]) >= 6
    assert ast.dump(ast.parse(source_of(text))) == ast.dump(ast.parse(script(PLAIN, options=options[:1])))


def test_a_choice_may_imply_another() -> None:
    from paramc.backends.registry import choices

    assert choices(TARGET, {"style": "exact"})["prompts"] == "exact"
    assert choices(TARGET, {"style": "exact", "prompts": "plain"})["prompts"] == "plain"


def test_models_that_take_more_than_a_latent_have_no_loop_of_their_own() -> None:
    repainted = PLAIN.replace(", Version", ", Denoising strength: 0.6, Mask blur: 4, Version")
    assert "sample_euler(" in script(repainted, "sd1", "sd1", (("style", "exact"),))
    assert "sample_euler(" not in script(repainted, "sd1-inpaint", "sd1", (("style", "exact"),))


def test_a_rule_under_a_condition_that_is_not_there_is_told(tmp_path: Path) -> None:
    rule = '[[rules]]\nfeatures = ["batch"]\ngrade = "exact"\nunder = "own_lop"\n'
    (tmp_path / "target.toml").write_text(rule)
    with pytest.raises(TableError, match="no condition is called `own_lop`"):
        _ = Target("toy", tmp_path).rules


@pytest.mark.parametrize(
    ("style", "name"),
    [
        ("plain", "ip-adapter-faceid_sd15"),
        ("plain", "t2iadapter_canny_sd15v2"),  # which has no pipeline with ControlNets
        ("exact", "ip-adapter_sd15"),
    ],
)
def test_what_is_no_controlnet_is_left_out_and_said(style: str, name: str) -> None:
    units = [ControlNet(unit=place, model=AssetRef(name=each)) for place, each in enumerate((name, "canny"))]
    job = with_family(CARD, "sd1", "sd1").model_copy(update={"controls": tuple(units)})
    made = paramc.compile(job, "diffusers", options={"style": style})
    assert constants(made.text)["CONTROLNETS"] == ["canny.safetensors"]
    grades = {fate.paths[0]: fate.grade for fate in made.report.fates if "control.controlnet" in fate.features}
    lost = {path for path, grade in grades.items() if grade == "dropped"}
    assert lost == {path for path in grades if path.startswith("controls.controlnet.")}
    assert lost < grades.keys()
