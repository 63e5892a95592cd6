"""Who can answer what: each kind of contender, its limits, and where they disagree."""

from __future__ import annotations

import numpy as np
import pytest

from vision_core.answers import ask_all
from vision_core.types import Classification, Detections, PipelineResult, Timing

COCO = ("person", "cat", "dog")
IMAGENET = ("tabby", "tiger cat", "espresso", "golden retriever")


def classified(**scores: float) -> Classification:
    return Classification(IMAGENET, np.asarray([scores.get(name.replace(" ", "_"), 0.0) for name in IMAGENET]))


def detected(*rows: tuple[str, float, tuple[float, float, float, float]]) -> Detections:
    return Detections(
        np.asarray([box for _, _, box in rows], np.float32).reshape(-1, 4),
        np.asarray([score for _, score, _ in rows], np.float32),
        np.asarray([COCO.index(name) for name, _, _ in rows], np.int64),
        COCO,
        (90, 90),
    )


def piped(detections: Detections, *labels: Classification) -> PipelineResult:
    return PipelineResult(detections, labels, Timing(), Timing())


TWO_CATS = detected(("cat", 0.9, (0, 0, 30, 30)), ("cat", 0.7, (60, 60, 90, 90)))


def answers(said: object, thing: str, question: int) -> tuple[str, str]:
    answer = ask_all([said], thing, 0.4)[question].answers[0]  # type: ignore[list-item]
    return answer.verdict, answer.text


def test_a_classifier_sums_what_means_the_thing() -> None:
    said = classified(tabby=0.3, tiger_cat=0.3, espresso=0.1)
    assert answers(said, "cat", 1) == ("yes", "Yes, 60%")
    assert answers(said, "dog", 1) == ("no", "No: 0% is below 40%")


def test_a_classifier_cannot_say_what_it_has_no_word_for() -> None:
    verdict, text = answers(classified(tabby=1.0), "person", 1)
    assert verdict == "cannot say"
    assert "person" in text


@pytest.mark.parametrize("question", [2, 3])
def test_a_classifier_can_neither_count_nor_point(question: int) -> None:
    assert answers(classified(tabby=1.0), "cat", question)[0] == "cannot say"


def test_a_detector_counts_and_points() -> None:
    assert answers(TWO_CATS, "cat", 0) == ("says", "2 × cat")
    assert answers(TWO_CATS, "cat", 2) == ("says", "2")
    assert answers(TWO_CATS, "cat", 3)[1] == "top left (11% of the picture); bottom right (11% of the picture)"
    assert answers(TWO_CATS, "dog", 1)[0] == "no"


def test_a_detector_answers_for_a_kind_it_only_knows_by_the_whole() -> None:
    assert answers(TWO_CATS, "espresso", 1)[0] == "cannot say"


def test_a_pipeline_finds_what_only_its_second_stage_has_a_word_for() -> None:
    both = piped(TWO_CATS, classified(tabby=0.9), classified(espresso=0.8))
    assert answers(both, "espresso", 2) == ("says", "1")
    assert answers(both, "cat", 0)[1] in {"tabby, espresso", "espresso, tabby"}


def test_nothing_found_is_an_answer() -> None:
    assert answers(detected(), "cat", 0)[1] == "no object above the threshold"
    assert answers(detected(), "cat", 2) == ("says", "0")


def test_disagreements_are_said() -> None:
    rows = ask_all([classified(tabby=0.9), detected()], "cat", 0.4)
    assert rows[1].disagreement == "They disagree on whether there is a cat."
    rows = ask_all([TWO_CATS, detected(("cat", 0.9, (0, 0, 30, 30)))], "cat", 0.4)
    assert rows[2].disagreement == "They count differently: 1, 2."
    assert not ask_all([TWO_CATS, classified(tabby=0.9)], "cat", 0.4)[1].disagreement
