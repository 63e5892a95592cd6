"""From which score on a box is shown: F1 against the threshold, the best one marked, one click to use it."""

from __future__ import annotations

import streamlit as st

from pages import plain
from pages.parts import explained, figures
from pages.parts.evaluate import cached
from vision_core import glossary
from vision_core.errors import DataError, VisionError
from vision_core.evaluation import curve_charts
from vision_core.evaluation.applied import USUAL, applied_threshold, apply_threshold, flattered, say_score
from vision_core.evaluation.curve_charts import Line, Mark
from vision_core.evaluation.score_threshold import OperatingPoint, ThresholdSweep
from vision_core.evaluation.store import Evaluation
from vision_core.training.overview import Overview

OVERLAPS = (0.5, 0.75, 0.9)


def draw(evaluation: Evaluation, one: Overview) -> None:
    """The curve, what the threshold in use gives, and what the best one would."""
    names = [str(row["class"]) for row in cached.coco(evaluation).by_class() if row["boxes"]]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.selectbox(
            "Of",
            [None, *names],
            format_func=lambda name: "all classes" if name is None else name,
            key=f"evaluate_f1_class_{evaluation.key}",
            width=260,
        )
        overlap = st.selectbox(
            "Right from this overlap (IoU) on", OVERLAPS, key=f"evaluate_f1_iou_{evaluation.key}", width=260
        )
    try:
        sweep = cached.box_sweep(evaluation.key, overlap or 0.5, chosen, evaluation)
    except DataError as error:
        st.info(plain(str(error)))
        return
    best, best_score = sweep.best, sweep.best_score
    if best is None or best_score is None:
        st.info("No box was found, so there is no threshold to choose.", icon=":material/search_off:")
        return
    now = applied_threshold(one.run.path)
    score = st.slider(
        "Score threshold",
        0.0,
        1.0,
        USUAL if now is None else now,
        0.01,
        format="%.4g",
        key=f"evaluate_score_{evaluation.key}_{now}",
        help=explained.brief("threshold"),
    )
    best = sweep.at(best_score)
    _figures(sweep.at(score), best)
    _apply(evaluation, one, score, best_score, now)
    _curve(sweep, score, best)


def _figures(at: OperatingPoint, best: OperatingPoint) -> None:
    note = f"at score {say_score(at.score)}"
    with explained.row("box_score"):
        said = f"{at.right:,} of {at.shown:,} shown boxes are right; {at.wanted:,} are there."
        for name, value in (("precision", at.precision), ("recall", at.recall), ("f1", at.f1)):
            explained.metric(name, value, key=f"score_{name}", note=note, example=plain(said))
        explained.metric(
            "best_f1",
            best.f1,
            key="score_best",
            note=f"at score {say_score(best.score)}",
            example=plain(f"2·{best.right:,} / ({best.shown:,} + {best.wanted:,})."),
        )


def _apply(evaluation: Evaluation, one: Overview, score: float, best: float, now: float | None) -> None:
    """The buttons that keep a threshold with the run."""
    said = f"This run keeps score {say_score(now)}: Compare starts with it." if now is not None else (
        f"This run keeps no threshold of its own: Compare starts at {USUAL}."
    )  # fmt: skip
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button(
            f"Use the best: {say_score(best)}",
            icon=":material/check:",
            type="primary",
            key="evaluate_use_best",
            disabled=now is not None and abs(now - best) < 1e-9,
        ):
            _keep(one, best, evaluation)
        if min(abs(score - (USUAL if now is None else now)), abs(score - best)) > 1e-9 and st.button(
            f"Use {say_score(score)}", icon=":material/check:", key="evaluate_use_score"
        ):
            _keep(one, score, evaluation)
        if now is not None and st.button("Forget it", icon=":material/undo:", type="tertiary", key="evaluate_forget"):
            _keep(one, None)
        st.caption(said)
    if why := flattered(evaluation):
        st.warning(plain(why), icon=":material/warning:")
    else:
        st.caption("A best threshold found on these pictures looks better on them than it will on others.")


def _keep(one: Overview, score: float | None, chosen_on: Evaluation | None = None) -> None:
    try:
        apply_threshold(one.run.path, score, chosen_on)
    except VisionError as error:
        st.error(plain(str(error)))
        return
    st.toast("Compare starts with it." if score is not None else "Forgotten.", icon=":material/check:")
    st.rerun()


def _curve(sweep: ThresholdSweep, score: float, best: OperatingPoint) -> None:
    thin = sweep.thinned()
    figures.draw(
        curve_charts.lines(
            [Line("precision", thin.scores, thin.precision), Line("recall", thin.scores, thin.recall),
             Line("F1", thin.scores, thin.f1)],
            ("score threshold (%)", "share (%)"),
            marks=[Mark(score, f"chosen: {say_score(score)}"), Mark(best.score, f"best F1: {say_score(best.score)}")],
        ),
        "F1 against the threshold",
        alt=f"F1 is best, {glossary.say('f1', best.f1)}, at score {say_score(best.score)}; "
        f"at {say_score(score)} it is {glossary.say('f1', sweep.at(score).f1)}",
        key="box_f1",
        help=explained.brief("best_f1"),
    )  # fmt: skip
