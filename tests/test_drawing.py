"""Boxes, heat maps and thumbnails: readable everywhere, never outside the picture, one colour a class."""

from __future__ import annotations

import base64
import io
from typing import Any

import matplotlib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from vision_core import drawing
from vision_core.drawing import DrawOptions
from vision_core.types import Detections

HOSTILE_NAMES = ("person", "日本の犬", "سيارة", "हिन्दी", "a\nb\x00\x1b[31m", "\ud800", "", "🐈", "x" * 5000, "кот")


def detections(boxes: Any, names: tuple[str, ...] = ("cat",), size: tuple[int, int] = (400, 300)) -> Detections:
    count = len(np.reshape(boxes, (-1, 4)))
    scores = np.linspace(0.9, 0.5, count)
    return Detections(np.reshape(boxes, (-1, 4)), scores, np.arange(count) % len(names), names, size)


def changed(before: Image.Image, after: Image.Image) -> np.ndarray:
    """Mask `(H, W)` of the pixels that differ."""
    return (np.asarray(before) != np.asarray(after)).any(axis=2)


def extent(mask: np.ndarray) -> tuple[int, int, int, int]:
    ys, xs = np.nonzero(mask)
    return int(xs.min()), int(ys.min()), int(xs.max()) + 1, int(ys.max()) + 1


@pytest.mark.parametrize("factor", [1.0, 0.5, 2.0])
def test_box_lies_where_the_detection_says_at_any_preview_size(factor: float) -> None:
    image = Image.new("RGB", (round(400 * factor), round(300 * factor)), (90, 90, 90))
    drawn = drawing.draw_detections(image, detections([100, 50, 300, 250]), DrawOptions(labels=False))
    assert drawn.size == image.size
    expected = np.array([100, 50, 300, 250]) * factor
    assert np.abs(np.array(extent(changed(image, drawn))) - expected).max() <= 2, "outline beyond two pixels"
    inside = changed(image, drawn)[round(100 * factor) : round(200 * factor), round(150 * factor) : round(250 * factor)]
    assert not inside.any(), "the object itself must stay visible"


