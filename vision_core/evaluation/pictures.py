"""Pictures of an evaluation with what is true and what was said drawn on, told apart by more than colour.

    outlined(image, (640, 480), of_picture(results, 3))

What is true is dashed, what was found is solid; a right box is blue, a wrong one vermilion, and both say so. Boxes
that a page is about are thicker and always named.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from vision_core.drawing import PALETTE, Plate, clean_text, draw_plates, encode_jpeg
from vision_core.evaluation.matching import JudgedBoxes, Kind
from vision_core.images import open_image

TRUE, RIGHT, WRONG = PALETTE[2], PALETTE[1], PALETTE[5]
_DASH_PX, _GAP_PX = 9, 6
_TEXT_PX, _LINE_PX = 13, 2
_DARK = "#000000"
KIND_WORDS: dict[Kind, str] = {
    "right": "right",
    "class": "wrong class",
    "location": "misplaced",
    "both": "wrong and misplaced",
    "duplicate": "duplicate",
    "background": "nothing there",
    "crowd": "in a crowd",
    "missed": "missed",
    "mistaken": "not found rightly",
    "found": "found",
}
"""What each kind of box is called on a picture."""


@dataclass(frozen=True)
class Outline:
    """One box on a picture.

    Attributes:
        box_xyxy: in the picture's own pixels.
        is_true: what is there, drawn dashed; else what was found.
        colour: as `#RRGGBB`.
        text: its name; "" for none.
        is_wide: the page is about it.
    """

    box_xyxy: tuple[float, float, float, float]
    is_true: bool
    colour: str
    text: str = ""
    is_wide: bool = False


def of_picture(
    judged: JudgedBoxes, number: int, wide: tuple[Collection[int], Collection[int]] = ((), ()), names: bool = True
) -> list[Outline]:
    """The boxes of one picture.

    Args:
        number: of the picture in the results.
        wide: places in `results.found` and in `results.truth` of the boxes that the page is about.
        names: name every box and say what it is; else those alone, and short.
    """
    results, found = judged.results, judged.in_picture(number)
    outlines = []
    for place, kind in zip(found.truth.tolist(), found.truth_kinds, strict=True):
        named = names or place in wide[1]
        word = kind if kind in ("missed", "crowd") else "truth"
        text = f"{word}: {_class_name(results.class_names, int(results.truth.labels[place]))}"
        text = text if names else text.partition(": ")[2]
        text = text if named and kind != "found" else ""  # the right box on it has its name already
        box = _box(results.truth.boxes_xyxy[place])
        outlines.append(Outline(box, True, TRUE, text, place in wide[1]))
    for place, kind in zip(found.found.tolist(), found.found_kinds, strict=True):
        named = names or place in wide[0]
        name = _class_name(results.class_names, int(results.found.labels[place]))
        word = "" if kind == "right" or not names else f", {KIND_WORDS[kind]}"
        text = f"{name} {results.found.scores[place]:.0%}{word}" if named else ""
        colour = RIGHT if kind in ("right", "crowd") else WRONG
        outlines.append(Outline(_box(results.found.boxes_xyxy[place]), False, colour, text, place in wide[0]))
    return sorted(outlines, key=lambda one: (one.is_wide, not one.is_true))


def _class_name(names: Sequence[str], label: int) -> str:
    return names[label] if 0 <= label < len(names) else f"class {label}"


def _box(row: np.ndarray) -> tuple[float, float, float, float]:
    left, top, right, bottom = map(float, row)
    return left, top, right, bottom


def outlined(
    image: Image.Image, size_px: tuple[int, int], outlines: Sequence[Outline], shown_width_px: int
) -> Image.Image:
    """A copy of the picture with its boxes; texts last, so that none is covered by a line.

    Args:
        image: RGB, of any size.
        size_px: of the picture that the boxes belong to.
        shown_width_px: how wide it will stand on the screen; lines and texts are as thick there as the page's own.
    """
    canvas = image.convert("RGB") if image.mode != "RGB" else image.copy()
    draw = ImageDraw.Draw(canvas)
    scale = canvas.width / max(1, shown_width_px)
    places = [_placed(one.box_xyxy, size_px, canvas.size) for one in outlines]
    for one, box in zip(outlines, places, strict=True):
        if box is not None:
            _outline(draw, box, one, scale)
    named = [(box, one) for one, box in zip(outlines, places, strict=True) if box is not None and one.text]
    plates: list[Plate] = [(box, (clean_text(one.text), ""), one.colour) for box, one in reversed(named)]
    draw_plates(draw, plates, canvas.size, max(9, round(_TEXT_PX * scale)))
    return canvas


def drawn_jpeg(path: Path, outlines: Sequence[Outline], size_px: tuple[int, int], shown_width_px: int) -> bytes:
    """A picture's file, small enough for the screen, with its boxes.

    Raises:
        ImageError: it cannot be read.
    """
    picture = open_image(path)
    image = picture.preview(2 * shown_width_px)
    if image.width < shown_width_px:  # lines and texts need more pixels than a small picture has
        image = image.resize((shown_width_px, max(1, round(image.height * shown_width_px / image.width))))
    return encode_jpeg(outlined(image, size_px, outlines, shown_width_px), quality=85)


def _placed(
    box: tuple[float, float, float, float], size_px: tuple[int, int], canvas_px: tuple[int, int]
) -> tuple[int, int, int, int] | None:
    """The box in whole pixels of the canvas, at least three of them; None where nothing of it shows."""
    if not np.isfinite(box).all():
        return None
    scale_x, scale_y = canvas_px[0] / max(1, size_px[0]), canvas_px[1] / max(1, size_px[1])
    left, right = sorted((box[0] * scale_x, box[2] * scale_x))
    top, bottom = sorted((box[1] * scale_y, box[3] * scale_y))
    if right < 0 or bottom < 0 or left > canvas_px[0] or top > canvas_px[1]:
        return None
    x0, y0 = max(0, min(round(left), canvas_px[0] - 3)), max(0, min(round(top), canvas_px[1] - 3))
    return x0, y0, min(canvas_px[0] - 1, max(x0 + 2, round(right))), min(canvas_px[1] - 1, max(y0 + 2, round(bottom)))


def _outline(draw: ImageDraw.ImageDraw, box: tuple[int, int, int, int], one: Outline, scale: float) -> None:
    """The box over a dark line that lets it be seen on any ground; a true one dashed."""
    width = max(1, round((2 * _LINE_PX if one.is_wide else _LINE_PX) * scale))
    if not one.is_true:
        draw.rectangle(_grown(box, 1), outline=_DARK, width=width + 2)
        draw.rectangle(box, outline=one.colour, width=width)
        return
    dash, gap = max(3, round(_DASH_PX * scale)), max(2, round(_GAP_PX * scale))
    x0, y0, x1, y1 = box
    for colour, thick, more in ((_DARK, width + 2, 1), (one.colour, width, 0)):
        for y in (y0, y1):
            for start in range(x0, x1, dash + gap):
                draw.line((start - more, y, min(start + dash, x1) + more, y), fill=colour, width=thick)
        for x in (x0, x1):
            for start in range(y0, y1, dash + gap):
                draw.line((x, start - more, x, min(start + dash, y1) + more), fill=colour, width=thick)


def _grown(box: tuple[int, int, int, int], by: int) -> tuple[int, int, int, int]:
    return box[0] - by, box[1] - by, box[2] + by, box[3] + by
