"""How well scripts keep a setting: the answers that depend on the job, one by one, and every sampler and schedule."""

from collections.abc import Mapping

import pytest

import paramc
from paramc.backends.legalise import report_fates
from paramc.backends.registry import find_target
from paramc.backends.report import Fate
from paramc.ir.family import Family
from paramc.ir.job import Job
from paramc.ir.prompt import Prompt
from paramc.ir.stages import Hires
from paramc.passes.plan import plan_job

TARGET = find_target("diffusers")
HIRES: Mapping[str, object] = {"stages": (Hires(scale=2.0),)}
ON = "stages.hires"


def fate(path: str, values: Mapping[str, object], base: str = "sd1") -> Fate:
    """What becomes of the value at `path` of a job that has it."""
    job = Job(family=Family(name=base, base=base)).replace(
        {"sampling.sampler": "euler", "sampling.schedule": "karras", "sampling.steps": 20, "sampling.cfg_scale": 7.0}
    )
    for name, value in values.items():
        job = job.model_copy(update={name: value}) if name == "stages" else job.replace({name: value})
    (found,) = [item for item in report_fates(job, plan_job(job), TARGET).fates if item.paths == (path,)]
    return found


@pytest.mark.parametrize(
    ("path", "values", "base", "grade", "code"),
    [
        ("text.layer", {"text.layer": -2}, "sd1", "exact", ""),
        ("text.layer", {"text.layer": -2}, "sd2", "inert", ""),
        ("text.layer", {"text.layer": -2}, "sdxl", "inert", ""),
        ("text.layer", {"text.layer": -3}, "sdxl", "inert", ""),
        ("text.layer", {"text.layer": -3, "producer.dialect": "forge"}, "sdxl", "dropped", "PC601"),
        ("text.layer", {"text.layer": -2, "producer.dialect": "forge"}, "sdxl", "inert", ""),
        ("negative", {"negative": Prompt(text="bad")}, "sd1", "exact", ""),
        ("negative", {"negative": Prompt(text="bad"), "sampling.cfg_scale": 1.0}, "sd1", "inert", ""),
        ("sampling.cfg_scale", {}, "sd1", "exact", ""),
        ("sampling.cfg_scale", {"sampling.cfg_scale": 0.0}, "sd1", "dropped", "PC601"),
        ("noise.seed", {"noise.seed": -1}, "sd1", "approximate", "PC602"),
        ("stages.hires.upscaler", {**HIRES, "stages.hires.upscaler": "latent:nearest"}, "lumina2", "dropped", "PC601"),
        ("stages.hires.upscaler", {**HIRES, "stages.hires.upscaler": "latent:nearest"}, "z-image", "exact", ""),
        ("batch.size", {"batch.size": 4}, "sd1", "exact", ""),
        ("batch.size", {"batch.size": 4, "batch.position": 0}, "sd1", "exact", ""),
        ("batch.position", {"batch.size": 4, "batch.position": 2}, "sd1", "exact", ""),
        ("assets.checkpoint.name", {"assets.checkpoint.name": "x"}, "sd1", "exact", ""),
        ("assets.checkpoint.name", {"assets.checkpoint.name": "x"}, "sd3", "close", "PC603"),
        ("assets.checkpoint.name", {"assets.checkpoint.name": "x"}, "flux", "close", "PC603"),
        ("sampling.distilled_cfg_scale", {"sampling.distilled_cfg_scale": 3.0}, "flux", "exact", ""),
        ("sampling.distilled_cfg_scale", {"sampling.distilled_cfg_scale": 3.0}, "sd1", "inert", ""),
        ("sampling.shift", {"sampling.shift": 3.0}, "flux", "exact", ""),
        ("sampling.shift", {"sampling.shift": 3.0}, "sd3", "exact", ""),
        ("sampling.shift", {"sampling.shift": 3.0}, "sd1", "inert", ""),
        ("sampling.cfg_rescale", {"sampling.cfg_rescale": 0.7}, "sd1", "close", "PC603"),
        ("sampling.cfg_rescale", {"sampling.cfg_rescale": 0.7, **HIRES}, "sd1", "dropped", "PC601"),
        ("sampling.cfg_rescale", {"sampling.cfg_rescale": 0.7, **HIRES}, "sdxl", "close", "PC603"),
        ("sampling.cfg_rescale", {"sampling.cfg_rescale": 0.7}, "flux", "dropped", "PC601"),
        ("sampling.eta_ddim", {"sampling.eta_ddim": 0.5, "sampling.sampler": "ddim"}, "sd1", "exact", ""),
        ("sampling.eta", {"sampling.eta": 0.5, "sampling.sampler": "euler_ancestral"}, "sd1", "dropped", "PC601"),
        ("sampling.unipc_order", {"sampling.unipc_order": 2, "sampling.sampler": "unipc"}, "sd1", "dropped", "PC601"),
        ("sampling.unipc_order", {"sampling.unipc_order": 2}, "sd1", "inert", ""),
        ("noise.delta", {"noise.delta": 31337, "sampling.sampler": "euler_ancestral"}, "sd1", "dropped", "PC610"),
        ("noise.delta", {"noise.delta": 31337, "sampling.sampler": "dpmpp_2m"}, "sd1", "inert", ""),
        ("noise.per_batch", {"noise.per_batch": True}, "sd1", "inert", ""),
        ("noise.per_batch", {"noise.per_batch": True, "batch.size": 2}, "sd1", "exact", ""),
        (f"{ON}.upscaler", {**HIRES, f"{ON}.upscaler": "latent:bicubic"}, "sd1", "exact", ""),
        (f"{ON}.upscaler", {**HIRES, f"{ON}.upscaler": "latent:bislerp"}, "sd1", "approximate", "PC602"),
        (f"{ON}.upscaler", {**HIRES, f"{ON}.upscaler": "image:lanczos"}, "sd1", "close", "PC603"),
        (f"{ON}.upscaler", {**HIRES, f"{ON}.upscaler": "model:4x"}, "sd1", "approximate", "PC602"),
        (f"{ON}.sampler", {**HIRES, f"{ON}.sampler": "dpmpp_2m"}, "sd1", "approximate", "PC630"),
        (f"{ON}.schedule", {**HIRES, f"{ON}.schedule": "kl_optimal"}, "sd1", "dropped", "PC631"),
        ("sampling.schedule", {**HIRES, f"{ON}.sampler": "euler_ancestral"}, "sd1", "exact", ""),
    ],
)
def test_an_answer_fits_the_job(path: str, values: Mapping[str, object], base: str, grade: str, code: str) -> None:
    found = fate(path, values, base)
    assert (found.grade, found.code) == (grade, code)


