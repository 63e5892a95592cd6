"""Two planted data sets whose right task is known: real duels on them lead the advisor there, with its evidence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.planted_data import centred, scattered
from vision_core.advice import Needs, advise, evidence
from vision_core.duel.fight import fight
from vision_core.duel.folder import DuelFolder
from vision_core.duel.plan import DuelPlan


@pytest.mark.slow
@pytest.mark.parametrize(
    ("plant", "question", "task"), [(centred, "presence", "classification"), (scattered, "count", "detection")]
)
def test_the_advisor_finds_the_task_that_was_planted(
    plant: Callable[[Path], Path], question: str, task: str, tmp_path: Path
) -> None:
    plan = DuelPlan(
        data=str(plant(tmp_path / "data")),
        contenders=("classification", "detection"),
        question=question,
        shares=(1,),
        device="cpu",
    )
    duel = DuelFolder.create(tmp_path / "duel", plan)
    result = fight(duel)
    assert result["verdict"]["task"] == task
    said = advise(Needs(ask=(question,)), evidence(duel))
    assert said.task == task
    winner = next(one for one in result["contenders"] if one["task"] == task)
    figure = {"presence": "presence_ap", "count": "count_mae"}[question]
    stated = {number.name: number for number in said.shortlist[0].numbers}
    assert stated[figure].value == winner["figures"][figure], "with the duel's own number"
    assert stated[figure].source.where in {*winner["runs"], str(duel.path)}, "and where it is from"
    if task == "classification":
        assert any("cannot tell" in sentence or "measurably" in sentence for sentence in said.sentences)
    else:
        assert "classification" in result["verdict"]["cannot_say"]
