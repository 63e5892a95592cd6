"""The empty shop: a wall, bays of shelves and clothes rails, and the light that falls on all of it at the end."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from vision_core.data.shelf import palette
from vision_core.data.shelf.canvas import Canvas, column
from vision_core.data.shelf.clutter import draw_price
from vision_core.data.shelf.dice import Dice
from vision_core.data.shelf.grids import stretch
from vision_core.data.shelf.textures import piece, walls, wood

_POST_PX = 11
_EDGE_PX = 9  # front of a board
_TOP_PX = 8  # what is seen of a board's upper side
_ROD_BELOW_PX = 13  # from a cell's top down to its rail
_ROD_LIGHT = (0.8, 1.15, 1.45, 1.05, 0.75, 0.5)  # on a rail's rows, from its upper edge down
_RAIL_HEIGHT_PX = (136, 200)
_SHELF_HEIGHT_PX = (82, 118)
_BAY_WIDTH_PX = 156  # at least
_LIGHT_CELL_PX = 8
_BRIGHTEST = 1.2


@dataclass(frozen=True)
class Cell:
    """One compartment, its edges in pixels; things stand on `floor`, which lies in the middle of the board's top."""

    left: int
    right: int
    top: int
    floor: int
    rail: bool

    @property
    def rod(self) -> int:
        """Height of the rail's middle."""
        return self.top + _ROD_BELOW_PX


def build(canvas: Canvas, dice: Dice, theme: palette.Theme) -> list[Cell]:
    """Paints wall and furniture, and returns the compartments."""
    height, width = canvas.owner.shape
    _fill(canvas, (0, 0, width, height), theme.wall, piece(dice.pick(walls()), height, width, dice))
    cells = _plan(dice, height, width)
    back = dice.chance(0.3)
    for cell in cells:
        if back:
            size = cell.floor - cell.top, cell.right - cell.left
            boards = piece(wood(), size[1], size[0], dice).T
            _fill(canvas, (cell.left, cell.top, cell.right, cell.floor), theme.wood, boards * np.float32(0.8))
        _shade_inside(canvas, cell, glowing=dice.chance(0.35))
        _board(canvas, dice, cell, theme.wood)
        if cell.rail:
            _rod(canvas, cell, theme.metal)
    for x in sorted({x for cell in cells for x in (cell.left - _POST_PX, cell.right)}):
        _post(canvas, dice, x, theme.wood)
    return cells


