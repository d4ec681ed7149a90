"""The noise levels of a pass, in ops: a schedule, and the part of it that is walked."""

from typing import Final, NamedTuple

from paramc.ir.base import trusted
from paramc.ir.names import executed_schedule, sampler_of
from paramc.ir.plan import Sigmas, Slice
from paramc.passes.draft import Draft

LONGEST_SCHEDULE: Final = 10**12  # steps; a strength that asks for more is next to nothing
GREATEST_STRENGTH: Final = 0.999  # A1111 takes the whole for this share
ENDS: Final = ("sampling.first_step", "sampling.last_step")
PART: Final = frozenset({*ENDS, "sampling.share"})  # paths that ask for some of the steps


def add_sigmas(draft: Draft, name: str, sampler: str | None, schedule: str | None, steps: int) -> str:
    """All levels of a schedule."""
    sampling = draft.job.sampling
    return draft.add(
        trusted(Sigmas)(
            id=name,
            because=("sampling.schedule", "sampling.steps"),
            model=draft.model,
            schedule=executed_schedule(sampler, schedule),
            steps=steps,
            sigma_min=sampling.sigma_min,
            sigma_max=sampling.sigma_max,
            rho=sampling.rho,
            beta_alpha=sampling.beta_alpha,
            beta_beta=sampling.beta_beta,
            drops_penultimate=sampling.drops_penultimate_sigma
            or (sampler_of(sampler).drops and sampler not in draft.keeping),
            shift=sampling.shift,
        )
    )


def add_slice(draft: Draft, name: str, sigmas: str, steps: int, strength: float) -> str:
    """The tail of the sigmas that a pass with `strength` runs: one step more than the rounded share (A1111)."""
    start = steps - share(steps, strength) - 1
    return draft.add(trusted(Slice)(id=name, because=("task.strength",), sigmas=sigmas, start=start, strength=strength))


def share(steps: int, strength: float) -> int:
    """The steps that `strength` leaves, in float64 and rounded down (A1111): 0.7 of 10 is 7, 0.29 of 100 is 28."""
    return min(int(max(0.0, min(strength, GREATEST_STRENGTH)) * steps), steps - 1)  # of what is no number, 0


def longer(steps: int, strength: float) -> int:
    """Steps of a schedule of which `strength` leaves just so many."""
    return int(min(steps / min(strength, GREATEST_STRENGTH), LONGEST_SCHEDULE)) if strength > 0 else steps


def add_lengthened(
    draft: Draft, name: str, sigmas: str, start: int, strength: float, path: str = "task.strength"
) -> str:
    """The tail of a schedule that was made longer for it by `start` steps."""
    tail = trusted(Slice)(
        id=name, because=(path,), sigmas=sigmas, start=start, strength=strength, lengthens=True, lead=start
    )
    return draft.add(tail)


class Part(NamedTuple):
    """The steps [first, last) of those that are asked for; None = to the end. `leaves`: what noise is left then."""

    first: int
    last: int | None
    leaves: bool


def add_part(draft: Draft, sigmas: str, name: str, part: Part, because: tuple[str, ...]) -> str:
    """The levels of a part of the steps alone."""
    if not part.first and part.last is None:
        return sigmas
    op = draft.ops[-1]
    tail = op if isinstance(op, Slice) else trusted(Slice)(id=name, sigmas=sigmas, start=0, strength=1.0)
    if op is tail:
        draft.ops.pop()
    changed = {
        "start": max(tail.start, tail.lead + part.first),
        "end": None if part.last is None else tail.lead + part.last,
        "ends_clean": part.last is not None and not part.leaves,
        "because": (*tail.because, *because),
    }
    return draft.add(tail.model_copy(update=changed))
