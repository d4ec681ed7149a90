"""What the graph promises of each setting, and what that depends on."""

from typing import Any, TypeAlias

import pytest

from paramc.backends.description import Target
from paramc.backends.legalise import fate_diagnostics, report_fates
from paramc.backends.report import Fate
from paramc.ir.assets import AssetRef, ImageRef
from paramc.ir.control import ControlNet, PromptArea, Reference
from paramc.ir.job import Job
from paramc.ir.ledger import Stated
from paramc.ir.plan import Average, Run
from paramc.ir.prompt import Branch, Edit, Literal, Prompt
from paramc.ir.stages import Detailer, Enlarge, Further, Hires, ImageToImage, Inpaint, Refiner
from tests.unit.backends.graph.plans import COMFYUI, picture, weighted

Values: TypeAlias = dict[str, Any]


def edited(text: str = "[a:b:0.5]") -> Prompt:
    return Prompt(text=text, branches=(Branch(text=text, body=(Edit(when=0.5, fraction=True),)),))


def fate(
    path: str, values: Values, *, base: str, form: str, target: Target = COMFYUI, text: str = "a", **more: object
) -> Fate:
    """The fate of the value at `path`, which the source states; `more` are options."""
    job = Job().replace(values).replace(ledger=(Stated(key="K", raw="v", paths=(path,)),))
    run = Run(text=text, weight=1.2 if path == "negative" else 1.0)
    areas = tuple(patch for patch in job.patches if isinstance(patch, PromptArea))
    averages = [Average(id="areas", inputs=("positive",), weights=(1.0,), areas=areas)] if areas else []
    plan = picture(weighted("positive", run, because=(path,)), *averages, family=base)
    return report_fates(job, plan, target, {"form": form, **more}).fates[0]


def on_picture(strength: float = 0.5, **values: Any) -> Values:
    return {"task": ImageToImage(strength=strength, **values)}


def painted(**values: Any) -> Values:
    return {"task": Inpaint(strength=0.5, **values)}


def sampled(sampler: str, schedule: str | None = None, **values: Any) -> Values:
    return {
        "sampling.sampler": sampler,
        "sampling.schedule": schedule,
        **{f"sampling.{k}": v for k, v in values.items()},
    }


def steered(**values: Any) -> Values:
    return {"controls": (ControlNet(**values),)}


def steered_twice() -> Values:
    return {"controls": (ControlNet(model=AssetRef(name="ip-adapter_sd15")), ControlNet(unit=1, weight=0.5))}


def more_passes(**values: Any) -> Values:
    return {"stages": (Further(**values),)}


def shown(*files: str) -> Values:
    references = tuple(Reference(unit=unit, image=ImageRef(path=file)) for unit, file in enumerate(files, 1))
    return {"patches": references}


def found() -> Values:
    return {"stages": (Detailer(strength=0.5),)}


def refined() -> Values:
    return {"stages": (Refiner(switch_at=0.5),)}


def hires(upscaler: str) -> Values:
    return {"stages": (Hires(upscaler=upscaler),)}


CPU: Values = {"noise.generator": "cpu"}
FORGE: Values = {"producer.dialect": "forge"}
PLAIN = Prompt(text="a", branches=(Branch(body=(Literal(text="a"),)),))

