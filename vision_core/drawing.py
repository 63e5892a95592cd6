"""Boxes, heat maps and thumbnails drawn on pictures with Pillow, readable at any picture size.

A class has one colour wherever it appears, from palettes that colour-blind readers can tell apart: by its place in the
list where the classes are known (`class_colours`), so that neighbours differ; by its name alone where models that know
different classes stand side by side (`colour_of`). Nothing here changes the picture that it is given.
"""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from zlib import crc32

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from vision_core.types import Detections

Rectangle = tuple[int, int, int, int]  # x_min, y_min, x_max, y_max in pixels, the last ones included

# Okabe and Ito, "Color Universal Design" (2008), without black.
PALETTE = ("#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7")
CLASS_COLOURS = (*PALETTE, "#0D0DF2", "#59260D", "#D9F2BF", "#0D4040", "#59F2F2", "#26F273")
"""PALETTE, and what is furthest from it and from each other in CIELAB, also as seen without red or green cones."""
_DARK, _LIGHT = "#000000", "#FFFFFF"
_TEXT_SHARE = 0.03  # text height by the picture's edge: about 11 px when the picture is shown 380 px wide
_LINE_SHARE = 0.003
_SMALLEST_TEXT_PX = 10
_SCREEN_TEXT_PX = 13  # as high as a page's small print
_SCREEN_LINE_PX = 2.5
_PLATES_SHARE = 0.25  # label plates may cover this much of a picture before their text shrinks

# matplotlib's perceptually uniform "inferno" at 33 evenly spaced places, read between them.
_INFERNO = (
    "000004 040312 0b0724 150b37 210c4a 2f0a5b 3d0965 4a0c6b 56106e 63156e 70196e 7d1e6d 89226a 962766 "
    "a32c61 af315b bb3654 c63d4d d14545 da4f3c e35932 eb6529 f1721e f67f14 f98c0a fb9b06 fcaa0f fbba1f "
    "f9c932 f5d949 f2e865 f3f586 fcffa4"
)


@dataclass(frozen=True)
class DrawOptions:
    """What to write beside each box.

    Attributes:
        labels: write anything at all.
        scores: add the score in percent to the class name.
        captions: one text a box, in the order of the boxes, instead of class name and score; the colour stays the
            class's own.
        classes: the classes of the data set, which take their colours by their place here; without it, and for a name
            that is not among them, by the name alone.
        shown_width_px: how wide the picture will stand on the screen; text is then as high there as the page's own.
            None: a share of the picture, whatever its size.
    """

    labels: bool = True
    scores: bool = True
    captions: tuple[str, ...] | None = None
    classes: tuple[str, ...] = ()
    shown_width_px: int | None = None


_PLAIN = DrawOptions()


def colour_of(name: str) -> str:
    """The colour of a class as `#RRGGBB`, by its name alone: the same in every column, page and process."""
    return PALETTE[crc32(name.encode("utf-8", "replace")) % len(PALETTE)]


def class_colours(names: Sequence[str]) -> dict[str, str]:
    """The colour of each class of a data set as `#RRGGBB`; no two of the first 13 are the same."""
    return {name: CLASS_COLOURS[place % len(CLASS_COLOURS)] for place, name in enumerate(names)}


def draw_detections(image: Image.Image, detections: Detections, options: DrawOptions = _PLAIN) -> Image.Image:
    """A copy of the RGB picture with boxes and their labels, best boxes on top.

    The picture may be a smaller (or larger) copy of the one the boxes belong to: they are scaled from
    `detections.image_size_px`. Boxes are cut at the borders; boxes wholly outside or not finite are left out.

    Raises:
        ValueError: `options.captions` has another length than the detections.
    """
    texts = _texts(detections, options)
    canvas = image.convert("RGB") if image.mode != "RGB" else image.copy()
    boxes = _pixel_boxes(detections, canvas.size)
    known = class_colours(options.classes)
    colours = [known.get(name) or colour_of(name) for name in detections.names]
    draw = ImageDraw.Draw(canvas)
    line_px = _wanted_px(canvas.size, options.shown_width_px, _LINE_SHARE, _SCREEN_LINE_PX)
    for index, box in reversed(boxes):
        _draw_box(draw, box, colours[index], line_px)
    if options.labels:
        plates = [(box, texts[index], colours[index]) for index, box in boxes]
        text_px = _wanted_px(canvas.size, options.shown_width_px, _TEXT_SHARE, _SCREEN_TEXT_PX)
        draw_plates(draw, plates, canvas.size, text_px)
    return canvas


