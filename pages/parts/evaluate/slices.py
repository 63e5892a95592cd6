"""Where a run is weak: parts of the pictures or objects, worst first, with the pictures behind each."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from pages import plain, told
from pages.parts import explained, figures
from pages.parts.evaluate import cached, pictures, prepare
from pages.parts.evaluate.pictures import Boxes
from vision_core import background
from vision_core.drawing import clean_text
from vision_core.evaluation import interval_charts
from vision_core.evaluation.answers import THRESHOLDS
from vision_core.evaluation.interval_charts import Bar
from vision_core.evaluation.matching import WRONG_KINDS, JudgedBoxes
from vision_core.evaluation.own_columns import columns_of_csv
from vision_core.evaluation.slice_columns import Column, index_columns
from vision_core.evaluation.slices import Slice, slices
from vision_core.evaluation.store import Evaluation

DRAWN = 15
AT_ONCE = 300
"""So many pictures are opened while the page is drawn; more are looked at in the background."""


def draw(evaluation: Evaluation) -> None:
    """The slices that the data allow, those by light once somebody looked at the pictures, and the user's own."""
    usual = THRESHOLDS[evaluation.task]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        score = st.slider(
            "Said from this score on", 0.05, 0.95, usual, 0.05, key=f"evaluate_slice_score_{evaluation.key}", width=300
        )
        own = _own(evaluation)
    light = _light(evaluation)
    with st.spinner("Counting …"):
        found = _slices(
            (evaluation.key, score, len(light), *(_said(column) for column in own)), evaluation, [*light, *own]
        )
    if not found:
        st.info("There is nothing to tell the pictures apart by.", icon=":material/filter_list:")
        return
    kinds = list(dict.fromkeys(one.by for one in found))
    wanted = st.pills(
        "By",
        kinds,
        selection_mode="multi",
        format_func=plain,
        key=f"evaluate_slice_by_{evaluation.key}",
        help="All at first.",
    )
    shown = [one for one in found if not wanted or one.by in wanted]
    weak = [one for one in shown if one.weak]
    if weak:
        names = "; ".join(
            f"**{plain(one.by)}: {plain(one.name)}** ({one.value:.0%}, others {one.rest:.0%})" for one in weak[:4]
        )
        st.warning(f"Surely worse than the rest: {names}.", icon=":material/trending_down:")
    else:
        st.caption("No part is surely worse than the rest, seen that so many are looked at.")
    _chart_and_pictures(evaluation, shown, score)
    _table(shown)


def _said(column: Column) -> tuple[str, int]:
    return column.title, hash(tuple(column.values))


@st.cache_resource(show_spinner=False, max_entries=32)
def _slices(key: tuple[Any, ...], _evaluation: Evaluation, _columns: list[Column]) -> list[Slice]:
    known = index_columns(_evaluation.index, _evaluation.rows)
    return slices(_evaluation.results, [*known, *_columns], key[1])


def _light(evaluation: Evaluation) -> list[Column]:
    """Brightness and sharpness; none, and a way to them, until the pictures were opened."""
    arguments = {"file": str(evaluation.file), "digest": evaluation.about["digest"]}
    work = background.find("light", arguments)
    if work is not None and work.is_active:
        prepare.watch(work, "light")
        return []
    if work is not None and (found := work.result()):
        return _as_columns(found)
    if len(evaluation.results) <= AT_ONCE:
        return _as_columns(_looked(evaluation.key, evaluation))
    if st.button(
        "By brightness and blur too",
        icon=":material/light_mode:",
        key="evaluate_light",
        help="Opens every picture once",
    ):
        with told():
            background.start("light", arguments)
            st.rerun()
    return []


@st.cache_data(show_spinner="Looking at the light of the pictures …", max_entries=50)
def _looked(key: str, _evaluation: Evaluation) -> dict[str, Any]:
    from vision_core.evaluation.asked import light

    return light({"file": str(_evaluation.file)}, lambda what, done, total: None)


def _as_columns(found: dict[str, Any]) -> list[Column]:
    ends = {"brightness": ("of 255", ("darkest", "brightest")), "sharpness": ("", ("most blurred", "sharpest"))}
    return [Column(title, found[title], *ends[title]) for title in ends if title in found]


