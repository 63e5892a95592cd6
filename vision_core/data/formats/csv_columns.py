"""Which column of a table of annotations means what, by the names that tools and competitions use.

Columns.find(["filename", "class", "xmin", "ymin", "xmax", "ymax"])
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

from vision_core.images import IMAGE_EXTENSIONS

_NAMES = {
    "image": "image filename file imagename imagepath imagefile imagefilename filepath path img imgpath imgname "
    "imgfile imageid imgid picture photo",
    "label": "label class classname category categoryname labelname target labels classid categoryid name species tag",
    "split": "split subset set partition fold dataset",
    "known": "known",
    "crowd": "crowd iscrowd isgroupof",
    "x_min": "xmin x1 left bboxx1 bboxxmin boxxmin roix1 startx minx x0",
    "y_min": "ymin y1 top bboxy1 bboxymin boxymin roiy1 starty miny y0",
    "x_max": "xmax x2 right bboxx2 bboxxmax boxxmax roix2 endx maxx",
    "y_max": "ymax y2 bottom bboxy2 bboxymax boxymax roiy2 endy maxy",
    "x": "x bboxx boxx",
    "y": "y bboxy boxy",
    "box_width": "w bboxw boxw bboxwidth boxwidth",
    "box_height": "h bboxh boxh bboxheight boxheight",
    "bbox": "bbox box boundingbox",
    "width": "width imagewidth imgwidth",
    "height": "height imageheight imgheight",
}  # fmt: skip
"""A meaning, and the names it goes by, best first: lower case, letters and digits only."""
_MEANING_OF = {name: (meaning, place) for meaning, names in _NAMES.items() for place, name in enumerate(names.split())}
CORNERS = ("x_min", "y_min", "x_max", "y_max")
_HEADLESS = {2: ("image", "label"), 6: ("image", *CORNERS, "label"), 5: ("image", *CORNERS)}


@dataclass(frozen=True)
class Columns:
    """Meaning to place in the row.

    Attributes:
        headless: the first row is data already.
        in_pixels: the names of the box's columns say so themselves.
        shape: how a box is given: "corners" (`CORNERS`), "corner and size" (x, y, box_width, box_height), "text" (x, y,
            width and height in one cell), or "" for no boxes.
    """

    place: dict[str, int]
    shape: str
    count: int
    headless: bool = False
    in_pixels: bool = False

    @classmethod
    def find(cls, head: list[str]) -> Columns | None:
        """The columns of a table by its first row; None when it is no table of annotations."""
        if len(head) in _HEADLESS and os.path.splitext(head[0].strip())[1].lower() in IMAGE_EXTENSIONS:
            names = _HEADLESS[len(head)]
            return cls({name: i for i, name in enumerate(names)}, "corners" * (len(names) > 2), len(head), True)
        best: dict[str, tuple[int, int]] = {}
        for place, name in enumerate(head):
            meaning, rank = _MEANING_OF.get(re.sub(r"_px$|[^a-z0-9]", "", name.strip().lower()), ("", 0))
            if meaning:
                best[meaning] = min(best.get(meaning, (rank, place)), (rank, place))
        found = {meaning: place for meaning, (_, place) in best.items()}
        shape = _shape(found)
        if "image" not in found or not (shape or "label" in found):
            return None
        in_pixels = all(head[found[corner]].strip().lower().endswith("_px") for corner in CORNERS if corner in found)
        return cls(found, shape, len(head), in_pixels=in_pixels and shape == "corners")


def _shape(found: dict[str, int]) -> str:
    """How boxes are given; where corners are not all there, width and height are the box's, not the picture's."""
    if all(corner in found for corner in CORNERS):
        return "corners"
    for corner, plain in (("x", "x_min"), ("y", "y_min")):
        if corner not in found and plain in found:
            found[corner] = found[plain]
    for size, plain in (("box_width", "width"), ("box_height", "height")):
        if size not in found and plain in found and "x" in found:
            found[size] = found.pop(plain)
    if all(part in found for part in ("x", "y", "box_width", "box_height")):
        return "corner and size"
    return "text" if "bbox" in found else ""
