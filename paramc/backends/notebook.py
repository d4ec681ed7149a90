"""A script as a notebook, nbformat 4: a cell for the head, the constants, the functions and each step of the rest."""

import ast
import json
from collections.abc import Iterator
from itertools import groupby
from typing import Literal, TypeAlias

SUFFIX = ".ipynb"
Kind: TypeAlias = Literal["head", "constants", "definitions", "steps"]


def notebook_of(source: str) -> str:
    """The notebook; the same script gives the same bytes."""
    cells: list[dict[str, object]] = [
        {
            "cell_type": "code",
            "execution_count": None,
            "id": f"cell-{number}",
            "metadata": {},
            "outputs": [],
            "source": cell.splitlines(keepends=True),
        }
        for number, cell in enumerate(_cells(source))
    ]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    whole = {
        "cells": cells,
        "metadata": {"kernelspec": kernel, "language_info": {"name": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(whole, indent=1) + "\n"


def source_of(notebook: str) -> str:
    """The script that a notebook of ours holds."""
    return "\n\n".join("".join(cell["source"]) for cell in json.loads(notebook)["cells"])


def _cells(source: str) -> Iterator[str]:
    lines = source.splitlines(keepends=True)
    for _, group in groupby(_statements(source, lines), key=lambda item: item[0]):
        parts = [(start, end) for _, start, end in group]
        yield "".join(lines[parts[0][0] : parts[-1][1]]).strip("\n")


def _statements(source: str, lines: list[str]) -> Iterator[tuple[tuple[Kind, int], int, int]]:
    """The kind of each statement with the number of its step, its first line with the remarks above, and its end.

    Remarks behind the last one belong to it.
    """
    end, step = 0, 0
    nodes = ast.parse(source).body
    for node in nodes:
        start, end = end, len(lines) if node is nodes[-1] else node.end_lineno or end
        kind = _kind(node)
        if kind == "steps" and not lines[start].strip():
            step += 1
        yield (kind, step if kind == "steps" else 0), start, end


def _kind(node: ast.stmt) -> Kind:
    match node:
        case ast.Import() | ast.ImportFrom() | ast.Expr(value=ast.Constant() | ast.Call(func=ast.Name())):
            return "head"
        case ast.FunctionDef() | ast.ClassDef():
            return "definitions"
        case ast.Assign(targets=[ast.Name(id=name)]) if name.isupper():
            return "constants"
        case _:
            return "steps"