def _own(evaluation: Evaluation) -> list[Column]:
    """Columns of a table that the user dropped."""
    with st.popover("Slice by a table of your own", icon=":material/upload_file:"):
        file = st.file_uploader(
            "A CSV file, one row a picture",
            type=["csv", "tsv", "txt"],
            key=f"evaluate_own_{evaluation.key}",
            help="One column with the pictures' names, the others to slice by: camera, weather, place …",
        )
        if file is None:
            return []
        with told():
            found = columns_of_csv(file.getvalue(), evaluation.results.pictures)
            st.caption(plain("Read: " + ", ".join(column.title for column in found)))
            return found
    return []


def _chart_and_pictures(evaluation: Evaluation, shown: list[Slice], score: float) -> None:
    worst = shown[:DRAWN]
    points = figures.draw(
        interval_charts.intervals(
            [_bar(one, place) for place, one in enumerate(worst)], "F1 of the part (%)", _whole(worst)
        ),
        "Worst parts first",
        alt="; ".join(f"{one.by} {one.name}: {one.value:.0%}" for one in worst[:5]),
        key="slices",
        table=[_row(one) for one in shown],
        help=explained.brief("slice"),
        pick=True,
    )
    st.caption("The dotted line is about where all answers together stand. Click a point for its pictures.")
    data = points[0].get("customdata") if points else None
    place = int(data[0] if isinstance(data, list) else data) if data else 0
    _behind(evaluation, worst[min(place, len(worst) - 1)], score)


def _whole(found: list[Slice]) -> float | None:
    """F1 of all answers, from a part that holds none or some of them: near enough the rest of the smallest."""
    rest = [(one.pictures, one.rest) for one in found if np.isfinite(one.rest)]
    return min(rest)[1] if rest else None


def _bar(one: Slice, place: int) -> Bar:
    says = f"{one.pictures:,} pictures, {one.things:,} things; the rest {100 * one.rest:.1f} %"
    return Bar(f"{one.by}: {one.name}", one.value, one.low, one.high, says, str(place))


def _behind(evaluation: Evaluation, one: Slice, score: float) -> None:
    st.markdown(f"##### {plain(one.by)}: {plain(one.name)}")
    st.caption(f"{one.pictures:,} pictures, those with most mistakes first.")
    if evaluation.task == "classification":
        wrong = (cached.labels(evaluation).shown != _answers(evaluation, score))[one.rows].sum(axis=1)
        order = one.rows[np.argsort(-wrong, kind="stable")]
        pictures.grid(evaluation, order.tolist(), f"slice_{one.by}_{one.name}", threshold=score)
        return
    judged = cached.judged(evaluation.key, score, 0.5, evaluation)
    wrong = _mistakes(judged)[one.rows]
    order = one.rows[np.argsort(-wrong, kind="stable")]
    pictures.grid(evaluation, order.tolist(), f"slice_{one.by}_{one.name}_{score}", Boxes(judged))


def _answers(evaluation: Evaluation, score: float) -> np.ndarray:
    from vision_core.evaluation.tallies import said_classes

    return said_classes(cached.labels(evaluation), score)


def _mistakes(judged: JudgedBoxes) -> np.ndarray:
    """Wrong and missed boxes of each picture."""
    results = judged.results
    counts = np.bincount(results.truth.picture[judged.missed], minlength=len(results))
    for kind in WRONG_KINDS:
        counts = counts + np.bincount(results.found.picture[judged.of_kind(kind)], minlength=len(results))
    return counts


def _row(one: Slice) -> dict[str, object]:
    """A slice in a table; shares in percent."""
    return {
        "by": clean_text(one.by),
        "part": clean_text(one.name),
        "F1": 100 * one.value,
        "low": 100 * one.low,
        "high": 100 * one.high,
        "precision": 100 * one.precision,
        "recall": 100 * one.recall,
        "the rest": 100 * one.rest,
        "pictures": one.pictures,
        "things": one.things,
        "surely weak": one.weak,
    }


def _table(shown: list[Slice]) -> None:
    with st.expander(f"All {len(shown)} parts as a table", icon=":material/table:"):
        st.dataframe(
            pd.DataFrame([_row(one) for one in shown]),
            hide_index=True,
            placeholder="—",
            column_config={
                name: st.column_config.NumberColumn(f"{name}, %", format="%.1f")
                for name in ("F1", "low", "high", "precision", "recall", "the rest")
            },
            alt="Every part with F1 and its interval, precision, recall, pictures and things",
        )
