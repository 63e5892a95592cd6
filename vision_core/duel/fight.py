"""The duel itself: everything that is still to be done, in order, and what comes of it.

result = fight(DuelFolder.open("duel"))

Each network is a run of its own, each answer is kept with it; a call that finds them there goes on after them. So a
duel that was killed, cancelled or cut off by a power failure loses what its last run had not saved, and nothing else.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from functools import partial
from typing import Any

from filelock import FileLock, Timeout

from vision_core.data.index import DatasetIndex
from vision_core.duel.account import account
from vision_core.duel.folder import RESULT, DuelFolder
from vision_core.duel.forecast import limit_seconds
from vision_core.duel.judging import Said
from vision_core.duel.parts import Part, lessons_of, parts
from vision_core.duel.pictures import settled
from vision_core.duel.plan import DuelPlan
from vision_core.duel.preflight import check_unseen, preflight
from vision_core.duel.two_stage import candidates, two_stage
from vision_core.duel.unboxed import without_boxes
from vision_core.errors import DataError, SettingsError, TrainingError, VisionError
from vision_core.run_folder import CONFIG, STATUS, RunFolder, create_run, list_run_folders
from vision_core.training.pulse import Pulse, Report

JUDGED_ON_VAL = (
    "There is no test split: all are judged on the validation pictures, by which each network's best epoch was chosen, "
    "and at the usual thresholds."
)
PARENT = "duel-"
"""What the `parent` of a duel's runs begins with."""


class Cancelled(BaseException):
    """The user wants no more of this duel; not an error, so nobody may take it for one."""


