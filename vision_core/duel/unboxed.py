"""A duel on pictures without boxes: the classifier against a detector that was trained elsewhere.

The detector's boxes can only say what is there, and only of classes that it knows by name; nobody knows how many there
are, or where, so neither is judged.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from vision_core.duel.judging import Said
from vision_core.duel.plan import DuelPlan
from vision_core.errors import SettingsError
from vision_core.evaluation.box_matching import Stage
from vision_core.evaluation.ground import columns_of
from vision_core.evaluation.records import DetectionResults, FoundBoxes, TrueBoxes, join_boxes
from vision_core.run_folder import RunFolder

_IOU = 0.5


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


def against_pretrained(run: RunFolder, plan: DuelPlan, progress: Stage | None = None) -> list[Said]:
    """What the classifier's run and the plan's detector say of the run's held-out pictures.

    Raises:
        ModelError, WeightsError, ImageError: the detector or a picture cannot be read.
    """
    from vision_core.evaluation.store import evaluate_run

    test = evaluate_run(run.path, progress=progress)
    paths = [test.path(number) for number in range(len(test.results))]
    seen = detected(plan.detector, test.results.pictures, paths, progress)
    # Both at the usual thresholds: a detector that was never trained on these pictures is not tuned to them either.
    return [Said("classification", 1.0, test.results), Said("detection", 1.0, seen)]


def detected(
    detector: str, pictures: Sequence[str], paths: Sequence[Path], progress: Stage | None = None
) -> DetectionResults:
    """What a detector finds in pictures nobody has searched."""
    from vision_core.images import open_image
    from vision_core.predict import MIN_CANDIDATE_SCORE, load_detector

    predictor = load_detector(detector)
    boxes, scores, labels, sizes = [], [], [], []
    for number, path in enumerate(paths):
        picture = open_image(path)
        one = predictor.predict([picture.pixels])[0].select(MIN_CANDIDATE_SCORE, _IOU)
        boxes.append(one.boxes_xyxy.astype(np.float64))
        scores.append(one.scores.astype(np.float64))
        labels.append(one.class_ids)
        sizes.append(picture.size_px)
        if progress:
            progress("Detecting", number + 1, len(paths))
    every, of = join_boxes(boxes, 4)
    none = np.zeros(0, np.int64)
    return DetectionResults(
        pictures=tuple(pictures),
        class_names=predictor.class_names,
        sizes_px=np.array(sizes, np.int64).reshape(-1, 2),
        truth=TrueBoxes(none, np.zeros((0, 4)), none, np.zeros(0, bool)),
        found=FoundBoxes(of, every, np.concatenate([np.zeros(0), *scores]), np.concatenate([none, *labels])),
    )
