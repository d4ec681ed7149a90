"""The public names: exactly those of `__all__`, there for type checkers and loaded on first use."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import paramc

PUBLIC = {
    "parse", "read", "lower", "compile", "convert", "run", "check", "diff", "fields", "prompt", "rephrase",
    "Job", "Prompt", "Plan", "Artifact", "Report", "Fate", "Grade", "Diagnostic", "Span",
    "ParamcError", "SourceError", "ReadError", "UnknownName", "InvalidValue", "Unsupported", "VerifyError", "RunError",
}  # fmt: skip


def typed_names() -> set[str]:
    """The names that `__init__.py` imports for type checkers."""
    tree = ast.parse(Path(paramc.__file__).read_text(encoding="utf-8"))
    blocks = [node for node in tree.body if isinstance(node, ast.If)]
    imports = [node for block in blocks for node in block.body if isinstance(node, ast.ImportFrom)]
    return {alias.name for node in imports for alias in node.names}


def test_the_public_names_are_those_that_are_documented() -> None:
    assert set(paramc.__all__) == PUBLIC


def test_no_public_name_is_listed_twice() -> None:
    assert len(paramc.__all__) == len(set(paramc.__all__))


def test_type_checkers_see_the_public_names_and_no_others() -> None:
    assert typed_names() == PUBLIC


def test_dir_lists_the_public_names() -> None:
    assert dir(paramc) == sorted(PUBLIC)


@pytest.mark.parametrize("name", sorted(PUBLIC - {"Grade"}))
def test_a_public_name_calls_itself_so(name: str) -> None:
    assert getattr(paramc, name).__name__ == name


def test_other_names_do_not_exist() -> None:
    with pytest.raises(AttributeError, match="no attribute 'paint'"):
        paramc.paint  # noqa: B018  # the access is the test


def test_importing_the_package_loads_nothing_else() -> None:
    heavy = "name.startswith('paramc.') or name == 'typing'"
    code = f"import sys, paramc; print(*(name for name in sys.modules if {heavy}))"
    command = [sys.executable, "-S", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(paramc.__file__).parents[1])
    assert done.stdout.split() == []
