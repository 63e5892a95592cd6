"""The contenders of a duel side by side: what each said of the same held-out pictures, on the common yardstick.

Every contender answers from a score of its own on, the one that serves the duel's question best on validation pictures,
which nobody is judged on; so none wins or loses by a threshold that happens to suit it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vision_core.errors import ModelError
from vision_core.evaluation import evaluation_file
from vision_core.evaluation.answers import Answers, answers
from vision_core.evaluation.box_matching import Stage
from vision_core.evaluation.ground import Ground, common_ground
from vision_core.evaluation.intervals import Interval
from vision_core.evaluation.pointing import points
from vision_core.evaluation.presence import mean_over_classes, rates
from vision_core.evaluation.records import Results
from vision_core.evaluation.yardstick import Yardstick, differences, side_by_side

if TYPE_CHECKING:
    from vision_core.evaluation.store import Evaluation

SCORES = tuple(round(0.05 * step, 2) for step in range(1, 20))
"""Thresholds that are tried."""
SAMPLES = 1000


@dataclass(frozen=True, eq=False)
class Said:
    """What a contender said.

    Attributes:
        kind: which contender; share: of the training pictures it learned from.
        judged, validation: its answers to held-out pictures, and to those that its threshold is chosen on (None where
            there are no others than the held-out ones).
        asked_where: the evaluation of a classifier, which can be asked where it looks; None: boxes say where.
        candidates: `(B,)` of the two in turn: how sure the detector is of each box that could be named; else empty.
    """

    kind: str
    share: float
    judged: Results
    validation: Results | None = None
    asked_where: Evaluation | None = None
    candidates: np.ndarray = field(default_factory=lambda: np.zeros(0))


def set_side_by_side(
    every: Sequence[Said], question: str, kept: Path, progress: Stage | None = None
) -> list[Yardstick]:
    """All of them on the pictures and classes that they have in common.

    Args:
        question: what their thresholds are chosen for.
        kept: folder for where classifiers point, which takes long to find out.

    Raises:
        DataError: they have no picture or no class in common.
    """
    results = [one.judged for one in every]
    ground = common_ground(results)
    where = [pointed(one.asked_where, ground, kept, progress) if one.asked_where else None for one in every]
    return side_by_side(results, None, [best_score(one, question) for one in every], where)


def best_score(one: Said, question: str) -> float | None:
    """The threshold with which it answers best on validation pictures; None where there are none: the usual.

    For "count" that is the one with the least error of counting, of those who count; else the one with the best mean F1
    of presence.
    """
    if one.validation is None:
        return None
    ground = common_ground([one.validation])
    said = [answers(one.validation, ground, score) for score in SCORES]
    if question == "count" and said[0].counts is not None and ground.boxes is not None:
        return SCORES[int(np.argmin([_count_error(ground, one) for one in said]))]
    return SCORES[int(np.argmax([_presence_f1(ground, one) for one in said]))]


def _count_error(ground: Ground, said: Answers) -> float:
    error = mean_over_classes(Yardstick(ground=ground, answers=said).count_error(np.ones((1, len(ground)))))
    return float(np.nan_to_num(error, nan=np.inf)[0])


def _presence_f1(ground: Ground, said: Answers) -> float:
    f1 = rates(said.there, ground.shown, np.ones((1, len(ground))))[2][0]
    shown = ground.shown.any(axis=0)
    return float(np.nan_to_num(f1[shown]).mean()) if shown.any() else 0.0


def gaps(
    yardsticks: Mapping[str, Yardstick], progress: Stage | None = None
) -> dict[tuple[str, str], dict[str, Interval]]:
    """For every two contenders, how much higher each figure of the first is, on the same drawn pictures."""
    return {
        (one, other): differences(yardsticks[one], yardsticks[other], SAMPLES, progress=progress)
        for one, other in combinations(yardsticks, 2)
    }


def drawings(pictures: int, samples: int = 200, seed: int = 0) -> np.ndarray:
    """`(1 + samples, N)`: every picture once, then so many drawings with replacement."""
    drawn = np.random.default_rng(seed).multinomial(pictures, np.full(pictures, 1 / pictures), samples)
    return np.concatenate([np.ones((1, pictures), np.int64), drawn])


def pointed(evaluation: Evaluation, ground: Ground, folder: Path, progress: Stage | None) -> np.ndarray | None:
    """Where a classifier points on this ground; kept, since every picture takes a pass and a gradient."""
    from safetensors import SafetensorError, safe_open

    from vision_core.predict import load_classifier

    if ground.boxes is None:
        return None
    file = folder / "points.safetensors"
    about = {"digest": evaluation.about["digest"], "classes": list(ground.class_names), "pictures": len(ground)}
    try:
        with safe_open(file, "numpy") as tensors:
            if evaluation_file.about_of(tensors) == about:
                return tensors.get_tensor("points")
    except (OSError, SafetensorError, ValueError, KeyError, TypeError):
        pass
    number_of = {path: number for number, path in enumerate(evaluation.results.pictures)}
    paths = [evaluation.path(number_of[path]) for path in ground.pictures]
    try:
        found = points(load_classifier(str(evaluation.run.path)), paths, ground, progress)
    except ModelError:  # a network without a map of anything points nowhere, and says so by its silence
        return None
    evaluation_file.write(file, about, {"points": found})
    return found
