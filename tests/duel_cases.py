"""A duel's result as `fight` writes it, made up: for tests of pages and charts, without training anything."""

from __future__ import annotations

import time
from typing import Any

from tests.bench_cases import row
from vision_core.duel.folder import RESULT, DuelFolder, create_duel
from vision_core.duel.plan import KINDS, TITLES, DuelPlan
from vision_core.evaluation.yardstick import CANNOT_COUNT, DRAWS_NO_BOXES
from vision_core.run_folder import STATUS
from vision_core.training.pulse import identity

HOSTILE = "<img src=x onerror=alert(1)> **x** $y$"
ELSEWHERE = "/nowhere/runs/"
_FIGURES: dict[str, tuple[float, float, float | None, float, float | None]] = {
    "classification": (0.78, 0.76, None, 0.2, None),
    "detection": (0.84, 0.62, 0.9, 0.63, 0.45),
    "two-stage": (0.86, 0.73, 0.6, 0.69, 0.52),
}
_NAMES = ("presence_ap", "presence_f1", "count_mae", "pointing", "ap50")
_MS = {"classification": 20.0, "detection": 40.0, "two-stage": 250.0}


def contender(kind: str, run: str = "") -> dict[str, Any]:
    """One of them; `run`: the folder of its first network."""
    figures: dict[str, Any] = dict(zip(_NAMES, _FIGURES[kind], strict=True))
    silent = {"count_mae": CANNOT_COUNT, "ap50": DRAWS_NO_BOXES}
    by_class = {name: [value, None] for name, value in figures.items() if value is not None}
    detects = kind != "classification"
    runs = [run or f"{ELSEWHERE}{kind}", *([f"{ELSEWHERE}crops"] if kind == "two-stage" else [])]
    labels = {"pictures": 200, "labels": 0 if detects else 1200, "boxes": 2000 if detects else 0}
    return {
        "task": kind,
        "title": TITLES[kind],
        "run": runs[0],
        "runs": runs,
        "model": ">".join(runs),
        "networks": [HOSTILE],
        "figures": figures,
        "intervals": {name: [value - 0.04, value + 0.05] for name, value in figures.items() if value is not None},
        "unanswered": {name: why for name, why in silent.items() if figures[name] is None},
        "by_class": by_class | {"pictures": [30.0, 12.0], "objects": [40.0, 15.0]},
        "threshold": 0.3,
        "costs": row(ms=_MS[kind]),
        "training_seconds": 10 * _MS[kind],
        "labels": labels | {"hours": 4.0 if detects else 1.7, "pace": "a published pace"},
    }


def gaps() -> list[dict[str, Any]]:
    """Classification is measurably worse in all; of the other two only counting tells them apart."""
    found = []
    for one, other in (("classification", "detection"), ("classification", "two-stage"), ("detection", "two-stage")):
        figures = {}
        for name, first, second in zip(_NAMES, _FIGURES[one], _FIGURES[other], strict=True):
            if first is None or second is None:
                continue
            apart, wide = first - second, 0.02 if "classification" in one or name == "count_mae" else 0.2
            figures[name] = {"gap": apart, "low": apart - wide, "high": apart + wide, "note": ""}
        found.append({"one": one, "other": other, "figures": figures})
    return found


def curves() -> dict[str, Any]:
    """Errors that fall with the root of the labels."""
    found = {}
    for kind in KINDS:
        points = []
        for share in (0.1, 0.25, 0.5, 1.0):
            one = contender(kind)
            labels = {name: round(share * one["labels"][name]) for name in ("pictures", "labels", "boxes")}
            figures = {"presence_ap": 1 - 2 * max(labels["labels"], labels["boxes"]) ** -0.5}
            ends = {name: [value - 0.05, value + 0.04] for name, value in figures.items()}
            hours = share * one["labels"]["hours"]
            points.append(
                {"share": share, **labels, "hours": hours, "pace": "p", "figures": figures, "intervals": ends}
            )
        fit = {"a": 2.0, "b": 0.5, "most": 2000, "more": 500, "gain": 0.009, "low": 0.001, "high": 0.012}
        found[kind] = {"points": points, "fits": {"presence_ap": fit}}
    return found


def result(question: str = "presence", **changes: Any) -> dict[str, Any]:
    """All three contenders on two classes."""
    plan = DuelPlan(data="shelf")
    found = {
        "state": "finished",
        "id": "abcd1234",
        "made_at": "2026-11-23T10:00:00+00:00",
        "host": "elsewhere",
        "data": "shelf",
        "plan": plan.to_json() | {"question": question},
        "out": "/nowhere/duel",
        "verdict": {
            "task": "detection",
            "model": "",
            "sentence": "For “Is it there?” choose detection: it is the quickest of those that are level.",
            "question": question,
            "worse": ["classification"],
            "cannot_say": [],
        },
        "question": question,
        "pictures": 43,
        "classes": ["shirt", HOSTILE],
        "ground_notes": [],
        "contenders": [contender(kind) for kind in KINDS],
        "gaps": gaps(),
        "curves": curves(),
        "notes": ["A note of the duel."],
    }
    return found | changes


def made(state: str = "", plan: DuelPlan | None = None, name: str = "", **more: Any) -> DuelFolder:
    """A duel of the workspace that nobody works on; an active one claims to be this process."""
    duel = create_duel(plan or DuelPlan(data="shelf"), name)
    if state:
        duel.files.write(STATUS, {"state": state, **identity(), "heartbeat": time.time(), **more})
    return duel


def finished(name: str = "Shelf", **changes: Any) -> DuelFolder:
    """One that has ended."""
    duel = made("finished", name=name)
    duel.files.write(RESULT, result(**changes))
    return duel
