"""Where a run is weak: its figure of parts of the pictures or objects, worst first, with intervals and support.

    for one in slices(results, evaluation_columns(evaluation)):
        one.by, one.name, one.value, one.low, one.high, one.pictures, one.weak

Everything is counted from single answers: right, wrong (said but not so) or missed. A slice's figure is their F1,
2 right / (2 right + wrong + missed); of a classifier that gives each picture one class, and of slices of pictures, that
is the share of pictures that are right. Answers of one picture depend on each other, so intervals draw whole pictures.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from vision_core.evaluation.answers import THRESHOLDS
from vision_core.evaluation.box_matching import RIGHT, WRONG, Stage, match
from vision_core.evaluation.intervals import Drawing, drawings, endpoints, wilson
from vision_core.evaluation.presence import ratio
from vision_core.evaluation.records import ClassificationResults, DetectionResults, Results
from vision_core.evaluation.slice_columns import CROWDING, Column, crowding, grouped

MATCH_IOU = 0.5
LEAST_PICTURES = 5
"""Slices of fewer pictures come last, whatever their figure: it says little."""
_FEW = 10  # of right or of other answers, below which drawing pictures anew hardly moves the figure
_SIZES = (
    ("small (below 32² pixels)", 32.0**2),
    ("medium (32² to 96² pixels)", 96.0**2),
    ("large (above 96² pixels)", np.inf),
)
_FALSE_ALARMS = 0.05  # of those slices that are called weak, as a mean (Benjamini & Hochberg 1995)


@dataclass(frozen=True, eq=False)
class Slice:
    """One part, and how well the run does in it.

    Attributes:
        by: what the pictures or objects are told apart by: "class", "object size", or a column's title.
        name: which part.
        value: F1 of its answers, 0..1; nan where there are none.
        low, high: its interval; how wide it is says how little is known.
        precision, recall: nan where nothing was said, or nothing is there.
        rest: F1 of all other answers.
        pictures: how many have an answer in it, or a thing that nobody found; things: how many there truly are.
        rows: `(pictures,)` int64, numbers of those pictures.
        weak: surely worse than the rest, even though many slices are looked at; never of very few pictures.
    """

    by: str
    name: str
    value: float
    low: float
    high: float
    precision: float
    recall: float
    rest: float
    things: int
    rows: np.ndarray
    weak: bool = False

    @property
    def pictures(self) -> int:
        return len(self.rows)


@dataclass(frozen=True, eq=False)
class Verdicts:
    """Single answers.

    Attributes:
        picture: `(E,)` number of the picture.
        label: `(E,)` class.
        area_px2: `(E,)` of the true box, or of a wrong one; None of a classifier.
        right, wrong, missed: `(E,)` bool, one of them true.
    """

    picture: np.ndarray
    label: np.ndarray
    area_px2: np.ndarray | None
    right: np.ndarray
    wrong: np.ndarray
    missed: np.ndarray

    def __len__(self) -> int:
        return len(self.picture)


def slices(
    results: Results,
    columns: Iterable[Column] = (),
    score: float | None = None,
    how: Drawing | None = None,
    progress: Stage | None = None,
) -> list[Slice]:
    """The figure of every part, worst first; those of few pictures last.

    Always by class, and of a detector by object size and by how many things a picture shows.

    Args:
        columns: what else pictures are told apart by.
        score: from which score on a thing is said to be there; by default 0.4 for boxes and 0.5 for labels.
        how: how pictures are drawn for the intervals.
        progress: told of the drawings done; raise in it to stop.

    Raises:
        DataError: a column does not have one value a picture.
    """
    verdicts = judged(results, score)
    parts = [*_parts_of_answers(results, verdicts), *_parts_of_pictures(results, verdicts, columns)]
    if not parts or not len(verdicts):
        return []
    found = _measured(verdicts, parts, len(results), how or Drawing(samples=1000, method="percentile"), progress)
    return sorted(found, key=lambda one: (one.pictures < LEAST_PICTURES, np.isnan(one.value), one.value))


def judged(results: Results, score: float | None = None) -> Verdicts:
    """Every single answer of a run; of boxes by COCO's matching at IoU .5, crowds left out."""
    if isinstance(results, DetectionResults):
        return _judged_boxes(results, THRESHOLDS["detection"] if score is None else score)
    return _judged_labels(results, THRESHOLDS["classification"] if score is None else score)


