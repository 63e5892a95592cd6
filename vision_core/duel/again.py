"""A finished duel reckoned anew from what its networks said of each picture, without training or measuring anything.

    sticks = yardsticks(duel)                      # of each contender that learned from all the labels
    decide(duel, sticks).sentence                  # the verdict, from these yardsticks and the measured latencies

Predictions, and where classifiers point, are taken as they are kept; thresholds and costs are the duel's own. What is
not kept any more is asked of the networks again, which needs their pictures.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vision_core.duel.folder import DuelFolder
from vision_core.duel.judging import gaps, pointed
from vision_core.duel.parts import Part, lessons_of
from vision_core.duel.plan import FIGURE_OF, DuelPlan
from vision_core.duel.two_stage import two_stage
from vision_core.duel.verdict import Standing, Verdict, verdict
from vision_core.errors import DataError
from vision_core.evaluation.ground import common_ground
from vision_core.evaluation.records import Results
from vision_core.evaluation.store import Evaluation, evaluate_run
from vision_core.evaluation.yardstick import Yardstick, side_by_side
from vision_core.run_folder import RunFolder


def yardsticks(duel: DuelFolder) -> dict[str, Yardstick]:
    """The yardstick of each contender, by its kind, in the order of the duel's result.

    Raises:
        DataError: the duel has no result yet; or a run or its pictures are gone.
    """
    every = _contenders(duel)
    if not any(one["task"] != "classification" and one["runs"] for one in every):
        return _unboxed(duel, every)
    said = [_said(duel, one) for one in every]
    results = [one for one, _ in said]
    ground = common_ground(results)
    points = [None if asked is None else pointed(asked, ground, duel.path, None) for _, asked in said]
    found = side_by_side(results, None, [one["threshold"] for one in every], points)
    return dict(zip((one["task"] for one in every), found, strict=True))


def decide(duel: DuelFolder, sticks: Mapping[str, Yardstick]) -> Verdict:
    """Who wins by these yardsticks, with the latencies that the duel measured.

    Raises:
        DataError: the duel has no result yet, or none of them answers its question.
    """
    question, every = duel.plan().question, {one["task"]: one for one in _contenders(duel)}
    figure = FIGURE_OF[question]
    standings = [
        Standing(kind, every[kind]["model"], stick.figures[figure], every[kind]["costs"].get("latency_ms_p50"))
        for kind, stick in sticks.items()
    ]
    apart = {pair: found[figure] for pair, found in gaps(sticks).items() if figure in found}
    return verdict(standings, question, apart)


def _contenders(duel: DuelFolder) -> list[dict[str, Any]]:
    every = duel.result().get("contenders")
    if not every:
        raise DataError(f"The duel {duel.name!r} has no result yet: let it come to its end first.")
    return every


def _said(duel: DuelFolder, one: Mapping[str, Any]) -> tuple[Results, Evaluation | None]:
    """What a contender said of the held-out pictures, and the evaluation of one that can be asked where it looks."""
    plan, kind, runs = duel.plan(), one["task"], [RunFolder.open(path) for path in one["runs"]]
    lesson = lessons_of(kind, plan)[0]
    test = evaluate_run(runs[0].path, _data(duel, plan, lesson))
    if kind != "two-stage":
        return test.results, test if kind == "classification" else None
    kept = duel.path / f"two-stage-100-{test.split}.safetensors"
    return two_stage(test, runs[1].path, kept, data=duel.data() if lesson == "objects" else ""), None


def _data(duel: DuelFolder, plan: DuelPlan, lesson: Any) -> str | None:
    """Whose pictures it was judged on: the duel's, where its run was there before."""
    return duel.data() if Part(lesson, 1.0).given(plan) else None


def _unboxed(duel: DuelFolder, every: list[dict[str, Any]]) -> dict[str, Yardstick]:
    """On pictures without boxes: what the detector that was trained elsewhere said."""
    from vision_core.duel.unboxed import against_pretrained

    said = against_pretrained(RunFolder(Path(every[0]["run"])), duel.plan(), duel.path)
    found = side_by_side([one.judged for one in said], None, [one["threshold"] for one in every])
    return dict(zip((one["task"] for one in every), found, strict=True))
