"""A job as a settings text that reads back as this very job: in its program's own words, else as JSON."""

from typing import NamedTuple

from paramc.backends.description import Target
from paramc.backends.payload import compact
from paramc.backends.registry import choices, engine, find_target, targets
from paramc.backends.report import Report
from paramc.dialects.reading import read_job
from paramc.dialects.registry import dialects, find_dialect
from paramc.ir.job import Job
from paramc.ir.plan import Plan
from paramc.passes.complete import complete_job
from paramc.passes.upgrade import upgrade_job

WORDS = "infotext"  # the engine that writes settings texts
WHOLE = "json"  # the target that keeps every value


class Settings(NamedTuple):
    """A text, its dialect, and what is read of it, for no version yet; None for a text that keeps every value."""

    text: str
    dialect: str
    said: Job | None


def settings_of(job: Job, plan: Plan, target: Target, report: Report) -> Settings:
    """The settings. `target` is the one that holds them: others are looked for beside it."""
    roots = (target.folder.parent,)
    own = job.producer.dialect
    writers = [name for name in targets(roots) if find_target(name, roots).engine == WORDS]
    if own in dialects(target.grammars) and find_dialect(own, target.grammars).engine == WORDS and writers:
        text = _written(own if own in writers else writers[0], job, plan, target, report)
        dialect = find_dialect(own, target.grammars)
        for tried in dict.fromkeys((text.rstrip("\n"), text)):
            said = read_job(tried, dialect)[0]
            again = complete_job(upgrade_job(said, dialect), target.grammars)
            if again.model_copy(update={"family": job.family}) == job:
                return Settings(tried, own, said)
    kept = job.model_copy(update={"ledger": ()})  # where each value stood is of no use without the text
    return Settings(compact(kept), WHOLE, None)


def _written(name: str, job: Job, plan: Plan, target: Target, report: Report) -> str:
    other = find_target(name, (target.folder.parent,)).writing(target.grammars)
    emit, _ = engine(other)
    return emit(job, plan, other, choices(other, {}), report)[0].text
