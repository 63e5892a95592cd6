"""Four pictures as one: more objects, sizes and backgrounds in every step of a detector's training.

As in YOLOv4 (Bochkovskiy et al. 2020, arXiv:2004.10934, section 3.3): the four meet at a random point.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from vision_core.boxes import box_area, clip_boxes
from vision_core.data.augment import SMALLEST_SIDE_PX, Sample

GREY = (114, 114, 114)
SMALLEST_VISIBLE = 0.25


def mosaic(samples: Sequence[Sample], size_px: int, random: np.random.Generator) -> Sample:
    """One sample of `2 size_px` squared made of four, which meet somewhere in its middle half.

    Every picture is scaled to half to one and a half times `size_px` along its longest edge, keeps its aspect, and
    is cut where it leaves the canvas. Boxes of which less than a quarter stays are dropped.

    Raises:
        ValueError: not four samples.
    """
    if len(samples) != 4:
        raise ValueError(f"a mosaic is made of 4 samples, not {len(samples)}")
    edge = 2 * size_px
    middle_x, middle_y = (int(random.uniform(0.25, 0.75) * edge) for _ in range(2))
    canvas = Image.new("RGB", (edge, edge), GREY)
    boxes, ids = [np.zeros((0, 4), np.float32)], [np.zeros(0, np.int64)]
    for place, sample in enumerate(samples):
        scale = random.uniform(0.5, 1.5) * size_px / max(sample.image.size)
        width, height = (max(1, round(side * scale)) for side in sample.image.size)
        left = middle_x - width if place in (0, 2) else middle_x
        top = middle_y - height if place < 2 else middle_y
        part = (
            0 if place in (0, 2) else middle_x,
            0 if place < 2 else middle_y,
            middle_x if place in (0, 2) else edge,
            middle_y if place < 2 else edge,
        )
        small = sample.image.resize((width, height), Image.Resampling.BILINEAR, reducing_gap=2.0)
        inside = (max(left, part[0]), max(top, part[1]), min(left + width, part[2]), min(top + height, part[3]))
        cut = small.crop((inside[0] - left, inside[1] - top, inside[2] - left, inside[3] - top))
        canvas.paste(cut, inside[:2])
        factors = np.array([width / sample.image.width, height / sample.image.height] * 2)
        moved = np.asarray(sample.boxes_xyxy, np.float64).reshape(-1, 4) * factors + np.array([left, top] * 2)
        shown = moved.clip([inside[0], inside[1]] * 2, [inside[2], inside[3]] * 2)
        kept = (shown[:, 2:] - shown[:, :2] >= SMALLEST_SIDE_PX).all(axis=1)
        kept &= box_area(shown) >= SMALLEST_VISIBLE * box_area(moved)
        boxes.append(shown[kept].astype(np.float32))
        ids.append(np.asarray(sample.class_ids, np.int64)[kept])
    return Sample(canvas, clip_boxes(np.concatenate(boxes), edge, edge), np.concatenate(ids))
