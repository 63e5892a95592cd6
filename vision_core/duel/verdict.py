"""Who wins a duel: of those who can answer the question, the quickest that nobody is measurably better than.

    verdict(standings, "count").sentence

Two contenders are apart where the interval of the gap between their figures, from the same pictures drawn again,
leaves zero out. So a dear contender wins only where the pictures show that it is better.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vision_core.duel.plan import FIGURE_OF, TITLES, WORDS
from vision_core.errors import DataError
from vision_core.evaluation.intervals import Interval, is_apart
from vision_core.evaluation.yardstick import LOWER_IS_BETTER

NAMES: Mapping[str, str] = {
    "presence_ap": "average precision",
    "count_mae": "objects counted wrong",
    "pointing": "pointing accuracy",
}


@dataclass(frozen=True)
class Standing:
    """What decides about a contender.

    Attributes:
        figure: of the question; None: it cannot say.
        latency_ms: for one picture, on the machine of the duel; None: not measured.
        model: what to use: its runs.
    """

    kind: str
    model: str
    figure: float | None
    latency_ms: float | None


@dataclass(frozen=True)
class Verdict:
    """The outcome.

    Attributes:
        task: the kind of the winner; model: its runs.
        sentence: what was found, in one to three sentences.
        beaten: kinds that are measurably worse than the best; silent: those that cannot answer.
    """

    task: str
    model: str
    question: str
    sentence: str
    beaten: tuple[str, ...] = ()
    silent: tuple[str, ...] = ()


def verdict(standings: Sequence[Standing], question: str, gaps: Mapping[tuple[str, str], Interval]) -> Verdict:
    """Decides.

    Args:
        gaps: for two kinds, how much higher the first one's figure is than the second's; either order.

    Raises:
        DataError: none of them answers the question on these pictures.
    """
    figure = FIGURE_OF[question]
    able = [one for one in standings if one.figure is not None]
    silent = tuple(one.kind for one in standings if one.figure is None)
    if not able:
        raise DataError(f"None of the contenders answers {WORDS[question]!r} on these pictures.")
    sign = -1 if figure in LOWER_IS_BETTER else 1
    best = max(able, key=lambda one: sign * (one.figure or 0.0))
    beaten = tuple(one.kind for one in able if one is not best and _is_apart(best.kind, one.kind, gaps))
    level = [one for one in able if one.kind not in beaten]
    winner = min(level, key=lambda one: (math.inf if one.latency_ms is None else one.latency_ms, one is not best))
    said = [
        _won(winner, best, level, question, len(able) > 1),
        *_lost(winner, able, beaten, question),
        *_cannot(silent),
    ]
    return Verdict(winner.kind, winner.model, question, " ".join(said), beaten, silent)


def _is_apart(one: str, other: str, gaps: Mapping[tuple[str, str], Interval]) -> bool:
    gap = gaps.get((one, other)) or gaps.get((other, one))
    return gap is not None and is_apart(gap.value, gap.low, gap.high, gap.note)


def _won(winner: Standing, best: Standing, level: Sequence[Standing], question: str, others_answer: bool) -> str:
    has = f"{TITLES[winner.kind]} has {_figure(winner, question)}"
    asked = f"For “{WORDS[question]}” choose {TITLES[winner.kind].lower()}:"
    if len(level) == 1:
        return f"{asked} {has}{', measurably the best' if others_answer else ', and no other can say'}."
    others = " and ".join(TITLES[one.kind].lower() for one in level if one is not winner)
    quickest = "it is the quickest of those that these pictures cannot tell apart"
    if any(one.latency_ms is None for one in level):
        quickest = "it is the quickest measured of those that these pictures cannot tell apart"
    if winner.latency_ms is None:
        quickest = "it has the best figure of those that these pictures cannot tell apart"
    more = "" if winner is best else f" (the best figure: {_figure(best, question)})"
    return f"{asked} {has}{more}, and {quickest} (the others: {others})."


def _lost(winner: Standing, able: Sequence[Standing], beaten: Sequence[str], question: str) -> list[str]:
    worse = [one for one in able if one.kind in beaten]
    if not worse:
        return []
    said = " and ".join(f"{TITLES[one.kind].lower()} with {_figure(one, question)}" for one in worse)
    return [f"Measurably worse: {said}."]


def _cannot(silent: Sequence[str]) -> list[str]:
    if not silent:
        return []
    return [f"{' and '.join(TITLES[kind] for kind in silent)} cannot say."]


def _figure(one: Standing, question: str) -> str:
    figure, value = FIGURE_OF[question], one.figure or 0.0
    said = f"{value:.2f}" if figure in LOWER_IS_BETTER else f"{value:.1%}"
    return f"{said} {NAMES[figure]}" + (" per class and picture" if figure == "count_mae" else "")
