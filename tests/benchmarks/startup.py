"""How long paramc takes to start, beside what it cannot do without:  python tests/benchmarks/startup.py [RUNS]

CPU time (user + system) of whole processes, the least of RUNS (15), measured in turn so that a busy machine troubles
both alike. Bars: `--help` 3 × bare Python; `convert` to a graph 1.5 × (interpreter + lark + one pydantic model).
"""

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

TEXT = """\
photo of a red fox, (detailed fur:1.2), [autumn:winter:0.5] forest <lora:film:0.6>
Negative prompt: blurry, lowres
Steps: 28, Sampler: DPM++ 2M Karras, CFG scale: 6.5, Seed: 1234567, Size: 512x768, Model hash: 6ce0161689, \
Model: v1-5-pruned-emaonly, Clip skip: 2, Version: v1.10.1"""
FLOOR = """\
import lark
from pydantic import BaseModel
class Model(BaseModel):
    steps: int = 20
Model()
"""
LEFT_OUT = {"PYTHONDONTWRITEBYTECODE"}  # installed packages are compiled
COMMAND = ["-c", "import sys; from paramc.cli import main; sys.exit(main())"]  # what an installed `paramc` runs
CACHE = TemporaryDirectory()  # of this run alone: other versions beside would spoil the user's
PAIRS = {
    "--help": (3.0, ["-c", "pass"], [*COMMAND, "--help"]),
    "convert": (1.5, ["-c", FLOOR], [*COMMAND, "convert", TEXT, "--to", "comfyui"]),
}


def cpu_seconds(arguments: list[str]) -> float:
    """CPU time of one process of this Python."""
    process = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=Path(__file__).parents[2],
        env={name: value for name, value in os.environ.items() if name not in LEFT_OUT} | {"PARAMC_CACHE": CACHE.name},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"exit code {process.returncode}: {arguments}")
    return used.ru_utime + used.ru_stime


def ratio(name: str, runs: int) -> tuple[float, float]:
    """Least seconds of what cannot be avoided, and of the command."""
    _, floor, command = PAIRS[name]
    cpu_seconds(command)  # fills the user's cache of grammars and tables
    pairs = [(cpu_seconds(floor), cpu_seconds(command)) for _ in range(runs)]
    return min(first for first, _ in pairs), min(second for _, second in pairs)


if __name__ == "__main__":
    for name, (bar, _, _) in PAIRS.items():
        floor, command = ratio(name, int(sys.argv[1]) if len(sys.argv) > 1 else 15)
        print(f"{name:8} {command * 1e3:6.1f} ms = {command / floor:.2f} × {floor * 1e3:.1f} ms (bar {bar})")
