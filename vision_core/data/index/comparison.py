"""Whether two indexes say the same: how a round trip through a format is judged."""

from __future__ import annotations

import numpy as np

from vision_core.data.index.dataset import DatasetIndex


def differences(a: DatasetIndex, b: DatasetIndex, tolerance_px: float = 0.01) -> list[str]:
    """In what two indexes of the same pictures differ, in plain sentences; empty when they say the same.

    Pictures are matched by path, classes by name, boxes in their order; roots, formats and notes may differ.
    """
    found: list[str] = []
    first, second = ({record.path.relative_to(i.root).as_posix(): record for record in i} for i in (a, b))
    found += [f"only the first has {path}" for path in sorted(first.keys() - second.keys())]
    found += [f"only the second has {path}" for path in sorted(second.keys() - first.keys())]
    for path in sorted(first.keys() & second.keys()):
        x, y = first[path], second[path]
        for what in ("width_px", "height_px", "split", "labels"):
            left, right = getattr(x, what), getattr(y, what)
            if what == "labels" and left is not None and right is not None:
                left, right = sorted(left), sorted(right)
            if left != right:
                found.append(f"{path}: {what} {left!r} and {right!r}")
        if (x.boxes_xyxy is None) != (y.boxes_xyxy is None):
            found.append(f"{path}: only one was searched for objects")
        elif x.boxes_xyxy is not None and y.boxes_xyxy is not None:
            names = [[i.class_names[c] for c in r.class_ids] for i, r in ((a, x), (b, y))]
            if names[0] != names[1] or x.crowd.tolist() != y.crowd.tolist():
                found.append(f"{path}: objects {names[0]} and {names[1]}")
            elif not np.allclose(x.boxes_xyxy, y.boxes_xyxy, rtol=0, atol=tolerance_px):
                found.append(f"{path}: boxes {x.boxes_xyxy.tolist()} and {y.boxes_xyxy.tolist()}")
    return found
