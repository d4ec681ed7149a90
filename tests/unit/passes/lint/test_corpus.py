"""The lints over real texts: the share of each rule as it was when the findings were read; reading on, nothing fails."""

import gc
from collections import Counter
from pathlib import Path
from time import process_time

import pytest

from paramc.api import Loaded, load
from paramc.commands.mending import ROUNDS, replaced
from paramc.diagnostics.codes import codes
from paramc.diagnostics.model import Suggestion
from paramc.ir.paths import leaves
from paramc.passes.lint import advise_job, lint_job
from paramc.source.detect import open_text

SHARES = Path(__file__).parents[3] / "golden" / "lints" / "shares.txt"
TEXTS = 1000  # that are timed
MOST_SECONDS = 0.0025  # of CPU for one text, its reading included


@pytest.mark.slow
def test_checking_takes_a_few_milliseconds(corpus_texts: list[dict[str, object]]) -> None:
    texts = [str(record["text"]) for record in corpus_texts[:TEXTS]]
    for text in texts[:100]:
        advise_job(load(open_text(text)).job)
    gc.disable()  # as the command line does
    try:
        taken = min(_seconds(texts) for _ in range(3))
    finally:
        gc.enable()
    assert taken / len(texts) <= MOST_SECONDS


def _seconds(texts: list[str]) -> float:
    """CPU time of reading and checking them all."""
    start = process_time()
    for text in texts:
        advise_job(load(open_text(text)).job)
    return process_time() - start


@pytest.fixture(scope="module")
def sources(corpus_texts: list[dict[str, object]]) -> list[Loaded]:
    return [load(open_text(str(record["text"]))) for record in corpus_texts]


def test_the_share_of_texts_with_each_rule_is_the_reviewed_one(
    sources: list[Loaded], request: pytest.FixtureRequest
) -> None:
    found = Counter(name for one in sources for name in {item.name for item in lint_job(one.job)})
    lines = [f"{len(sources)} texts\n", *(f"{name} {count}\n" for name, count in sorted(found.items()))]
    if request.config.getoption("--bless"):
        SHARES.write_text("".join(lines), encoding="utf-8")
    assert lines == SHARES.read_text(encoding="utf-8").splitlines(keepends=True)


def test_no_suggestion_reaches_beyond_its_text(sources: list[Loaded]) -> None:
    mends = [(one, item.suggestion) for one in sources for item in advise_job(one.job) if item.suggestion]
    assert all(0 <= mend.span.start <= mend.span.end <= len(one.source.text) for one, mend in mends)


def test_the_reviewed_names_are_those_of_rules() -> None:
    names = {row.name for row in codes().values()}
    assert {line.split()[0] for line in SHARES.read_text(encoding="utf-8").splitlines()[1:]} <= names


def safe(one: Loaded) -> list[tuple[str | None, Suggestion]]:
    found = ((item.path, item.suggestion) for item in advise_job(one.job))
    return [(path, mend) for path, mend in found if mend and mend.applicability == "safe"]


def test_safe_fixes_come_to_an_end_and_change_only_the_values_that_they_are_for(sources: list[Loaded]) -> None:
    for one in sources:
        after, paths = one, set[str | None]()
        for _ in range(ROUNDS):
            due = safe(after)
            paths |= {path for path, _ in due}
            after = load(open_text(replaced(after.source.text, [mend for _, mend in due]))) if due else after
        before, now = dict(leaves(one.job)), dict(leaves(after.job))
        assert {path for path in before | now if before.get(path) != now.get(path)} <= paths
        assert not safe(after)
