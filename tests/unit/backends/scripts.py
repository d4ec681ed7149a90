"""Scripts made from settings, and what stands in them."""

import ast
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import paramc
from paramc.backends.registry import find_target
from paramc.ir.family import Family
from paramc.ir.job import Job

TARGET = find_target("diffusers")
TAIL = (
    "Steps: 20, Sampler: Euler, Schedule type: Automatic, CFG scale: 7, Seed: 42, Size: 512x768, RNG: CPU, "
    "Model: dream_8"
)
PLAIN = f"a cat\nNegative prompt: bad\n{TAIL}, Version: v1.10.1"
HIRES = "Denoising strength: 0.7, Hires upscale: 2, Hires upscaler: "
FLUX = (
    "a cat\nSteps: 20, Sampler: Euler, Schedule type: Simple, CFG scale: 1, Distilled CFG Scale: 3.5, Seed: 42, "
    "Size: 1024x1024, RNG: CPU, Model: flux1-dev, Version: f2.0.1v1.10.1-previous-636-gb835f24a"
)


def with_family(text: str, name: str, base: str) -> Job:
    return paramc.parse(text).model_copy(update={"family": Family(name=name, base=base)})


@cache
def script(text: str, name: str = "sd1", base: str = "sd1", options: tuple[tuple[str, str], ...] = ()) -> str:
    return paramc.compile(with_family(text, name, base), "diffusers", options=dict(options)).text


def code(source: str) -> str:
    """A script without the settings behind it."""
    return source.partition("# The settings behind")[0]


def constants(source: str) -> Mapping[str, object]:
    """Name → value of the constants that hold plain values."""
    found: dict[str, object] = {}
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id.isupper():
            try:
                found[node.targets[0].id] = ast.literal_eval(node.value)
            except ValueError:
                continue
    return found


def arguments(source: str, called: str) -> dict[str, str]:
    """Keyword → source of the last call of `called`."""
    calls = [
        node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call) and ast.unparse(node.func) == called
    ]
    return {str(keyword.arg): ast.unparse(keyword.value) for keyword in calls[-1].keywords}


def scheduler(source: str) -> tuple[str, dict[str, object]]:
    """Class and keywords of the first scheduler that is set."""
    for node in ast.walk(ast.parse(source)):
        if (
            isinstance(node, ast.Assign)
            and ast.unparse(node.targets[0]) == "pipe.scheduler"
            and isinstance(node.value, ast.Call)
        ):
            return ast.unparse(node.value.func), {str(k.arg): ast.unparse(k.value) for k in node.value.keywords}
    raise AssertionError("no scheduler")


def lost(text: str, name: str = "sd1", base: str = "sd1") -> set[tuple[str, str]]:
    """(path or key, code) of everything that is not kept."""
    report = paramc.compile(with_family(text, name, base), "diffusers").report
    return {(fate.paths[0] if fate.paths else fate.key, fate.code) for fate in report.fates if fate.code}


def ruff(*command: str, folder: Path) -> str:
    """What ruff says with its own defaults."""
    line = [sys.executable, "-m", "ruff", *command, "--isolated", str(folder)]
    return subprocess.run(line, capture_output=True, text=True, check=False).stdout
