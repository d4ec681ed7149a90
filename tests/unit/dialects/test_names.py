"""Names of samplers, schedules and upscalers: as the UI takes them, and as the settings meant them."""

import gzip
import json
from pathlib import Path

import pytest

from paramc.dialects.names import Pair, names_of, upscaler_codec
from paramc.dialects.registry import find_dialect
from paramc.ir.names import samplers, schedules, upscalers

GOLDEN = Path(__file__).parents[2] / "golden" / "a1111" / "a1111_samplers.jsonl.gz"
A1111 = names_of(find_dialect("a1111"))


def records() -> list[dict]:
    with gzip.open(GOLDEN, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


@pytest.mark.parametrize("record", [one for one in records() if "fields" not in one], ids=lambda record: record["id"])
def test_the_ui_takes_a_pair_as_recorded(record: dict) -> None:
    label, schedule = record["sampler"], record["schedule_type"]
    assert [*A1111.pasted(label, schedule)] == record["pasted"]
    assert [*A1111.executed(label, schedule)] == record["executed"]


@pytest.mark.parametrize("record", [one for one in records() if "fields" in one], ids=lambda record: record["id"])
def test_the_ui_takes_the_second_pass_as_recorded(record: dict) -> None:
    fields = record["fields"]
    keys = ("Sampler", "Schedule type", "Hires sampler", "Hires schedule type")
    assert [*A1111.hires_pasted(*(fields.get(key) for key in keys))] == record["hires"]


@pytest.mark.parametrize(
    ("label", "meant"),
    [
        ("DPM++ 2M", ("dpmpp_2m", None)),
        ("DPM++ 2M Karras", ("dpmpp_2m", "karras")),
        ("DPM++ 2M SDE Heun Exponential", ("dpmpp_2m_sde_heun", "exponential")),
        ("Euler a SGM Uniform", ("euler_ancestral", "sgm_uniform")),
        ("DDIM", ("ddim", None)),
        ("DDIM CFG++", ("ddim_cfg_pp", None)),
        ("dpmpp_2m_karras", ("dpmpp_2m", "karras")),
        ("dpmpp_2m_sgm_uniform", ("dpmpp_2m", "sgm_uniform")),
        ("euler_ancestral", ("euler_ancestral", None)),
        ("euler_a", ("euler_ancestral", None)),
        ("euler discrete", ("euler", "uniform")),
        ("k_dpmpp_2s_a", ("dpmpp_2s_ancestral", None)),
        ("dpm++ 2m karras", ("dpmpp_2m", "karras")),
        (" LMS ", ("lms", None)),
        ("DPM++ 2M Karras test", ("unknown:DPM++ 2M Karras test", None)),
        ("Karras", ("unknown:Karras", None)),
        ("", ("unknown:", None)),
    ],
)
def test_a_label_means_a_sampler_and_perhaps_a_schedule(label: str, meant: tuple[str, str | None]) -> None:
    assert A1111.meant(label) == Pair(*meant)


@pytest.mark.parametrize(("label", "closest"), [("DPM2 aa", "DPM2 a"), ("Eular a", "Euler a"), ("§", None)])
def test_an_unknown_sampler_is_answered_with_the_closest(label: str, closest: str | None) -> None:
    assert A1111.closest_sampler(label) == closest


@pytest.mark.parametrize("name", ["a1111", "forge", "forge_classic", "reforge", "sdnext"])
def test_every_sampler_and_schedule_reads_back_as_itself(name: str) -> None:
    names = names_of(find_dialect(name))
    assert [one for one in samplers() if names.meant(names.sampler_label(one)) != (one, None)] == []
    assert [one for one in schedules() if names.schedule(names.schedule_label(one)) != one] == []


@pytest.mark.parametrize("name", ["a1111", "forge", "forge_classic", "reforge", "sdnext"])
def test_tables_name_only_what_exists(name: str) -> None:
    table = names_of(find_dialect(name)).table
    assert {*table.samplers.values(), *table.sampler_aliases.values()} <= set(samplers())
    listed = {*table.schedules.values(), *table.schedule_spellings.values(), *table.schedule_aliases.values()}
    assert listed <= set(schedules())
    assert set(table.upscalers.values()) <= set(upscalers())


@pytest.mark.parametrize("label", ["Latent", "Latent (bicubic antialiased)", "Nearest", "4x-UltraSharp", "latent:area"])
def test_upscalers_read_back(label: str) -> None:
    codec = upscaler_codec(A1111)
    assert codec.write(codec.read(label)) == label


# Every row of the tables, so that none can go unnoticed. What the UI itself accepts is held by the records above.
ROWS = {
    "a1111": {
        "samplers": {
            "DPM++ 2M": "dpmpp_2m",
            "DPM++ SDE": "dpmpp_sde",
            "DPM++ 2M SDE": "dpmpp_2m_sde",
            "DPM++ 2M SDE Heun": "dpmpp_2m_sde_heun",
            "DPM++ 2S a": "dpmpp_2s_ancestral",
            "DPM++ 3M SDE": "dpmpp_3m_sde",
            "Euler a": "euler_ancestral",
            "Euler": "euler",
            "LMS": "lms",
            "Heun": "heun",
            "DPM2": "dpm_2",
            "DPM2 a": "dpm_2_ancestral",
            "DPM fast": "dpm_fast",
            "DPM adaptive": "dpm_adaptive",
            "Restart": "restart",
            "DDIM": "ddim",
            "DDIM CFG++": "ddim_cfg_pp",
            "PLMS": "plms",
            "UniPC": "unipc",
            "LCM": "lcm",
        },
        "schedules": {
            "Automatic": "automatic",
            "Uniform": "uniform",
            "Karras": "karras",
            "Exponential": "exponential",
            "Polyexponential": "polyexponential",
            "SGM Uniform": "sgm_uniform",
            "KL Optimal": "kl_optimal",
            "Align Your Steps": "align_your_steps",
            "Simple": "simple",
            "Normal": "normal",
            "DDIM": "ddim",
            "Beta": "beta",
        },
        "schedule_spellings": {"SGMUniform": "sgm_uniform"},
        "sampler_aliases": {
            "k_dpmpp_2m": "dpmpp_2m",
            "k_dpmpp_sde": "dpmpp_sde",
            "k_dpmpp_2m_sde": "dpmpp_2m_sde",
            "k_dpmpp_2m_sde_heun": "dpmpp_2m_sde_heun",
            "k_dpmpp_2s_a": "dpmpp_2s_ancestral",
            "k_dpmpp_3m_sde": "dpmpp_3m_sde",
            "k_euler_a": "euler_ancestral",
            "k_euler_ancestral": "euler_ancestral",
            "k_euler": "euler",
            "k_lms": "lms",
            "k_heun": "heun",
            "k_dpm_2": "dpm_2",
            "k_dpm_2_a": "dpm_2_ancestral",
            "k_dpm_fast": "dpm_fast",
            "k_dpm_ad": "dpm_adaptive",
            "k_lcm": "lcm",
            "ddim_cfgpp": "ddim_cfg_pp",
            "euler_a": "euler_ancestral",
            "dpmpp_2s_a": "dpmpp_2s_ancestral",
            "dpm2": "dpm_2",
            "dpm2_a": "dpm_2_ancestral",
            "dpm2_ancestral": "dpm_2_ancestral",
            "Euler Ancestral": "euler_ancestral",
            "DPM++ 2S Ancestral": "dpmpp_2s_ancestral",
            "DPM 2": "dpm_2",
            "DPM 2 Ancestral": "dpm_2_ancestral",
        },
        "schedule_aliases": {
            "discrete": "uniform",
            "ays": "align_your_steps",
            "gits": "align_your_steps_gits",
            "ddim_uniform": "ddim",
        },
        "upscalers": {
            "Latent": "latent:bilinear",
            "Latent (antialiased)": "latent:bilinear_antialias",
            "Latent (bicubic)": "latent:bicubic",
            "Latent (bicubic antialiased)": "latent:bicubic_antialias",
            "Latent (nearest)": "latent:nearest",
            "Latent (nearest-exact)": "latent:nearest_exact",
            "None": "none",
            "Lanczos": "image:lanczos",
            "Nearest": "image:nearest",
        },
    },
    "forge": {
        "samplers": {"HeunPP2": "heunpp2", "IPNDM": "ipndm", "IPNDM_V": "ipndm_v", "DEIS": "deis", "DDPM": "ddpm"},
        "schedules": {
            "Turbo": "turbo",
            "Align Your Steps GITS": "align_your_steps_gits",
            "Align Your Steps 11": "align_your_steps_11",
            "Align Your Steps 32": "align_your_steps_32",
        },
    },
    "forge_classic": {},
    "reforge": {
        "samplers": {
            "ER SDE": "er_sde",
            "SA-Solver": "sa_solver",
            "RES Multistep": "res_multistep",
            "Gradient Estimation": "gradient_estimation",
            "HeunPP2": "heunpp2",
            "IPNDM": "ipndm",
            "IPNDM_V": "ipndm_v",
            "DEIS": "deis",
            "DDPM": "ddpm",
        },
        "schedules": {
            "Turbo": "turbo",
            "Align Your Steps GITS": "align_your_steps_gits",
            "Align Your Steps 11": "align_your_steps_11",
            "Align Your Steps 32": "align_your_steps_32",
        },
    },
    "sdnext": {
        "samplers": {"DEIS": "deis"},
        "sampler_aliases": {
            "LMSD": "lms",
            "KDPM2": "dpm_2",
            "KDPM2 a": "dpm_2_ancestral",
            "PNDM": "plms",
            "DPM SDE": "dpmpp_sde",
            "SA Solver": "sa_solver",
            "IPNDM": "ipndm",
            "Euler EDM": "euler",
            "DPM++ 2M EDM": "dpmpp_2m",
            "DPM++ 2M FlowMatch": "dpmpp_2m",
            "Heun FlowMatch": "heun",
            "UniPC FlowMatch": "unipc",
            "Euler FlowMatch": "euler",
            "ER-SDE FlowMatch": "er_sde",
        },
    },
}


@pytest.mark.parametrize("name", ROWS)
def test_every_label_of_a_dialect_is_known(name: str) -> None:
    table = names_of(find_dialect(name)).table
    for kind, rows in ROWS[name].items():
        inherited = ROWS["a1111"].get(kind, {}) if name != "a1111" else {}
        assert dict(getattr(table, kind)) == {**inherited, **rows}


def test_the_first_label_of_an_id_is_written() -> None:
    assert A1111.sampler_label("dpmpp_2m") == "DPM++ 2M"
    assert A1111.schedule_label("sgm_uniform") == "SGM Uniform"
    assert upscaler_codec(A1111).write("latent:bilinear") == "Latent"
