"""One scene of Fashion Shelf: pixels, and everything that is known about them.

picture = scene(seed=0, number=17, difficulty="hard")
picture.pixels, picture.boxes_xyxy, [CLASS_NAMES[i] for i in picture.class_ids]
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vision_core.data.shelf import furniture, palette
from vision_core.data.shelf.canvas import Canvas
from vision_core.data.shelf.dice import Dice
from vision_core.data.shelf.difficulty import DIFFICULTIES, difficulty_called
from vision_core.data.shelf.photos import CLASS_NAMES, photo_classes, photos_of, split_of
from vision_core.data.shelf.stock import Stock
from vision_core.errors import DataError

GENERATOR = 1
"""Raise it when scenes change, so that nobody takes new ones for the old."""

HEIGHT_PX, WIDTH_PX = 384, 512
_EMPTY_SCENES = 0.03


@dataclass(frozen=True, eq=False)
class Scene:
    """A painted scene.

    Attributes:
        pixels: `(384, 512, 3)` uint8 RGB.
        split: "train", "val" or "test".
        boxes_xyxy: `(N, 4)` int32, edges in pixels, tight around what is seen of each product.
        class_ids: `(N,)` int32, indices into `CLASS_NAMES`.
        photos: `(N,)` int32, number of the Fashion-MNIST photo behind each box.
        visible_px: `(N,)` int32, how many pixels of each product are seen.
        hidden: `(N,)` float32, the part of each product that something in front of it hides, 0..1.
        owner: `(384, 512)` int16: which box's product each pixel shows; -1: clutter, -2: furniture or wall.
    """

    pixels: np.ndarray
    split: str
    boxes_xyxy: np.ndarray
    class_ids: np.ndarray
    photos: np.ndarray
    visible_px: np.ndarray
    hidden: np.ndarray
    owner: np.ndarray

    @property
    def labels(self) -> tuple[int, ...]:
        """The classes that are in the picture, ascending."""
        return tuple(np.unique(self.class_ids).tolist())

    @property
    def counts(self) -> np.ndarray:
        """`(10,)` int64: how many products of each class are in the picture."""
        return np.bincount(self.class_ids, minlength=len(CLASS_NAMES))


def scene(seed: int, number: int, difficulty: str = "medium") -> Scene:
    """Paints scene `number` of the endless series that belongs to `seed` and `difficulty`.

    The number alone decides the split (`split_of`), and the split which photos may be used.

    Raises:
        DataError: no such difficulty, or a number below 0.
    """
    how = difficulty_called(difficulty)
    if seed < 0 or number < 0:
        raise DataError(f"Scene {number} of seed {seed} cannot be painted: use whole numbers from 0.")
    dice = Dice(GENERATOR, list(DIFFICULTIES).index(difficulty), seed, number)
    canvas, theme, split = Canvas(HEIGHT_PX, WIDTH_PX), dice.pick(palette.THEMES), split_of(number)
    cells = furniture.build(canvas, dice, theme)
    stock = Stock(canvas, dice, how, theme, photos_of(split))
    if not dice.chance(_EMPTY_SCENES):
        for cell in cells:
            if not dice.chance(how.empty):
                stock.fill(cell)
    furniture.light(canvas, dice, how.dimness, how.tint)
    return _finished(canvas, np.asarray(stock.photos_placed, np.int32), split)


def _finished(canvas: Canvas, photos: np.ndarray, split: str) -> Scene:
    visible = np.asarray(canvas.visible, np.int32)
    return Scene(
        pixels=canvas.finished(),
        split=split,
        boxes_xyxy=canvas.boxes().astype(np.int32),
        class_ids=photo_classes()[photos].astype(np.int32),
        photos=photos,
        visible_px=visible,
        hidden=(1 - visible / np.asarray(canvas.whole, np.float64)).astype(np.float32),
        owner=canvas.owner,
    )
