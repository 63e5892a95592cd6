"""Runs as jobs: the queue, what stops a run and how it ends, and the status that others read meanwhile."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.training_processes import (
    command,
    exit_status,
    paint_labelled,
    tiny_classification,
    wait_for,
)
from vision_core.errors import DataError, SettingsError, TrainingError
from vision_core.run_folder import STATUS, RunFolder, create_run
from vision_core.training import jobs, turns, worker
from vision_core.training.config import TrainConfig, make_config
from vision_core.training.pulse import Pulse, identity


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return paint_labelled(tmp_path_factory.mktemp("labelled") / "data")


def any_config(**changes: Any) -> TrainConfig:
    return make_config("nowhere", "classification", "resnet18", device="cpu").changed(**changes)


def wait(run: RunFolder, device: str = "cpu") -> RunFolder:
    """Puts a run into the queue as if this process waited with it."""
    run.write(STATUS, {"state": "queued", "heartbeat": time.time(), **identity()})
    with turns.changing() as waiting:
        turns.enter(waiting, run, (device,))
    return run


def claim(run: RunFolder) -> bool:
    """Whether it is the run's turn; gives the device back at once."""
    with turns.changing() as waiting:
        locks = turns.claim(waiting, run)
    for lock in locks or ():
        lock.release()
    return locks is not None


def names(runs: list[RunFolder]) -> list[str]:
    return [run.config().model for run in runs]


def test_turns_come_in_order_one_a_device() -> None:
    first, second = wait(create_run(any_config(model="resnet18"))), wait(create_run(any_config(model="resnet50")))
    other = wait(create_run(any_config(model="vgg16")), "cuda:0")
    assert names(jobs.queue()) == ["resnet18", "resnet50", "vgg16"]
    with turns.changing() as waiting:
        assert [turns.position(waiting, run) for run in (first, second, other)] == [1, 2, 1]
        assert turns.claim(waiting, second) is None
        held = turns.claim(waiting, first)
    assert held is not None
    assert not claim(second), "the device is taken"
    assert claim(other), "another device is free"
    held[0].release()
    assert claim(second)
    assert jobs.queue() == []


def test_a_waiting_run_moves_among_those_for_its_device() -> None:
    runs = [wait(create_run(any_config(model=name))) for name in ("resnet18", "resnet50")]
    gpu = wait(create_run(any_config(model="vgg16")), "cuda:0")
    last = wait(create_run(any_config(model="alexnet")))
    jobs.move(last, -1)
    assert names(jobs.queue()) == ["resnet18", "alexnet", "vgg16", "resnet50"]
    jobs.move(last, -5)
    assert names(jobs.queue()) == ["alexnet", "resnet18", "vgg16", "resnet50"]
    jobs.move(last, 1)
    jobs.move(gpu, 1)
    assert names(jobs.queue()) == ["resnet18", "alexnet", "vgg16", "resnet50"]
    jobs.cancel(runs[0])
    with pytest.raises(SettingsError, match="does not wait"):
        jobs.move(runs[0], 1)


def test_who_died_waiting_is_passed_over() -> None:
    dead, alive = wait(create_run(any_config())), wait(create_run(any_config()))
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    dead.write(STATUS, dead.read(STATUS) | {"pid": ended.pid})
    assert jobs.queue() == [alive]
    assert claim(alive)
    assert dead.record().state == "interrupted"


def test_a_damaged_queue_file_is_no_end_of_the_world() -> None:
    run = wait(create_run(any_config()))
    (run.path.parent / turns.QUEUE).write_text('{"half": ')
    assert jobs.queue() == []
    assert claim(wait(run))


def test_a_run_that_needs_several_gpus_waits_for_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    assert turns.devices_of({"device": "cuda"}) == ("cuda:0", "cuda:1")
    assert turns.devices_of({"device": "cuda:1"}) == ("cuda:1",)
    both, one = create_run(any_config()), wait(create_run(any_config()), "cuda:1")
    wait(both)
    with turns.changing() as waiting:
        turns.enter(waiting, both, ("cuda:0", "cuda:1"))
        assert turns.position(waiting, both) == 2
        held = turns.claim(waiting, one)
    assert not claim(both)
    assert held is not None
    held[0].release()
    assert claim(both)


@pytest.fixture
def busy() -> Iterator[None]:
    """Somebody else's run has the CPU."""
    run = wait(create_run(any_config()))
    with turns.changing() as waiting:
        locks = turns.claim(waiting, run)
    assert locks is not None
    yield
    locks[0].release()


