"""Several pictures on one sheet."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from vision_core.contact_sheet import contact_sheet
from vision_core.errors import SettingsError

RED, BLUE = (255, 0, 0), (0, 0, 255)


def test_pictures_stand_row_by_row_in_their_own_shape() -> None:
    sheet = contact_sheet([Image.new("RGB", (400, 200), RED), Image.new("L", (50, 100), 0)] * 2, columns=2, tile_px=100)
    assert sheet.size == (2 * 108 + 8, 2 * 108 + 8)
    pixels = np.asarray(sheet)
    assert tuple(pixels[58, 58]) == RED
    assert tuple(pixels[12, 58]) == (255, 255, 255), "a wide picture leaves paper above"
    assert tuple(pixels[58, 166]) == (0, 0, 0)
    assert tuple(pixels[166, 58]) == RED


@pytest.mark.parametrize("caption", ["bag", "m" * 500, "\u202ebag\n<b>", ""])
def test_captions_stay_below_their_pictures(caption: str) -> None:
    sheet = np.asarray(contact_sheet([Image.new("RGB", (90, 90), BLUE)] * 2, [caption, ""], tile_px=90))
    inked = np.asarray(np.all(sheet[98:] < 128, axis=2))
    assert inked[:, :98].any() == bool(caption)
    assert not inked[:, 106:].any(), "the neighbour's place is its own"


def test_what_makes_no_sheet_is_refused() -> None:
    one = Image.new("RGB", (9, 9))
    for pictures, captions, columns in (([], (), 4), ([one], (), 0), ([one], ("a", "b"), 1)):
        with pytest.raises(SettingsError):
            contact_sheet(pictures, captions, columns)
