"""What labelling takes: the visitor's own seconds, and hours and money for the whole set next to published figures."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from pages import plain
from vision_core.data.effort import Bill, Measured, Pace, Published, Rate, Work, bill, count_work, measure, published
from vision_core.data.label_operations import Operation
from vision_core.data.labelling import Labelling
from vision_core.types import Task

STEADY = 5
"""With fewer measurements a median says little."""
LEAST = 3
"""With fewer there is no pace at all."""
_WAGE_USD = 20.0
_BOXES = 3.0


def draw(labelling: Labelling, key: str, earlier: Sequence[Operation] = ()) -> None:
    """Draws the section below the labelling component; `earlier`: what was done on the versions before."""
    work, pace = count_work(labelling), _known(measure([*earlier, *labelling.operations]))
    st.subheader("What labelling all of it takes", anchor=False)
    with st.container(horizontal=True, key=f"{key}_pace"):
        _metric("Your seconds a picture label", pace.label)
        _metric("Your seconds a box", pace.box)
        _metric("Your seconds a proposal", pace.proposal)
    wage, per_image = _assumptions(work, key)
    headings: dict[Task, str] = {"classification": "Image labels", "detection": "Boxes"}
    for (task, heading), place in zip(headings.items(), st.columns(2), strict=True):
        place.markdown("\n".join([f"**{heading}**", "", *_table(task, work, pace, wage, per_image)]))
    if 0 < min(pace.label.count or STEADY, pace.box.count or STEADY) < STEADY:
        st.caption(f"Label {STEADY} or more before you trust your own figures.")
    st.caption(
        "Seconds are those in which you moved, pressed or scrolled in the picture; pauses over 15 s do not count. "
        "Medians, and the middle half of your measurements below them. Hours times your wage; price lists cost what "
        "they say. One worker a label: asking two or three, as is usual for quality, doubles or triples it."
    )
    with st.expander("Where the published figures come from", icon=":material/menu_book:"):
        st.markdown("\n".join(_source(figure) for figure in published()))


def _known(pace: Pace) -> Pace:
    """The pace without what was measured too seldom, or took no time that could be measured."""

    def known(one: Measured) -> Measured:
        return one if one.count >= LEAST and one.median_s else Measured(one.count)

    return Pace(known(pace.label), known(pace.box), known(pace.proposal), known(pace.looking))


def _metric(label: str, measured: Measured) -> None:
    value = "—" if measured.median_s is None else f"{measured.median_s:.1f} s"
    if measured.low_s is None or measured.high_s is None:
        note = f"{measured.count} measured, too few yet" if 0 < measured.count < LEAST else "not measured yet"
    else:
        note = f"{measured.count} measured, {measured.low_s:.1f} to {measured.high_s:.1f} s"
    st.metric(label, value, note, "off", border=True, delta_arrow="off")


def _assumptions(work: Work, key: str) -> tuple[float, float]:
    """The visitor's wage, and how many boxes to expect of a picture nobody has searched."""
    known = work.boxes_per_image
    with st.container(horizontal=True, vertical_alignment="bottom"):
        wage = st.number_input("Wage, USD an hour", 0.0, 1000.0, _WAGE_USD, 1.0, key=f"{key}_wage", width=200)
        if known is not None:
            st.caption(f"{known:.1f} boxes a picture are expected, the mean of the {work.searched:,} searched so far.")
            return wage, known
        expected = st.number_input("Objects a picture, your guess", 0.0, 1000.0, _BOXES, 0.5, key=f"{key}_n", width=200)
    return wage, expected


def _table(task: Task, work: Work, pace: Pace, wage: float, per_image: float) -> list[str]:
    """Lines of a Markdown table: whose pace, what an item takes, the whole set, what remains."""
    unit = "picture" if task == "classification" else "box"
    whole, rest = (work.amount(task, remaining, per_image) for remaining in (False, True))
    size = f"{whole.images:,} pictures" if task == "classification" else f"{whole.boxes:,.0f} boxes"
    left = f"{rest.images:,} pictures" if task == "classification" else f"{rest.boxes:,.0f} boxes"
    lines = [f"| Whose pace | A {unit} | Whole set: {size} | Still to do: {left} |", "| --- | --- | --- | --- |"]
    rates = [(_own(task, pace), pace.rate(task), _own_item(task, pace))]
    rates += [(plain(one.name) + _year(one), one.rate, _item(one)) for one in published() if one.task == task]
    for name, rate, item in rates:
        bills = (bill(amount, rate, wage) for amount in (whole, rest))
        lines.append(f"| {name} | {item} | " + " | ".join(_cell(one) for one in bills) + " |")
    return lines


def _own(task: Task, pace: Pace) -> str:
    measured = pace.label if task == "classification" else pace.box
    return f"**You** ({measured.count} measured)" if measured.median_s else "**You**, not measured yet"


def _own_item(task: Task, pace: Pace) -> str:
    rate = pace.rate(task)
    seconds = rate.image_s if task == "classification" else rate.box_s
    if seconds is None:
        return "—"
    looking = f" + {rate.image_s:.1f} s a picture" if task == "detection" and rate.image_s else ""
    return f"**{seconds:.1f} s**{looking}"


def _item(figure: Published) -> str:
    rate: Rate = figure.rate
    if rate.has_hours:
        return f"{rate.image_s or rate.box_s:g} s"
    return f"{rate.image_usd or rate.box_usd:g} USD" + (
        " a picture" if figure.task == "detection" and rate.image_usd else ""
    )


def _cell(found: Bill | None) -> str:
    if found is None:
        return "—"
    money = f"{found.money:,.2f} USD" if found.money < 10 else f"{found.money:,.0f} USD"
    return money if found.hours is None else f"{hours_text(found.hours)} · {money}"


def hours_text(hours: float) -> str:
    """A span of work that reads well: seconds, minutes or hours.

    >>> hours_text(0.25), hours_text(12.34), hours_text(0.004)
    ('15 min', '12.3 h', '14 s')
    """
    if hours * 3600 < 60:
        return f"{hours * 3600:.0f} s"
    return f"{hours * 60:.0f} min" if hours < 1 else f"{hours:,.1f} h" if hours < 100 else f"{hours:,.0f} h"


def _year(figure: Published) -> str:
    return f", {figure.year}" if figure.year else ""


def _source(figure: Published) -> str:
    return (
        f"- **{plain(figure.name)}**: {_item(figure)}, {plain(figure.what)}. {plain(figure.source)}. "
        f"Read on {figure.looked_up} in {plain(figure.seen_in)}."
    )
