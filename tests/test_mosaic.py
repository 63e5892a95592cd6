"""Four pictures as one: every box lies on its own pixels, whatever chance draws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from vision_core.boxes import box_area
from vision_core.data.augment import SMALLEST_SIDE_PX, Sample
from vision_core.data.mosaic import GREY, SMALLEST_VISIBLE, mosaic

COLOURS = ((230, 20, 20), (20, 200, 20), (20, 60, 240), (240, 220, 20))
GROUNDS = ((70, 60, 60), (60, 90, 60), (60, 60, 100), (95, 90, 40))
SIZES = st.tuples(st.integers(1, 300), st.integers(1, 300))
SHARES = st.tuples(*[st.floats(0, 1)] * 4)


def painted(number: int, size_px: tuple[int, int], shares: tuple[float, ...]) -> Sample:
    """A picture with one rectangle in its own colour, whole pixels, class `number`."""
    (left, right), (top, bottom) = (
        sorted((round(a * edge), round(b * edge))) for a, b, edge in zip(shares[:2], shares[2:], size_px, strict=True)
    )
    image = Image.new("RGB", size_px, GROUNDS[number])
    if right > left and bottom > top:
        ImageDraw.Draw(image).rectangle((left, top, right - 1, bottom - 1), fill=COLOURS[number])
    return Sample(image, np.array([[left, top, right, bottom]], np.float32), np.array([number]))


@settings(max_examples=80, deadline=None)
@given(
    sizes=st.tuples(*[SIZES] * 4),
    shares=st.tuples(*[SHARES] * 4),
    edge=st.integers(32, 200),
    seed=st.integers(0, 2**32),
)
def test_boxes_lie_on_their_pixels(sizes: tuple, shares: tuple, edge: int, seed: int):
    samples = [painted(number, size, share) for number, (size, share) in enumerate(zip(sizes, shares, strict=True))]
    made = mosaic(samples, edge, np.random.default_rng(seed))
    assert made.image.size == (2 * edge, 2 * edge)
    assert made.boxes_xyxy.dtype == np.float32
    assert made.class_ids.dtype == np.int64
    assert len(made.boxes_xyxy) == len(made.class_ids) == len(set(made.class_ids.tolist()))
    assert ((made.boxes_xyxy >= 0) & (made.boxes_xyxy <= 2 * edge)).all()
    assert (made.boxes_xyxy[:, 2:] - made.boxes_xyxy[:, :2] >= SMALLEST_SIDE_PX - 1e-4).all()
    pixels = np.asarray(made.image, np.int16)
    for box, class_id in zip(made.boxes_xyxy, made.class_ids.tolist(), strict=True):
        seen = np.argwhere((np.abs(pixels - COLOURS[class_id]) < 50).all(axis=2))[:, ::-1]
        if len(seen):
            assert (seen.min(axis=0) >= box[:2] - 1.5).all()
            assert (seen.max(axis=0) + 1 <= box[2:] + 1.5).all()
        if (box[2:] - box[:2] > 8).all():
            assert len(seen), "a box of some size shows its object"
            assert np.abs(np.concatenate([seen.min(axis=0), seen.max(axis=0) + 1]) - box).max() <= 5


@settings(max_examples=40, deadline=None)
@given(sizes=st.tuples(*[SIZES] * 4), edge=st.integers(32, 160), seed=st.integers(0, 2**32))
def test_the_four_meet_in_the_middle_half_and_keep_their_corners(sizes: tuple, edge: int, seed: int):
    samples = [Sample(Image.new("RGB", size, COLOURS[number])) for number, size in enumerate(sizes)]
    pixels = np.asarray(mosaic(samples, edge, np.random.default_rng(seed)).image)
    places = [np.argwhere((pixels == COLOURS[number]).all(axis=2)) for number in range(4)]
    assert all(len(place) for place in places), "each picture is to be seen"
    bottom, right = places[0].max(axis=0) + 1  # the first one's corner is where all meet
    assert 0.5 * edge - 1 <= bottom <= 1.5 * edge
    assert 0.5 * edge - 1 <= right <= 1.5 * edge
    assert (places[1][:, 1].min(), places[1][:, 0].max() + 1) == (right, bottom)
    assert (places[2][:, 0].min(), places[2][:, 1].max() + 1) == (bottom, right)
    assert tuple(places[3].min(axis=0)) == (bottom, right)
    known = sum((pixels == colour).all(axis=2).sum() for colour in (*COLOURS, GREY))
    assert known == pixels.shape[0] * pixels.shape[1]


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**32), edge=st.integers(40, 120))
def test_what_is_mostly_cut_off_is_dropped_and_what_is_not_stays(seed: int, edge: int):
    """A whole picture is one object: how much of it stays can be counted."""
    whole = [
        Sample(Image.new("RGB", (90, 60), colour), np.array([[0, 0, 90, 60]], np.float32), np.array([n]))
        for n, colour in enumerate(COLOURS)
    ]
    made = mosaic(whole, edge, np.random.default_rng(seed))
    pixels = np.asarray(made.image)
    replay = np.random.default_rng(seed)
    replay.uniform(size=2)
    for number, colour in enumerate(COLOURS):
        scale = replay.uniform(0.5, 1.5) * edge / 90
        share = (pixels == colour).all(axis=2).sum() / (90 * scale * 60 * scale)
        if abs(share - SMALLEST_VISIBLE) > 0.05:
            assert (number in made.class_ids) == (share > SMALLEST_VISIBLE)


def test_the_same_seed_draws_the_same_mosaic_and_pictures_without_objects_have_their_place():
    samples = [Sample(Image.effect_noise((80 + n, 70), 60).convert("RGB")) for n in range(4)]
    one, same, other = (mosaic(samples, 64, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert one.image.tobytes() == same.image.tobytes() != other.image.tobytes()
    assert one.boxes_xyxy.shape == (0, 4)
    assert one.class_ids.shape == (0,)


@pytest.mark.parametrize("count", [0, 3, 5])
def test_a_mosaic_is_of_four(count: int):
    with pytest.raises(ValueError, match="4 samples"):
        mosaic([Sample(Image.new("RGB", (9, 9)))] * count, 64, np.random.default_rng())


def test_boxes_beyond_their_picture_are_cut_at_its_edge():
    sample = Sample(Image.new("RGB", (50, 50)), np.array([[-40, -40, 90, 90]], np.float32), np.array([0]))
    made = mosaic([sample] * 4, 64, np.random.default_rng(0))
    assert (box_area(made.boxes_xyxy) <= 96 * 96 + 1).all()
