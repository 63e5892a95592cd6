"""The table of what was measured: sorted by a click on a heading, each heading explained, and as a CSV file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from pages import plain
from vision_core import figure_files, glossary
from vision_core.costs.bench_rows import (
    LEAST_FOR_P99,
    NUMBERS,
    P99,
    SETTINGS,
    Row,
    failed,
    note,
    quotable,
    setting,
    short_titles,
    table,
    title,
    usable,
)
from vision_core.data.wording import plural

BUSY = 0.2
"""Share of the processor that others may take before it is said."""
_SCALES = {"peak_memory_bytes": ("MB", 1e6), "size_on_disk_bytes": ("MB", 1e6)}
_SCALES |= {"parameters": ("M", 1e6), "flops": ("GFLOP", 1e9), "activations": ("M", 1e6)}
_FORMATS = {"usd_per_million": "%.3f", "images_per_second": "%.1f", "load_time_s": "%.2f", "flops": "%.3f"}
_HEADS = {
    "device": "Device",
    "engine": "Engine",
    "precision": "Precision",
    "input_size_px": "Input",
    "threads": "Threads",
    "batch_size": "Batch",
    "crops": "Crops",
}
_WHOLE = ("batch_size", "threads", "crops")
_CROPS = "Objects of each picture that the classifier of a pipeline looks at."
_MOST_PX = 480


def draw(rows: Sequence[Row], key: str) -> None:
    """The table, what there is to know of its figures, and the file."""
    known = usable(rows)
    if not known:
        return
    columns = [name for name in NUMBERS if any(row.get(name) is not None for row in known)]
    names = short_titles(known)
    heads = [name for name in SETTINGS if name != "crops" or any(row.get(name) for row in known)]
    frame = pd.DataFrame([_line(row, name, heads, columns) for row, name in zip(known, names, strict=True)])
    height = min(_MOST_PX, 38 + 35 * len(known))
    st.dataframe(
        frame,
        hide_index=True,
        placeholder="—",
        height=height,
        key=f"bench_table_{key}",
        column_config=_columns(heads, columns),
        alt=f"What was measured of {plural(len(known), 'configuration')}",
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        st.download_button(
            "CSV",
            lambda: figure_files.to_csv(_NO_FIGURE, table(rows)),
            "costs.csv",
            "text/csv",
            icon=":material/download:",
            on_click="ignore",
            key=f"bench_csv_{key}",
            help="Every row and number, those that failed too",
        )
        st.caption(_about(known))
    _warnings(known, columns)


_NO_FIGURE: Any = None  # the rows are given, so that none is read


def _line(row: Row, name: str, heads: Sequence[str], columns: Sequence[str]) -> dict[str, Any]:
    line: dict[str, Any] = {"model": name, "task": row.get("task")}
    line |= {one: row.get(one) if one in _WHOLE else setting(row, one) for one in heads}
    for number in columns:
        value, (_, scale) = quotable(row, number), _SCALES.get(number, ("", 1))
        line[number] = None if value is None else value / scale
    return line


def _columns(settings: Sequence[str], columns: Sequence[str]) -> dict[str, Any]:
    heads: dict[str, Any] = {
        "model": st.column_config.TextColumn("Model", pinned=True, width="medium"),
        "task": st.column_config.TextColumn("Task"),
    }
    for name in settings:
        kind = st.column_config.NumberColumn if name in _WHOLE else st.column_config.TextColumn
        heads[name] = kind(_HEADS[name], help=_CROPS if name == "crops" else None)
    for name in columns:
        one = glossary.term(name)
        unit = _SCALES.get(name, (one.unit, 1))[0]
        named = "" if unit in ("number", "") or (unit == "USD" and "USD" in one.short) else f", {unit}"
        heads[name] = st.column_config.NumberColumn(
            f"{one.short}{named}", help=glossary.brief(name), format=_FORMATS.get(name, "%.2f")
        )
    return heads


def _about(rows: Sequence[Row]) -> str:
    """On what, in a line."""
    processors = sorted({str(row.get("device_name")) for row in rows if row.get("device_name")})
    runs = [len(row.get("samples_ms") or ()) for row in rows]
    each = f"{min(runs)} to {max(runs)}" if min(runs) != max(runs) else f"{runs[0]}"
    return plain(f"Measured on {', '.join(processors) or 'this machine'}, {each} runs each; a run is a whole batch.")


def _warnings(rows: Sequence[Row], columns: Sequence[str]) -> None:
    """What must be known before a figure is quoted."""
    warn_of_others(rows)
    for text in dict.fromkeys(_notes(rows, columns)):
        st.caption(f":material/info: {plain(text)}")


def warn_of_others(rows: Sequence[Row], follows: str = "") -> None:
    """Says it where other programs slowed measurements down; `follows`: what is made of their speed, in words."""
    busy = [row for row in rows if float(row.get("others_cpu_share") or 0.0) > BUSY]
    if busy:
        st.warning(
            f"Other programs kept this machine busy during {len(busy)} of {plural(len(rows), 'measurement')}"
            f"{f', so that {follows}' if follows else ''}: measure again when it is quiet.",
            icon=":material/speed:",
        )


def _notes(rows: Sequence[Row], columns: Sequence[str]) -> list[str]:
    said = []
    for name in ("energy_wh_per_1k", "co2_g_per_1k"):
        if name not in columns and (reasons := {note(row, name) for row in rows} - {""}):
            said.append(f"{glossary.term(name).title}: {'; '.join(sorted(reasons)[:2])}.")
    if any(row.get(P99) is not None and quotable(row, P99) is None for row in rows):
        said.append(f"No p99 of fewer than {LEAST_FOR_P99} runs: it would be the slowest of them.")
    uncounted = {str(name) for row in rows for name in row.get("uncounted_ops") or ()}
    if uncounted:
        said.append(f"Without a formula, so missing from the arithmetic: {', '.join(sorted(uncounted)[:8])}.")
    random = sorted({title(row) for row in rows if row.get("weights") == "random"})
    if random:
        said.append(f"With random weights, since theirs are not here: {', '.join(random)}. As quick as with theirs.")
    estimated = sorted({name for row in rows for name in columns if note(row, name).startswith("estimated")})
    if estimated:
        said.append(f"Estimated: {', '.join(glossary.term(name).title.lower() for name in estimated)}.")
    return said


def has_any(rows: Sequence[Row]) -> bool:
    """Whether there is anything to show: a measurement, or a reason why there is none."""
    return bool(usable(rows) or failed(rows))
