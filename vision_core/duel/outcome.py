"""What a finished duel says, for a page, a report or a notebook: read once, checked, in words and as a table.

result = read_result(duel)
gaps_in_words(result, "presence_ap")    # "Detection is better than Classification by 5.9 points (…)."
table(result)                           # a row a figure and cost, a column a contender
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vision_core import glossary
from vision_core.duel.folder import RESULT, DuelFolder
from vision_core.duel.plan import KINDS, TITLES, WORDS
from vision_core.errors import DataError
from vision_core.evaluation.intervals import LEAST_GAP, is_apart
from vision_core.evaluation.yardstick import FIGURES, LOWER_IS_BETTER

Result = Mapping[str, Any]
Contender = Mapping[str, Any]
COSTS = ("latency_ms_p50", "latency_ms_p95", "peak_memory_bytes", "parameters", "energy_wh_per_1k", "usd_per_million")
"""What is said of a contender's costs, by the names of a row of `bench`."""
BUSY = 0.2
"""Share of the processor that other programs may take before it is said."""
_NEEDED: Mapping[str, type | tuple[type, ...]] = {
    "verdict": dict,
    "question": str,
    "pictures": int,
    "classes": list,
    "contenders": list,
    "gaps": list,
    "plan": dict,
}
_OF_EACH: Mapping[str, type | tuple[type, ...]] = {
    "task": str,
    "figures": dict,
    "intervals": dict,
    "unanswered": dict,
    "by_class": dict,
    "costs": dict,
    "runs": list,
}


def read_result(duel: DuelFolder) -> dict[str, Any]:
    """What came of a duel.

    Raises:
        DataError: it has not ended, or its result is damaged.
    """
    found = duel.result()
    if not found:
        raise DataError(f"The duel {duel.name!r} has no result yet.")
    lacking = _lacking(found)
    if lacking:
        raise DataError(f"{duel.path / RESULT} is damaged: its {lacking!r} is no part of a duel's result.")
    return {"curves": {}, "notes": [], "ground_notes": [], **found}


def _lacking(found: Mapping[str, Any]) -> str:
    """The first part that is missing or is something else; "" where all is as it should be."""
    for name, kind in _NEEDED.items():
        if not isinstance(found.get(name), kind):
            return name
    for one in found["contenders"]:
        if not isinstance(one, dict) or one.get("task") not in KINDS:
            return "contenders"
        for name, kind in _OF_EACH.items():
            if not isinstance(one.get(name), kind):
                return name
    wrong = {
        "contenders": not found["contenders"],
        "question": found["question"] not in WORDS,
        "verdict": not {"task", "sentence"} <= found["verdict"].keys(),
    }
    return next((name for name, is_wrong in wrong.items() if is_wrong), "")


def said(name: str, value: float | None) -> str:
    """A figure or cost as people say it, e.g. "77.9 %"; "—" where there is none."""
    return glossary.say(name, value)


def ends_said(name: str, ends: Sequence[float] | None) -> str:
    """Both ends of an interval, e.g. "71.7 to 81.4 %"; "" where there is none."""
    if not ends:
        return ""
    low, high = (glossary.say(name, end) for end in ends)
    unit = low.rpartition(" ")[2]
    return f"{low.removesuffix(f' {unit}') if ' ' in low and high.endswith(f' {unit}') else low} to {high}"


def best(result: Result, figure: str) -> Contender | None:
    """The contender with the best figure; None where nobody can say."""
    able = [one for one in result["contenders"] if one["figures"].get(figure) is not None]
    sign = -1 if figure in LOWER_IS_BETTER else 1
    return max(able, key=lambda one: sign * one["figures"][figure]) if able else None


def gap(result: Result, figure: str, one: str, other: str) -> dict[str, Any] | None:
    """How much better `one` is than `other`: `value`, `low` and `high` (None without an interval), `note`.

    Above zero is better, whichever way the figure goes; None where one of them cannot say.
    """
    sign = -1 if figure in LOWER_IS_BETTER else 1
    for pair in result["gaps"]:
        found = pair.get("figures", {}).get(figure)
        if {pair.get("one"), pair.get("other")} != {one, other} or found is None:
            continue
        turned = sign if pair["one"] == one else -sign
        low, high = found.get("low"), found.get("high")
        ends = [] if low is None or high is None else sorted((turned * low, turned * high))
        named = {"low": ends[0], "high": ends[1]} if ends else {"low": None, "high": None}
        return {"value": turned * found["gap"], **named, "note": str(found.get("note") or "")}
    return None


