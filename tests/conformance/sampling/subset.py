"""Copies a seeded part of the recordings into the repository: `python -m tests.conformance.sampling.subset WHOLE`."""

import gzip
import json
import random
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np

from tests.conformance.sampling.recorded import SUBSET

PER_GROUP, SHARE = 1, 24  # at least so many cases of each sampler or schedule, else one in so many
WHOLE = (
    "a1111_brownian",
    "a1111_hires",
    "a1111_inpaint",
    "a1111_int_tables",
    "a1111_soft_inpaint",
    "comfy_noise",
    "forge_imagerng",
)
BY_SETTINGS = ("a1111_cfg", "a1111_params", "comfy_ksampler", "forge_misc")
RESULTS = {
    "arr",
    "row",
    "t_row",
    "nfe",
    "kappa",
    "infotext",
    "kind",
    "sampler",
    "schedule",
    "scheduler",
    "steps",
    "error",
}


def picked(name: str, cases: list[dict[str, object]]) -> list[int]:
    """Indices of the cases to keep, in order."""
    if name in WHOLE:
        return list(range(len(cases)))
    groups: dict[object, list[int]] = defaultdict(list)
    for index, case in enumerate(cases):
        groups[_kind(name, case)].append(index)
    chance = random.Random(name)
    kept = {index for group in groups.values() for index in chance.sample(group, min(PER_GROUP, len(group)))}
    return sorted(kept | set(chance.sample(range(len(cases)), len(cases) // SHARE)))


def _kind(name: str, case: dict[str, object]) -> tuple[object, ...]:
    """What a case is there for: its settings, or where a file goes through all samplers, its sampler or schedule."""
    if name in BY_SETTINGS:
        return tuple(json.dumps(case.get(key)) for key in sorted(case.keys() - RESULTS))
    walked = case.get("sampler") or case.get("schedule") or case.get("scheduler") or case.get("node")
    return walked, case.get("model"), "error" in case


def main(whole: Path) -> None:
    """Writes every file of `whole` that has cases."""
    for path in sorted(whole.glob("*.json")):
        content = json.loads(path.read_bytes())
        if "cases" not in content:
            _write(path.name, content)
            continue
        arrays = dict(np.load(path.with_suffix(".npz")))
        kept: dict[str, list[np.ndarray]] = defaultdict(list)
        calls: list[np.ndarray] = []
        cases = [content["cases"][index] for index in picked(path.stem, content["cases"])]
        for case in cases:
            for key, row in (("arr", "row"), ("img", "img_row")):
                if key in case:
                    kept[case[key]].append(arrays[case[key]][case[row]])
                    case[row] = len(kept[case[key]]) - 1
            if "t_row" in case:
                start, end = arrays["t_offsets"][case["t_row"] : case["t_row"] + 2]
                calls.append(arrays["t_calls"][start:end])
                case["t_row"] = len(calls) - 1
        rows = {key: np.stack(value) for key, value in kept.items()}
        if calls:
            rows["t_calls"] = np.concatenate(calls)
            rows["t_offsets"] = np.cumsum([0, *map(len, calls)])
        _write(path.name, {**content, "cases": cases})
        np.savez_compressed(SUBSET / path.with_suffix(".npz").name, **rows)
    for name in ("a1111_tables.npz", "a1111_soft_inpaint_inputs.npz"):
        (SUBSET / name).write_bytes((whole / name).read_bytes())


def _write(name: str, content: dict[str, object]) -> None:
    text = json.dumps(content, separators=(",", ":")).encode()
    (SUBSET / f"{name}.gz").write_bytes(gzip.compress(text, mtime=0))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
