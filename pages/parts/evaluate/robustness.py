"""How a run does on the same pictures spoilt step by step; started with a button, it can be cancelled and goes on."""

from __future__ import annotations

import numpy as np
import streamlit as st

from pages import plain, told
from pages.parts import explained, figures
from pages.parts.evaluate import prepare
from vision_core import background, glossary
from vision_core.drawing import encode_jpeg
from vision_core.evaluation import curve_charts
from vision_core.evaluation.corruptions import CORRUPTIONS, SEVERITIES, USUAL
from vision_core.evaluation.robustness import Robustness, kept_robustness, spoiler
from vision_core.evaluation.store import Evaluation
from vision_core.images import open_image
from vision_core.training.overview import metric_title

MOST_PICTURES = 300
EXAMPLE_PX = 210


def draw(evaluation: Evaluation) -> None:
    """What is known, a way to more, and what the damage looks like."""
    explained.term("robustness", key="robustness", label="What is measured here?")
    found = kept_robustness(evaluation)
    kinds = st.pills(
        "Spoil the pictures by",
        list(CORRUPTIONS),
        default=list(USUAL),
        selection_mode="multi",
        format_func=lambda name: CORRUPTIONS[name].title,
        key=f"evaluate_kinds_{evaluation.key}",
    )
    missing = [kind for kind in kinds if found is None or len(found.spoilt.get(kind, {})) < len(SEVERITIES)]
    _start(evaluation, missing)
    if found is not None and found.curve(_main(evaluation, found)):
        _curves(evaluation, found, kinds)
    _looks(evaluation, kinds)


def _start(evaluation: Evaluation, missing: list[str]) -> None:
    """The button, or how far the work is."""
    works = _works(evaluation)
    active = next((work for work in works if work.is_active), None)
    if active is not None:
        prepare.watch(active, "robustness")
        return
    if missing and works and works[0].status()["state"] == "failed":
        st.error(plain(str(works[0].status()["error"])), icon=":material/error:")
    if not missing:
        return
    count = min(MOST_PICTURES, len(evaluation.results))
    names = ", ".join(CORRUPTIONS[kind].title for kind in missing)
    st.caption(
        f"{plain(names)}: {count:,} pictures, each looked at in {len(SEVERITIES)} steps of every kind. What is done "
        "stays when you cancel."
    )
    if st.button("Measure", type="primary", icon=":material/play_arrow:", key="evaluate_robustness"):
        with told():
            background.start("robustness", _arguments(evaluation, missing))
            st.rerun()


def _works(evaluation: Evaluation) -> list[background.Work]:
    """Work on any kinds of damage to these pictures, from here or another tab, the newest first."""
    return background.works("robustness", file=str(evaluation.file), key=evaluation.key)


def _arguments(evaluation: Evaluation, kinds: list[str]) -> dict[str, object]:
    return {"file": str(evaluation.file), "key": evaluation.key, "kinds": kinds, "pictures": MOST_PICTURES}


def _main(evaluation: Evaluation, found: Robustness) -> str:
    """The figure that is drawn unless another one is chosen."""
    several = bool(getattr(evaluation.results, "multi_label", False))
    usual = ("map", "top1") if evaluation.task == "detection" or several else ("top1", "map")
    return next((name for name in usual if name in found.clean), next(iter(found.clean), ""))


def _curves(evaluation: Evaluation, found: Robustness, kinds: list[str]) -> None:
    names = [
        name for name in found.clean if glossary.has(name) and glossary.term(name, evaluation.task).unit == "share"
    ]
    main = _main(evaluation, found)
    left, right = st.columns([1.6, 1], gap="large")
    with right:
        figure = st.selectbox(
            "Figure",
            [main, *(name for name in names if name != main)],
            format_func=lambda name: glossary.term(name, evaluation.task).title,
            key=f"evaluate_robust_figure_{evaluation.key}",
        )
        figure = figure or main
        shares = {kind: share for kind, share in found.kept_share(figure).items() if kind in kinds}
        st.markdown("##### What is left of it, over the five steps")
        with explained.row("robust"):
            for kind, share in sorted(shares.items(), key=lambda item: item[1]):
                explained.metric("robustness", share, key=f"robust_{kind}", said=f"{share:.0%}", note=_title(kind))
    curves = {_title(kind): values for kind, values in found.curve(figure).items() if kind in kinds}
    with left:
        figures.draw(
            curve_charts.by_severity(curves, found.clean.get(figure, np.nan), metric_title(figure, evaluation.task)),
            "Against damage",
            alt="; ".join(f"{name}: down to {values[-1]:.0%}" for name, values in curves.items()),
            key=f"robustness_{figure}",
            help=explained.brief("robustness"),
        )
        st.caption(f"Measured on {found.pictures:,} of {found.of:,} pictures.")


def _title(kind: str) -> str:
    return CORRUPTIONS[kind].title.partition(":")[0].partition(",")[0]


def _looks(evaluation: Evaluation, kinds: list[str]) -> None:
    """One picture at every step."""
    if not kinds:
        return
    st.markdown("##### What it looks like")
    kind = st.selectbox(
        "Damage", kinds, format_func=lambda name: CORRUPTIONS[name].title, key="evaluate_damage", width=330
    )
    with told(), st.container(horizontal=True, key="evaluate_damaged"):
        for severity in (0, *SEVERITIES):
            name = kind if severity and kind else ""
            content = _spoilt(str(evaluation.path(0)), name, max(1, severity))
            amount = CORRUPTIONS[name].said_amount(severity) if name else "as it is"
            caption = f"step {severity}: {amount}" if name else amount
            st.image(content, caption=plain(caption), width=EXAMPLE_PX, alt=f"{kind or ''} {caption}")


@st.cache_data(show_spinner=False, max_entries=100)
def _spoilt(file: str, kind: str, severity: int) -> bytes:
    from pathlib import Path

    image = open_image(Path(file)).preview(640)
    return encode_jpeg(spoiler(kind, severity, 0, 640)(image, 0), 90)
