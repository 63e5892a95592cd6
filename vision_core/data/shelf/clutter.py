"""What stands about in a shop and is no product: boxes, books, plants, vases, frames, piles, baskets and price tags.

Nothing here looks like one of the ten classes, and none of it gets a box.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from vision_core.data.shelf import palette
from vision_core.data.shelf.canvas import Sprite
from vision_core.data.shelf.dice import Dice
from vision_core.data.shelf.drawing import Sheet
from vision_core.data.shelf.textures import cloths


def draw_clutter(dice: Dice, room_px: int) -> Sprite:
    """Something to put down, at most about `room_px` high, whose lowest row is its foot."""
    height = min(room_px, dice.between(38, 86))
    return dice.pick(_THINGS)(dice, height)


def _box(dice: Dice, height: int) -> Sprite:
    height = max(26, height * 2 // 3)
    width = height * dice.between(100, 170) // 100
    sheet, colour = Sheet(height + 2, width + 8), dice.pick(palette.PAPERS)
    grain = cloths()[3][: height + 2, : width + 8]
    lid = height * dice.between(24, 34) // 100
    sheet.lay(sheet.block(5, lid - 2, width + 3, height + 2, 1.5), colour, grain * (1.02 - 0.2 * sheet.y / height))
    sheet.lay(sheet.block(5, lid, width + 3, lid + 5), colour, 0.62)
    sheet.lay(sheet.block(2, 1, width + 6, lid, 2), colour, grain * 1.1)
    label = width // 4
    middle, low = width // 2 + 4, (height + lid) // 2
    sheet.lay(sheet.block(middle - label, low - 7, middle + label, low + 8, 1), palette.WHITE, 0.97)
    for line in range(low - 4, low + 5, 4):
        sheet.lay(sheet.block(middle - label + 4, line, middle + label - dice.between(4, 12), line + 1.4), palette.INK)
    return sheet.sprite()


def _books(dice: Dice, height: int) -> Sprite:
    widths = [dice.between(8, 15) for _ in range(dice.between(3, 6))]
    sheet, left = Sheet(height + 1, sum(widths) + 2), 1.0
    for width in widths:
        top, colour = dice.between(1, height // 4), dice.pick(palette.PAPERS)
        round_back = sheet.roundness(left + width / 2, width / 2, 0.3)
        sheet.lay(sheet.block(left, top, left + width, height + 1, 1), colour, round_back)
        for band in (top + height // 8, height - height // 6):
            sheet.lay(sheet.block(left + 1.5, band, left + width - 1.5, band + 2), palette.WHITE, 0.85)
        left += width
    return sheet.sprite()


def _plant(dice: Dice, height: int) -> Sprite:
    height = height * 5 // 4
    width, middle = height, height / 2
    sheet, pot = Sheet(height, width), height * dice.between(30, 40) // 100
    greens, rim = dice.pick(palette.LEAVES), height - pot
    for number in range(dice.between(9, 15)):
        lean = dice.fraction(-1, 1)
        tip = (middle + lean * width * 0.44, rim - (1 - 0.6 * abs(lean)) * (rim - 6) * dice.fraction(0.6, 1))
        light = dice.fraction(0.75, 1.2) * (0.8 + 0.02 * number)
        shape = sheet.blade((middle + lean * pot * 0.3, rim + 5), tip, dice.between(8, 13) * height / 90)
        sheet.lay(shape, greens, light * (1.12 - 0.3 * sheet.y / height))
    colour = dice.pick((palette.TERRACOTTA, palette.WHITE, *palette.PAPERS))
    light = sheet.roundness(middle, pot * 0.5)
    sheet.lay(sheet.taper(rim, height, pot * 0.48, pot * 0.34, middle), colour, light * 0.92)
    sheet.lay(sheet.block(middle - pot * 0.54, rim - 1, middle + pot * 0.54, rim + pot * 0.22, 1.5), colour, light)
    return sheet.sprite()


def _vase(dice: Dice, height: int) -> Sprite:
    height = height * 6 // 5
    width = height // 2 + 12
    middle, sheet = width / 2, Sheet(height, width)
    body = height * dice.between(26, 34) / 100
    twig = dice.pick((*palette.LEAVES, (176, 150, 112), (206, 168, 150)))
    for _ in range(dice.between(3, 6)):
        tip_x, tip_y = middle + dice.fraction(-0.4, 0.4) * width, dice.fraction(2, height * 0.3)
        sheet.lay(sheet.blade((middle, height - 1.6 * body), (tip_x, tip_y), 2.4), twig, 0.8)
        for part in (0.5, 0.7, 0.9):
            x, y = middle + (tip_x - middle) * part, (height - 1.6 * body) * (1 - part) + tip_y * part
            sheet.lay(sheet.disc(x + dice.fraction(-3, 3), y, 3.6, 4.6), twig, dice.fraction(0.9, 1.2))
    colour, light = dice.pick((palette.WHITE, *palette.PAPERS)), sheet.roundness(middle, body * 0.8, 0.4)
    sheet.lay(
        sheet.block(middle - body * 0.24, height - 2.1 * body, middle + body * 0.24, height - body, 2), colour, light
    )
    sheet.lay(sheet.disc(middle, height - body * 0.78, body * 0.72, body * 0.8), colour, light)
    sheet.alpha[-1:] = np.minimum(sheet.alpha[-1:], sheet.alpha[-2:-1])
    return sheet.sprite()


def _frame(dice: Dice, height: int) -> Sprite:
    width = height * dice.between(66, 120) // 100
    sheet, colour = Sheet(height + 1, width + 2), dice.pick(palette.PAPERS)
    sheet.lay(sheet.block(1, 1, width + 1, height + 1, 1), colour, 0.85)
    sheet.lay(sheet.block(3, 3, width - 1, height - 1), colour, 1.1)
    sheet.lay(sheet.block(5, 5, width - 3, height - 3), palette.WHITE, 0.98)
    inset, sky, hill = max(9, height // 8), dice.pick(palette.DYES), dice.pick(palette.DYES)
    inner = sheet.block(inset, inset, width + 2 - inset, height + 1 - inset)
    sheet.lay(inner, sky, 1.25 - 0.5 * sheet.y / height)
    sheet.lay(inner * sheet.disc(width * dice.fraction(0.3, 0.7), height * 0.42, height / 9, height / 9), palette.WHITE)
    for number in range(2):
        ridge = sheet.disc(width * dice.fraction(0.1, 0.9), height * (0.95 + 0.08 * number), width * 0.6, height * 0.34)
        sheet.lay(inner * ridge, hill, 0.75 + 0.25 * number)
    return sheet.sprite()


def _pile(dice: Dice, height: int) -> Sprite:
    width, layers = dice.between(52, 76), dice.between(2, 4)
    thick = max(9, min(16, height // layers))
    sheet, knit = Sheet(layers * thick + 2, width + 8), cloths()[2]
    for number in range(layers):
        top, side = 1 + number * thick, dice.between(1, 6)
        shape = sheet.block(side, top, width + 8 - side, top + thick + 0.5, thick * 0.42)
        depth = np.clip((sheet.y - top) / thick, 0, 1)
        light = (1.12 - 0.42 * depth * depth) * knit[: sheet.alpha.shape[0], : sheet.alpha.shape[1]]
        colour = dice.pick(palette.DYES)
        sheet.lay(shape, colour, light)
        sheet.lay(
            sheet.block(side + 7, top + thick * 0.5, width - 4 - side, top + thick * 0.5 + 1.3, 0.6), colour, 0.66
        )
    return sheet.sprite()


def _basket(dice: Dice, height: int) -> Sprite:
    height = max(30, height * 3 // 4)
    half, sheet = height * dice.between(60, 85) / 100, Sheet(height, 2 * height)
    middle, colour = float(height), dice.pick(((188, 148, 98), (154, 112, 72), (206, 182, 146)))
    y, x = np.mgrid[0:height, 0 : 2 * height]
    weave = np.where((y // 5 + x // 8) % 2, 1.0, 0.84) * np.where(y % 5 == 0, 0.78, 1.0)
    light = sheet.roundness(middle, half, 0.3)
    sheet.lay(sheet.taper(3, height, half, half * 0.84, middle), colour, (weave * light).astype(np.float32))
    sheet.lay(sheet.block(middle - half - 2, 1, middle + half + 2, 8, 3), colour, light * 1.08)
    return sheet.sprite()


_THINGS: tuple[Callable[[Dice, int], Sprite], ...] = (_box, _box, _books, _plant, _plant, _vase, _frame, _pile, _basket)


def draw_tag(dice: Dice) -> Sprite:
    """A small paper tag on a string, to hang over a product."""
    width, height = dice.between(12, 16), dice.between(17, 22)
    sheet = Sheet(height + 15, width + 2)
    middle = width / 2 + 1
    sheet.lay(sheet.blade((middle - 3, 0), (middle, 17), 1.8), palette.INK)
    sheet.lay(sheet.block(1, 13, width + 1, height + 14, 2), dice.pick((palette.WHITE, *palette.PAPERS[:3])), 1.0)
    sheet.lay(sheet.disc(middle, 17.5, 1.8, 1.8), palette.INK)
    for line in range(23, height + 11, 4):
        sheet.lay(sheet.block(4, line, width - dice.between(2, 6), line + 1.4), palette.INK, 1.3)
    return sheet.sprite()


def draw_price(dice: Dice) -> Sprite:
    """A price label for a board's edge."""
    width = dice.between(22, 28)
    sheet = Sheet(8, width)
    sheet.lay(sheet.block(0, 0, width, 8, 1), palette.WHITE, 0.98)
    for left in range(4, width - 14, 3):
        sheet.lay(sheet.block(left, 2, left + dice.between(1, 2), 6), palette.INK, 1.2)
    sheet.lay(sheet.block(width - 11, 3, width - 4, 5), palette.INK, 1.8)
    return sheet.sprite()