def test_a_stand_in_is_named() -> None:
    assert "bicubic" in fate(f"{ON}.upscaler", {**HIRES, f"{ON}.upscaler": "latent:bislerp"}).why
    assert "Euler ancestral" in fate("sampling.schedule", {"sampling.sampler": "euler_ancestral"}).why


@pytest.mark.parametrize(("emphasis", "grade"), [("original", "approximate"), ("ignore", "exact"), ("none", "exact")])
def test_brackets_that_are_no_weights_are_no_loss(emphasis: str, grade: str) -> None:
    job = paramc.parse("a (cat:1.3)\nSteps: 20, Sampler: Euler, CFG scale: 7, Seed: 1, RNG: CPU")
    report = paramc.compile(job.replace({"text.emphasis": emphasis}), "diffusers").report
    assert {item.grade for item in report.fates if item.paths == ("prompt",)} == {grade}


def test_t5_reads_what_clip_cuts_off() -> None:
    job = paramc.parse("word " * 200 + "\nSteps: 20, Sampler: Euler, CFG scale: 7, Seed: 1, RNG: CPU")
    grades = {}
    for base in ("sd1", "sd3", "flux"):
        known = job.model_copy(update={"family": Family(name=base, base=base)})
        report = paramc.compile(known, "diffusers").report
        grades[base] = next(item.grade for item in report.fates if item.paths == ("prompt",))
    assert grades == {"sd1": "approximate", "sd3": "close", "flux": "close"}


SD = {
    "euler": ("EulerDiscrete", "exact"),
    "euler_ancestral": ("EulerAncestralDiscrete", "exact"),
    "heun": ("HeunDiscrete", "exact"),
    "lms": ("LMSDiscrete", "exact"),
    "dpm_2": ("KDPM2Discrete", "approximate"),
    "dpm_2_ancestral": ("KDPM2AncestralDiscrete", "approximate"),
    "dpmpp_2m": ("DPMSolverMultistep", "close"),
    "dpmpp_2m_sde": ("DPMSolverMultistep", "approximate"),
    "dpmpp_2m_sde_heun": ("DPMSolverMultistep", "approximate"),
    "dpmpp_3m_sde": ("DPMSolverMultistep", "approximate"),
    "dpmpp_sde": ("DPMSolverSDE", "close"),
    "dpmpp_2s_ancestral": ("EulerAncestralDiscrete", "approximate"),
    "unipc": ("UniPCMultistep", "close"),
    "uni_pc": ("UniPCMultistep", "approximate"),
    "uni_pc_bh2": ("UniPCMultistep", "approximate"),
    "ddim": ("DDIM", "close"),
    "ddim_cfg_pp": ("DDIM", "approximate"),
    "plms": ("PNDM", "approximate"),
    "lcm": ("LCM", "approximate"),
    "restart": ("HeunDiscrete", "approximate"),
    "heunpp2": ("HeunDiscrete", "approximate"),
    "deis": ("DEISMultistep", "approximate"),
    "tcd": ("TCD", "approximate"),
    "ddpm": ("DDPM", "approximate"),
    "ipndm": ("LMSDiscrete", "approximate"),
    "ipndm_v": ("LMSDiscrete", "approximate"),
    "dpm_fast": ("DPMSolverMultistep", "approximate"),
    "dpm_adaptive": ("DPMSolverMultistep", "approximate"),
    "res_multistep": ("DPMSolverMultistep", "approximate"),
    "gradient_estimation": ("DPMSolverMultistep", "approximate"),
    "sa_solver": ("DPMSolverMultistep", "approximate"),
    "sa_solver_pece": ("DPMSolverMultistep", "approximate"),
    "er_sde": ("EulerDiscrete", "dropped"),
    "unknown:mine": ("EulerDiscrete", "dropped"),
}


