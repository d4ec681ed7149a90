"""The runner against plain diffusers, step by step:  python tests/benchmarks/running.py MODELS CHECKPOINT [SIZE [STEPS]]

Both in processes of their own, by turns, in processor time. Bars: a step 1.05 × that of the loop and 1.03 × the bare
call of the network; memory 1.05 ×; a second job starts 20 × sooner than the first.
"""

import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import paramc
from paramc.runtime.execute.measuring import measured, middle

TEXT = (
    "a cat\nNegative prompt: dog\nSteps: {steps}, Sampler: Euler, Schedule type: Uniform, CFG scale: 5, Seed: 7, "
    "Size: {size}x{size}, Model: {model}, RNG: CPU, Version: 1.10.1"
)


def main(
    folder: str, model: str, size: str = "256", steps: str = "4", dtype: str = "float32", rounds: str = "1"
) -> None:
    """Print the table."""
    job = paramc.parse(TEXT.format(size=size, steps=steps, model=model))
    ours, theirs = measured(job, [Path(folder)], device="cpu", dtype=dtype, rounds=int(rounds))
    mine, plain = middle(ours), middle(theirs)
    print(f"a step      {mine.step:9.4f} s = {mine.step / plain.step:.3f} × {plain.step:.4f} s of diffusers (bar 1.05)")
    print(f"            {mine.step:9.4f} s = {mine.step / mine.call:.3f} × {mine.call:.4f} s of the network (bar 1.03)")
    print(f"first start {mine.load:9.4f} s, diffusers {plain.load:.4f} s")
    print(f"next start  {mine.again:9.4f} s = 1 / {mine.load / mine.again:.1f} of the first (bar 1 / 20)")
    print(f"an image    {mine.image:9.4f} s, diffusers {plain.image:.4f} s")
    print(
        f"memory      {mine.memory / 1e6:9.0f} MB = {mine.memory / plain.memory:.3f} × {plain.memory / 1e6:.0f} MB (bar 1.05)"
    )


if __name__ == "__main__":
    with TemporaryDirectory() as home:  # a catalogue of its own
        os.environ["PARAMC_HOME"] = home
        main(*sys.argv[1:])
