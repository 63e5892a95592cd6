"""What a run's process does: waits for its turn, trains, keeps the status true, evaluates, and says how it ended."""

from __future__ import annotations

import errno
import time
import traceback
from collections.abc import Callable
from contextlib import ExitStack, closing, suppress
from dataclasses import asdict
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from filelock import FileLock

from vision_core.errors import DataError, SettingsError, TrainingError, VisionError
from vision_core.run_folder import CONFIG, STATUS, Request, RunFolder
from vision_core.training import jobs, peers, turns
from vision_core.training.interruption import Signals
from vision_core.training.pulse import Pulse, Report, identity, is_process

if TYPE_CHECKING:
    from vision_core.training.clock import Progress

POLL_S = 1.0
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM)


class _Cancelled(BaseException):
    """The user wants no more of this run; not an error, so nobody may take it for one."""


def work(run: RunFolder, report: Report | None) -> dict[str, Any]:
    """See `vision_core.training.jobs.execute`."""
    if not peers.is_main():
        _follow(run)
        return {}
    with Signals() as signals:
        if not _begin(run):
            return result(run)
        pulse = Pulse(run, report)
        with ExitStack() as held:
            try:
                for lock in _wait(run, pulse):
                    held.callback(lock.release)
                with pulse:
                    _train(run, pulse, signals)
                    signals.patient = False
                    _evaluate(run, pulse)
                    signals.ignored = True
                    pulse.close(state="finished", stage="", seconds_left=None, ended_at=_now())
                    run.log("Finished.")
            except BaseException as error:
                signals.ignored = True
                return _ended(run, pulse, error)
    return result(run)


def _begin(run: RunFolder) -> bool:
    """Makes this process the one that works on the run, in the queue; False where the run is finished.

    Raises:
        SettingsError: another process is at it.
        DataError: its folder cannot be written.
    """
    with turns.changing() as waiting:
        status, me = run.read(STATUS), identity()
        started_for_it = is_process(status, me)
        if not started_for_it:
            jobs.refuse_active(run)
            if run.record().state == "finished":
                return False
            run.forget_request()
        if not (started_for_it and status.get("state") == "cancelled"):
            try:
                run.write(STATUS, {**status, **jobs.BLANK, **me, "heartbeat": time.time()})
            except OSError as error:
                raise DataError(f"The run's folder {run.path} cannot be written ({error.strerror}).") from error
            turns.enter(waiting, run, turns.devices_of(run.read(CONFIG)))
    return True


def _wait(run: RunFolder, pulse: Pulse) -> list[FileLock]:
    """Waits until the run is next and its devices are free; returns their locks, taken.

    Raises:
        _Cancelled: somebody cancelled it.
    """
    devices = turns.devices_of(run.read(CONFIG))
    while True:
        with turns.changing() as waiting:
            if run.read(STATUS).get("state") == "cancelled":
                raise _Cancelled
            turns.enter(waiting, run, devices)
            locks = turns.claim(waiting, run)
            if locks is not None:
                about = {"device": ", ".join(devices), "started_at": _now()}
                pulse.update(**{**jobs.BLANK, **about, "state": "running", "stage": "Starting"})
                run.log(f"Started on {about['device']}.")
                return locks
            pulse.update(**{**jobs.BLANK, "queue_position": turns.position(waiting, run)})
        time.sleep(POLL_S)


def _train(run: RunFolder, pulse: Pulse, signals: Signals) -> None:
    """Trains to the end, or to where somebody wants it to end.

    Raises:
        _Cancelled: there; what was learned is saved.
    """
    from vision_core.training.loop import Stop, Watch, train

    def preparing(stage: str, done: int, total: int) -> None:
        pulse.note(stage=stage, stage_done=done, stage_total=total)
        if run.asked() == "cancel":
            raise _Cancelled

    def step(progress: Progress) -> None:
        signals.patient = True
        pulse.note(**asdict(progress), stage="Training")
        action: Request | None = peers.shared("cancel" if signals.asked else run.asked())
        if action:
            raise Stop(action)

    _find_rate(run, pulse, preparing)
    pulse.update(stage="Preparing")
    config = run.config()
    peers.shared(None, config.device)
    try:
        with closing(train(run, Watch(preparing, step))) as records:
            for record in records:
                _tell(run, pulse, record, config.epochs)
                if peers.shared(signals.asked or run.asked() == "cancel"):
                    raise _Cancelled
    except Stop as stop:
        raise _Cancelled from stop
    finally:
        peers.part()
    run.forget_request()  # the checkpoint knows that no epoch is to come


def _follow(run: RunFolder) -> None:
    """The part of a process that is not the main one."""
    with Signals() as signals:
        if _is_wanted(run):
            try:
                _train_along(run, signals)
            finally:
                peers.part()


def _is_wanted(run: RunFolder) -> bool:
    """Waits until the main process makes ready, however long the queue is; False where the run ends before that."""
    began = time.time() - POLL_S  # what is older was written at an earlier attempt
    while True:
        record = run.record()
        is_new = float(record.status.get("heartbeat", 0)) >= began
        if record.state == "finished" or (is_new and not record.is_active):
            return False
        if is_new and record.state == "running" and record.status["stage"] == "Preparing":
            return True
        time.sleep(POLL_S / 4)


