"""The lints: each has a text that fires it (its code's trigger), one that nearly does, and where it mends, a mended one."""

from collections.abc import Iterator
from typing import NamedTuple

import pytest

from paramc.api import Loaded, load
from paramc.backends.infotext import write_infotext
from paramc.commands.mending import replaced
from paramc.diagnostics.codes import codes
from paramc.diagnostics.model import Suggestion
from paramc.dialects.registry import find_dialect
from paramc.ir.geometry import Size
from paramc.ir.job import Job
from paramc.ir.paths import leaves
from paramc.passes.lint import LINTS, advise_job, lint_job
from paramc.passes.lint.tables import Idle, advice, findings, lint_rules
from paramc.source.detect import open_text

SD1 = {"Model hash": "6ce0161689"}
SDXL = {"Size": "1024x1024", "Model": "sd_xl_base_1.0"}
TURBO = {"Steps": "4", "CFG scale": "1", "Model": "sd_xl_turbo_1.0_fp16"}
FLUX = {
    "Sampler": "Euler", "Schedule type": "Simple", "CFG scale": "1", "Distilled CFG Scale": "3.5",
    "Size": "1024x1024", "Model": "flux1-dev-fp8", "Version": "f2.0.1v1.10.1",
}  # fmt: skip
HIRES = {"Denoising strength": "0.6", "Hires upscale": "2", "Hires upscaler": "Latent"}
DEFAULTS = {"Steps": "20", "Sampler": "Euler a", "CFG scale": "7", "Seed": "1", "Size": "512x512"}


class Near(NamedTuple):
    """Settings that a rule must let pass, though little is missing."""

    rule: str
    fields: dict[str, str]
    prompt: str = "a fox"
    negative: str = ""
    family: str | None = None


