"""What scripts in the style `plain` say of their pictures is what was measured: targets/diffusers/measured.toml."""

from collections.abc import Callable
from math import nan
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("diffusers")

from paramc.backends.registry import find_target
from paramc.backends.report import rank, worst
from paramc.backends.schedulers import grade_of
from paramc.tables import read_table, section
from tests.sdk.deviations import MEASURED, STEPS, are_alike, deviation, differing, job, table

pytestmark = [
    pytest.mark.sdk,
    pytest.mark.filterwarnings("ignore:__array_:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Should have t[ab]:UserWarning"),
]

TARGET = find_target("diffusers")
PATH = TARGET.folder / "measured.toml"
ALWAYS = frozenset({
    ("sd1", "euler", "uniform"), ("sd1", "dpmpp_2m", "karras"), ("sd1", "ddim", "uniform"), ("sd3", "euler", "simple"),
    ("flux", "euler", "simple"),
})  # fmt: skip
CASES = [(base, *pair) for base, pairs in MEASURED.items() for pair in pairs]


@pytest.mark.parametrize(
    ("base", "sampler", "schedule"),
    [pytest.param(*case, id="-".join(case), marks=() if case in ALWAYS else pytest.mark.slow) for case in CASES],
)
def test_pictures_are_as_far_off_as_the_table_says(
    worded: Callable[[str], Path], base: str, sampler: str, schedule: str
) -> None:
    found, stated = deviation(job(base, sampler, schedule), worded(base)), _stated(base, sampler, schedule)
    assert are_alike(found, nan if stated is None else stated)


@pytest.mark.slow
def test_the_table_is_the_one_that_is_measured(request: pytest.FixtureRequest, worded: Callable[[str], Path]) -> None:
    if request.config.getoption("--bless"):
        PATH.write_text(table(differing({case: deviation(job(*case), worded(case[0])) for case in CASES})))
    rows = {(base, *pair) for base, pairs in MEASURED.items() if base in ("sd1", "sd3") for pair in pairs}
    written = read_table(PATH)
    assert rows == {
        (base, sampler, schedule)
        for base in ("sd1", "sd3")
        for sampler in section(written, base, PATH)
        for schedule in section(section(written, base, PATH), sampler, PATH)
    }


@pytest.mark.parametrize(("base", "sampler", "schedule"), CASES, ids=["-".join(case) for case in CASES])
def test_no_pair_has_a_better_grade_than_the_measurement(base: str, sampler: str, schedule: str) -> None:
    assert TARGET.schedulers is not None
    stated = _stated(base, sampler, schedule)
    own, other = (TARGET.schedulers.judged(base, kind, sampler, schedule, STEPS) for kind in ("sampler", "schedule"))
    assert own is not None
    assert other is not None
    assert stated is None or rank(worst((own.grade, other.grade))) >= rank(grade_of(stated))


def _stated(base: str, sampler: str, schedule: str) -> float | None:
    assert TARGET.schedulers is not None
    return TARGET.schedulers.deviation(base, sampler, schedule)
