"""Settings that a page or a chat laid out anew: one field a line, other signs between them, lines run together."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import dropwhile
from typing import NamedTuple

from paramc.resources import GRAMMARS
from paramc.tables import as_row, read_table

FEWEST = 3  # fields that make a list of fields
SHORTEST = 12  # characters of a line with so many
CODE = "`"
QUOTES = "\"'"
MOST_FENCES = 40  # lines that begin or end a block of code


class Relaid(NamedTuple):
    """The table [relaid] of pasted.toml."""

    inside: str
    escaped: str
    line_end: str
    run_together: tuple[str, ...]
    inline: str
    fence: str
    fences: str
    block: str
    strong: str
    bold: str
    label: str
    settings: str
    line: str
    whole: str
    apart: str
    between: str
    sign: str
    before: str
    around: str
    title: str
    number: str
    sides: tuple[str, str]
    prompt: tuple[str, ...]
    negative: tuple[str, ...]
    fields: Mapping[str, str]


class Line(NamedTuple):
    """A field that has a line of its own.

    `label` is what the programs call it, where a table has it `known`, `said` what the line calls it.
    """

    label: str
    value: str
    known: bool
    said: str
    raw: str


def without_string(text: str) -> str:
    """The text inside a string of JSON or of a program."""
    body = text.strip()
    if len(body) < 2 or body[0] not in QUOTES or body[0] != body[-1] or not re.search(_table().inside, body):
        return text
    if body[0] == QUOTES[1]:
        return body[1:-1].replace("\\'", QUOTES[1])
    try:
        said = json.loads(body, strict=False)
    except ValueError:
        return text
    return said if isinstance(said, str) else text


def with_line_ends(text: str) -> str:
    """Line ends that were left as they are escaped, or lost to a space."""
    table = _table()
    if "\n" in text.strip():
        return text
    if "\r" in text.strip():
        return text.replace("\r", "\n")
    if re.search(table.escaped, text):
        return re.sub(table.line_end, "\n", text)
    for pattern in table.run_together:
        if len(re.findall(pattern, text)) == 1:
            text = re.sub(pattern, "\n", text)
    return text


def out_of_block(text: str) -> str:
    """The block of code that holds the settings, where the text around it holds none; the prompts may lie outside."""
    table = _table()
    if len(re.findall(table.fence, text)) > MOST_FENCES:
        return text
    blocks = re.findall(table.block, text)
    holding = [block for block in blocks if re.search(table.settings, block)]
    outside = re.sub(table.block, "", text)
    if len(holding) != 1 or re.search(table.settings, outside):
        return text
    return re.sub(table.fences, "", text) if re.match(table.label, holding[0]) else holding[0]


def without_marks(text: str) -> str:
    """Lines that are each marked as code."""
    if CODE not in text:
        return text
    lines = text.strip().split("\n")
    found = [re.fullmatch(_table().inline, line) for line in lines]
    marked = [match[1] or "" for match in found if match]
    return "\n".join(marked) if len(marked) == len(lines) and any(marked) else text


def without_bold(text: str) -> str:
    """Labels in bold type, as Markdown marks it, and the label of the prompt before them."""
    table = _table()
    found = re.findall(table.bold, text) if table.strong in text else []
    if sum(label.casefold() in _labels() for label in found) < FEWEST:
        return text
    return _without_prompt_label(re.sub(table.bold, r"\1: ", text))


def without_prompt_label(text: str) -> str:
    """A prompt without the name that stands before it, where settings follow it."""
    return _without_prompt_label(text) if re.search(_table().line, text) else text


def _without_prompt_label(text: str) -> str:
    table = _table()
    return re.sub(rf"(?i)\A\s*(?:{'|'.join(map(re.escape, table.prompt))})[^\S\n]*:[^\S\n]*", "", text)


def once(text: str) -> str:
    """A text that was pasted twice."""
    body = text.strip()
    middle = len(body) // 2
    first, second = body[:middle].strip(), body[middle:].strip()
    return first if first == second and re.search(_table().settings, first) else text


def last_of_several(text: str) -> str:
    """The last of several settings texts, each with prompts of its own."""
    table = _table()
    lines = text.split("\n")
    holds = re.compile(table.whole).match
    ends = [index for index, line in enumerate(lines) if line and holds(line)]
    if len(ends) < 2:
        return text
    own = list(dropwhile(lambda line: re.fullmatch(table.apart, line), lines[ends[-2] + 1 :]))
    return "\n".join(own) if len(own) > len(lines) - ends[-1] else text


def in_fields(text: str) -> str:
    """A list of fields, one on a line, as prompts with a line of fields behind them."""
    lines = [_line(line) for line in text.strip().split("\n")]
    known = [line.label for line in lines if isinstance(line, Line) and line.known]
    table = _table()
    counts = any(isinstance(line, Line) and line.known and re.fullmatch(table.number, line.value) for line in lines)
    if len(set(known) - {*table.prompt[:1], *table.negative[:1]}) < FEWEST or not counts or not _is_decorated(lines):
        return text
    prompts: dict[str, list[str]] = {table.prompt[0]: [], table.negative[0]: []}
    fields: list[str] = []
    home = prompts[table.prompt[0]]
    for line in lines:
        if isinstance(line, str):
            home += [line] if line or home else []
        elif line.label in prompts:
            home = prompts[line.label]
            home += [line.value] if line.value else []
        elif line.known or fields:
            fields.append(f"{line.label}: {_quoted(line.value)}")
        else:
            home.append(line.raw.strip())
    positive, negative = ("\n".join(said).strip() for said in prompts.values())
    labelled = [f"{table.negative[0]}: {negative}"] if negative else []
    return "\n".join((positive, *labelled, re.sub(*table.sides, ", ".join(fields))))


def with_known_labels(text: str) -> str:
    """Labels in another case, and other signs between the fields of a line, as the programs write them."""
    table = _table()
    if re.search(table.settings, text):
        return text
    lines = text.split("\n")
    relaid = [_relaid(line) if len(line) > SHORTEST else None for line in lines]
    changed = [index for index, line in enumerate(relaid) if line is not None]
    if not changed:
        return text
    return "\n".join(line if new is None else new for line, new in zip(lines, relaid, strict=True))


def with_known_negative(text: str) -> str:
    """The label of the negative prompt in another case, where settings follow."""
    table = _table()
    label = table.negative[0]
    if re.search(rf"(?m)^[^\S\n]*{label}:", text) or not re.search(table.line, text):
        return text
    names = "|".join(map(re.escape, table.negative))
    pattern = rf"(?im)^[^\S\n]*(?:{names})[^\S\n]*(?:{table.sign})[^\S\n]*"
    return re.sub(pattern, f"{label}: ", text) if len(re.findall(pattern, text)) == 1 else text


def _line(line: str) -> Line | str:
    """A line of a list of fields, or its text; a ruler says nothing."""
    if not line.strip() or re.fullmatch(_table().title, line):
        return ""
    found = _labelled_line().fullmatch(line)
    if found is None:
        label = _labels().get(line.strip().casefold())
        return (
            Line(label, "", True, line.strip(), line)
            if label in (*_table().prompt, *_table().negative)
            else line.strip()
        )
    known = _labels().get(" ".join(found[1].casefold().replace("_", " ").split()))
    return Line(known or found[1], found[2].strip(_table().around), known is not None, found[1], line)


def _is_decorated(lines: Sequence[Line | str]) -> bool:
    """Is it laid out in a way that no reader of settings understands by itself?"""
    named = [line for line in lines if isinstance(line, Line)]
    decorated = [line for line in named if line.known and not line.raw.lstrip().startswith(f"{line.said}: ")]
    if len(decorated) >= FEWEST:
        return True
    table = _table()
    headed = any(
        line.label == table.prompt[0] or (line.label == table.negative[0] and not line.value) for line in named
    )
    return all(line.known for line in named) and headed


def _relaid(line: str) -> str | None:
    """A line of fields with the labels and signs of the programs; None where it is none, or needs nothing."""
    starts = list(_labelled().finditer(line))
    as_usual = [found for found in starts if f"{found[1]}:" == found[0].lstrip(", ") and found[1] in _labels().values()]
    if len(starts) < FEWEST or starts[0].start() or len(as_usual) >= FEWEST:
        return None
    ends = [found.start() for found in starts[1:]] + [len(line)]
    said = [line[found.end() : end].strip(" ,;|") for found, end in zip(starts, ends, strict=True)]
    if not any(re.fullmatch(_table().number, value) for value in said):
        return None
    labels = (_labels()[" ".join(found[1].casefold().split())] for found in starts)
    return ", ".join(f"{label}: {value}" for label, value in zip(labels, said, strict=True))


@cache
def _labelled() -> "re.Pattern[str]":
    """A label where a field of a line may begin, with the sign behind it."""
    table = _table()
    names = "|".join(map(re.escape, sorted(_labels(), key=len, reverse=True)))
    return re.compile(rf"(?i)(?:(?<=\A)|{table.between})(\b(?:{names}))[^\S\n]*+(?:{table.sign})")


@cache
def _labelled_line() -> "re.Pattern[str]":
    """A line that is one field: its label and what stands behind the sign."""
    table = _table()
    return re.compile(rf"{table.before}([^\W_][\w /-]{{1,40}}?)[ *_`]*+(?:{table.sign})(.*)")


def _quoted(value: str) -> str:
    return json.dumps(value, ensure_ascii=False) if set(value) & set(",:") and value[:1] not in '"[{' else value


@cache
def _labels() -> Mapping[str, str]:
    """What programs call a field, by what pages call it."""
    return dict(_named())


def _named() -> Iterator[tuple[str, str]]:
    table = _table()
    programs = read_table(GRAMMARS / "pasted.toml")["labels"]
    fields = programs["fields"] if isinstance(programs, dict) else []
    yield from ((str(name).casefold(), str(name)) for name in (fields if isinstance(fields, list) else []))
    yield from table.fields.items()
    for names in (table.prompt, table.negative):
        yield from ((name.casefold(), names[0]) for name in names)


@cache
def _table() -> Relaid:
    path = GRAMMARS / "pasted.toml"
    return as_row(read_table(path)["relaid"], Relaid, f"{path}: relaid")
