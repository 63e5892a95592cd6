"""The tables of a report: the yardstick, how far contenders are apart, what they cost, each class of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vision_core import glossary
from vision_core.evaluation.intervals import LEAST_GAP, is_apart
from vision_core.evaluation.yardstick import LOWER_IS_BETTER, QUESTIONS
from vision_core.report.subject import Cell, Contender, Table

CONFIDENCE = "95 %"
MOST_ROWS = 100
COSTS = (
    "latency_ms_p50",
    "latency_ms_p95",
    "images_per_second",
    "peak_memory_bytes",
    "energy_wh_per_1k",
    "usd_per_million",
    "parameters",
    "flops",
)
_NOT_MEASURED = "not measured"
TITLES: Mapping[str, str] = {
    "presence_ap": "average precision",
    "presence_f1": "F1",
    "count_mae": "objects counted wrong",
    "pointing": "pointing accuracy",
    "ap50": "AP50 of its boxes",
}
"""What the figures of the yardstick are called beside their question."""


def yardstick(contenders: Sequence[Contender], pictures: int) -> Table:
    """Every figure of the three questions, a column a contender; who cannot say says why."""
    rows, keys = [], []
    for question, names in QUESTIONS.items():
        for name in names:
            keys.append(name)
            better = "lower is better" if name in LOWER_IS_BETTER else "higher is better"
            rows.append(
                (
                    Cell(f"{question} {titled(name)}", better),
                    *(figure(one, name) for one in contenders),
                )
            )
    return Table(
        "yardstick",
        f"The same {pictures:,} pictures, the same questions. Below each figure: where the true one lies with "
        f"{CONFIDENCE} confidence.",
        ("Question and figure", *(one.title for one in contenders)),
        tuple(rows),
        tuple(keys),
    )


def titled(name: str) -> str:
    """A figure of the yardstick as a title; any other as the glossary calls it."""
    title = TITLES.get(name) or glossary.term(name).short
    return title[:1].upper() + title[1:]


def figure(one: Contender, name: str) -> Cell:
    """A figure with its interval, or why there is none."""
    value = one.figures.get(name)
    if value is None:
        return Cell("cannot say", one.unanswered.get(name, "These pictures cannot tell."))
    return Cell(say(name, value), ends(name, one.intervals.get(name)), value)


def say(name: str, value: float | None, task: str = "") -> str:
    """A value with its unit, as the glossary says it; a number of objects without one, since its title says it."""
    if name == "count_mae" and value is not None:
        return f"{value:.2f}"
    return glossary.say(name, value, task)


def ends(name: str, pair: Sequence[float | None] | None, task: str = "") -> str:
    """An interval in words; that there is none, where the pictures cannot tell."""
    if pair is None or pair[0] is None or pair[1] is None:
        return "no interval: too few pictures"
    return f"{say(name, pair[0], task)} to {say(name, pair[1], task)}"


def gap_table(gaps: Sequence[Mapping[str, Any]], titles: Mapping[str, str]) -> Table | None:
    """How much higher each figure of the first of two is; None where there is nothing to compare."""
    names = [name for names in QUESTIONS.values() for name in names if any(name in gap["figures"] for gap in gaps)]
    if not names:
        return None
    rows = []
    for gap in gaps:
        cells = [Cell(f"{titles.get(gap['one'], gap['one'])} against {titles.get(gap['other'], gap['other'])}")]
        rows.append((*cells, *(_gap(name, gap["figures"].get(name)) for name in names)))
    return Table(
        "gaps",
        "How much more the first has than the second, both on the same pictures drawn again and again. Where the "
        "interval holds zero, these pictures cannot tell the two apart.",
        ("Pair", *map(titled, names)),
        tuple(rows),
        tuple(f"{gap['one']}|{gap['other']}" for gap in gaps),
    )


def _gap(name: str, found: Mapping[str, Any] | None) -> Cell:
    if found is None:
        return Cell("—", "one of them cannot say")
    unit, scale = (" points", 100.0) if glossary.term(name).unit == "share" else ("", 1.0)
    said = f"{scale * found['gap']:+.{1 if unit else 2}f}{unit}"
    if found.get("low") is None or found.get("high") is None:
        note = str(found.get("note") or "no interval: too few pictures")
        level = abs(found["gap"]) <= LEAST_GAP
        return Cell(said, f"{note}{': level' if level else ''}", found["gap"])
    digits = 1 if unit else 2
    between = f"{scale * found['low']:+.{digits}f} to {scale * found['high']:+.{digits}f}"
    apart = is_apart(found["gap"], found["low"], found["high"])
    return Cell(said, f"{between}{'' if apart else ': not told apart'}", found["gap"])


def cost_table(contenders: Sequence[Contender]) -> Table:
    """What each takes, and how each number was got."""
    rows, keys = [], []
    for name in COSTS:
        if any(one.costs.get(name) is not None for one in contenders) or name == COSTS[0]:
            rows.append((Cell(glossary.term(name).title), *(_cost(one, name) for one in contenders)))
            keys.append(name)
    if any(one.training_seconds for one in contenders):
        from vision_core.training.overview import duration

        cells = [Cell(duration(one.training_seconds), "measured", one.training_seconds) for one in contenders]
        known = [cell if cell.value else Cell(_NOT_MEASURED) for cell in cells]
        rows.append((Cell("Training, once"), *known))
        keys.append("training_seconds")
    if any(one.labels for one in contenders):
        rows.append((Cell("Labelling, once"), *(_labelling(one) for one in contenders)))
        keys.append("labelling_hours")
    return Table(
        "costs",
        "What each takes, on the machine named under “Method”, one picture at a time unless it says otherwise.",
        ("Cost", *(one.title for one in contenders)),
        tuple(rows),
        tuple(keys),
    )


def _cost(one: Contender, name: str) -> Cell:
    value, how = one.costs.get(name), (one.costs.get("how") or {}).get(name) or {}
    if not isinstance(value, int | float):
        return Cell(_NOT_MEASURED if not one.costs else "unavailable", str(how.get("note") or ""))
    return Cell(glossary.say(name, value), str(how.get("how") or ""), float(value))


def _labelling(one: Contender) -> Cell:
    if not one.labels:
        return Cell("nothing was labelled for it")
    labels = one.labels
    marks = f"{labels['boxes']:,} boxes" if labels.get("boxes") else f"{labels.get('labels', 0):,} labels"
    said = f"{labels.get('pictures', 0):,} pictures, {marks}"
    hours = labels.get("hours")
    return Cell("unknown", said) if hours is None else Cell(f"{hours:.1f} h", f"{said}, at a published pace", hours)


def class_table(rows: Sequence[Mapping[str, Any]], names: Sequence[str], task: str) -> Table:
    """Each class of a run with its figures; the weakest hundred where there are more."""
    main = names[0]
    shown = sorted(rows, key=lambda row: row.get(main, 2.0))[:MOST_ROWS] if len(rows) > MOST_ROWS else rows
    things = "examples" if rows and "examples" in rows[0] else "boxes"
    made = []
    for row in shown:
        count = int(row.get(things, 0))
        cells = [Cell(str(row["class"])), Cell(f"{count:,}", "", float(count))]
        for name in names:
            value = row.get(name)
            known = value is not None and glossary.say(name, value, task) != glossary.NOTHING
            cells.append(
                Cell(glossary.say(name, value, task), ends(name, row["intervals"].get(name), task), value)
                if known
                else Cell(glossary.NOTHING, "these pictures cannot tell")
            )
        made.append(tuple(cells))
    left = f" The {MOST_ROWS} weakest of {len(rows):,} classes." if len(rows) > MOST_ROWS else ""
    what = "pictures that show it" if things == "examples" else "true boxes"
    return Table(
        "classes",
        f"Each class by itself.{left}",
        ("Class", what, *(glossary.term(name, task).short for name in names)),
        tuple(made),
        tuple(str(number) for number in range(len(made))),
    )


def headline(figures: Mapping[str, float], intervals: Mapping[str, Any], names: Sequence[str], task: str) -> Table:
    """The figures of one run that people ask for first, each with what it means."""
    known = [name for name in names if name in figures and glossary.say(name, figures[name], task) != glossary.NOTHING]
    rows = []
    for name in known:
        term, found = glossary.term(name, task), intervals.get(name)
        between = None if found is None else (found.low, found.high)
        value = Cell(glossary.say(name, figures[name], task), ends(name, between, task), figures[name])
        rows.append((Cell(term.title), value, Cell(term.definition)))
    return Table(
        "headline",
        f"Below each figure: where the true one lies with {CONFIDENCE} confidence.",
        ("Figure", "Value", "What it means"),
        tuple(rows),
        tuple(known),
    )