def fight(duel: DuelFolder, report: Report | None = None) -> dict[str, Any]:
    """Does what is still to be done of a duel, in this process; of a finished one nothing, whatever became of its runs.

    Args:
        report: told of the status whenever it changes: `stage`, `done` and `total` of it, `part` and `parts`.

    Returns:
        What came of it, as `result.json` holds it; `state` alone where it was cancelled.

    Raises:
        SettingsError: another process is at it.
        VisionError: why it failed, as the status says too; asking again goes on.
    """
    if duel.files.read(STATUS).get("state") == "finished" and (known := duel.result()):
        return known
    lock = FileLock(duel.path / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise SettingsError(
            f"Another process is at the duel in '{duel.path}': wait for its end, or cancel it."
        ) from None
    pulse = Pulse(duel.files, report)
    with lock, pulse:
        duel.files.forget_request()
        pulse.update(state="running", error="", stage="Starting", done=0, total=0, part=0, parts=0)
        try:
            result = _Fight(duel, pulse).result()
            duel.files.write(RESULT, result)
            pulse.close(state="finished", stage="", error="")
            return result
        except (Cancelled, KeyboardInterrupt) as error:
            pulse.close(state="cancelled", stage="", error="")
            with suppress(OSError):
                duel.files.forget_request()
            if isinstance(error, KeyboardInterrupt):
                raise
            return {"state": "cancelled", "out": str(duel.path)}
        except VisionError as error:
            pulse.close(state="failed", stage="", error=str(error))
            raise
        except BaseException as error:
            first = (str(error).splitlines() or [""])[0][:200]
            pulse.close(state="failed", stage="", error=f"It ended with an unexpected {type(error).__name__}: {first}")
            raise


@dataclass
class _Fight:
    """One go at a duel.

    Attributes:
        runs: the finished run of each part; notes: plain sentences on what was left out or changed.
    """

    duel: DuelFolder
    pulse: Pulse
    runs: dict[str, RunFolder] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    plan: DuelPlan = field(init=False)

    def __post_init__(self) -> None:
        self.plan = self.duel.plan()

    def tell(self, stage: str, done: int = 0, total: int = 0) -> None:
        """Says how far it is.

        Raises:
            Cancelled: somebody asked for it.
        """
        self.pulse.note(stage=stage, done=done, total=total)
        if self.duel.files.asked() == "cancel":
            raise Cancelled

    def result(self) -> dict[str, Any]:
        preflight(self.plan)
        data, index = settled(self.duel, self.tell)
        has_boxes = index.has_boxes
        if not has_boxes:
            self.notes += without_boxes(self.plan, index)
        wanted = list(parts(self.plan, has_boxes))
        self.pulse.update(parts=len(wanted) + 1)
        for number, part in enumerate(wanted):
            self.pulse.update(part=number, title=part.title)
            self._train(part, data, index)
        self.pulse.update(part=len(wanted), title="Setting side by side")
        said = self._said(has_boxes)
        made_at = datetime.now(timezone.utc).isoformat(timespec="seconds")
        about = {
            "state": "finished",
            "id": self.duel.id,
            "made_at": made_at,
            "host": socket.gethostname(),
            "data": data,
        }
        about |= {"plan": self.plan.to_json(), "out": str(self.duel.path)}
        return about | account(self.duel, said, self.runs, has_boxes, self.tell) | {"notes": self.notes}

    def _train(self, part: Part, data: str, index: DatasetIndex) -> None:
        """Finishes the run of a part, or takes the one that is given."""
        if (given := part.given(self.plan)) is not None:
            self.runs[part.name] = RunFolder.open(given)
            self.notes += check_unseen(self.runs[part.name], index)
            return
        kept = self.duel.runs().get(part.name)
        run = (
            RunFolder(kept) if kept else self._orphan(part, index.has_boxes) or self._begin(part, data, index.has_boxes)
        )
        if run is None:
            return
        self._note_epochs(part, run, data, index.has_boxes)
        if run.record().state != "finished":
            self._execute(run)
        self.runs[part.name] = run

    def _note_epochs(self, part: Part, run: RunFolder, data: str, has_boxes: bool) -> None:
        """That the budget left a run fewer epochs; told from the run, which an earlier call may have begun."""
        epochs, usual = run.config().epochs, part.config(self.plan, data, has_boxes).epochs
        if part.share == 1 and epochs < usual:
            limits = [f"{self.plan.minutes:g} min"] if self.plan.minutes else []
            limits += [f"{self.plan.usd:g} USD"] if self.plan.usd else []
            self.notes.append(
                f"{run.config().model} trains for {epochs} of {usual} epochs, to stay within {' and '.join(limits)}."
            )

    def _orphan(self, part: Part, has_boxes: bool) -> RunFolder | None:
        """A run that an earlier call made and was killed before it could say whose it is."""
        wanted = {
            "parent": PARENT + self.duel.id,
            "task": part.task,
            "labels_from": part.labels_from if has_boxes else "labels",
            "data_fraction": part.share,
        }
        for run in list_run_folders():
            asked = run.read(CONFIG)
            if all(asked.get(name) == value for name, value in wanted.items()):
                self.duel.add_run(part.name, run)
                return run
        return None

    def _begin(self, part: Part, data: str, has_boxes: bool) -> RunFolder | None:
        """A new run; None where so few labels show too little to learn from."""
        from vision_core.training.prepare import prepare

        config = part.config(self.plan, data, has_boxes)
        try:
            prepare(config, progress=self.tell)
        except DataError as error:
            if part.share == 1:
                raise
            self.notes.append(f"{part.title} was left out: {error}")
            return None
        config = self._within_budget(config) if part.share == 1 else self._as_long(part, config)
        run = create_run(config, f"{part.title} (duel {self.duel.id})", PARENT + self.duel.id)
        self.duel.add_run(part.name, run)
        return run

    def _within_budget(self, config: Any) -> Any:
        """Fewer epochs where the estimate is above the limit of time or money."""
        from vision_core.costs.prices import load_prices
        from vision_core.training.estimate import estimate

        prices = load_prices()
        limit = limit_seconds(self.plan, prices.find(self.plan.price) if self.plan.price else prices.entries[0])
        if limit is None:
            return config
        self.tell("Estimating how long it takes")
        expected = estimate(config, self.tell).seconds
        if expected <= limit:
            return config
        epochs = max(1, int(config.epochs * limit / expected))
        frozen = epochs if config.frozen_epochs == config.epochs else min(config.frozen_epochs, epochs - 1)
        return config.changed(epochs=epochs, frozen_epochs=frozen)

    def _as_long(self, part: Part, config: Any) -> Any:
        """As many epochs as on all the pictures."""
        whole = self.runs[Part(part.lesson, 1.0).name].config()
        return config.changed(epochs=whole.epochs, frozen_epochs=whole.frozen_epochs)

    def _execute(self, run: RunFolder) -> None:
        """Trains in this process; a wish to stop the duel stops the run, which can go on later.

        Raises:
            Cancelled: the run was stopped, here or on its own page.
        """
        from vision_core.training import jobs

        asked: list[bool] = []

        def stop() -> None:
            with suppress(VisionError):
                jobs.cancel(run)

        def follow(status: Mapping[str, Any]) -> None:
            done, total = int(status.get("epoch") or 0), int(status.get("epochs") or 0)
            self.pulse.note(stage=str(status.get("stage") or "Waiting for its turn"), done=done, total=total)
            if not asked and self.duel.files.asked() == "cancel" and status.get("state") in ("queued", "running"):
                asked.append(True)
                threading.Thread(target=stop, name="stop", daemon=True).start()  # whoever tells holds the queue's lock

        try:
            said = jobs.execute(run, follow)
        except VisionError as error:
            raise TrainingError(f"{run.record().name} failed: {error}") from error
        if said["state"] != "finished":
            raise Cancelled

    def _said(self, has_boxes: bool) -> list[Said]:
        """What every contender said, after all the labels and after some of them."""
        if not has_boxes:
            from vision_core.duel.unboxed import against_pretrained

            return against_pretrained(self.runs["pictures-100"], self.plan, self.duel.path, self.tell)
        found = []
        for share in sorted(self.plan.shares, reverse=True):
            for kind in self.plan.contenders:
                found += self._said_by(kind, share)
        return found

    def _said_by(self, kind: str, share: float) -> list[Said]:
        """None where a network of the contender was left out."""
        from vision_core.evaluation.store import evaluate_run

        lesson = lessons_of(kind, self.plan)[0]
        run, crops = self.runs.get(Part(lesson, share).name), self.runs.get(Part("crops", share).name)
        if run is None or (kind == "two-stage" and crops is None):
            return []
        judge = partial(evaluate_run, run.path, progress=self.tell)
        data = None if Part(lesson, share).given(self.plan) is None else self.duel.data()
        test = judge(data)
        if test.split == "val" and JUDGED_ON_VAL not in self.notes:
            self.notes.append(JUDGED_ON_VAL)
        val = judge(data, "val") if test.split != "val" and "val" in test.index.splits else None
        if kind == "two-stage" and crops is not None:
            name = f"two-stage-{share * 100:g}"
            classes = self.duel.data() if lesson == "objects" else ""
            results = [
                two_stage(one, crops.path, self.duel.path / f"{name}-{one.split}.safetensors", self.tell, classes)
                if one
                else None
                for one in (test, val)
            ]
        else:
            results = [one.results if one else None for one in (test, val)]
        if results[0] is None:
            return []
        said = Said(kind, share, results[0], results[1], test if kind == "classification" and share == 1 else None)
        return [replace(said, candidates=candidates(test)) if kind == "two-stage" else said]
