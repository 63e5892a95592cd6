"""The glossary: every figure has its entry, and says its values as people do."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from vision_core import glossary
from vision_core.errors import SettingsError
from vision_core.training.metrics import COCO_NAMES

ASSETS = Path(glossary.__file__).parent / "assets"


@pytest.mark.parametrize("one", glossary.terms(), ids=lambda one: one.name)
def test_every_entry_is_whole(one: glossary.Term) -> None:
    assert one.title
    assert one.definition.endswith(".")
    assert one.good.endswith((".", ")"))
    assert one.formula.count("{") == one.formula.count("}")
    assert "$" not in one.definition + one.good + one.threshold, "would start a formula"
    assert not re.search(r"[<>*_`]", one.definition + one.good + one.threshold + one.title + one.source), "Markdown"


def test_every_figure_of_a_run_has_an_entry() -> None:
    wanted = set(COCO_NAMES.values())
    for path in ASSETS.glob("runs/*/evaluation.json"):
        wanted |= set(json.loads(path.read_text())["metrics"])
    assert wanted
    for name in wanted:
        assert glossary.has(name), name


def test_one_name_may_mean_two_things() -> None:
    assert "boxes" in glossary.term("map", "detection").definition
    assert "nothing to do with boxes" in glossary.term("map", "classification").definition
    assert glossary.term("top1", "classification") == glossary.term("top1")


def test_an_unknown_figure_is_named_with_what_is_close() -> None:
    with pytest.raises(SettingsError, match=r"'map55'.*map50"):
        glossary.term("map55")


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("map50", 0.61372, "61.4 %"),
        ("map_small", -1.0, "—"),
        ("map50", None, "—"),
        ("ece", float("nan"), "—"),
        ("kappa", -0.25, "-0.25"),
        ("kappa", -1.0, "-1"),
        ("latency_ms_p50", 12.345, "12.3 ms"),
        ("images_per_second", 1234.5, "1,234 pictures/s"),
        ("parameters", 4_652_008, "4.65 M"),
        ("parameters", 12, "12"),
        ("parameters", 999_700, "1 M"),
        ("latency_ms_p50", 999.7, "1,000 ms"),
        ("flops", 7.7e8, "770 MFLOP"),
        ("peak_memory_bytes", 2.3e9, "2.3 GB"),
        ("usd_per_million", 1234.5, "$1,234.50"),
        ("co2_g_per_1k", 0.0, "0 g"),
    ],
)
def test_values_are_said_with_their_unit(name: str, value: float | None, said: str) -> None:
    assert glossary.say(name, value) == said


def test_the_whole_explanation_has_every_part() -> None:
    text = glossary.markdown("ece", example="of 10 answers 9 are right.")
    for part in ("**Calibration error (ECE)**", "$$\n\\sum_b", "15 bins", "Lower is better.", "**Here:** of 10", "Guo"):
        assert part in text
    assert "$$" not in glossary.brief("ece")
    assert "15 bins" in glossary.brief("ece")
