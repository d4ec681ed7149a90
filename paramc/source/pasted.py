"""Texts copied from pages and programs, freed from what stands around them: markup, quotation, buttons, headings."""

import re
from collections.abc import Callable
from functools import cache
from html import unescape
from json import dumps
from typing import NamedTuple

from paramc.resources import GRAMMARS
from paramc.source.relaid import (
    in_fields,
    last_of_several,
    once,
    out_of_block,
    with_known_labels,
    with_known_negative,
    with_line_ends,
    without_bold,
    without_marks,
    without_prompt_label,
    without_string,
)
from paramc.tables import Table, as_row, read_table

OTHERS = "settings of other pictures"
LINES_AT_MOST = 24  # lines of chrome at either end
MOST_LINES = 20_000  # no page or chat is as long


class Labels(NamedTuple):
    """Names that pages write above their values."""

    fewest: int
    negative: str
    fields: tuple[str, ...]
    passed: tuple[str, ...]


class Folded(NamedTuple):
    """Patterns of a text whose line ends a tool has replaced, alone or among other lines of its."""

    dump: str
    head: str
    line_end: str


class Chrome(NamedTuple):
    """The table of pasted.toml."""

    entity: str
    line_end: str
    tag: str
    quoted: str
    fence: str
    before: tuple[str, ...]
    after: tuple[str, ...]
    headings: tuple[str, ...]
    invisible: str
    settings: str
    said_by: str


def cleaned(text: str, *, headings: bool = True) -> tuple[str, tuple[str, ...]]:
    """The settings text inside a pasted one, and the names of what was taken away.

    headings: also those that the program's own reader takes for prompt.
    """
    if text.count("\n") > MOST_LINES:
        return text, ()
    steps: tuple[tuple[str, Callable[[str], str]], ...] = (
        ("invisible signs", _without_invisible),
        ("quotation marks", without_string),
        ("markup", _without_markup),
        ("folded lines", _unfolded),
        ("folded lines", with_line_ends),
        ("quotation marks", _without_quotation),
        ("marks of code", without_marks),
        ("bold type", without_bold),
        ("lines of the page", out_of_block),
        ("lines of the page", lambda text: _without_lines(text, headings=headings)),
        ("names above values", _joined),
        ("the layout of a list", in_fields),
        ("names of its own", with_known_labels),
        ("names of its own", with_known_negative),
        ("names of its own", lambda text: without_prompt_label(text) if headings else text),
        ("the same once more", once),
        (OTHERS, last_of_several),
    )
    done: list[str] = []
    for name, step in steps:
        before, text = text, step(text)
        if text != before:
            done.append(name)
    return text, tuple(dict.fromkeys(done))


def _without_invisible(text: str) -> str:
    return re.sub(_chrome().invisible, "", text)


def _without_markup(text: str) -> str:
    """Entities become the signs that they stand for, once; JSON keeps them in its strings."""
    if text.lstrip().startswith(("{", "[")) and '"' in text:
        return text
    table = _chrome()
    if re.search(table.line_end, text) or re.search(rf"\A\s*(?:{table.tag})", text):
        text = re.sub(table.tag, "", re.sub(table.line_end, "\n", text))
    return re.sub(table.entity, lambda found: unescape(found[0]).replace("\xa0", " "), text)


def _unfolded(text: str) -> str:
    _, folded = _tables()
    head = re.match(folded.head, text.lstrip())
    among = re.search(folded.dump, text) if head is None else None
    if among:
        return re.sub(folded.line_end, "\n", among[1])
    return text if head is None else re.sub(folded.line_end, "\n", text.lstrip()[head.end() :])


def _without_quotation(text: str) -> str:
    table = _chrome()
    lines = text.strip().split("\n")
    if all(re.match(table.quoted, line) for line in lines):
        return "\n".join(re.sub(table.quoted, "", line, count=1) for line in lines)
    return text


def _without_lines(text: str, *, headings: bool) -> str:
    """Lines of the page at the begin and at the end taken away; those inside may be prompt."""
    table = _chrome()
    first = frozenset((*table.before, *(table.headings if headings else ())))
    lines = text.split("\n")
    start, end = 0, len(lines)
    opening = f"{table.fence}|{table.said_by}" if re.search(table.settings, text) else table.fence
    while start < min(end, LINES_AT_MOST) and _is_chrome(lines[start], first, opening):
        start += 1
    while end > max(start, len(lines) - LINES_AT_MOST) and _is_chrome(
        lines[end - 1], frozenset(table.after), table.fence
    ):
        end -= 1
    kept = lines[start:end]
    gone = (line for line in (*lines[:start], *lines[end:]) if line.strip())
    return "\n".join(kept) if any(gone) else text


def _is_chrome(line: str, words: frozenset[str], fence: str) -> bool:
    line = line.strip()
    return not line or line.casefold().removesuffix(":").rstrip() in words or re.fullmatch(fence, line) is not None


def _joined(text: str) -> str:
    """Names with their values below them become one line of fields, behind the prompts."""
    labels, _ = _tables()
    names = {name.casefold(): name for name in (*labels.fields, labels.negative)}
    passed = frozenset(labels.passed)
    lines = [line.strip() for line in text.strip().split("\n")]
    prompts: list[list[str]] = [[]]
    fields: list[str] = []
    waiting = ""
    for line in lines:
        word = line.casefold().removesuffix(":").rstrip()
        name = names.get(word, "")
        if waiting and not name and line:
            fields.append(f"{waiting}: {dumps(line, ensure_ascii=False) if set(line) & set(',:') else line}")
            waiting = ""
        elif name == labels.negative:
            prompts.append([])
        elif name:
            waiting = name
        elif word not in passed and not (fields and not line):
            prompts[-1].append(line)
    if len(fields) < labels.fewest or len(prompts) > 2:
        return text
    negative = f"{labels.negative}: {_block(prompts[1])}\n" if len(prompts) == 2 else ""
    return f"{_block(prompts[0])}\n{negative}{', '.join(fields)}"


def _block(lines: list[str]) -> str:
    return "\n".join(lines).strip()


@cache
def _tables() -> tuple[Labels, Folded]:
    path = GRAMMARS / "pasted.toml"
    table = read_table(path)
    return as_row(table["labels"], Labels, f"{path}: labels"), as_row(table["folded"], Folded, f"{path}: folded")


@cache
def _chrome() -> Chrome:
    path = GRAMMARS / "pasted.toml"
    table: Table = {key: value for key, value in read_table(path).items() if not isinstance(value, dict)}
    return as_row(table, Chrome, path)
