"""For every feature that the tables call kept in the style `exact`, on every family: the script against the runner."""

from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

import paramc
from paramc.backends.legalise import decided_grades
from paramc.backends.loops import read_loops
from paramc.backends.registry import find_target
from paramc.backends.report import Grade, Report, rank
from paramc.ir.features import features
from paramc.ir.job import Job
from tests.sdk.witnesses import UNASKED, WITNESSES
from tests.unit.backends.scripts import ruff

pytestmark = [
    pytest.mark.sdk,
    pytest.mark.filterwarnings("ignore:__array_:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:`FluxPosEmbed` is deprecated"),  # diffusers warns of a class of its own
]

TARGET = find_target("diffusers")
EXACT: dict[str, str] = {"style": "exact"}
BARS: dict[Grade, float] = {"exact": 1e-5, "inert": 1e-5, "close": 1e-3}
FAMILIES = (*sorted(read_loops(TARGET.folder / "loop.toml").bases), "flux-schnell")
KNOWN = [(family, feature) for family in FAMILIES for feature in WITNESSES]
ALWAYS = {
    ("flux", "prompt.emphasis"), ("flux", "sampling.distilled"), ("sd3", "prompt.long"), ("sdxl", "prompt.embedding"),
    ("sd1", "patch.token_merging"), ("flux-schnell", "producer"), ("sd2", "sampling.cfg_rescale"),
    ("flux", "control.controlnet"), ("sd1", "text.emphasis.comfy"), *Random(8).sample(KNOWN, 8),
}  # fmt: skip


def grade_of(report: Report, feature: str) -> Grade | None:
    """How well a feature is kept; None where nothing asks for it."""
    asking = [fate for fate in report.fates if feature in fate.features]
    grades = [cause.grade for fate in asking for cause in fate.causes if cause.feature == feature]
    return max(grades, key=rank, default="exact") if asking else None


def report(made: Job) -> Report:
    return paramc.compile(made, "diffusers", options=EXACT).report


@pytest.mark.parametrize("base", FAMILIES[:-1])
def test_every_feature_that_may_be_kept_has_a_witness_or_a_reason(base: str) -> None:
    facts = {"base": base, "family": base, "option.style": "exact", "option.prompts": "exact"}
    grades = decided_grades(TARGET, facts)
    kept = {name for name, grade in grades.items() if grade in BARS and not name.endswith(".unknown")}
    assert kept - WITNESSES.keys() - UNASKED.keys() == set()
    assert WITNESSES.keys() & UNASKED.keys() == set()
    assert WITNESSES.keys() | UNASKED.keys() <= features().keys()


@pytest.mark.parametrize("feature", WITNESSES)
def test_a_witness_asks_for_its_feature_and_for_nothing_worse(feature: str) -> None:
    said = report(WITNESSES[feature].job("sd1"))
    found = grade_of(said, feature)
    assert found is not None
    assert rank(said.worst) <= max(rank(found), rank("close"))


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_scripts_are_formatted_and_every_name_is_known(tmp_path: Path, family: str) -> None:
    walks = ("sampler.", "schedule.") if family != "sd1" else ()
    for feature in (name for name in WITNESSES if not name.startswith(walks)):
        source = paramc.compile(WITNESSES[feature].job(family), "diffusers", options=EXACT).text
        (tmp_path / f"{feature.replace('.', '_')}.py").write_text(source)
    assert ruff("format", "--diff", folder=tmp_path) == ""
    assert ruff("check", "--quiet", "--select", "E4,E7,E9,F,I,B", folder=tmp_path) == ""


@pytest.mark.parametrize(
    ("family", "feature"),
    [pytest.param(*pair, id="-".join(pair), marks=() if pair in ALWAYS else pytest.mark.slow) for pair in KNOWN],
)
def test_what_is_called_kept_is_as_the_runner_has_it(
    worded: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch, family: str, feature: str
) -> None:
    from tests.sdk.painted import prepare

    made = WITNESSES[feature].job(family)
    said = report(made)
    if said.worst not in BARS:
        pytest.skip(f"{said.worst}: {max(said.fates, key=lambda fate: rank(fate.grade)).why}")
    from tests.sdk.deviations import deviation

    prepare(worded(family), monkeypatch)
    found = deviation(made, worded(family), "exact")
    assert found <= BARS[said.worst]