def _train_along(run: RunFolder, signals: Signals) -> None:
    """Takes this process's part in training, until the main process says that it ends."""
    from vision_core.training.loop import Stop, Watch, train

    def step(_: Progress) -> None:
        signals.patient = True
        action: Request | None = peers.shared(None)
        if action:
            raise Stop(action)

    peers.shared(None, run.config().device)
    with suppress(Stop), closing(train(run, Watch(step=step))) as records:
        for _ in records:
            if peers.shared(None):
                return


def _find_rate(run: RunFolder, pulse: Pulse, preparing: Callable[[str, int, int], None]) -> None:
    """Finds a learning rate where the configuration names none, and keeps what was found."""
    config = run.config()
    if config.learning_rate is not None:
        return
    if peers.count() > 1:
        raise SettingsError("A learning rate is found by one process alone: name one where several train together.")
    from vision_core.training.finder import find_learning_rate

    found = find_learning_rate(config, progress=preparing)
    rates, losses = list(found.rates), list(found.losses)
    run.write("finder.json", {"rates": rates, "losses": losses, "suggestion": found.suggestion})
    run.extend_config(learning_rate=found.suggestion)
    run.log(f"Found the learning rate {found.suggestion:.2g}.")
    pulse.update(message=f"Found the learning rate {found.suggestion:.2g}.")


def _tell(run: RunFolder, pulse: Pulse, record: dict[str, Any], epochs: int) -> None:
    """What an epoch came to, in the status and in the log."""
    monitor, best = record["monitor"], ", the best so far" if record["best"] else ""
    figure = record["metrics"].get(monitor)
    said = "" if figure is None else f", {monitor} {100 * figure:.1f} %"
    message = f"Epoch {record['epoch']} of {epochs}: loss {record['train'].get('loss', 0):.3g}{said}{best}."
    run.log(f"{message} {record['images_per_second']:.0f} images/s.")
    pulse.update(message=" ".join([*record["events"], message]))


def _evaluate(run: RunFolder, pulse: Pulse) -> None:
    """Judges the best weights on the test pictures."""

    def progress(stage: str, done: int, total: int) -> None:
        pulse.note(stage=stage, stage_done=done, stage_total=total)
        if run.asked() == "cancel":
            raise _Cancelled

    from vision_core.evaluation.store import evaluate_run

    pulse.update(stage="Evaluating", stage_done=0, stage_total=0)
    evaluate_run(run.path, progress=progress)


def _ended(run: RunFolder, pulse: Pulse, error: BaseException) -> dict[str, Any]:
    """Writes down how a run ended that did not come to its end; raises what is an error."""
    if isinstance(error, (_Cancelled, KeyboardInterrupt)):
        pulse.close(state="cancelled", stage="", seconds_left=None, queue_position=0, ended_at=_now())
        with suppress(OSError):
            run.forget_request()
        run.log("Cancelled; resume goes on from the last checkpoint.")
        with suppress(VisionError), turns.changing() as waiting:
            turns.leave(waiting, run)
        return {"run": str(run.path), "state": "cancelled", "epochs": len(run.history())}
    why = sentence(error)
    pulse.close(state="failed", error=why, stage="", seconds_left=None, queue_position=0, ended_at=_now())
    run.log(f"Failed: {why}")
    if not isinstance(error, VisionError):
        run.log("".join(traceback.format_exception(error)))
    if isinstance(error, (OSError, MemoryError)) or _out_of_memory(error):
        raise TrainingError(why) from error
    raise error


def sentence(error: BaseException) -> str:
    """Why a run failed, for those who want to go on with it."""
    if isinstance(error, VisionError):
        return str(error)
    if isinstance(error, MemoryError) or _out_of_memory(error):
        return "Memory ran out, even with one picture at a time: train with a smaller input size or a smaller model."
    if isinstance(error, OSError) and error.errno in _NO_ROOM:
        where = f" to {error.filename}" if error.filename else ""
        return f"Nothing can be written{where} ({error.strerror}): free some space or make it writable, then resume."
    first = (str(error).splitlines() or [""])[0][:200]
    return f"Training ended with an unexpected {type(error).__name__} ({first}): the log has the details."


def _out_of_memory(error: BaseException) -> bool:
    return type(error).__name__ == "OutOfMemoryError" or "can't allocate memory" in str(error)


def result(run: RunFolder) -> dict[str, Any]:
    """What the command line says of a finished run; it is evaluated where that has not been done yet."""
    found = run.read("evaluation.json")
    if not found:
        from vision_core.evaluation.store import evaluate_run

        found = evaluate_run(run.path).summary()
    history, config = run.history(), run.read(CONFIG)
    best = [record["epoch"] for record in history if record.get("best")]
    return {
        "run": str(run.path),
        "state": run.record().state,
        "task": config.get("task"),
        "model": config.get("model"),
        "split": found["split"],
        **found["metrics"],
        "images": found["images"],
        "epochs": len(history),
        "best_epoch": best[-1] if best else None,
        "images_per_second": images_per_second(history),
        "seconds": round(float(run.read(STATUS).get("seconds", 0.0)), 1),
    }


def images_per_second(history: list[dict[str, Any]]) -> float | None:
    """The speed of training over all epochs but the first (unless it is the only one), which also warms up."""
    rates = [record["images_per_second"] for record in history if record.get("images_per_second")]
    rates = rates[1:] or rates
    return round(len(rates) / sum(1 / rate for rate in rates), 2) if rates else None


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
