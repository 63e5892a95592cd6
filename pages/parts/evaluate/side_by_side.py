"""Several runs, of either task, on one yardstick: is it there, how many, where; and which is better, how surely."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import streamlit as st

from pages import plain, told
from pages.parts import explained, figures
from pages.parts.evaluate import pair, prepare, slowly
from vision_core import background, glossary
from vision_core.data.index import DatasetIndex
from vision_core.evaluation import comparison_charts, interval_charts
from vision_core.evaluation.applied import applied_threshold, counted_from, flattered
from vision_core.evaluation.ground import with_boxes
from vision_core.evaluation.interval_charts import Bar
from vision_core.evaluation.pointing import points_said
from vision_core.evaluation.store import Evaluation
from vision_core.evaluation.yardstick import QUESTIONS, Yardstick, side_by_side

Ends = dict[str, tuple[float, float]]


def draw(evaluations: Sequence[Evaluation]) -> None:
    """The yardstick, class by class, and two of the runs against each other."""
    if len(evaluations) < 2:
        st.info("There is one evaluation only; the others are on their way.", icon=":material/hourglass_empty:")
        return
    names = unlike([one.name for one in evaluations])
    _ask_where(evaluations)
    points = [_points(one) for one in evaluations]
    key = (tuple(one.key for one in evaluations), tuple(_scores(evaluations)), tuple(p is not None for p in points))
    sticks = _sticks(key, list(evaluations), points)
    ends = _ends(key, sticks, names)
    ground = sticks[0].ground
    boxes = "with boxes" if ground.boxes is not None else "without boxes: how many and where cannot be judged"
    st.caption(f"**{len(ground):,}** pictures and **{len(ground.class_names)}** classes in common, {boxes}.")
    _thresholds(evaluations, sticks, names)
    for note in ground.notes:
        st.caption(f":material/info: {plain(note)}")
    _questions(sticks, ends, names)
    _table(sticks, ends, names)
    _classes(sticks, ends, names)
    pair.draw(evaluations, sticks, names, key)


def _thresholds(evaluations: Sequence[Evaluation], sticks: Sequence[Yardstick], names: Sequence[str]) -> None:
    """From which score on each run's answers count, and whose was chosen on these very pictures."""
    kept = [score is not None for score in _scores(evaluations)]
    said = [
        f"{name} {counted_from(one.task, stick.answers.threshold, chosen)}"
        for one, stick, name, chosen in zip(evaluations, sticks, names, kept, strict=True)
    ]
    st.caption(f":material/tune: For presence (F1) and counts, {plain('; '.join(said))}.")
    for one, name in zip(evaluations, names, strict=True):
        if why := flattered(one):
            st.warning(f"**{plain(name)}**: {plain(why)}", icon=":material/warning:")


def unlike(names: Sequence[str]) -> list[str]:
    """The same names, numbered where several are alike."""
    return [
        f"{name} ({names[: place + 1].count(name)})" if names.count(name) > 1 else name
        for place, name in enumerate(names)
    ]


def _scores(evaluations: Sequence[Evaluation]) -> list[float | None]:
    """The threshold that each detector's run keeps."""
    return [applied_threshold(one.run.path) if one.task == "detection" else None for one in evaluations]


@st.cache_resource(show_spinner="Setting them side by side …", max_entries=16)
def _sticks(key: tuple, _evaluations: list[Evaluation], _points: list[dict | None]) -> list[Yardstick]:
    index = _boxes_of(_evaluations)
    results, scores = [one.results for one in _evaluations], list(key[1])
    first = side_by_side(results, index, scores)
    if not any(_points):
        return first
    where = [None if asked is None else points_said(first[0].ground, asked) for asked in _points]
    return side_by_side(results, index, scores, where)


def _boxes_of(evaluations: Sequence[Evaluation]) -> DatasetIndex | None:
    """The data set with boxes, where no detector brings them."""
    if any(one.task == "detection" for one in evaluations):
        return None
    return next((index for one in evaluations if (index := with_boxes(one)) is not None), None)


def _ends(key: tuple, sticks: list[Yardstick], names: Sequence[str]) -> list[Ends]:
    """Of each run; none where the visitor stopped it."""
    found = []
    for number, (stick, name) in enumerate(zip(sticks, names, strict=True)):
        words = f"Intervals of {plain(name)}"
        ends = slowly.found(
            ("ends", key, number),
            lambda told, it=stick: it.intervals(progress=told, by_class=True),
            words,
            f"ends_{number}",
        )
        found.append(ends or {})
    return found


def _arguments(one: Evaluation) -> dict[str, object]:
    return {"file": str(one.file), "digest": one.about["digest"]}


def _points(one: Evaluation) -> dict | None:
    """Where a classifier looks, once it was asked."""
    work = background.find("points", _arguments(one)) if one.task == "classification" else None
    return (work.result() or None) if work is not None else None


