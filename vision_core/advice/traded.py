"""Misses traded for false alarms: how many a contender makes of each at every threshold, from its raw answers.

made = traded(duel, contenders)["detection"]
made.at_ratio(5.0)           # its threshold where a miss is as bad as five false alarms, and what it then costs

The threshold is chosen on validation pictures, and judged on the held-out ones (Elkan: The foundations of
cost-sensitive learning, IJCAI 2001; it is chosen by trying, since scores are no calibrated probabilities).
A miss is a class that a picture shows and nobody said; a false alarm one that was said and is not there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vision_core.duel.folder import DuelFolder
from vision_core.duel.judging import SCORES, drawings
from vision_core.errors import DataError, VisionError
from vision_core.evaluation.answers import answers
from vision_core.evaluation.ground import Ground, common_ground
from vision_core.evaluation.records import DetectionResults, FoundBoxes, Results

if TYPE_CHECKING:
    from vision_core.evaluation.store import Evaluation


@dataclass(frozen=True, eq=False)
class Traded:
    """Errors a picture at each threshold.

    Attributes:
        scores: `(T,)` thresholds.
        misses, false_alarms: `(1 + R, T)` a picture: of the held-out pictures, then of each drawing of them; the
            drawings are the same for all contenders.
        chosen_misses, chosen_false_alarms: `(T,)` of the pictures that the threshold is chosen on.
        on_validation: whether those are others than the held-out ones.
    """

    scores: np.ndarray
    misses: np.ndarray
    false_alarms: np.ndarray
    chosen_misses: np.ndarray
    chosen_false_alarms: np.ndarray
    on_validation: bool

    def at_ratio(self, miss_cost: float) -> tuple[float, np.ndarray]:
        """The best threshold for that ratio, and `(1 + R,)` what errors cost a picture with it, in false alarms."""
        place = int(np.argmin(miss_cost * self.chosen_misses + self.chosen_false_alarms))
        return float(self.scores[place]), miss_cost * self.misses[:, place] + self.false_alarms[:, place]

    @classmethod
    def of(cls, judged: Results, validation: Results | None, ground: Ground) -> Traded:
        """Counted from raw answers on a ground."""
        weights = drawings(len(ground)) / len(ground)
        missed, false = errors(judged, ground)
        chosen = missed, false
        if validation is not None:
            chosen = errors(validation, common_ground([validation]))
        means = [one.mean(axis=0) for one in chosen]
        scores = np.array(SCORES)
        return cls(scores, weights @ missed, weights @ false, means[0], means[1], validation is not None)


def errors(results: Results, ground: Ground) -> tuple[np.ndarray, np.ndarray]:
    """Misses and false alarms of each picture at each of `SCORES`, both `(N, T)`."""
    missed, false = np.zeros((2, len(ground), len(SCORES)))
    for place, score in enumerate(SCORES):
        there = answers(results, ground, score).there
        missed[:, place] = (ground.shown & ~there).sum(axis=1)
        false[:, place] = (there & ~ground.shown).sum(axis=1)
    return missed, false


def traded(duel: DuelFolder, contenders: Sequence[Mapping[str, Any]]) -> dict[str, Traded]:
    """By kind, of those whose raw answers are still kept; nobody where the pictures are others than the result's.

    Args:
        contenders: as the duel's result holds them.
    """
    test, validation = dict[str, Results](), dict[str, Results]()
    for one in contenders:
        with suppress(VisionError, OSError):
            for kept, split in ((test, "test"), (validation, "val")):
                if (found := _said(duel, one, split)) is not None:
                    kept[str(one["task"])] = found
    if not test:
        return {}
    result = duel.result()
    try:
        ground = common_ground(list(test.values()))
        if len(ground) != result.get("pictures") or list(ground.class_names) != result.get("classes"):
            return {}
        return {kind: Traded.of(said, validation.get(kind), ground) for kind, said in test.items()}
    except DataError:
        return {}


def _said(duel: DuelFolder, contender: Mapping[str, Any], split: str) -> Results | None:
    """What a contender said of one of its splits; None where nobody kept it."""
    runs = [Path(path) for path in contender["runs"]]
    if not runs:
        return None
    kept = _evaluation(runs[0], duel.data(), split)
    if kept is None or contender["task"] != "two-stage":
        return None if kept is None else kept.results
    found = _named_boxes(duel.path / f"two-stage-100-{split}.safetensors")
    if found is None or not isinstance(kept.results, DetectionResults):
        return None
    if len(kept.results.class_names) != len(duel.result().get("classes", ())):
        return None  # of a detector that does not tell classes apart: which name stands where is not kept
    return replace(kept.results, found=found)


def _evaluation(run: Path, data: str, split: str) -> Evaluation | None:
    from vision_core.evaluation.store import list_evaluations

    mine = [one for one in list_evaluations(run) if one.split == split]
    return next((one for one in mine if one.data == data), next((one for one in mine if one.is_own), None))


def _named_boxes(file: Path) -> FoundBoxes | None:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, "numpy") as tensors:
            return FoundBoxes(*(tensors.get_tensor(name) for name in ("picture", "boxes", "scores", "labels")))
    except (OSError, SafetensorError, ValueError, KeyError):
        return None
