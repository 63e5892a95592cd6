"""Model cards: YAML that reads back, figures of the evaluation, and names that cannot become Markdown or YAML."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from huggingface_hub import ModelCard

from tests.evaluated_runs import evaluated, trained_run
from tests.reported import HOSTILE, bring, cost_row
from vision_core.__main__ import main
from vision_core.errors import DataError, ModelError
from vision_core.evaluation.figure_table import figure_intervals
from vision_core.glossary import say
from vision_core.model_card import in_markdown, model_card, write_card


def front_of(card: str) -> dict[str, Any]:
    """The YAML between the first two lines of dashes."""
    assert card.startswith("---\n")
    return yaml.safe_load(card.split("\n---\n")[0].removeprefix("---\n"))


def test_a_runs_card_holds_the_figures_of_its_evaluation_with_intervals(tmp_path: Path):
    run = trained_run(bring(tmp_path / "squares"), "detection", "Boxes")
    evaluation = evaluated(run)
    run.write("costs.json", {"rows": [cost_row(str(run.path), "detection", 21.5)]})
    card = model_card(run.path)
    (told,) = front_of(card)["model-index"]
    assert told["name"] == "Boxes"
    metrics = {one["type"]: one["value"] for one in told["results"][0]["metrics"]}
    assert metrics == {name: evaluation.figures[name] for name in ("map", "map50", "map75", "ar100")}
    ends = figure_intervals(evaluation.results, by_class=False)["map50"]
    assert (
        f"| AP50 | {say('map50', metrics['map50'])} | {say('map50', ends.low)} to {say('map50', ends.high)} |" in card
    )
    assert "21.5 ms" in card
    for heading in ("What it is for", "What it learned from", "How it was trained", "Limits", "Licence", "How to load"):
        assert f"\n## {heading}" in card
    assert front_of(card)["pipeline_tag"] == "object-detection"
    assert front_of(card)["license"] == "apache-2.0"
    assert "best.safetensors" not in card
    assert "load_file('boxes.safetensors')" in card


def test_what_was_not_measured_is_said_to_be_missing(tmp_path: Path):
    run = trained_run(bring(tmp_path / "squares"), "classification", "Labels", labels_from="presence")
    card = model_card(run.path)
    assert "Not measured yet: `python -m vision_core evaluate RUN`" in card
    assert "`python -m vision_core bench RUN` measures them" in card
    assert "results" not in str(front_of(card).get("model-index"))


def test_a_model_of_the_catalogue_has_a_card_too():
    card = model_card("resnet18")
    assert front_of(card)["license"] == "bsd-3-clause"
    assert "69.8% top-1 on ImageNet" in card
    assert "load_classifier('resnet18')" in card
    with pytest.raises(ModelError):
        model_card("resnet1800")


def test_hostile_names_stay_text_in_yaml_and_markdown(tmp_path: Path):
    data = bring(tmp_path / "squares", "a: [b] # c", HOSTILE)
    for name in HOSTILE:
        run = trained_run(data, "detection", name)
        evaluated(run)
        front = front_of(card := model_card(run.path))
        assert set(front) == {"library_name", "license", "pipeline_tag", "tags", "model-index"}
        assert front["model-index"][0]["results"][0]["dataset"]["name"] == "a: [b] # c"
        assert ModelCard(card, ignore_metadata_errors=False).data.to_dict()["pipeline_tag"] == "object-detection"
        body = card.split("\n---\n", 1)[1]
        assert not any(line.startswith(("<", "[", "---")) for line in body.splitlines())
        assert "<script" not in body.replace("\\<script", "")
        assert "](javascript" not in body
        assert "\u202e" not in card
        assert max(map(len, body.splitlines())) < 3000


def test_markdown_is_taken_from_names():
    assert in_markdown("**a** | [b](c) `d`") == r"\*\*a\*\* \| \[b\]\(c\) \`d\`"
    assert in_markdown("a\nb\u0007") == "a b"


def test_the_command_line_writes_a_card_and_overwrites_only_cards(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    run = trained_run(bring(tmp_path / "squares"), "detection", "Boxes")
    out = tmp_path / "card.md"
    for _ in range(2):
        assert main(["card", "Boxes", "-o", str(out), "--json"]) == 0
        assert json.loads(capsys.readouterr().out) == {"out": str(out), "of": str(run.path)}
    assert main(["card", "resnet18"]) == 0
    assert capsys.readouterr().out == model_card("resnet18")
    out.write_text("mine")
    with pytest.raises(DataError, match="no model card of ours"):
        write_card(run.path, out)
    assert main(["card", "nothing", "-o", str(out)]) == 2
    assert out.read_text() == "mine"
