"""Samplers by canonical id, and what each one needs."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from paramc.runtime.samplers.cfg_pp import (
    sample_dpmpp_2m_cfg_pp,
    sample_dpmpp_2s_ancestral_cfg_pp,
    sample_euler_ancestral_cfg_pp,
    sample_euler_cfg_pp,
)
from paramc.runtime.samplers.ddim import sample_ddim, sample_ddim_cfg_pp, sample_plms
from paramc.runtime.samplers.dpm_2 import sample_dpm_2, sample_dpm_2_ancestral
from paramc.runtime.samplers.dpm_solver import sample_dpm_adaptive, sample_dpm_fast
from paramc.runtime.samplers.dpmpp import sample_dpmpp_2m, sample_dpmpp_2s_ancestral
from paramc.runtime.samplers.dpmpp_sde import (
    sample_dpmpp_2m_sde,
    sample_dpmpp_2m_sde_heun,
    sample_dpmpp_3m_sde,
    sample_dpmpp_sde,
)
from paramc.runtime.samplers.er_sde import sample_er_sde
from paramc.runtime.samplers.euler import sample_euler, sample_euler_ancestral
from paramc.runtime.samplers.gradient_estimation import (
    sample_gradient_estimation,
    sample_gradient_estimation_cfg_pp,
)
from paramc.runtime.samplers.heun import sample_heun, sample_heunpp2, sample_restart
from paramc.runtime.samplers.lms import sample_lms
from paramc.runtime.samplers.multistep import sample_deis, sample_ipndm, sample_ipndm_v
from paramc.runtime.samplers.one_step import sample_ddpm, sample_lcm
from paramc.runtime.samplers.protocol import Knobs, Sampler
from paramc.runtime.samplers.res import (
    sample_res_multistep,
    sample_res_multistep_ancestral,
    sample_res_multistep_ancestral_cfg_pp,
    sample_res_multistep_cfg_pp,
)
from paramc.runtime.samplers.sa_solver import sample_sa_solver, sample_sa_solver_pece
from paramc.runtime.samplers.seeds import sample_seeds_2, sample_seeds_3
from paramc.runtime.samplers.unipc import sample_uni_pc, sample_uni_pc_bh2, sample_unipc

SAMPLERS: Final[Mapping[str, Sampler]] = MappingProxyType(
    {
        "euler": sample_euler,
        "euler_ancestral": sample_euler_ancestral,
        "lms": sample_lms,
        "heun": sample_heun,
        "heunpp2": sample_heunpp2,
        "dpm_2": sample_dpm_2,
        "dpm_2_ancestral": sample_dpm_2_ancestral,
        "dpm_fast": sample_dpm_fast,
        "dpm_adaptive": sample_dpm_adaptive,
        "dpmpp_2s_ancestral": sample_dpmpp_2s_ancestral,
        "dpmpp_sde": sample_dpmpp_sde,
        "dpmpp_2m": sample_dpmpp_2m,
        "dpmpp_2m_sde": sample_dpmpp_2m_sde,
        "dpmpp_2m_sde_heun": sample_dpmpp_2m_sde_heun,
        "dpmpp_3m_sde": sample_dpmpp_3m_sde,
        "restart": sample_restart,
        "lcm": sample_lcm,
        "ddpm": sample_ddpm,
        "ipndm": sample_ipndm,
        "ipndm_v": sample_ipndm_v,
        "deis": sample_deis,
        "uni_pc": sample_uni_pc,
        "uni_pc_bh2": sample_uni_pc_bh2,
        "euler_cfg_pp": sample_euler_cfg_pp,
        "euler_ancestral_cfg_pp": sample_euler_ancestral_cfg_pp,
        "dpmpp_2s_ancestral_cfg_pp": sample_dpmpp_2s_ancestral_cfg_pp,
        "dpmpp_2m_cfg_pp": sample_dpmpp_2m_cfg_pp,
        "res_multistep": sample_res_multistep,
        "res_multistep_cfg_pp": sample_res_multistep_cfg_pp,
        "res_multistep_ancestral": sample_res_multistep_ancestral,
        "res_multistep_ancestral_cfg_pp": sample_res_multistep_ancestral_cfg_pp,
        "gradient_estimation": sample_gradient_estimation,
        "gradient_estimation_cfg_pp": sample_gradient_estimation_cfg_pp,
        "er_sde": sample_er_sde,
        "seeds_2": sample_seeds_2,
        "seeds_3": sample_seeds_3,
        "sa_solver": sample_sa_solver,
        "sa_solver_pece": sample_sa_solver_pece,
    }
)
"""On sigmas; `denoise` predicts the clean latent."""

TIMESTEP_SAMPLERS: Final[Mapping[str, Sampler]] = MappingProxyType(
    {
        "ddim": sample_ddim,
        "ddim_cfg_pp": sample_ddim_cfg_pp,
        "plms": sample_plms,
        "unipc": sample_unipc,
    }
)
"""On timesteps (unipc: continuous times); `denoise` predicts the noise."""

_BOTH: Final = frozenset({"eta", "s_noise"})
_CHURN: Final = frozenset({"churn", "s_noise"})

HANDED: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "euler": _CHURN,
        "heun": _CHURN,
        "dpm_2": _CHURN,
        "euler_ancestral": frozenset({"eta"}),
        "dpm_adaptive": frozenset({"eta"}),
        "ddim": frozenset({"eta"}),
        "ddim_cfg_pp": frozenset({"eta"}),
        "dpm_2_ancestral": _BOTH,
        "dpm_fast": _BOTH,
        "dpmpp_2s_ancestral": _BOTH,
        "dpmpp_sde": _BOTH,
        "dpmpp_2m_sde": _BOTH,
        "dpmpp_2m_sde_heun": _BOTH,
        "dpmpp_3m_sde": _BOTH,
    }
)
"""Knobs that A1111 1.10 hands to a sampler; it leaves the others at their defaults whatever the settings say."""


def handed(sampler: str, knobs: Knobs) -> Knobs:
    """`knobs` with those at their defaults that the sampler is not handed."""
    names, default = HANDED.get(sampler, frozenset[str]()), Knobs()
    return replace(
        knobs,
        eta=knobs.eta if "eta" in names else default.eta,
        s_noise=knobs.s_noise if "s_noise" in names else default.s_noise,
        churn=knobs.churn if "churn" in names else default.churn,
    )
