"""Wood, walls and cloth: factors around 1 that a plain colour is multiplied with, made once and cut to size.

Repeatable because the dice that make them have a seed of their own (see `grids` for the arithmetic).
"""

from __future__ import annotations

from functools import cache

import numpy as np

from vision_core.data.shelf.dice import Dice
from vision_core.data.shelf.grids import stretch

_HEIGHT, _WIDTH = 640, 960  # larger than a scene, so that no two scenes show the same piece
_SEED = 20170825  # any number; changing it changes every scene
_PLANK_PX = 80


def noise(dice: Dice, cells: tuple[int, int], height: int, width: int) -> np.ndarray:
    """A smooth random field `(height, width)` float32, -1..1, with so many cells down and across."""
    return stretch(dice.bytes(cells[0] + 1, cells[1] + 1).astype(np.float32) / 127.5 - 1, height, width)


@cache
def wood() -> np.ndarray:
    """`(640, 960)` float32 around 1: planks whose grain runs across."""
    dice = Dice(_SEED, 1)
    fine = noise(dice, (300, 14), _HEIGHT, _WIDTH)
    wide = noise(dice, (40, 5), _HEIGHT, _WIDTH)
    rings = noise(dice, (14, 4), _HEIGHT, _WIDTH) * 5
    wave = abs(rings - np.floor(rings) - 0.5) * 2
    planks = 1 + 0.05 * fine + 0.05 * wide - 0.11 * wave * wave
    for top in range(0, _HEIGHT, _PLANK_PX):
        plank = planks[top : top + _PLANK_PX]
        plank += dice.fraction(-0.05, 0.08)
        plank[0] *= 0.78
        plank[1] *= 1.05
    return planks


def _plaster() -> np.ndarray:
    dice = Dice(_SEED, 2)
    field = 1 + 0.03 * noise(dice, (9, 13), _HEIGHT, _WIDTH) + 0.02 * noise(dice, (64, 96), _HEIGHT, _WIDTH)
    return field + 0.014 * noise(dice, (200, 60), _HEIGHT, _WIDTH)


def _seams(length: int, pitch: int) -> np.ndarray:
    """Factors along one axis: a dark seam and a light edge every `pitch` pixels."""
    place = np.arange(length) % pitch
    return np.where(place == 0, 0.84, np.where(place == 1, 1.045, 1.0)).astype(np.float32)


def _cladding() -> np.ndarray:
    return _plaster() * _seams(_WIDTH, 46)


def _bricks() -> np.ndarray:
    wall = _plaster()
    dice = Dice(_SEED, 3)
    for course, top in enumerate(range(0, _HEIGHT, 26)):
        wall[top : top + 26] *= np.roll(_seams(_WIDTH, 64), 32 * (course % 2))
        for left in range(32 * (course % 2), _WIDTH, 64):
            wall[top + 2 : top + 26, left + 2 : left + 64] *= dice.fraction(0.96, 1.04)
    return wall * _seams(_HEIGHT, 26)[:, None]


def _stripes() -> np.ndarray:
    return _plaster() * np.where(np.arange(_WIDTH) // 24 % 2, 1.03, 0.96).astype(np.float32)


@cache
def walls() -> tuple[np.ndarray, ...]:
    """Plaster, cladding, bricks, wallpaper and planks: each `(640, 960)` float32 around 1."""
    return _plaster(), _cladding(), _bricks(), _stripes(), wood()


def piece(texture: np.ndarray, height: int, width: int, dice: Dice) -> np.ndarray:
    """A random cut of a texture, sometimes mirrored: a view `(height, width)`."""
    top, left = dice.below(texture.shape[0] - height + 1), dice.below(texture.shape[1] - width + 1)
    cut = texture[top : top + height, left : left + width]
    return cut[:, ::-1] if dice.chance(0.5) else cut


@cache
def cloths() -> tuple[np.ndarray, ...]:
    """Five weaves `(320, 320)` float32 around 1: smooth, twill, knit, canvas, leather."""
    y, x = np.mgrid[0:320, 0:320]
    grain = noise(Dice(_SEED, 4), (160, 160), 320, 320)
    weaves = (x * 0, (x + 2 * y) % 4 - 1.5, (y + abs(x % 6 - 3)) % 4 - 1.5, (x // 2 + y // 2) % 2 * 2 - 1)
    plain, *woven = [(1 + 0.035 * weave + 0.02 * grain).astype(np.float32) for weave in weaves]
    return plain, *woven, (1 + 0.06 * grain).astype(np.float32)