def _ask_where(evaluations: Sequence[Evaluation]) -> None:
    """A way to the activation maps of classifiers that were not asked yet."""
    waiting = []
    for one in evaluations:
        if one.task != "classification" or _points(one) is not None:
            continue
        work = background.find("points", _arguments(one))
        if work is not None and work.is_active:
            prepare.watch(work, f"points_{one.run.path.name}", one.name)
            continue
        if work is not None and work.status()["state"] == "failed":
            st.caption(f":material/error: {plain(one.name)}: {plain(str(work.status()['error']))}")
        waiting.append(one)
    if waiting and st.button(
        f"Ask where {'the classifier looks' if len(waiting) == 1 else f'{len(waiting)} classifiers look'}",
        icon=":material/my_location:",
        key="evaluate_points",
        help="Their activation maps are computed for every picture, so that “where?” has an answer of theirs too.",
    ):
        with told():
            for one in waiting:
                background.start("points", _arguments(one))
            st.rerun()


def _questions(sticks: Sequence[Yardstick], ends: Sequence[Ends], names: Sequence[str]) -> None:
    """A panel each: is it there, how many, where."""
    places = st.columns(3, gap="large")
    for place, (question, asked) in zip(places, QUESTIONS.items(), strict=True):
        with place:
            st.markdown(f"#### {question}")
            for name in asked:
                _panel(name, sticks, ends, names)


def _panel(name: str, sticks: Sequence[Yardstick], ends: Sequence[Ends], names: Sequence[str]) -> None:
    one = glossary.term(name)
    percent = one.unit == "share"
    bars = []
    for stick, between, run in zip(sticks, ends, names, strict=True):
        low, high = between.get(name, (None, None))
        value = stick.figures[name]
        says = stick.unanswered.get(name, "these pictures cannot tell") if value is None else ""
        bars.append(Bar(run, value, low, high, says))
    title = one.title.partition("? ")[2] or one.title
    figures.draw(
        interval_charts.intervals(bars, f"{one.short} ({'%' if percent else one.unit})", percent=percent),
        title,
        alt="; ".join(
            f"{bar.name}: {glossary.say(name, bar.value) if bar.value is not None else 'cannot say'}" for bar in bars
        ),
        key=f"yard_{name}",
        help=explained.brief(name),
    )
    explained.term(name, key=f"yard_{name}", label="What is this?", example=_example(name, sticks, names))


def _example(name: str, sticks: Sequence[Yardstick], names: Sequence[str]) -> str:
    """What knowing nothing would give, and the best class of the first run that can say."""
    for stick, run in zip(sticks, names, strict=True):
        each = stick.by_class.get(name)
        if each is None or np.isnan(each).all():
            continue
        best = int(np.nanargmin(each) if glossary.term(name).better == "lower" else np.nanargmax(each))
        said = f"{run} does best with “{stick.ground.class_names[best]}”: {glossary.say(name, float(each[best]))}."
        guess = stick.by_class.get(f"{name}_guess")
        if guess is not None and np.isfinite(guess).any():
            said += (
                f" Knowing nothing would give {glossary.say(name, float(np.nanmean(guess)))}, the mean of the classes."
            )
        return plain(said)
    return ""


def _table(sticks: Sequence[Yardstick], ends: Sequence[Ends], names: Sequence[str]) -> None:
    """All of it in figures; below, why a run cannot say some."""
    rows = []
    for stick, between, run in zip(sticks, ends, names, strict=True):
        row: dict[str, str] = {"run": run}
        for question in QUESTIONS.values():
            for name in question:
                value, pair_of = stick.figures[name], between.get(name)
                said = glossary.say(name, value)
                if value is not None and pair_of is not None and np.isfinite(pair_of).all():
                    said += f" ({explained.ends(name, pair_of)})"
                row[glossary.term(name).short] = said if value is not None else "cannot say"
        rows.append(row)
    st.dataframe(
        pd.DataFrame(rows), hide_index=True, alt="Every run with its figures on the yardstick and their intervals"
    )
    for stick, run in zip(sticks, names, strict=True):
        if stick.unanswered:
            why = " ".join(dict.fromkeys(stick.unanswered.values()))
            st.caption(f":material/info: **{plain(run)}** cannot say all: {plain(why)}")


def _classes(sticks: Sequence[Yardstick], ends: Sequence[Ends], names: Sequence[str]) -> None:
    known = [name for question in QUESTIONS.values() for name in question if any(name in s.by_class for s in sticks)]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.selectbox(
            "Class by class",
            known,
            format_func=lambda name: glossary.term(name).title,
            key="evaluate_yard_class",
            width=330,
        )
    name = name or known[0]
    classes = sticks[0].ground.class_names
    nothing = np.full(len(classes), np.nan)
    between = {
        run: np.array([found.get(f"{name}/{each}", (np.nan, np.nan)) for each in classes])
        for run, found in zip(names, ends, strict=True)
    }
    values = {run: stick.by_class.get(name, nothing) for run, stick in zip(names, sticks, strict=True)}
    one = glossary.term(name)
    figures.draw(
        comparison_charts.by_class(
            values,
            classes,
            f"{one.short} ({'%' if one.unit == 'share' else one.unit})",
            one.unit == "share",
            between,
        ),
        f"{one.title}, class by class",
        alt=f"{one.title} of each class with its 95 % interval; those where the runs differ most stand first",
        key=f"yard_class_{name}",
        help=explained.brief(name),
    )
