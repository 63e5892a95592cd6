"""A chart on a page: its title, its words for those who cannot see it, and a menu that takes it away as a file.

figures.draw(charts.reliability(bins), "How sure, how right", alt="…", key="reliability")
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import streamlit as st

from pages import plain
from vision_core import figure_files

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

STYLE = """<style>
[class*="st-key-figure_head_"] { flex-wrap: nowrap; align-items: baseline; }
[class*="st-key-figure_head_"] h5 { padding: 0; }
</style>"""
_SAID = {
    "png": ("PNG", "A picture for slides"),
    "svg": ("SVG", "Sharp at any size"),
    "html": ("HTML", "A page to zoom and hover, offline too"),
    "csv": ("CSV", "The numbers"),
}


def draw(
    figure: Figure,
    title: str,
    *,
    alt: str,
    key: str,
    table: Iterable[Mapping[str, Any]] | None = None,
    help: str | None = None,
    pick: bool = False,
) -> list[dict[str, Any]]:
    """Draws a figure under its title, with the menu that exports it.

    Args:
        alt: what it shows, in a sentence with the figures that matter.
        key: unique on the page.
        table: the numbers as a CSV file should hold them; what is drawn by default.
        help: Markdown that explains the title on hover.
        pick: whether clicks on points choose them.

    Returns:
        The points that were clicked, as Plotly tells of them (`x`, `y`, `customdata`, `point_index` …).
    """
    head(title, key, figure, alt=alt, table=table, help=help)
    if not pick:
        st.plotly_chart(figure, width="stretch", key=f"figure_{key}", config=config(title), alt=alt)
        return []
    event = st.plotly_chart(
        figure,
        width="stretch",
        key=f"figure_{key}",
        config=config(title),
        alt=alt,
        on_select="rerun",
        selection_mode="points",
    )
    return list(event["selection"]["points"])


def head(
    title: str,
    key: str,
    figure: Figure,
    *,
    alt: str = "",
    table: Iterable[Mapping[str, Any]] | None = None,
    help: str | None = None,
) -> None:
    """The title and, at its right, the menu."""
    st.html(STYLE)
    with st.container(
        horizontal=True, horizontal_alignment="distribute", vertical_alignment="center", key=f"figure_head_{key}"
    ):
        st.markdown(f"##### {plain(title)}", help=help, width="stretch")
        menu(figure, title, alt, key, table)


def menu(figure: Figure, title: str, alt: str, key: str, table: Iterable[Mapping[str, Any]] | None = None) -> None:
    """The files that a figure can be taken away as; each is made when it is asked for."""
    rows = None if table is None else list(table)
    painted = figure_files.browser() is not None
    make = {
        "png": partial(figure_files.to_image, figure, "png", title),
        "svg": partial(figure_files.to_image, figure, "svg", title),
        "html": partial(figure_files.to_html, figure, title, alt),
        "csv": partial(figure_files.to_csv, figure, rows),
    }
    with st.popover(
        "Export", icon=":material/download:", type="tertiary", key=f"figure_menu_{key}", help="Take this chart away"
    ):
        for ending, (label, meaning) in _SAID.items():
            if ending in ("png", "svg") and not painted:
                continue
            st.download_button(
                label,
                make[ending],
                figure_files.file_name(title, ending),
                figure_files.MIME_TYPES[ending],
                on_click="ignore",
                key=f"figure_{ending}_{key}",
                help=meaning,
                width="stretch",
            )
        if not painted:
            st.caption("For PNG use the camera above the chart; SVG needs Chrome or Chromium on the server.")


def config(title: str) -> dict[str, Any]:
    """Plotly's own settings: no logo, and a camera where the server cannot paint."""
    if figure_files.browser() is not None:
        return {"displaylogo": False, "displayModeBar": False}
    camera = {"format": "png", "scale": 2, "filename": figure_files.file_name(title, "png").removesuffix(".png")}
    return {"displaylogo": False, "modeBarButtons": [["toImage"]], "toImageButtonOptions": camera}
