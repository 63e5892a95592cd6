"""How sure a classifier sounds and how right it is; the temperature that mends it, saved with the run."""

from __future__ import annotations

import streamlit as st

from pages import plain, told
from pages.parts import explained, figures
from pages.parts.evaluate import cached, prepare
from pages.parts.evaluate.choose import Pictures
from vision_core import glossary
from vision_core.errors import VisionError
from vision_core.evaluation import curve_charts
from vision_core.evaluation.calibration import Fitted, gain_in_words, store_temperature
from vision_core.evaluation.store import Evaluation
from vision_core.training.overview import Overview

VALIDATION = Pictures(None, "val", "validation pictures")


def draw(evaluation: Evaluation, one: Overview) -> None:
    """The reliability diagram, and the temperature fitted on validation pictures."""
    results = cached.labels(evaluation)
    now = cached.reliability(evaluation.key, results.temperature, evaluation)
    left, right = st.columns([1.3, 1], gap="large")
    fitted = None
    with right, told():
        fitted = _temperature(evaluation, one)
    after = None
    if fitted is not None and abs(fitted.temperature - results.temperature) > 1e-6:
        other = cached.reliability(evaluation.key, fitted.temperature, evaluation)
        after = (other.confidence, other.accuracy)
    with left:
        figures.draw(
            curve_charts.reliability(now.confidence, now.accuracy, now.counts, after),
            "How sure, and how right",
            alt=f"Reliability diagram; calibration error {glossary.say('ece', now.ece)}, "
            f"on average {_too_sure(now.overconfidence)}",
            key="reliability",
            help=explained.brief("ece"),
        )
        st.caption(f"On average the answers are {_too_sure(now.overconfidence)}. Hover a bar for its answers.")


def _too_sure(gap: float) -> str:
    if abs(gap) < 0.005:
        return "about as sure as they are right"
    return f"{abs(gap):.1%} too {'sure' if gap > 0 else 'shy'}"


def _temperature(evaluation: Evaluation, one: Overview) -> Fitted | None:
    """What would be better, and the buttons that keep it or take it away."""
    results = cached.labels(evaluation)
    with explained.row("temperature"):
        explained.metric("ece", evaluation.figures.get("ece"), key="confidence_ece")
        explained.metric("log_loss", evaluation.figures.get("log_loss"), key="confidence_loss")
        explained.metric("temperature", results.temperature, key="confidence_temperature", note="in use now")
    validation = prepare.kept(one, VALIDATION)
    if validation is None:
        st.caption(
            "A temperature is fitted on validation pictures, never on those that judge it. Evaluate the run on its "
            "validation pictures here, once, and the temperature that suits them is shown."
        )
        prepare.ready([one], VALIDATION)
        return None
    fitted = cached.fitted(validation.key, validation)
    if fitted.note:
        st.warning(plain(fitted.note), icon=":material/info:")
        return None
    if abs(results.temperature - fitted.temperature) > 1e-6:
        _offer(evaluation, one, fitted)
    else:
        st.markdown(f"Fitted on the validation pictures: **{fitted.temperature:.3g}**, which this run uses.")
    if results.temperature != 1 and st.button(
        "Back to 1", icon=":material/undo:", type="tertiary", key="evaluate_temperature_back"
    ):
        _store(one, 1.0, "The scores are as they were trained again.")
    return fitted


def _offer(evaluation: Evaluation, one: Overview, fitted: Fitted) -> None:
    """What another temperature would do here, and the button that keeps it, stressed only where it surely helps."""
    would = cached.label_figures(f"{evaluation.key}|{fitted.temperature}", _at(evaluation, fitted))
    st.markdown(
        f"Fitted on the validation pictures: **{fitted.temperature:.3g}**. On the pictures shown here the calibration "
        f"error would be **{glossary.say('ece', would['ece'])}** and the log-loss "
        f"**{glossary.say('log_loss', would['log_loss'])}**; every answer stays as it is."
    )
    doubt = gain_in_words(cached.temperature_gain(evaluation.key, fitted.temperature, evaluation))
    if doubt:
        st.warning(plain(doubt), icon=":material/warning:")
    if st.button(
        "Save it with the run",
        icon=":material/save:",
        type="secondary" if doubt else "primary",
        key="evaluate_temperature",
    ):
        _store(one, fitted.temperature, "Predictions and exports of this run use it from now on.")


def _at(evaluation: Evaluation, fitted: Fitted) -> Evaluation:
    results = cached.labels(evaluation).at_temperature(fitted.temperature)
    return Evaluation(evaluation.file, evaluation.about, results)


def _store(one: Overview, temperature: float, done: str) -> None:
    try:
        store_temperature(one.run.path, temperature)
    except VisionError as error:
        st.error(plain(str(error)))
        return
    st.toast(done, icon=":material/check:")
    st.rerun()
