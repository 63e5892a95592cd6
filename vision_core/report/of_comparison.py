"""What a report on several runs tells: side by side as `compare` sets them, from what the runs keep.

They stand on the pictures and classes that they have in common, with the thresholds that they keep, and classifiers are
asked where they look.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np

from vision_core.costs.prices import load_prices
from vision_core.errors import DataError, VisionError
from vision_core.evaluation.applied import applied_threshold
from vision_core.evaluation.ground import Ground, common_ground, with_boxes
from vision_core.evaluation.intervals import Interval
from vision_core.evaluation.store import Evaluation
from vision_core.evaluation.yardstick import Yardstick, differences, side_by_side
from vision_core.model_card import data_title, kept_evaluation
from vision_core.report import chapters, figures, tables
from vision_core.report.galleries import galleries
from vision_core.report.run_facts import (
    MAIN,
    contender,
    cost_sections,
    index_of,
    kind_of,
    learned_words,
    method,
    notes,
    now,
)
from vision_core.report.subject import Chart, Contender, Report, Section, Stage, Table
from vision_core.report.wording import cost_words
from vision_core.run_folder import RunFolder
from vision_core.training.overview import overview

_ASKED = "presence_ap"
"""What a classifier and a detector are compared by: both can say it."""


def report_on_comparison(runs: Sequence[RunFolder], tell: Stage) -> Report:
    """Several runs side by side.

    Raises:
        DataError: one of them has not been evaluated, or they have no picture or class in common.
    """
    named = chapters.whole([run.path for run in runs])
    evaluations = [_evaluated(name, run) for name, run in named]
    plain = [contender(run, name, found) for (name, run), found in zip(named, evaluations, strict=True)]
    sticks, ground = _sticks(evaluations, tell)
    contenders = [_on_yardstick(one, stick, tell) for one, stick in zip(plain, sticks, strict=True)]
    apart = _gaps(contenders, sticks, tell)
    gaps = tables.gap_table(apart, {})
    pairs = _pairs(evaluations, contenders, sticks, apart, tell)
    best = _best(contenders)
    price = load_prices().entries[0]
    trade = figures.tradeoff(contenders, _ASKED)
    total = figures.money([figures.way(one, price) for one in contenders], price)
    tell("Choosing pictures", 0, 1)
    return Report(
        kind="comparison",
        title=_title(contenders),
        about=f"{', '.join(one.title for one in contenders)}: on {len(ground):,} pictures and "
        f"{len(ground.class_names)} classes in common.",
        made_at=now(),
        decision=(_first(best, len(ground)), _surely(best, pairs), cost_words(contenders)),
        good=(_good(pairs, tables.yardstick(contenders, len(ground)), gaps),),
        good_charts=tuple(figures.yardstick(contenders)),
        costs=cost_sections(contenders),
        cost_charts=tuple(chart for chart in (trade, total) if chart is not None),
        labels=(Section("While they learned", tuple(f"{name}: {learned_words(run)}" for name, run in named)),),
        label_charts=_training_charts(named),
        galleries=galleries(contenders, ground),
        gallery_note="",
        data=chapters.data_sections(data_title(evaluations[0].data), index_of(contenders, runs[0]), tell),
        method=method(named, contenders),
        licences=chapters.licences(contenders, named),
        limits=(*notes(contenders), *ground.notes, *chapters.LIMITS),
        cards=chapters.cards(named, (), tell),
    )


def _title(contenders: Sequence[Contender]) -> str:
    return " against ".join(one.title for one in contenders) if len(contenders) == 2 else f"{len(contenders)} runs"


def _good(pairs: Mapping[tuple[str, str], str], yardstick: Table, gaps: Table | None) -> Section:
    said = tuple(pairs.values()) if len(pairs) > 1 else ()
    return Section("The same questions to all", said, (yardstick, *([gaps] if gaps else [])))


def _evaluated(name: str, run: RunFolder) -> Evaluation:
    found = kept_evaluation(run)
    if found is None:
        raise DataError(
            f"{name!r} has not been evaluated, so it cannot be compared: python -m vision_core evaluate {run.path}"
        )
    return found


def _sticks(evaluations: Sequence[Evaluation], tell: Stage) -> tuple[list[Yardstick], Ground]:
    """The runs on the pictures and classes that they have in common, where classifiers look included."""
    from vision_core.evaluation.pointing import points
    from vision_core.predict import load_classifier

    index = next((boxes for one in evaluations if (boxes := with_boxes(one)) is not None), None)
    results = [one.results for one in evaluations]
    ground = common_ground(results, index)
    pointed: list[np.ndarray | None] = []
    for one in evaluations:
        if one.task == "detection" or ground.boxes is None:
            pointed.append(None)
            continue
        number_of = {path: number for number, path in enumerate(one.results.pictures)}
        try:
            paths = [one.path(number_of[path]) for path in ground.pictures]
            pointed.append(points(load_classifier(str(one.run.path)), paths, ground, tell))
        except VisionError:  # it stays silent about where, and the table says so
            pointed.append(None)
    scores = [applied_threshold(one.run.path) if one.task == "detection" else None for one in evaluations]
    return side_by_side(results, index, scores, pointed), ground


def _on_yardstick(one: Contender, stick: Yardstick, tell: Stage) -> Contender:
    found = {name: list(ends) for name, ends in stick.intervals(progress=tell).items() if ends[0] == ends[0]}
    return replace(
        one,
        figures=stick.figures,
        intervals=found,
        unanswered=stick.unanswered,
        threshold=stick.answers.threshold,
        points_xy=stick.answers.points_xy if one.kind == "classification" else None,
    )


def _gaps(contenders: Sequence[Contender], sticks: Sequence[Yardstick], tell: Stage) -> list[dict[str, Any]]:
    gaps = []
    for first, second in combinations(range(len(sticks)), 2):
        found = differences(sticks[first], sticks[second], progress=tell)
        said = {
            name: {"gap": gap.value, "low": _known(gap.low), "high": _known(gap.high), "note": gap.note}
            for name, gap in found.items()
        }
        gaps.append({"one": contenders[first].title, "other": contenders[second].title, "figures": said})
    return gaps


def _known(value: float) -> float | None:
    return None if np.isnan(value) else value


def _pairs(
    evaluations: Sequence[Evaluation],
    contenders: Sequence[Contender],
    sticks: Sequence[Yardstick],
    apart: Sequence[Mapping[str, Any]],
    tell: Stage,
) -> dict[tuple[str, str], str]:
    """Of every two, by their titles: which is better and how surely, as `compare` says it.

    Args:
        apart: what `_gaps` found of the same pairs, in the same order, so that one gap has one interval.
    """
    from vision_core.evaluation.intervals import Drawing
    from vision_core.evaluation.significance import Figure, compare, compare_statistics

    found = {}
    for (first, second), known in zip(combinations(range(len(sticks)), 2), apart, strict=True):
        one, other = evaluations[first], evaluations[second]
        names = (contenders[first].title, contenders[second].title)
        if kind_of(one) == kind_of(other):
            figure = "map50" if one.task == "detection" else MAIN[kind_of(one)][0]
            verdict = compare(one.results, other.results, figure, names, progress=tell)
        else:
            verdict = compare_statistics(
                lambda weights, stick=sticks[first]: stick.resampled(weights)[_ASKED],
                lambda weights, stick=sticks[second]: stick.resampled(weights)[_ASKED],
                len(sticks[first].ground),
                Figure(_ASKED),
                names,
                Drawing(samples=1000),
                tell,
            )
            verdict = replace(verdict, gap=_turned(known["figures"].get(_ASKED), verdict.gap))
        found[names] = f"{tables.titled(verdict.figure.name)}: {verdict.words}"
    return found


def _turned(found: Mapping[str, Any] | None, otherwise: Interval) -> Interval:
    """A gap of the table the other way about, as `compare` counts it."""
    if found is None or found["low"] is None:
        return otherwise
    return replace(otherwise, value=-found["gap"], low=-found["high"], high=-found["low"])


def _best(contenders: Sequence[Contender]) -> Contender | None:
    known = [one for one in contenders if one.figures.get(_ASKED) is not None]
    return max(known, key=lambda one: one.figures[_ASKED] or 0.0, default=None)


def _first(best: Contender | None, pictures: int) -> str:
    if best is None:
        return "None of these runs can say what is in these pictures."
    between = tables.ends(_ASKED, best.intervals.get(_ASKED))
    return (
        f"Asked what is in {pictures:,} pictures, {best.title} has the highest figure: "
        f"{tables.say(_ASKED, best.figures[_ASKED])} {tables.TITLES[_ASKED]} ({between} with 95 % confidence)."
    )


def _surely(best: Contender | None, pairs: Mapping[tuple[str, str], str]) -> str:
    """How surely the best is better than each of the others; of two runs, the one sentence there is."""
    own = [words for names, words in pairs.items() if best is None or best.title in names]
    return " ".join(own)


def _training_charts(named: Sequence[tuple[str, RunFolder]]) -> tuple[Chart, ...]:
    """Loss and metric of runs of one task in one chart; of two tasks nothing, for their figures are not the same."""
    seen = [(name, overview(run)) for name, run in named]
    if len({(one.task, one.monitor) for _, one in seen}) > 1:
        return ()
    return tuple(figures.training([(name, one.history) for name, one in seen], seen[0][1].monitor, seen[0][1].task))
