"""A line for each recorded job with its deviations: `python -m tests.conformance.e2e.table MODELS [JOB…]`."""

import sys
from pathlib import Path

from paramc.api import open_runner
from tests.conformance.e2e.deviations import deviations
from tests.conformance.e2e.recorded import recorded_jobs
from tests.conformance.e2e.recorder import Recorder


def main(folder: str, *names: str) -> None:
    runner = open_runner([Path(folder)], device="cpu", dtype="float32", rng="cpu")
    latents = []
    for job in recorded_jobs():
        if names and not job.name.startswith(names):
            continue
        seen = Recorder()
        found = deviations(job, seen, list(runner.run(job.job(), seen).images))
        latents.append(found.latent)
        print(f"{job.name:<40} {found}  {' '.join(found.misses())}", flush=True)
    if latents:
        print(f"{len(latents)} jobs, median latent {sorted(latents)[len(latents) // 2]:.1e}, worst {max(latents):.1e}")


if __name__ == "__main__":
    main(*sys.argv[1:])