def _judged_labels(results: ClassificationResults, score: float) -> Verdicts:
    if results.multi_label:
        said = results.scores > score
    else:
        said = np.zeros(results.logits.shape, bool)
        said[np.arange(len(results)), results.logits.argmax(axis=1)] = True
    picture, label = np.nonzero(said | results.shown)
    said, shown = said[picture, label], results.shown[picture, label]
    return Verdicts(picture, label, None, said & shown, said & ~shown, shown & ~said)


def _judged_boxes(results: DetectionResults, score: float) -> Verdicts:
    results = replace(results, found=results.found.above(score))
    matches, truth = match(results, (MATCH_IOU,), ("all",)), results.truth
    verdict, partner = matches.verdict[0, 0], matches.partner[0]
    right, wrong = np.flatnonzero(verdict == RIGHT), np.flatnonzero(verdict == WRONG)
    taken = np.zeros(len(truth), bool)
    taken[partner[right]] = True
    missed = np.flatnonzero(~taken & ~truth.crowd & (truth.labels >= 0))
    true = np.concatenate([partner[right], missed])
    area = np.concatenate([_area(truth.boxes_xyxy[true]), _area(results.found.boxes_xyxy[matches.found[wrong]])])
    kind = np.repeat([0, 2, 1], [len(right), len(missed), len(wrong)])
    return Verdicts(
        picture=np.concatenate([truth.picture[true], matches.picture[wrong]]),
        label=np.concatenate([truth.labels[true], matches.labels[wrong]]),
        area_px2=area,
        right=kind == 0,
        wrong=kind == 1,
        missed=kind == 2,
    )


def _area(boxes_xyxy: np.ndarray) -> np.ndarray:
    return (boxes_xyxy[:, 2:] - boxes_xyxy[:, :2]).clip(0).prod(axis=1)


Part = tuple[str, str, np.ndarray]  # by, name, `(E,)` bool: the answers in it


def _parts_of_answers(results: Results, verdicts: Verdicts) -> list[Part]:
    parts: list[Part] = []
    if len(results.class_names) > 1:
        parts += [("class", name, verdicts.label == label) for label, name in enumerate(results.class_names)]
    if verdicts.area_px2 is not None:
        low = 0.0
        for name, high in _SIZES:
            parts.append(("object size", name, (verdicts.area_px2 >= low) & (verdicts.area_px2 < high)))
            low = high
    return [part for part in parts if part[2].any()]


def _parts_of_pictures(results: Results, verdicts: Verdicts, columns: Iterable[Column]) -> list[Part]:
    columns = list(columns)
    if isinstance(results, DetectionResults) and not any(column.title == CROWDING for column in columns):
        counts = np.bincount(results.truth.picture[~results.truth.crowd], minlength=len(results))
        columns.insert(0, crowding(counts))
    parts: list[Part] = []
    for column in columns:
        names, member = grouped(column, len(results))
        if len(names) > 1:
            here = member[verdicts.picture]
            parts += [(column.title, name, here == place) for place, name in enumerate(names)]
    return [part for part in parts if part[2].any()]


def _measured(
    verdicts: Verdicts, parts: Sequence[Part], pictures: int, how: Drawing, progress: Stage | None
) -> list[Slice]:
    """Counts the answers of each part picture by picture, and draws pictures anew for all parts at once."""
    kinds = (verdicts.right, verdicts.wrong, verdicts.missed)
    right, wrong, missed = (_per_picture(verdicts.picture, kind, parts, pictures) for kind in kinds)
    answers = right + (wrong + missed) / 2
    values, gaps = [], []
    for weights in drawings(pictures, how):
        hits, asked = weights @ right, weights @ answers
        values.append(ratio(hits, asked)[:, :-1])
        gaps.append(values[-1] - ratio(hits[:, -1:] - hits[:, :-1], asked[:, -1:] - asked[:, :-1]))
        if progress:
            progress("Drawing pictures again", sum(map(len, values)), how.samples)
    drawn, gap = np.concatenate(values), np.concatenate(gaps)
    found, chances = [], []
    everything = np.array([column.sum(axis=0) for column in (right, wrong, missed)])  # (3, S + 1)
    for place, (by, name, inside) in enumerate(parts):
        one = _slice(by, name, np.unique(verdicts.picture[inside]), everything[:, place], everything[:, -1])
        low, high = _interval(*_hits(everything[:, place]), one.pictures, drawn[:, place], how)
        chance = _chance(one.value - one.rest, gap[:, place], (high - low) / 2, how.confidence)
        chances.append(chance if one.pictures >= LEAST_PICTURES else 1.0)
        found.append(replace(one, low=low, high=high))
    weak = _surely(np.array(chances))
    return [replace(one, weak=bool(is_weak)) for one, is_weak in zip(found, weak, strict=True)]