@pytest.mark.usefixtures("busy")
def test_submitted_runs_wait_as_light_processes_and_are_cancelled_at_once(labelled: Path) -> None:
    runs = [jobs.submit(tiny_classification(labelled), name) for name in ("one", "two", "three")]
    assert jobs.queue() == runs
    assert [run.record().name for run in runs] == ["one", "two", "three"]
    wait_for(lambda: [run.record().status.get("queue_position") for run in runs] == [1, 2, 3])
    processes = [psutil.Process(run.record().status["pid"]) for run in runs]
    assert max(process.memory_info().rss for process in processes) < 200e6, "torch is loaded before its turn"
    jobs.move(runs[2], -2)
    wait_for(lambda: [run.record().status.get("queue_position") for run in runs] == [2, 3, 1])
    with pytest.raises(SettingsError, match="already waiting"):
        jobs.resume(runs[0])

    jobs.cancel(runs[2])
    assert runs[2].record().state == "cancelled"
    assert jobs.queue() == runs[:2]
    processes[0].kill()
    processes[0].wait()
    wait_for(lambda: runs[0].record().state == "interrupted")
    wait_for(lambda: runs[1].record().status["queue_position"] == 1)
    jobs.finish(runs[1])
    assert runs[1].record().state == "cancelled"
    for process in processes[1:]:
        process.wait(10)
    assert [run.record().state for run in runs] == ["interrupted", "cancelled", "cancelled"]


def test_what_is_not_active_cannot_be_stopped_and_what_is_finished_not_resumed() -> None:
    run = create_run(any_config())
    with pytest.raises(SettingsError, match="nothing to stop"):
        jobs.cancel(run)
    run.write(STATUS, {"state": "finished"})
    with pytest.raises(SettingsError, match="is finished"):
        jobs.resume(run)


