"""Work in real processes of its own: its state is true, it can be cancelled, and a killed one is noticed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from filelock import FileLock
from painted_data import CLASSIFIER, learn, new_run, photos

from vision_core import background
from vision_core.errors import SettingsError
from vision_core.evaluation.store import list_evaluations, open_evaluation
from vision_core.run_folder import STATUS, RunFolder
from vision_core.settings import REPOSITORY
from vision_core.training.pulse import ABANDONED, identity, may_begin

pytestmark = pytest.mark.usefixtures("workspace")
PATIENCE_S = 120


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    made = new_run(tmp_path / "run", photos(tmp_path / "data"), "classification", CLASSIFIER)
    learn(made)
    return made


def noted(what: str, state: str = "finished", age_s: float = 0.0, **arguments: object) -> background.Work:
    """Work as it is found on the disk, asked for so long ago."""
    work = background.Work(background.ensure_folder(background._folder(what, arguments)))
    files = RunFolder(work.folder)
    files.write(background.ASKED, {"what": what, "arguments": arguments})
    files.write(STATUS, {"state": state, "heartbeat": time.time() - age_s, **identity()})
    for file in work.folder.iterdir():
        os.utime(file, (time.time(), time.time() - age_s))
    return work


def ended(work: background.Work) -> str:
    deadline = time.monotonic() + PATIENCE_S
    while work.is_active:
        assert time.monotonic() < deadline, work.status()
        time.sleep(0.1)
    return work.status()["state"]


def test_what_is_asked_for_is_done_and_found_again(run: RunFolder):
    asked = {"run": str(run.path)}
    assert background.find("evaluate", asked) is None
    work = background.start("evaluate", asked)
    assert background.start("evaluate", asked) == work  # it goes on already
    with pytest.raises(SettingsError, match="cancel it first"):
        work.discard()
    assert ended(work) == "finished", (work.folder / background.LOG).read_text()
    kept = open_evaluation(Path(work.result()["file"]))
    assert kept.figures == work.result()["figures"]
    assert background.find("evaluate", asked) == work
    assert (work.what, work.arguments) == ("evaluate", asked)
    work.discard()
    assert background.find("evaluate", asked) is None


def test_why_it_failed_is_said(tmp_path: Path):
    work = background.start("evaluate", {"run": str(tmp_path / "nowhere")})
    assert ended(work) == "failed"
    assert "is not a run's folder" in work.status()["error"]
    assert work.result() == {}
    with pytest.raises(SettingsError, match="cannot be done in the background"):
        background.start("format the disk", {})


def test_work_that_waits_or_runs_is_cancelled(run: RunFolder):
    with FileLock(background.ensure_folder(background.settings().home / "work") / "turn.lock"):
        work = background.start("evaluate", {"run": str(run.path)})
        deadline = time.monotonic() + PATIENCE_S
        while work.status()["stage"] != "Waiting for other work to end":
            assert time.monotonic() < deadline, work.status()
            time.sleep(0.1)
        assert work.status()["state"] == "queued"
        work.cancel()
        assert ended(work) == "cancelled"
    again = background.start("evaluate", {"run": str(run.path)})  # though it was cancelled
    assert again.status()["state"] == "queued"
    again.cancel()
    assert ended(again) == "cancelled"
    assert list_evaluations(run.path) == []


def test_a_killed_process_is_noticed(run: RunFolder):
    work = background.start("evaluate", {"run": str(run.path)})
    os.kill(work.status()["pid"], signal.SIGKILL)
    assert ended(work) == "interrupted"
    work.discard()


def test_work_is_found_whatever_else_was_asked_of_it() -> None:
    assert background.works("robustness", file="a") == []
    old = noted("robustness", age_s=60, file="a", kinds=["darkness"])
    new = noted("robustness", "running", file="a", kinds=["contrast", "darkness"])
    noted("robustness", file="b", kinds=["darkness"])
    noted("light", file="a")
    (noted("robustness", file="a", kinds=[]).folder / background.ASKED).write_text("{")  # damaged
    assert background.works("robustness", file="a") == [new, old]
    assert [work.is_active for work in background.works("robustness", file="a")] == [True, False]


KILLED = """
import os, signal
from vision_core import background
from vision_core.costs import bench_store
from vision_core.costs.bench import BenchPlan
{module}._spawn = lambda folder, spawn={module}._spawn: (spawn(folder), os.kill(os.getpid(), signal.SIGKILL))
{call}
"""


@pytest.mark.parametrize(
    ("module", "call"),
    [
        ("background", 'background.start("evaluate", {"run": "nowhere"})'),
        ("bench_store", 'bench_store.start_bench(BenchPlan(("resnet18",)))'),
    ],
)
def test_what_is_started_by_a_process_that_is_killed_at_once_ends(workspace: Path, module: str, call: str) -> None:
    """It must neither wait for ever nor begin."""
    script = KILLED.format(module=module, call=call)
    died = subprocess.run([sys.executable, "-c", script], cwd=REPOSITORY, timeout=PATIENCE_S, check=False)
    assert died.returncode == -signal.SIGKILL
    folder = {"background": "work/evaluate-*/", "bench_store": "benches/*/"}[module]
    (path,) = workspace.glob(folder)
    run, deadline = RunFolder(path), time.monotonic() + PATIENCE_S
    while run.read(STATUS)["state"] == "queued":  # as the child itself says, not as others see it
        assert time.monotonic() < deadline, "it still waits"
        time.sleep(0.1)
    assert run.record().state == "interrupted"
    assert run.record().error == ABANDONED
    while psutil.pid_exists(run.read(STATUS)["pid"]):
        assert time.monotonic() < deadline, "it is still there"
        time.sleep(0.1)


def test_nobody_is_waited_for_longer_than_a_while(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    run.write(STATUS, {"state": "queued", **identity(), "heartbeat": time.time()})
    began = time.monotonic()
    assert not may_begin(run, background.GO, patience_s=0.2)
    assert 0.2 <= time.monotonic() - began < 10
    (tmp_path / background.GO).touch()
    assert may_begin(run, background.GO, patience_s=0)


DAYS = 24 * 3600.0


@pytest.mark.parametrize("ask", ["start", "works"])
def test_what_ended_a_week_ago_is_forgotten(ask: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "_spawn", lambda folder: SimpleNamespace(pid=os.getpid()))
    ended_ones = [noted("light", state, 8 * DAYS, file=state) for state in ("finished", "cancelled", "failed")]
    damaged = noted("light", "finished", 8 * DAYS, file="damaged")
    (damaged.folder / STATUS).write_text("{")
    os.utime(damaged.folder / STATUS, (0, 0))
    young = noted("light", "finished", 6 * DAYS, file="young")
    running = [noted("light", state, 8 * DAYS, file=state) for state in ("running", "queued")]
    other = noted("points", "finished", 8 * DAYS, file="other")
    seen = noted("light", "finished", 8 * DAYS, file="seen")
    (seen.folder / background.RESULT).write_text("{}")
    os.utime(seen.folder / background.RESULT, (0, 0))
    seen.result()  # somebody just looked
    background.start("light", {"file": "new"}) if ask == "start" else background.works("light")
    assert not any(work.folder.exists() for work in [*ended_ones, damaged])
    assert all(work.folder.exists() for work in [young, *running, other, seen])


def test_what_is_being_started_again_is_not_forgotten() -> None:
    old = noted("light", "finished", 8 * DAYS, file="old")
    with FileLock(old.folder.with_suffix(".lock")):  # as `start` holds it
        background.works("light")
    assert old.folder.exists()
    background.works("light")
    assert not old.folder.exists()
