"""Scripts of newer families run as written, against tiny models with random weights: a picture appears."""

from pathlib import Path

import pytest
from PIL import Image

import paramc
from paramc.ir.family import Family
from paramc.ir.stages import Inpaint

pytestmark = [
    pytest.mark.sdk,
    pytest.mark.slow,
    # The libraries' own trouble with NumPy 2 and with a name of theirs; no call of ours is concerned.
    pytest.mark.filterwarnings("ignore:`FluxPosEmbed`:FutureWarning"),
    pytest.mark.filterwarnings("ignore:__array_:DeprecationWarning"),
]

TEXT = "a photo\nNegative prompt: bad\nSteps: 2, Sampler: Euler, Schedule type: Simple, CFG scale: {cfg}, Seed: 42, Size: 64x64, RNG: CPU"
FAMILIES = {
    "chroma": "chroma",
    "z-image": "z-image",
    "auraflow": "auraflow",
    "lumina2": "lumina2",
    "pixart-sigma": "pixart",
}


def paint(family: Family, folder: Path, cfg: float, **values: object) -> None:
    job = paramc.parse(TEXT.format(cfg=cfg)).model_copy(update={"family": family, **values})
    options = {"model": str(folder), "dtype": "float32", "device": "cpu", "local_files_only": "true"}
    source = paramc.compile(job, "diffusers", options=options).text
    exec(compile(source, "script.py", "exec"), {"__name__": "script"})  # noqa: S102  # the script is what is tested


def pixels() -> bytes:
    with Image.open("42.png") as picture:
        assert picture.size == (64, 64)
        return picture.tobytes()


@pytest.mark.parametrize("name", FAMILIES)
def test_a_script_of_the_family_paints_and_is_guided(name: str, tmp_path: Path) -> None:
    pytest.importorskip("diffusers")
    from tests.sdk.newer import save_newer

    folder = save_newer(FAMILIES[name], tmp_path)
    painted: set[bytes] = set()
    for cfg in (1.0, 4.0):
        paint(Family(name=name, base=FAMILIES[name]), folder, cfg)
        painted.add(pixels())
    assert len(painted) == 2


def test_a_script_fills_a_picture(tmp_path: Path) -> None:
    pytest.importorskip("diffusers")
    from tests.sdk.newer import save_newer

    for name in ("input.png", "mask.png"):
        Image.radial_gradient("L").resize((64, 64)).convert("RGB").save(name)
    paint(Family(name="flux-fill", base="flux"), save_newer("flux-fill", tmp_path), 1.0, task=Inpaint())
    assert pixels()
