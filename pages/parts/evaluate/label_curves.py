"""A classifier's curves: precision against recall and ROC of chosen classes, and what a threshold does."""

from __future__ import annotations

import numpy as np
import streamlit as st

from pages import plain
from pages.parts import explained, figures
from pages.parts.evaluate import cached, labels
from vision_core import glossary
from vision_core.evaluation import curve_charts, ranking, thresholds
from vision_core.evaluation.curve_charts import Line, Mark
from vision_core.evaluation.store import Evaluation

MOST_POINTS = 400
FIRST_CLASSES = 4


def draw(evaluation: Evaluation) -> None:
    """Curves of the classes that are chosen, worst at first."""
    results = cached.labels(evaluation)
    rows = [row for row in cached.class_rows(evaluation.key, evaluation) if row.average_precision is not None]
    if not rows:
        st.info("No class has an example in these pictures, so there is no curve.")
        return
    worst = sorted(rows, key=lambda row: row.average_precision or 0.0)
    names = {row.name: row for row in rows}
    chosen = st.multiselect(
        "Classes",
        list(names),
        default=[row.name for row in worst[:FIRST_CLASSES]],
        max_selections=curve_charts.MOST_LINES,
        key=f"evaluate_curves_{evaluation.key}",
        help="The worst ones at first.",
    )
    if not chosen:
        st.caption("Choose one to six classes.")
        return
    precise, rates = [], []
    for name in chosen:
        shown, scores = results.shown[:, names[name].class_id], results.scores[:, names[name].class_id]
        curve, roc = ranking.precision_recall(shown, scores), ranking.roc(shown, scores)
        kept = _thinned(len(curve.thresholds))
        says = [f"score {threshold:.3f}" for threshold in curve.thresholds[kept]]
        title = f"{name} (AP {curve.average_precision:.0%})"
        precise.append(Line(title, curve.recall[kept], curve.precision[kept], says))
        if not np.isnan(roc.area):
            kept = _thinned(len(roc.thresholds))
            says = [f"score {threshold:.3f}" for threshold in roc.thresholds[kept]]
            rates.append(
                Line(f"{name} ({roc.area:.0%})", roc.false_positive_rate[kept], roc.true_positive_rate[kept], says)
            )
    left, right = st.columns(2, gap="large")
    with left:
        figures.draw(
            curve_charts.lines(precise, ("recall (%)", "precision (%)")),
            "Precision against recall",
            alt="; ".join(line.name for line in precise),
            key="label_pr",
            help=explained.brief("ap"),
        )
    with right:
        figures.draw(
            curve_charts.lines(rates, ("false alarms (%)", "recall (%)"), diagonal=True),
            "ROC",
            alt="Area under the curve: " + "; ".join(line.name for line in rates),
            key="label_roc",
            help=explained.brief("roc_auc"),
        )


def _thinned(points: int) -> np.ndarray:
    """Places of so few points that a browser draws them at once."""
    return np.unique(np.linspace(0, points - 1, min(points, MOST_POINTS)).round().astype(int))


def threshold(evaluation: Evaluation) -> None:
    """What a threshold does: for several classes a picture all figures, else how many pictures get an answer."""
    if cached.labels(evaluation).multi_label:
        _several(evaluation)
    else:
        _refusals(evaluation)


def _several(evaluation: Evaluation) -> None:
    results = cached.labels(evaluation)
    sweep = cached.label_sweep(evaluation.key, evaluation)
    options = [None, *range(len(results.class_names))]
    left, right = st.columns([1, 1.4], gap="large", vertical_alignment="bottom")
    class_id = left.selectbox(
        "Of",
        options,
        format_func=lambda k: "all classes" if k is None else results.class_names[k],
        key=f"evaluate_threshold_class_{evaluation.key}",
    )
    score = right.slider(
        "Score threshold",
        0.0,
        1.0,
        0.5,
        0.01,
        key=f"evaluate_threshold_{evaluation.key}",
        help=explained.brief("threshold"),
    )
    of = sweep if class_id is None else sweep.of_class(class_id)
    precision = sweep.precision_micro if class_id is None else of.precision  # type: ignore[union-attr]
    recall = sweep.recall_micro if class_id is None else of.recall  # type: ignore[union-attr]
    f1 = sweep.f1_micro if class_id is None else of.f1  # type: ignore[union-attr]
    best = sweep.best if class_id is None else thresholds.best_threshold(results, class_id)
    at = int(np.abs(sweep.thresholds - score).argmin())
    with explained.row("label_threshold"):
        for name, values in (("precision", precision), ("recall", recall), ("f1", f1)):
            explained.metric(name, float(values[at]), key=f"threshold_{name}", note=f"at score {score:.2f}")
        explained.metric("exact_match", float(sweep.exact_match[at]), key="threshold_exact", note="of all classes")
        explained.metric(
            "threshold",
            best,
            key="threshold_best",
            note="no picture shows it" if best is None else "where F1 is best, on these pictures",
            said="" if best is None else f"{best:.2f}",
        )
    figures.draw(
        curve_charts.lines(
            [Line("precision", sweep.thresholds, precision), Line("recall", sweep.thresholds, recall),
             Line("F1", sweep.thresholds, f1)],
            ("score threshold (%)", "share (%)"),
            marks=[Mark(score, f"chosen: {score:.2f}")]
            + ([] if best is None else [Mark(best, f"best F1: {best:.2f}")]),
        ),
        "Figures against the threshold",
        alt="No picture shows it, so no threshold is the best." if best is None else
        f"F1 is best, {glossary.say('f1', float(np.nanmax(f1)))}, at score {best:.2f}",
        key="label_threshold",
    )  # fmt: skip
    st.caption("A best threshold found on these pictures looks better on them than it will on others.")
    labels.classes(evaluation, score)


def _refusals(evaluation: Evaluation) -> None:
    """Where the best class scores too low, the classifier may say "not sure"."""
    results = cached.labels(evaluation)
    found = thresholds.refusals(results)
    score = st.slider(
        "Answer only from this score on",
        0.0,
        1.0,
        0.5,
        0.01,
        key=f"evaluate_refuse_{evaluation.key}",
        help="Below it the answer is “not sure”, so that a person can look.",
    )
    at = int(np.abs(found.thresholds - score).argmin())
    answered, accuracy = float(found.answered[at]), float(found.accuracy[at])
    st.markdown(
        f"From score {score:.2f} on, **{answered:.1%}** of the pictures get an answer"
        + (f", and **{accuracy:.1%}** of these answers are right." if answered else ".")
    )
    figures.draw(
        curve_charts.lines(
            [Line("pictures that get an answer", found.thresholds, found.answered),
             Line("of these right", found.thresholds, found.accuracy)],
            ("score threshold (%)", "share (%)"),
            marks=[Mark(score, f"chosen: {score:.2f}")],
        ),
        "How right it is when it may say “not sure”",
        alt=plain(f"At {score:.2f} {answered:.0%} answered, {accuracy:.0%} right"),
        key="refusals",
    )  # fmt: skip
