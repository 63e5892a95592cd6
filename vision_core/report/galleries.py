"""The pictures that tell most: ten of each kind of success and failure, and those on which contenders disagree.

    galleries(contenders, ground)

Of several contenders each has its turn, so that no kind is about one of them alone. What a picture shows is dashed,
what was found is solid, as on the Evaluate page.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, zip_longest

import numpy as np

from vision_core.errors import DataError
from vision_core.evaluation.answers import Answers, answers
from vision_core.evaluation.ground import Ground, common_ground
from vision_core.evaluation.matching import JudgedBoxes, Kind, judge_boxes
from vision_core.evaluation.pictures import TRUE, WRONG, Outline, of_picture
from vision_core.evaluation.records import ClassificationResults, DetectionResults
from vision_core.evaluation.tallies import losses, said_classes
from vision_core.report.presence import of_presence
from vision_core.report.shots import Said, corners_of, legible, names_of, shot_of
from vision_core.report.subject import Contender, Gallery, Shot

MOST = 10
"""Pictures of a kind."""
_POINT_SHARE = 0.03  # of the picture's shorter edge: half of the square that marks a point
_MOST_POINTS = 3
KINDS: dict[str, tuple[str, str, str]] = {
    "right": (
        "Right",
        "The pictures that come off best: all or most of what is there, and the fewest mistakes.",
        "Nothing was right.",
    ),
    "missed": ("Missed", "Something is there that was not said or found.", "Nothing was missed."),
    "background": (
        "False alarms",
        "Something was said or found where there is nothing of the kind.",
        "There was no false alarm.",
    ),
    "class": ("Wrong kind", "Something is there, and was taken for something else.", "Nothing was taken for another."),
    "location": (
        "Misplaced",
        "The right thing, at the wrong place: a box that fits badly, or a classifier that looks elsewhere.",
        "Nothing was misplaced.",
    ),
}
_BOX_KINDS: dict[str, Kind] = {
    "missed": "missed",
    "background": "background",
    "class": "class",
    "location": "location",
}
_Pick = Iterator[Shot]


def galleries(contenders: Sequence[Contender], ground: Ground | None = None) -> tuple[Gallery, ...]:
    """Up to ten pictures of each kind.

    Args:
        ground: where contenders' points lie; None where nobody was asked where.
    """
    told = [Said(one, _judged(one)) for one in contenders if one.results is not None and one.evaluation is not None]
    if not told:
        return ()
    found = []
    for key, (title, meaning, none) in KINDS.items():
        picks = [_of_kind(one, key, ground) for one in told]
        shots = tuple(_in_turns(picks))
        found.append(Gallery(key, title, meaning, shots, "" if shots else _why_none(key, told, none)))
    if len(told) > 1:
        shots = tuple(_disagreements(told))
        meaning = "The contenders say different things of the same picture."
        none = "They agree on every picture that they have in common."
        found.append(Gallery("disagree", "Where they disagree", meaning, shots, "" if shots else none))
    return tuple(found)


def _judged(one: Contender) -> JudgedBoxes | None:
    if not isinstance(one.results, DetectionResults) or not len(one.results.truth):
        return None
    return judge_boxes(one.results, 0.0 if one.threshold is None else one.threshold)


def _why_none(key: str, told: Sequence[Said], none: str) -> str:
    single = all(isinstance(one.one.results, ClassificationResults) for one in told)
    if key == "location" and single and all(one.one.points_xy is None for one in told):
        return "A classifier draws no boxes, and was not asked where it looks."
    if key == "class" and single and all(getattr(one.one.results, "multi_label", False) for one in told):
        return "Each class is a yes or no of its own here, so that none is taken for another."
    return none


def _in_turns(picks: Sequence[_Pick]) -> Iterator[Shot]:
    """Of each contender one after the other, until there are enough."""
    turns = chain.from_iterable(zip_longest(*picks))
    shown = (shot for shot in turns if shot is not None)
    for _, shot in zip(range(MOST), shown, strict=False):
        yield shot


def _of_kind(said: Said, key: str, ground: Ground | None) -> _Pick:
    if said.judged is not None:
        return _of_boxes(said, said.judged, key)
    results = said.one.results
    if isinstance(results, ClassificationResults):
        if key == "location":
            return _looking_elsewhere(said, ground)
        return _of_labels(said, results, key)
    if isinstance(results, DetectionResults) and ground is not None:
        return of_presence(said, results, ground, key)
    return iter(())


def _of_boxes(said: Said, judged: JudgedBoxes, key: str) -> _Pick:
    """Pictures with most boxes of that kind; of "right" those with nothing else, or else the most of it."""
    numbers = _best(judged) if key == "right" else [number for number, _ in judged.pictures(_BOX_KINDS[key])]
    results = judged.results
    for number in numbers:
        inside = judged.in_picture(number)
        found = [at for at, kind in zip(inside.found.tolist(), inside.found_kinds, strict=True) if kind == key]
        lost = [at for at, kind in zip(inside.truth.tolist(), inside.truth_kinds, strict=True) if kind == key]
        labels = results.truth.labels[lost] if key == "missed" else results.found.labels[found]
        named = names_of(results.class_names, np.bincount(labels, minlength=len(results.class_names)) > 0)
        text = {
            "missed": f"missed {named}",
            "background": f"takes nothing for {named}",
            "class": f"takes something else for {named}",
            "location": f"misplaces {named}",
        }.get(key, "")
        right = f"{inside.truth_kinds.count('found')} of {len(inside.truth)} found rightly"
        outlines = tuple(of_picture(judged, number, (found, lost), names=False))
        width, height = results.sizes_px[number].tolist()
        yield shot_of(said, number, f"{text}; {right}" if text else right, legible(outlines), (width, height))


def _best(judged: JudgedBoxes) -> list[int]:
    """Pictures with right boxes, those with the fewest mistakes first, and of these those with most boxes."""
    results, count = judged.results, len(judged.results)
    wrong = np.bincount(results.found.picture[judged.place[(judged.kind != 0) & ~judged.crowd]], minlength=count)
    right = np.bincount(results.truth.picture[judged.taken], minlength=count)
    lost = np.bincount(results.truth.picture[judged.missed | judged.mistaken], minlength=count)
    good = np.flatnonzero(right > 0)
    return good[np.lexsort((-right[good], (wrong + lost)[good]))].tolist()


def _of_labels(said: Said, results: ClassificationResults, key: str) -> _Pick:
    """Pictures that a classifier is most wrong about, the surest mistakes first."""
    there: np.ndarray = said_classes(results, 0.5 if said.one.threshold is None else said.one.threshold)
    missed, extra = np.asarray(results.shown & ~there), np.asarray(there & ~results.shown)
    mistakes = {
        "right": (there & results.shown).any(axis=1),
        "missed": missed.any(axis=1) if results.multi_label else np.zeros(len(results), bool),
        "background": extra.any(axis=1) if results.multi_label else np.zeros(len(results), bool),
        "class": np.zeros(len(results), bool) if results.multi_label else missed.any(axis=1),
    }[key]
    sure = losses(results)
    if key == "background":
        sure = np.where(extra, results.scores, 0.0).max(axis=1)
    elif key == "missed":
        sure = 1 - np.where(missed, results.scores, 1.0).min(axis=1)
    elif key == "right":
        sure = -(missed | extra).sum(axis=1) + (there & results.shown).sum(axis=1) / (1 + results.shown.shape[1])
    numbers = np.flatnonzero(mistakes)
    for number in numbers[np.argsort(-sure[numbers], kind="stable")].tolist():
        names = results.class_names
        both = there[number] & results.shown[number]
        text = {
            "missed": f"does not say {names_of(names, missed[number])}; says {names_of(names, both)} rightly",
            "background": f"says {names_of(names, extra[number])}, which is not there",
            "class": f"says {names_of(names, there[number])}; it is {names_of(names, results.shown[number])}",
            "right": f"says {names_of(names, both)}",
        }[key]
        yield shot_of(said, number, text)


def _looking_elsewhere(said: Said, ground: Ground | None) -> _Pick:
    """Pictures in which a classifier's strongest evidence lies off what it is evidence of."""
    points = said.one.points_xy
    if ground is None or ground.boxes is None or ground.sizes_px is None or points is None:
        return
    off, boxes = _points_off(ground, points), ground.boxes
    for row in np.argsort(-off.sum(axis=1), kind="stable").tolist():
        number = said.number_of.get(ground.pictures[row])
        labels = np.flatnonzero(off[row]).tolist()[:_MOST_POINTS]
        if not labels or number is None:
            continue
        mine = np.flatnonzero((boxes.picture == row) & np.isin(boxes.labels, labels))
        outlines = [
            Outline(corners_of(boxes.boxes_xyxy[at]), True, TRUE, ground.class_names[int(boxes.labels[at])])
            for at in mine.tolist()
        ]
        width, height = ground.sizes_px[row].tolist()
        half = max(2.0, _POINT_SHARE * min(width, height))
        for label in labels:
            x, y = points[row, label].tolist()
            corners = (x - half, y - half, x + half, y + half)
            outlines.append(Outline(corners, False, WRONG, f"looks here for {ground.class_names[label]}", True))
        text = f"looks elsewhere for {names_of(ground.class_names, off[row])}"
        yield shot_of(said, number, text, legible(tuple(outlines)), (width, height))


