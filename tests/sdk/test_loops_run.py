"""Loops over a sweep, run as written on a tiny pipeline: their pictures are those of the single scripts."""

import pytest
from PIL import Image

import paramc
from paramc.backends.looped import loop_script
from paramc.backends.registry import find_target
from paramc.dialects.axes import read_sweep
from paramc.ir.family import Family
from tests.sdk.conftest import Tiny

pytestmark = [
    pytest.mark.sdk,
    # The libraries' own trouble with NumPy 2; no call of ours is concerned.
    pytest.mark.filterwarnings("ignore:__array_:DeprecationWarning"),
]

TEXT = (
    "a photo of a cat\nNegative prompt: bad quality\nSteps: 2, Sampler: Euler a, Schedule type: Automatic, CFG scale: 5, "
    "Seed: 42, Size: 64x64, RNG: CPU, Version: v1.10.1"
)


def run(source: str) -> None:
    exec(compile(source, "script.py", "exec"), {"__name__": "script"})  # noqa: S102  # the script is what is tested


def pixels(name: str) -> bytes:
    with Image.open(name) as picture:
        return picture.tobytes()


@pytest.mark.parametrize(
    "axes", [("steps=2,3", "cfg_scale=1,5"), ("sampler=Euler a,DPM++ 2M", "prompt:cat=dog,fox"), ("size=64x64,64x80",)]
)
def test_a_loop_paints_what_single_scripts_paint(tiny: Tiny, axes: tuple[str, ...]) -> None:
    job = paramc.parse(TEXT).model_copy(update={"family": Family(name="sd1", base="sd1")})
    options = {"model": str(tiny("sd1")), "dtype": "float32", "device": "cpu", "local_files_only": "true"}
    sweep = read_sweep(axes, job)
    sources = [paramc.compile(cell.job, "diffusers", options=options).text for cell in sweep.cells(job)]
    run(loop_script(sources, sweep, find_target("diffusers")))
    looped = [pixels(f"{number:03}.png") for number in range(len(sources))]
    for number, source in enumerate(sources):
        run(source)
        assert pixels("42.png") == looped[number]
    with Image.open("sheet.png") as sheet:
        assert sheet.width == 64 * len(sweep.axes[0].points)
