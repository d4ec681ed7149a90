"""How many cases of each whole recording are in tolerance: `python -m tests.conformance.sampling.table WHOLE`.

Every file is played on each of two vector libraries, as the recordings were made on machines with either.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from functools import partial

import torch

from tests.conformance.sampling import pictures
from tests.conformance.sampling.recorded import Case, recording
from tests.conformance.sampling.test_samplers import (
    fractional,
    from_text,
    is_determined,
    whole,
    with_comfyui,
    with_forge,
)
from tests.conformance.sampling.verdicts import Play, Verdict, judge

LIBRARIES = {"this machine": {}, "the other": {"MKL_CBWR": "COMPATIBLE"}}
FILES: dict[str, tuple[Play, Callable[[Case], float]]] = {
    **dict.fromkeys(
        ("a1111_samplers", "a1111_params", "a1111_pred", "a1111_cfg", "a1111_rng_nv"), (from_text, fractional)
    ),
    "a1111_img2img": (pictures.image_to_image, fractional),
    "a1111_inpaint": (pictures.inpaint, lambda case: 0.0),
    "a1111_hires": (pictures.hires, lambda case: 0.0),
    **dict.fromkeys(("forge_samplers", "forge_models", "forge_misc"), (with_forge, whole)),
    **dict.fromkeys(("comfy_samplers", "comfy_models", "comfy_ksampler"), (with_comfyui, whole)),
}


def played(name: str) -> Verdict:
    """One file, every case of it that the real program did not refuse."""
    torch.set_num_threads(1)
    play, time_error = FILES[name]
    return judge([case for case in recording(name) if is_determined(case)], play, time_error)


def elsewhere(name: str, settings: dict[str, str]) -> tuple[int, set[str], set[str]]:
    """The same in a process of its own: how many cases, those out of tolerance, and those reached among them."""
    command = [sys.executable, "-m", "tests.conformance.sampling.table", "", name]
    result = subprocess.run(command, env={**os.environ, **settings}, capture_output=True, check=True, text=True)
    total, failed, reached = json.loads(result.stdout)
    return total, {*failed, *reached}, {*reached}


def main(folder: str, names: Sequence[str]) -> None:
    """Prints a line for each file; of one name without a folder, what `elsewhere` reads."""
    if not folder:
        verdict = played(*names)
        labels = [line[line.index("{") :] for line in verdict.failed]
        print(json.dumps([verdict.total, labels, verdict.reached]))
        return
    os.environ["PARAMC_GOLDEN"] = folder
    print(f"{'':16}{'cases':>6}" + "".join(f"{name:>14}" for name in (*LIBRARIES, "either", "reached", "left")))
    for name in names or FILES:
        runs = [*map(partial(elsewhere, name), LIBRARIES.values())]
        total, outside = runs[0][0], set.intersection(*(out for _, out, _ in runs))
        reached = outside & set.union(*(near for _, _, near in runs))
        counts = [*(total - len(out) for _, out, _ in runs), total - len(outside), len(reached)]
        left = outside - reached
        print(f"{name:16}{total:6}" + "".join(f"{count:14}" for count in (*counts, len(left))), flush=True)
        print("".join(f"    {label}\n" for label in sorted(left)), end="")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