def overlay_heatmap(image: Image.Image, heatmap: np.ndarray, opacity: float) -> Image.Image:
    """The RGB picture under a heat map `(H, W)` of 0..1, stretched over the whole picture.

    `opacity` 0 returns the picture itself, 1 the heat alone. Where the map is NaN the picture stays as it is.
    """
    if opacity <= 0:
        return image
    base = image.convert("RGB") if image.mode != "RGB" else image
    share = min(float(opacity), 1.0)
    unseen = np.isnan(heatmap)
    levels = np.clip(np.where(unseen, 0, heatmap) * 255 + 0.5, 0, 255).astype(np.uint8)
    heat = Image.fromarray(levels).resize(base.size, Image.Resampling.BICUBIC)
    heat.putpalette(_inferno().tobytes())
    if not unseen.any():
        return Image.blend(base, heat.convert("RGB"), share)
    mask = Image.fromarray(np.where(unseen, 0, round(share * 255)).astype(np.uint8))
    return Image.composite(heat.convert("RGB"), base, mask.resize(base.size, Image.Resampling.NEAREST))


def encode_jpeg(image: Image.Image, quality: int = 90) -> bytes:
    """The picture as a JPEG file; `quality` 1..95."""
    buffer = io.BytesIO()
    image.convert("RGB").save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def encode_png(image: Image.Image) -> bytes:
    """The picture as a PNG file, exact; compressed lightly, because a person is waiting for it."""
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=3)
    return buffer.getvalue()


def thumbnail(image: Image.Image, edge_px: int) -> Image.Image:
    """A copy whose longest edge is at most `edge_px`; a smaller picture keeps its size."""
    scale = edge_px / max(image.size)
    if scale >= 1:
        return image.copy()
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.resize(size, Image.Resampling.BICUBIC, reducing_gap=2.0)


def thumbnail_data_uri(image: Image.Image, edge_px: int = 96) -> str:
    """A thumbnail as a `data:image/jpeg;base64,…` address, for a table's image column."""
    return "data:image/jpeg;base64," + base64.b64encode(encode_jpeg(thumbnail(image, edge_px), 80)).decode("ascii")


def text_colour_on(colour: str) -> str:
    """Black or white, whichever has the higher WCAG 2 contrast on `#RRGGBB`."""
    return _DARK if luminance(colour) > 0.179 else _LIGHT


def luminance(colour: str) -> float:
    """Relative luminance 0..1 of `#RRGGBB` as WCAG 2 defines it."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in _rgb(colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _rgb(colour: str) -> list[float]:
    """Red, green and blue 0..1 of `#RRGGBB`."""
    return [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]


@lru_cache(maxsize=1)
def _inferno() -> np.ndarray:
    """The colour map as `(256, 3)` uint8."""
    anchors = np.asarray([list(bytes.fromhex(colour)) for colour in _INFERNO.split()])
    places = np.linspace(0, 255, len(anchors))
    channels = [np.interp(np.arange(256), places, anchors[:, c]) for c in range(3)]
    return np.round(np.stack(channels, axis=1)).astype(np.uint8)


def _texts(detections: Detections, options: DrawOptions) -> list[tuple[str, str]]:
    """Each box's text in two parts: one that may be shortened, and one that must stay (its score)."""
    if options.captions is None:
        names, scores = detections.names, [f" {score:.0%}" if options.scores else "" for score in detections.scores]
    elif len(options.captions) == len(detections):
        names, scores = list(options.captions), [""] * len(detections)
    else:
        raise ValueError(f"{len(options.captions)} captions for {len(detections)} boxes")
    return [(clean_text(name), score) for name, score in zip(names, scores, strict=True)]


