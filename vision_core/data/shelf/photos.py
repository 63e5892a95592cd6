"""The product photos: 10,000 grey pictures of Fashion-MNIST, dealt to the splits, and cut out of their background.

Raw data: `assets/fashion_mnist`, the test split in the IDX format (Xiao, Rasul and Vollgraf 2017, MIT).
"""

from __future__ import annotations

import gzip
import zlib
from functools import cache
from pathlib import Path

import numpy as np

from vision_core.data.shelf.grids import enlarge

CLASS_NAMES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
SPLITS = ("train", "val", "test")
SIDE_PX = 28
ENLARGED = 2  # a cut-out is this many times as large as its photo
OUTLINE = 0.42  # coverage along the edge of a cut-out
MARGIN_PX = 3  # empty border put around a photo first, so that a cut-out and its shadow end in nothing

_FOLDER = Path(__file__).parents[2] / "assets" / "fashion_mnist"
_CYCLE = ("train", "train", "val", "train", "train", "test", "train")
_FAINTEST = 14  # grey levels up to this are the photo's background
_DARK_PRODUCT = 64  # grey level; below, an edge is as likely noise
_OPENWORK = ("Trouser", "Sandal", "Bag")  # gaps between legs and straps show what is behind
_SHARPENING = 0.35  # part of the difference to the neighbourhood that is added: 28 pixels become a hundred and more
_LEAST_CONTRAST = 70  # grey levels; plain products are not stretched beyond it, that would show noise only


@cache
def photos() -> np.ndarray:
    """`(10000, 28, 28)` uint8, product bright on black (the photos are negatives)."""
    data = gzip.decompress((_FOLDER / "t10k-images-idx3-ubyte.gz").read_bytes())
    return np.frombuffer(data, np.uint8, offset=16).reshape(-1, SIDE_PX, SIDE_PX)


@cache
def photo_classes() -> np.ndarray:
    """`(10000,)` uint8: the class of each photo, an index into `CLASS_NAMES`."""
    data = gzip.decompress((_FOLDER / "t10k-labels-idx1-ubyte.gz").read_bytes())
    return np.frombuffer(data, np.uint8, offset=8)


def split_of(number: int) -> str:
    """The split of scene `number`, or of photos with that checksum: five of seven train, one val, one test."""
    return _CYCLE[number % len(_CYCLE)]


@cache
def photos_of(split: str) -> tuple[tuple[int, ...], ...]:
    """For each class the numbers of the photos that belong to `split`: about 714, 143 and 143 of a thousand.

    A photo's checksum decides, so a photo and an exact copy of it could never lie on two sides.
    """
    mine = _photo_splits() == split
    return tuple(
        tuple(np.flatnonzero(mine & (photo_classes() == class_id)).tolist()) for class_id in range(len(CLASS_NAMES))
    )


@cache
def _photo_splits() -> np.ndarray:
    return np.asarray([split_of(zlib.crc32(photo.data)) for photo in photos()])


def cut_out(number: int) -> np.ndarray:
    """Photo `number` cut down to its product and `MARGIN_PX` around, twice as large.

    Returns:
        `(3, h, w)` float32: shade (0 dark to 1 light, as the product really looks; may overshoot), coverage (the
        outline is where it is `OUTLINE`), and a wide soft coverage 0..1 for shadows and relief.
    """
    photo = photos()[number]
    rows, columns = (np.flatnonzero((photo > _FAINTEST).any(axis=axis)) for axis in (1, 0))
    photo = np.pad(photo[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1], MARGIN_PX).astype(np.float32)
    inside = _filled(photo > _FAINTEST, openwork=CLASS_NAMES[photo_classes()[number]] in _OPENWORK)
    core = _spread(inside, np.logical_and)
    shade = _shade(_without_fringe(photo, core & (photo > _FAINTEST)), inside)
    soft = _blurred(_blurred(inside.astype(np.float32)))
    return enlarge(np.stack([shade, _coverage(photo, inside, core), soft]), ENLARGED)


def _spread(grid: np.ndarray, combine: np.ufunc) -> np.ndarray:
    """Each place combined with its eight neighbours, first down, then across; outside there is nothing."""
    for _ in range(2):
        result = grid.copy()
        combine(result[1:], grid[:-1], out=result[1:])
        combine(result[:-1], grid[1:], out=result[:-1])
        grid = result.T
    return grid


def _blurred(grid: np.ndarray) -> np.ndarray:
    """The mean of each 3 x 3 neighbourhood."""
    return _spread(grid, np.add) / np.float32(9)


def _filled(inside: np.ndarray, openwork: bool) -> np.ndarray:
    """A mask without the holes that white prints leave: what the product surrounds on all four sides belongs to it.

    Args:
        openwork: only gaps of up to two pixels; wider ones are real.
    """
    surrounded = np.ones_like(inside)
    for product, seen in ((inside, surrounded), (inside.T, surrounded.T)):
        seen &= np.logical_or.accumulate(product) & np.logical_or.accumulate(product[::-1])[::-1]
    if openwork:
        surrounded &= _spread(_spread(inside, np.logical_or), np.logical_and)
    return inside | surrounded


def _shade(grey: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Grey levels of a negative as 0 (dark) to 1 (light), stretched to the product's own range and sharpened."""
    levels = np.sort(grey[inside])
    low, high = levels[len(levels) // 20], levels[-1 - len(levels) // 20]
    spare = max(_LEAST_CONTRAST - (high - low), 0) / 2
    shade = (high + spare - grey) / (high - low + 2 * spare)
    return np.clip(shade + _SHARPENING * (shade - _blurred(shade)), 0, 1)


def _without_fringe(photo: np.ndarray, known: np.ndarray) -> np.ndarray:
    """The photo with its known greys carried outwards, so that no edge mixes with the black around it."""
    grey = np.where(known, photo, 0)
    for _ in range(2):
        grey = np.where(known, grey, _spread(grey, np.maximum))
        known = _spread(known, np.logical_or)
    return np.where(known, grey, photo)


def _coverage(photo: np.ndarray, inside: np.ndarray, core: np.ndarray) -> np.ndarray:
    """How much of each pixel is product: along its outline, how bright it is beside its brightest neighbour."""
    brightest = np.maximum(_spread(photo, np.maximum), _DARK_PRODUCT)
    covered = np.where(core | (inside & (photo <= _FAINTEST)), np.float32(1), photo / brightest)
    return (covered + _blurred(covered)) / 2
