"""The picture while it is painted: pixels, and which product owns each of them.

The second is what makes boxes exact: whatever is painted later takes pixels away from what was there, so in the end a
product's box is drawn around the pixels it still owns.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

FURNITURE, CLUTTER = -2, -1  # owners of pixels that show no product
_PRODUCTS = 2  # what is added to an owner to count from 0
Slices = tuple[slice, slice]


@dataclass(frozen=True)
class Sprite:
    """Something that is pasted into a scene.

    Attributes:
        rgb: `(3, h, w)` float32, 0..255.
        alpha: `(h, w)` float32, 0..1; a pixel belongs to the thing from one half on.
        soft: `(h, w)` float32, 0..1: the shape of its shadow.
        product: `(h, w)` bool: which of its pixels show a product; none of them for clutter.
    """

    rgb: np.ndarray
    alpha: np.ndarray
    soft: np.ndarray
    product: np.ndarray

    @cached_property
    def solid(self) -> np.ndarray:
        """`(h, w)` bool: the pixels that belong to the thing."""
        return self.alpha >= 0.5

    @cached_property
    def extent(self) -> tuple[int, int, int, int]:
        """Left, top, right and bottom edge of the solid pixels."""
        return extent(self.solid)


def extent(mask: np.ndarray) -> tuple[int, int, int, int]:
    """Left, top, right and bottom edge of what is true in a mask, right and bottom excluded; it must not be empty."""
    columns, rows = np.flatnonzero(mask.any(axis=0)), np.flatnonzero(mask.any(axis=1))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def column(colour: tuple[int, ...]) -> np.ndarray:
    """A colour as `(3, 1, 1)` float32, to be combined with planes."""
    return np.asarray(colour, np.float32).reshape(3, 1, 1)


class Canvas:
    """A picture of `height` x `width` pixels.

    Attributes:
        pixels: `(3, height, width)` float32, RGB 0..255: planes, because NumPy is quick along long rows.
        owner: `(height, width)` int16: number of the product each pixel shows, or `FURNITURE` or `CLUTTER`.
        whole: number of pixels each product had when it was placed; `visible`: that it still shows.
    """

    def __init__(self, height: int, width: int) -> None:
        self.pixels = np.zeros((3, height, width), np.float32)
        self.owner = np.full((height, width), FURNITURE, np.int16)
        self.whole: list[int] = []
        self.visible: list[int] = []

    def paint(self, where: Slices, colour: np.ndarray, coverage: np.ndarray | float) -> None:
        """Lays a colour `(3, 1, 1)`, or many `(3, h, w)`, over a part of the picture where `coverage` (0..1) is."""
        part = self.pixels[(slice(None), *where)]
        part += (colour - part) * coverage

    def shade(self, where: Slices, factor: np.ndarray | float) -> None:
        """Makes a part darker or lighter."""
        self.pixels[(slice(None), *where)] *= factor

    def hides_too_much(self, sprite: Sprite, top: int, left: int, most_hidden: float) -> bool:
        """Whether some product would lose more than that part (0..1) of its pixels, all in all, to the sprite."""
        where, mine = self._window(sprite.alpha, top, left)
        lost = self._owners(where, sprite.solid[mine])
        return any(
            gone and seen - gone < (1 - most_hidden) * whole
            for gone, seen, whole in zip(lost, self.visible, self.whole, strict=True)
        )

    def paste(self, sprite: Sprite, top: int, left: int) -> None:
        """Paints the sprite; its pixels then belong to a new product, or are clutter where they show none."""
        where, mine = self._window(sprite.alpha, top, left)
        self.paint(where, sprite.rgb[(slice(None), *mine)], sprite.alpha[mine])
        solid, shown = sprite.solid[mine], sprite.product[mine]
        lost = self._owners(where, solid)
        self.visible = [seen - gone for seen, gone in zip(self.visible, lost, strict=True)]
        self.owner[where][solid] = CLUTTER
        if shown.any():
            self.owner[where][shown] = len(self.whole)
            self.whole.append(int(np.count_nonzero(shown)))
            self.visible.append(self.whole[-1])

    def _owners(self, where: Slices, mask: np.ndarray) -> list[int]:
        """How many pixels of each product lie under a mask."""
        numbers = self.owner[where][mask] + _PRODUCTS
        return np.bincount(numbers, minlength=len(self.whole) + _PRODUCTS)[_PRODUCTS:].tolist()

    def darken(self, shape: np.ndarray, top: int, left: int, strength: float) -> None:
        """Takes that part (0..1) of the light away where `shape` `(h, w)` is 1, less where it is less."""
        where, mine = self._window(shape, top, left)
        self.shade(where, 1 - strength * shape[mine])

    def _window(self, grid: np.ndarray, top: int, left: int) -> tuple[Slices, Slices]:
        """The part of the picture under a grid placed there, and the part of the grid inside the picture."""
        height, width = self.owner.shape
        bottom, right = min(top + grid.shape[0], height), min(left + grid.shape[1], width)
        first_y, first_x = max(top, 0), max(left, 0)
        where = slice(first_y, bottom), slice(first_x, right)
        return where, (slice(first_y - top, bottom - top), slice(first_x - left, right - left))

    def boxes(self) -> np.ndarray:
        """`(N, 4)` int64: the tight box around the pixels that each product still owns."""
        return np.asarray([extent(self.owner == i) for i in range(len(self.whole))], np.int64).reshape(-1, 4)

    def finished(self) -> np.ndarray:
        """`(height, width, 3)` uint8 RGB."""
        rounded = np.clip(self.pixels + np.float32(0.5), 0, 255).astype(np.uint8)
        return np.ascontiguousarray(rounded.transpose(1, 2, 0))