def clean_text(text: str) -> str:
    """One line that a font can draw: blanks joined, control characters and lone surrogates gone."""
    line = " ".join(text.encode("utf-8", "replace").decode("utf-8").split())
    return "".join(character for character in line if character.isprintable())


def _pixel_boxes(detections: Detections, size_px: tuple[int, int]) -> list[tuple[int, Rectangle]]:
    """Index and whole-pixel rectangle of every box that shows on a picture of this size, each at least 3 pixels."""
    size = np.asarray([*size_px, *size_px], np.float64)
    boxes = detections.boxes_xyxy * (size / np.maximum(np.asarray(detections.image_size_px * 2, np.float64), 1))
    boxes = np.concatenate([np.minimum(boxes[:, :2], boxes[:, 2:]), np.maximum(boxes[:, :2], boxes[:, 2:])], axis=1)
    shown = np.all(np.isfinite(boxes), axis=1) & np.all(boxes[:, :2] <= size[:2], axis=1)
    shown &= np.all(boxes[:, 2:] >= 0, axis=1)
    boxes = np.clip(np.where(shown[:, None], boxes, 0), 0, size)
    missing = np.clip(3 - (boxes[:, 2:] - boxes[:, :2]), 0, None) / 2
    boxes = np.round(np.concatenate([boxes[:, :2] - missing, boxes[:, 2:] + missing - 1], axis=1))
    boxes = np.clip(boxes, 0, size - 1).astype(int)
    return [(i, (x0, y0, max(x0, x1), max(y0, y1))) for i, (x0, y0, x1, y1) in enumerate(boxes.tolist()) if shown[i]]


