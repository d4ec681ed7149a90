"""Imports run in one direction, and torch is a guest of `runtime/` alone."""

import ast
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

import paramc

PACKAGE = Path(paramc.__file__).parent
LAYERS = (
    "resources", "tables", "diagnostics", "source", "ir", "dialects", "passes", "backends", "runtime", "api",
    "presentation", "archive", "server", "commands", "cli", "__main__",
)  # fmt: skip
PARTS = (
    "memory", "rng", "stages", "schedules", "samplers", "denoise", "catalogue", "text", "models", "control", "execute",
)  # fmt: skip
"""The runner's own, but for `demo`, whose files the catalogue knows and which is trained with the rest."""
HEAVY = {
    "torch", "diffusers", "transformers", "compel", "numpy", "scipy", "safetensors", "torchsde", "accelerate", "peft",
}  # fmt: skip


class Import(NamedTuple):
    file: str
    line: int
    layer: str  # of the importing file
    module: str


def imports(package: Path) -> Iterator[Import]:
    """Every import of the package's files, wherever it stands."""
    for path in sorted(package.rglob("*.py")):
        inside = path.relative_to(package)
        layer = inside.parts[0].removesuffix(".py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Import():
                    modules = [alias.name for alias in node.names]
                case ast.ImportFrom():
                    modules = _modules(node, inside)
                case _:
                    continue
            yield from (Import(str(inside), node.lineno, layer, module) for module in modules)


def _modules(node: ast.ImportFrom, inside: Path) -> list[str]:
    """`from paramc import ir` names the module paramc.ir; a relative import is made absolute."""
    above = ("paramc", *inside.parts[:-1])
    base = ".".join(above[: len(above) - node.level + 1]) if node.level else ""
    module = ".".join(filter(None, (base, node.module)))
    return [f"{module}.{alias.name}" for alias in node.names] if module == "paramc" else [module]


def against_the_direction(package: Path) -> list[Import]:
    """Imports of a layer to the right of the file's own; the package's own namespace counts as none."""
    ours = [item for item in imports(package) if item.module.startswith("paramc.") and item.layer != "__init__"]
    return [item for item in ours if _rank(item.module.split(".")[1]) > LAYERS.index(item.layer)]


def _rank(layer: str) -> int:
    return LAYERS.index(layer) if layer in LAYERS else -1  # `from paramc import __version__`


def against_the_order(package: Path) -> list[Import]:
    """Imports of a part of the runner from one to its right."""
    found = []
    for item in imports(package):
        inside, module = Path(item.file).with_suffix("").parts, item.module.split(".")
        if inside[0] == "runtime" and module[:2] == ["paramc", "runtime"] and {inside[1], module[2]} <= set(PARTS):
            found += [item] if PARTS.index(module[2]) > PARTS.index(inside[1]) else []
    return found


def heavy_imports(package: Path) -> list[Import]:
    """Imports of the runner's libraries outside the runner."""
    return [item for item in imports(package) if item.module.split(".")[0] in HEAVY and item.layer != "runtime"]


def test_no_stage_imports_from_its_right() -> None:
    assert against_the_direction(PACKAGE) == []


def test_no_part_of_the_runner_imports_from_its_right() -> None:
    assert against_the_order(PACKAGE) == []


def test_every_part_of_the_runner_has_its_place() -> None:
    names = {path.stem for path in (PACKAGE / "runtime").iterdir() if not path.name.startswith("__")}
    assert names == {*PARTS, "demo"}


def test_only_the_runner_imports_its_libraries() -> None:
    assert heavy_imports(PACKAGE) == []


def test_every_module_has_a_layer() -> None:
    assert {item.layer for item in imports(PACKAGE)} - {"__init__"} <= set(LAYERS)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(PACKAGE, tmp_path / "paramc", ignore=shutil.ignore_patterns("__pycache__", "_data")))


@pytest.mark.parametrize(
    "statement", ["import torch", "def f():\n    from torch.nn import Linear", "import numpy.random as r"]
)
def test_torch_in_a_pass_is_noticed(copy: Path, statement: str) -> None:
    file = copy / "passes" / "check.py"
    file.write_text(f"{file.read_text(encoding='utf-8')}\n{statement}\n", encoding="utf-8")
    assert [item.file for item in heavy_imports(copy)] == ["passes/check.py"]


@pytest.mark.parametrize(
    "statement",
    [
        "from paramc.backends.report import Report",
        "from ..backends import report",
        "from paramc import backends",
        "import paramc.api",
    ],
)
def test_an_import_from_the_right_is_noticed(copy: Path, statement: str) -> None:
    file = copy / "passes" / "check.py"
    file.write_text(f"{file.read_text(encoding='utf-8')}\n{statement}\n", encoding="utf-8")
    assert [item.file for item in against_the_direction(copy)] == ["passes/check.py"]


def test_an_import_from_a_later_part_of_the_runner_is_noticed(copy: Path) -> None:
    file = copy / "runtime" / "models" / "fitting.py"
    file.write_text(f"{file.read_text(encoding='utf-8')}\nimport paramc.runtime.execute.shelf\n", encoding="utf-8")
    assert [item.file for item in against_the_order(copy)] == ["runtime/models/fitting.py"]
