"""Places of a syntax tree as spans of the source text."""

import ast
import re
from bisect import bisect_right
from collections.abc import Sequence
from typing import Final

from paramc.diagnostics.model import Span

_LINE: Final = re.compile(r"[^\r\n]*(?:\r\n|\r|\n|\Z)")


class Lines:
    """The lines of a text as Python counts them; the syntax tree counts `shift` lines more."""

    def __init__(self, text: str, *, shift: int = 0) -> None:
        self._text = text
        self._shift = shift
        self._starts: Sequence[int] = [match.start() for match in _LINE.finditer(text)]

    def span(self, node: ast.stmt | ast.expr) -> Span:
        """Where a node stands."""
        start = self._offset(node.lineno, node.col_offset)
        end = self._offset(node.end_lineno or node.lineno, node.end_col_offset or node.col_offset)
        return Span(start, max(start, end))

    def text(self, span: Span) -> str:
        """The text of a span."""
        return self._text[slice(*span)]

    def line_of(self, span: Span) -> int:
        """The number of the line where a span starts, from 1."""
        return bisect_right(self._starts, span.start)

    def after(self, tree: ast.Module) -> tuple[int, list[str]]:
        """Where the lines behind the last statement begin, and these with their ends."""
        last = tree.body[-1] if tree.body else None
        number = max((last.end_lineno or 0) - self._shift, 0) if last else len(self._starts)
        start = self._starts[number] if number < len(self._starts) else len(self._text)
        return start, self._text[start:].splitlines(keepends=True)

    def _offset(self, line: int, column: int) -> int:
        """Columns count bytes of UTF-8; the tree has `shift` lines more above the text."""
        line = max(line - self._shift, 1)
        start = self._starts[min(line, len(self._starts)) - 1]
        end = self._starts[line] if line < len(self._starts) else len(self._text)
        piece = self._text[start:end]
        if piece.isascii():
            return start + column
        return start + len(piece.encode("utf-8", "surrogatepass")[:column].decode("utf-8", "ignore"))
