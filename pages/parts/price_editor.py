"""The price file as a table that can be edited."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date

import pandas as pd
import streamlit as st

from pages import told
from vision_core.costs.prices import Price, PriceList, save_prices, user_prices_path


def draw(prices: PriceList) -> None:
    """The price file as a table; what is saved is checked first, and replaces the built-in list."""
    st.caption(
        f"List prices as of {prices.as_of}; check them before you quote them. "
        f"Saved changes go to `{user_prices_path()}` and hold for everyone who uses this dashboard."
    )
    table = pd.DataFrame([{k: v for k, v in asdict(entry).items() if k != "owned"} for entry in prices.entries])
    edited = st.data_editor(
        table,
        hide_index=True,
        num_rows="dynamic",
        key="prices",
        alt="The price file",
        column_config={"usd_per_hour": st.column_config.NumberColumn("USD per hour", format="%.4f")},
    )
    if st.button("Save prices", icon=":material/save:", disabled=edited.equals(table)):
        with told():
            save_prices(PriceList(prices.as_of, tuple(_entry(row, prices) for row in edited.to_dict("records"))))
            st.rerun()


def _entry(row: dict[str, object], prices: PriceList) -> Price:
    """One edited row; a bought machine keeps its formula as long as its price was not touched."""
    known = {entry.name: entry for entry in prices.entries}
    before = known.get(str(row["name"]))
    if before is None or before.usd_per_hour != row["usd_per_hour"]:
        row = row | {"as_of": date.today()}
    owned = before.owned if before and before.usd_per_hour == row["usd_per_hour"] else None
    values = {name: "" if value is None or value != value else value for name, value in row.items()}
    return Price(**values, owned=owned)  # type: ignore[arg-type]
