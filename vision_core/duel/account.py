"""What came of a duel, in plain values: the yardstick with intervals, gaps, costs, learning curves and the verdict."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from vision_core.duel import curves
from vision_core.duel.costs import Learned, learned, measure
from vision_core.duel.folder import DuelFolder
from vision_core.duel.judging import SAMPLES, Said, drawings, gaps, set_side_by_side
from vision_core.duel.parts import Part, lessons_of
from vision_core.duel.plan import FIGURE_OF, TITLES, DuelPlan
from vision_core.duel.verdict import Standing, verdict
from vision_core.evaluation.intervals import Interval
from vision_core.evaluation.yardstick import FIGURES, LOWER_IS_BETTER, Yardstick
from vision_core.run_folder import CONFIG, STATUS, RunFolder

Tell = Callable[[str, int, int], None]
NEXT = 500
"""More labels that the learning curves are asked about."""


def account(
    duel: DuelFolder, said: Sequence[Said], runs: Mapping[str, RunFolder], has_boxes: bool, tell: Tell
) -> dict[str, Any]:
    """Sets the contenders side by side and measures what they cost.

    Args:
        runs: by the name of their part.
    """
    tell("Setting side by side", 0, 0)
    every = dict(
        zip(
            [(one.kind, one.share) for one in said],
            set_side_by_side(said, duel.plan().question, duel.path, tell),
            strict=True,
        )
    )
    whole = {kind: yardstick for (kind, share), yardstick in every.items() if share == 1}
    mine = {kind: _runs_of(kind, 1.0, duel.plan(), runs) for kind in whole}
    models = {kind: _model(duel, mine[kind]) for kind in whole}
    weights = {kind: tuple(run.path for run in mine[kind]) for kind in whole}
    rows = measure(duel, models, weights, crops(said, whole), tell)
    apart = gaps(whole, tell)
    question = duel.plan().question
    decided = _verdict(whole, models, rows, apart, question)
    ground = next(iter(whole.values())).ground
    return {
        "verdict": decided,
        "question": question,
        "pictures": len(ground),
        "classes": list(ground.class_names),
        "ground_notes": list(ground.notes),
        "contenders": [_contender(kind, whole[kind], mine[kind], models[kind], rows.get(kind, {})) for kind in whole],
        "gaps": [
            {"one": one, "other": other, "figures": {name: _plain(gap) for name, gap in found.items()}}
            for (one, other), found in apart.items()
        ],
        "curves": _curves(every, duel.plan(), runs) if has_boxes else {},
    }


def crops(said: Sequence[Said], whole: Mapping[str, Yardstick]) -> int:
    """How many boxes of a picture the second stage has to name, on average; at least one.

    A score is the detector's times that of the name, so a box of which the detector itself is less sure than the
    contender's threshold can be left alone.

    Args:
        whole: yardsticks of those that learned from all the labels.
    """
    for one in said:
        if one.kind == "two-stage" and one.share == 1:
            least = whole["two-stage"].answers.threshold or 0.0
            return max(1, round(float((one.candidates >= least).sum()) / max(1, len(one.judged))))
    return 1


def _runs_of(kind: str, share: float, plan: DuelPlan, runs: Mapping[str, RunFolder]) -> list[RunFolder]:
    names = [Part(lesson, share).name for lesson in lessons_of(kind, plan)]
    return [runs[name] for name in names if name in runs]


def _model(duel: DuelFolder, runs: Sequence[RunFolder]) -> str:
    """As `bench` takes it; a detector that was trained elsewhere by its name."""
    return ">".join(str(run.path.resolve()) for run in runs) or duel.plan().detector


def _contender(
    kind: str, yardstick: Yardstick, runs: Sequence[RunFolder], model: str, row: Mapping[str, Any]
) -> dict[str, Any]:
    ends = yardstick.intervals(SAMPLES)
    trained = [float(run.read(STATUS).get("seconds", 0.0)) for run in runs]
    return {
        "task": kind,
        "title": TITLES[kind],
        "run": str(runs[0].path) if runs else "",
        "runs": [str(run.path) for run in runs],
        "model": model,
        "networks": [str(run.read(CONFIG).get("model")) for run in runs] or [model],
        "figures": {name: yardstick.figures[name] for name in FIGURES},
        "intervals": {name: [low, high] for name, (low, high) in ends.items() if not math.isnan(low)},
        "unanswered": yardstick.unanswered,
        "by_class": {name: _finite(values) for name, values in yardstick.by_class.items()},
        "threshold": yardstick.answers.threshold,
        "costs": dict(row),
        "training_seconds": sum(trained),
        "labels": learned(runs[0]).to_json() if runs else None,
    }


def _verdict(
    whole: Mapping[str, Yardstick],
    models: Mapping[str, str],
    rows: Mapping[str, Mapping[str, Any]],
    apart: Mapping[tuple[str, str], Mapping[str, Interval]],
    question: str,
) -> dict[str, Any]:
    figure = FIGURE_OF[question]
    standings = [
        Standing(kind, models[kind], yardstick.figures[figure], rows.get(kind, {}).get("latency_ms_p50"))
        for kind, yardstick in whole.items()
    ]
    found = verdict(standings, question, {pair: found[figure] for pair, found in apart.items() if figure in found})
    return {
        "task": found.task,
        "model": found.model,
        "sentence": found.sentence,
        "question": question,
        "worse": list(found.beaten),
        "cannot_say": list(found.silent),
    }


def _curves(
    every: Mapping[tuple[str, float], Yardstick], plan: DuelPlan, runs: Mapping[str, RunFolder]
) -> dict[str, Any]:
    """Of each contender: its points, and what the line through them expects of more labels."""
    found = {}
    for kind in dict.fromkeys(kind for kind, _ in every):
        shares = sorted(share for one, share in every if one == kind)
        taught = [learned(_runs_of(kind, share, plan, runs)[0]) for share in shares]
        drawn = [every[kind, share].resampled(drawings(len(every[kind, share].ground))) for share in shares]
        found[kind] = {
            "points": [_point(share, one, told) for share, one, told in zip(shares, taught, drawn, strict=True)],
            "fits": {name: law for name in FIGURES if (law := _law(name, taught, drawn)) is not None},
        }
    return found


def _point(share: float, taught: Learned, drawn: Mapping[str, np.ndarray]) -> dict[str, Any]:
    return {
        "share": share,
        **taught.to_json(),
        "figures": {name: _finite(values[:1])[0] for name, values in drawn.items()},
        "intervals": {
            name: [float(end) for end in np.nanpercentile(values[1:], [2.5, 97.5])]
            for name, values in drawn.items()
            if not np.isnan(values[1:]).all()
        },
    }


def _law(name: str, taught: Sequence[Learned], drawn: Sequence[Mapping[str, np.ndarray]]) -> dict[str, Any] | None:
    """The power law of a figure's error over ticks or boxes, and what `NEXT` more would change the figure by."""
    if not all(name in told for told in drawn):
        return None
    values = np.stack([told[name] for told in drawn], axis=1)
    law = curves.fit([max(1, one.marks) for one in taught], values if name in LOWER_IS_BETTER else 1 - values)
    if law is None:
        return None
    gain = law.gain(NEXT)
    return {"a": float(law.a[0]), "b": float(law.b[0]), "most": law.most, "more": NEXT} | {
        "gain": gain.value,
        "low": gain.low,
        "high": gain.high,
    }


def _plain(gap: Interval) -> dict[str, float | str | None]:
    ends = (None, None) if math.isnan(gap.low) else (gap.low, gap.high)
    return {"gap": gap.value, "low": ends[0], "high": ends[1], "note": gap.note}


def _finite(values: np.ndarray) -> list[float | None]:
    return [None if math.isnan(value) else float(value) for value in np.asarray(values, np.float64).tolist()]