def is_sure(found: Mapping[str, Any] | None) -> bool:
    """Whether a gap is more than chance: its interval leaves zero out, or no drawing of the pictures changes it."""
    return found is not None and is_apart(found["value"], found["low"], found["high"], found["note"])


def standing(result: Result, figure: str, kind: str) -> str:
    """ "best", "measurably worse", "level with the best", or "" of who cannot say or stands alone."""
    winner = best(result, figure)
    able = [one["task"] for one in result["contenders"] if one["figures"].get(figure) is not None]
    if winner is None or kind not in able or len(able) < 2:
        return ""
    if winner["task"] == kind:
        return "best"
    return "measurably worse" if is_sure(gap(result, figure, winner["task"], kind)) else "level with the best"


def gaps_in_words(result: Result, figure: str) -> list[str]:
    """For every two contenders who can say, a sentence on which is better and how surely."""
    found = []
    for pair in result["gaps"]:
        between = gap(result, figure, pair["one"], pair["other"])
        if between is None:
            continue
        one, other = pair["one"], pair["other"]
        if between["value"] < 0:
            one, other = other, one
            ends = (None, None) if between["low"] is None else (-between["high"], -between["low"])
            between = {**between, "value": -between["value"], "low": ends[0], "high": ends[1]}
        found.append(_gap_in_words(figure, TITLES[one], TITLES[other], between))
    return found


def _gap_in_words(figure: str, one: str, other: str, between: Mapping[str, Any]) -> str:
    share = glossary.term(figure).unit == "share"
    unit = "points" if share else "objects counted wrong"
    value, low, high = (
        None if between[name] is None else between[name] * (100 if share else 1) for name in ("value", "low", "high")
    )
    size = f"{value:.3g} {unit}"
    if low is None and abs(between["value"]) <= LEAST_GAP:
        return f"{one} and {other} are level: the same figure, whichever of these pictures are drawn."
    if low is None:
        better = "is better than" if is_sure(between) else "is ahead of"
        note = f" ({between['note']})" if between["note"] else ""
        return f"{one} {better} {other} by {size}; there is no interval{note}."
    ends = f"95 %: {low:.2g} to {high:.2g}"
    if is_sure(between):
        return f"{one} is better than {other} by {size} ({ends})."
    return f"{one} and {other} cannot be told apart: {size} in favour of {one.lower()}, which may be chance ({ends})."


def table(result: Result) -> list[dict[str, Any]]:
    """Every figure and cost as plain values, a row each: for a file."""
    rows = []
    for name in FIGURES:
        row: dict[str, Any] = {"figure": name}
        for one in result["contenders"]:
            low, high = one["intervals"].get(name) or (None, None)
            kind = one["task"]
            row |= {kind: one["figures"].get(name), f"{kind}, low": low, f"{kind}, high": high}
        rows.append(row)
    for name in COSTS:
        rows.append({"figure": name} | {one["task"]: one["costs"].get(name) for one in result["contenders"]})
    rows.append({"figure": "labelling_hours"} | {one["task"]: hours(one) for one in result["contenders"]})
    rows.append({"figure": "training_seconds"} | {one["task"]: trained(one) for one in result["contenders"]})
    return rows


def hours(one: Contender) -> float | None:
    """Of labelling what it learned from, at the published pace; None where nobody knows."""
    return (one.get("labels") or {}).get("hours")


def trained(one: Contender) -> float | None:
    """Seconds that its networks were trained for; None where none was."""
    return one.get("training_seconds") or None


def why_not(one: Contender, name: str) -> str:
    """Why a cost is missing, or how it was got."""
    how = (one["costs"].get("how") or {}).get(name) or {}
    return str(how.get("note") or one["costs"].get("error") or "")


def busy(result: Result) -> list[str]:
    """Titles of contenders that were measured while other programs kept the machine busy."""
    return [
        TITLES[one["task"]] for one in result["contenders"] if float(one["costs"].get("others_cpu_share") or 0.0) > BUSY
    ]
