"""Jobs come back from the records written for them, in all that the report calls kept."""

from collections import Counter

import pytest
from hypothesis import HealthCheck, Phase, given, settings

import paramc
from paramc.backends.record import MANNERS, written_job
from paramc.backends.registry import find_target, targets
from paramc.dialects.fields import fields_of
from paramc.dialects.read_record import read_record
from paramc.dialects.registry import find_dialect
from paramc.ir.job import Job
from paramc.ir.paths import leaves, plain, value_at
from paramc.passes.complete import complete_job
from paramc.passes.upgrade import upgrade_job
from tests.properties.strategies import jobs

RECORDS = [name for name in targets() if find_target(name).engine == "record"]
EXAMPLES = settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
CENSUS = 200
RARE = 2
PRODUCER = find_dialect("a1111")
# what jobs of A1111 have not, or have by another name
ELSEWHERE = {
    "task.init.path",
    "task.mask.path",
    "sampling.shift",
    "stages.hires.cfg_scale",
    "controls.controlnet.image.path",
    "noise.variation",
    "stages.hires.checkpoint.name",  # of one second pass in six
}


def told(job: Job, name: str) -> tuple[Job, Job, set[str]]:
    """The job as written, as read back, and the paths that the report calls kept."""
    target = find_target(name)
    job = complete_job(upgrade_job(job, PRODUCER))
    artifact = paramc.compile(job, name)
    dialect = find_dialect(target.dialect or name)
    back = upgrade_job(read_record(artifact.text, dialect)[0], dialect)
    kept = {
        path for fate in artifact.report.fates if fate.grade not in ("dropped", "approximate") for path in fate.paths
    }
    return written_job(job, target), back, kept


@pytest.mark.parametrize("name", RECORDS)
def test_what_is_kept_comes_back(name: str) -> None:
    @EXAMPLES
    @given(jobs())
    def holds(job: Job) -> None:
        written, back, kept = told(job, name)
        differing = {path for path in kept if plain(value_at(written, path)) != plain(value_at(back, path))}
        assert {path for path in differing - MANNERS if not path.startswith("producer.")} == set()

    holds()


@pytest.mark.parametrize("name", RECORDS)
def test_whatever_the_program_has_a_word_for_is_said(name: str) -> None:
    """The census: every path of the table comes back in one of a hundred jobs."""
    seen: Counter[str] = Counter()

    @settings(EXAMPLES, max_examples=CENSUS, phases=[Phase.generate])
    @given(jobs())
    def count(job: Job) -> None:
        written, back, _ = told(job, name)
        there = dict(leaves(back))
        seen.update(path for path, value in leaves(written) if path in there and plain(there[path]) == plain(value))

    count()
    rows = fields_of(find_dialect(find_target(name).dialect or name)).rows
    sayable = {
        place.text() for row in rows if row.write != "never" for place in row.places if row.key not in ("*", "**")
    }
    rare = {path for path in sayable if seen[path] < RARE}
    assert {path for path in rare - ELSEWHERE if not path.startswith("producer.")} == set()