NEAR = (
    Near("cfg-burn", SD1 | {"CFG scale": "11.5"}),
    Near("cfg-burn", SD1 | {"CFG scale": "15", "CFG Rescale phi": "0.7"}),
    Near("cfg-burn", SD1 | {"CFG scale": "15", "Dynamic thresholding enabled": "True", "Mimic scale": "7"}),
    Near("cfg-burn", FLUX | {"CFG scale": "15"}),
    Near("cfg-low", SD1 | {"CFG scale": "3"}),
    Near("cfg-low", SD1 | {"CFG scale": "1"}),
    Near("cfg-low", SD1 | {"CFG scale": "2"}, "a fox <lora:lcm_lora_sd15:1>"),
    Near("cfg-low", SD1 | {"CFG scale": "2", "Sampler": "LCM"}),
    Near("cfg-distilled", TURBO | {"CFG scale": "2"}),
    Near("cfg-distilled", SD1 | {"CFG scale": "7"}, "a fox <lora:lcm_lora_sd15:0.3>"),
    Near("cfg-distilled", SDXL | {"CFG scale": "6"}, "a fox <lora:Hyper-SDXL-8steps-CFG-lora:1>"),
    Near("flux-cfg", FLUX | {"CFG scale": "1.5"}),
    Near("flux-cfg", FLUX | {"CFG scale": "3.5", "Civitai metadata": "{}"}),
    Near("flux-cfg", {"CFG scale": "3.5", "App": "SD.Next", "Pipeline": "FluxPipeline", "Version": "82504e9"}),
    Near(
        "cfg-distilled",
        {"CFG scale": "3.5", "App": "SD.Next", "Pipeline": "FluxPipeline", "Version": "82504e9", "Model": "schnell"},
        family="flux-schnell",
    ),
    Near("flux-distilled-range", FLUX | {"Distilled CFG Scale": "6"}),
    Near("flux-distilled-range", FLUX | {"Distilled CFG Scale": "6.5", "Model": "flux1-krea-dev"}),
    Near("flux-distilled-range", FLUX | {"Distilled CFG Scale": "30"}, family="flux-fill"),
    Near("schnell-guidance", FLUX),
    Near("schnell-guidance", FLUX | {"Distilled CFG Scale": ""}, family="flux-schnell"),
    Near("negative-noop", TURBO | {"CFG scale": "1.1"}, negative="dog"),
    Near("negative-noop", TURBO),
    Near("negative-noop", FLUX | HIRES | {"Hires CFG Scale": "4"}, negative="dog"),
    Near("negative-long-flux", FLUX | {"CFG scale": "3"}, negative="lowres, bad anatomy, bad hands"),
    Near("negative-long-flux", SD1, negative=", ".join(["worst quality"] * 20)),
    Near("steps-waste", {"Sampler": "DPM++ 2M", "Steps": "60"}),
    Near("steps-waste", {"Sampler": "Euler a", "Steps": "150"}),
    Near("steps-few", SD1 | {"Steps": "10"}),
    Near("steps-few", SD1 | {"Steps": "4", "Sampler": "LCM"}),
    Near("steps-few", SD1 | {"Steps": "4"}, "a fox <lora:lcm-lora-sdv1-5:1>"),
    Near("steps-few", TURBO),
    Near("steps-few", {"Steps": "4"}),
    Near("steps-distilled", TURBO | {"Steps": "8"}),
    Near("steps-distilled", SD1 | {"Steps": "20"}, "a fox <lora:lcm-lora-sdv1-5:0.2>"),
    Near("lightning-steps-mismatch", SDXL | {"Steps": "4"}, "a fox <lora:sdxl_lightning_4step_lora:1>"),
    Near("lightning-steps-mismatch", SDXL | {"Steps": "8"}, "a fox <lora:my_style_4step:1>"),
    Near("seed-variation", {"Variation seed": "2", "Variation seed strength": "0"}),
    Near("seed-variation", {"Batch size": "4", "Batch pos": "0"}),
    Near("ancestral-nonconv", {"Sampler": "DPM++ 2M"}),
    Near("noise-from-gpu", {"RNG": "CPU"}),
    Near("noise-from-gpu", {"RNG": "NV"}),
    Near("weight-high", SD1, "a (fox:1.59)"),
    Near("weight-high", SDXL, "a (fox:1.79)"),
    Near("weight-high", SD1, "((((fox))))"),
    Near("weight-high", SD1, negative="(worst quality:2)"),
    Near("weight-nonpositive", {}, "a fox (BREAK) a dog"),
    Near("weight-nonpositive", {}, "a (fox:0.01)"),
    Near("weight-nonpositive", {"NegPiP Active": "True"}, "a fox, (dog:-1)"),
    Near("weight-nonpositive", {}, "a fox BREAK a dog"),
    Near("weight-nonpositive", {}, negative="(dog:0)"),
    Near("weight-t5", FLUX, "a (fox:1.0)"),
    Near("weight-t5", SDXL, "a (fox:1.3)"),
    Near("size-multiple", FLUX | {"Size": "992x1024"}),
    Near("size-multiple", SDXL | {"Size": "1000x1024"}),
    Near("size-uneven", SD1 | {"Size": "576x512"}),
    Near("size-uneven", {"Size": "520x512", "Model": "nobody knows"}),
    Near("sdxl-small", SDXL | {"Size": "768x832"}),
    Near("sdxl-small", TURBO),
    Near("sdxl-small", SDXL | {"Size": "512x512", "Denoising strength": "0.5"}),
    Near("sd1-large", SD1 | {"Size": "512x832"}),
    Near("sd1-large", SD1 | HIRES | {"Size": "768x1024"}),
    Near("sd1-large", SD1 | {"Size": "1024x1024", "Tiling": "True"}),
    Near("sd1-large", SD1 | {"Size": "1024x1024", "Denoising strength": "0.5"}),
    Near("sd1-large", {"Size": "1024x1024"}),
    Near("aspect-extreme", {"Size": "1536x640"}),
    Near("clip-skip-noop", SD1 | {"Clip skip": "2"}),
    Near("clip-skip-noop", SDXL | {"Clip skip": "2"}),
    Near("clip-skip-noop", FLUX),
    Near("hires-denoise", HIRES | {"Denoising strength": "0.5"}),
    Near("hires-denoise", HIRES | {"Denoising strength": "0.3", "Hires upscaler": "R-ESRGAN 4x+"}),
    Near("hires-denoise", HIRES | {"Denoising strength": "0.7", "Hires upscaler": "R-ESRGAN 4x+"}),
    Near("hires-steps-zero", HIRES | {"Hires steps": "10"}),
    Near("vae-mismatch", SD1 | {"VAE": "vae-ft-mse-840000-ema-pruned.safetensors"}),
    Near("lora-mismatch", SD1, "a fox <lora:detail_sd15:1>"),
    Near("lora-mismatch", SDXL | {"Model": "ponyDiffusionV6XL"}, "score_9, a fox <lora:detail_sdxl:1>"),
    Near("ti-mismatch", SD1 | {"TI hashes": '"easynegative: c74b4e810b03"'}, negative="easynegative"),
    Near("vpred-flag", SDXL | {"Model": "noobaiXLNAIXL_vPred10Version", "Noise Schedule": "Zero Terminal SNR"}),
    Near("vpred-flag", SDXL | {"Model": "noobaiXLNAIXL_epsilonPred10Version"}),
    Near("prompt-cut", {}, " ".join(["word"] * 120), family="pixart-alpha"),
    Near("prompt-cut", SD1, " ".join(["word"] * 900)),
    Near("pony-no-score", SDXL | {"Model": "ponyDiffusionV6XL"}, "score_9, a fox"),
    Near("pony-no-score", SDXL),
    Near("refiner-wrong", SDXL | {"Refiner": "sd_xl_refiner_1.0 [7440042bbd]", "Refiner switch at": "0.8"}),
    Near("sampler-family", SDXL | {"Sampler": "DPM++ 2M", "Schedule type": "Karras"}),
    Near("sampler-family", FLUX),
    Near("sampler-family", SDXL | {"Sampler": "DDIM CFG++", "CFG scale": "6"}),
    Near("no-effect", {"ENSD": "31337"}),
    Near("no-effect", {"ENSD": "31337", "Sampler": "Euler", "Sigma churn": "5"}),
    Near("no-effect", {"ENSD": "31337", "Sampler": "DPM++ 2M"} | HIRES | {"Hires sampler": "Euler a"}),
    Near("no-effect", {"ENSD": "31337", "Sampler": "Sampler Of Nobody"}),
    Near("no-effect", {"Eta": "0.6", "Sampler": "DPM++ SDE", "Schedule type": "Karras"}),
    Near("no-effect", {"Schedule rho": "6", "Sampler": "DPM++ 2M"}),
    Near("version-trap", {"Sampler": "DPM++ 2M", "Version": "v1.9.0"}),
    Near("version-trap", {"Sampler": "DPM++ 2M Karras", "Version": "v1.6.0"}),
    Near("version-trap", {"Sampler": "DDIM", "Version": "v1.6.0"}),
    Near("known-corruption", {"VAE hash": "735e4c3a44", "VAE": "vae-ft-mse-840000-ema-pruned.safetensors"}),
    Near("foreign-syntax", {}, "C++ code on a screen, DPM++, 16:9, word::s, {braces}, snake__case"),
    Near("foreign-syntax", {}, "(word:1.3), a (fox), version 2.0, --, 1.5::"),
    Near("foreign-syntax", {"RP Active": "True"}, "a fox ADDCOL a dog"),
    Near("foreign-syntax", {}, "10: a, a::b, 3::"),
    Near("hash-names-other", SD1 | {"Model": "sd-v1-5-pruned-emaonly"}),
    Near("hash-names-other", {"Model": "myFavourite", "Model hash": "0123456789"}),
)  # fmt: skip
FIRING = [name for name in lint_rules() if codes()[lint_rules()[name].code].trigger]


