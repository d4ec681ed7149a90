"""The report for people."""

from paramc.backends.losses import Loss
from paramc.backends.report import Cause, Fate, Report
from paramc.presentation.console import Screen
from paramc.presentation.report import fates_markdown, fates_table, summary

CAUSE = Cause("prompt.edit", "dropped", "PC621", "one text is encoded")
LOST = Fate(
    "prompt", "a [b|c]" * 20, ("prompt",), "dropped", "stated", ("prompt.edit",), "PC621", CAUSE.why, None, (CAUSE,)
)
KEPT = Fate("Steps", "20", ("sampling.steps",), "exact", "stated")
REPORT = Report("there", (LOST, KEPT))
LOSS = Loss(
    "prompt",
    LOST.raw,
    "dropped",
    "PC621",
    CAUSE.why,
    "composition",
    "about 0.1",
    (("--to run", "exact"), ("--to x", "close"), ("--to y", "close")),
)
PIPE = Screen()


def test_a_summary_counts_and_names_the_worst() -> None:
    assert summary(REPORT, PIPE) == "there: 1 exact, 1 dropped\n  dropped: `prompt` (PC621)\n"


def test_a_table_ends_with_the_ways_around_the_losses() -> None:
    lines = fates_table(REPORT, PIPE, (LOSS,)).splitlines()
    assert lines[-1] == "dropped\tprompt\tcomposition (about 0.1)\t`--to run` (exact); `--to x` (close)"


def test_a_table_without_losses_has_no_second_part() -> None:
    assert fates_table(Report("there", (KEPT,)), PIPE).count("\n") == 1


def test_markdown_folds_away_what_is_kept() -> None:
    text = fates_markdown(REPORT, (LOSS,))
    losses, _, kept = text.partition("<details>")
    assert "| Steps | 20 | exact |" in kept and "Steps" not in losses


def test_markdown_keeps_its_columns_whatever_a_value_holds() -> None:
    rows = [line for line in fates_markdown(REPORT, (LOSS,)).splitlines() if line.startswith("| prompt")]
    assert [row.replace("\\|", "").count("|") for row in rows] == [7]


def test_markdown_without_losses_is_a_line_and_a_fold() -> None:
    assert fates_markdown(Report("there", (KEPT,)), ()).startswith("**there**: 1 exact\n\n<details>")
