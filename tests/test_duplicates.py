"""Which pictures count as the same: against brute force, against SciPy's transform, and on real photos."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageEnhance
from scipy.fft import dctn

from tests.faults import encoded, picture
from vision_core.data.duplicates import MAX_BITS, exact_groups, groups, near_pairs, pairs_in_runs
from vision_core.data.index import DatasetIndex, IndexBuilder
from vision_core.data.looks import perceptual_hash
from vision_core.data.survey import survey
from vision_core.images import iter_folder, open_image


def index_of(folder: Path, **files: bytes) -> DatasetIndex:
    builder = IndexBuilder()
    folder.mkdir(exist_ok=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
        builder.add_image(name)
    return builder.finish(folder, "folder")


def test_the_hash_is_the_sign_of_low_frequencies(samples: Path) -> None:
    pixels = open_image(samples / "chelsea.png").pixels
    grey = pixels.convert("L").resize((32, 32), Image.Resampling.BILINEAR)
    low = np.asarray(dctn(np.asarray(grey, np.float64)))[:8, :8]
    expected = "".join("1" if value > np.median(low) else "0" for value in low.ravel())
    assert f"{perceptual_hash(grey):064b}" == expected


CHANGES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "half": lambda image: image.resize((image.width // 2, image.height // 2)),
    "a third": lambda image: image.resize((image.width // 3, image.height // 3), Image.Resampling.BILINEAR),
    "lighter": lambda image: ImageEnhance.Brightness(image).enhance(1.08),
    "darker": lambda image: ImageEnhance.Brightness(image).enhance(0.92),
}


@pytest.fixture(scope="module")
def photos(samples: Path) -> list[Image.Image]:
    return [open_image(path).pixels for path in iter_folder(samples)]


@pytest.mark.parametrize("change", CHANGES)
def test_changed_photos_are_near_and_different_ones_are_not(
    change: str, photos: list[Image.Image], tmp_path: Path
) -> None:
    files = {f"{i}.png": encoded(photo, "PNG") for i, photo in enumerate(photos)}
    files |= {f"{i}-changed.jpg": encoded(CHANGES[change](photo), quality=60) for i, photo in enumerate(photos)}
    found = groups(index_of(tmp_path, **files))
    assert found[: len(photos)].tolist() == found[len(photos) :].tolist()
    assert len(set(found)) == len(photos)


def test_colour_tells_pictures_of_one_shape_apart(tmp_path: Path) -> None:
    shape = np.asarray(picture(1).convert("L"))
    red, blue = np.zeros((2, *shape.shape, 3), np.uint8)
    red[..., 0], blue[..., 2] = shape, shape
    found = groups(
        index_of(tmp_path, **{f"{i}.png": encoded(Image.fromarray(p), "PNG") for i, p in enumerate((red, blue))})
    )
    assert found[0] != found[1]


def test_plain_pictures_of_other_colours_differ(tmp_path: Path) -> None:
    colours = ("black", "white", "red", "grey")
    files = {f"{name}.png": encoded(Image.new("RGB", (40, 40), name), "PNG") for name in colours}
    assert len(set(groups(index_of(tmp_path, **files)))) == len(colours)


def test_exact_copies_share_a_group_and_broken_files_never_do(tmp_path: Path) -> None:
    good = encoded(picture(1))
    files = {
        "a.jpg": good,
        "b.jpg": encoded(picture(2)),
        "c.jpg": good,
        "d.jpg": b"broken",
        "e.jpg": b"broken",
        "f.jpg": b"",
    }
    seen = survey(index_of(tmp_path, **files))
    assert exact_groups(seen).tolist() == [0, 1, 0, 3, 4, 5]
    assert len(set(groups(index_of(tmp_path, **files)))) == 5


def test_no_pictures_have_no_groups(tmp_path: Path) -> None:
    assert groups(index_of(tmp_path)).shape == (0,)


@settings(deadline=None)
@given(st.lists(st.integers(0, 6), max_size=30))
def test_pairs_in_runs_are_all_pairs_of_equal_values(values: list[int]) -> None:
    keys = np.sort(np.array(values, np.int64))
    found = [(a, b) for first, second in pairs_in_runs(keys) for a, b in zip(first, second, strict=True)]
    expected = [(a, b) for b in range(len(keys)) for a in range(b) if keys[a] == keys[b]]
    assert sorted(found) == sorted(expected)


@pytest.mark.parametrize("max_bits", [0, 3, MAX_BITS, 10])
def test_near_pairs_are_those_of_brute_force(max_bits: int) -> None:
    dice = np.random.default_rng(3)
    seeds = dice.integers(0, 2**63, 20, np.uint64)
    flips = dice.integers(0, 64, (300, 12))
    hashes = seeds[dice.integers(0, 20, 300)]
    for row, count in enumerate(dice.integers(0, 12, 300)):
        for bit in flips[row, :count]:
            hashes[row] ^= np.uint64(1) << np.uint64(bit)
    distances = np.array([[bin(int(a) ^ int(b)).count("1") for b in hashes] for a in hashes])
    expected = np.argwhere(np.triu(distances <= max_bits, 1))
    found = near_pairs(hashes, np.zeros((300, 192), np.uint8), max_bits)
    assert len(expected) > 20
    np.testing.assert_array_equal(found, expected)


def test_thumbnails_must_agree_up_to_their_lightness() -> None:
    dice = np.random.default_rng(4)
    base = dice.integers(50, 200, 192).astype(np.uint8)
    thumbnails = np.stack([base, base + 15, base + 20, base + dice.integers(-12, 12, 192).astype(np.uint8)])
    pairs = near_pairs(np.zeros(4, np.uint64), thumbnails)
    assert pairs.tolist() == [[0, 1], [1, 2]]
