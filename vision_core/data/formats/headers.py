"""How large each picture is, from the first bytes of its file, without decoding it.

    index = measure(index)          # fills sizes that are missing
    upright_size_px(Path("a.jpg"))  # (640, 480)

JPEG, PNG and WebP are read here: a header takes some tens of microseconds, decoding takes milliseconds. Whatever else
it is, and whatever looks odd, is opened by `open_image`, so that both always agree on what is upright.
"""

from __future__ import annotations

import os
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyarrow as pa
from PIL import Image

from vision_core.data.formats.fields import LARGEST_EDGE_PX, set_column
from vision_core.data.index import EDGES, DatasetIndex
from vision_core.data.threads import Progress, in_order
from vision_core.data.wording import plural
from vision_core.errors import ImageError
from vision_core.images import open_image

_PNG = b"\x89PNG\r\n\x1a\n"
_HEAD_BYTES = 2**16
_TAIL_BYTES = 2**12
_WORKERS = 16  # they mostly wait for the disk
_ORIENTATION_TAG = 0x0112
_FRAME_MARKERS = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})  # SOF0 to SOF15, less three that share the range


def measure(index: DatasetIndex, progress: Progress | None = None) -> DatasetIndex:
    """The same data set with the sizes that were missing; those of unreadable pictures stay 0."""
    sizes = [index.image_column(name).copy() for name in ("width_px", "height_px")]
    missing = np.flatnonzero((sizes[0] == 0) | (sizes[1] == 0))
    if not len(missing):
        return index
    paths = [index.root / path for path in index.images["path"].take(pa.array(missing)).to_pylist()]
    with closing(in_order(upright_size_px, paths, _WORKERS)) as measured:  # cancelled means: no file is open any more
        for done, (row, size) in enumerate(zip(missing, measured, strict=True), 1):
            for column, edge in zip(sizes, size, strict=True):
                column[row] = edge
            if progress:
                progress(done, len(missing))
    images = index.images
    for name, column in zip(("width_px", "height_px"), sizes, strict=True):
        images = set_column(images, name, pa.array(column, pa.int32()))
    return replace(index, images=images)


def scale_to_pixels(index: DatasetIndex, progress: Progress | None = None) -> DatasetIndex:
    """Turns boxes given as shares of the picture's width and height into pixels, once the pictures are measured.

    Boxes of pictures of unknown size are left out, and these pictures count as never searched; a note says so.
    """
    index = measure(index, progress)
    image = index.box_column("image")
    sizes = np.stack([index.image_column("width_px"), index.image_column("height_px")] * 2, axis=1)[image]
    known = (sizes > 0).all(axis=1)
    edges = (index.boxes_xyxy.astype(np.float64) * sizes).astype(np.float32)
    boxes = index.boxes
    for name, column in zip(EDGES, edges.T, strict=True):
        boxes = set_column(boxes, name, pa.array(np.ascontiguousarray(column)))
    if known.all():
        return replace(index, boxes=boxes)
    lost = np.unique(image[~known])
    searched = index.images["annotated"].to_numpy().copy()
    searched[lost] = False
    images = set_column(index.images, "annotated", pa.array(searched))
    first = images["path"][int(lost[0])].as_py()
    note = (
        f"The boxes of {plural(len(lost), 'picture')} were left out, because they are shares of a size that is "
        f"unknown: the picture is missing or cannot be read; {first!r} first."
    )
    return replace(index, images=images, boxes=boxes.filter(pa.array(known)), notes=(*index.notes, note))


def upright_size_px(path: Path) -> tuple[int, int]:
    """Width and height of the picture as `open_image` shows it; (0, 0) when it cannot be read."""
    try:
        with open(path, "rb") as file:
            head = file.read(_HEAD_BYTES)
            size = _png_size(head, file) if head.startswith(_PNG) else _jpeg_size(head) or _webp_size(head)
        if size and min(size) > 0 and max(size) <= LARGEST_EDGE_PX:
            return size
        return open_image(path).size_px
    except (OSError, ImageError):
        return 0, 0


def _big(data: bytes, start: int, length: int) -> int:
    return int.from_bytes(data[start : start + length], "big")


def _little(data: bytes, start: int, length: int) -> int:
    return int.from_bytes(data[start : start + length], "little")


def _png_size(head: bytes, file: BinaryIO) -> tuple[int, int] | None:
    """Size of a PNG without EXIF data, which may stand before or after the pixels; None for others."""
    file.seek(max(file.seek(0, os.SEEK_END) - _TAIL_BYTES, 0))
    if head[12:16] != b"IHDR" or b"eXIf" in head or b"eXIf" in file.read():
        return None
    return _big(head, 16, 4), _big(head, 20, 4)


def _jpeg_size(head: bytes) -> tuple[int, int] | None:
    """Upright size of a JPEG whose header is plain and in `head`; None for anything else."""
    if not head.startswith(b"\xff\xd8\xff"):
        return None
    position, exif = 2, b""
    while head[position : position + 1] == b"\xff" and position + 9 <= len(head):
        marker, length = head[position + 1], _big(head, position + 2, 2)
        if marker in _FRAME_MARKERS:
            height, width = _big(head, position + 5, 2), _big(head, position + 7, 2)
            return (height, width) if _on_its_side(exif) else (width, height)
        if marker == 0xE1 and head[position + 4 : position + 10] == b"Exif\x00\x00":
            if exif:
                return None  # in several pieces, which have to be joined
            exif = head[position + 4 : position + 2 + length]
        if length < 2 or not 0xC0 <= marker <= 0xFE or 0xD0 <= marker <= 0xDA:
            return None
        position += 2 + length
    return None


def _on_its_side(exif_bytes: bytes) -> bool:
    if not exif_bytes:
        return False
    exif = Image.Exif()
    try:
        exif.load(exif_bytes)
        return exif.get(_ORIENTATION_TAG) in (5, 6, 7, 8)
    except Exception:  # as in `open_image`: damaged EXIF raises anything, and is ignored
        return False


def _webp_size(head: bytes) -> tuple[int, int] | None:
    """Size of a WebP without EXIF data; None for anything else."""
    if head[:4] != b"RIFF" or head[8:12] != b"WEBP" or len(head) < 30:
        return None
    kind = head[12:16]
    if kind == b"VP8X" and not head[20] & 0x08:
        return _little(head, 24, 3) + 1, _little(head, 27, 3) + 1
    if kind == b"VP8L" and head[20] == 0x2F:
        bits = _little(head, 21, 4)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 " and head[23:26] == b"\x9d\x01\x2a":
        return _little(head, 26, 2) & 0x3FFF, _little(head, 28, 2) & 0x3FFF
    return None
