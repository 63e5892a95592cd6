"""A duel on pictures without boxes: the classifier against a detector that was trained elsewhere.

The detector's boxes can only say what is there, and only of classes that it knows by name; nobody knows how many there
are, or where, so neither is judged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vision_core.data.index import DatasetIndex
from vision_core.duel.judging import Said
from vision_core.duel.plan import DuelPlan
from vision_core.errors import SettingsError
from vision_core.evaluation import evaluation_file
from vision_core.evaluation.box_matching import Stage
from vision_core.evaluation.ground import columns_of
from vision_core.evaluation.records import DetectionResults, FoundBoxes, TrueBoxes, join_boxes
from vision_core.run_folder import RunFolder

if TYPE_CHECKING:
    from vision_core.evaluation.store import Evaluation

_IOU = 0.5
_ARRAYS = ("picture", "boxes", "scores", "labels", "sizes_px")


def without_boxes(plan: DuelPlan, index: DatasetIndex) -> list[str]:
    """What to know of a duel on such pictures.

    Raises:
        SettingsError: nobody could tell what is asked, or the detector knows none of the classes, or has learned from
            pictures that it would be judged by.
        ModelError: there is no such detector.
    """
    from vision_core.duel.preflight import check_unseen
    from vision_core.runs import is_run

    if plan.question != "presence":
        raise SettingsError(
            f"Nobody has drawn boxes in {plan.data!r}, so nobody can tell {plan.question!r}: ask for 'presence', or "
            "draw boxes."
        )
    known = known_classes(plan.detector, index.class_names)
    said = (
        "Nobody has drawn boxes in these pictures: a pretrained detector stands against the classifier as far as it "
        f"knows the classes ({len(known)} of {len(index.class_names)}), and nobody can tell how many there are or "
        "where."
    )
    return [said, *(check_unseen(RunFolder(Path(plan.detector)), index) if is_run(plan.detector) else [])]


def known_classes(detector: str, class_names: Sequence[str]) -> tuple[str, ...]:
    """Those of the classes that a detector as it was pretrained knows, by the same name or by the vocabulary.

    Raises:
        ModelError: there is no such detector, or its weights were not published for any classes.
        SettingsError: it knows none of them, so there is nothing to compare.
    """
    from vision_core.models import class_names as published
    from vision_core.models import get_spec
    from vision_core.runs import is_run, read_run

    names = read_run(Path(detector))[1] if is_run(detector) else published(get_spec(detector))
    found = tuple(name for name in class_names if columns_of(names, name))
    if not found:
        raise SettingsError(
            f"Nobody has drawn boxes in these pictures, and {detector!r} knows none of their classes "
            f"({', '.join(class_names[:5])}), so there is nothing to compare: draw boxes, or call classes as it does "
            f"({', '.join(names[:3])} …)."
        )
    return found


def against_pretrained(run: RunFolder, plan: DuelPlan, folder: Path, progress: Stage | None = None) -> list[Said]:
    """What the classifier's run and the plan's detector say of the run's held-out pictures.

    Args:
        folder: of the duel, where the detector's boxes are kept.

    Raises:
        ModelError, WeightsError, ImageError: the detector or a picture cannot be read.
    """
    from vision_core.evaluation.store import evaluate_run

    test = evaluate_run(run.path, progress=progress)
    seen = detected(plan.detector, test, folder, progress)
    # Both at the usual thresholds: a detector that was never trained on these pictures is not tuned to them either.
    return [Said("classification", 1.0, test.results), Said("detection", 1.0, seen)]


def detected(detector: str, test: Evaluation, folder: Path, progress: Stage | None = None) -> DetectionResults:
    """What a detector finds in a classifier's held-out pictures; kept, and taken up again while they are the same."""
    from safetensors import SafetensorError, safe_open

    file = folder / f"detected-{test.split}.safetensors"
    about = {"format": evaluation_file.FORMAT, "pictures": test.about["digest"], "detector": detector}
    try:
        with safe_open(file, "numpy") as tensors:
            kept = evaluation_file.about_of(tensors)
            if all(kept.get(name) == value for name, value in about.items()):
                arrays = {name: tensors.get_tensor(name) for name in _ARRAYS}
                return _results(test, [str(name) for name in kept["class_names"]], arrays)
    except (OSError, SafetensorError, ValueError, KeyError, TypeError):
        pass
    names, found = _detect(detector, test, progress)
    evaluation_file.write(file, about | {"class_names": list(names)}, found)
    return _results(test, names, found)


def _detect(detector: str, test: Evaluation, progress: Stage | None) -> tuple[tuple[str, ...], dict[str, np.ndarray]]:
    """The detector's classes, and its boxes in all pictures."""
    from vision_core.images import open_image
    from vision_core.predict import MIN_CANDIDATE_SCORE, load_detector

    predictor = load_detector(detector)
    boxes, scores, labels, sizes = [], [], [], []
    for number in range(len(test.results)):
        picture = open_image(test.path(number))
        one = predictor.predict([picture.pixels])[0].select(MIN_CANDIDATE_SCORE, _IOU)
        boxes.append(one.boxes_xyxy.astype(np.float64))
        scores.append(one.scores.astype(np.float64))
        labels.append(one.class_ids)
        sizes.append(picture.size_px)
        if progress:
            progress("Detecting", number + 1, len(test.results))
    every, of = join_boxes(boxes, 4)
    found = {
        "picture": of,
        "boxes": every,
        "scores": np.concatenate([np.zeros(0), *scores]),
        "labels": np.concatenate([np.zeros(0, np.int64), *labels]),
        "sizes_px": np.array(sizes, np.int64).reshape(-1, 2),
    }
    return tuple(predictor.class_names), found


def _results(test: Evaluation, class_names: Sequence[str], found: Mapping[str, np.ndarray]) -> DetectionResults:
    none = np.zeros(0, np.int64)
    return DetectionResults(
        pictures=test.results.pictures,
        class_names=tuple(class_names),
        sizes_px=found["sizes_px"],
        truth=TrueBoxes(none, np.zeros((0, 4)), none, np.zeros(0, bool)),
        found=FoundBoxes(found["picture"], found["boxes"], found["scores"], found["labels"]),
    )
