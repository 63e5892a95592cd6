"""Where a classifier points: the peak of its activation map for each class that a picture shows.

classifier = load_classifier(str(run.path))
points_xy = points(classifier, paths, ground, progress)      # for yardstick.side_by_side(…, points_xy=[points_xy])
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vision_core.data.threads import in_order
from vision_core.evaluation.box_matching import Stage
from vision_core.evaluation.ground import Ground, columns_of
from vision_core.preprocess import placement
from vision_core.types import Preprocessing

if TYPE_CHECKING:
    from vision_core.predict import Classifier

BATCH = 8


def points(
    classifier: Classifier, paths: Sequence[Path], ground: Ground, progress: Stage | None = None, batch: int = BATCH
) -> np.ndarray:
    """Where each class that is there has its strongest evidence (see `explain.activation_map`).

    A class is asked for because it is there, whatever the classifier would have said. Where several of the classifier's
    names mean a class, the one it believes in most is asked.

    Args:
        paths: the ground's pictures, in order.
        progress: told of the pictures done; raise in it to stop.

    Returns:
        `(N, K, 2)` float64, x and y in the upright picture's pixels; nan where the class is not there, and where
        nothing in the picture speaks for it.

    Raises:
        ImageError: a picture cannot be read.
        ModelError: the network has no layer whose values lie on a grid.
    """
    columns = [columns_of(classifier.class_names, name) for name in ground.class_names]
    found = np.full((*ground.shown.shape, 2), np.nan)
    rows = np.flatnonzero(ground.shown.any(axis=1))
    how = classifier.spec.preprocessing
    with closing(in_order(partial(_input, how), (paths[row] for row in rows.tolist()))) as pictures:
        for start in range(0, len(rows), batch):
            mine = rows[start : start + batch].tolist()
            read = list(islice(pictures, len(mine)))
            asked = [np.flatnonzero(ground.shown[row]).tolist() for row in mine]
            maps = _maps(classifier, [pixels for pixels, _ in read], [[columns[label] for label in a] for a in asked])
            for row, labels, heats, (pixels, size_px) in zip(mine, asked, maps, read, strict=True):
                for label, heat in zip(labels, heats, strict=True):
                    found[row, label] = peak(heat, pixels.shape[:2], how, size_px)
            if progress:
                progress("Asking where it looks", start + len(mine), len(rows))
    return found


def points_on(ground: Ground, pictures: Sequence[str], class_names: Sequence[str], points_xy: np.ndarray) -> np.ndarray:
    """Points that were found on one ground, for another one with some of its pictures and classes.

    Args:
        pictures, class_names: of the ground that they were found on.
        points_xy: `(N, K, 2)` there.

    Returns:
        The same for `ground`; nan where nobody asked.
    """
    row_of = {path: row for row, path in enumerate(pictures)}
    label_of = {name: label for label, name in enumerate(class_names)}
    rows = np.array([row_of.get(path, -1) for path in ground.pictures], np.int64)
    labels = np.array([label_of.get(name, -1) for name in ground.class_names], np.int64)
    found = np.full((*ground.shown.shape, 2), np.nan)
    known = np.ix_(rows >= 0, labels >= 0)
    found[known] = points_xy[np.ix_(rows[rows >= 0], labels[labels >= 0])]
    return found


def points_said(ground: Ground, said: Mapping[str, Any]) -> np.ndarray:
    """What `vision_core.evaluation.asked.points` found, for another ground; as `points_on`."""
    nowhere = [float("nan")] * 2
    points_xy = np.array([[point or nowhere for point in row] for row in said["points"]], np.float64)
    shape = (len(said["pictures"]), len(said["class_names"]), 2)
    return points_on(ground, said["pictures"], said["class_names"], points_xy.reshape(shape))


def peak(
    heat: np.ndarray, input_size_px: tuple[int, int], how: Preprocessing, image_size_px: tuple[int, int]
) -> tuple[float, float]:
    """The middle of a map's strongest cell, in the picture's pixels; nan where no cell is stronger than another.

    Args:
        heat: `(h, w)`, the cells of a layer. Enlarging the map, as for showing it, would not move its peak.
        input_size_px: height and width of the network's input.
        image_size_px: width and height of the picture; cells whose middle lies outside of it do not count.
    """
    rows, columns = heat.shape
    where = placement(how, *image_size_px)
    x = ((np.arange(columns) + 0.5) * input_size_px[1] / columns + where.left) / where.scale_x
    y = ((np.arange(rows) + 0.5) * input_size_px[0] / rows + where.top) / where.scale_y
    across, down = (x >= 0) & (x <= image_size_px[0]), (y >= 0) & (y <= image_size_px[1])
    seen = down[:, None] & across
    if not seen.any() or heat[seen].max() == heat[seen].min():
        return float("nan"), float("nan")
    row, column = np.unravel_index(np.argmax(np.where(seen, heat, -np.inf)), heat.shape)
    return float(x[column]), float(y[row])


def _input(how: Preprocessing, path: Path) -> tuple[np.ndarray, tuple[int, int]]:
    from vision_core.images import open_image
    from vision_core.preprocess import resized

    picture = open_image(path)
    return resized(picture.pixels, how), picture.size_px


def _maps(
    classifier: Classifier, pixels: Sequence[np.ndarray], names: Sequence[Sequence[Sequence[int]]]
) -> list[np.ndarray]:
    """The layer's maps of each picture; `names`: for each class asked, the outputs that mean it."""
    import torch

    from vision_core import explain, preprocess

    with classifier.turn:
        batch = preprocess.as_tensor(np.stack(pixels), classifier.spec.preprocessing, classifier.device)
        if any(len(own) > 1 for one in names for own in one):
            with torch.inference_mode():
                logits = classifier.network(batch).float().cpu().numpy()
        else:
            logits = np.zeros((len(batch), len(classifier.class_names)))
        asked = [[max(own, key=said.__getitem__) for own in one] for said, one in zip(logits, names, strict=True)]
        return explain.activation_maps(classifier.network, batch, asked)
