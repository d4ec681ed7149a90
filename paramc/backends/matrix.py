"""The support matrix: which target keeps which feature, as Markdown; made from the tables, never by hand."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

from paramc.backends.description import Target
from paramc.backends.legalise import decided_grades
from paramc.backends.registry import choices, find_target, targets
from paramc.backends.report import GRADES, Grade
from paramc.ir.control import ControlNet
from paramc.ir.features import features
from paramc.ir.job import Text
from paramc.tables import NOTHING

BASE: Final = "sd1"  # the base that every target can name
USUAL: Final = {  # as most jobs have them
    "text.emphasis": Text().emphasis,
    "manner": Text().language,
    "controls.controlnet.preprocessor": ControlNet().preprocessor,
}


def support_matrix() -> str:
    """One row for each group of features, one column for each target and each set of options that it shows itself with.

    A cell counts the grades that a job for Stable Diffusion 1 gets, whatever else it says.
    """
    groups: dict[str, list[str]] = {}
    for name in features():
        groups.setdefault(name.split(".", 1)[0], []).append(name)
    columns = {title: grades for name in targets() for title, grades in _columns(find_target(name))}
    rows = [
        [group, *(_counted(grades[name] for name in names) for grades in columns.values())]
        for group, names in groups.items()
    ]
    return markdown_table(["features", *columns], rows)


def markdown_table(head: list[str], rows: list[list[str]]) -> str:
    """A Markdown table; bars inside cells are escaped."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines) + "\n"


def _columns(target: Target) -> Iterator[tuple[str, dict[str, Grade]]]:
    for title, asked in {"": NOTHING, **target.showcases}.items():
        chosen = {f"option.{name}": value for name, value in choices(target, asked).items()}
        facts = {"base": BASE, "family": BASE, **USUAL, **chosen}
        yield f"{target.name} {title}".strip(), decided_grades(target, facts)


def _counted(grades: Iterable[str]) -> str:
    counts = Counter(grades)
    return ", ".join(f"{counts[grade]} {grade}" for grade in GRADES if counts[grade])
