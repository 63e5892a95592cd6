"""The yardstick and the costs of all contenders in one table: each number leads to what it was measured on."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

import streamlit as st

from pages import plain
from pages.parts import figures
from pages.parts.costs_page.wrapped import wrapped
from pages.parts.decide import links
from vision_core import glossary
from vision_core.duel import charts
from vision_core.duel.costs import COSTS as COSTS_FILE
from vision_core.duel.folder import DuelFolder
from vision_core.duel.outcome import COSTS, ends_said, hours, said, standing, table, trained, why_not
from vision_core.duel.plan import FIGURE_OF, TITLES
from vision_core.errors import VisionError
from vision_core.evaluation.yardstick import LOWER_IS_BETTER, QUESTIONS
from vision_core.training.overview import duration

_STYLE = """<style>
.duel-table { width: 100%; border-collapse: collapse; table-layout: fixed; }
.duel-table th, .duel-table td {
  padding: 0.45rem 0.7rem; text-align: left; vertical-align: top; overflow-wrap: anywhere;
  border-bottom: 1px solid rgba(128, 128, 128, 0.3);
}
.duel-table thead th { font-size: 1.05rem; }
.duel-table .asks th { font-size: 0.95rem; padding-top: 1rem; opacity: 0.8; }
.duel-table .decides { background: rgba(128, 128, 128, 0.12); }
.duel-table .value { font-size: 1.15rem; }
.duel-table .best .value { font-weight: 700; }
.duel-table small { display: block; opacity: 0.78; font-size: 0.82rem; font-weight: 400; }
.duel-table a { color: inherit; text-decoration: underline; text-decoration-color: rgba(128, 128, 128, 0.7); }
@media (max-width: 640px) {
  .duel-table thead { display: none; }
  .duel-table tr, .duel-table td, .duel-table tr > th { display: block; border: 0; padding: 0.15rem 0.3rem; }
  .duel-table tr { padding: 0.5rem 0; border-bottom: 1px solid rgba(128, 128, 128, 0.3); }
  .duel-table td::before { content: attr(data-who) ": "; opacity: 0.75; font-size: 0.85rem; }
  .duel-table td small { display: inline; margin-left: 0.4rem; }
}
</style>"""
_NAMES = {
    "latency_ms_p50": "Time for one picture, median",
    "latency_ms_p95": "Time for one picture, 95 % within",
    "peak_memory_bytes": "Peak memory",
    "parameters": "Parameters",
    "energy_wh_per_1k": "Energy for 1,000 pictures",
    "usd_per_million": "A million pictures",
}


def draw(result: Mapping[str, Any], duel: DuelFolder, key: str) -> None:
    """The table, and the yardstick as charts."""
    every = result["contenders"]
    heads = "".join(f'<th scope="col">{_head(one)}</th>' for one in every)
    rows = [f'<thead><tr><th scope="col"></th>{heads}</tr></thead><tbody>']
    for question, names in QUESTIONS.items():
        rows.append(_between(question, len(every)))
        rows += [_figure_row(result, name) for name in names]
    rows.append(_between("What it costs", len(every)))
    address = _bench(duel)
    rows += [_cost_row(result, name, address) for name in COSTS]
    rows += [_labelling_row(result), _training_row(result)]
    st.html(f'{_STYLE}<table class="duel-table">{"".join(rows)}</tbody></table>')
    shared = {f"{glossary.term(name).title}: {glossary.brief(name)}" for names in QUESTIONS.values() for name in names}
    with st.expander("What the figures mean", icon=":material/help:"):
        st.markdown("\n".join(f"- {plain(text)}" for text in sorted(shared)))
    _charts(result, key)


def _head(one: Mapping[str, Any]) -> str:
    networks = ", then ".join(str(name) for name in one.get("networks") or [])
    return f"{escape(TITLES[one['task']])}<small>{escape(networks)}</small>"


def _between(title: str, columns: int) -> str:
    return f'<tr class="asks"><th scope="rowgroup" colspan="{columns + 1}">{escape(title)}</th></tr>'


def _row(title: str, cells: list[str], mark: str = "") -> str:
    return f'<tr class="{mark}"><th scope="row">{title}</th>{"".join(cells)}</tr>'


def _cell(one: Mapping[str, Any], value: str, small: str = "", address: str | None = None, best: bool = False) -> str:
    shown = f'<span class="value">{escape(value)}</span>'
    if address is not None:
        shown = f'<a href="{escape(address)}">{shown}</a>'
    small = f"<small>{escape(small)}</small>" if small else ""
    return f'<td class="{"best" if best else ""}" data-who="{escape(TITLES[one["task"]])}">{shown}{small}</td>'


def _figure_row(result: Mapping[str, Any], name: str) -> str:
    cells = []
    for one in result["contenders"]:
        value = one["figures"].get(name)
        if value is None:
            cells.append(_cell(one, "cannot say", str(one["unanswered"].get(name) or "")))
            continue
        stands = standing(result, name, one["task"])
        ends = ends_said(name, one["intervals"].get(name))
        small = " · ".join(filter(None, (f"95 %: {ends}" if ends else "no interval", stands)))
        cells.append(_cell(one, said(name, value), small, links.evaluate(one["runs"]), stands == "best"))
    decides = name == FIGURE_OF[result["question"]]
    title = escape(glossary.term(name).title) + ("<small>this decides</small>" if decides else "")
    title += "<small>fewer is better</small>" if name in LOWER_IS_BETTER else ""
    return _row(title, cells, "decides" if decides else "")


def _cost_row(result: Mapping[str, Any], name: str, address: str | None) -> str:
    cells = []
    for one in result["contenders"]:
        value, why = one["costs"].get(name), why_not(one, name)
        how = str(((one["costs"].get("how") or {}).get(name) or {}).get("how") or "")
        if value is None:
            cells.append(_cell(one, "—", why or "not measured"))
        else:
            cells.append(_cell(one, said(name, value), how if how != "measured" else "", address))
    return _row(_NAMES[name], cells)


def _labelling_row(result: Mapping[str, Any]) -> str:
    cells = []
    for one in result["contenders"]:
        labels = one.get("labels") or {}
        marks = f"{labels['boxes']:,} boxes" if labels.get("boxes") else f"{labels.get('labels', 0):,} ticks"
        taken = hours(one)
        small = f"{marks} in {labels['pictures']:,} pictures" if labels else "nothing of yours was labelled for it"
        cells.append(_cell(one, "—" if taken is None else f"{taken:.3g} h", small, links.evaluate(one["runs"])))
    return _row("Labelling, at published paces", cells)


def _training_row(result: Mapping[str, Any]) -> str:
    cells = []
    for one in result["contenders"]:
        taken = duration(trained(one))
        cells.append(_cell(one, taken or "—", "" if taken else "it was trained elsewhere", links.evaluate(one["runs"])))
    return _row("Training", cells)


def _bench(duel: DuelFolder) -> str | None:
    """The measurement that the costs are from, where it is here."""
    try:
        return links.bench(str(duel.files.read(COSTS_FILE).get("bench") or ""))
    except VisionError:
        return None


def _charts(result: Mapping[str, Any], key: str) -> None:
    names = [name for own in QUESTIONS.values() for name in own if _anybody(result, name)]
    shares = [name for name in names if name not in LOWER_IS_BETTER]
    counts = [name for name in names if name in LOWER_IS_BETTER]
    drawn = [(some, title) for some, title in ((shares, "Is it there, and where?"), (counts, "How many?")) if some]
    places = wrapped(f"duel_yardstick_{key}", [3, 2][: len(drawn)])
    for place, (some, title) in zip(places, drawn, strict=True):
        with place:
            figures.draw(
                charts.yardstick(result, some),
                title,
                alt="; ".join(
                    f"{TITLES[one['task']]} {glossary.term(name).title} {said(name, one['figures'].get(name))}"
                    for name in some
                    for one in result["contenders"]
                ),
                key=f"duel_yardstick_{some[0]}_{key}",
                table=[row for row in table(result) if row["figure"] in some],
            )


def _anybody(result: Mapping[str, Any], name: str) -> bool:
    return any(one["figures"].get(name) is not None for one in result["contenders"])
