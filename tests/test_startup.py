"""What a command imports: nothing of the runner's libraries ever, and no more than its own work needs."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import paramc
from paramc.commands.verbs import VERBS

TEXT = """\
a (red:1.2) fox [by day:by night:0.5] AND snow
Negative prompt: dog
Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1, Size: 512x512, Model: sd15, Denoising strength: 0.5, \
Hires upscale: 2, Hires upscaler: Latent"""
IMAGE = str(Path(__file__).parent / "golden" / "images" / "a1111.jpg")
WATCHED = ("torch", "diffusers", "transformers", "numpy", "scipy", "PIL", "jinja2", "lark", "pydantic")
PROBE = f"""\
import json, sys
from paramc.cli import main
code = main(sys.argv[1:])
print(json.dumps([code, [name for name in {WATCHED} if name in sys.modules]]), file=sys.__stderr__)
"""
COMMANDS = {
    "help": ("--help",),
    "version": ("--version",),
    "help of a command": ("convert", "--help"),
    "completion": ("completion", "bash"),
    "show": ("show", TEXT),
    "show an image": ("show", IMAGE),
    "check": ("check", TEXT),
    "convert to a settings text": ("convert", TEXT, "--to", "a1111"),
    "convert to a graph": ("convert", TEXT, "--to", "comfyui"),
    "convert to a script": ("convert", TEXT, "--to", "diffusers"),
    "convert to JSON": ("convert", TEXT, "--to", "json", "--format", "json"),
    "the plan": ("convert", TEXT, "--emit", "plan", "--trace"),
    "embed": ("embed", "--help"),
    "scan": ("scan", IMAGE),
    "diff": ("diff", TEXT, IMAGE),
    "fields": ("fields", TEXT),
    "prompt": ("prompt", "a (cat:1.2)", "--to", "compel"),
    "run": ("run", "--help"),
    "grid": ("grid", "--help"),
    "bench": ("bench", "--help"),
    "submit": ("submit", "--help"),
    "doctor": ("doctor", "--help"),
    "explain": ("explain", "PC621"),
    "list": ("list", "targets"),
    "models": ("models", "--help"),
    "schema": ("schema", "report"),
}
RUNNERS = {"torch", "diffusers", "transformers", "numpy", "scipy"}


@pytest.fixture(params=COMMANDS)
def command(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def loaded(words: tuple[str, ...]) -> set[str]:
    """The watched modules that a command loads; it must end well."""
    process = [sys.executable, "-c", PROBE, *words]
    done = subprocess.run(process, cwd=Path(paramc.__file__).parents[1], capture_output=True, text=True, check=True)
    code, modules = json.loads(done.stderr.splitlines()[-1])
    assert code == 0, done.stderr
    return set(modules)


def test_every_verb_is_watched() -> None:
    assert {words[0] for words in COMMANDS.values()} >= set(VERBS)


def test_no_command_loads_what_only_the_runner_needs(command: str) -> None:
    assert loaded(COMMANDS[command]) & RUNNERS == set()


@pytest.mark.parametrize("name", ["help", "version", "help of a command", "completion"])
def test_help_loads_neither_models_nor_grammars(name: str) -> None:
    assert loaded(COMMANDS[name]) == set()


@pytest.mark.parametrize("name", ["convert to a settings text", "convert to a graph", "convert to JSON", "show"])
def test_templates_are_loaded_for_scripts_only(name: str) -> None:
    assert "jinja2" not in loaded(COMMANDS[name])


def test_the_script_target_does_load_templates() -> None:
    assert "jinja2" in loaded(COMMANDS["convert to a script"])
