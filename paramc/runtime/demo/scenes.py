"""Scenes of plain shapes, drawn: what the demo model is trained on."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from math import cos, pi, sin
from pathlib import Path
from random import Random
from typing import Final, TypeAlias

from PIL import Image, ImageDraw
from pydantic import BaseModel, ConfigDict

from paramc.runtime.demo.shipped import SIDE
from paramc.tables import read_table

FINER: Final = 4  # drawn so much larger, then averaged
COUNTS: Final = ("", "two", "three")
PLAIN: Final = "plain"
MIDDLE: Final = "middle"
MEDIUM: Final = "medium"
TEXTURES: Final = (*(PLAIN,) * 8, "striped", "checkered")
HELD_OUT: Final = 10  # one combination in so many is never trained on
JITTER: Final = 0.02  # of places
HEART: Final = 60  # points of its outline

Colour: TypeAlias = tuple[int, int, int]
Point: TypeAlias = tuple[float, float]


class Captions(BaseModel):
    """The words around those of the scene."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    openings: tuple[str, ...]
    quality: tuple[str, ...]
    before: tuple[str, ...]


class Learned(BaseModel):
    """What stands around a word that is learned."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    before: tuple[str, ...]
    behind: tuple[str, ...]


class Language(BaseModel):
    """scenes.toml."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    shapes: tuple[str, ...]
    plurals: Mapping[str, str]
    colours: Mapping[str, Colour]
    backgrounds: Mapping[str, Colour]
    places: Mapping[str, tuple[int, int]]
    sizes: Mapping[str, tuple[float, float, float]]
    arrangements: Mapping[str, tuple[Point, ...]]
    captions: Captions
    learned: Learned


@cache
def language() -> Language:
    """The words of scenes, and what they stand for."""
    return Language.model_validate(read_table(Path(__file__).with_name("scenes.toml")))


@dataclass(frozen=True, slots=True)
class Scene:
    """`count` shapes of one kind; `place` is where a single one stands. `seed`: of what no caption tells."""

    shape: str
    colour: str
    size: str
    place: str
    count: int
    background: str
    texture: str
    seed: int

    @property
    def held_out(self) -> bool:
        """Whether training leaves out this shape in this colour at this place, or this many, before this background."""
        words = "/".join((self.shape, self.colour, self.place, str(self.count), self.background))
        return sha256(words.encode()).digest()[0] % HELD_OUT == 0


def drawn_at_random(random: Random) -> Scene:
    """Any scene, held out or not; backgrounds differ from the shapes before them."""
    words = language()
    colour = random.choice(list(words.colours))
    count = random.choice((1, 1, 1, 1, 2, 3))
    middle = count > 1 or random.random() < 0.25
    return Scene(
        shape=random.choice(words.shapes),
        colour=colour,
        size=random.choice(list(words.sizes)),
        place=MIDDLE if middle else random.choice(list(words.places)),
        count=count,
        background=random.choice([name for name in words.backgrounds if name != colour]),
        texture=random.choice(TEXTURES),
        seed=random.getrandbits(32),
    )


def draw(scene: Scene, side: int = SIDE) -> Image.Image:
    """The picture of a scene."""
    random = Random(scene.seed)
    words = language()
    picture = _ground(scene, side * FINER, random)
    pen = ImageDraw.Draw(picture)
    radius = words.sizes[scene.size][scene.count - 1] * random.uniform(0.95, 1.05)
    ink = _shaded(words.colours[scene.colour], random)
    for x, y in _centres(scene, radius):
        centre = (x + random.uniform(-JITTER, JITTER), y + random.uniform(-JITTER, JITTER))
        _shape(pen, scene.shape, centre, radius, side * FINER, ink)
    return picture.resize((side, side), Image.Resampling.BOX)


def _shaded(colour: Colour, random: Random) -> Colour:
    red, green, blue = (max(0, min(255, part + random.randint(-8, 8))) for part in colour)
    return red, green, blue


def _centres(scene: Scene, radius: float) -> tuple[Point, ...]:
    words = language()
    if scene.count > 1:
        return words.arrangements[COUNTS[scene.count - 1]]
    across, down = words.places[scene.place]
    reach = 0.5 - radius - 2 * JITTER
    return ((0.5 + across * reach, 0.5 + down * reach),)


def _ground(scene: Scene, side: int, random: Random) -> Image.Image:
    """The background: plain, or with stripes or squares of a second shade of its colour."""
    colour = _shaded(language().backgrounds[scene.background], random)
    picture = Image.new("RGB", (side, side), colour)
    pen = ImageDraw.Draw(picture)
    if scene.texture != PLAIN:
        other = _second(colour)
        cell = side // 8
        for row in range(8):
            for column in range(8):
                if (column if scene.texture == "striped" else row + column) % 2:
                    pen.rectangle(_box(column * cell, row * cell, cell), fill=other)
    elif scene.background == "sky":
        for row in range(side):
            pen.line((0, row, side, row), fill=_mixed(colour, (225, 240, 252), row / side))
    return picture


def _box(x: int, y: int, cell: int) -> tuple[int, int, int, int]:
    return x, y, x + cell - 1, y + cell - 1


def _second(colour: Colour) -> Colour:
    """A shade that can be told from `colour`: darker, or lighter where that is dark already."""
    dark = sum(colour) < 150
    return _mixed(colour, (255, 255, 255) if dark else (0, 0, 0), 0.22)


def _mixed(one: Colour, other: Colour, share: float) -> Colour:
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


def _shape(pen: ImageDraw.ImageDraw, shape: str, centre: Point, radius: float, side: int, ink: Colour) -> None:
    x, y, r = centre[0] * side, centre[1] * side, radius * side
    match shape:
        case "circle":
            pen.ellipse((x - r, y - r, x + r, y + r), fill=ink)
        case "ring":
            pen.ellipse((x - r, y - r, x + r, y + r), outline=ink, width=round(0.38 * r))
        case _:
            pen.polygon([(x + a * r, y + b * r) for a, b in outline(shape)], fill=ink)


@cache
def outline(shape: str) -> tuple[Point, ...]:
    """The corners of a shape around (0, 0) with the radius 1; y grows downwards."""
    match shape:
        case "square":
            return ((-0.86, -0.86), (0.86, -0.86), (0.86, 0.86), (-0.86, 0.86))
        case "triangle":
            return ((0, -0.98), (1, 0.8), (-1, 0.8))
        case "star":
            return tuple(_spoke(turn / 10, 1 if turn % 2 == 0 else 0.42) for turn in range(10))
        case "cross":
            return _plus(0.33)
        case _:
            return tuple(_heart(2 * pi * turn / HEART) for turn in range(HEART))


def _spoke(turn: float, length: float) -> Point:
    return length * sin(2 * pi * turn), -length * cos(2 * pi * turn)


def _plus(half: float) -> tuple[Point, ...]:
    corners: list[Point] = [(half, -1.0), (half, -half), (1.0, -half)]
    while len(corners) < 12:
        corners += [(-y, x) for x, y in corners[-3:]]
    return tuple(corners)


def _heart(angle: float) -> Point:
    """The curve x = 16 sin³ t, y = 13 cos t - 5 cos 2t - 2 cos 3t - cos 4t, brought to the radius 1."""
    across = 16 * sin(angle) ** 3
    up = 13 * cos(angle) - 5 * cos(2 * angle) - 2 * cos(3 * angle) - cos(4 * angle)
    return across / 16.5, -(up + 2.5) / 15
