"""More steps come nearer to where a deterministic sampler leads."""

import numpy as np
import pytest
from PIL import Image

import paramc
from paramc.ir.names import samplers
from tests.demo.painting import SETTINGS, runner

pytestmark = pytest.mark.sdk

FEW, USUAL, REFERENCE = 5, 20, 200  # steps
GUIDANCE = 4
# CFG++ adds the whole guidance with every step, whatever its length: only a sum that is shared out has a limit.
GUIDES_PER_STEP = "_cfg_pp"
SUM = 20
DETERMINISTIC = sorted(name for name, sampler in samplers().items() if not sampler.draws)
QUICK = ("dpmpp_2m", "euler")


def guidance(sampler: str, steps: int) -> float:
    return SUM / steps if sampler.endswith(GUIDES_PER_STEP) else GUIDANCE


def painted(sampler: str, steps: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    text = SETTINGS.format(
        prompt="large red circle, white background",
        negative="",
        steps=steps,
        sampler="Euler",
        cfg=guidance(sampler, steps),
        seed=11,
    )
    image: Image.Image = runner().run(paramc.parse(text).replace({"sampling.sampler": sampler})).images[0]
    return np.asarray(image, dtype=np.float64)


def agrees_better(sampler: str) -> bool:
    reference = painted(sampler, REFERENCE)
    few, usual = (float(np.abs(painted(sampler, steps) - reference).mean()) for steps in (FEW, USUAL))
    return usual < few


@pytest.mark.parametrize("sampler", QUICK)
def test_twenty_steps_agree_better_than_five(sampler: str) -> None:
    assert agrees_better(sampler)


@pytest.mark.slow
@pytest.mark.parametrize("sampler", [name for name in DETERMINISTIC if name not in QUICK])
def test_twenty_steps_agree_better_than_five_with_every_sampler(sampler: str) -> None:
    assert agrees_better(sampler)
