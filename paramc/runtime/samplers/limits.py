"""What a sampler cannot do with the levels it is given, said before it starts."""

from typing import Final

from torch import Tensor

from paramc.runtime.samplers.protocol import Knobs

OWN_STEPS: Final = frozenset({"dpm_fast", "dpm_adaptive"})
BROWNIAN: Final = frozenset({"dpmpp_sde", "dpmpp_2m_sde", "dpmpp_2m_sde_heun", "dpmpp_3m_sde"})


class ImpossibleWalk(Exception):  # noqa: N818  # reads as the thing it reports
    """A sampler that these levels leave nothing to do, or less than it needs."""

    def __init__(self, sampler: str, problem: str) -> None:
        super().__init__(f"`{sampler}` {problem}")
        self.sampler = sampler
        self.problem = problem


def check_walk(sampler: str, levels: Tensor, knobs: Knobs) -> None:
    """Raises ImpossibleWalk where `sampler` would fail or give numbers that are none.

    levels: sigmas, timesteps or times as the sampler takes them. No levels at all leave most samplers content: the
    latent comes back as it was.
    """
    steps = len(levels) - 1
    if not levels.isfinite().all():
        raise ImpossibleWalk(sampler, "has levels that are not finite")
    if sampler == "unipc" and steps < knobs.unipc.order:
        raise ImpossibleWalk(sampler, f"of order {knobs.unipc.order} needs as many steps, not {max(steps, 0)}")
    low, high = knobs.bounds
    if sampler in OWN_STEPS and not (0 < low < high or (0 < low == high and knobs.eta == 0)):
        raise ImpossibleWalk(sampler, "has no range of levels to walk")
    if sampler in BROWNIAN and not (levels > 0).any():
        raise ImpossibleWalk(sampler, "has no levels to draw noise between")
