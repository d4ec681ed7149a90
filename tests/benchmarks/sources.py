"""Reading images against an image library's bare opening, and scans in one and in two processes; figures are ratios.

python tests/benchmarks/sources.py FOLDER    a folder with pictures; for the scans one with thousands on a calm machine
"""

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from paramc.api import fields, load
from paramc.archive.entry import Reading
from paramc.archive.scan import scan
from paramc.archive.walk import PICTURES, walk
from paramc.diagnostics.model import ParamcError
from paramc.source.detect import open_file

MOST = 100  # pictures that are timed one by one
ROUNDS = 5


def library(path: str) -> object:
    """Open, and read the texts: what a program does that only wants to show them."""
    with Image.open(path) as picture:
        if picture.format == "PNG":
            return picture.text
        return picture.getexif().get_ifd(0x8769)


def best(work: Callable[[str], object], path: str) -> float:
    times = []
    for _ in range(ROUNDS):
        start = time.process_time_ns()
        work(path)
        times.append(time.process_time_ns() - start)
    return min(times)


def readable(path: str) -> bool:
    try:
        return open_file(path).key in ("parameters", "UserComment") and bool(fields(open_file(path).text))
    except ParamcError:
        return False


def scanned(folder: str, jobs: int) -> float:
    start = time.perf_counter()
    count = sum(1 for _ in scan(walk([folder], lambda name, why: None), Reading(), jobs))
    return count / (time.perf_counter() - start)


def main(folder: str) -> None:
    paths = [path for path in walk([folder], lambda name, why: None) if Path(path).suffix.lower() in PICTURES]
    timed = [path for path in paths[: 4 * MOST] if readable(path)][:MOST]
    kinds: dict[str, Callable[[str], object]] = {
        "text": open_file,
        "fields": lambda path: fields(open_file(path).text),
        "job": lambda path: load(open_file(path)),
    }
    for name, work in kinds.items():
        ratio = statistics.median(best(work, path) / best(library, path) for path in timed)
        print(f"{name:<8} {ratio:.2f} x opening and reading the texts, {len(timed)} pictures")
    one, two = scanned(folder, 1), scanned(folder, 2)
    print(f"scan     {one:.0f} files/s in one process, {two / one:.2f} x in two, {len(paths)} files")


if __name__ == "__main__":
    main(sys.argv[1])
