"""What a year costs: classification, detection and the two in turn, and at what volume which is the cheapest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from pages import plain, told
from pages.parts import explained, figures, price_editor
from pages.parts.costs_page import assumptions, code, kept, table
from pages.parts.costs_page.wrapped import wrapped
from vision_core.costs.bench import ARROW
from vision_core.costs.bench_rows import Row, labels, setting, usable
from vision_core.costs.bench_store import BenchFolder
from vision_core.costs.prices import load_prices
from vision_core.costs.scenario import NAMES, Scenario, speed_of
from vision_core.costs.total_charts import cost_by_volume, cost_parts
from vision_core.costs.totals import Approach, computers, crossings, in_words, known, usd_text
from vision_core.data.wording import digits, plural

_TASKS = {"classification": "Classifier", "detection": "Detector"}
_ESTIMATE = "Estimated from the two alone"


def draw(rows: Sequence[Row], bench: BenchFolder | None = None) -> None:
    """The choice of a classifier and a detector among what was measured, the assumptions, and what follows."""
    known_rows = usable(rows)
    if not known_rows:
        st.info("Nothing has been measured yet, and money follows from measured speed.", icon=":material/payments:")
        return
    chosen = _choose(known_rows)
    if not chosen:
        st.info("Choose a classifier or a detector.", icon=":material/payments:")
        return
    table.warn_of_others(list(chosen.values()), "the money below is too much")
    scenario = assumptions.draw(chosen)
    with st.expander("Prices of computers", icon=":material/payments:", key="bench_prices", on_change="rerun") as box:
        if box.open:
            with told():
                price_editor.draw(load_prices())
    if scenario is not None:
        with told():
            _outcome(scenario, chosen)
        code.of_money(bench, scenario, chosen)


def _choose(rows: Sequence[Row]) -> dict[str, Row]:
    """A measured row of each task, the quickest exact one at first; a task of which nothing was measured is absent."""
    names = dict(zip(map(id, rows), labels(rows), strict=True))
    found: dict[str, Row] = {}
    for (task, label), place in zip(_TASKS.items(), wrapped("ways", 2), strict=True):
        mine = {names[id(row)]: row for row in rows if row.get("task") == task}
        with place:
            if not mine:
                st.caption(f"No {label.lower()} has been measured: without one, only the other way can be reckoned.")
                continue
            options = sorted(mine, key=lambda name, mine=mine: _quickest(mine[name]))
            name = st.selectbox(
                label,
                options,
                format_func=lambda one, mine=mine: f"{one} · {digits(mine[one]['images_per_second'])} pictures/s",
                key=kept.one_of(f"row_{task}", options, options[0]),
            )
            found[task] = mine[name or options[0]]
    if len(found) == len(_TASKS) and (both := _choose_in_turn(rows, names, found)) is not None:
        found["two-stage"] = both
    return found


def _choose_in_turn(rows: Sequence[Row], names: Mapping[int, str], alone: Mapping[str, Row]) -> Row | None:
    """A measured row of the two in turn; None where there is none, or an estimate is wanted."""
    pair = f"{alone['detection'].get('model')}{ARROW}{alone['classification'].get('model')}"
    mine = {names[id(row)]: row for row in rows if row.get("model") == pair}
    if not mine:
        st.caption(
            ":material/info: The two in turn are estimated from what each takes alone. Measure these two with “And the "
            "two in turn” switched on, and they are reckoned as they were measured together."
        )
        return None
    options = [*sorted(mine, key=lambda name: _quickest(mine[name])), _ESTIMATE]
    name = st.selectbox(
        "The two in turn",
        options,
        format_func=lambda one: one if one == _ESTIMATE else _in_turn_label(one, mine[one]),
        key=kept.one_of("row_two-stage", options, options[0]),
        help="As measured together. With another number of objects a picture than was measured with, the classifier's "
        "half is reckoned in proportion.",
    )
    return mine.get(name or options[0])


def _in_turn_label(name: str, row: Row) -> str:
    speed = f"{digits(row['images_per_second'])} pictures/s"
    return f"{name} · {speed}" if setting(row, "crops") in name else f"{name} · {setting(row, 'crops')} · {speed}"


def _quickest(row: Row) -> tuple[bool, float]:
    """By speed; with 32-bit floats first, since that is how evaluations were made."""
    return row.get("precision") != "fp32", -float(row.get("images_per_second") or 0.0)


def _outcome(scenario: Scenario, rows: Mapping[str, Row]) -> None:
    ways = scenario.ways(rows)
    pictures = scenario.pictures_a_year * scenario.years
    _totals(ways, pictures, scenario)
    for way in ways:
        for missing in way.missing:
            st.caption(f":material/help: {way.name} cannot be added up. {plain(missing)}.")
    words = in_words(ways, scenario.pictures_a_year, scenario.years)
    for sentence in words[1:]:
        st.markdown(f":material/compare_arrows: {plain(sentence)}")
    if known(ways):
        left, right = wrapped("money", [3, 2])
        with left:
            figures.draw(
                cost_by_volume(ways, scenario.pictures_a_year, scenario.years),
                "What it costs in all, by volume",
                alt=" ".join(words),
                key="bench_volume",
                table=_by_volume(ways, scenario),
                help=explained.brief("usd_per_year"),
            )
        with right:
            figures.draw(
                cost_parts(ways, pictures),
                "Where the money goes",
                alt=words[0],
                key="bench_parts",
                table=_by_part(ways, pictures),
            )
    _notes(scenario, rows)


def _totals(ways: Sequence[Approach], pictures: float, scenario: Scenario) -> None:
    """One card a way, with its parts under it."""
    title = "a year" if scenario.years == 1 else f"in {scenario.years:g} years"
    with explained.row("bench_money"):
        for way in ways:
            total = way.total_usd(pictures)
            parts = {name: usd for name, usd in way.parts_usd(pictures).items() if usd is not None}
            note = " + ".join(f"{name} {usd_text(usd)}" for name, usd in parts.items())
            with st.container(border=True, width=300, gap="xxsmall", key=f"explained_card_money_{way.kind}"):
                explained.term(
                    "usd_per_year", label=f"{way.name}, {title}", key=f"money_{way.kind}", example=plain(note)
                )
                shown = "—" if total is None else usd_text(total)
                st.metric(way.name, plain(shown), label_visibility="collapsed")
                st.caption(plain(note or "no part of it is known"))


def _by_volume(ways: Sequence[Approach], scenario: Scenario) -> list[dict[str, Any]]:
    """The chart's lines as a table: at the user's volume, at each crossing, and at powers of ten."""
    volumes = {10.0**power for power in range(3, 11)} | {scenario.pictures_a_year}
    volumes |= {one.pictures_a_year for one in crossings(ways, scenario.years)}
    return [
        {"pictures a year": volume}
        | {f"{way.name}, USD": way.total_usd(volume * scenario.years) for way in known(ways)}
        for volume in sorted(volumes)
    ]


def _by_part(ways: Sequence[Approach], pictures: float) -> list[dict[str, Any]]:
    return [
        {
            "way": way.name,
            "pictures": pictures,
            **{f"{name}, USD": usd for name, usd in way.parts_usd(pictures).items()},
        }
        | {"in all, USD": way.total_usd(pictures)}
        for way in ways
    ]


def _notes(scenario: Scenario, rows: Mapping[str, Row]) -> None:
    """What the figures rest on, and CO₂."""
    price = scenario.price
    st.caption(
        f":material/info: Speed measured on this machine, priced as {plain(price.name)} at "
        f"{plain(f'{price.usd_per_hour:.4g}')} USD/h ({price.as_of}, {plain(price.region)}); that computer may be "
        f"faster or slower. {assumptions.explain(scenario)}"
    )
    for task, row in rows.items():
        speed = speed_of(row, scenario.objects_per_picture) if task == "two-stage" else None
        need = computers(scenario.pictures_a_year, float((speed and speed.value) or row["images_per_second"]))
        share = f"{need:.1%} of one computer's year" if need < 1 else plural(-int(-need // 1), "computer") + " all year"
        said = plain(f", {speed.note}") if speed else ""
        name = _TASKS.get(task, NAMES["two-stage"])
        st.caption(f":material/dns: {name}: {plain(share)}, day and night, at this speed{said}.")
    _co2(scenario, rows)


def _co2(scenario: Scenario, rows: Mapping[str, Row]) -> None:
    found = scenario.co2_g_per_1k(rows)
    said = [
        f"{NAMES[kind]} {one.value * scenario.pictures_a_year / 1e6:,.3g} kg"
        for kind, one in found.items()
        if one.value is not None
    ]
    if said:
        notes = {one.note for one in found.values() if one.value is not None}
        st.markdown(f":material/eco: CO₂ a year: {plain(', '.join(said))}.", help=plain("; ".join(sorted(notes))))
        return
    reasons = sorted({one.note for one in found.values()})
    st.caption(f":material/eco: CO₂ is unavailable: {plain('; '.join(reasons))}.")
