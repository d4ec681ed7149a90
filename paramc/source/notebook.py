"""Notebooks as the scripts that they are: the code of their cells, in order."""

import json
from collections.abc import Iterator

SIGNS = ('"nbformat"', '"cells"')  # members that every notebook has; before nbformat 4 cells lay in worksheets


def looks_like_notebook(text: str) -> bool:
    """May the text be a notebook?"""
    return text.lstrip("\ufeff \t\r\n").startswith("{") and all(sign in text for sign in SIGNS)


def script_of(text: str) -> str | None:
    """The code cells of a notebook as one script; None for a text that is none, or that has no code."""
    try:
        whole = json.loads(text.lstrip("\ufeff"))
    except (ValueError, RecursionError):
        return None
    return "\n\n".join(_code(whole)) or None


def _code(whole: object) -> Iterator[str]:
    sheets = whole.get("worksheets") if isinstance(whole, dict) else None
    for sheet in sheets if isinstance(sheets, list) else [whole]:
        cells = sheet.get("cells") if isinstance(sheet, dict) else None
        for cell in cells if isinstance(cells, list) else []:
            if isinstance(cell, dict) and cell.get("cell_type") == "code":
                yield _joined(cell.get("source", cell.get("input")))


def _joined(source: object) -> str:
    """The lines of a cell, which stand in one text or in a list of them."""
    lines = source if isinstance(source, list) else [source]
    return "".join(line for line in lines if isinstance(line, str))
