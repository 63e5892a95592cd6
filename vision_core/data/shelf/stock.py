"""Puts products and clutter into compartments: what hangs, what stands, and what may not be hidden."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vision_core.data.shelf import palette
from vision_core.data.shelf.canvas import Canvas, Sprite
from vision_core.data.shelf.clutter import draw_clutter, draw_tag
from vision_core.data.shelf.dice import Dice
from vision_core.data.shelf.difficulty import Difficulty
from vision_core.data.shelf.furniture import Cell
from vision_core.data.shelf.photos import CLASS_NAMES
from vision_core.data.shelf.products import HOOK_PX, Look, draw_hung, draw_product
from vision_core.data.shelf.textures import cloths

_HUNG = tuple(CLASS_NAMES.index(name) for name in ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Shirt"))
_STOOD = tuple(CLASS_NAMES.index(name) for name in ("Sandal", "Sneaker", "Bag", "Ankle boot"))
_SIDE_PX = 3  # kept free at both sides of a compartment
_NARROWEST_PX = 28  # nothing fits into less
_LARGEST_HUNG_PX, _LARGEST_STOOD_PX = 150, 108  # beyond, a product shows how few pixels its photo has
_CONTACT_PX = 4  # half the height of the shadow right below what stands
_SHADOW = 0.42


@dataclass(frozen=True)
class _Thing:
    """Something to place: `top` is that of its sprite, `photo` is None for clutter."""

    sprite: Sprite
    top: int
    photo: int | None = None
    stands: bool = True

    @property
    def width(self) -> int:
        """Of its solid pixels."""
        left, _, right, _ = self.sprite.extent
        return right - left


class Stock:
    """Fills compartments of one scene.

    Args:
        photos: for each class the photos that may be used.

    Attributes:
        photos_placed: which photo became which of the canvas's products.
    """

    def __init__(
        self, canvas: Canvas, dice: Dice, how: Difficulty, theme: palette.Theme, photos: tuple[tuple[int, ...], ...]
    ) -> None:
        self._canvas, self._dice, self._how, self._theme, self._photos = canvas, dice, how, theme, photos
        wall = palette.brightness(theme.wall)
        self._dyes = [dye for dye in palette.DYES if abs(palette.brightness(dye) - wall) >= how.contrast]
        self.photos_placed: list[int] = []

    def fill(self, cell: Cell) -> None:
        """Puts things side by side, and paints them in random order so that either neighbour may be in front."""
        room = cell.right - cell.left - 2 * _SIDE_PX
        row, end = self._row(cell, room)
        first = cell.left + _SIDE_PX + self._dice.between(0, room - end)
        for thing, left in self._dice.shuffled(row):
            placed = self._place(thing, first + left)
            if placed and cell.rail and self._dice.chance(self._how.tags):
                self._hang_tag(thing, first + left)
        if cell.rail and self._dice.chance(self._how.clutter):
            self._put_in_front(cell)

    def _row(self, cell: Cell, room_px: int) -> tuple[list[tuple[_Thing, int]], int]:
        """Things with their left edges, counted from 0, and where the last one ends."""
        row: list[tuple[_Thing, int]] = []
        left, end = 0, 0
        while left < room_px - _NARROWEST_PX:
            thing = self._hung(cell) if cell.rail else self._stood(cell)
            if left + thing.width > room_px:
                break
            row.append((thing, left))
            end = max(end, left + thing.width)
            left += 2 + int(thing.width * (1 + self._dice.fraction(*self._how.gap)))
        return row, end

    def _look(self, room_px: int) -> Look:
        dice, tilt = self._dice, self._how.tilt
        return Look(
            size_px=int(room_px * dice.fraction(*self._how.size)),
            tilt=dice.fraction(-tilt, tilt),
            mirrored=dice.chance(0.5),
            dye=dice.pick(self._dyes),
            cloth=dice.below(len(cloths())),
        )

    def _photo(self, classes: tuple[int, ...]) -> int:
        return self._dice.pick(self._photos[self._dice.pick(classes)])

    def _hung(self, cell: Cell) -> _Thing:
        photo, look = self._photo(_HUNG), self._look(min(cell.floor - cell.rod - HOOK_PX - 8, _LARGEST_HUNG_PX))
        sprite = draw_hung(photo, look, self._theme.wood, self._theme.metal)
        return _Thing(sprite, cell.rod - 3 - sprite.extent[1], photo, stands=False)

    def _stood(self, cell: Cell) -> _Thing:
        room = min(cell.floor - max(cell.top, 0) - 6, _LARGEST_STOOD_PX)
        if self._dice.chance(self._how.clutter):
            photo, sprite = None, draw_clutter(self._dice, room * 4 // 5)
        else:
            photo = self._photo(_STOOD)
            sprite = draw_product(photo, self._look(room))
        return _Thing(sprite, cell.floor + self._dice.between(-2, 3) - sprite.extent[3], photo)

    def _put_in_front(self, cell: Cell) -> None:
        """Clutter on the floor below a rail, where it hides the lower ends of what hangs there."""
        sprite = draw_clutter(self._dice, 62)
        thing = _Thing(sprite, cell.floor + 3 - sprite.extent[3])
        self._place(thing, self._dice.between(cell.left + 2, max(cell.left + 2, cell.right - 2 - thing.width)))

    def _hang_tag(self, thing: _Thing, left: int) -> None:
        """A paper tag over the upper half of a product."""
        _, top, _, bottom = thing.sprite.extent
        down = self._dice.between(0, (bottom - top) // 2)
        tag = _Thing(draw_tag(self._dice), thing.top + top + down, stands=False)
        self._place(tag, left + self._dice.between(0, max(0, thing.width - tag.width)))

    def _place(self, thing: _Thing, left: int) -> bool:
        """Paints the thing and its shadows with its solid part starting at `left`, and says so.

        What would hide too much of a product is left out.
        """
        canvas, sprite = self._canvas, thing.sprite
        left -= sprite.extent[0]
        if canvas.hides_too_much(sprite, thing.top, left, self._how.most_hidden):
            return False
        canvas.darken(sprite.soft, thing.top + (1 if thing.stands else 5), left + 3, _SHADOW)
        if thing.stands:
            self._touch_ground(thing, left)
        canvas.paste(sprite, thing.top, left)
        if thing.photo is not None:
            self.photos_placed.append(thing.photo)
        return True

    def _touch_ground(self, thing: _Thing, left: int) -> None:
        """The dark, flat shadow right below what stands."""
        start, _, end, foot = thing.sprite.extent
        half = (end - start) / 2 + 4
        x = (np.arange(-int(half), int(half), dtype=np.float32) + np.float32(0.5)) / half
        y = (np.arange(-_CONTACT_PX, _CONTACT_PX, dtype=np.float32) + np.float32(0.5)) / _CONTACT_PX
        depth = np.maximum(1 - x * x - (y * y)[:, None], 0)
        self._canvas.darken(depth, thing.top + foot - _CONTACT_PX, left + (start + end) // 2 - int(half), 0.6)