def settings(fields: dict[str, str], prompt: str = "a fox", negative: str = "") -> str:
    """A settings text with these fields over usual ones; an empty one is left out."""
    merged = DEFAULTS | {"Version": "v1.10.1"} | fields
    version = {"Version": merged.pop("Version")}
    line = ", ".join(f"{key}: {value}" for key, value in (merged | version).items() if value)
    return "\n".join((prompt, *([f"Negative prompt: {negative}"] if negative else []), line))


def read(text: str, family: str | None = None) -> Loaded:
    return load(open_text(text), family=family)


def fired(job: Job, *asked: str) -> list[str]:
    return [item.name for item in lint_job(job, asked=frozenset(asked))]


def family_in(command: str) -> str | None:
    words = command.split()
    return words[words.index("--family") + 1] if "--family" in words else None


def triggered(name: str) -> tuple[Loaded, str | None]:
    """What the trigger of a rule's code is read as."""
    row = codes()[lint_rules()[name].code]
    family = family_in(row.command)
    return read(row.trigger, family), family


@pytest.mark.parametrize("name", lint_rules())
def test_every_rule_is_computed(name: str) -> None:
    assert name in LINTS


@pytest.mark.parametrize("name", FIRING)
def test_the_trigger_fires_the_rule_and_nothing_else(name: str) -> None:
    loaded, _ = triggered(name)
    found = advise_job(loaded.job, asked=frozenset({lint_rules()[name].code}))
    assert {item.name for item in found} == {name}


