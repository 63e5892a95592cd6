"""What a detector gets wrong: TIDE's kinds and the confusion matrix with background, each with its pictures."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import numpy as np
import streamlit as st

from pages import plain, told
from pages.parts import explained, figures
from pages.parts.evaluate import cached, pictures
from pages.parts.evaluate.labels import cell_of, shares
from pages.parts.evaluate.pictures import Boxes
from vision_core import glossary
from vision_core.errors import DataError
from vision_core.evaluation import box_charts, confusion_charts
from vision_core.evaluation.applied import USUAL, applied_threshold, say_score
from vision_core.evaluation.box_charts import TITLES
from vision_core.evaluation.matching import WRONG_KINDS, JudgedBoxes, Kind
from vision_core.evaluation.store import Evaluation
from vision_core.evaluation.tide import ErrorBreakdown, starts_from
from vision_core.training.overview import Overview

BOXES = "Boxes"
FALSE, MISSES = "false_positives", "false_negatives"
_TERMS = {name: f"tide_{name}" for name in ("class", "location", "both", "duplicate", "background", "missed")} | {
    FALSE: "tide_false_positive",
    MISSES: "tide_false_negative",
}


def score(evaluation: Evaluation, one: Overview, key: str, help: str | None = None) -> float:
    """The slider that says from which score on boxes are looked at."""
    usual = applied_threshold(one.run.path)
    return st.slider(
        "Boxes from this score on",
        0.0,
        1.0,
        USUAL if usual is None else usual,
        0.01,
        format="%.4g",
        key=f"evaluate_{key}_score_{evaluation.key}",
        help=help,
    )


def errors(evaluation: Evaluation, one: Overview) -> None:
    """What AP50 is lost to; a click on a bar shows where."""
    try:
        report = cached.breakdown(evaluation.key, evaluation)
    except DataError as error:
        st.info(plain(str(error)), icon=":material/search_off:")
        return
    left, right = st.columns([1.7, 1], gap="large", vertical_alignment="bottom")
    with left:
        gains = {TITLES[str(kind)]: gain for kind, gain in report.gains.items()}
        points = figures.draw(
            box_charts.error_bars(report),
            "What AP50 is lost to",
            alt="; ".join(f"{title}: {glossary.say('tide', gain)}" for title, gain in gains.items()),
            key="tide",
            help=explained.brief("tide"),
            pick=True,
            table=[
                {"error": TITLES[str(kind)], "AP50 lost": gain, "boxes": report.counts[kind]}
                for kind, gain in report.gains.items()
            ],
        )
        starts = plain(starts_from(report, evaluation.figures.get("map50")))
        st.caption(f"{starts} Bars need not add up. Click one, or choose, for its pictures.")
        data = points[0].get("customdata") if points else None
        named = str(data[0] if isinstance(data, list) else data) if data else ""
    with right:
        kind = _chosen(evaluation, named if named in _TERMS else "", _worst(report))
        explained.term(_TERMS[kind], key=f"tide_{kind}", label=f"What is “{TITLES[kind]}”?")
        shown_from = score(evaluation, one, "errors")
        st.caption(
            f"Bars: boxes of all scores, as published. Pictures below: boxes from score {say_score(shown_from)} on."
        )
    with told():
        judged = cached.judged(evaluation.key, shown_from, 0.5, evaluation)
        kinds: tuple[Kind, ...] = WRONG_KINDS if kind == FALSE else ("missed",) if kind == MISSES else (kind,)  # type: ignore[assignment]
        _behind(evaluation, judged, kinds, TITLES[kind])


def _chosen(evaluation: Evaluation, clicked: str, usual: str) -> str:
    """The kind whose pictures are shown: the bar clicked last, or what was chosen since; a short bar cannot be hit."""
    key, before = f"evaluate_error_{evaluation.key}", f"evaluate_error_clicked_{evaluation.key}"
    if clicked and clicked != st.session_state.get(before):
        st.session_state[key] = clicked
    st.session_state[before] = clicked
    st.session_state.setdefault(key, usual)
    return str(st.selectbox("Pictures of", list(_TERMS), format_func=TITLES.__getitem__, key=key))


def _worst(report: ErrorBreakdown) -> str:
    """The kind that costs most, which is shown until one is clicked."""
    return str(max(report.gains, key=lambda kind: (report.gains[kind] or 0.0, report.counts[kind])))


def _behind(evaluation: Evaluation, judged: JudgedBoxes, kinds: tuple[Kind, ...], title: str) -> None:
    """The pictures with boxes of these kinds, those with most of them first."""
    results = cached.boxes(evaluation)
    found = [place for kind in kinds if kind != "missed" for place in judged.of_kind(kind).tolist()]
    missed = judged.of_kind("missed").tolist() if "missed" in kinds else []
    by_found, by_truth = _by_picture(found, results.found.picture), _by_picture(missed, results.truth.picture)
    counts = {number: len(by_found[number]) + len(by_truth[number]) for number in (*by_found, *by_truth)}
    numbers = sorted(counts, key=lambda number: (-counts[number], number))
    st.markdown(f"##### {title.capitalize()}: {len(found) + len(missed):,} in {len(numbers):,} pictures")
    if not numbers:
        st.success("No such error from this score on.", icon=":material/check:")
        return
    boxes = Boxes(judged, dict(by_found), dict(by_truth))
    pictures.grid(evaluation, numbers, f"errors_{title}_{judged.score}", boxes, lambda number: f"{counts[number]} here")


def _by_picture(places: Iterable[int], picture: np.ndarray) -> defaultdict[int, list[int]]:
    found: defaultdict[int, list[int]] = defaultdict(list)
    for place in places:
        found[int(picture[place])].append(place)
    return found


def confusion(evaluation: Evaluation, one: Overview) -> None:
    """Classes against classes, and against the background; cells open their pictures."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        of_row = shares("box_confusion", BOXES)
        shown_from = score(evaluation, one, "confusion")
    found = cached.box_confusion(evaluation.key, shown_from, 0.5, evaluation)
    off = int(found.counts.sum() - np.trace(found.counts))
    points = figures.draw(
        confusion_charts.confusion(found.counts, found.names, of_row, ("truth", "found")),
        "What is taken for what",
        alt=f"Confusion matrix with background from score {shown_from:.2f} on: {np.trace(found.counts):,} boxes "
        f"right, {found.counts[:-1, -1].sum():,} missed, {found.counts[-1, :-1].sum():,} found "
        f"without an object left for them, "
        f"{off:,} off the diagonal",
        key=f"box_confusion_{of_row}_{shown_from}",
        help=explained.brief("confusion"),
        pick=True,
    )
    st.caption(
        "The last row is what was found without an object left for it: nothing is there, the box lies badly, or "
        "another box has the object already (Errors tells these apart). The last column is what was missed. "
        "Click a cell."
    )
    cell = cell_of(points)
    if cell is None:
        return
    inside = found.cell(*cell)
    title = f"{found.names[cell[0]]}, found as {found.names[cell[1]]}"
    if cell[0] == len(found.names) - 1:
        title = f"{found.names[cell[1]]}, found without an object left for it"
    elif cell[1] == len(found.names) - 1:
        title = f"{found.names[cell[0]]}, missed"
    st.markdown(f"##### {plain(title)}: {len(inside):,}")
    judged = cached.judged(evaluation.key, shown_from, 0.5, evaluation)
    results = cached.boxes(evaluation)
    by_found = _by_picture(inside.found[inside.found >= 0].tolist(), results.found.picture)
    by_truth = _by_picture(inside.truth[inside.truth >= 0].tolist(), results.truth.picture)
    numbers = list(dict.fromkeys(inside.picture.tolist()))
    boxes = Boxes(judged, dict(by_found), dict(by_truth))
    pictures.grid(evaluation, numbers, f"box_cell_{cell}_{shown_from}", boxes)