def _plan(dice: Dice, height: int, width: int) -> list[Cell]:
    """Bays side by side, each with rows from top to bottom until it is full."""
    bays = dice.between(1, 3)
    inner = width - 2 * dice.between(6, 22)
    spare = inner - bays * _BAY_WIDTH_PX
    cuts = [0, *sorted(dice.between(0, spare) for _ in range(bays - 1)), spare]
    edges = [(width - inner) // 2 + bay * _BAY_WIDTH_PX + cut for bay, cut in enumerate(cuts)]
    edges[0] += _POST_PX
    return [cell for left, right in pairwise(edges) for cell in _rows(dice, left, right - _POST_PX, height)]


def _rows(dice: Dice, left: int, right: int, height: int) -> list[Cell]:
    """One bay's compartments; the last board lies near the lower edge of the picture."""
    cells, top = [], dice.between(-5, 10)
    while (room := height - _EDGE_PX - top) >= _SHELF_HEIGHT_PX[0]:
        rail = room >= _RAIL_HEIGHT_PX[0] and dice.chance(0.62)
        tall = min(dice.between(*(_RAIL_HEIGHT_PX if rail else _SHELF_HEIGHT_PX)), room)
        if room - tall < _SHELF_HEIGHT_PX[0]:
            tall = room
        cells.append(Cell(left, right, top, top + tall - _TOP_PX // 2, rail))
        top += tall + _EDGE_PX
    return cells


def _fill(canvas: Canvas, box: tuple[int, int, int, int], colour: palette.Colour, texture: np.ndarray) -> None:
    """Paints a part of the picture (left, top, right, bottom), which may reach beyond it."""
    left, top, right, bottom = box
    where = slice(max(top, 0), max(bottom, 0)), slice(max(left, 0), max(right, 0))
    height, width = canvas.owner[where].shape
    seen = texture[max(0, -top) :, max(0, -left) :][:height, :width]
    canvas.pixels[(slice(None), *where)] = column(colour) * seen


def _ramp(first: float, last: float, length: int) -> np.ndarray:
    return np.float32(first) + np.arange(length, dtype=np.float32) * np.float32((last - first) / (length - 1))


def _shade_inside(canvas: Canvas, cell: Cell, glowing: bool) -> None:
    """The shadow that a compartment's top and sides throw on its back, or the glow of a strip of lights up there."""
    top = max(cell.top, 0)
    y = np.arange(cell.floor - top, dtype=np.float32)[:, None]
    x = np.arange(cell.right - cell.left, dtype=np.float32)[None, :]
    sides = np.minimum(x, x[:, ::-1])
    dark = (1 - 0.26 / (1 + sides / 8)) * (1 - 0.12 / (1 + y[::-1] / 7))
    dark *= 1 + 0.16 / (1 + y / 21) if glowing else 1 - 0.42 / (1 + y / 12)
    canvas.shade((slice(top, cell.floor), slice(cell.left, cell.right)), dark)


def _board(canvas: Canvas, dice: Dice, cell: Cell, colour: palette.Colour) -> None:
    """A compartment's floor: its upper side, its front edge, a shadow below, and sometimes price labels."""
    width, back = cell.right - cell.left, cell.floor - _TOP_PX // 2
    grain = piece(wood(), _TOP_PX + _EDGE_PX, width, dice)
    ramp = _ramp(0.78, 1.0, _TOP_PX)[:, None]
    _fill(canvas, (cell.left, back, cell.right, back + _TOP_PX), colour, grain[:_TOP_PX] * ramp)
    front = np.full((_EDGE_PX, 1), 0.93, np.float32)
    front[0], front[1], front[-1] = 1.08, 1.02, 0.66
    edge = back + _TOP_PX
    _fill(canvas, (cell.left, edge, cell.right, edge + _EDGE_PX), colour, grain[_TOP_PX:] * front)
    left = cell.left + dice.between(10, 50)
    while dice.chance(0.6) and left + 32 < cell.right and edge + _EDGE_PX <= len(canvas.owner):
        canvas.paste(draw_price(dice), edge, left)
        left += dice.between(48, 104)


def _post(canvas: Canvas, dice: Dice, left: int, colour: palette.Colour) -> None:
    height = len(canvas.owner)
    across = _ramp(1.08, 0.8, _POST_PX)
    _fill(canvas, (left, 0, left + _POST_PX, height), colour, piece(wood(), _POST_PX, height, dice).T * across)


def _rod(canvas: Canvas, cell: Cell, colour: palette.Colour) -> None:
    """A metal tube across the compartment, and its shadow on the back."""
    across = slice(cell.left, cell.right)
    canvas.shade((slice(cell.rod + 5, cell.rod + 9), across), 0.86)
    rows = np.asarray(_ROD_LIGHT, np.float32)[:, None]
    top = cell.rod - len(_ROD_LIGHT) // 2
    canvas.pixels[:, top : top + len(_ROD_LIGHT), across] = column(colour) * rows


def light(canvas: Canvas, dice: Dice, dimness: float, tint: float) -> None:
    """Soft spots from above, darker corners and the colour of the lamps, over everything that was painted.

    Args:
        dimness: how dark the darkest scenes are, 0..1.
        tint: how far red and blue may drift apart, 0..1.
    """
    height, width = canvas.owner.shape
    rows, columns = height // _LIGHT_CELL_PX + 1, width // _LIGHT_CELL_PX + 1
    y = np.arange(rows, dtype=np.float32)[:, None] / rows
    x = np.arange(columns, dtype=np.float32)[None, :] / columns
    field = np.ones((rows, columns), np.float32)
    for _ in range(dice.between(1, 3)):
        down, across = y - dice.fraction(-0.2, 0.4), x - dice.fraction(0, 1)
        field += dice.fraction(0.3, 0.6) / (1 + (0.5 * down * down + across * across) / dice.fraction(0.08, 0.25))
    field *= 1 - 0.4 * ((y - 0.5) * (y - 0.5) + (x - 0.5) * (x - 0.5))
    field *= dice.fraction(1 - dimness, 1) * _BRIGHTEST / field.max()
    warmth, smooth = dice.fraction(-tint, tint), stretch(field, height, width)
    for channel, gain in enumerate((1 + warmth, 1 + 0.15 * dice.fraction(-tint, tint), 1 - warmth)):
        canvas.pixels[channel] *= smooth * np.float32(gain)
