"""Work grows with the length of what is read, not with its square: counted in lines that are run, not in seconds."""

import sys
from collections.abc import Callable
from types import FrameType

import pytest

import paramc
from paramc.api import load
from paramc.source.detect import open_text

HEAD = "a\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1, Size: 512x512, Version: v1.10.1"


def lines_run(work: Callable[[], object]) -> int:
    """Lines of Python that are run, every turn of a loop anew."""
    count = 0

    def trace(frame: FrameType, event: str, argument: object) -> object:
        nonlocal count
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)  # type: ignore[arg-type]  # its own type says less than the manual
    try:
        work()
    finally:
        sys.settrace(before)
    return count


def judged_and_written(text: str) -> object:
    job = load(open_text(text)).job
    return paramc.check(job), [paramc.compile(job, target) for target in ("comfyui", "a1111")]


@pytest.mark.parametrize(
    ("least", "work", "text"),
    [
        (270, paramc.fields, lambda count: "[a:" * count + "b" + ":0.5]" * count + HEAD),
        (60, judged_and_written, lambda count: "/imagine prompt: cat " + "--ar 3:2 " * count),
        pytest.param(
            150,
            judged_and_written,
            lambda count: HEAD + "".join(f', ControlNet {i}: "Module: a"' for i in range(count)),
            marks=pytest.mark.slow,
        ),
    ],
    ids=["nested brackets", "one switch again and again", "units"],
)
def test_twice_as_much_is_twice_the_work(least: int, work: Callable[[str], object], text: Callable[[int], str]) -> None:
    work(text(2))  # tables are loaded
    few, some, many = (lines_run(lambda size=size: work(text(size))) for size in (least, 2 * least, 4 * least))
    assert (many - some) / (some - few) < 3  # 2 where work is linear, 4 where it is quadratic