def _points_off(ground: Ground, points: np.ndarray) -> np.ndarray:
    """`(N, K)` bool: classes that are there and are pointed at outside all their boxes."""
    from vision_core.evaluation.yardstick import Yardstick

    blank = np.zeros(ground.shown.shape)
    told = Answers(scores=blank, there=blank > 0, counts=None, points_xy=points, threshold=None)
    hits = Yardstick(ground=ground, answers=told).hits
    return ground.shown & ~hits & np.isfinite(points).all(axis=2)


def _disagreements(told: Sequence[Said]) -> Iterator[Shot]:
    """Pictures of which contenders say the most different things, with what each says."""
    every = [one.one.results for one in told if one.one.results is not None]
    try:
        ground = common_ground(every)
    except DataError:
        return
    said = [answers(results, ground, one.one.threshold) for results, one in zip(every, told, strict=True)]
    there = np.stack([one.there for one in said])
    apart = np.asarray(there.any(axis=0) & ~there.all(axis=0))
    for row in np.argsort(-apart.sum(axis=1), kind="stable")[:MOST].tolist():
        if not apart[row].any():
            return
        outlines = legible(tuple(_true_boxes(ground, row, apart[row])))
        width, height = (0, 0) if ground.sizes_px is None else ground.sizes_px[row].tolist()
        truth = f"of what they disagree about it shows {names_of(ground.class_names, ground.shown[row] & apart[row])}"
        words = [
            f"{one.one.title} says {names_of(ground.class_names, each.there[row] & apart[row])}"
            for one, each in zip(told, said, strict=True)
        ]
        number = told[0].number_of[ground.pictures[row]]
        yield shot_of(told[0], number, "; ".join([truth, *words]), outlines, (width, height), who="All")


def _true_boxes(ground: Ground, row: int, of: np.ndarray) -> Iterator[Outline]:
    """Those of a picture that are of these classes, `(K,)` bool."""
    boxes = ground.boxes
    if boxes is None:
        return
    for at in np.flatnonzero((boxes.picture == row) & of[boxes.labels]).tolist():
        yield Outline(corners_of(boxes.boxes_xyxy[at]), True, TRUE, ground.class_names[int(boxes.labels[at])])