def _draw_box(draw: ImageDraw.ImageDraw, box: Rectangle, colour: str, line_px: int) -> None:
    """The box in its colour between a dark line outside and a light one inside: one of them shows on any ground."""
    x0, y0, x1, y1 = box
    edge_px = max(1, line_px // 2)
    draw.rectangle((x0 - edge_px, y0 - edge_px, x1 + edge_px, y1 + edge_px), outline=_DARK, width=edge_px)
    if min(x1 - x0, y1 - y0) > 2 * (line_px + edge_px) + 4:
        inner = (x0 + line_px, y0 + line_px, x1 - line_px, y1 - line_px)
        draw.rectangle(inner, outline=_LIGHT, width=edge_px)
    draw.rectangle(box, outline=colour, width=line_px)


Plate = tuple[Rectangle, tuple[str, str], str]  # the box, its text in two parts, its colour


def draw_plates(draw: ImageDraw.ImageDraw, wanted: list[Plate], size_px: tuple[int, int], text_px: float) -> None:
    """Label plates of all boxes, best first, where each covers the fewest plates before it."""
    text_px = _text_height(wanted, size_px, text_px)
    if size_px[0] < 4 * text_px or size_px[1] < 3 * text_px:
        return  # a picture of a few pixels: its boxes are all that fits
    pad_px = max(2, text_px // 5)
    taken = np.zeros((0, 4), int)
    for box, (text, suffix), colour in wanted:
        font = font_for(text + suffix, text_px)
        width_px = max(size_px[0] // 2, min(box[2] - box[0] + 1, size_px[0])) - 2 * pad_px
        text, width_px = _fitted(text, suffix, font, width_px)
        ascent, descent = font.getmetrics()
        plate = _free_place(box, (width_px + 2 * pad_px, ascent + descent + pad_px), size_px, taken)
        taken = np.vstack([taken, plate])
        draw.rectangle(plate, fill=colour, outline=_DARK)
        draw.text((plate[0] + pad_px, plate[1] + pad_px // 2), text, fill=text_colour_on(colour), font=font)


def _wanted_px(size_px: tuple[int, int], shown_width_px: int | None, share: float, screen_px: float) -> int:
    """A height or width in pixels of the picture: a share of its edge, or `screen_px` of where it is shown."""
    if shown_width_px is None:
        return max(1, round(math.sqrt(size_px[0] * size_px[1]) * share))
    return max(1, round(screen_px * size_px[0] / shown_width_px))


def _text_height(wanted: list[Plate], size_px: tuple[int, int], text_px: float) -> int:
    """`text_px`, or less where many plates would hide the picture."""
    area = size_px[0] * size_px[1]
    plates_area = sum((0.6 * len(text + suffix) + 0.5) * 1.4 for _, (text, suffix), _ in wanted) * text_px**2
    if plates_area > _PLATES_SHARE * area:
        text_px *= math.sqrt(_PLATES_SHARE * area / plates_area)
    return max(_SMALLEST_TEXT_PX, round(text_px))


def _free_place(box: Rectangle, extent: tuple[int, int], size_px: tuple[int, int], taken: np.ndarray) -> Rectangle:
    """A plate of `extent` inside the picture: above the box, inside it, below it, at its left or its right end;
    the first that covers none of the plates `taken` `(N, 4)`, else the one that covers least."""
    (width, height), (x0, y0, x1, y1) = extent, box
    best, least = box, math.inf
    for top in (y0 - height + 1, y0, y1, y1 - height + 1):
        for left in (x0, x1 - width + 1):
            x = min(max(left, 0), max(0, size_px[0] - width))
            y = min(max(top, 0), max(0, size_px[1] - height))
            place = (x, y, x + width - 1, y + height - 1)
            sides = np.minimum(taken[:, 2:], place[2:]) - np.maximum(taken[:, :2], place[:2]) + 1
            covered = np.clip(sides, 0, None).prod(axis=1).sum()
            if covered == 0:
                return place
            if covered < least:
                best, least = place, covered
    return best


def _fitted(text: str, suffix: str, font: ImageFont.FreeTypeFont, width_px: int) -> tuple[str, int]:
    """Text and suffix in one, the text cut with an ellipsis until they fit `width_px`, and their width."""
    line, length = text + suffix, len(text)
    while (line_px := math.ceil(font.getlength(line))) > width_px and length > 1:
        length = min(length - 1, length * width_px // line_px + 1)
        line = text[:length].rstrip() + "…" + suffix
    return line, line_px


@lru_cache(maxsize=512)
def font_for(text: str, height_px: int) -> ImageFont.FreeTypeFont:
    """A font of this height that has every character of `text`, or the first one at hand when none has."""
    first: ImageFont.FreeTypeFont | None = None
    for path in _font_files():
        font = _load_font(path, height_px, text.isascii())
        if font is None:
            continue
        if text.isascii() or all(_has_glyph(font, character) for character in set(text) if not character.isspace()):
            return font
        first = first or font
    fallback = first or ImageFont.load_default(height_px)
    if not isinstance(fallback, ImageFont.FreeTypeFont):
        raise RuntimeError("this Pillow was built without FreeType; install its wheel from PyPI")
    return fallback


def _font_files() -> Iterator[str]:
    """Font files worth trying: DejaVu Sans (in matplotlib, which is always installed), then the systems' own."""
    matplotlib = find_spec("matplotlib")
    if matplotlib and matplotlib.origin:
        yield str(Path(matplotlib.origin).parent / "mpl-data/fonts/ttf/DejaVuSans.ttf")
    yield from ("DejaVuSans.ttf", "NotoSans-Regular.ttf", "NotoSansCJK-Regular.ttc", "NotoSansDevanagari-Regular.ttf")
    yield from ("Arial Unicode.ttf", "PingFang.ttc", "msyh.ttc", "YuGothM.ttc", "malgun.ttf", "Nirmala.ttf")


@lru_cache(maxsize=256)
def _load_font(path: str, height_px: int, plain: bool) -> ImageFont.FreeTypeFont | None:
    try:  # the basic layout is several times quicker, and enough where letters do not join or turn
        return ImageFont.truetype(path, height_px, layout_engine=ImageFont.Layout.BASIC if plain else None)
    except OSError:
        return None


def _has_glyph(font: ImageFont.FreeTypeFont, character: str) -> bool:
    """Whether the font draws the character as anything but its "missing" box."""
    return _glyph(font, character) != _glyph(font, "\U0010fffe")


def _glyph(font: ImageFont.FreeTypeFont, character: str) -> bytes:
    image = Image.new("L", (round(3 * font.size), round(3 * font.size)))
    ImageDraw.Draw(image).text((font.size, font.size), character, fill=255, font=font)
    return image.tobytes()
