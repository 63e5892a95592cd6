"""Evidence for the advisor's tests: contenders with figures, intervals, costs, labels and learning curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from vision_core.advice.evidence import Candidate, Evidence, Figure, Gap, Law, Source, Taught
from vision_core.advice.traded import Traded
from vision_core.duel.judging import SCORES
from vision_core.duel.plan import TITLES

FREE = "Apache-2.0"


def candidate(kind: str = "classification", **changes: Any) -> Candidate:
    """One that was measured: quick and cheap if it classifies, dearer if it detects."""
    boxes = kind != "classification"
    figures = {"presence_ap": Figure(0.8, 0.75, 0.85), "presence_f1": Figure(0.75, 0.7, 0.8)}
    if boxes:
        figures |= {
            "count_mae": Figure(0.5, 0.4, 0.6),
            "pointing": Figure(0.6, 0.5, 0.7),
            "ap50": Figure(0.5, 0.4, 0.6),
        }
    speed = {"classification": 20.0, "detection": 40.0, "two-stage": 200.0}[kind]
    usual: dict[str, Any] = {
        "name": kind,
        "title": TITLES[kind],
        "kind": kind,
        "model": f"runs/{kind}",
        "networks": ("tf_efficientnet_lite0",),
        "runs": (f"runs/{kind}",),
        "preset": "thorough",
        "figures": figures,
        "latency_ms": speed,
        "latency_ms_p95": 1.1 * speed,
        "images_per_second": 1000 / speed,
        "device": "a processor",
        "training_s": 60.0,
        "taught": Taught(200, 2000 if boxes else 400, 4.0 if boxes else 0.6, "a published pace"),
        "judged_on": 200,
        "licences": (FREE,),
        "sources": {name: Source("run", f"runs/{kind}") for name in ("figures", "costs", "labels")},
    }
    return Candidate(**usual | changes)


def evidence(*candidates: Candidate, **changes: Any) -> Evidence:
    """Of a duel between these."""
    usual: dict[str, Any] = {"about": "Measured in a duel.", "data": "Shelf", "duel": "duels/one"}
    return Evidence(candidates=candidates, **usual | changes)


def three(**changes: Any) -> Evidence:
    """All three ways, which nothing but what they can say and cost tells apart."""
    return evidence(candidate(), candidate("detection"), candidate("two-stage"), **changes)


def law(gain: float, spread: float, most: float = 400.0) -> Law:
    """A learning curve whose next 500 labels bring so much."""
    return Law(1.0, 0.25, most, 500.0, gain, spread, gain - spread)


def ahead(one: str, other: str, figure: str, by: float) -> Mapping[tuple[str, str], Mapping[str, Gap]]:
    """A gap that is surely there."""
    return {(one, other): {figure: Gap(by, by - abs(by) / 2, by + abs(by) / 2)}}


def errors(misses: Sequence[float], false_alarms: Sequence[float], on_validation: bool = True) -> Traded:
    """Errors a picture at the lowest, the middle and the highest threshold, and in between; none is by chance."""
    where = np.linspace(0, 1, len(misses))
    missed, false = (np.interp(np.linspace(0, 1, len(SCORES)), where, values) for values in (misses, false_alarms))
    shape = (51, len(SCORES))
    return Traded(
        np.array(SCORES), np.broadcast_to(missed, shape), np.broadcast_to(false, shape), missed, false, on_validation
    )


def result_of(three_ways: Evidence) -> dict[str, Any]:
    """As a duel's `result.json` has it."""
    contenders = []
    for one in three_ways.candidates:
        taught, boxes = one.taught, one.kind != "classification"
        assert taught is not None
        contenders.append(
            {
                "task": one.kind,
                "title": one.title,
                "runs": list(one.runs),
                "model": one.model,
                "networks": list(one.networks),
                "figures": {"count_mae": None, **{name: figure.value for name, figure in one.figures.items()}},
                "intervals": {name: [figure.low, figure.high] for name, figure in one.figures.items()},
                "unanswered": {},
                "by_class": {"precision": [0.8, None], "recall": [0.9, 0.0], "pictures": [50.0, 2.0]},
                "threshold": 0.4,
                "costs": {"latency_ms_p50": one.latency_ms, "images_per_second": one.images_per_second},
                "training_seconds": one.training_s,
                "labels": {
                    "pictures": taught.pictures,
                    "labels": 0 if boxes else taught.marks,
                    "boxes": taught.marks if boxes else 0,
                    "hours": taught.hours,
                    "pace": taught.pace,
                },
            }
        )
    contenders[2]["figures"]["count_mae"] = 0.2
    fit = {"a": 1.0, "b": 0.25, "most": 2000.0, "more": 500, "gain": 0.02, "low": 0.01, "high": 0.03}
    gap = {"gap": -0.3, "low": -0.4, "high": -0.2, "note": ""}
    return {
        "state": "finished",
        "data": "Shelf",
        "plan": {"preset": "instant", "data": "Shelf"},
        "pictures": 120,
        "classes": ["a", "b"],
        "contenders": contenders,
        "gaps": [{"one": "two-stage", "other": "detection", "figures": {"count_mae": gap}}],
        "curves": {"detection": {"points": [], "fits": {"count_mae": fit}}},
        "notes": ["A limit of the duel."],
    }
