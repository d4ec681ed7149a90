"""What scripts in the style `plain` say of their pictures is what was measured: targets/diffusers/measured.toml."""

from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("diffusers")

from paramc.backends.registry import find_target
from paramc.backends.report import rank, worst
from paramc.backends.schedulers import EXACT, grade_of
from tests.sdk.deviations import PAIRS, STEPS, deviation, job, table

pytestmark = [
    pytest.mark.sdk,
    pytest.mark.filterwarnings("ignore:__array_:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Should have t[ab]:UserWarning"),
]

TARGET = find_target("diffusers")
PATH = TARGET.folder / "measured.toml"
ALWAYS = frozenset({("euler", "uniform"), ("dpmpp_2m", "karras"), ("ddim", "uniform")})


@pytest.mark.parametrize(
    ("sampler", "schedule"),
    [pytest.param(*pair, id="-".join(pair), marks=() if pair in ALWAYS else pytest.mark.slow) for pair in PAIRS],
)
def test_pictures_are_as_far_off_as_the_table_says(worded: Callable[[str], Path], sampler: str, schedule: str) -> None:
    assert TARGET.schedulers is not None
    stated = TARGET.schedulers.deviation("sd1", sampler, schedule)
    found = deviation(job("sd1", sampler, schedule), worded("sd1"))
    assert stated is not None
    assert found <= max(2 * stated, EXACT)
    assert stated <= max(2 * found, EXACT)


@pytest.mark.slow
def test_the_table_is_the_one_that_is_measured(request: pytest.FixtureRequest, worded: Callable[[str], Path]) -> None:
    if request.config.getoption("--bless"):
        found = {("sd1", *pair): deviation(job("sd1", *pair), worded("sd1")) for pair in PAIRS}
        PATH.write_text(table(found))
    assert [f"{sampler}-{schedule}" for sampler, schedule in PAIRS if _stated(sampler, schedule) is None] == []


@pytest.mark.parametrize(("sampler", "schedule"), PAIRS, ids=["-".join(pair) for pair in PAIRS])
def test_no_pair_has_a_better_grade_than_the_measurement(sampler: str, schedule: str) -> None:
    assert TARGET.schedulers is not None
    stated = _stated(sampler, schedule)
    own, other = (TARGET.schedulers.judged("sd1", kind, sampler, schedule, STEPS) for kind in ("sampler", "schedule"))
    assert stated is not None
    assert own is not None
    assert other is not None
    assert rank(worst((own.grade, other.grade))) >= rank(grade_of(stated))


def _stated(sampler: str, schedule: str) -> float | None:
    assert TARGET.schedulers is not None
    return TARGET.schedulers.deviation("sd1", sampler, schedule)
