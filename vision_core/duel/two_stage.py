"""Detect-then-classify, judged: a detector's boxes, each named anew by a classifier of crops.

results = two_stage(evaluation_of_the_detector, "runs/crops", Path("duel/two-stage-test.safetensors"))

The detector says where something is; what it takes it for, if it tells classes apart at all, does not count. Boxes of
one picture that overlap are one object whatever they were taken for, so the weaker ones go first. A box's score is the
detector's times that of its name. What was said is kept and taken up again while neither network changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vision_core.errors import DataError
from vision_core.evaluation import evaluation_file
from vision_core.evaluation.box_matching import Stage
from vision_core.evaluation.records import DetectionResults, FoundBoxes
from vision_core.run_folder import BEST, RunFolder

if TYPE_CHECKING:
    from vision_core.evaluation.store import Evaluation
    from vision_core.predict import Classifier

LEAST_SCORE = 0.05
"""Weaker boxes are not looked at: they are many, and none of them could count."""
MOST_OVERLAP = 0.5
_AT_ONCE = 16


def two_stage(
    detected: Evaluation, classifier: Path | str, kept: Path, progress: Stage | None = None, data: str = ""
) -> DetectionResults:
    """What the two networks say in turn of the pictures that a detector was judged on.

    Args:
        classifier: the run of a classifier of crops.
        kept: file that it is kept in.
        data: of a class-agnostic detector: the data set whose boxes have their classes.
        progress: told of the pictures done; raise in it to stop.

    Raises:
        DataError: there is no detector's evaluation, or the classifier names what the detector's data do not.
        ModelError, WeightsError, ImageError: a network or a picture cannot be read.
    """
    results = detected.results
    if not isinstance(results, DetectionResults):
        raise DataError(f"{detected.name!r} is no detector, so it has no boxes to name.")
    results = _with_classes(results, data) if data else results
    run = RunFolder.open(classifier)
    about = {"format": evaluation_file.FORMAT, "boxes": detected.about["digest"], "pictures": len(results)}
    about["weights"] = evaluation_file.digest_of_file(run.path / BEST)
    found = _kept(kept, about)
    if found is None:
        found = _named(detected, results, run, progress)
        arrays = {"picture": found.picture, "boxes": found.boxes_xyxy, "scores": found.scores, "labels": found.labels}
        evaluation_file.write(kept, about, arrays)
    return replace(results, found=found)


def _with_classes(results: DetectionResults, data: str) -> DetectionResults:
    """The same pictures and boxes; what is true, with its classes."""
    from vision_core.training.prepare import open_data
    from vision_core.training.task_data import TaskData

    index = open_data(data, None)
    names = tuple(index.class_names[label] for label in np.unique(index.box_column("class_id")).tolist())
    row_of = {path: row for row, path in enumerate(index.images["path"].to_pylist())}
    gone = [path for path in results.pictures if path not in row_of]
    if gone:
        raise DataError(f"The picture {gone[0]!r} is no longer in {data!r}: begin another duel.")
    rows = np.array([row_of[path] for path in results.pictures], np.int64)
    truth = evaluation_file.true_boxes(TaskData(index, "detection", names, False, 1.0, 0), rows)
    return replace(results, class_names=names, truth=truth)


def one_box_an_object(found: FoundBoxes, picture: int) -> tuple[np.ndarray, np.ndarray]:
    """Boxes `(M, 4)` and scores `(M,)` of a picture, best first: what is there, whatever it was taken for."""
    import torch
    from torchvision.ops import nms

    mine = slice(*np.searchsorted(found.picture, [picture, picture + 1]))
    sure = found.scores[mine] >= LEAST_SCORE
    boxes, scores = found.boxes_xyxy[mine][sure], found.scores[mine][sure]
    order = nms(torch.from_numpy(boxes), torch.from_numpy(scores), MOST_OVERLAP).numpy()
    return boxes[order], scores[order]


def candidates(detected: Evaluation) -> np.ndarray:
    """`(B,)`: how sure a detector is of each box of its pictures that could be named.

    Raises:
        DataError: it is no detector's evaluation.
    """
    results = detected.results
    if not isinstance(results, DetectionResults):
        raise DataError(f"{detected.name!r} is no detector, so it has no boxes to name.")
    every = [one_box_an_object(results.found, number)[1] for number in range(len(results))]
    return np.concatenate([np.zeros(0), *every])


def _kept(file: Path, about: dict[str, Any]) -> FoundBoxes | None:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, "numpy") as tensors:
            if evaluation_file.about_of(tensors) != about:
                return None
            return FoundBoxes(*(tensors.get_tensor(name) for name in ("picture", "boxes", "scores", "labels")))
    except (OSError, SafetensorError, ValueError, KeyError, TypeError):
        return None


def _named(detected: Evaluation, results: DetectionResults, run: RunFolder, progress: Stage | None) -> FoundBoxes:
    """Every picture's objects, cut out as the classifier's lessons were, and named."""
    from vision_core.predict import load_classifier

    classifier = load_classifier(str(run.path), _device(run))
    places = _places(classifier.class_names, results.class_names)
    parts = []
    for number in range(len(results)):
        boxes, scores = one_box_an_object(results.found, number)
        labels, sure = _names(classifier, detected.path(number), boxes, results.sizes_px[number])
        scores = scores * sure
        order = np.argsort(-scores, kind="stable")
        parts.append((np.full(len(order), number), boxes[order], scores[order], places[labels[order]]))
        if progress:
            progress("Naming what was detected", number + 1, len(results))
    picture, boxes, scores, labels = (np.concatenate(column) for column in zip(*parts, strict=True))
    return FoundBoxes(picture.astype(np.int64), boxes, scores, labels.astype(np.int64))


def _device(run: RunFolder) -> str | None:
    from vision_core.errors import SettingsError
    from vision_core.predict import choose_device

    device = run.config().device
    try:
        choose_device(device)
    except SettingsError:
        return None
    return device


def _places(own: Sequence[str], names: Sequence[str]) -> np.ndarray:
    """`(K,)`: where each name of the classifier stands among the detector's."""
    for name in own:
        if name not in names:
            raise DataError(
                f"The classifier of crops knows {name!r}, the detector does not: train both on one data set."
            )
    return np.array([names.index(name) for name in own], np.int64)


def _names(classifier: Classifier, path: Path, boxes: np.ndarray, size_px: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The best label `(M,)` of each box, and how sure the classifier is of it."""
    from vision_core.images import open_image
    from vision_core.predict import batches, crop_boxes
    from vision_core.types import Detections

    if not len(boxes):
        return np.zeros(0, np.int64), np.zeros(0)
    width, height = map(int, size_px)
    blank = np.zeros(len(boxes), np.int64)
    where = crop_boxes(
        Detections(boxes.astype(np.float32), np.ones(len(boxes), np.float32), blank, ("",), (width, height)), 0.0
    )
    pixels = open_image(path).pixels
    crops = [pixels.crop((x0, y0, x1, y1)) for x0, y0, x1, y1 in where.tolist()]
    said = [one.scores for chunk in batches(crops, _AT_ONCE) for one in classifier.predict(chunk)]
    scores = np.stack(said).astype(np.float64)
    return scores.argmax(axis=1), scores.max(axis=1)
