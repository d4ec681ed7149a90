"""The support matrix: which target keeps which feature, as Markdown; made from the tables, never by hand."""

from collections import Counter
from collections.abc import Iterable

from paramc.backends.registry import find_target, targets
from paramc.backends.report import GRADES
from paramc.ir.features import features


def support_matrix() -> str:
    """One row for each group of features, one column for each target; a cell counts the grades."""
    columns = [find_target(name) for name in targets()]
    groups: dict[str, list[str]] = {}
    for name in features():
        groups.setdefault(name.split(".", 1)[0], []).append(name)
    rows = [
        [group, *(_counted(target.answers[name].grade for name in names) for target in columns)]
        for group, names in groups.items()
    ]
    return markdown_table(["features", *(target.name for target in columns)], rows)


def markdown_table(head: list[str], rows: list[list[str]]) -> str:
    """A Markdown table; bars inside cells are escaped."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines) + "\n"


def _counted(grades: Iterable[str]) -> str:
    counts = Counter(grades)
    return ", ".join(f"{counts[grade]} {grade}" for grade in GRADES if counts[grade])
