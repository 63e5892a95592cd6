"""Runs that are killed, starved of disk or robbed of their data: none is lost, and none ends differently."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from tests.training_processes import (
    command,
    exit_status,
    kill,
    paint_boxed,
    paint_labelled,
    tiny_classification,
    tiny_detection,
    wait_for,
    weights,
)
from vision_core.run_folder import RunFolder, list_run_folders
from vision_core.training.config import TrainConfig

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parent.parent
KILLS = 10
"""Of each task."""


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return paint_labelled(tmp_path_factory.mktemp("labelled") / "data")


@pytest.fixture(scope="module")
def boxed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return paint_boxed(tmp_path_factory.mktemp("boxed") / "data")


@pytest.fixture(scope="module")
def whole(labelled: Path, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A classifier's run that nobody disturbed."""
    home = tmp_path_factory.mktemp("home")
    before = os.environ.get("WHATWHERE_HOME")
    os.environ["WHATWHERE_HOME"] = str(home)
    try:
        run = RunFolder.create(home / "whole", tiny_classification(labelled))
        assert exit_status("resume", run.path) == 0
    finally:
        os.environ.pop("WHATWHERE_HOME") if before is None else os.environ.update(WHATWHERE_HOME=before)
    return run


def figures(run: RunFolder) -> list[Any]:
    """What every epoch came to, without what depends on the clock."""
    return [(record["epoch"], record["train"], record["val"], record["metrics"]) for record in run.history()]


@pytest.mark.parametrize("task", ["classification", "detection"])
def test_killed_at_random_moments_a_run_ends_with_the_same_weights(
    task: str, labelled: Path, boxed: Path, tmp_path: Path
) -> None:
    config = tiny_classification(labelled) if task == "classification" else tiny_detection(boxed)
    undisturbed = RunFolder.create(tmp_path / "whole", config)
    exit_status("resume", tmp_path / "nowhere")  # the server of processes is there from now on
    began = time.monotonic()
    assert exit_status("resume", undisturbed.path) == 0
    lasted = time.monotonic() - began
    random = np.random.default_rng()
    kills = number = 0
    while kills < KILLS:
        number += 1
        run = RunFolder.create(tmp_path / f"killed-{number}", config)
        moments = []
        while True:
            with command("resume", str(run.path)) as process:
                moment = float(random.uniform(0.05, lasted))
                process.join(moment if kills < KILLS else 120)
                if process.exitcode is not None:
                    break
                kill(process)
                kills += 1
                moments.append(round(moment, 3))
                assert run.record().state in ("interrupted", "finished"), moments
        assert process.exitcode == 0, (moments, run.record().error)
        assert run.record().state == "finished"
        assert (weights(run) == weights(undisturbed)) is True, f"killed after {moments} of {lasted:.1f} s"
        assert figures(run) == figures(undisturbed)


@pytest.fixture
def half_way(labelled: Path, tmp_path: Path) -> RunFolder:
    """A run that was killed after its second checkpoint."""
    return stopped(RunFolder.create(tmp_path / "run", tiny_classification(labelled)))


def stopped(run: RunFolder) -> RunFolder:
    with command("resume", str(run.path)) as process:
        wait_for((run.checkpoints / "resume-1.pt").is_file)
        kill(process)
    assert run.record().state == "interrupted"
    assert run.record().can_resume
    return run


def same_in_the_end(run: RunFolder, whole: RunFolder) -> None:
    assert exit_status("resume", run.path) == 0
    assert run.record().state == "finished"
    assert run.record().error == ""
    assert (weights(run) == weights(whole)) is True  # without pytest's megabytes of difference
    assert figures(run) == figures(whole)


