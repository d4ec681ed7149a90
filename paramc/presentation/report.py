"""A report for people: three lines, a table of every fate with a way around each loss, or the same as Markdown."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from paramc.backends.report import GRADES, Fate, Grade, Report
from paramc.diagnostics.render import escaped
from paramc.presentation.console import Screen
from paramc.presentation.layout import table

if TYPE_CHECKING:
    from paramc.backends.losses import Loss

NAMED = 4  # losses that the summary names
RAW_CROP = 60  # characters of a value in the table
WAYS = 2  # that a table names for one loss
_STYLES: dict[Grade, str] = {
    "exact": "good", "inert": "faint", "close": "info", "approximate": "warning", "dropped": "error",
}  # fmt: skip


def summary(report: Report, screen: Screen) -> str:
    """The grades counted, then the settings of the two worst grades by name, each with its code."""
    pen = screen.pen
    counts = Counter(fate.grade for fate in report.fates)
    counted = ", ".join(pen(_STYLES[grade], f"{counts[grade]} {grade}") for grade in GRADES if counts[grade])
    lines = [f"{report.target}: {counted or 'nothing to keep'}"]
    for grade in ("dropped", "approximate"):
        lost = list(dict.fromkeys(_name(fate) for fate in report.of_grade(grade)))
        if lost:
            lines.append(f"  {pen(_STYLES[grade], grade)}: {_some(lost)}")
    return "".join(f"{line}\n" for line in lines)


def fates_table(report: Report, screen: Screen, losses: "Sequence[Loss]" = ()) -> str:
    """One row for every fate, in the order of the report; then one for every loss, with what it does to the picture."""
    rows = [(fate.grade, fate.key, _cropped(fate.raw), fate.origin, _reason(fate)) for fate in report.fates]
    fates = table(("grade", "setting", "value", "origin", "why"), rows, screen)
    lost = [(loss.grade, loss.key, _effect(loss), _ways(loss)) for loss in losses]
    return f"{fates}\n{table(('loss', 'setting', 'what it changes', 'way around it'), lost, screen)}" if lost else fates


def fates_markdown(report: Report, losses: "Sequence[Loss]") -> str:
    """The report to paste into an issue: the grades counted, the losses in a table, the rest folded away."""
    counts = Counter(fate.grade for fate in report.fates)
    counted = ", ".join(f"{counts[grade]} {grade}" for grade in GRADES if counts[grade])
    lines = [f"**{report.target}**: {counted or 'nothing to keep'}", ""]
    if losses:
        lines += ["| setting | value | grade | what it changes | why | way around it |", "|---|---|---|---|---|---|"]
        lines += [
            _row(loss.key, _cropped(loss.raw), loss.grade, _effect(loss), _because(loss), _ways(loss))
            for loss in losses
        ]
        lines += [""]
    kept = [fate for fate in report.fates if fate.grade in ("exact", "inert")]
    if kept:
        lines += ["<details><summary>kept</summary>", "", "| setting | value | grade |", "|---|---|---|"]
        lines += [_row(fate.key, _cropped(fate.raw), fate.grade) for fate in kept]
        lines += ["", "</details>"]
    return "".join(f"{line}\n" for line in lines).rstrip("\n") + "\n"


def _row(*cells: str) -> str:
    from paramc.presentation.findings import cell  # only for Markdown

    return f"| {' | '.join(map(cell, cells))} |"


def _effect(loss: "Loss") -> str:
    return f"{loss.effect} ({loss.size})" if loss.size else loss.effect


def _because(loss: "Loss") -> str:
    return f"{loss.code}: {loss.why}" if loss.code else loss.why


def _ways(loss: "Loss") -> str:
    return "; ".join(f"`{words}` ({grade})" for words, grade in loss.ways[:WAYS]) or "none"


def _reason(fate: Fate) -> str:
    return "; ".join(f"{cause.code}: {cause.why}" for cause in fate.causes) or fate.why


def _name(fate: Fate) -> str:
    key = escaped(_cropped(fate.key))
    return f"`{key}` ({fate.code})" if fate.code else f"`{key}`"


def _some(lost: list[str]) -> str:
    named = ", ".join(lost[:NAMED])
    return named if len(lost) <= NAMED else f"{named} and {len(lost) - NAMED} more, which `--report` lists"


def _cropped(text: str) -> str:
    return text if len(text) <= RAW_CROP else f"{text[: RAW_CROP - 1]}…"
