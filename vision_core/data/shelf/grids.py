"""Enlarging and sampling small grids of numbers so that every machine gets the same bits.

Everything here and in the rooms that paint keeps to one rule: one elementwise `+ - * /`, square root, comparison or
rounding at a time. IEEE 754 leaves no choice in those, whatever the processor. Sums over an axis, matrix products of
fractions, `sin`, `exp` or `**` may differ in the last bit from one library to the next, and a bit can flip a pixel.
"""

from __future__ import annotations

from functools import cache

import numpy as np


def stretch(grid: np.ndarray, height: int, width: int) -> np.ndarray:
    """A coarse grid `(h, w)`, h, w >= 2, as a smooth field `(height, width)` float32; corners lie on corners."""
    for axis, length in enumerate((height, width)):
        low, part = _between(grid.shape[axis], length)
        first, second = (np.take(grid, low + step, axis=axis).astype(np.float32) for step in (0, 1))
        grid = first + (second - first) * _along(axis, part)
    return grid


@cache
def _between(cells: int, length: int) -> tuple[np.ndarray, np.ndarray]:
    """For each of `length` places the grid line before it, and how far it is on its way to the next (eased, 0..1)."""
    place = np.arange(length, dtype=np.float64) * (cells - 1) / max(length - 1, 1)
    low = np.minimum(place.astype(np.int64), cells - 2)
    part = place - low
    return low, (part * part * (3 - 2 * part)).astype(np.float32)


def enlarge(planes: np.ndarray, factor: int) -> np.ndarray:
    """`(C, h, w)` float32 to `(C, factor * h, factor * w)` by Catmull-Rom cubic interpolation; borders repeated."""
    for axis in (0, 1):
        taps, weights = _cubic(planes.shape[axis + 1], factor)
        total = 0
        for tap, weight in zip(taps, weights, strict=True):
            total = np.take(planes, tap, axis=axis + 1, mode="clip") * _along(axis, weight) + total
        planes = np.asarray(total)
    return planes


@cache
def _cubic(cells: int, factor: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Four neighbours of each new place and their weights (Keys 1981, a = -1/2)."""
    place = (np.arange(cells * factor, dtype=np.float64) + 0.5) / factor - 0.5
    low = np.floor(place).astype(np.int64)
    t = place - low
    weights = [
        ((2 - t) * t - 1) * t / 2,
        ((3 * t - 5) * t * t + 2) / 2,
        ((4 - 3 * t) * t + 1) * t / 2,
        (t - 1) * t * t / 2,
    ]
    taps = [np.clip(low + step, 0, cells - 1) for step in (-1, 0, 1, 2)]
    return taps, [weight.astype(np.float32) for weight in weights]


def _along(axis: int, values: np.ndarray) -> np.ndarray:
    """`(n,)` as a column for axis 0, as a row for axis 1."""
    return values[:, None] if axis == 0 else values


def sample(planes: np.ndarray, y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Values of `(C, h, w)` at places `(H, W)` between its cells, bilinear; outside, the border's: `(C, H, W)`."""
    channels, height, width = planes.shape
    y, x = np.clip(y, 0, height - 1.001), np.clip(x, 0, width - 1.001)
    row, column = y.astype(np.int32), x.astype(np.int32)
    down, right = y - row.astype(np.float32), x - column.astype(np.float32)
    cells, at = planes.reshape(channels, -1), row * width + column
    corners = [np.take(cells, at + step, axis=1, mode="clip") for step in (0, 1, width, width + 1)]
    above, below = (first + (second - first) * right for first, second in (corners[:2], corners[2:]))
    return above + (below - above) * down
