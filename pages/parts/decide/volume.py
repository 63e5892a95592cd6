"""What each contender costs in all at a volume of your own: labelling, training, and every picture after that."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from pages import plain, told
from pages.parts import explained, figures
from pages.parts.costs_page import assumptions, kept
from pages.parts.costs_page.form import choose_price
from pages.parts.costs_page.wrapped import wrapped
from vision_core.costs.prices import load_prices
from vision_core.costs.total_charts import cost_by_volume
from vision_core.costs.totals import Approach, crossings, in_words, known
from vision_core.duel.money import Rates, ways_of


def draw(result: Mapping[str, Any], key: str) -> None:
    """Volume, computer and wage; the curves; where one overtakes another."""
    st.markdown("#### What would it cost at your volume?")
    left, middle, right = wrapped(f"duel_volume_{key}", 3)
    with left:
        pictures = assumptions.volume()
    with middle:
        years = st.number_input("Years", 0.1, 30.0, step=1.0, key=kept.first("years", 1.0))
        wage = st.number_input("Wage, USD an hour", 0.0, 1000.0, step=1.0, key=kept.first("wage", 20.0))
    with right:
        price = choose_price("price", "Computer")
    if not price:
        return
    with told():
        ways = ways_of(result, Rates(load_prices().find(price), float(wage or 0.0)))
        _outcome(ways, pictures, float(years or 1.0), key)


def _outcome(ways: tuple[Approach, ...], pictures: float, years: float, key: str) -> None:
    words = in_words(ways, pictures, years)
    for way in ways:
        for missing in way.missing:
            st.caption(f":material/help: {plain(way.name)} cannot be added up. {plain(missing)}.")
    if not known(ways):
        return
    figures.draw(
        cost_by_volume(ways, pictures, years),
        "What it costs in all, by volume",
        alt=" ".join(words),
        key=f"duel_volume_{key}",
        table=[
            {"pictures a year": volume} | {f"{way.name}, USD": way.total_usd(volume * years) for way in known(ways)}
            for volume in sorted(
                {10.0**power for power in range(3, 11)}
                | {pictures, *(c.pictures_a_year for c in crossings(ways, years))}
            )
        ],
        help=explained.brief("usd_per_year"),
    )
    for sentence in words[:2]:
        st.markdown(f":material/payments: {plain(sentence)}")
    st.caption(
        "Labelling is what these very training sets take, at published paces; training is what these runs took. The "
        "speed is that of the machine that the duel was fought on."
    )
