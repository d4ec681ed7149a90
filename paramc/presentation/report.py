"""A report for people: three lines, or a table of every fate."""

from collections import Counter

from paramc.backends.report import GRADES, Fate, Grade, Report
from paramc.diagnostics.render import escaped
from paramc.presentation.console import Screen
from paramc.presentation.layout import table

NAMED = 4  # losses that the summary names
RAW_CROP = 60  # characters of a value in the table
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


def fates_table(report: Report, screen: Screen) -> str:
    """One row for every fate, in the order of the report."""
    rows = [(fate.grade, fate.key, _cropped(fate.raw), fate.origin, _reason(fate)) for fate in report.fates]
    return table(("grade", "setting", "value", "origin", "why"), rows, screen)


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
