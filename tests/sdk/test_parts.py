"""What scripts print of the runner is the runner's own source: targets/diffusers/parts.toml against paramc/runtime."""

import ast
import builtins

import pytest

from paramc.backends.callcheck import read_interface
from paramc.backends.parts import read_parts
from paramc.backends.registry import find_target
from paramc.tables import read_table

pytestmark = pytest.mark.sdk

PATH = find_target("diffusers").folder / "parts.toml"
HEAD = """\
# The runner's functions as scripts in the style `exact` print them: made of paramc/runtime by
# `pytest --bless tests/sdk/test_parts.py`, in an order in which they can stand in one script.
"""


def table() -> str:
    """The table as it should be."""
    pytest.importorskip("torch")
    from tests.sdk.quoting import needs, sources

    found = sources()
    listed = {name: ", ".join(f'"{other}"' for other in others) for name, others in needs(found).items()}
    rows = [
        f"\n[[parts]]\nname = \"{name}\"\nneeds = [{listed[name]}]\ntext = '''\n{text}'''\n"
        for name, text in found.items()
    ]
    return HEAD + "".join(rows)


def test_scripts_print_what_the_runner_does(request: pytest.FixtureRequest) -> None:
    made = table()
    if request.config.getoption("--bless"):
        PATH.write_text(made)
    assert PATH.read_text() == made


def test_no_part_speaks_of_a_name_that_no_script_has() -> None:
    parts = read_parts(PATH)
    modules = read_interface(PATH.with_name("interface.toml")).modules
    offered = {name for module, names in modules.items() for name in (names or (module,))}
    tree = ast.parse("\n".join(part.text for part in parts.values()))
    bound = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    bound |= {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    bound |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    bound |= {node.name for node in ast.walk(tree) if isinstance(node, ast.MatchAs) and node.name}
    bound |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    spoken = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    assert spoken - bound - offered - {*dir(builtins)} == set()


def test_no_part_needs_another_that_stands_behind_it_when_it_is_made() -> None:
    names: dict[str, object] = {}
    import functools
    import html
    import itertools
    import math

    numpy, torch = pytest.importorskip("numpy"), pytest.importorskip("torch")
    special = pytest.importorskip("scipy.special")
    import collections
    import dataclasses
    import typing
    import weakref

    from PIL import Image, ImageFilter, ImageOps

    names |= {
        "numpy": numpy,
        "torch": torch,
        "math": math,
        "html": html,
        "Image": Image,
        "ImageFilter": ImageFilter,
        "ImageOps": ImageOps,
        "betaincinv": special.betaincinv,
    }
    for module in (functools, itertools, collections, dataclasses, typing, weakref):
        names |= {name: value for name, value in vars(module).items() if not name.startswith("_")}
    for row in read_table(PATH)["parts"]:  # type: ignore[union-attr]  # a list of tables
        exec(compile(str(row["text"]), str(row["name"]), "exec"), names)  # type: ignore[index, call-overload]  # noqa: S102
