"""The sortable table of runs, from which any number is chosen, and the pictures that they are judged on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import streamlit as st

from pages import plain
from pages.parts.train import runs
from vision_core.data.library import Dataset, list_datasets
from vision_core.run_folder import RunFolder
from vision_core.settings import allowed_path, settings
from vision_core.training.overview import Overview, metric_title

OWN_TEST, OWN_VAL, FOLDER = "own test", "own val", "folder"
ROW_PX, MOST_PX = 36, 330
MOST_RUNS = 12
"""More runs than that on one chart nobody can tell apart."""


@dataclass(frozen=True)
class Pictures:
    """What runs are judged on: their own pictures (`data` None), a data set of the workspace, or a folder's path."""

    data: str | None
    split: str
    title: str

    def arguments(self, run: RunFolder) -> dict[str, str]:
        """As background work wants them."""
        given = {"run": str(run.path), "split": self.split}
        return given if self.data is None else given | {"data": self.data}


def table(found: list[Overview]) -> list[Overview]:
    """The table; the runs that are chosen, in its order. They stand in the address as `run`."""
    asked = [id for id in st.query_params.get_all("run") if any(one.record.id == id for one in found)]
    ids = [one.record.id for one in found]
    event = st.dataframe(
        pd.DataFrame([_row(one) for one in found]),
        hide_index=True,
        height=min(MOST_PX, ROW_PX * (len(found) + 1) + 2),
        column_config=_COLUMNS,
        on_select="rerun",
        selection_mode="multi-row",
        selection_default={"selection": {"rows": [ids.index(id) for id in asked], "columns": [], "cells": []}},
        key=f"evaluate_runs_{hash(tuple(ids))}",
        placeholder="—",
        alt="Runs with task, network, data and their best figure",
    )
    chosen = [found[place] for place in event["selection"]["rows"] if place < len(found)]
    if [one.record.id for one in chosen] != st.query_params.get_all("run"):
        st.query_params["run"] = [one.record.id for one in chosen]
    if len(chosen) > MOST_RUNS:
        st.info(f"The first {MOST_RUNS} of the {len(chosen)} chosen runs are shown.", icon=":material/filter_list:")
    return chosen[:MOST_RUNS]


def _row(one: Overview) -> dict[str, object]:
    tested = one.run.read("evaluation.json").get("metrics", {}).get(one.monitor)
    return {
        "run": one.record.name,
        "task": one.task,
        "network": one.model,
        "figure": metric_title(one.monitor, one.task),
        "test": np.nan if tested is None else 100 * tested,
        "validation": np.nan if one.best is None else 100 * one.best,
        "classes": len(one.record.config.get("class_names", ())),
        "made": str(one.record.config.get("created_at", ""))[:16].replace("T", " "),
    }


_COLUMNS = {
    "run": st.column_config.TextColumn("run", width="medium", pinned=True),
    "test": st.column_config.NumberColumn("test, %", format="%.1f", help="On its own test pictures"),
    "validation": st.column_config.NumberColumn(
        "validation, %", format="%.1f", help="Of its best epoch, which was chosen by this figure: rather too high"
    ),
    "figure": st.column_config.TextColumn("figure", help="Which figure: compare only where it is the same"),
    "made": st.column_config.TextColumn("started"),
}


def pictures(chosen: list[Overview]) -> Pictures | None:
    """Draws the choice of the pictures; it stands in the address as `data`, `folder` and `split`.

    None as long as no folder is named.

    Raises:
        SettingsError: the folder is none that users may open.
    """
    datasets = {dataset.id: dataset for dataset in list_datasets()}
    options = [OWN_TEST, OWN_VAL, *datasets, *([FOLDER] if settings().folder_roots else [])]
    wanted = st.query_params.get("data", "")
    data = st.selectbox(
        "Judged on",
        options,
        index=options.index(wanted) if wanted in options else 0,
        format_func=lambda id: _said(id, datasets),
        key="evaluate_data",
        help="Another data set with the same classes shows how a run does on pictures that it never saw.",
        width=330,
    )
    data = data or OWN_TEST
    _keep("data", data, OWN_TEST)
    if data == FOLDER:
        return _folder()
    _keep("folder", "", "")
    if data in (OWN_TEST, OWN_VAL):
        _keep("split", "", "")
        return Pictures(None, "val" if data == OWN_VAL else "test", _said(data, datasets))
    split = _split(["all", *(name for name in datasets[data].index().splits if name)], data)
    return Pictures(data, split, f"{datasets[data].name} ({split})")


def _folder() -> Pictures | None:
    """A folder of the server that nobody brought in: its pictures stay where they are."""
    text = st.text_input(
        "Folder on the server",
        st.query_params.get("folder", ""),
        key="evaluate_folder",
        help="A data set with labels, of the same classes. Nothing in it is changed.",
        width=330,
    )
    _keep("folder", text, "")
    if not text:
        return None
    path = allowed_path(text, settings())
    split = _split(["all", "test", "val", "train"], FOLDER)
    return Pictures(str(path), split, f"{path.name} ({split})")


def _split(splits: list[str], data: str) -> str:
    """Which of the pictures."""
    asked = st.query_params.get("split", "all")
    split = st.selectbox(
        "Of these",
        splits,
        index=splits.index(asked) if asked in splits else 0,
        format_func=lambda name: "all pictures" if name == "all" else f"the split “{name}”",
        key=f"evaluate_split_{data}",
        width=220,
    )
    _keep("split", split or "all", "all")
    return split or "all"


def way_to_others() -> None:
    """Where pictures come from that cannot be chosen yet."""
    st.page_link(
        "pages/2_Data.py",
        label="Judge on other pictures: bring them in on the Data page",
        icon=":material/add_photo_alternate:",
    )


def _said(id: str, datasets: dict[str, Dataset]) -> str:
    own = {OWN_TEST: "Its own test pictures", OWN_VAL: "Its own validation pictures", FOLDER: "A folder on the server"}
    return own.get(id) or datasets[id].name


def _keep(parameter: str, value: str, usual: str) -> None:
    if value == usual:
        st.query_params.pop(parameter, None)
    else:
        st.query_params[parameter] = value


def which(chosen: list[Overview]) -> Overview | None:
    """Of several runs the one to look into; None for all of them side by side."""
    if len(chosen) == 1:
        return chosen[0]
    names = runs.labels(chosen)
    options = ["", *names]
    asked = st.query_params.get("one", "")
    picked = st.segmented_control(
        "Look at",
        options,
        default=asked if asked in options else "",
        format_func=lambda id: plain(names[id]) if id else ":material/compare_arrows: Side by side",
        required=True,
        key=f"evaluate_one_{hash(tuple(names))}",
    )
    _keep("one", picked or "", "")
    return next((one for one in chosen if one.record.id == picked), None)