def test_a_checkpoint_cut_in_half_is_passed_over_with_a_word(half_way: RunFolder, whole: RunFolder) -> None:
    newest = half_way.checkpoints / "resume.pt"
    content = newest.read_bytes()
    newest.write_bytes(content[: len(content) // 2])
    (half_way.checkpoints / "resume.pt.part").write_bytes(content[: len(content) // 3])
    same_in_the_end(half_way, whole)
    assert "resume.pt is damaged" in (half_way.path / "log.txt").read_text()


def test_when_every_checkpoint_is_damaged_that_is_said(half_way: RunFolder) -> None:
    for path in half_way.checkpoints.glob("resume*.pt"):
        path.write_bytes(path.read_bytes()[:1000])
    assert exit_status("resume", half_way.path) == 2
    assert half_way.record().state == "failed"
    assert "is damaged" in half_way.record().error


def test_a_full_disk_fails_the_run_and_spares_the_checkpoint(half_way: RunFolder, whole: RunFolder) -> None:
    before = {path.name: path.read_bytes() for path in half_way.checkpoints.glob("resume*.pt")}
    assert exit_status("resume", half_way.path, largest=2_500_000) == 2
    record = half_way.record()
    assert (record.state, record.can_resume) == ("failed", True)
    assert "could not be written" in record.error
    assert "\n" not in record.error
    assert {path.name: path.read_bytes() for path in half_way.checkpoints.glob("resume*")} == before
    same_in_the_end(half_way, whole)


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """A folder that nobody can write to; skips the test where that cannot be arranged."""
    mode = folder.stat().st_mode
    rooted = not hasattr(os, "geteuid") or os.geteuid() == 0
    if rooted and (shutil.which("chattr") is None or subprocess.run(["chattr", "+i", folder], check=False).returncode):
        pytest.skip("no folder is read-only for root here (chattr +i is refused)")
    folder.chmod(stat.S_IRUSR | stat.S_IXUSR) if not rooted else None
    try:
        yield
    finally:
        subprocess.run(["chattr", "-i", folder], check=True) if rooted else folder.chmod(mode)


def test_a_read_only_folder_fails_the_run_and_spares_the_checkpoint(half_way: RunFolder, whole: RunFolder) -> None:
    with read_only(half_way.checkpoints):
        assert exit_status("resume", half_way.path) == 2
        assert "could not be written" in half_way.record().error
        assert half_way.record().can_resume
    same_in_the_end(half_way, whole)


def test_a_run_whose_own_folder_is_read_only_says_so(half_way: RunFolder, tmp_path: Path) -> None:
    with read_only(half_way.path):
        assert exit_status("resume", half_way.path, said=tmp_path) == 2
    assert "cannot be written" in (tmp_path / "err").read_text().splitlines()[-1]
    assert half_way.record().state == "interrupted"


@pytest.mark.parametrize("kind", ["labelled", "boxed"])
def test_data_deleted_while_training_fails_the_run_until_it_is_back(
    kind: str, tmp_path: Path, whole: RunFolder
) -> None:
    paint: Callable[[Path], Path] = paint_labelled if kind == "labelled" else paint_boxed
    configure: Callable[[Path], TrainConfig] = tiny_classification if kind == "labelled" else tiny_detection
    data = paint(tmp_path / "data")
    run = RunFolder.create(tmp_path / "run", configure(data))
    with command("resume", str(run.path)) as process:
        wait_for((run.checkpoints / "resume.pt").is_file)
        os.kill(process.pid or 0, signal.SIGSTOP)
        data.rename(tmp_path / "away")
        os.kill(process.pid or 0, signal.SIGCONT)
        process.join(60)
        assert process.exitcode == 2
    record = run.record()
    assert record.state == "failed"
    assert ".png" in record.error
    assert "\n" not in record.error
    (tmp_path / "away").rename(data)
    if kind == "labelled":
        same_in_the_end(run, whole)
    else:
        assert exit_status("resume", run.path) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_saves_and_the_run_goes_on_from_there(
    number: int, labelled: Path, whole: RunFolder, tmp_path: Path
) -> None:
    config = tiny_classification(labelled, checkpoint_minutes=60.0)
    run = RunFolder.create(tmp_path / "run", config)
    with command("resume", str(run.path), said=tmp_path) as process:
        wait_for(lambda: run.record().status.get("step"))
        os.kill(process.pid or 0, number)
        process.join(60)
        assert process.exitcode == 130
    record = run.record()
    assert (record.state, record.can_resume) == ("cancelled", True)
    assert f"resume {run.path}" in (tmp_path / "err").read_text()
    same_in_the_end(run, whole)


SUBMIT = """
import sys, time
from vision_core.training.config import TrainConfig
from vision_core.training.jobs import submit
from tests.training_processes import tiny_classification
print(submit(tiny_classification(sys.argv[1])).path, flush=True)
time.sleep(600)
"""


def test_a_run_outlives_the_server_that_started_it(labelled: Path, whole: RunFolder) -> None:
    server = subprocess.Popen([sys.executable, "-c", SUBMIT, labelled], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    run = RunFolder(Path((server.stdout or sys.stdin).readline().strip()))
    server.kill()
    server.wait()
    assert [found.path for found in list_run_folders()] == [run.path]
    assert run.record().is_active
    child = psutil.Process(run.record().status["pid"])
    assert os.getsid(child.pid) == child.pid  # a terminal that is closed does not reach it
    wait_for(lambda: not run.record().is_active, 120)
    assert run.record().state == "finished", (run.path / "log.txt").read_text()
    assert weights(run) == weights(whole)
