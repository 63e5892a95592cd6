"""A picture as training sees it: cropped, mirrored, tilted and tinted at random, its boxes moving along.

    how = get_spec("yolov9t").preprocessing
    for sample in preview(Sample(image, boxes_xyxy, class_ids), AUGMENTATIONS["light"], how):
        sample.image, sample.boxes_xyxy, sample.class_ids

All chance comes from a generator that the caller gives, never from torch's own: the same seed draws the same sample in
any thread, worker process or order. Resizing is the prediction's own, so that training and prediction see alike.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from vision_core.boxes import box_area, clip_boxes
from vision_core.errors import SettingsError
from vision_core.preprocess import placement, resized, scaled_size
from vision_core.types import Preprocessing

SMALLEST_SIDE_PX = 1.0
"""A box with a shorter side, in pixels of the network's input, teaches nothing and is dropped."""
_CORNER_GREY = 114  # what a tilt uncovers; the letterbox's own grey
# RGB to lightness and two axes of colour, as NTSC television had them: a grey is (lightness, 0, 0).
_YIQ = np.array([[0.299, 0.587, 0.114], [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])

_ALLOWED = {
    "smallest_crop": (0.01, 1.0),
    "stretch": (1.0, 4.0),
    "tilt_deg": (0.0, 45.0),
    "brightness": (0.0, 1.0),
    "contrast": (0.0, 1.0),
    "saturation": (0.0, 1.0),
    "hue": (0.0, 0.5),
    "smallest_visible": (0.0, 1.0),
}


class Sample(NamedTuple):
    """An RGB picture and its objects.

    `boxes_xyxy`: `(N, 4)` float32 in pixels of `image`; `class_ids`: `(N,)` int64. A classifier's has none.
    """

    image: Image.Image
    boxes_xyxy: np.ndarray = np.zeros((0, 4), np.float32)
    class_ids: np.ndarray = np.zeros(0, np.int64)


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """How far chance may change a picture; the values themselves say "not at all".

    Attributes:
        mirror: left and right change places in half of the samples. Not for writing, or where the side matters.
        smallest_crop: the least share of the picture's area that is kept, 0.01..1. Kept is a random part of it.
        stretch: how many times wider or higher a part may become, 1..4.
        tilt_deg: most degrees of rotation either way, 0..45. A tilted object's box is that around its tilted box.
        brightness, contrast, saturation: factors drawn from 1 - value to 1 + value, 0..1.
        hue: most turns of the colour circle either way, 0..0.5.
        smallest_visible: boxes of which less than this share of the area is left are dropped, 0..1.

    Raises:
        SettingsError: a value outside its range.
    """

    mirror: bool = False
    smallest_crop: float = 1.0
    stretch: float = 1.0
    tilt_deg: float = 0.0
    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0
    hue: float = 0.0
    smallest_visible: float = 0.25

    def __post_init__(self) -> None:
        for name, (low, high) in _ALLOWED.items():
            value = getattr(self, name)
            if not low <= value <= high:  # also false for NaN
                raise SettingsError(f"{name} of the augmentation is {value}; allowed is {low:g} to {high:g}.")


AUGMENTATIONS: Mapping[str, Augmentation] = MappingProxyType(
    {
        "none": Augmentation(),
        "light": Augmentation(
            mirror=True, smallest_crop=0.6, stretch=1.2, brightness=0.2, contrast=0.2, saturation=0.2, hue=0.02
        ),
        "strong": Augmentation(
            mirror=True,
            smallest_crop=0.3,
            stretch=1.33,
            tilt_deg=5.0,  # a square's box grows by 8 %; ten degrees would make it 16 %, most of it background
            brightness=0.4,
            contrast=0.4,
            saturation=0.4,
            hue=0.05,
        ),
    }
)
"""Presets by strength."""


def preview(
    sample: Sample, augmentation: Augmentation, how: Preprocessing, count: int = 12, seed: int = 0
) -> list[Sample]:
    """The same picture `count` times, each as a network might be shown it; one seed gives the same ones again."""
    return [augment(sample, augmentation, how, np.random.default_rng([seed, number])) for number in range(count)]


def augment(sample: Sample, augmentation: Augmentation, how: Preprocessing, random: np.random.Generator) -> Sample:
    """One random version of the sample, at the size of the network's input.

    Args:
        how: the network's preprocessing. A classifier's centre crop (mode `crop`) gives way to a random one, unless
            `smallest_crop` is 1.

    Returns:
        A picture that only needs normalising, and the boxes that are still to be seen, cut at its edges.

    Raises:
        ValueError: not one class id a box.
    """
    if len(sample.boxes_xyxy) != len(sample.class_ids):
        raise ValueError(f"{len(sample.boxes_xyxy)} boxes with {len(sample.class_ids)} class ids")
    image = sample.image
    boxes = clip_boxes(np.asarray(sample.boxes_xyxy, np.float32).reshape(-1, 4), *image.size)
    if augmentation.smallest_crop < 1:
        left, top, right, bottom = _region(image.size, augmentation, how, random)
        image = image.crop((left, top, right, bottom))
        boxes = boxes - np.asarray([left, top, left, top], np.float32)
        if how.mode == "crop":
            how = replace(how, mode="squash")
    where = placement(how, *image.size)
    boxes = boxes * np.array([where.scale_x, where.scale_y] * 2) - np.array([where.left, where.top] * 2)
    canvas = Image.fromarray(resized(image, how))
    size = scaled_size(how, *image.size) if how.mode == "letterbox" else canvas.size  # without its padding
    content, boxes = _move(canvas.crop((0, 0, *size)), boxes, augmentation, random)
    canvas.paste(_tint(content, augmentation, random))
    boxes, kept = _visible(boxes, *size, augmentation.smallest_visible)
    return Sample(canvas, boxes, np.asarray(sample.class_ids, np.int64)[kept])


def _region(
    size_px: tuple[int, int], augmentation: Augmentation, how: Preprocessing, random: np.random.Generator
) -> tuple[int, int, int, int]:
    """A random part of the picture: left, top, right, bottom in whole pixels.

    Its area is a share of the picture's, its aspect the picture's or, for a classifier's square input, 1; both vary.
    As torchvision's `RandomResizedCrop`, but a part that does not fit is made smaller instead of drawn again.
    """
    width, height = size_px
    area = width * height * random.uniform(augmentation.smallest_crop, 1)
    aspect = (1 if how.mode == "crop" else width / height) * augmentation.stretch ** random.uniform(-1, 1)
    part_width, part_height = math.sqrt(area * aspect), math.sqrt(area / aspect)
    fit = min(1, width / part_width, height / part_height)
    part_width, part_height = max(1, round(part_width * fit)), max(1, round(part_height * fit))
    left, top = int(random.integers(width - part_width + 1)), int(random.integers(height - part_height + 1))
    return left, top, left + part_width, top + part_height


def _move(
    image: Image.Image, boxes_xyxy: np.ndarray, augmentation: Augmentation, random: np.random.Generator
) -> tuple[Image.Image, np.ndarray]:
    """Mirrors and tilts; boxes `(N, 4)` follow, also beyond the picture's edges."""
    import torch
    from torchvision import tv_tensors
    from torchvision.transforms import v2

    moving: Any = v2.functional  # annotated for tensors only; it takes pictures and boxes too
    make_boxes: Any = tv_tensors.BoundingBoxes
    # No clamping: the whole box is needed to tell how much of it can still be seen
    canvas_size = image.height, image.width
    boxes = make_boxes(
        torch.tensor(boxes_xyxy, dtype=torch.float32), format="XYXY", canvas_size=canvas_size, clamping_mode=None
    )
    if augmentation.mirror and random.random() < 0.5:
        image, boxes = moving.horizontal_flip(image), moving.horizontal_flip(boxes)
    if augmentation.tilt_deg:
        angle = random.uniform(-augmentation.tilt_deg, augmentation.tilt_deg)
        image = moving.rotate(image, angle, v2.InterpolationMode.BILINEAR, fill=[_CORNER_GREY] * 3)
        boxes = moving.rotate(boxes, angle)
    return image, boxes.numpy()


def _tint(image: Image.Image, augmentation: Augmentation, random: np.random.Generator) -> Image.Image:
    """Light and colour changed at random, all in one step: a matrix on every pixel's RGB.

    Quicker than torchvision's four steps, of which hue takes most. Brightness, contrast and saturation mean
    the same; hue turns the plane of colours of equal lightness (YIQ), as SVG's `hueRotate` does.
    """
    if not any((augmentation.brightness, augmentation.contrast, augmentation.saturation, augmentation.hue)):
        return image
    most = augmentation.brightness, augmentation.contrast, augmentation.saturation
    brightness, contrast, saturation = (random.uniform(1 - value, 1 + value) for value in most)
    turn = 2 * math.pi * random.uniform(-augmentation.hue, augmentation.hue)
    cosine, sine = saturation * math.cos(turn), saturation * math.sin(turn)
    colours = np.linalg.inv(_YIQ) @ np.array([[1, 0, 0], [0, cosine, -sine], [0, sine, cosine]]) @ _YIQ
    grey = float(np.asarray(image).reshape(-1, 3).mean(axis=0) @ _YIQ[0])
    shift = np.full((3, 1), (1 - contrast) * brightness * grey)
    matrix = np.hstack([brightness * contrast * colours, shift])
    rows: Any = tuple(matrix.ravel().tolist())
    return image.convert("RGB", rows)


def _visible(
    boxes_xyxy: np.ndarray, width_px: int, height_px: int, smallest_share: float
) -> tuple[np.ndarray, np.ndarray]:
    """The boxes cut at the picture's edges of which enough is left, and where they stood `(K,)`."""
    cut = clip_boxes(boxes_xyxy, width_px, height_px)
    long_enough = (cut[:, 2:] - cut[:, :2] >= SMALLEST_SIDE_PX).all(axis=1)
    kept = np.flatnonzero(long_enough & (box_area(cut) >= smallest_share * box_area(boxes_xyxy)))
    return cut[kept], kept