# path, values, base, grade; the form is `ksampler`
CASES: list[tuple[str, Values, str, str]] = [
    ("size", {"size": "512x512"}, "z-image", "exact"),
    ("size", {"size": "512x512"}, "pixart", "approximate"),
    ("size", {"size": "512x512"}, "flux2", "close"),
    ("sampling.schedule", sampled("euler", "unknown:Flux2Scheduler"), "flux2", "exact"),
    ("task.fill", painted(), "sd1", "exact"),
    ("task.fill", painted(fill="latent_noise"), "sd1", "dropped"),
    ("task.fill", painted(fill="latent_nothing"), "sd1", "close"),
    ("task.fill", painted(fill="fill"), "sd1", "approximate"),
    ("text.backtrack", {"text.backtrack": 10}, "sd1", "exact"),
    ("text.backtrack", {"text.backtrack": 10}, "flux", "approximate"),
    ("controls.controlnet.preprocessor", steered(preprocessor="ip-adapter-auto"), "sd1", "dropped"),
    ("controls.controlnet.preprocessor", steered(preprocessor="reference_only"), "sd1", "dropped"),
    ("controls.controlnet.model", steered_twice(), "sd1", "dropped"),
    ("controls.controlnet[1].weight", steered_twice(), "sd1", "close"),
    ("patches.reference.image.path", shown("a.png"), "sd1", "dropped"),
    ("patches.reference.image.path", shown("a.png"), "flux", "exact"),
    ("patches.reference[3].image.path", shown("a.png", "b.png", "c.png", "d.png"), "qwen-image", "dropped"),
    ("patches.prompt_area.width", {"patches": (PromptArea(width=64.0),)}, "sd1", "exact"),
    ("task.area", painted(), "sd1", "exact"),
    ("task.area", painted(area="masked"), "sd1", "dropped"),
    ("sampling.mask_weight", {"sampling.mask_weight": 1.0}, "sd1", "exact"),
    ("sampling.mask_weight", {"sampling.mask_weight": 0.5}, "sd1", "dropped"),
    ("task.resize", on_picture(resize="crop"), "sd1", "close"),
    ("task.resize", on_picture(resize="pad"), "sd1", "approximate"),
    ("task.strength", on_picture(), "sd1", "exact"),
    ("task.strength", on_picture() | sampled("ddim"), "sd1", "approximate"),
    ("negative", {"negative": PLAIN}, "sd1", "approximate"),
    ("negative", {"negative": PLAIN, "text.emphasis": "comfy"}, "sd1", "exact"),
    ("prompt", {"prompt": PLAIN}, "sd1", "exact"),
    ("prompt", {"prompt": edited()} | sampled("euler"), "sd1", "close"),
    ("prompt", {"prompt": edited()} | sampled("heun"), "sd1", "approximate"),
    ("prompt", {"prompt": edited()} | sampled("euler", "beta"), "sd1", "approximate"),
    ("text.layer", {"text.layer": -2}, "sd1", "exact"),
    ("text.layer", {"text.layer": -2}, "sdxl", "inert"),
    ("text.layer", {"text.layer": -3} | FORGE, "sdxl", "dropped"),
    ("text.layer", {"text.layer": -2} | FORGE, "sdxl", "inert"),
    ("batch.size", {"batch.size": 4}, "sd1", "approximate"),
    ("batch.size", {"batch.size": 4, "batch.position": 1}, "sd1", "inert"),
    ("batch.size", {"batch.size": 1}, "sd1", "exact"),
    ("batch.size", {"batch.size": 4, "noise.per_batch": True}, "sd1", "exact"),
    ("sampling.cfg_scale", {"sampling.cfg_scale": 7.0}, "sd1", "exact"),
    ("sampling.cfg_scale", {"sampling.cfg_scale": 101.0}, "sd1", "approximate"),
    ("noise.seed", {"noise.seed": 2**64 - 1}, "sd1", "exact"),
    ("noise.seed", {"noise.seed": 2**64}, "sd1", "approximate"),
    ("noise.seed", {"noise.seed": -1}, "sd1", "approximate"),
    ("sampling.steps", {"sampling.steps": 20}, "sd1", "exact"),
    ("sampling.steps", sampled("dpm_adaptive", steps=20), "sd1", "inert"),
    ("sampling.distilled_cfg_scale", {"sampling.distilled_cfg_scale": 3.5}, "flux", "exact"),
    ("sampling.distilled_cfg_scale", {"sampling.distilled_cfg_scale": 3.5}, "sd1", "dropped"),
    ("sampling.shift", {"sampling.shift": 3.0}, "sd3", "exact"),
    ("sampling.shift", {"sampling.shift": 3.0}, "sd1", "dropped"),
    ("sampling.zero_terminal_snr", {"sampling.zero_terminal_snr": True}, "sd1", "close"),
    ("sampling.zero_terminal_snr", {"sampling.zero_terminal_snr": True}, "flux", "inert"),
    ("sampling.eta", sampled("euler_ancestral", eta=0.5), "sd1", "exact"),
    ("sampling.eta", sampled("dpmpp_3m_sde", eta=0.5), "sd1", "approximate"),
    ("sampling.eta", sampled("euler", eta=0.5), "sd1", "inert"),
    ("sampling.eta", sampled("dpm_2_ancestral", eta=0.5), "sd1", "dropped"),
    ("sampling.s_noise", sampled("dpmpp_2m_sde", s_noise=1.1), "sd1", "exact"),
    ("sampling.s_noise", sampled("euler_ancestral", s_noise=1.1), "sd1", "inert"),
    ("sampling.s_noise", sampled("euler", s_noise=1.1), "sd1", "inert"),
    ("sampling.s_churn", sampled("euler", s_churn=5.0), "sd1", "dropped"),
    ("sampling.unipc_order", sampled("euler", unipc_order=2), "sd1", "inert"),
    ("sampling.unipc_order", sampled("unipc", unipc_order=2), "sd1", "dropped"),
    ("noise.delta", {"noise.delta": 31337} | sampled("euler"), "sd1", "inert"),
    ("noise.delta", {"noise.delta": 31337} | sampled("euler_ancestral"), "sd1", "dropped"),
    ("noise.delta", {"noise.delta": 31337} | sampled("euler", s_churn=5.0), "sd1", "dropped"),
    ("sampling.rho", sampled("dpmpp_2m", rho=5.0), "sd1", "exact"),
    ("sampling.rho", sampled("euler", rho=5.0), "sd1", "inert"),
    ("sampling.rho", sampled("euler", "normal", rho=5.0), "sd1", "dropped"),
    ("sampling.beta_alpha", sampled("euler", beta_alpha=0.5), "sd1", "inert"),
    ("sampling.beta_alpha", sampled("euler", "beta_timesteps", beta_alpha=0.5), "sd1", "exact"),
    ("sampling.beta_alpha", sampled("euler", "beta", beta_alpha=0.5), "sd1", "approximate"),
    ("sampling.drops_penultimate_sigma", sampled("euler", "kl_optimal"), "sd1", "exact"),
    (
        "sampling.drops_penultimate_sigma",
        sampled("euler", "kl_optimal", drops_penultimate_sigma=True),
        "sd1",
        "dropped",
    ),
    ("sampling.drops_penultimate_sigma", sampled("euler", "karras", drops_penultimate_sigma=True), "sd1", "exact"),
    ("sampling.schedule", sampled("euler", "karras"), "sd1", "close"),
    ("sampling.schedule", sampled("euler", "karras", quantizes_timesteps=True), "sd1", "exact"),
    ("sampling.schedule", sampled("euler", "karras") | FORGE, "sd1", "exact"),
    ("sampling.schedule", sampled("euler", "simple"), "sd1", "exact"),
    ("sampling.schedule", sampled("euler", "unknown:Odd"), "sd1", "dropped"),
    ("noise.generator", {"noise.generator": "cuda"}, "sd1", "approximate"),
    ("noise.generator", CPU, "sd1", "close"),
    ("noise.generator", CPU | {"noise.scales_by_vp": True}, "sd1", "exact"),
    ("noise.generator", CPU, "flux", "exact"),
    ("noise.generator", CPU | sampled("euler", "ddim"), "sd1", "exact"),
    ("noise.generator", CPU | on_picture(), "sd1", "exact"),
    ("noise.generator", CPU | on_picture(0.9), "sd1", "close"),
    ("noise.scales_by_vp", {"noise.scales_by_vp": True}, "sd1", "exact"),
    ("noise.multiplier", {"noise.multiplier": 0.9}, "sd1", "dropped"),
    ("sampling.sampler", sampled("euler"), "sd1", "exact"),
    ("sampling.sampler", sampled("euler_ancestral"), "sd1", "approximate"),
    ("sampling.sampler", sampled("dpmpp_sde"), "sd1", "close"),
    ("sampling.sampler", sampled("dpmpp_sde") | on_picture(), "sd1", "approximate"),
    ("sampling.sampler", sampled("dpmpp_sde") | hires("none"), "sd1", "approximate"),
    ("stages.hires.upscaler", hires("latent:bicubic"), "sd1", "exact"),
    ("sampling.image_cfg_scale", {"sampling.image_cfg_scale": 1.5}, "sd1", "dropped"),
    ("sampling.image_cfg_scale", {"sampling.image_cfg_scale": 1.5} | on_picture(), "sd1", "close"),
    ("controls.controlnet.weight", steered(weight=0.5), "sd1", "close"),
    ("controls.controlnet.weight", steered(weight=11.0), "sd1", "approximate"),
    ("controls.controlnet.priority", steered(priority="prompt"), "sd1", "approximate"),
    ("controls.controlnet.preprocessor", steered(preprocessor="canny"), "sd1", "approximate"),
    ("controls.controlnet.resize", steered(resize="pad"), "sd1", "approximate"),
    ("controls.controlnet.passes", steered(passes="first"), "sd1", "close"),
    ("controls.controlnet.passes", steered(passes="first") | hires("latent:bicubic"), "sd1", "approximate"),
    ("stages.hires.upscaler", hires("latent:nearest"), "sd1", "approximate"),
    ("stages.further.strength", more_passes(strength=0.5), "sd1", "exact"),
    ("stages.further.sampler", more_passes(sampler="heun", steered=True), "sd1", "dropped"),
    ("stages.further.upscaler", more_passes(upscaler="model:4x"), "sd1", "close"),
    ("stages.hires.upscaler", hires("model:4x-UltraSharp"), "sd1", "close"),
]
LONG = "a word, " * 60
WITH_MORE: list[tuple[str, Values, str, dict[str, Any]]] = [
    ("prompt", {"prompt": PLAIN}, "close", {"text": LONG}),
    ("prompt", {"prompt": PLAIN, "text.emphasis": "comfy"}, "exact", {"text": LONG}),
    ("negative", {"negative": PLAIN}, "close", {"nodes": "smz"}),
    ("controls.controlnet.preprocessor", steered(preprocessor="ip-adapter-auto"), "approximate", {"ip_adapter": True}),
    ("noise.variation.strength", {"noise.variation.strength": 0.5}, "dropped", {}),
    ("noise.variation.strength", {"noise.variation.strength": 0.5}, "approximate", {"variation": True}),
    ("noise.variation.strength", {"noise.variation.strength": 0.5} | on_picture(), "dropped", {"variation": True}),
    ("noise.variation.strength", {"noise.variation.strength": 0.5} | refined(), "dropped", {"variation": True}),
    ("noise.variation.strength", {"noise.variation.strength": 0.5}, "dropped", {"variation": True, "form": "faithful"}),
    ("stages.detailer.strength", found(), "dropped", {}),
    ("task.area", painted(area="masked"), "dropped", {"painted_part": ""}),
    ("stages.hires.scale", hires("model:4x"), "approximate", {"tiled_upscale": True}),
    ("stages.hires.scale", hires("image:lanczos"), "exact", {"tiled_upscale": True}),
    ("stages.further.scale", more_passes(upscaler="model:4x", scale=2.0), "approximate", {"tiled_upscale": True}),
    ("task.area", painted(area="masked"), "close", {"painted_part": "0,0,64,64"}),
    ("stages.detailer.strength", found(), "approximate", {"detailer": True}),
    ("stages.detailer.strength", found() | {"task": Enlarge()}, "dropped", {"detailer": True}),
]
FAITHFUL: list[tuple[str, Values, str, str]] = [
    ("noise.generator", CPU, "sd1", "exact"),
    ("noise.generator", CPU | sampled("dpm_2"), "sd1", "close"),
    ("noise.generator", CPU | sampled("euler", drops_penultimate_sigma=True), "sd1", "close"),
    ("noise.generator", CPU | on_picture(0.9), "sd1", "exact"),
]


