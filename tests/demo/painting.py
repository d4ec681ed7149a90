"""Pictures of the demo model, painted as `paramc run` paints them."""

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from random import Random

from PIL import Image

import paramc
from paramc.diagnostics.model import Diagnostic
from paramc.ir.assets import AssetRef
from paramc.runtime.catalogue.signs import Kind
from paramc.runtime.demo.scenes import COUNTS, Scene, drawn_at_random, language
from paramc.runtime.demo.shipped import WORD, shipped, shipped_extras, shipped_model
from paramc.runtime.execute.runner import Runner

SETTINGS = (
    "{prompt}\nNegative prompt: {negative}\nSteps: {steps}, Sampler: {sampler}, Schedule type: Karras, "
    "CFG scale: {cfg}, Seed: {seed}, Size: 64x64, Model: demo, RNG: CPU, Version: v1.10.1"
)
WORDS = 2024  # seed of the captions


class Shipped:
    """Finds what is shipped, and nothing in the folders of whoever runs the tests."""

    said: list[Diagnostic]

    def __init__(self) -> None:
        self.said = []

    def find(self, asset: AssetRef, kind: Kind) -> Path:
        return next((entry.path for entry in shipped_extras() if entry.kind == kind), shipped_model())

    @property
    def folders(self) -> list[Path]:
        return []

    def of_kind(self, kind: Kind) -> Sequence[Path]:
        return ()

    def words(self) -> Sequence[tuple[str, Path]]:
        return ((WORD, shipped(WORD)),)


@cache
def runner() -> Runner:
    """One for all tests, so that the model is read once."""
    return Runner([], device="cpu", finder=Shipped())


def paint(
    prompt: str, *, seed: int, negative: str = "", steps: int = 20, sampler: str = "DPM++ 2M", cfg: float = 5
) -> Image.Image:
    """The picture of a prompt at the size that the model was made for."""
    text = SETTINGS.format(prompt=prompt, negative=negative, steps=steps, sampler=sampler, cfg=cfg, seed=seed)
    (image,) = runner().run(paramc.parse(text)).images
    return image


def unseen(count: int, *, accept: Callable[[Scene], bool] = lambda scene: True) -> list[Scene]:
    """Scenes whose combination training left out; white before the sky is hard to see for anybody."""
    found = (scene for scene in _unseen() if accept(scene))
    return [next(found) for _ in range(count)]


def _unseen() -> Iterator[Scene]:
    random = Random(WORDS)
    while True:
        scene = drawn_at_random(random)
        if scene.held_out and (scene.colour, scene.background) != ("white", "sky"):
            yield scene


def whole_caption(scene: Scene) -> str:
    """Tags that leave nothing unsaid."""
    several = scene.count > 1
    shape = language().plurals[scene.shape] if several else scene.shape
    subject = (COUNTS[scene.count - 1], "" if scene.size == "medium" else scene.size, scene.colour, shape)
    ground = (scene.background, "" if scene.texture == "plain" else scene.texture, "background")
    place = "" if several or scene.place == "middle" else scene.place
    return ", ".join(filter(None, (" ".join(filter(None, subject)), place, " ".join(filter(None, ground)))))