@pytest.mark.parametrize("near", NEAR, ids=[f"{near.rule}-{place}" for place, near in enumerate(NEAR)])
def test_a_near_miss_passes(near: Near) -> None:
    loaded = read(settings(near.fields, near.prompt, near.negative), near.family)
    assert near.rule not in fired(loaded.job, lint_rules()[near.rule].code)


def test_every_rule_has_a_near_miss_and_a_trigger() -> None:
    assert {near.rule for near in NEAR} == set(lint_rules()) == set(FIRING)


def mends() -> Iterator[tuple[str, Suggestion]]:
    for name in FIRING:
        loaded, _ = triggered(name)
        for item in lint_job(loaded.job, asked=frozenset({lint_rules()[name].code})):
            if item.name == name and item.suggestion:
                yield name, item.suggestion


MENDS = list(mends())


@pytest.mark.parametrize(("name", "mend"), MENDS, ids=[name for name, _ in MENDS])
def test_a_mended_text_fires_no_more(name: str, mend: Suggestion) -> None:
    loaded, family = triggered(name)
    after = read(replaced(loaded.source.text, [mend]), family)
    assert name not in fired(after.job, lint_rules()[name].code)


@pytest.mark.parametrize(("name", "mend"), MENDS, ids=[name for name, _ in MENDS])
def test_mending_changes_one_value(name: str, mend: Suggestion) -> None:
    loaded, family = triggered(name)
    after = read(replaced(loaded.source.text, [mend]), family)
    before, now = dict(leaves(loaded.job)), dict(leaves(after.job))
    changed = [path for path in {**before, **now} if before.get(path) != now.get(path)]
    assert len(changed) == (0 if name == "hires-steps-zero" else 1)


def test_rules_of_all_three_certainties_are_tested() -> None:
    assert {mend.applicability for _, mend in MENDS} == {"safe", "maybe", "manual"}


@pytest.mark.parametrize("row", findings().idle, ids=lambda row: row.path)
def test_an_idle_setting_is_taken_away_by_the_fix(row: Idle) -> None:
    path = row.path
    loaded = read(IDLE[path])
    (item,) = [item for item in lint_job(loaded.job) if item.name == "no-effect"]
    assert item.suggestion is not None and item.suggestion.applicability == "safe"
    after = read(replaced(loaded.source.text, [item.suggestion]))
    assert path not in dict(leaves(after.job)) and "no-effect" not in fired(after.job)


