"""The cheapest experiment that would settle the question: a duel, as it is typed, and how long it can take.

found = experiment(ranking)
found.command          # "python -m vision_core duel --data … --question count …"
"""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vision_core.advice.conditions import Case, next_preset, not_measured, train_longer, trained_less
from vision_core.advice.guidance import PICTURES
from vision_core.advice.prospects import Prospect
from vision_core.advice.ranking import Ranking
from vision_core.duel.plan import KINDS

MINUTES = 10
"""What each network may train in an experiment, where nothing was measured; the duel itself keeps to it."""
YOUR_DATA = "YOUR-DATA"
_ANSWERING: Mapping[str, tuple[str, ...]] = {"presence": KINDS[:2], "count": KINDS[1:], "where": KINDS[1:]}


@dataclass(frozen=True)
class Experiment:
    """A duel that would tell.

    Attributes:
        command: to be typed; plan: what a `DuelPlan` is made of.
        minutes: that training can take at the most, by the duel's own limit.
        why: what it settles; how_long: its time, in a sentence.
    """

    command: str
    plan: Mapping[str, Any]
    minutes: float
    why: str
    how_long: str


def experiment(found: Ranking) -> Experiment | None:
    """The cheapest duel that would settle what is open; None where nothing is."""
    needs, evidence = found.needs, found.evidence
    question = next((one for one in ("count", "where") if one in needs.ask), "presence")
    if not evidence.candidates:
        kinds = tuple(dict.fromkeys((*_ANSWERING[question], *(("two-stage",) if "kind" in needs.ask else ()))))
        plan = {"data": YOUR_DATA, "question": question, "preset": "instant", "contenders": kinds}
        return _of(plan, MINUTES, _settles(question), _labels(found))
    case = found.case(found.first)
    if train_longer(case):
        return _longer(case, question)
    if (rival := trained_less(case)) is not None:
        return _fair(case, rival, question)
    if not_measured(case):
        plan = {"data": evidence.data, "question": question, "preset": "instant", "contenders": _ANSWERING[question]}
        boxless = question != "presence" and evidence.objects_per_picture is None
        first = "First draw boxes in these pictures, on the Data page: nobody has yet. " if boxless else ""
        return _of(plan, MINUTES, _settles(question), first)
    return None


def _longer(case: Case, question: str) -> Experiment:
    """The same duel with the next longer preset, of those that are still in it."""
    kinds = {case.kind, *(one.candidate.kind for one in case.level)}
    if len(kinds) < 2:
        kinds |= set(_ANSWERING[question])
    told = {name: case.evidence.plan[name] for name in ("classifier", "detector") if case.evidence.plan.get(name)}
    preset = next_preset(case.mine.candidate)
    plan = {"data": case.evidence.data, "question": question, "preset": preset, "contenders": tuple(kinds), **told}
    minutes = _minutes(4 * max(one.candidate.training_s or 0.0 for one in (case.mine, *case.others)))
    return _of(plan, minutes, f"Whether a longer training (“{preset}”) tells them apart, or brings the figure up.", "")


def _fair(case: Case, rival: Prospect, question: str) -> Experiment:
    """A duel of both with the longer preset of the two."""
    told: dict[str, str] = {}
    for one in (rival.candidate, case.mine.candidate):
        if one.kind != "classification":
            told["detector"] = one.networks[0]
        if one.kind != "detection":
            told["classifier"] = one.networks[-1]
    preset = case.mine.candidate.preset
    kinds = (case.kind, rival.candidate.kind)
    plan = {"data": case.evidence.data, "question": question, "preset": preset, "contenders": kinds, **told}
    why = f"Whether the gap is of the tasks, or of the longer training: both with “{preset}”."
    return _of(plan, _minutes(2 * (case.mine.candidate.training_s or 0.0)), why, "")


def _minutes(seconds: float) -> float:
    """A limit for that time of training, in steps of five minutes."""
    return max(MINUTES, math.ceil(seconds / 60 / 5) * 5)


def _of(plan: Mapping[str, Any], minutes: float, why: str, first: str) -> Experiment:
    kinds = tuple(kind for kind in KINDS if kind in plan["contenders"])
    words = ["python", "-m", "vision_core", "duel", "--data", str(plan["data"])]
    for name in ("classifier", "detector"):
        words += [f"--{name}", str(plan[name])] if name in plan else []
    words += ["--question", plan["question"], "--preset", plan["preset"], "--contenders", ",".join(kinds)]
    words += ["--shares", "1", "--minutes", f"{minutes:g}", "--out", "duel"]
    networks = len(kinds) + ("two-stage" in kinds and "detection" not in kinds)
    whole = {**plan, "contenders": list(kinds), "shares": [1.0], "minutes": float(minutes)}
    how_long = (
        f"{first}At most {networks * minutes:g} minutes of training ({networks} networks of at most {minutes:g}, which "
        "the duel keeps to by training fewer epochs), then judging and measuring."
    )
    return Experiment(shlex.join(words), whole, float(networks * minutes), why, how_long)


def _settles(question: str) -> str:
    words = {
        "presence": "Whether boxes are worth their labels, or ticks will do.",
        "count": "Which way counts well enough on your pictures.",
        "where": "Which way finds the places on your pictures.",
    }
    return words[question]


def _labels(found: Ranking) -> str:
    """What has to be labelled first, where too little is."""
    needs = found.needs
    if (needs.labelled or 0) >= PICTURES and needs.labelled_as == "boxes":
        return ""
    hours = next((one.prospect.hours for one in found.standings if one.prospect.candidate.kind == "detection"), None)
    takes = f" (about {hours:.2g} h at the pace of extreme clicking)" if hours and needs.labelled is None else ""
    return f"First draw boxes in {PICTURES} pictures{takes}: ticks follow from them. "