@pytest.mark.parametrize(("path", "values", "base", "grade"), CASES)
def test_a_setting_has_this_grade(path: str, values: Values, base: str, grade: str) -> None:
    found = fate(path, values, base=base, form="ksampler")
    assert (found.grade, bool(found.code)) == (grade, grade in ("close", "approximate", "dropped"))


@pytest.mark.parametrize(("path", "values", "grade", "more"), WITH_MORE)
def test_a_setting_has_this_grade_under_conditions(path: str, values: Values, grade: str, more: dict[str, Any]) -> None:
    assert fate(path, values, base="sd1", **{"form": "ksampler", **more}).grade == grade


@pytest.mark.parametrize(("path", "values", "base", "grade"), FAITHFUL)
def test_a_setting_has_this_grade_in_the_faithful_form(path: str, values: Values, base: str, grade: str) -> None:
    assert fate(path, values, base=base, form="faithful").grade == grade


def test_a_job_that_was_read_from_a_graph_keeps_everything() -> None:
    drawn = Stated(key="graph", raw="{}", paths=("producer.dialect",))
    job = Job().replace({"sampling.sampler": "restart", "noise.generator": "philox"}).replace(ledger=(drawn,))
    asked = {"form": "ksampler", "canonical": False}
    assert report_fates(job, picture(), COMFYUI, asked).worst == "exact"
    assert report_fates(job, picture(), COMFYUI, asked | {"canonical": True}).worst == "approximate"
    assert report_fates(job, picture(), COMFYUI, asked | {"form": "faithful"}).worst == "approximate"


@pytest.mark.parametrize("index", range(1, len(COMFYUI.rules)))
def test_no_rule_could_be_left_out(index: int) -> None:
    without = Target(COMFYUI.name, COMFYUI.folder)
    without.__dict__["rules"] = COMFYUI.rules[:index] + COMFYUI.rules[index + 1 :]
    plain: dict[str, Any] = {"base": "sd1", "form": "ksampler"}
    asked = [(path, values, plain | {"base": base}) for path, values, base, _ in CASES]
    asked += [(path, values, {"base": base, "form": "faithful"}) for path, values, base, _ in FAITHFUL]
    asked += [(path, values, plain | more) for path, values, _, more in WITH_MORE]
    assert any(fate(path, values, target=without, **how) != fate(path, values, **how) for path, values, how in asked)


def test_another_noise_source_is_explained_by_itself() -> None:
    job = Job().replace({"noise.generator": "cuda"})
    report = report_fates(job, picture(), COMFYUI, {"form": "ksampler"})
    (said,) = fate_diagnostics(report, COMFYUI)
    assert (said.code, said.target, said.path) == ("PC610", "comfyui", "noise.generator")
    assert said.message == "`noise.generator` gives another noise: ComfyUI draws on the processor, on every machine"
