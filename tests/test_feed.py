"""Pictures on their way to the step: what they look like depends on seed, epoch and place alone; boxes go along."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Generator
from contextlib import closing
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from painted_data import COLOURS, scenes
from PIL import Image, ImageDraw

from vision_core.data.augment import AUGMENTATIONS
from vision_core.data.formats import measure, read_dataset
from vision_core.data.index import DatasetIndex
from vision_core.errors import ImageError
from vision_core.images import open_image
from vision_core.preprocess import resized
from vision_core.training.feed import BATCHES_AHEAD, Batch, PictureFeed, _Memory, ahead, plan_epoch
from vision_core.types import Preprocessing

HOWS = {
    "crop": Preprocessing(mode="crop", size_px=64, resize_px=72),
    "squash": Preprocessing(mode="squash", size_px=64),
    "shortest": Preprocessing(mode="shortest", size_px=64, max_size_px=100),
    "letterbox": Preprocessing(mode="letterbox", size_px=64),
}


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> DatasetIndex:
    """Ten scenes, wide enough to be shrunk before they are augmented; one is a JPEG, read at a part of its size."""
    folder = scenes(tmp_path_factory.mktemp("scenes"), {"train": 10}, size_px=(520, 400))
    path = folder / "train" / "train-0.png"
    Image.open(path).save(path, "JPEG", quality=95)
    return measure(read_dataset(folder))


def feed(index: DatasetIndex, mode: str = "letterbox", strength: str = "strong", **options: Any) -> PictureFeed:
    return PictureFeed(index, HOWS[mode], AUGMENTATIONS[strength], **options)


def epoch_of(feed: PictureFeed, epoch: int = 0, start: int = 0, mosaic: bool = False) -> list[Batch]:
    rows = np.arange(len(feed.index))
    plan = plan_epoch(rows, 3, feed.seed, epoch)
    with closing(feed.training(epoch, plan, start, rows if mosaic else None)) as batches:
        return list(batches)


def equal(one: list[Batch], other: list[Batch]) -> bool:
    """Whether batches are the same to the bit."""
    if len(one) != len(other) or not all(np.array_equal(a.rows, b.rows) for a, b in zip(one, other, strict=True)):
        return False
    parts = [
        (getattr(a, name), getattr(b, name))
        for a, b in zip(one, other, strict=True)
        for name in ("pixels", "boxes_xyxy", "class_ids")
    ]
    return all(np.array_equal(x, y) for a, b in parts for x, y in zip(a, b, strict=True))


@pytest.mark.parametrize("mosaic", [False, True], ids=["single", "mosaic"])
@pytest.mark.parametrize("mode", HOWS)
def test_a_batch_depends_on_seed_epoch_and_place_alone(mode: str, mosaic: bool, index: DatasetIndex):
    expected = epoch_of(feed(index, mode, seed=3, workers=1), 2, mosaic=mosaic)
    parallel = feed(index, mode, seed=3, workers=4)
    assert equal(expected, epoch_of(parallel, 2, mosaic=mosaic))
    assert equal(expected, epoch_of(parallel, 2, mosaic=mosaic)), "pictures now come from memory"
    poor = feed(index, mode, seed=3, workers=2)
    poor._memory = _Memory(0)
    assert equal(expected, epoch_of(poor, 2, mosaic=mosaic))
    for start in range(len(expected) + 1):
        assert equal(expected[start:], epoch_of(parallel, 2, start, mosaic))
    assert not equal(expected, epoch_of(feed(index, mode, seed=4), 2, mosaic=mosaic))
    assert not equal(expected, epoch_of(parallel, 1, mosaic=mosaic))


@pytest.mark.parametrize("mosaic", [False, True], ids=["single", "mosaic"])
def test_processes_see_together_what_one_sees_alone(mosaic: bool, index: DatasetIndex):
    alone = epoch_of(feed(index, seed=3), 1, start=1, mosaic=mosaic)
    rows, both = np.arange(len(index)), []
    for rank in range(2):
        source = feed(index, seed=3).training(1, plan_epoch(rows, 3, 3, 1), 1, rows if mosaic else None, (rank, 2))
        with closing(source) as batches:
            both.append(list(batches))
    for whole, *parts in zip(alone, *both, strict=True):
        assert sorted(np.concatenate([part.rows for part in parts])) == sorted(whole.rows)
        for rank, part in enumerate(parts):
            cut = slice(rank, None, 2)
            expected = Batch(whole.rows[cut], whole.pixels[cut], whole.boxes_xyxy[cut], whole.class_ids[cut])
            assert equal([expected], [part])


def test_processes_share_cores_and_memory(index: DatasetIndex, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("vision_core.training.peers.available_cores", lambda: 9)
    alone = feed(index)
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "4")
    shared = feed(index)
    assert (alone.workers, shared.workers) == (9, 2)
    assert shared._memory._left == pytest.approx(alone._memory._left / 4, rel=0.5)


def test_memory_holds_no_more_than_it_may(index: DatasetIndex):
    memory = _Memory(1000)
    made = []

    def make(size: int) -> tuple[np.ndarray, tuple[int, int]]:
        made.append(size)
        return np.zeros(size, np.uint8), (1, 1)

    for _ in range(2):
        for row, size in enumerate((600, 500, 400)):
            memory.get(("plain", row), lambda size=size: make(size))
    assert made == [600, 500, 400, 500], "what fits is made once, what does not each time"


@pytest.mark.parametrize("mode", HOWS)
def test_plain_batches_are_what_prediction_sees(mode: str, index: DatasetIndex):
    with closing(feed(index, mode, "strong").plain(np.arange(10), 4)) as batches:
        found = list(batches)
    assert [len(batch) for batch in found] == [4, 4, 2]
    for batch in found:
        for row, pixels in zip(batch.rows.tolist(), batch.pixels, strict=True):
            np.testing.assert_array_equal(pixels, resized(open_image(index.path(row)).pixels, HOWS[mode]))


def coloured(pixels: np.ndarray, name: str) -> np.ndarray | None:
    """The edges of what has a class's colour, in the pixels alone; tints and interpolation allowed for."""
    close = np.abs(pixels.astype(np.int16) - COLOURS[name]).max(axis=2) < 90
    rows, columns = np.nonzero(close)
    if len(rows) < 12:
        return None
    return np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])


