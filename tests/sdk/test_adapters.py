"""Pictures that steer through IP-Adapters and T2I-Adapters: scripts run as written, and paint what the runner does."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import paramc
from paramc.ir.assets import AssetRef, ImageRef
from paramc.ir.control import ControlNet
from paramc.ir.family import Family
from paramc.ir.job import Job

pytestmark = [
    pytest.mark.sdk,
    pytest.mark.filterwarnings("ignore:__array_:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:`FluxPosEmbed`:FutureWarning"),
]

Tiny = Callable[[str], Path]
TEXT = (
    "a photo of a cat\nNegative prompt: bad quality\nSteps: 4, Sampler: Euler, Schedule type: Automatic, CFG scale: 5, "
    "Seed: 42, Size: 64x64, RNG: CPU{more}, Version: v1.10.1"
)
HIRES = ", Denoising strength: 0.7, Hires upscale: 2, Hires steps: 3, Hires upscaler: Latent"
REDRAWN, MASKED = ", Denoising strength: 0.5", ", Denoising strength: 0.5, Mask blur: 2"
FIRST_ENCODER = ('    "h94/IP-Adapter",\n    subfolder="models/image_encoder",\n', '    "eyes",\n')
FLUX_ENCODER = ('"openai/clip-vit-large-patch14"', '"eyes"')


def unit(model: str, number: int = 0, weight: float = 0.8, **more: Any) -> ControlNet:
    asset = AssetRef(name=Path(model).stem, path=str(Path(model).resolve()))
    return ControlNet.model_validate(
        {"unit": number, "model": asset, "image": ImageRef(path="control.png"), "weight": weight} | more
    )


def job(base: str, *units: ControlNet, more: str = "") -> Job:
    made = paramc.parse(TEXT.format(more=more))
    return made.model_copy(update={"family": Family(name=base, base=base), "controls": units})


def run(made: Job, folder: Path, kind: str = "latent") -> Any:
    """What the script of a job has in the end."""
    options = {"model": str(folder), "dtype": "float32", "device": "cpu", "local_files_only": "true"}
    source = paramc.compile(made, "diffusers", options=options).text
    for old, new in (FIRST_ENCODER, FLUX_ENCODER):
        source = source.replace(old, new)
    if kind == "latent":
        source = source.replace('output_type="np"', 'output_type="latent"').partition("# Cut off")[0]
    names: dict[str, Any] = {"__name__": "script"}
    exec(compile(source, "script.py", "exec"), names)  # noqa: S102  # the script is what is tested
    return names["images"]


def far(found: Any, expected: Any) -> float:
    return float(abs(found - expected).max() / abs(expected).max())


@pytest.fixture(autouse=True)
def pictures(offline: None) -> None:
    radial = Image.radial_gradient("L").resize((80, 64))
    Image.merge("RGB", (radial, radial.rotate(90), Image.linear_gradient("L").resize((80, 64)))).save("control.png")
    for name in ("input.png", "mask.png"):
        Image.radial_gradient("L").resize((64, 64)).convert("RGB").save(name)


@pytest.mark.slow
@pytest.mark.parametrize("base", ["sd1", "sdxl"])
def test_a_picture_that_is_shown_counts_as_the_runner_has_it(
    worded: Tiny, monkeypatch: pytest.MonkeyPatch, base: str
) -> None:
    from paramc.runtime.execute.shelf import Shelf
    from tests.sdk import adapters
    from tests.sdk.painted import painted

    encoder, adapter = adapters.eyes(), adapters.shown_to_unet(worded(base))
    monkeypatch.setattr("paramc.runtime.execute.shelf.load_net", lambda path, base, **rest: adapter)
    monkeypatch.setattr("paramc.runtime.execute.shelf.lies_on_model", lambda path: False)
    monkeypatch.setattr(Shelf, "_image_encoder", lambda shelf, path, adapter: encoder)
    monkeypatch.setattr("tests.sdk.painted.OneFolder.find", lambda finder, asset, kind: finder.folder)
    made = job(base, unit(adapters.SHOWN))
    found = run(made, worded(base))
    assert far(found, painted(made, worded(base))) <= 1e-5
    assert far(found, run(job(base), worded(base))) > 1e-2


@pytest.mark.slow
@pytest.mark.parametrize("base", ["sd1", "sdxl"])
def test_an_adapter_steers_as_the_runner_has_it(
    worded: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, base: str
) -> None:
    from tests.sdk import adapters
    from tests.sdk.painted import painted

    folder, net = adapters.steered(worded(base), tmp_path / "models"), adapters.steering(3)
    monkeypatch.setattr("paramc.runtime.execute.shelf.load_net", lambda path, base, **rest: net)
    monkeypatch.setattr("paramc.runtime.execute.shelf.lies_on_model", lambda path: False)
    made = job(base, unit(adapters.STEERING, image=ImageRef(path="input.png")))  # which has the size of the pass
    found = run(made, folder)
    assert far(found, painted(made, folder)) <= 1e-5
    assert far(found, run(job(base), folder)) > 1e-3


@pytest.mark.slow
@pytest.mark.parametrize("base", ["sd1", "sdxl"])
def test_several_adapters_steer_together_and_edges_are_grey(tiny: Tiny, tmp_path: Path, base: str) -> None:
    from tests.sdk import adapters

    folder = adapters.steered(tiny(base), tmp_path / "models")
    names = ("t2i-adapter_colours", "t2i-adapter_edges")
    for name, channels in zip(names, (3, 1), strict=True):
        adapters.steering(channels, name)
    both, one = (job(base, unit(names[0]), unit(names[1], 1, weight)) for weight in (0.8, 0.0))
    assert far(run(both, folder), run(one, folder)) > 1e-3
    assert far(run(one, folder), run(job(base, unit(names[0])), folder)) <= 1e-5


@pytest.mark.parametrize(
    ("base", "more"),
    [
        ("sd1", ""),
        *(
            pytest.param(base, more, marks=pytest.mark.slow)
            for base in ("sd1", "sdxl", "flux")
            for more in ("", REDRAWN, MASKED, HIRES, ", Batch size: 2")
            if (base, more) != ("sd1", "")
        ),
    ],
)
def test_a_picture_is_shown_whatever_is_painted(tiny: Tiny, base: str, more: str) -> None:
    from tests.sdk import adapters

    adapters.eyes()
    (adapters.shown_to_flux if base == "flux" else adapters.shown_to_unet)(tiny(base))
    shown, unseen, without = (
        run(job(base, *units, more=more), tiny(base), "picture")
        for units in ((unit(adapters.SHOWN),), (unit(adapters.SHOWN, weight=0.0),), ())
    )
    assert abs(unseen - without).max() <= 1e-5
    assert abs(shown - without).max() > 1e-3


@pytest.mark.slow
def test_a_picture_may_be_shown_in_the_second_pass_alone(tiny: Tiny) -> None:
    from tests.sdk import adapters

    adapters.eyes()
    adapters.shown_to_unet(tiny("sd1"))
    painted = {
        passes: run(job("sd1", unit(adapters.SHOWN, passes=passes), more=HIRES), tiny("sd1"), "picture")
        for passes in ("both", "first", "second")
    }
    assert abs(painted["first"] - painted["both"]).max() > 1e-3
    assert abs(painted["second"] - painted["both"]).max() > 1e-3
