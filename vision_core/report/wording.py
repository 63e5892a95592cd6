"""The decision of a report in three sentences: what to choose, how surely, and what it costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vision_core import glossary
from vision_core.duel.outcome import gap, is_sure
from vision_core.duel.plan import FIGURE_OF, TITLES, WORDS
from vision_core.report.subject import Contender
from vision_core.report.tables import TITLES as NAMES
from vision_core.report.tables import ends, say

_OF = {"count_mae": " per class and picture"}


def duel_decision(result: Mapping[str, Any]) -> tuple[str, ...]:
    """What a duel found."""
    question = str(result["question"])
    name, winner = FIGURE_OF[question], str(result["verdict"]["task"])
    every = {str(one["task"]): one for one in result["contenders"]}
    own = every[winner]
    between = ends(name, own["intervals"].get(name))
    first = (
        f"To answer “{WORDS[question]}”, choose {TITLES[winner].lower()}: it has "
        f"{say(name, own['figures'].get(name))} {NAMES[name]}{_OF.get(name, '')} ({between} with 95 % confidence)."
    )
    return first, _surely(result, name, winner), _dearly(own, [one for kind, one in every.items() if kind != winner])


def _surely(result: Mapping[str, Any], name: str, winner: str) -> str:
    """Every other contender: how far away, whether surely, or that it cannot say."""
    said = [_against(result, name, winner, str(one["task"])) for one in result["contenders"] if one["task"] != winner]
    return " ".join(["Of the others,", "; ".join(said)]) + "."


def _against(result: Mapping[str, Any], name: str, winner: str, other: str) -> str:
    title = TITLES[other].lower()
    contender = next(one for one in result["contenders"] if one["task"] == other)
    if contender["figures"].get(name) is None:
        why = str(contender["unanswered"].get(name, "these pictures cannot tell")).rstrip(".")
        return f"{title} cannot say ({why[0].lower()}{why[1:]})"
    value = say(name, contender["figures"][name])
    between = gap(result, name, winner, other)
    if between is None:
        return f"{title} has {value}"
    if is_sure(between):
        return f"{title} has {value}, measurably {'worse' if between['value'] > 0 else 'better'}"
    if between["low"] is None:
        return f"{title} has {value}, and too few pictures tell how surely it differs"
    return f"{title} has {value}, which these pictures cannot tell apart"


def _dearly(own: Mapping[str, Any], others: Sequence[Mapping[str, Any]]) -> str:
    """What the winner takes, and the others beside it."""
    latency = (own.get("costs") or {}).get("latency_ms_p50")
    hours = (own.get("labels") or {}).get("hours")
    if latency is None:
        said = "What it takes for a picture was not measured"
    else:
        beside = [
            f"{one['title'].lower()} {glossary.say('latency_ms_p50', one['costs']['latency_ms_p50'])}"
            for one in others
            if (one.get("costs") or {}).get("latency_ms_p50") is not None
        ]
        said = f"It takes {glossary.say('latency_ms_p50', latency)} for a picture on the machine it was measured on"
        said += f" ({', '.join(beside)})" if beside else ""
    dear = (own.get("costs") or {}).get("usd_per_million")
    said += f", about {glossary.say('usd_per_million', dear)} for a million pictures" if dear is not None else ""
    return said + (f", and its labels take about {hours:.1f} hours of work." if hours is not None else ".")


def cost_words(contenders: Sequence[Contender]) -> str:
    """What runs take for a picture; how to measure it, where nobody did."""
    known = [one for one in contenders if one.costs.get("latency_ms_p50") is not None]
    silent = [one.title for one in contenders if one not in known]
    said = "; ".join(
        f"{one.title} takes {glossary.say('latency_ms_p50', one.costs['latency_ms_p50'])}" for one in known
    )
    how = "`python -m vision_core bench RUN` measures it, and so does the Costs page"
    if not known:
        return f"What {'it takes' if len(silent) == 1 else 'they take'} for a picture is not measured yet: {how}."
    missing = f"; of {' and '.join(silent)} it is not measured yet ({how})" if silent else ""
    where = "on the machine it was measured on"
    return f"For one picture {said}, {where if len(known) == 1 else f'each {where}'}{missing}."