@pytest.mark.parametrize("mosaic", [False, True], ids=["single", "mosaic"])
@pytest.mark.parametrize("mode", HOWS)
def test_boxes_stay_with_their_pixels(mode: str, mosaic: bool, tmp_path: Path):
    """What is inside a box has its class's colour, and of a picture by itself nothing outside has."""
    folder = scenes(tmp_path, {"train": 8}, size_px=(420, 300))
    index = measure(read_dataset(folder))
    tilted = replace(AUGMENTATIONS["light"], tilt_deg=8, brightness=0, contrast=0, saturation=0, hue=0)
    painted = PictureFeed(index, HOWS[mode], replace(tilted, smallest_visible=0.0))
    names, checked = index.class_names, 0
    for epoch in range(3):
        for batch in epoch_of(painted, epoch, mosaic=mosaic):
            for pixels, boxes, ids in zip(batch.pixels, batch.boxes_xyxy, batch.class_ids, strict=True):
                assert boxes.dtype == np.float32
                assert ids.dtype == np.int64
                assert (boxes[:, 2:] - boxes[:, :2] >= 1).all()
                assert (boxes >= 0).all()
                assert (boxes[:, 2:] <= [pixels.shape[1], pixels.shape[0]]).all()
                for box, class_id in zip(boxes, ids.tolist(), strict=True):
                    left, top, right, bottom = box.round().astype(int)
                    inside = pixels[top:bottom, left:right].astype(np.int16)
                    if min(right - left, bottom - top) > 5:
                        shown = np.abs(inside - COLOURS[names[class_id]]).max(axis=2) < 90
                        assert shown.mean() > 0.5, "a tilted rectangle fills more than half of its box"
                    seen = coloured(pixels, names[class_id])
                    if seen is not None and not mosaic:  # of a mosaic's, a piece may stay that is too small for a box
                        assert np.abs(box - seen).max() <= 5
                        checked += 1
    assert mosaic or checked > 20


def test_crowds_are_no_single_objects(index: DatasetIndex):
    crowd = index.box_column("crowd").copy()
    crowd[::2] = True
    import pyarrow as pa

    place = index.boxes.column_names.index("crowd")
    marked = replace(index, boxes=index.boxes.set_column(place, "crowd", pa.array(crowd)))
    boxes, ids = feed(marked).objects(0)
    assert (len(boxes), len(ids)) == (1, 1)