@pytest.mark.parametrize("base", ["sd1", "sd2", "sdxl"])
@pytest.mark.parametrize("sampler", SD)
def test_a_sampler_has_its_scheduler(sampler: str, base: str) -> None:
    assert TARGET.schedulers is not None
    row = TARGET.schedulers.sampler(base, sampler, 20)
    assert (row.scheduler.removesuffix("Scheduler"), row.grade) == SD[sampler]


K = "exact exact exact exact exact exact close close approximate dropped"
SCHEDULES = (
    "uniform",
    "normal",
    "karras",
    "exponential",
    "beta",
    "simple",
    "sgm_uniform",
    "turbo",
    "ddim",
    "kl_optimal",
)
GRADES = {
    "euler": K,
    "heun": K,
    "lms": K,
    "dpm_2": K,
    "dpm_2_ancestral": K,
    "dpmpp_sde": "exact exact exact exact exact exact approximate close approximate dropped",
    "euler_ancestral": "exact exact dropped dropped dropped exact close close approximate dropped",
    "dpmpp_2m": "approximate approximate exact exact exact exact approximate approximate dropped dropped",
    "unipc": "exact " + "inert " * 9,
    "ddim": "exact " + "inert " * 9,
    "plms": "exact " + "inert " * 9,
    "lcm": "exact " + "inert " * 9,
    "tcd": "exact " + "inert " * 9,
    "ddpm": "exact " + "inert " * 9,
    "deis": "approximate " * 10,
}


@pytest.mark.parametrize("sampler", GRADES)
def test_a_schedule_is_kept_as_well_as_its_sampler_can(sampler: str) -> None:
    assert TARGET.schedulers is not None
    rows = [TARGET.schedulers.judged("sd1", "schedule", sampler, name, 20) for name in SCHEDULES]
    assert [row.grade for row in rows if row] == GRADES[sampler].split()
    assert TARGET.schedulers.judged("sd1", "schedule", sampler, "polyexponential", 20) == rows[3]


FLOW = {
    "sd3": "close approximate exact exact exact exact approximate dropped dropped dropped",
    "flux": "approximate exact exact exact exact exact exact dropped dropped dropped",
}


@pytest.mark.parametrize("base", FLOW)
def test_flow_models_have_schedules_of_their_own(base: str) -> None:
    assert TARGET.schedulers is not None
    rows = [TARGET.schedulers.judged(base, "schedule", "euler", name, 20) for name in SCHEDULES]
    assert [row.grade for row in rows if row] == FLOW[base].split()
    assert TARGET.schedulers.sampler(base, "euler", 20).grade == "exact"
    assert TARGET.schedulers.sampler(base, "heun", 20).grade == "approximate"


@pytest.mark.parametrize(
    ("sampler", "told"),
    [
        ("dpmpp_2m", {"algorithm_type": "dpmsolver++", "solver_order": 2, "solver_type": "midpoint"}),
        ("dpmpp_2m_sde_heun", {"algorithm_type": "sde-dpmsolver++", "solver_order": 2, "solver_type": "heun"}),
        ("dpmpp_3m_sde", {"algorithm_type": "sde-dpmsolver++", "solver_order": 3, "solver_type": "midpoint"}),
        ("unipc", {"solver_order": 3, "solver_type": "bh1", "final_sigmas_type": "sigma_min"}),
        ("uni_pc_bh2", {"solver_order": 3, "solver_type": "bh2", "final_sigmas_type": "sigma_min"}),
        ("ddim", {"clip_sample": False, "set_alpha_to_one": False}),
        ("plms", {"skip_prk_steps": True, "set_alpha_to_one": False}),
    ],
)
def test_a_scheduler_is_told_what_its_defaults_get_wrong(sampler: str, told: dict[str, object]) -> None:
    assert TARGET.schedulers is not None
    assert TARGET.schedulers.sampler("sd1", sampler, 20).keywords == told


def test_zero_terminal_snr_is_a_keyword_where_the_scheduler_has_it() -> None:
    assert TARGET.schedulers is not None
    flags = ("zero_terminal_snr", "downcasts_alphas")
    assert TARGET.schedulers.flagged("EulerDiscreteScheduler", flags) == {"rescale_betas_zero_snr": True}
    assert TARGET.schedulers.flagged("HeunDiscreteScheduler", flags) == {}
