"""A picture becomes a network's input: resized by Pillow, then one tensor operation.

`Preprocessing` (in `types`) says how; this file does it, and knows the way back from the network's pixels to the
picture's. On a large photo only the part that the network will see is resized.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from vision_core.types import Preprocessing

if TYPE_CHECKING:
    import torch

_FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
# Pillow first shrinks by whole pixels to three times the target; the difference is below one grey level.
_REDUCING_GAP = 3.0


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
    resample = _FILTERS[how.interpolation]
    if how.mode == "crop":
        return _resized_crop(image, how, width, height)
    pixels = np.asarray(image.resize((width, height), resample, reducing_gap=_REDUCING_GAP))
    if how.mode == "letterbox" and (width, height) != (how.size_px, how.size_px):
        padded = np.full((how.size_px, how.size_px, 3), how.pad_value, np.uint8)
        padded[:height, :width] = pixels
        return padded
    return pixels


def _resized_crop(image: Image.Image, how: Preprocessing, width: int, height: int) -> np.ndarray:
    """Resize and centre crop in one: only the pixels that stay are computed, and they are the same ones."""
    size, where = how.size_px, placement(how, image.width, image.height)
    resample = _FILTERS[how.interpolation]
    if where.left < 0 or where.top < 0:  # the crop is larger than the resized picture: pad with black, as torchvision
        whole = np.asarray(image.resize((width, height), resample, reducing_gap=_REDUCING_GAP))
        canvas = np.zeros((size, size, 3), np.uint8)
        left, top = max(0, -int(where.left)), max(0, -int(where.top))
        part = whole[max(0, int(where.top)) :, max(0, int(where.left)) :][: size - top, : size - left]
        canvas[top : top + part.shape[0], left : left + part.shape[1]] = part
        return canvas
    box = (
        where.left / where.scale_x,
        where.top / where.scale_y,
        min((where.left + size) / where.scale_x, image.width),
        min((where.top + size) / where.scale_y, image.height),
    )
    return np.asarray(image.resize((size, size), resample, box=box, reducing_gap=_REDUCING_GAP))


def as_tensor(pixels: np.ndarray, how: Preprocessing, device: torch.device) -> torch.Tensor:
    """uint8 `(B, H, W, 3)` as a normalised float32 batch `(B, 3, H, W)`, channels last in memory."""
    import torch

    batch = torch.from_numpy(np.require(pixels, requirements=["C", "W"]))  # Pillow's arrays are read-only: copied
    if device.type == "cuda":
        batch = batch.pin_memory().to(device, non_blocking=True)
    scale = torch.tensor([1 / (255 * s) for s in how.std], device=device)
    shift = torch.tensor([-m / s for m, s in zip(how.mean, how.std, strict=True)], device=device)
    return (batch.to(torch.float32) * scale + shift).permute(0, 3, 1, 2)
