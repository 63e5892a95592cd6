"""Fashion Shelf: the same bits everywhere, exact boxes, splits that share nothing, and files that others can read."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pycocotools.coco import COCO

from vision_core.data.index import differences
from vision_core.data.shelf import CLASS_NAMES, DIFFICULTIES, Scene, make_shelf, read_shelf, scene, split_of
from vision_core.data.shelf.canvas import CLUTTER, FURNITURE, Canvas, Sprite
from vision_core.data.shelf.dice import Dice
from vision_core.data.shelf.grids import enlarge, sample
from vision_core.data.shelf.photos import photo_classes, photos, photos_of
from vision_core.data.shelf.png import png_bytes
from vision_core.errors import DataError
from vision_core.settings import REPOSITORY

# Decoded pixels, boxes, classes and photos of scenes 0 to 3 of seed 7. Who changes the pictures raises GENERATOR in
# scene.py and puts the new digests here.
GOLDEN = {
    "easy": "7fc27af5b2da5b1178bc0b7555a0183506e2e33f037fcc3d61f8dfb870804180",
    "medium": "8afa43dd30bd4b9eafaec9f621ad991054d0cb76e8b93d0abac1c76eb9b480c9",
    "hard": "22ad1b359fbaddec382dac4c9ccd80850f40f58275bec12bbac6b7b551b0dad8",
}
SCENES = 40  # of each difficulty, painted once for all tests


def digest(difficulty: str) -> str:
    """SHA-256 of everything in four scenes, independent of byte order."""
    total = hashlib.sha256()
    for number in range(4):
        painted = scene(7, number, difficulty)
        total.update(painted.pixels.tobytes())
        for values in (painted.boxes_xyxy, painted.class_ids, painted.photos, painted.visible_px):
            total.update(values.astype("<i4").tobytes())
    return total.hexdigest()


@pytest.fixture(scope="module")
def painted() -> dict[str, list[Scene]]:
    return {name: [scene(0, number, name) for number in range(SCENES)] for name in DIFFICULTIES}


@pytest.fixture(scope="module")
def shelf(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("shelves") / "shelf"
    make_shelf(folder, images=14, seed=3)
    return folder


@pytest.mark.parametrize("difficulty", DIFFICULTIES)
def test_pixels_and_boxes_are_the_golden_ones(difficulty):
    assert digest(difficulty) == GOLDEN[difficulty]


def test_they_are_the_same_without_the_processors_vector_units():
    """NumPy then takes other code paths, as on another processor; threads of its libraries differ, too."""
    from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__  # type: ignore[import-not-found]

    usable = [name for name in __cpu_dispatch__ if __cpu_features__.get(name)]
    code = "import tests.test_shelf as t; print(*(t.digest(name) for name in t.GOLDEN))"
    environment = {**os.environ, "NPY_DISABLE_CPU_FEATURES": " ".join(usable), "OMP_NUM_THREADS": "3"}
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=True
    )
    assert ran.stdout.split() == list(GOLDEN.values())


def test_dice_are_numpys_promised_raw_numbers():
    """Computed from PCG64's raw numbers, the one stream that NumPy never changes."""
    raw = np.random.PCG64(np.random.SeedSequence((1, 2))).random_raw(256) >> np.uint64(32)
    dice = Dice(1, 2)
    assert [dice.below(10) for _ in range(256)] == [int(number) * 10 >> 32 for number in raw[::-1].tolist()]


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**70), limit=st.integers(1, 2**32), low=st.integers(-9, 9), more=st.integers(0, 99))
def test_dice_stay_within_their_limits(seed, limit, low, more):
    dice = Dice(seed)
    assert 0 <= dice.below(limit) < limit
    assert low <= dice.between(low, low + more) <= low + more
    assert low <= dice.fraction(low, low + more) <= low + more
    assert sorted(dice.shuffled(range(more))) == list(range(more))
    assert dice.bytes(3, more).shape == (3, more)
    assert not dice.chance(0)
    assert dice.chance(1)


