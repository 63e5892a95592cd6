"""A picture becomes a network's input: resized as the weights' own libraries do, then one tensor operation.

`Preprocessing` (in `types`) says how; this file does it, and knows the way back from the network's pixels to the
picture's. Resizing is torch's 8-bit kernel on Pillow's own memory: within two grey levels of Pillow, four to ten times
as quick on a large photo.
"""

from __future__ import annotations

import ctypes
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow
from PIL import Image

from vision_core.types import Preprocessing

if TYPE_CHECKING:
    import torch

_FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
# Beyond this aspect a picture is resized by Pillow, which shrinks a long edge before it widens the short one: eight
# by ten million pixels would take gigabytes otherwise. `reducing_gap` first shrinks by whole pixels to three times the
# target; the difference is below one grey level.
_LONGEST_ASPECT = 8
_REDUCING_GAP = 3.0
_LARGE_PX = 4_000_000

# One block of memory a picture, so that torch can look at it without a copy; by default Pillow cuts pictures of more
# than four megapixels into blocks of 16 MiB.
Image.core.set_block_size(1 << 30)


@dataclass(frozen=True)
class Placement:
    """Where the picture lies in the network's input.

    `scale_x`, `scale_y`: input pixels per picture pixel. `left`, `top`: input pixels cut off (crop). A letterboxed
    picture starts at the input's top left corner, so it needs no offset.
    """

    scale_x: float
    scale_y: float
    left: float = 0.0
    top: float = 0.0

    def to_picture(self, boxes_xyxy: np.ndarray) -> np.ndarray:
        """Boxes `(N, 4)` from input pixels to picture pixels."""
        offset = np.asarray([self.left, self.top] * 2, np.float32)
        return (boxes_xyxy + offset) / np.asarray([self.scale_x, self.scale_y] * 2, np.float32)


def sized(how: Preprocessing, input_size_px: int | None) -> Preprocessing:
    """The same preprocessing for another input size; the margin around a classifier's crop grows along.

    Args:
        input_size_px: None: as it is.
    """
    if input_size_px is None or input_size_px == how.size_px:
        return how
    ratio = input_size_px / how.size_px
    return replace(
        how,
        size_px=input_size_px,
        resize_px=None if how.resize_px is None or how.mode != "crop" else round(how.resize_px * ratio),
        max_size_px=None if how.max_size_px is None else round(how.max_size_px * ratio),
    )


def scaled_size(how: Preprocessing, width_px: int, height_px: int) -> tuple[int, int]:
    """Width and height to which the whole picture is resized, before any crop or padding.

    Rounds as the libraries that trained the weights do: torchvision and timm cut the long edge's fraction off.
    """
    short, long = min(width_px, height_px), max(width_px, height_px)
    if how.mode == "squash":
        return how.size_px, how.size_px
    if how.mode == "crop":
        scale = (how.resize_px or how.size_px) / short
        return _cut(width_px, short, scale), _cut(height_px, short, scale)
    if how.mode == "shortest":
        scale = min(how.size_px / short, (how.max_size_px or 10**9) / long)
        return max(1, int(width_px * scale)), max(1, int(height_px * scale))
    scale = how.size_px / long
    return max(1, round(width_px * scale)), max(1, round(height_px * scale))


def _cut(edge: int, short: int, scale: float) -> int:
    """An edge as torchvision's Resize computes it: `int(size * long / short)`, exact for the short one."""
    return round(short * scale) if edge == short else int(round(short * scale) * edge / short)


def placement(how: Preprocessing, width_px: int, height_px: int) -> Placement:
    """Where a picture of this size lies in the input that `resized` makes of it."""
    width, height = scaled_size(how, width_px, height_px)
    left = top = 0.0
    if how.mode == "crop":
        left, top = _centred(width, how.size_px), _centred(height, how.size_px)
    return Placement(width / width_px, height / height_px, left, top)


