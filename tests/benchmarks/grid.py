"""A sweep of 24 pictures beside 24 runs of their own:  python -m tests.benchmarks.grid MODEL [STEPS] [SIZE]

MODEL is a checkpoint, `tiny` for one of random weights, or `demo` for the shipped one. Seconds of CPU time and by the
clock, of whole processes and, without the time that a process takes to start, of runners in one process. Bar: the sweep
is 1.3 × as fast as separate runs.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import paramc
from paramc.api import open_runner
from paramc.dialects.axes import read_sweep
from paramc.runtime.demo.shipped import shipped_model
from tests.unit.runtime_execute.tiny import write_tiny_model

ROOT = Path(__file__).parents[2]
AXES = ("--axis", "seed=1..4", "--axis", "cfg_scale=4,6,8", "--axis", "prompt:cat=dog,fox")
BAR = 1.3
Seconds = tuple[float, float]


def settings(steps: int, size: int) -> str:
    """The text that is swept."""
    return (
        f"a red cat on a blue ground\nNegative prompt: blurry\nSteps: {steps}, Sampler: Euler a, Schedule type: Karras, "
        f"CFG scale: 5, Seed: 7, Size: {size}x{size}, RNG: CPU, Version: 1.10.1"
    )


def processes(commands: list[list[str]]) -> Seconds:
    """CPU time and time of processes one after the other."""
    start, used = time.perf_counter(), 0.0
    for words in commands:
        process = subprocess.Popen(
            [sys.executable, "-m", "paramc", *words], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise SystemExit(f"exit code {process.returncode}: {words}")
        used += usage.ru_utime + usage.ru_stime
    return used, time.perf_counter() - start


def here(work: Callable[[], None]) -> Seconds:
    """CPU time and time of a function."""
    start, used = time.perf_counter(), time.process_time()
    work()
    return time.process_time() - used, time.perf_counter() - start


def compare(model: str, steps: int, size: int, folder: Path) -> dict[str, Seconds]:
    """Every way, by name."""
    text = settings(steps, size)
    job = paramc.parse(text).replace({"assets.checkpoint": {"name": Path(model).name, "path": model}})
    jobs = [cell.job for cell in read_sweep(AXES[1::2], job).cells(job)]
    for number in range(len(jobs)):
        (folder / str(number)).mkdir()
    rest = ["--model", model, "--device", "cpu"]
    single = []
    for number, each in enumerate(jobs):
        words = ["--set", f"prompt={each.prompt.text}", "--set", f"sampling.cfg_scale={each.sampling.cfg_scale}"]
        single.append(["run", text, *words, "--seed", str(each.noise.seed), *rest, "-o", str(folder / str(number))])

    def fresh() -> None:
        for each in jobs:
            open_runner([], device="cpu", dtype="float32", rng="cpu").run(each)

    def kept() -> None:
        runner = open_runner([], device="cpu", dtype="float32", rng="cpu")
        for each in jobs:
            runner.run(each)

    kept()  # imports, and files that the system remembers from now on
    return {
        "paramc grid": processes([["grid", text, *AXES, *rest, "-o", str(folder / "grid")]]),
        "24 × paramc run": processes(single),
        "a runner for all, in the process": here(kept),
        "24 runners in one process": here(fresh),
    }


def main() -> None:
    """Print a row for each way, and how the sweep compares."""
    model = sys.argv[1] if len(sys.argv) > 1 else "tiny"
    steps, size = (int(word) for word in (*sys.argv[2:4], *("20", "64")[len(sys.argv[2:4]) :]))
    with TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["PARAMC_HOME"] = str(folder / "home")
        if model == "tiny":
            model = str(write_tiny_model(folder / "tiny.safetensors"))
        if model == "demo":
            model = str(shipped_model())
        found = compare(model, steps, size, folder)
    for way, (cpu, clock) in found.items():
        print(f"{way:<34} {cpu:8.2f} s of CPU  {clock:8.2f} s by the clock")
    for one, many in (
        ("paramc grid", "24 × paramc run"),
        ("a runner for all, in the process", "24 runners in one process"),
    ):
        gain = found[many][0] / found[one][0]
        print(f"{one}: {gain:.2f} × as fast ({'within' if gain >= BAR else 'below'} the bar of {BAR})")


if __name__ == "__main__":
    main()