@pytest.mark.parametrize("shown_px", [370, 760])
def test_a_label_is_as_high_on_screen_whatever_the_picture_s_own_size(shown_px: int) -> None:
    heights = []
    for width in (800, 1600):
        image = Image.new("RGB", (width, width * 3 // 4), (90, 90, 90))
        options = [DrawOptions(labels=labels, shown_width_px=shown_px) for labels in (True, False)]
        with_label, without = (drawing.draw_detections(image, detections([100, 150, 300, 250]), o) for o in options)
        _, top, _, bottom = extent(changed(with_label, without))
        heights.append((bottom - top) * shown_px / width)
    assert 13 <= min(heights) <= max(heights) <= 22, "a line of small print on screen"


@pytest.mark.parametrize(
    "ground", [(0, 0, 0), (255, 255, 255), *[tuple(bytes.fromhex(c[1:])) for c in drawing.CLASS_COLOURS]]
)
def test_outline_has_strong_contrast_on_any_ground(ground: tuple[int, int, int]) -> None:
    image = Image.new("RGB", (400, 300), ground)
    drawn = drawing.draw_detections(image, detections([100, 50, 300, 250]), DrawOptions(labels=False))
    edge = np.asarray(drawn)[150, 95:108]
    own = drawing.luminance("#" + bytes(ground).hex())
    others = [drawing.luminance("#" + bytes(pixel.tolist()).hex()) for pixel in edge]
    assert max((max(own, other) + 0.05) / (min(own, other) + 0.05) for other in others) > 3


def test_text_is_readable_on_every_class_colour() -> None:
    for colour in drawing.CLASS_COLOURS:
        pair = sorted([drawing.luminance(colour), drawing.luminance(drawing.text_colour_on(colour))])
        assert (pair[1] + 0.05) / (pair[0] + 0.05) >= 4.5, colour


def test_colour_belongs_to_the_name_not_to_the_model_or_place() -> None:
    image = Image.new("RGB", (400, 300), (90, 90, 90))
    one = drawing.draw_detections(image, detections([50, 50, 200, 200], ("dog", "cat")), DrawOptions(labels=False))
    other = drawing.draw_detections(image, detections([50, 50, 200, 200], ("dog",)), DrawOptions(labels=False))
    assert one.tobytes() == other.tobytes()
    assert drawing.colour_of("person") == "#0072B2", "fixed for ever: screenshots of two days must agree"
    assert len({drawing.colour_of(f"class {i}") for i in range(100)}) == len(drawing.PALETTE)


def test_a_data_set_s_classes_differ_and_keep_their_colours_on_every_picture() -> None:
    names = tuple(f"class {i}" for i in range(12))
    colours = drawing.class_colours(names)
    assert len(set(colours.values())) == 12
    image = Image.new("RGB", (400, 300), (90, 90, 90))
    for name, boxes in (("class 3", [50, 50, 200, 200]), ("class 9", [50, 50, 200, 200])):
        options = DrawOptions(labels=False, classes=names)
        pixels = np.asarray(drawing.draw_detections(image, detections(boxes, (name,)), options)).reshape(-1, 3)
        assert (pixels == list(bytes.fromhex(colours[name][1:]))).all(axis=1).any(), name
    assert drawing.class_colours((*names, "added"))["class 3"] == colours["class 3"], "also once one is added"
    unknown = drawing.draw_detections(image, detections([50, 50, 200, 200], ("dog",)), DrawOptions(labels=False))
    options = DrawOptions(labels=False, classes=names)
    assert drawing.draw_detections(image, detections([50, 50, 200, 200], ("dog",)), options) == unknown


def plates(monkeypatch: pytest.MonkeyPatch, image: Image.Image, found: Detections) -> list[tuple[int, ...]]:
    """The label plates that drawing `found` chooses."""
    chosen: list[tuple[int, ...]] = []
    place = drawing._free_place

    def recorded(*arguments: object) -> tuple[int, int, int, int]:
        chosen.append(place(*arguments))  # type: ignore[arg-type]
        return chosen[-1]  # type: ignore[return-value]

    monkeypatch.setattr(drawing, "_free_place", recorded)
    drawing.draw_detections(image, found)
    return chosen


def test_plates_stay_inside_and_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    boxes = [[0, 0, 60, 60], [0, 0, 400, 300], [380, 280, 400, 300], [2, 2, 62, 62], [200, 100, 220, 300]]
    chosen = plates(monkeypatch, Image.new("RGB", (400, 300)), detections(boxes, ("a cat", "a dog")))
    assert len(chosen) == 5
    for x0, y0, x1, y1 in chosen:
        assert 0 <= x0 <= x1 < 400
        assert 0 <= y0 <= y1 < 300
    for i, a in enumerate(chosen):
        for b in chosen[:i]:
            assert a[2] < b[0] or b[2] < a[0] or a[3] < b[1] or b[3] < a[1], (a, b)


def test_long_name_is_cut_but_its_score_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []
    write = drawing.ImageDraw.ImageDraw.text
    monkeypatch.setattr(
        drawing.ImageDraw.ImageDraw,
        "text",
        lambda self, xy, text, **k: (written.append(text), write(self, xy, text, **k)),
    )
    drawing.draw_detections(Image.new("RGB", (400, 300)), detections([10, 100, 90, 200], ("long name " * 30,)))
    assert written[-1].startswith("long name")
    assert written[-1].endswith("… 90%")
    assert len(written[-1]) < 60


def test_captions_replace_names_and_must_match() -> None:
    image, found = Image.new("RGB", (400, 300)), detections([50, 50, 300, 200])
    named = drawing.draw_detections(image, found, DrawOptions(captions=("cat 90%",)))
    assert named.tobytes() == drawing.draw_detections(image, found).tobytes()
    with pytest.raises(ValueError, match="2 captions for 1 boxes"):
        drawing.draw_detections(image, found, DrawOptions(captions=("a", "b")))


@settings(max_examples=60, deadline=None)
@given(
    size=st.tuples(st.integers(1, 300), st.integers(1, 300)),
    boxes=st.lists(st.tuples(*[st.floats(-1e5, 1e5, width=32) | st.sampled_from([np.nan, np.inf])] * 4), max_size=12),
)
def test_never_fails_and_keeps_the_size(size: tuple[int, int], boxes: list[tuple[float, ...]]) -> None:
    image = Image.new("RGB", size, (128, 128, 128))
    before = image.tobytes()
    drawn = drawing.draw_detections(image, detections(boxes, HOSTILE_NAMES, (400, 300)))
    assert (drawn.size, drawn.mode) == (size, "RGB")
    assert image.tobytes() == before, "the picture given is not changed"


def test_outside_and_not_finite_boxes_leave_the_picture_alone() -> None:
    image = Image.new("RGB", (400, 300), (90, 90, 90))
    boxes = [[500, 50, 600, 100], [-50, -50, -10, -10], [np.nan, 0, 10, 10], [0, 0, np.inf, 10]]
    assert drawing.draw_detections(image, detections(boxes)).tobytes() == image.tobytes()


@pytest.mark.parametrize("box", [[100, 100, 100, 100], [100, 100, 101, 100.2], [399.9, 299.9, 400, 300]])
def test_tiny_boxes_are_still_seen(box: list[float]) -> None:
    image = Image.new("RGB", (400, 300), (90, 90, 90))
    assert changed(image, drawing.draw_detections(image, detections(box), DrawOptions(labels=False))).sum() >= 9


def test_two_hundred_boxes_on_a_large_picture_leave_most_of_it_visible() -> None:
    rng = np.random.default_rng(0)
    corner = rng.random((200, 2)) * [1200, 900]
    boxes = np.concatenate([corner, corner + rng.random((200, 2)) * 40 + 5], axis=1)
    image = Image.new("RGB", (1280, 960), (90, 90, 90))
    drawn = drawing.draw_detections(image, detections(boxes, ("teddy bear",), (1280, 960)))
    assert changed(image, drawn).mean() < 0.5


def test_twenty_pixel_picture_shows_its_box() -> None:
    image = Image.new("RGB", (20, 20), (90, 90, 90))
    share = changed(image, drawing.draw_detections(image, detections([100, 75, 300, 225]))).mean()
    assert 0.05 < share < 0.6


def test_characters_no_font_has_do_not_hide_those_it_has() -> None:
    greek = drawing.font_for("γάτα", 20)
    assert drawing._glyph(greek, "γ") != drawing._glyph(greek, "ά")
    assert not drawing._has_glyph(greek, "\U0010fffd")
    assert drawing.font_for("\U0010fffd", 20).path, "a font even so"


def test_heat_map_colours_are_infernos() -> None:
    ramp = np.linspace(0, 1, 256, dtype=np.float32)[None].repeat(4, axis=0)
    drawn = np.asarray(drawing.overlay_heatmap(Image.new("RGB", (256, 4)), ramp, 1.0))[2].astype(int)
    expected = np.round(matplotlib.colormaps["inferno"](np.arange(256))[:, :3] * 255)
    assert np.abs(drawn - expected).max() <= 3


def test_opacity_goes_from_the_picture_itself_to_the_heat_alone() -> None:
    rng = np.random.default_rng(0)
    image = Image.fromarray(rng.integers(0, 256, (90, 120, 3), dtype=np.uint8))
    heat = np.full((7, 7), 0.5, np.float32)
    assert drawing.overlay_heatmap(image, heat, 0.0) is image
    half, full = (np.asarray(drawing.overlay_heatmap(image, heat, share)).astype(int) for share in (0.5, 1.0))
    assert (full == full[0, 0]).all()
    assert np.abs(half - (np.asarray(image) + full) / 2).max() <= 1


def test_heat_lies_over_its_place_and_unseen_parts_stay() -> None:
    heat = np.zeros((10, 20), np.float32)
    heat[:, 15:] = 1
    heat[:, :5] = np.nan
    image = Image.new("RGB", (200, 100), (0, 200, 0))
    drawn = np.asarray(drawing.overlay_heatmap(image, heat, 0.8)).astype(int)
    assert (drawn[:, :50] == [0, 200, 0]).all()
    assert drawn[50, 180].sum() > drawn[50, 80].sum() + 100
    assert (drawn[:, 52:] != [0, 200, 0]).any(axis=2).all()


def test_overlay_accepts_values_beyond_its_range() -> None:
    heat = np.array([[-5.0, 7.0]], np.float32)
    drawn = np.asarray(drawing.overlay_heatmap(Image.new("RGB", (2, 1)), heat, 3.0))
    assert drawn.tolist() == [[[0, 0, 4], [252, 255, 164]]]


def test_encoded_files_read_back() -> None:
    rng = np.random.default_rng(0)
    image = Image.fromarray(rng.integers(0, 256, (40, 60, 3), dtype=np.uint8)).resize((600, 400))
    png, jpeg = Image.open(io.BytesIO(drawing.encode_png(image))), Image.open(io.BytesIO(drawing.encode_jpeg(image)))
    assert (png.format, jpeg.format) == ("PNG", "JPEG")
    assert png.tobytes() == image.tobytes()
    assert np.abs(np.asarray(jpeg).astype(int) - np.asarray(image)).mean() < 4


@pytest.mark.parametrize(
    ("size", "expected"),
    [((4000, 3000), (96, 72)), ((3000, 4000), (72, 96)), ((50, 20), (50, 20)), ((9000, 2), (96, 1))],
)
def test_thumbnails_keep_the_aspect_and_never_grow(size: tuple[int, int], expected: tuple[int, int]) -> None:
    image = Image.new("RGB", size, (200, 30, 30))
    assert drawing.thumbnail(image, 96).size == expected
    head, _, body = drawing.thumbnail_data_uri(image, 96).partition(",")
    assert head == "data:image/jpeg;base64"
    shown = Image.open(io.BytesIO(base64.b64decode(body)))
    assert shown.size == expected
    assert np.abs(np.asarray(shown).astype(int) - [200, 30, 30]).max() < 12