def test_scene_depends_on_seed_number_and_difficulty_only():
    first = scene(5, 9, "medium")
    scene(6, 1, "hard")
    assert np.array_equal(first.pixels, scene(5, 9, "medium").pixels)
    for other in (scene(6, 9, "medium"), scene(5, 10, "medium"), scene(5, 9, "easy")):
        assert not np.array_equal(first.pixels, other.pixels)


def test_boxes_are_tight_around_what_is_seen_and_inside(painted):
    for difficulty, scenes in painted.items():
        for item in scenes:
            height, width, _ = item.pixels.shape
            assert len(item.boxes_xyxy) == len(item.class_ids) == len(item.photos) == len(item.hidden)
            assert set(np.unique(item.owner)) - {FURNITURE, CLUTTER} == set(range(len(item.boxes_xyxy)))
            for index, (left, top, right, bottom) in enumerate(item.boxes_xyxy):
                mine = item.owner == index
                rows, columns = np.nonzero(mine)
                assert (left, top) == (columns.min(), rows.min())
                assert (right, bottom) == (columns.max() + 1, rows.max() + 1)
                assert 0 <= left < right <= width
                assert 0 <= top < bottom <= height
                assert item.visible_px[index] == mine.sum()
            assert item.hidden.max(initial=0) <= DIFFICULTIES[difficulty].most_hidden


def test_a_product_that_nothing_hides_looks_like_its_photo(painted):
    """The box really holds that photo: its outline is the photo's, mirrored or not, at the box's size."""
    agreements = []
    for item in painted["easy"]:
        for index in np.flatnonzero(item.hidden == 0):
            left, top, right, bottom = item.boxes_xyxy[index]
            shown = _as_square((item.owner == index)[top:bottom, left:right])
            photo = photos()[item.photos[index]] > 40
            rows, columns = np.flatnonzero(photo.any(axis=1)), np.flatnonzero(photo.any(axis=0))
            cut = _as_square(photo[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])
            agreements.append(max(np.mean(shown == cut), np.mean(shown == cut[:, ::-1])))
    assert len(agreements) > 100
    assert np.mean(agreements) > 0.85


def _as_square(mask: np.ndarray) -> np.ndarray:
    return np.asarray(Image.fromarray(mask).resize((28, 28)))


def test_classes_are_those_of_the_photos_and_every_one_occurs_about_alike(painted):
    for scenes in painted.values():
        for item in scenes:
            assert np.array_equal(item.class_ids, photo_classes()[item.photos])
            assert np.array_equal(item.counts, [np.sum(item.class_ids == i) for i in range(10)])
            assert item.labels == tuple(i for i in range(10) if item.counts[i])
        totals = np.sum([item.counts for item in scenes], axis=0)
        assert totals.min() > 0.4 * totals.mean()
        assert totals.max() < 2 * totals.mean()


def test_splits_share_no_photo_and_every_split_has_every_class():
    names = ("train", "val", "test")
    sets = {name: {photo for photos in photos_of(name) for photo in photos} for name in names}
    assert sum(map(len, sets.values())) == len(set.union(*sets.values())) == 10_000
    for name, share in zip(names, (5 / 7, 1 / 7, 1 / 7), strict=True):
        for class_id, numbers in enumerate(photos_of(name)):
            assert set(photo_classes()[list(numbers)]) == {class_id}
            assert abs(len(numbers) / 1000 - share) < 0.06
    copies = [{photos()[number].tobytes() for number in numbers} for numbers in sets.values()]
    assert sum(map(len, copies)) == len(set.union(*copies)), "not even as a copy"