def test_a_picture_that_vanished_is_told_to_who_waits_for_it(tmp_path: Path):
    folder = scenes(tmp_path / "data", {"train": 9})
    index = measure(read_dataset(folder))
    (folder / "train" / "train-8.png").unlink()
    pictures = feed(index, workers=2)
    plan = [np.array([0, 1, 2]), np.array([3, 4, 8]), np.array([5, 6, 7])]
    with closing(pictures.training(0, plan)) as batches, pytest.raises(ImageError, match=r"train-8\.png"):
        for _ in batches:
            pass
    shutil.rmtree(folder)
    with pytest.raises(ImageError), closing(pictures.plain([3], 1)) as batches:
        next(batches)


def feed_threads() -> int:
    return sum(thread.name == "feed" for thread in threading.enumerate())


def test_closing_ends_the_thread_wherever_it_is(index: DatasetIndex):
    before = feed_threads()
    for taken in range(4):
        batches = feed(index, workers=2).training(0, [np.arange(3)] * 8)
        for _ in range(taken):
            next(batches)
        batches.close()
        assert feed_threads() == before


def test_ahead_works_ahead_but_not_far():
    made: list[int] = []
    closed = threading.Event()

    def numbers() -> Generator[int, None, None]:
        try:
            for number in range(100):
                made.append(number)
                yield number
        finally:
            closed.set()

    source = ahead(numbers)
    assert next(source) == 0
    deadline = time.monotonic() + 5
    while len(made) < BATCHES_AHEAD + 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.2)
    assert len(made) == BATCHES_AHEAD + 2, "one was taken, so many wait, and one more is in hand"
    source.close()
    assert closed.wait(5)
    assert list(ahead(lambda: (number for number in (1, 2, 3)))) == [1, 2, 3]


@settings(max_examples=100, deadline=None)
@given(count=st.integers(1, 200), batch_size=st.integers(1, 70), seed=st.integers(0, 99), epoch=st.integers(0, 99))
def test_a_plan_shows_every_picture_once_in_even_batches(count: int, batch_size: int, seed: int, epoch: int):
    rows = np.arange(1000, 1000 + count)
    plan = plan_epoch(rows, batch_size, seed, epoch)
    assert sorted(np.concatenate(plan).tolist()) == rows.tolist()
    sizes = [len(batch) for batch in plan]
    assert max(sizes) <= batch_size
    assert max(sizes) - min(sizes) <= 1
    assert all(np.array_equal(a, b) for a, b in zip(plan, plan_epoch(rows, batch_size, seed, epoch), strict=True))


def test_epochs_differ_in_their_order_and_weights_prefer_what_is_rare():
    rows = np.arange(200)
    orders = {tuple(np.concatenate(plan_epoch(rows, 16, 0, epoch)).tolist()) for epoch in range(5)}
    assert len(orders) == 5
    weights = np.where(rows < 20, 9.0, 1.0)  # a tenth of the pictures, half of what is drawn
    drawn = np.concatenate([np.concatenate(plan_epoch(rows, 16, 0, epoch, weights)) for epoch in range(20)])
    assert np.mean(drawn < 20) == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("shortest_px", [None, 60, 150, 299, 5000])
def test_a_jpeg_read_small_is_upright_and_knows_its_size(orientation: int, shortest_px: int | None):
    upright = Image.new("RGB", (640, 480), (120, 120, 120))
    ImageDraw.Draw(upright).rectangle((40, 30, 199, 149), fill=(230, 30, 30))
    turned = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = upright.transpose(turned[orientation]) if orientation > 1 else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = BytesIO()
    stored.save(file, "JPEG", quality=95, exif=exif)
    picture = open_image(file.getvalue(), shortest_px=shortest_px)
    assert picture.size_px == (640, 480)
    width, height = picture.pixels.size
    assert min(width, height) >= min(shortest_px or 480, 480)
    if shortest_px == 60:
        assert (width, height) == (80, 60)
    pixels = np.asarray(picture.pixels, np.int16)
    rows, columns = np.nonzero((np.abs(pixels - [230, 30, 30]) < 60).all(axis=2))
    box = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
    scale = np.array([width / 640, height / 480] * 2)
    assert np.abs(box - np.array([40, 30, 200, 150]) * scale).max() <= 1.5


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "BMP"])
def test_other_formats_are_read_whole(kind: str):
    file = BytesIO()
    Image.effect_noise((301, 200), 50).convert("RGB").save(file, kind)
    small = open_image(file.getvalue(), shortest_px=20)
    assert small.pixels.size == small.size_px == (301, 200)
