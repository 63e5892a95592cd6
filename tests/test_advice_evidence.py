"""The advisor: what it takes from a workspace, and its command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.advice_cases import result_of, three
from vision_core.__main__ import app
from vision_core.advice import Needs, advise
from vision_core.advice.evidence import Evidence, of_duel
from vision_core.advice.evidence import evidence as collected
from vision_core.advice.rules import RULES
from vision_core.duel.folder import DuelFolder
from vision_core.duel.plan import DuelPlan
from vision_core.errors import DataError, SettingsError


@pytest.fixture
def duel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DuelFolder:
    """A finished duel, of a workspace of its own."""
    monkeypatch.setenv("WHATWHERE_HOME", str(tmp_path))
    folder = DuelFolder.create(tmp_path / "duels" / "one", DuelPlan(data="Shelf"))
    folder.files.write("result.json", result_of(three()))
    folder.files.write("costs.json", {"bench": "bench-7"})
    return folder


def test_a_duels_result_becomes_evidence_and_every_number_knows_where_it_comes_from(duel: DuelFolder):
    found = of_duel(duel)
    names = [one.name for one in found.candidates]
    assert names == ["classification", "detection", "two-stage"]
    assert found.candidates[0].sources["figures"].where == "runs/classification"
    assert found.candidates[1].sources["costs"].where == "bench-7"
    assert found.candidates[1].laws["count_mae"].spread == pytest.approx(0.01)
    assert found.objects_per_picture == 10
    answer = advise(Needs(ask=("count",)), found)
    assert answer.task == "two-stage", "0.3 objects fewer counted wrong, surely"
    assert "A limit of the duel." in answer.notes
    assert json.loads(json.dumps(answer.to_json()))["shortlist"][0]["numbers"][0]["source"]["of"] == "run"


def test_evidence_is_the_duel_that_is_named_else_the_newest_and_others_are_only_mentioned(duel: DuelFolder):
    other = DuelFolder.create(duel.path.parent / "two", DuelPlan(data="Photos"))
    assert collected().duel == str(duel.path), "the other has no result yet"
    other.files.write("result.json", result_of(three()) | {"plan": {"data": "Photos"}})
    assert collected().duel == str(other.path)
    named = collected(duel)
    assert named.duel == str(duel.path)
    assert any("Photos" in sentence for sentence in named.left_out)


def test_an_empty_workspace_has_no_evidence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("WHATWHERE_HOME", str(tmp_path))
    assert collected() == Evidence()


def test_the_command_line_says_it_all(duel: DuelFolder):
    run = CliRunner().invoke(app, ["advise", "--duel", str(duel.path), "--ask", "count", "--ask", "where", "--json"])
    assert run.exit_code == 0, run.output
    said = json.loads(run.stdout)
    assert (said["task"], said["places"], said["basis"]) == ("two-stage", True, "measured")
    assert said["needs"]["ask"] == ["count", "where"]
    text = CliRunner().invoke(app, ["advise", "--ask", "count", "--pictures-a-day", "40000"])
    assert text.exit_code == 0
    assert "What would change this" in text.stdout
    assert "Gives up" in text.stdout
    assert "bench-7" in text.stdout


def test_the_command_line_shows_all_rules_and_refuses_what_cannot_be(duel: DuelFolder):
    rules = json.loads(CliRunner().invoke(app, ["advise", "--rules", "--json"]).stdout)
    assert [one["rule"] for one in rules] == [rule.name for rule in RULES]
    shown = CliRunner().invoke(app, ["advise", "--rules"]).stdout
    assert all(rule.source in shown for rule in RULES)
    with pytest.raises(SettingsError, match="'who'"):
        CliRunner().invoke(app, ["advise", "--ask", "who"], catch_exceptions=False)
    with pytest.raises(DataError, match=r"duel\.json"):
        CliRunner().invoke(app, ["advise", "--duel", str(duel.path.parent)], catch_exceptions=False)