def test_scenes_use_photos_of_their_own_split_whatever_the_seed(painted):
    assert {split_of(number) for number in range(7)} == {"train", "val", "test"}
    for number, item in [*enumerate(painted["medium"]), *((n, scene(99, n, "hard")) for n in range(7))]:
        allowed = {photo for numbers in photos_of(split_of(number)) for photo in numbers}
        assert item.split == split_of(number)
        assert allowed >= set(item.photos.tolist())


def test_difficulty_can_be_measured(painted):
    """More hidden, more clutter, more turned, darker; and some shelves are empty everywhere."""
    hidden, clutter, light, crowd = {}, {}, {}, {}
    for name, scenes in painted.items():
        hidden[name] = np.concatenate([item.hidden for item in scenes]).mean()
        clutter[name] = np.mean([np.mean(item.owner == CLUTTER) for item in scenes])
        light[name] = np.mean([item.pixels.mean() for item in scenes])
        crowd[name] = np.mean([len(item.class_ids) for item in scenes])
    assert hidden["easy"] < 0.01 < hidden["medium"] * 2 < hidden["hard"]
    assert clutter["easy"] * 1.3 < clutter["medium"]
    assert clutter["medium"] * 1.2 < clutter["hard"]
    assert light["easy"] > light["medium"] > light["hard"]
    assert crowd["easy"] < crowd["medium"] < crowd["hard"]


def test_a_few_scenes_are_empty(painted):
    empty = [len(item.boxes_xyxy) == 0 for scenes in painted.values() for item in scenes]
    assert 1 <= sum(empty) <= 0.1 * len(empty)


def test_products_come_at_several_sizes(painted):
    for scenes in painted.values():
        boxes = np.concatenate([item.boxes_xyxy for item in scenes])
        longest = (boxes[:, 2:] - boxes[:, :2]).max(axis=1)
        assert np.percentile(longest, 95) > 1.8 * np.percentile(longest, 5)


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.tuples(st.integers(-6, 20), st.integers(-6, 26), st.integers(0, 999), st.booleans()), max_size=8),
    st.sampled_from([0.0, 0.3, 0.6, 1.0]),
)
def test_canvas_knows_what_is_seen_of_each_product(places, most_hidden):
    """Against painting the masks one by one, for sprites that overlap each other and the border."""
    canvas, reference, whole = Canvas(20, 26), np.full((20, 26), FURNITURE), []
    for top, left, seed, is_product in places:
        alpha = np.random.default_rng(seed).random((7, 6)).astype(np.float32)
        solid = alpha >= 0.5
        sprite = Sprite(np.zeros((3, 7, 6), np.float32), alpha, alpha, solid & is_product)
        big = np.zeros((60, 60), bool)
        big[top + 20 : top + 27, left + 20 : left + 26] = solid
        seen = big[20:40, 20:46]
        after = np.where(seen, len(whole) if is_product else CLUTTER, reference)
        too_much = any(
            (reference == i).sum() > (after == i).sum() and (after == i).sum() < (1 - most_hidden) * whole[i]
            for i in range(len(whole))
        )
        assert canvas.hides_too_much(sprite, top, left, most_hidden) == too_much
        if not too_much:
            canvas.paste(sprite, top, left)
            if is_product and not seen.any():
                after = reference
            elif is_product:
                whole.append(int(seen.sum()))
            reference = after
    assert np.array_equal(canvas.owner, reference)
    assert canvas.whole == whole
    assert canvas.visible == [(reference == i).sum() for i in range(len(whole))]


def test_enlarging_and_sampling_agree_with_simple_formulas():
    rng = np.random.default_rng(0)
    planes = rng.random((2, 9, 7)).astype(np.float32)
    flat = np.full((1, 5, 6), 0.25, np.float32)
    assert np.allclose(enlarge(flat, 3), 0.25)  # weights sum to one
    ramp = np.tile(np.arange(9, dtype=np.float32), (1, 9, 1))
    assert np.allclose(enlarge(ramp, 2)[0, 4, 4:-4], (np.arange(18) / 2 - 0.25)[4:-4])  # cubic reproduces a line
    y, x = rng.random((4, 5)) * 7.9, rng.random((4, 5)) * 5.9
    found = sample(planes, y.astype(np.float32), x.astype(np.float32))
    for place in np.ndindex(4, 5):
        row, column = int(y[place]), int(x[place])
        down, right = y[place] - row, x[place] - column
        cell = planes[:, row : row + 2, column : column + 2]
        weights = np.outer([1 - down, down], [1 - right, right])
        assert np.allclose(found[(slice(None), *place)], (cell * weights).sum(axis=(1, 2)), atol=1e-5)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 999))
