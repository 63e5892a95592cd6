"""One look at one picture file: can it be decoded, what does it hold, and what does it resemble?

Sound JPEGs, which most data sets consist of, are decoded to an eighth of their size: every byte is still read and every
coefficient decoded, so damage shows, but most of the arithmetic is saved. Everything else, and every doubt, goes to
`open_image`, whose sentence is then the reason.
"""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass
from enum import IntEnum
from functools import cache
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from vision_core.errors import ImageError
from vision_core.image_colour import to_srgb
from vision_core.image_formats import picture_kind, probe
from vision_core.images import ImageLimits, open_image

THUMBNAIL_EDGE = 8
_HASHED_EDGE, _FREQUENCIES = 32, 8
_REDUCED_EDGE = 64  # least edge of a JPEG decoded small; at 32 a copy at half the size no longer hashes alike
_ORIENTATION_TAG = 0x0112


class State(IntEnum):
    """What became of opening a picture."""

    READABLE = 0
    MISSING = 1
    EMPTY = 2
    NOT_A_PICTURE = 3
    DAMAGED = 4
    HUGE = 5


@dataclass(frozen=True)
class Look:
    """What one file told.

    Attributes:
        reason: why it could not be opened, one sentence; "" when it could.
        kind: the format of the bytes, whatever the name says: JPEG, PNG, ….
        size_px: width and height of the upright picture.
        orientation: the EXIF orientation, 1 to 8; 1 is upright.
        sha256: of the file.
        fingerprint: see `perceptual_hash`.
        thumbnail: the upright picture in 8 x 8 RGB.
    """

    state: State
    reason: str = ""
    kind: str = ""
    size_px: tuple[int, int] = (0, 0)
    orientation: int = 1
    sha256: bytes = b""
    fingerprint: int = 0
    thumbnail: bytes = bytes(THUMBNAIL_EDGE**2 * 3)


def look(path: Path, limits: ImageLimits) -> Look:
    """Opens one picture and decodes all of it; never raises for what is wrong with it."""
    seen = _look_at_jpeg(path, limits)
    if seen is not None:
        return seen
    try:
        picture = open_image(path, limits=limits)
    except ImageError as error:
        return Look(_why_refused(path, limits), str(error).rstrip("."))
    small = _hashed_size(picture.pixels)
    return Look(
        State.READABLE,
        kind=picture.format,
        size_px=picture.size_px,
        orientation=_exif_orientation(path),
        sha256=bytes.fromhex(picture.sha256),
        fingerprint=perceptual_hash(small),
        thumbnail=_thumbnail(small),
    )


def perceptual_hash(picture: Image.Image) -> int:
    """64 bits that stay nearly the same when a picture is saved again, scaled, or made a little lighter.

    The signs of its 8 x 8 lowest frequencies (DCT-II of the grey picture at 32 x 32) against their median, row by row;
    the "pHash" of C. Zauner, Implementation and Benchmarking of Perceptual Image Hash Functions, 2010.
    """
    grey = np.asarray(_hashed_size(picture).convert("L"), np.float32)
    waves = _cosines()
    frequencies = waves @ grey @ waves.T
    middle = np.sort(frequencies, axis=None)[_FREQUENCIES**2 // 2 - 1 :][:2].mean()  # np.median takes ten times as long
    return int.from_bytes(np.packbits(frequencies > middle).tobytes(), "big")


@cache
def _cosines() -> np.ndarray:
    """The first rows of the DCT-II matrix, `(8, 32)`."""
    places = (2 * np.arange(_HASHED_EDGE) + 1) * np.pi / (2 * _HASHED_EDGE)
    return np.cos(np.arange(_FREQUENCIES)[:, None] * places).astype(np.float32)


def _hashed_size(picture: Image.Image) -> Image.Image:
    size = (_HASHED_EDGE, _HASHED_EDGE)
    return picture if picture.size == size else picture.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)


def _thumbnail(small: Image.Image) -> bytes:
    return small.reduce(_HASHED_EDGE // THUMBNAIL_EDGE).tobytes()


def _look_at_jpeg(path: Path, limits: ImageLimits) -> Look | None:
    """A look at a sound JPEG within the limits; None for every other file."""
    try:
        about = os.stat(path)
        if not stat.S_ISREG(about.st_mode) or about.st_size > limits.max_bytes:
            return None
        data = path.read_bytes()
        if picture_kind(data) != "JPEG":
            return None
        probed = probe(data)
        with Image.open(BytesIO(data), formats=("JPEG",)) as image:
            pixels = image.width * image.height
            if pixels > limits.max_pixels or pixels * probed.scans > limits.max_scan_pixels:
                return None
            width, height = image.size
            orientation = _orientation(image)
            image.draft("RGB", (_REDUCED_EDGE, _REDUCED_EDGE))
            image.load()
            upright = ImageOps.exif_transpose(image) if orientation > 1 else image
            small = _hashed_size(to_srgb(upright)[0])
    except Exception:  # decoders raise anything on a damaged file; `open_image` says what is wrong with it
        return None
    return Look(
        State.READABLE,
        kind="JPEG",
        size_px=(height, width) if orientation >= 5 else (width, height),
        orientation=orientation,
        sha256=hashlib.sha256(data).digest(),
        fingerprint=perceptual_hash(small),
        thumbnail=_thumbnail(small),
    )


def _orientation(header: Image.Image) -> int:
    """1 to 8; 1 as well where the EXIF data says nothing sensible."""
    orientation = header.getexif().get(_ORIENTATION_TAG, 1)
    return orientation if orientation in range(1, 9) else 1


def _exif_orientation(path: Path) -> int:
    """Of a picture known to be sound, whose EXIF data need not be."""
    try:
        with Image.open(path) as header:
            return _orientation(header)
    except Exception:  # damaged EXIF raises as freely as damaged pixels
        return 1


def _why_refused(path: Path, limits: ImageLimits) -> State:
    """Which of the states is why `open_image` refused a file."""
    if not path.is_file():
        return State.MISSING
    size = os.stat(path).st_size
    if size == 0:
        return State.EMPTY
    if size > limits.max_bytes:
        return State.HUGE
    try:
        with open(path, "rb") as file:
            if picture_kind(file.read(512)) is None:
                return State.NOT_A_PICTURE
        with Image.open(path) as header:
            return State.HUGE if header.width * header.height > limits.max_pixels else State.DAMAGED
    except Image.DecompressionBombError:
        return State.HUGE
    except Exception:  # the header of a damaged file raises anything, as does a file that may not be read
        return State.DAMAGED
