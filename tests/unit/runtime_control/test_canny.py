"""Edges, against the definition written out pixel by pixel."""

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("diffusers")

from paramc.runtime.control.canny import edges

pytestmark = pytest.mark.sdk

ACROSS = ((-1, 0, 1), (-2, 0, 2), (-1, 0, 1))


def expected(picture: np.ndarray, low: float, high: float) -> np.ndarray:
    """Canny's method as its users know it: Sobel, thinning along the gradient, two thresholds."""
    height, width, channels = picture.shape
    whole = picture.astype(int)

    def gradient(row: int, column: int) -> tuple[int, int]:
        found = []
        for channel in range(channels):
            sums = [0, 0]
            for i in range(3):
                for j in range(3):
                    y = min(max(row + i - 1, 0), height - 1)
                    x = min(max(column + j - 1, 0), width - 1)
                    sums[0] += ACROSS[i][j] * whole[y, x, channel]
                    sums[1] += ACROSS[j][i] * whole[y, x, channel]
            found.append((sums[0], sums[1]))
        return max(found, key=lambda pair: abs(pair[0]) + abs(pair[1]))

    gradients = [[gradient(row, column) for column in range(width)] for row in range(height)]

    def size(row: int, column: int) -> int:
        if not (0 <= row < height and 0 <= column < width):
            return 0
        return abs(gradients[row][column][0]) + abs(gradients[row][column][1])

    def is_ridge(row: int, column: int) -> bool:
        dx, dy = gradients[row][column]
        here = size(row, column)
        steepness = abs(dy) / abs(dx) if dx else np.inf
        if steepness < np.tan(np.pi / 8):
            return here > size(row, column - 1) and here >= size(row, column + 1)
        if steepness > np.tan(3 * np.pi / 8):
            return here > size(row - 1, column) and here >= size(row + 1, column)
        side = -1 if (dx < 0) != (dy < 0) else 1
        return here > size(row - 1, column - side) and here > size(row + 1, column + side)

    thin = {
        (row, column)
        for row in range(height)
        for column in range(width)
        if size(row, column) > low and is_ridge(row, column)
    }
    kept: set[tuple[int, int]] = set()
    new = {place for place in thin if size(*place) > high}
    while new:
        kept |= new
        new = {
            (row + i, column + j) for row, column in new for i in (-1, 0, 1) for j in (-1, 0, 1)
        } & thin - kept  # fmt: skip
    result = np.zeros((height, width), np.uint8)
    for place in kept:
        result[place] = 255
    return result


def smooth(seed: int) -> np.ndarray:
    """Soft blobs in three colours."""
    rows, columns = np.mgrid[0:24, 0:31]
    stream = np.random.default_rng(seed)
    layers = [np.zeros(rows.shape)] * 3
    for _ in range(4):
        y, x, radius = stream.uniform(0, 24), stream.uniform(0, 31), stream.uniform(3, 9)
        blob = 1 / (1 + np.exp(np.hypot(rows - y, columns - x) - radius))
        layers = [layer + blob * stream.uniform(0, 160) for layer in layers]
    return np.stack(layers, axis=2).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("low", "high"), [(100, 200), (20.5, 60), (300, 20)])
def test_edges_are_those_of_the_definition(seed: int, low: float, high: float) -> None:
    picture = smooth(seed)
    found = edges(picture, low, high)
    assert (found == expected(picture, *sorted((low, high)))).all()
    assert found.any()


def test_edges_of_noise_are_those_of_the_definition() -> None:
    picture = np.random.default_rng(1).integers(0, 256, (20, 17, 3), dtype=np.uint8)
    assert (edges(picture, 100, 400) == expected(picture, 100, 400)).all()


def test_a_plain_picture_has_no_edges() -> None:
    assert not edges(np.full((9, 9, 3), 77, np.uint8), 1, 2).any()


def test_a_weak_line_is_kept_where_it_touches_a_strong_one() -> None:
    picture = np.zeros((12, 12, 3), np.uint8)
    picture[:, 6:] = 20
    picture[:4, 6:] = 200
    alone = np.zeros((12, 12, 3), np.uint8)
    alone[:, 6:] = 20
    assert edges(picture, 30, 400)[11].any()
    assert not edges(alone, 30, 400).any()
