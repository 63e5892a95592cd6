"""Sizes from headers: the same as decoding gives, for every kind of picture, and 0 for what cannot be read."""

from __future__ import annotations

import random
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from tests.data_files import picture_bytes, put
from tests.hostile_images import hostile_files
from vision_core.data.formats import measure
from vision_core.data.formats.headers import upright_size_px
from vision_core.data.index import DatasetIndex, IndexBuilder
from vision_core.errors import ImageError
from vision_core.images import open_image

FILES = [file for file in hostile_files() if file.outcome == "shown"]


@pytest.mark.parametrize("file", FILES, ids=lambda file: ascii(file.name)[:40])
def test_every_picture_that_opens_has_the_size_it_opens_with(file, tmp_path: Path) -> None:
    (tmp_path / "picture").write_bytes(file.content)
    assert upright_size_px(tmp_path / "picture") == open_image(tmp_path / "picture").size_px


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(9))
def test_orientation_turns_the_size(kind: str, orientation: int, tmp_path: Path) -> None:
    image, exif = Image.new("RGB", (40, 20)), Image.Exif()
    exif[0x0112] = orientation
    image.save(tmp_path / "a", kind, exif=exif)
    assert upright_size_px(tmp_path / "a") == open_image(tmp_path / "a").size_px
    assert upright_size_px(tmp_path / "a") == ((20, 40) if orientation > 4 else (40, 20))


def test_headers_of_hostile_files_give_a_size_or_none(tmp_path: Path) -> None:
    for number, file in enumerate(file for file in hostile_files() if file.outcome == "refused"):
        (tmp_path / str(number)).write_bytes(file.content)
        width, height = upright_size_px(tmp_path / str(number))
        assert (width == 0) == (height == 0)
        assert 0 <= width <= 1_000_000


def test_damaged_headers_never_raise(tmp_path: Path) -> None:
    dice = random.Random(5)
    for file in dice.sample(FILES, 20):
        content = bytearray(file.content)
        for _ in range(4):
            content[dice.randrange(min(len(content), 600))] = dice.randrange(256)
        (tmp_path / "picture").write_bytes(content)
        size = upright_size_px(tmp_path / "picture")
        try:
            assert size == open_image(tmp_path / "picture").size_px
        except ImageError:
            assert min(size) >= 0


def index_of(root: Path, *sizes: tuple[str, tuple[int, int]]) -> DatasetIndex:
    builder = IndexBuilder()
    for path, size in sizes:
        builder.add_image(path, size)
    return builder.finish(root, "test")


def test_only_missing_sizes_are_filled(tmp_path: Path) -> None:
    put(tmp_path, {"a.png": picture_bytes(7, 9), "b.png": picture_bytes(), "c.png": b"no picture", "d.png": b""})
    index = index_of(
        tmp_path, ("b.png", (3, 4)), ("a.png", (0, 0)), ("c.png", (0, 0)), ("d.png", (0, 0)), ("e.png", (0, 0))
    )
    told: list[tuple[int, int]] = []
    measured = measure(index, lambda done, total: told.append((done, total)))
    assert measured.image_column("width_px").tolist() == [3, 7, 0, 0, 0]
    assert measured.image_column("height_px").tolist() == [4, 9, 0, 0, 0]
    assert told == [(i, 4) for i in range(1, 5)]
    assert index.image_column("width_px").tolist() == [3, 0, 0, 0, 0]


def test_a_photo_with_a_large_header_is_measured(tmp_path: Path) -> None:
    """Thumbnails, maker notes and colour profiles can put the size behind the first 64 KiB."""
    image, target = Image.new("RGB", (90, 60)), BytesIO()
    image.save(target, "JPEG", icc_profile=bytes(300_000))
    (tmp_path / "a.jpg").write_bytes(target.getvalue())
    assert upright_size_px(tmp_path / "a.jpg") == (90, 60)
