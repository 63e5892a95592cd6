"""The figures that people ask for first, each with its interval, its explanation and an example from these pictures."""

from __future__ import annotations

import streamlit as st

from pages import plain
from pages.parts import explained
from pages.parts.evaluate import cached
from pages.parts.evaluate import ends as found_ends
from vision_core import glossary
from vision_core.evaluation.store import Evaluation

FIRST = {
    "one": ("top1", "f1_macro", "balanced_accuracy", "log_loss", "ece", "top5"),
    "several": ("map", "f1_macro", "f1_micro", "exact_match", "ece", "log_loss"),
    "detection": ("map", "map50", "map75", "ar100"),
}
REST = {
    "one": ("f1_weighted", "precision_macro", "recall_macro", "kappa", "map", "roc_auc", "brier"),
    "several": ("precision_micro", "recall_micro", "precision_macro", "recall_macro", "roc_auc", "top1", "brier"),
    "detection": ("map_small", "map_medium", "map_large", "ar1", "ar10", "ar_small", "ar_medium", "ar_large"),
}


def draw(evaluation: Evaluation) -> None:
    """What was judged, then the figures."""
    about(evaluation)
    kind = "detection" if evaluation.task == "detection" else _kind(evaluation)
    figures = evaluation.figures
    ends = found_ends.of(evaluation)
    guesses = cached.guesses(evaluation.key, evaluation)
    examples = cached.examples(evaluation.key, (*FIRST[kind], *REST[kind]), evaluation)
    for part, names in (("first", FIRST[kind]), ("rest", REST[kind])):
        with explained.row(f"headline_{part}"):
            for name in names:
                value = figures.get(name)
                explained.metric(
                    name,
                    value,
                    task=evaluation.task,
                    interval=ends.get(name),
                    example=plain(examples[name]),
                    note=_guessing(name, guesses) if value is not None else _why_not(name),
                    key=f"headline_{name}",
                )
    if guesses:
        st.caption(
            "Guessing: what somebody would get who never looks at a picture but knows how often each class is shown, "
            + ("and says yes to all of them." if _kind(evaluation) == "several" else "and always says the commonest.")
        )
    found_ends.standing(evaluation)
    explained.term("interval", key="headline_interval", label="How the 95 % are found", example=_drawn(evaluation))


def _guessing(name: str, guesses: dict[str, float]) -> str:
    """What the figure has to beat, where anybody knows."""
    return f"guessing: {glossary.say(name, guesses[name])}" if name in guesses else ""


def about(evaluation: Evaluation) -> None:
    """How many pictures, whose, and what could not be judged."""
    results = evaluation.results
    split = f"split “{evaluation.split}”" if evaluation.split else "all pictures"
    whose = "its own data" if evaluation.is_own else plain(evaluation.data)
    said = [f"**{len(results):,}** pictures ({plain(split)} of {whose})", f"{len(results.class_names)} classes"]
    if evaluation.task == "detection":
        found = cached.boxes(evaluation)
        said.append(f"{int((~found.truth.crowd).sum()):,} true and {len(found.found):,} found boxes")
    if evaluation.left_out:
        said.append(f"{evaluation.left_out:,} pictures left out, which have no answer to judge by")
    st.caption(" · ".join(said) + f" · evaluated {plain(evaluation.made_at[:16].replace('T', ' '))} UTC")


def _kind(evaluation: Evaluation) -> str:
    return "several" if cached.labels(evaluation).multi_label else "one"


def _drawn(evaluation: Evaluation) -> str:
    return f"{found_ends.SAMPLES:,} draws of {len(evaluation.results):,} pictures."


def _why_not(name: str) -> str:
    """Why a figure is not there."""
    size = name.rpartition("_")[2]
    if size in ("small", "medium", "large"):
        return f"no {size} objects"
    return "too few classes" if name == "top5" else "these pictures cannot tell"