TWO_M = {"Sampler": "DPM++ 2M", "Schedule type": "Karras", **SD1}
IDLE = {
    "noise.delta": settings(TWO_M | {"ENSD": "31337"}),
    "sampling.eta": settings(TWO_M | {"Eta": "0.6"}),
    "sampling.eta_ddim": settings(TWO_M | {"Eta DDIM": "0.6"}),
    "sampling.s_churn": settings(TWO_M | {"Sigma churn": "5"}),
    "sampling.s_tmin": settings(TWO_M | {"Sigma tmin": "1"}),
    "sampling.s_tmax": settings(TWO_M | {"Sigma tmax": "5"}),
    "sampling.rho": settings(TWO_M | {"Schedule type": "Uniform", "Schedule rho": "5"}),
    "sampling.beta_alpha": settings(TWO_M | {"Beta schedule alpha": "0.5"}),
    "sampling.beta_beta": settings(TWO_M | {"Beta schedule beta": "0.5"}),
    "sampling.unipc_variant": settings(TWO_M | {"UniPC variant": "bh2"}),
    "sampling.unipc_spacing": settings(TWO_M | {"UniPC skip type": "logSNR"}),
    "sampling.unipc_order": settings(TWO_M | {"UniPC order": "2"}),
    "sampling.unipc_lower_order_final": settings(TWO_M | {"UniPC lower order final": "False"}),
    "patches.token_merging.ratio": settings(TWO_M | {"Token merging ratio": "0"}),
}


def recommended() -> Iterator[tuple[str, Job]]:
    """Every corner of what each family is recommended with."""
    for family, row in advice().items():
        if row.second:
            continue  # a refiner is never the first model
        for size in row.sizes:
            for sampler, schedule in row.sampling:
                for steps, cfg, distilled in zip(row.steps, row.cfg, row.distilled or (None, None), strict=True):
                    yield (
                        family,
                        Job().replace(
                            {
                                "prompt": row.prompt or "a red fox in the snow",
                                "negative": "" if cfg == 1 else "blurry",
                                "size": Size(*size),
                                "sampling.steps": steps,
                                "sampling.sampler": sampler,
                                "sampling.schedule": schedule or "automatic",
                                "sampling.cfg_scale": cfg,
                                "sampling.distilled_cfg_scale": distilled,
                                "noise.seed": 1,
                            }
                        ),
                    )


RECOMMENDED = list(recommended())


@pytest.mark.parametrize(
    ("family", "job"), RECOMMENDED, ids=[f"{family}-{place}" for place, (family, _) in enumerate(RECOMMENDED)]
)
def test_no_rule_fires_on_recommended_settings(family: str, job: Job) -> None:
    text = write_infotext(job, find_dialect("forge"))
    assert [item.message for item in advise_job(read(text, family).job)] == []


SIGNS = {
    "fox++, running": "compel",
    "(fox)1.3, running": "compel or InvokeAI",
    '("a", "b").and()': "compel or InvokeAI",
    "a fox --ar 16:9": "Midjourney",
    "{{fox}}": "NovelAI",
    "1.5::fox::": "NovelAI",
    "{red|blue} fox": "Dynamic Prompts",
    "{10::red|5::blue::x} fox": "Dynamic Prompts",
    "a __colour__ fox": "wildcard extensions",
    "embedding:easynegative": "ComfyUI",
    "a fox ADDCOL a dog": "the Regional Prompter extension",
    "a fox AND_PERP a dog": "the Neutral Prompt extension",
}


@pytest.mark.parametrize(("prompt", "program"), SIGNS.items())
def test_a_sign_is_told_from_those_of_other_programs(prompt: str, program: str) -> None:
    job = read(settings({}, prompt)).job
    found = [item.message for item in lint_job(job) if item.name == "foreign-syntax"]
    assert [message.split(" is a sign of ")[1].split(", where")[0] for message in found] == [program]


def test_every_sign_is_tried() -> None:
    assert {sign.of for sign in findings().signs} == set(SIGNS.values())


def test_thresholds_can_be_moved() -> None:
    job = read(settings(SD1 | {"CFG scale": "15"})).job
    assert [item.name for item in lint_job(job, {"cfg-burn": {"warn": 16.0}})] == []


@pytest.mark.parametrize("name", ["ancestral-nonconv", "noise-from-gpu"])
def test_some_rules_wait_to_be_asked(name: str) -> None:
    assert name not in fired(triggered(name)[0].job)


def test_a_family_that_is_only_guessed_is_not_judged() -> None:
    job = read(settings({"CFG scale": "15"})).job
    assert (job.family and job.family.confidence, fired(job)) == ("low", [])


def test_a_network_of_another_family_is_told_once() -> None:
    found = advise_job(read(settings(SD1, "a fox <lora:detail_sdxl:1>")).job)
    assert [item.code for item in found] == ["PC442"]
