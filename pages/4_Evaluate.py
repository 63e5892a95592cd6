"""Evaluate: which run is better, for whom, by how much and how surely, and what each of them gets wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from pages import frame, remember, told

if TYPE_CHECKING:
    from pages.parts.evaluate.choose import Pictures
    from vision_core.evaluation.store import Evaluation
    from vision_core.training.overview import Overview

LABELS = ("Overview", "Confusion", "Worst pictures", "Confidence", "Curves and threshold", "Slices", "Robustness")
BOXES = ("Overview", "Errors", "Threshold", "Curves", "Confusion", "Slices", "Robustness")


def section(task: str) -> str:
    """Which part is looked at; it stands in the address."""
    options = BOXES if task == "detection" else LABELS
    asked = st.query_params.get("part", "")
    chosen = st.segmented_control(
        "Show",
        options,
        default=asked if asked in options else options[0],
        required=True,
        key=f"evaluate_part_{task}",
        label_visibility="collapsed",
    )
    if chosen == options[0]:
        st.query_params.pop("part", None)
    else:
        st.query_params["part"] = str(chosen)
    return str(chosen)


@st.fragment
def one_run(evaluation: Evaluation, one: Overview, on: Pictures) -> None:
    """Everything about one run; only this part runs again when something in it changes."""
    part = section(evaluation.task)
    with told():
        if part == "Overview":
            headline.draw(evaluation)
            if evaluation.task == "detection":
                boxes.classes_and_sizes(evaluation)
            else:
                labels.classes(evaluation)
        elif part == "Slices":
            slices.draw(evaluation)
        elif part == "Robustness":
            robustness.draw(evaluation)
        elif evaluation.task == "detection":
            of_boxes(part, evaluation, one)
        else:
            of_labels(part, evaluation, one)
    pictures.show_opened([evaluation])
    code.draw([evaluation], on)


def of_labels(part: str, evaluation: Evaluation, one: Overview) -> None:
    """The parts that only a classifier has."""
    if part == "Confusion":
        labels.confusion(evaluation)
    elif part == "Worst pictures":
        labels.top_losses(evaluation)
    elif part == "Confidence":
        confidence.draw(evaluation, one)
    else:
        label_curves.draw(evaluation)
        label_curves.threshold(evaluation)


def of_boxes(part: str, evaluation: Evaluation, one: Overview) -> None:
    """The parts that only a detector has."""
    if part == "Errors":
        box_errors.errors(evaluation, one)
    elif part == "Threshold":
        box_score.draw(evaluation, one)
    elif part == "Curves":
        boxes.curves(evaluation)
    else:
        box_errors.confusion(evaluation, one)


def evaluate(found: list[Overview]) -> None:
    """The table, the choice of pictures, and one run or several."""
    st.caption("Choose one run to look into, or several to set side by side.")
    chosen = choose.table(found)
    if not chosen:
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        on = choose.pictures(chosen)
        choose.way_to_others()
    one = choose.which(chosen)
    if on is None:
        return
    evaluations = prepare.ready([one] if one is not None else chosen, on)
    if not evaluations:
        return
    if one is not None:
        one_run(evaluations[0], one, on)
    else:
        side_by_side.draw(evaluations)
        code.draw(evaluations, on)
    report_button.draw([each.run.path for each in evaluations], "evaluate")


with frame("Evaluate: which is better, and what goes wrong"):
    with st.spinner("Opening the workspace …"):
        from pages.parts import report_button
        from pages.parts.data import overview as data_overview
        from pages.parts.data import shelf
        from pages.parts.evaluate import (
            box_errors,
            box_score,
            boxes,
            choose,
            code,
            confidence,
            headline,
            label_curves,
            labels,
            pictures,
            prepare,
            robustness,
            side_by_side,
            slices,
        )
        from pages.parts.train import runs
    painted = shelf.painting()
    data_overview.painting(painted)
    known = [each for each in runs.every() if each.has_weights]
    if known:
        with told():
            evaluate(known)
    elif painted is not None and painted.brings_runs:
        st.info(
            "Two example runs, a classifier and a detector, come as soon as Fashion Shelf is painted; they stand here "
            "then. Runs of your own are trained on the Train page.",
            icon=":material/hourglass_empty:",
        )
    else:
        st.info("There is no trained run to evaluate yet.", icon=":material/analytics:")
        if st.button("To the Train page", icon=":material/model_training:", type="primary"):
            st.switch_page("pages/3_Train.py")
    remember("Evaluate")
