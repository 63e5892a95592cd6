"""One product photo as something to hang up or put down: sized, turned, mirrored, dyed and woven."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

import numpy as np

from vision_core.data.shelf import palette
from vision_core.data.shelf.canvas import Sprite, column
from vision_core.data.shelf.drawing import Sheet
from vision_core.data.shelf.grids import sample
from vision_core.data.shelf.photos import ENLARGED, OUTLINE, SIDE_PX, cut_out
from vision_core.data.shelf.textures import cloths

HOOK_PX = 11
_DARKEST, _LIGHTEST = 0.5, 1.14  # what a dye is multiplied with where the photo is black and white
_RELIEF = 0.34  # how much a product's rim catches the light from above on its left


@dataclass(frozen=True)
class Look:
    """How a photo is shown.

    Attributes:
        size_px: edge of the whole photo in the scene; the product fills at least one direction of it.
        tilt: tangent of half the angle, positive clockwise.
        dye: the colour of mid grey, RGB.
        cloth: which of `textures.cloths()`.
    """

    size_px: int
    tilt: float
    mirrored: bool
    dye: palette.Colour
    cloth: int


def draw_product(photo: int, look: Look, headroom_px: int = 0) -> Sprite:
    """The photo as a sprite, with some empty space around and so much more above."""
    planes = cut_out(photo)
    shade, covered, soft = sample(planes, *_places(look, planes.shape[1:], headroom_px))
    alpha = np.clip((covered - OUTLINE) * (look.size_px / SIDE_PX) + 0.5, 0, 1)
    light = _DARKEST + (_LIGHTEST - _DARKEST) * shade
    light[2:-2, 2:-2] *= 1 + _RELIEF * (soft[4:, 4:] - soft[:-4, :-4])
    light *= cloths()[look.cloth][: light.shape[0], : light.shape[1]]
    return Sprite(np.minimum(light * column(look.dye), 255), alpha, soft, alpha >= 0.5)


def _places(look: Look, shape: tuple[int, ...], headroom_px: int) -> tuple[np.ndarray, np.ndarray]:
    """For each pixel of the sprite its place in a cut-out of that height and width, y and x.

    Sine and cosine come from the tangent of half the angle by division alone, so that no library's rounding shows.
    """
    square = look.tilt * look.tilt
    cosine, sine = (1 - square) / (1 + square), 2 * look.tilt / (1 + square)
    scale = SIDE_PX * ENLARGED / look.size_px
    height, width = shape
    half_y = ceil((height * cosine + width * abs(sine)) / (2 * scale))
    half_x = ceil((width * cosine + height * abs(sine)) / (2 * scale))
    down = ((np.arange(-half_y - headroom_px, half_y) + 0.5) * scale)[:, None]
    right = ((np.arange(-half_x, half_x) + 0.5) * scale)[None, :]
    y = down * cosine - right * sine + (height - 1) / 2
    x = (right * cosine + down * sine) * (-1 if look.mirrored else 1) + (width - 1) / 2
    return y.astype(np.float32), x.astype(np.float32)


def draw_hung(photo: int, look: Look, wood: palette.Colour, metal: palette.Colour) -> Sprite:
    """The photo on a clothes hanger whose hook ends `HOOK_PX` above it, over its middle."""
    sprite = draw_product(photo, look, HOOK_PX)
    left, neck, right, _ = sprite.extent
    middle, arm, crook = (left + right) / 2, (right - left) * 0.36, neck - HOOK_PX + 2
    sheet = Sheet(neck + 10, sprite.alpha.shape[1])
    arms = (sheet.blade((middle - side * 0.1, neck - 2), (middle + side, neck + 5), 4) for side in (-arm, arm))
    sheet.lay(np.maximum(*arms), wood, 0.9)
    ring = sheet.disc(middle + 1.6, crook, 2.9, 2.9) - sheet.disc(middle + 1.6, crook, 1.5, 1.5)
    sheet.lay(np.maximum(ring, sheet.block(middle - 0.8, crook, middle + 0.8, neck + 1)), metal)
    seam = len(sheet.alpha)  # the hanger lies above it, and the garment over the hanger
    sheet.lay(sprite.alpha[:seam], sprite.rgb[:, :seam])
    rgb = np.concatenate([sheet.rgb, sprite.rgb[:, seam:]], axis=1)
    return Sprite(rgb, np.concatenate([sheet.alpha, sprite.alpha[seam:]]), sprite.soft, sprite.product)
