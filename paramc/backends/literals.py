"""Python source text: literals, assignments, calls and imports, laid out as a code formatter leaves them.

Whatever the user wrote enters a script through `literal` alone, so that no text can end its string or hide in it.
"""

import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import isfinite
from typing import TypeAlias
from unicodedata import category, east_asian_width

LINE = 88  # columns, the usual limit of Python formatters
INDENT = "    "
Scalar: TypeAlias = str | int | float | bool | None
Value: TypeAlias = Scalar | Sequence["Value"] | Mapping[str, "Value"]

_PLAIN = re.compile(r"[ !#-\[\]-~]*")  # ASCII that stands for itself between double quotes
_NAMED = {"\n": "\\n", "\r": "\\r", "\t": "\\t", "\\": "\\\\"}
_WORDS = re.compile(r"[^ \n]{1,84}[ \n]{0,84}|[ \n]{1,84}")  # a piece of a long text ends where a word or a line does
# Invisible fillers, and signs of which formatters and Python know different widths.
_ODD = re.compile(
    "[\u0d4e\u1160-\u11ff\u17a4\u17d8\u2630-\u2637\u268a-\u268f\u3164\u4dc0-\u4dff\ua8fa\ud7b0-\ud7fb\uff9e-\uffa0"
    "\U000111c2\U000111c3\U0001193f\U00011941\U00011a84-\U00011a89\U00011d46\U0001d300-\U0001d376]"
)


def literal(value: Scalar) -> str:
    """The source of a value on one line; `ast.literal_eval` gives the value back (infinities are calls)."""
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, float) and not isinstance(value, bool):
        return repr(value).replace("e+", "e") if isfinite(value) else f'float("{value}")'
    return repr(value)


def assignment(name: str, value: Value) -> str:
    """`name = value`; a text that is too long for the line goes into brackets in pieces, a collection item by item."""
    if not isinstance(value, str):
        return layout(f"{name} = ", value, "")
    line = f"{name} = {literal(value)}"
    if columns(line) <= LINE:
        return line
    return _block(f"{name} = (", _pieces(value, LINE - len(INDENT)), ")", "")


def layout(before: str, value: Value, after: str, indent: str = "") -> str:
    """`before`, the value and `after`: on one line where that fits, else a line for each item."""
    flat = f"{before}{_flat(value)}{after}"
    if columns(indent + flat) <= LINE or isinstance(value, str) or not isinstance(value, Sequence | Mapping):
        return flat
    if isinstance(value, Mapping):
        items = [layout(f"{literal(key)}: ", item, ",", indent + INDENT) for key, item in value.items()]
        return _block(f"{before}{{", items, f"}}{after}", indent)
    opening, closing = ("(", ")") if isinstance(value, tuple) else ("[", "]")
    items = [layout("", item, ",", indent + INDENT) for item in value]
    return _block(f"{before}{opening}", items, f"{closing}{after}", indent)


def _flat(value: Value) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{literal(key)}: {_flat(item)}" for key, item in value.items()) + "}"
    if isinstance(value, str) or not isinstance(value, Sequence):
        return literal(value)
    items = ", ".join(_flat(item) for item in value)
    return f"({items}{',' if len(value) == 1 else ''})" if isinstance(value, tuple) else f"[{items}]"


def call(before: str, arguments: Iterable[str], after: str = "", *, indent: str = "") -> str:
    """`before(arguments)after`, on one line where that fits, else one argument a line; arguments are source text."""
    listed = tuple(arguments)
    line = f"{before}({', '.join(listed)}){after}"
    if columns(indent + line) <= LINE:
        return line
    return _block(f"{before}(", [f"{argument}," for argument in listed], f"){after}", indent)


def imports(modules: Mapping[str, Iterable[str]]) -> str:
    """Import statements as isort orders them: the standard library first, then others; whole modules before names."""
    standard = {name: names for name, names in modules.items() if name.partition(".")[0] in sys.stdlib_module_names}
    groups = (standard, {name: names for name, names in modules.items() if name not in standard})
    return "\n\n".join("\n".join(_imports(group)) for group in groups if group)


def shown(text: str, limit: int = 60) -> str:
    """A text of the user's for a comment: one line of printable ASCII, cut at `limit` characters."""
    cut = text if len(text) <= limit else f"{text[: limit - 3]}..."
    return "".join(char if " " <= char <= "~" else _escaped(char) for char in cut)


def comment(text: str) -> str:
    """The text as comment lines of at most `LINE` columns; further lines are indented."""
    lines, current = [], "#"
    for word in text.split():
        if len(current) + 1 + len(word) > LINE and current not in ("#", "#  "):
            lines.append(current)
            current = "#  "
        current += f" {word}"
    return "\n".join((*lines, current))


def columns(text: str) -> int:
    """How many columns a formatter counts for the text: two for wide East Asian characters."""
    if text.isascii():
        return len(text)
    return sum(2 if east_asian_width(char) in "WF" else 1 for char in text)


def _folded(item: tuple[str, Iterable[str]]) -> str:
    return item[0].lower()


def _imports(modules: Mapping[str, Iterable[str]]) -> Iterator[str]:
    """The statements of one group."""
    yield from (f"import {module}" for module, names in sorted(modules.items()) if not tuple(names))
    for module, names in sorted(modules.items(), key=_folded):
        listed = sorted(set(names))
        if listed:
            yield _import(module, listed)


def _import(module: str, names: list[str]) -> str:
    line = f"from {module} import {', '.join(names)}"
    return line if len(line) <= LINE else _block(f"from {module} import (", [f"{name}," for name in names], ")", "")


def _block(opening: str, items: Iterable[str], closing: str, indent: str) -> str:
    return "\n".join((opening, *(f"{indent}{INDENT}{item}" for item in items), f"{indent}{closing}"))


def _quoted(text: str) -> str:
    if _PLAIN.fullmatch(text):
        return f'"{text}"'
    quote = "'" if text.count('"') > text.count("'") else '"'
    return quote + "".join(_NAMED.get(char) or _unit(char, quote) for char in text) + quote


def _unit(char: str, quote: str) -> str:
    if char == quote:
        return f"\\{char}"
    # Marks join what stands before them: where they are drawn, and how wide, is anybody's guess.
    plain = char.isprintable() and category(char)[0] != "M" and not _ODD.match(char)
    return char if plain else _escaped(char)


def _escaped(char: str) -> str:
    code = ord(char)
    if code < 0x100:
        return _NAMED.get(char) or f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _pieces(text: str, width: int) -> list[str]:
    """Literals of at most `width` columns that concatenate to the text."""
    pieces: list[str] = []
    current = ""
    for word in _WORDS.findall(text):
        if current and columns(literal(current + word)) > width:
            pieces.append(literal(current))
            current = ""
        while columns(literal(word)) > width:
            pieces.append(literal(word[: _fitting(word, width)]))
            word = word[_fitting(word, width) :]
        current += word
    return [*pieces, literal(current)] if current else pieces


def _fitting(word: str, width: int) -> int:
    """How many characters of the word fit into a literal of `width` columns."""
    used, count = 2, 0
    for count, char in enumerate(word):
        used += columns(_NAMED.get(char) or ("\\'" if char in "\"'" else _unit(char, "")))
        if used > width:
            return max(count, 1)
    return count + 1
