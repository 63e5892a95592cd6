"""How far a duel is, part by part, and how long its training will still take.

for part in part_states(duel):
    part.title, part.state, part.run
time_left(part_states(duel))
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from vision_core.duel.folder import PARTS, DuelFolder
from vision_core.duel.parts import Part, parts
from vision_core.errors import VisionError
from vision_core.run_folder import STATUS, RunFolder
from vision_core.training.overview import overview

WAITING, GIVEN, LEFT_OUT, GONE = "waiting", "given", "left out", "gone"


@dataclass(frozen=True)
class PartState:
    """One part of a duel and how far its run is.

    Attributes:
        state: of its run; "waiting" where it has none yet, "given" where an existing run is taken, "left out" where so
            few labels show too little to learn from, "gone" where its run was removed.
        run: its folder; None where there is none, or none any more.
        done: share of its training, 0..1.
        seconds: that it has taken; left: that it will still take, as its run says; None: nobody can tell.
    """

    part: Part
    state: str
    run: Path | None = None
    done: float = 0.0
    seconds: float = 0.0
    left: float | None = None

    @property
    def title(self) -> str:
        return self.part.title

    @property
    def is_settled(self) -> bool:
        """Nothing is to be trained of it any more."""
        return self.state in ("finished", GIVEN, LEFT_OUT)


def part_states(duel: DuelFolder) -> list[PartState]:
    """Every run that the duel needs, in order.

    Raises:
        DataError, SettingsError: the plan or the list of parts cannot be read.
    """
    plan, runs, status = duel.plan(), duel.runs(), duel.files.read(STATUS)
    every = list(parts(plan))
    count = int(status.get("parts") or 0) - 1  # the last one is setting them side by side
    if 0 < count < len(every):
        every = list(parts(plan, has_boxes=False))
    at = int(status.get("part") or 0) if count > 0 else 0
    begun = duel.files.read(PARTS)
    without = [GONE if part.name in begun else LEFT_OUT if n < at else WAITING for n, part in enumerate(every)]
    return [_state(part, runs.get(part.name), part.given(plan), w) for part, w in zip(every, without, strict=True)]


def _state(part: Part, run: Path | None, given: Path | None, without: str) -> PartState:
    """`without`: its state where there is no run."""
    if given is not None:
        return PartState(part, GIVEN, given, 1.0)
    if run is None:
        return PartState(part, without, None, float(without == LEFT_OUT))
    with suppress(VisionError, OSError):
        found = overview(RunFolder(run))
        status = found.record.status
        left = status.get("seconds_left") if found.record.is_active else None
        done = 1.0 if found.record.state == "finished" else found.share
        return PartState(part, found.record.state, run, done, found.seconds, None if left is None else float(left))
    return PartState(part, "failed", run)


def overall(states: Sequence[PartState], is_finished: bool = False) -> float:
    """Share of the whole, 0..1: each part in proportion to its labels, and setting side by side as one of a tenth."""
    weights = [one.part.share for one in states]
    if is_finished or not weights:
        return float(is_finished)
    done = sum(weight * one.done for weight, one in zip(weights, states, strict=True))
    return done / (sum(weights) + 0.1)


@dataclass(frozen=True)
class TimeLeft:
    """What training will still take: `seconds`, or where nobody can tell of all networks yet, at least so much."""

    seconds: float
    is_all: bool


def time_left(states: Sequence[PartState]) -> TimeLeft:
    """The present run's own guess, and of those that wait the share of the time that the same takes on all labels."""
    whole = {
        one.part.lesson: one.seconds + (one.left or 0.0)
        for one in states
        if one.part.share == 1 and (one.state == "finished" or one.left is not None)
    }
    total, is_all = 0.0, True
    for one in states:
        if one.is_settled:
            continue
        if one.left is not None:
            total += one.left
        elif one.part.lesson in whole:
            total += max(0.0, whole[one.part.lesson] * one.part.share - one.seconds)
        else:
            is_all = False
    return TimeLeft(total, is_all)
