"""Textual inversions in prompts: references of one language as names alone, and names as references of another."""

import re
from collections.abc import Sequence
from functools import cache
from typing import Final

BARE: Final = "{name}"  # the name alone, wherever it stands
_NAME: Final = r"([^\s,()\[\]{}<>:|]+)"
_BEGIN: Final = r"(?<![^\s,(\[])"  # behind white space, a comma or an open bracket


def bared(text: str, form: str) -> tuple[str, tuple[str, ...]]:
    """`text` with the names alone where it has references of a form, and those names."""
    if form == BARE:
        return text, ()
    pattern = _references(form)
    return pattern.sub(r"\1", text), tuple(pattern.findall(text))


def referenced(text: str, form: str, names: Sequence[str]) -> str:
    """`text` with references of a form in place of the words that are among `names`; letter case does not matter."""
    spelt = {name.lower(): name for name in names}
    if form == BARE or not spelt:
        return text
    either = "|".join(map(re.escape, sorted(spelt, key=len, reverse=True)))
    words = re.compile(rf"(?<![\w:-])(?:{either})(?![\w-])", re.IGNORECASE)
    return words.sub(lambda found: form.replace(BARE, spelt[found[0].lower()]), text)


@cache
def _references(form: str) -> "re.Pattern[str]":
    before, _, after = form.partition(BARE)
    return re.compile((_BEGIN if before[:1].isalnum() else "") + re.escape(before) + _NAME + re.escape(after))