def _centred(edge: int, size: int) -> int:
    """Where a centred crop of `size` starts, negative where it is padded; rounds as torchvision's CenterCrop."""
    return round((edge - size) / 2.0) if edge >= size else -((size - edge) // 2)


def resized(image: Image.Image, how: Preprocessing) -> np.ndarray:
    """The network's input `(H, W, 3)` uint8 of an RGB picture."""
    width, height = scaled_size(how, image.width, image.height)
    if how.mode == "crop":
        return _resized_crop(image, how, width, height)
    pixels = _scaled(image, width, height, how)
    if how.mode == "letterbox" and (width, height) != (how.size_px, how.size_px):
        padded = np.full((how.size_px, how.size_px, 3), how.pad_value, np.uint8)
        padded[:height, :width] = pixels
        return padded
    return pixels


def _resized_crop(image: Image.Image, how: Preprocessing, width: int, height: int) -> np.ndarray:
    """Shortest edge to `resize_px`, then the centre; of a long strip only the part that stays is computed."""
    size, where = how.size_px, placement(how, image.width, image.height)
    left, top = int(where.left), int(where.top)
    if left < 0 or top < 0:  # the crop is larger than the resized picture: pad with black, as torchvision
        canvas = np.zeros((size, size, 3), np.uint8)
        part = _scaled(image, width, height, how)[max(0, top) :, max(0, left) :]
        left, top = max(0, -left), max(0, -top)
        part = part[: size - top, : size - left]
        canvas[top : top + part.shape[0], left : left + part.shape[1]] = part
        return canvas
    if not _is_strip(image):
        return _scaled(image, width, height, how)[top : top + size, left : left + size]
    box = (
        left / where.scale_x,
        top / where.scale_y,
        min((left + size) / where.scale_x, image.width),
        min((top + size) / where.scale_y, image.height),
    )
    resample = _FILTERS[how.interpolation]
    return np.asarray(image.resize((size, size), resample, box=box, reducing_gap=_REDUCING_GAP))


def _is_strip(image: Image.Image) -> bool:
    return max(image.size) > _LONGEST_ASPECT * min(image.size)


def _scaled(image: Image.Image, width: int, height: int, how: Preprocessing) -> np.ndarray:
    """The whole picture at that size, `(height, width, 3)` uint8."""
    if _is_strip(image):
        return np.asarray(image.resize((width, height), _FILTERS[how.interpolation], reducing_gap=_REDUCING_GAP))
    memory, pixels = _shared_pixels(image)
    small = _interpolate(pixels, height, width, how.interpolation)
    del memory
    # Pillow drops the fourth byte ten times as quickly as NumPy's slicing
    rgbx = Image.frombuffer("RGBX", (width, height), small[0].permute(1, 2, 0).numpy(), "raw", "RGBX", 0, 1)
    return np.frombuffer(rgbx.tobytes("raw", "RGB"), np.uint8).reshape(height, width, 3)


def _interpolate(pixels: torch.Tensor, height: int, width: int, mode: str) -> torch.Tensor:
    """uint8 `(1, 4, H, W)` to `(1, 4, height, width)`, antialiased: rows first, then columns, as Pillow does.

    torch's kernel runs in one thread. The rows of a large picture do not depend on each other, so bands of them are
    shortened side by side; the result is the same to the bit.
    """
    import torch
    from torch.nn.functional import interpolate

    rows, workers = pixels.shape[2], torch.get_num_threads()
    if workers > 1 and rows * pixels.shape[3] >= _LARGE_PX:
        bands = pixels.tensor_split(min(workers, 8), dim=2)
        with ThreadPoolExecutor(len(bands)) as pool:
            shortened = pool.map(
                lambda band: interpolate(band, size=(band.shape[2], width), mode=mode, antialias=True), bands
            )
            pixels = torch.cat(list(shortened), dim=2)
    return interpolate(pixels, size=(height, width), mode=mode, antialias=True)


def _shared_pixels(image: Image.Image) -> tuple[object, torch.Tensor]:
    """The pixels `(1, 4, H, W)` of an RGB picture, where Pillow keeps them, and what keeps that memory alive.

    Pillow stores four bytes a pixel; the last one means nothing. Pixels in several blocks of memory are copied first.
    """
    import torch

    try:
        buffer = pyarrow.array(image).values.buffers()[1]
    except ValueError:  # "Image rows are not contiguous in memory."
        buffer = pyarrow.py_buffer(image.convert("RGBA").tobytes())
    # torch warns of read-only buffers; these are only read
    memory = (ctypes.c_uint8 * buffer.size).from_address(buffer.address)
    pixels = torch.frombuffer(memory, dtype=torch.uint8).view(1, image.height, image.width, 4).permute(0, 3, 1, 2)
    return buffer, pixels


def as_tensor(pixels: np.ndarray, how: Preprocessing, device: torch.device) -> torch.Tensor:
    """uint8 `(B, H, W, 3)` as a normalised float32 batch `(B, 3, H, W)`, channels last in memory."""
    import torch

    count, height, width, _ = pixels.shape
    # Rows of the batch, not single pixels: a loop over three channels would be several times slower
    rows = torch.from_numpy(np.require(pixels, requirements=["C", "W"]).reshape(count * height, width * 3))
    if device.type == "cuda":
        rows = rows.pin_memory().to(device, non_blocking=True)
    scale = torch.tensor([1 / (255 * s) for s in how.std], device=device).repeat(width)
    shift = torch.tensor([-m / s for m, s in zip(how.mean, how.std, strict=True)], device=device).repeat(width)
    batch = torch.addcmul(shift, rows.to(torch.float32), scale)
    return batch.view(count, height, width, 3).permute(0, 3, 1, 2)
