"""Several pictures on one sheet, each with its caption: for notebooks, and wherever a row of widgets is not at hand.

contact_sheet([first, second], ["bag", "boot"], columns=2)
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from PIL import Image, ImageDraw

from vision_core.drawing import clean_text, font_for
from vision_core.errors import SettingsError

_GAP_PX, _TEXT_PX = 8, 14
_PAPER, _INK = "#FFFFFF", "#17212B"


def contact_sheet(
    pictures: Sequence[Image.Image], captions: Sequence[str] = (), columns: int = 4, tile_px: int = 200
) -> Image.Image:
    """The pictures, row by row, each within a square of `tile_px`; a caption too long for it is cut.

    Args:
        captions: one a picture, or none at all.

    Raises:
        SettingsError: no pictures, less than one column, or another number of captions than of pictures.
    """
    if not pictures or columns < 1:
        raise SettingsError(f"{len(pictures)} pictures in {columns} columns make no sheet: give at least one of each.")
    if captions and len(captions) != len(pictures):
        raise SettingsError(f"There are {len(captions)} captions for {len(pictures)} pictures: give one each, or none.")
    columns = min(columns, len(pictures))
    tall = tile_px + (_TEXT_PX + _GAP_PX if captions else 0)
    size = (columns * (tile_px + _GAP_PX) + _GAP_PX, math.ceil(len(pictures) / columns) * (tall + _GAP_PX) + _GAP_PX)
    sheet = Image.new("RGB", size, _PAPER)
    draw = ImageDraw.Draw(sheet)
    for number, picture in enumerate(pictures):
        left = _GAP_PX + number % columns * (tile_px + _GAP_PX)
        top = _GAP_PX + number // columns * (tall + _GAP_PX)
        small = picture.convert("RGB")
        small.thumbnail((tile_px, tile_px))
        sheet.paste(small, (left + (tile_px - small.width) // 2, top + (tile_px - small.height) // 2))
        if captions:
            _write(draw, (left, top + tile_px + _GAP_PX // 2), clean_text(captions[number]), tile_px)
    return sheet


def _write(draw: ImageDraw.ImageDraw, place: tuple[int, int], text: str, width_px: int) -> None:
    """One line, cut where it would leave its tile."""
    font = font_for(text, _TEXT_PX)
    shown = text
    while shown and draw.textlength(shown, font) > width_px:
        shown = shown.removesuffix("…")[:-1] + "…" if len(shown) > 1 else ""
    draw.text(place, shown, _INK, font)