def test_png_files_are_read_back_by_pillow(height, width, seed):
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    with Image.open(io.BytesIO(png_bytes(pixels))) as opened:
        opened.verify()  # checksums
    with Image.open(io.BytesIO(png_bytes(pixels))) as opened:
        assert (opened.format, opened.mode) == ("PNG", "RGB")
        assert np.array_equal(np.asarray(opened), pixels)


def test_vendored_photos_are_the_published_ones_with_their_licence():
    folder = REPOSITORY / "vision_core" / "assets" / "fashion_mnist"
    published = {  # SHA-256 of the unpacked files of Fashion-MNIST's test split
        "t10k-images-idx3-ubyte.gz": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        "t10k-labels-idx1-ubyte.gz": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    }
    for name, expected in published.items():
        assert hashlib.sha256(gzip.decompress((folder / name).read_bytes())).hexdigest() == expected
    assert "Zalando" in (folder / "LICENSE").read_text(encoding="utf-8")
    assert np.bincount(photo_classes()).tolist() == [1000] * 10


def test_files_hold_the_painted_scenes_and_pycocotools_loads_them(shelf):
    index = read_shelf(shelf)
    assert (len(index), index.splits, index.class_names) == (14, ("train", "val", "test"), CLASS_NAMES)
    for split in index.splits:
        coco = COCO(str(shelf / split / "_annotations.coco.json"))
        assert [coco.cats[i + 1]["name"] for i in range(10)] == list(CLASS_NAMES)
        assert 0 not in coco.anns
        for image_id, image in coco.imgs.items():
            expected = scene(3, image_id)
            assert expected.split == split == split_of(image_id)
            file = shelf / split / image["file_name"]
            with Image.open(file) as opened:
                assert np.array_equal(np.asarray(opened), expected.pixels)
            annotations = coco.loadAnns(coco.getAnnIds(imgIds=image_id))
            boxes = np.asarray([item["bbox"] for item in annotations]).reshape(-1, 4)
            boxes[:, 2:] += boxes[:, :2]
            assert np.array_equal(boxes, expected.boxes_xyxy)
            assert [item["category_id"] - 1 for item in annotations] == expected.class_ids.tolist()
            assert [item["area"] for item in annotations] == expected.visible_px.tolist()


def test_index_says_the_same_as_the_scenes(shelf):
    index = read_shelf(shelf)
    for record in index:
        expected = scene(3, int(record.path.stem))
        assert record.split == expected.split
        assert record.labels == tuple(CLASS_NAMES[i] for i in expected.labels)
        assert record.boxes_xyxy is not None
        assert np.array_equal(record.boxes_xyxy, expected.boxes_xyxy)
        assert np.array_equal(np.bincount(record.class_ids, minlength=10), expected.counts)
        assert (record.width_px, record.height_px) == (512, 384)
        assert record.path.is_file()


def test_making_it_again_finds_it_and_another_one_is_refused(shelf, tmp_path):
    before = {path: path.stat().st_mtime_ns for path in shelf.rglob("*")}
    assert not differences(make_shelf(shelf, images=14, seed=3), read_shelf(shelf))
    assert before == {path: path.stat().st_mtime_ns for path in shelf.rglob("*")}
    with pytest.raises(DataError, match="another shelf \\(seed 3\\)"):
        make_shelf(shelf, images=14, seed=4)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "photo.txt").write_text("precious")
    with pytest.raises(DataError, match="holds something else"):
        make_shelf(tmp_path / "mine", images=3)
    assert (tmp_path / "mine" / "photo.txt").read_text() == "precious"
    with pytest.raises(DataError, match="no complete Fashion Shelf"):
        read_shelf(tmp_path / "mine")