def _slice(by: str, name: str, rows: np.ndarray, mine: np.ndarray, everything: np.ndarray) -> Slice:
    """A part without its interval; `mine`, `everything`: how many are right, wrong and missed, here and in all."""
    right, wrong, missed = mine.tolist()
    hits, asked = _hits(everything - mine)
    rest = hits / asked if asked else math.nan
    hits, asked = _hits(mine)
    return Slice(
        by, name, hits / asked, math.nan, math.nan,
        precision=right / (right + wrong) if right + wrong else math.nan,
        recall=right / (right + missed) if right + missed else math.nan,
        rest=rest,
        things=round(right + missed),
        rows=rows,
    )  # fmt: skip


def _hits(counts: np.ndarray) -> tuple[float, float]:
    """What F1 is the ratio of: right answers, and those and half of all others."""
    right, wrong, missed = counts.tolist()
    return right, right + (wrong + missed) / 2


def _per_picture(picture: np.ndarray, kind: np.ndarray, parts: Sequence[Part], pictures: int) -> np.ndarray:
    """`(N, S + 1)` float64: answers of one kind, of each picture and part, and of all."""
    everything = np.ones(len(picture), bool)
    columns = [np.bincount(picture[kind & inside], minlength=pictures) for *_, inside in [*parts, ("", "", everything)]]
    return np.stack(columns, axis=1).astype(np.float64)


def _interval(hits: float, asked: float, pictures: int, drawn: np.ndarray, how: Drawing) -> tuple[float, float]:
    """By drawing; by Wilson's formula, as if a picture were one answer, where too few are right or wrong for that.

    Percentiles of few pictures are too close to each other; they are taken further out, as Student's t is from the
    normal distribution (Hesterberg 2015, arXiv:1411.5279, "expanded percentile interval").
    """
    from scipy.special import ndtr, stdtrit

    if min(hits, asked - hits) >= _FEW and pictures >= LEAST_PICTURES:
        reach = math.sqrt(pictures / (pictures - 1)) * float(stdtrit(pictures - 1, (1 + how.confidence) / 2))
        found = endpoints(hits / asked, drawn, replace(how, method="percentile", confidence=2 * float(ndtr(reach)) - 1))
        if found.known:
            return found.low, found.high
    trials = min(asked, pictures)
    low, high = wilson(np.array([trials * hits / asked]), np.array([trials]), how.confidence)
    return float(low[0]), float(high[0])


def _chance(gap: float, drawn: np.ndarray, half: float, confidence: float) -> float:
    """How likely a gap so far below 0 would be were there none: one-sided, from how far it moves when drawn, and at
    least from half of the slice's own interval, since what is all wrong does not move."""
    from scipy.special import ndtr, ndtri

    known = drawn[~np.isnan(drawn)]
    if np.isnan(gap) or np.isnan(half) or not len(known):
        return 1.0
    spread = max(float(known.std()), half / float(ndtri((1 + confidence) / 2)))
    return float(ndtr(gap / spread)) if spread > 0 else 1.0


def _surely(chances: np.ndarray) -> np.ndarray:
    """Benjamini & Hochberg's step-up rule: which of these chances are small enough, seen together."""
    order = np.argsort(chances)
    passed = np.flatnonzero(chances[order] <= _FALSE_ALARMS * np.arange(1, len(chances) + 1) / len(chances))
    weak = np.zeros(len(chances), bool)
    weak[order[: passed[-1] + 1 if len(passed) else 0]] = True
    return weak
