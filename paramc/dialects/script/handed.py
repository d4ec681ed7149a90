"""A script that hands settings over to paramc: the text that it names, and the dialect of it."""

from collections.abc import Sequence
from typing import NamedTuple

from paramc.dialects.script.tables import Meanings
from paramc.dialects.script.values import Made


class Handed(NamedTuple):
    """A settings text in a dialect."""

    text: str
    dialect: str


def handed_over(calls: Sequence[Made], meanings: Meanings) -> Handed | None:
    """The first text that is handed over, where its dialect is said."""
    keyword = meanings.listed("handed", "dialect")[0]
    for call in calls:
        told = call.arguments[0] if call.arguments else None
        dialect = call.keywords.get(keyword)
        if call.name in meanings.listed("handed", "parse") and isinstance(told, str) and isinstance(dialect, str):
            return Handed(told, dialect)
    return None