def test_processes_make_the_same_files_as_one(tmp_path, monkeypatch):
    monkeypatch.setattr("vision_core.data.shelf.writing._SCENES_WORTH_A_PROCESS", 4)
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    make_shelf(tmp_path / "two", images=9, seed=1)
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    make_shelf(tmp_path / "one", images=9, seed=1)
    contents = [
        {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}
        for root in (tmp_path / "one", tmp_path / "two")
    ]
    assert len(contents[0]) == 9 + 3 + 1
    assert contents[0] == contents[1]


def test_progress_counts_and_may_cancel(tmp_path):
    seen: list[tuple[int, int]] = []
    (tmp_path / "empty").mkdir()  # an empty folder may be filled
    make_shelf(tmp_path / "empty", images=3, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(1, 3), (2, 3), (3, 3)]

    def cancel(done: int, total: int) -> None:
        if done == 2:
            raise InterruptedError("enough")

    with pytest.raises(InterruptedError, match="enough"):
        make_shelf(tmp_path / "cancelled", images=5, progress=cancel)
    assert visible_and_hidden(tmp_path) == {"empty"}


def test_a_painter_that_dies_is_reported_and_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr("vision_core.data.shelf.writing._SCENES_WORTH_A_PROCESS", 1)
    monkeypatch.setattr("os.cpu_count", lambda: 2)

    def take_away(done: int, total: int) -> None:  # the disk fails under the painters
        for staging in tmp_path.glob(".shelf.*/*"):
            for file in staging.iterdir():
                file.unlink()
            staging.rmdir()

    with pytest.raises(DataError, match="make it again"):
        make_shelf(tmp_path / "shelf", images=60, progress=take_away)
    assert visible_and_hidden(tmp_path) == set()


def test_a_killed_process_leaves_no_half_shelf_and_the_next_one_makes_it(tmp_path):
    folder = tmp_path / "shelf"
    code = "import sys, pathlib, vision_core.data.shelf as s; s.make_shelf(pathlib.Path(sys.argv[1]), 5000, 2, 'easy')"
    process = subprocess.Popen([sys.executable, "-c", code, str(folder)], cwd=REPOSITORY, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while len(list(tmp_path.glob(".shelf.*/*/*.png"))) < 6:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not folder.exists()
    make_shelf(folder, images=5, seed=2, difficulty="easy")
    assert visible_and_hidden(tmp_path) == {"shelf"}
    assert json.loads((folder / "shelf.json").read_text())["scenes"] == 5
    assert len(list(folder.rglob("*.png"))) == 5


def visible_and_hidden(folder: Path) -> set[str]:
    """What lies in a folder, but for the lock files."""
    return {path.name for path in folder.iterdir() if not path.name.endswith(".lock") and path.name != "workspace"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"images": 0}, "0 scenes"),
        ({"images": 10**6}, "1000000 scenes"),
        ({"images": 3, "seed": -1}, "Seed -1"),
        ({"images": 3, "difficulty": "heard"}, "'heard'. Did you mean hard"),
    ],
)
def test_arguments_out_of_range_are_refused_before_anything_is_written(tmp_path, arguments, message):
    with pytest.raises(DataError, match=message):
        make_shelf(tmp_path / "shelf", **arguments)
    assert not (tmp_path / "shelf").exists()


def test_scene_refuses_what_it_cannot_paint():
    with pytest.raises(DataError, match="whole numbers from 0"):
        scene(0, -1)
    with pytest.raises(DataError, match="Known: easy, medium, hard"):
        scene(0, 0, "impossible")