@pytest.mark.parametrize("state", ["queued", "running"])
def test_a_full_disk_does_not_hide_how_to_stop(state: str, monkeypatch: pytest.MonkeyPatch) -> None:
    run = wait(create_run(any_config()))
    run.write(STATUS, run.read(STATUS) | {"state": state})

    def full(self: RunFolder, name: str, values: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(RunFolder, "write", full)
    with pytest.raises(DataError, match=f"No space left on device.*process {os.getpid()}"):
        jobs.cancel(run)


def test_paths_are_kept_whole(labelled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(labelled.parent)
    assert jobs.anchored(any_config(data="data")).data == str(labelled)
    assert jobs.anchored(any_config(data="My shelf")).data == "My shelf"
    assert jobs.anchored(any_config(start="data")).start == str(labelled)
    (labelled.parent / "scratch").mkdir()
    assert jobs.anchored(any_config(start="scratch")).start == "scratch", "a word, whatever folders are called"


# ---------------------------------------------------------------- a run at work


@pytest.mark.slow
def test_a_request_stops_a_run_or_ends_it_early_with_its_best_weights(labelled: Path) -> None:
    run = create_run(tiny_classification(labelled, epochs=500, patience=0, checkpoint_minutes=60.0))
    with command("resume", str(run.path)) as process:
        wait_for(lambda: run.record().status.get("step"))
        assert run.record().state == "running"
        with pytest.raises(SettingsError, match="already running"):
            jobs.resume(run)
        assert exit_status("resume", run.path) == 2
        assert exit_status("cancel", run.path) == 0
        process.join(60)
        assert process.exitcode == 130
    assert (run.record().state, run.record().can_resume) == ("cancelled", True)
    done = len(run.history())
    with command("resume", str(run.path)) as process:
        wait_for(lambda: len(run.history()) > done)
        jobs.finish(run)
        process.join(60)
        assert process.exitcode == 0
    assert run.record().state == "finished"
    assert done < len(run.history()) < 500
    assert run.read("evaluation.json")["split"] == "val"
    assert run.asked() is None


def train_as(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """Makes training end in some way after an epoch."""
    from vision_core.training import loop

    def train(run: RunFolder, watch: Any) -> Iterator[dict[str, Any]]:
        record = {"epoch": 1, "train": {"loss": 1.0}, "metrics": {"top1": 0.5}, "monitor": "top1", "best": True}
        yield record | {"events": ["Something was noticed."], "images_per_second": 9.0}
        raise error

    monkeypatch.setattr(loop, "train", train)


@pytest.mark.parametrize(
    ("error", "raised", "said"),
    [
        (DataError("There is no data."), DataError, "There is no data."),
        (MemoryError(), TrainingError, "Memory ran out"),
        (OSError(28, "No space left on device", "/disk/a"), TrainingError, "/disk/a (No space left on device)"),
        (RuntimeError("a defect\nof ours"), RuntimeError, "unexpected RuntimeError (a defect)"),
    ],
)
def test_why_a_run_failed_is_one_sentence(
    error: Exception, raised: type[Exception], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    train_as(monkeypatch, error)
    run = create_run(any_config())
    with pytest.raises(raised):
        jobs.execute(run)
    record = run.record()
    assert record.state == "failed"
    assert said in record.error
    assert "\n" not in record.error
    log = (run.path / "log.txt").read_text()
    assert "Epoch 1 of" in log
    assert ("Traceback" in log) == (not isinstance(error, DataError))
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    assert claim(wait(create_run(any_config()))), "the device is free again"


def test_ctrl_c_cancels(monkeypatch: pytest.MonkeyPatch) -> None:
    train_as(monkeypatch, KeyboardInterrupt())
    run = create_run(any_config())
    assert jobs.execute(run)["state"] == "cancelled"
    assert run.record().state == "cancelled"


def test_a_missing_learning_rate_is_found_first(monkeypatch: pytest.MonkeyPatch) -> None:
    from vision_core.training import finder

    found = finder.Finder((1e-4, 1e-3), (2.0, 1.0), 3e-4)
    monkeypatch.setattr(finder, "find_learning_rate", lambda config, progress=None: found)
    train_as(monkeypatch, TrainingError("Enough."))
    run = create_run(any_config(learning_rate=None))
    with pytest.raises(TrainingError, match="Enough"):
        jobs.execute(run)
    assert run.config().learning_rate == 3e-4
    assert run.read("finder.json") == {"rates": [1e-4, 1e-3], "losses": [2.0, 1.0], "suggestion": 3e-4}


def test_speed_leaves_the_first_epoch_out() -> None:
    assert worker.images_per_second([{"images_per_second": 5.0}]) == 5.0
    rates = [{"images_per_second": rate} for rate in (1.0, 10.0, 30.0)]
    assert worker.images_per_second(rates) == 15.0  # twice as many pictures in 1/10 + 1/30 of the time of one
    assert worker.images_per_second([]) is None


# ---------------------------------------------------------------- the status


def test_the_status_is_written_at_most_twice_a_second_and_never_by_halves(monkeypatch: pytest.MonkeyPatch) -> None:
    run, told = create_run(any_config()), []
    writes: list[str] = []
    write = RunFolder.write
    monkeypatch.setattr(RunFolder, "write", lambda self, name, values: (writes.append(name), write(self, name, values)))
    with Pulse(run, told.append) as pulse:
        pulse.update(state="running", stage="Training")
        until = time.monotonic() + 1.2
        threads = [threading.Thread(target=lambda: [pulse.note(step=n) for n in range(2000)]) for _ in range(2)]
        for thread in threads:
            thread.start()
        while time.monotonic() < until:
            pulse.note(loss=0.5)
            status = json.loads((run.path / STATUS).read_text())
            assert (status["state"], status["stage"]) == ("running", "Training")
            time.sleep(0.01)
        for thread in threads:
            thread.join()
        assert len(writes) <= 4
        pulse.close(state="finished", ended_at="now")
    assert run.read(STATUS)["step"] == 1999
    assert run.read(STATUS)["seconds"] > 1
    assert told[-1]["state"] == "finished"


def test_a_heartbeat_is_a_sign_of_life_and_outlives_a_full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    from vision_core.training import pulse as module

    monkeypatch.setattr(module, "HEARTBEAT_S", 0.05)
    run = create_run(any_config())
    write = RunFolder.write

    def full(self: RunFolder, name: str, values: object) -> None:
        raise OSError(28, "No space left on device")

    with Pulse(run) as pulse:
        assert pulse.update(state="running")
        before = run.record().status["heartbeat"]
        wait_for(lambda: run.record().status["heartbeat"] > before)
        monkeypatch.setattr(RunFolder, "write", full)
        assert not pulse.update(message="lost for the moment")
        time.sleep(0.1)
        monkeypatch.setattr(RunFolder, "write", write)
        wait_for(lambda: run.read(STATUS).get("message") == "lost for the moment")
        assert run.record().silent_s is not None
        assert run.record().silent_s < 60  # type: ignore[operator]
    assert os.getpid() == run.record().status["pid"]
