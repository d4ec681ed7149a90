"""The numbers of a sampling pass: which steps of which schedule are run, and with what noise."""

from typing import NamedTuple

from paramc.backends.graph.context import Context
from paramc.backends.graph.tables import SamplerRow, ScheduleRow
from paramc.ir.names import sampler_of
from paramc.ir.plan import MakeNoise, Sample, Sigmas, Slice

SEEDS = 2**64
PICTURE = "task.strength"  # what asks for a pass over a picture


class Pass(NamedTuple):
    """The numbers of one sampling pass.

    `planned` steps make the schedule, of which steps [start, end) are run; `end` None runs to the end of the schedule.
    With `leftover` the last sigma is no 0. `shortens`: so many steps are run as were asked for, of a longer schedule;
    otherwise some of those asked for are left out. `lead` are the steps by which it was made longer for a part of it.
    """

    op: Sample
    sigmas: Sigmas
    noise: MakeNoise
    sampler: SamplerRow
    schedule: ScheduleRow
    strength: float
    start: int
    planned: int
    end: int | None
    leftover: bool
    shortens: bool
    lead: int = 0

    @property
    def is_parted(self) -> bool:
        """Whether of the steps that a strength leaves only some are run, or without noise: only a chain says both."""
        some = self.is_silent or self.end is not None or self.start > self.lead
        return self.lead > 0 and some and not self.sampler.drops and not schedule_node(self)

    @property
    def steps(self) -> int:
        """Steps of the schedule as asked."""
        return max(self.sigmas.steps, 1)

    @property
    def is_silent(self) -> bool:
        """Whether no noise is added to what the pass starts from."""
        return self.noise.multiplier == 0

    @property
    def seed(self) -> int:
        """The seed as a generator takes it."""
        return seed_of(self.noise.seed)


def seed_of(seed: int | None) -> int:
    """A seed as a generator takes it; a job without one gets 0."""
    return (seed or 0) % SEEDS


def planned(context: Context, op: Sample) -> Pass:
    """The numbers of a pass: what of which schedule is run."""
    source, cut = _schedule(context, op)
    row = context.tables.sampler(op.sampler)
    asked = row.own if row.own and source.schedule == sampler_of(op.sampler).automatic else source.schedule
    schedule = context.tables.schedule(asked)
    if source.schedule == context.base.schedule:
        schedule = ScheduleRow(schedule.name, node=context.base.schedule_node)
    steps = max(source.steps, 1)
    drops = source.drops_penultimate and not row.drops and not schedule.extra
    extra = schedule.extra or (1 if drops else 0)
    return Pass(
        op,
        source,
        _noise(context, op),
        row,
        schedule,
        1.0 if cut is None else cut.strength,
        max(cut.start, 0) if cut else 0,
        steps + extra,
        _end(cut, steps) or (steps if extra else None),
        schedule.leftover if cut is None or _end(cut, steps) is None else not cut.ends_clean,
        cut is None or cut.lengthens or PICTURE not in cut.because,
        0 if cut is None or PICTURE in cut.because else cut.lead,
    )


def _end(cut: Slice | None, steps: int) -> int | None:
    """The step at which a part of a schedule ends; None for its own end."""
    return cut.end if cut is not None and cut.end is not None and cut.end < steps else None


def _schedule(context: Context, op: Sample) -> tuple[Sigmas, Slice | None]:
    source = context.ops.get(op.sigmas)
    cut = source if isinstance(source, Slice) else None
    whole = context.ops.get(cut.sigmas) if cut else source
    return (whole if isinstance(whole, Sigmas) else Sigmas(id="", model=op.model, schedule="", steps=1)), cut


def _noise(context: Context, op: Sample) -> MakeNoise:
    noise = context.ops.get(op.noise)
    return noise if isinstance(noise, MakeNoise) else MakeNoise(id="", seed=None, generator="cpu")


def schedule_node(run: Pass) -> str:
    """The node of a schedule that no scheduler word says, or ""."""
    asked = run.sigmas
    if run.schedule.node:
        return run.schedule.node
    bent = asked.rho not in (0.0, run.schedule.rho) and run.schedule.rho > 0
    if run.schedule.ranged and (asked.sigma_min or asked.sigma_max or bent):
        return run.schedule.ranged
    return run.schedule.shaped if (asked.beta_alpha, asked.beta_beta) != (0.6, 0.6) else ""
