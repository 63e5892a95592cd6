"""Duels as processes of their own: begun, killed for real, gone on with, stopped, removed; and what is told of them."""

from __future__ import annotations

import json
import os
import shlex
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
import typer
from typer.testing import CliRunner

from tests.duel_cases import finished, made
from tests.training_processes import paint_boxed
from vision_core.__main__ import app
from vision_core.duel import fight as fighting
from vision_core.duel import jobs
from vision_core.duel.command import command_line
from vision_core.duel.folder import DuelFolder, create_duel, list_duels
from vision_core.duel.plan import DuelPlan
from vision_core.duel.progress import GIVEN, GONE, LEFT_OUT, WAITING, TimeLeft, overall, part_states, time_left
from vision_core.errors import DataError, ModelError, SettingsError
from vision_core.run_folder import STATUS, create_run, list_run_folders
from vision_core.training.config import make_config
from vision_core.training.pulse import identity

PATIENCE_S = 120.0


def eventually(true: Callable[[], Any], of: DuelFolder) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        log = of.path / "log.txt"
        assert time.monotonic() < deadline, f"{jobs.duel_status(of)}\n{log.read_text() if log.is_file() else ''}"
        time.sleep(0.05)


def state(duel: DuelFolder) -> str:
    return jobs.duel_status(duel)["state"]


@pytest.mark.slow
def test_a_real_process_is_killed_gone_on_with_and_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    data = paint_boxed(tmp_path / "data")
    plan = DuelPlan(data=str(data), contenders=("classification", "detection"), epochs=50, shares=(1,), device="cpu")
    duel = jobs.start_duel(plan, "Squares")
    assert (state(duel), duel.name) == ("queued", "Squares")
    pids = []
    try:
        with pytest.raises(SettingsError, match="going on already"):
            jobs.resume_duel(duel)
        eventually(lambda: len(duel.runs()) == 1, duel)
        pids.append(int(jobs.duel_status(duel)["pid"]))
        assert os.getsid(pids[0]) == pids[0], "no terminal or server ends it"
        os.kill(pids[0], signal.SIGKILL)
        eventually(lambda: state(duel) == "interrupted", duel)
        assert "ended unasked" in jobs.duel_status(duel)["error"]

        jobs.resume_duel(duel)
        pids.append(int(jobs.duel_status(duel)["pid"]))
        assert pids[0] != pids[1]
        eventually(lambda: state(duel) == "running" and jobs.duel_status(duel)["title"], duel)
        jobs.cancel_duel(duel)
        eventually(lambda: state(duel) == "cancelled", duel)
        assert len(list_run_folders()) == 1, "the same run, not another one"
        assert part_states(duel)[0].state in ("cancelled", "queued", "finished")
        assert (duel.path / "log.txt").is_file()
        jobs.discard_duel(duel)
        assert list_duels() == []
        assert len(list_run_folders()) == 1
    finally:
        for pid in pids:
            if psutil.pid_exists(pid):
                os.kill(pid, signal.SIGKILL)


@pytest.mark.slow
def test_one_that_has_not_begun_yet_is_stopped_at_once(tmp_path: Path):
    duel = jobs.start_duel(DuelPlan(data=str(paint_boxed(tmp_path / "data")), device="cpu"))
    pid = int(jobs.duel_status(duel)["pid"])
    jobs.cancel_duel(duel)
    eventually(lambda: state(duel) == "cancelled", duel)
    eventually(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE, duel)
    assert list_run_folders() == []


def test_what_cannot_come_to_an_end_is_refused_and_leaves_nothing():
    with pytest.raises(ModelError, match="does classification, not detection"):
        jobs.start_duel(DuelPlan(data="shelf", detector="resnet18"))
    assert list_duels() == []


def test_what_is_over_cannot_be_stopped_and_what_goes_on_cannot_be_removed():
    duel = made("running")
    with pytest.raises(SettingsError, match="stop it first"):
        jobs.discard_duel(duel)
    jobs.cancel_duel(duel)
    assert duel.files.asked() == "cancel"
    over = made("finished")
    with pytest.raises(SettingsError, match="is finished: there is nothing to stop"):
        jobs.cancel_duel(over)


def test_every_state_is_told_even_of_a_damaged_one():
    assert jobs.duel_status(made("failed", error="No space."))["error"] == "No space."
    assert state(made("running", pid=1, pid_started=0.0)) == "interrupted"
    never = made()
    assert jobs.duel_status(never)["error"] == "It was never started."
    never.files.write("result.json", {"state": "finished"})
    assert state(never) == "finished", "it was brought from elsewhere, without its status"
    for text, sentence in (("{", "cannot be read"), ('{"plan": {"data": "shelf", "seeds": 1}}', "no setting 'seeds'")):
        broken = made("finished")
        (broken.path / "duel.json").write_text(text)
        assert state(broken) == "failed"
        assert sentence in jobs.duel_status(broken)["error"]
        with pytest.raises((DataError, SettingsError), match=sentence):
            jobs.resume_duel(broken)
        jobs.discard_duel(broken)
        assert not broken.path.exists()


def test_the_newest_duel_stands_first_and_is_called_by_its_question():
    first = made()
    first.files.write("duel.json", first.files.read("duel.json") | {"made_at": "2020-01-01T00:00:00+00:00"})
    second = create_duel(DuelPlan(data="shelf", question="count"))
    assert [duel.path for duel in list_duels()] == [second.path, first.path]
    assert second.name == "How many? shelf"
    (second.path / "about.json").write_text("[]")
    assert second.name == second.path.name


def test_parts_say_how_far_each_run_is_and_what_is_left():
    given = create_run(make_config("shelf", "detection", "ssdlite_mobilenet_v2_coco"))
    plan = DuelPlan(
        data="shelf", detector=str(given.path), contenders=("classification", "detection"), shares=(0.25, 0.5, 1)
    )
    duel = made("running", plan, part=0, parts=5)
    assert [one.state for one in part_states(duel)] == [WAITING, GIVEN, WAITING, WAITING]
    assert time_left(part_states(duel)) == TimeLeft(0.0, False)
    run = create_run(make_config("shelf", "classification", "tf_efficientnet_lite0"))
    duel.add_run("pictures-100", run)
    run.write(STATUS, {"state": "running", **identity(), "heartbeat": time.time(), "seconds_left": 30.0})
    assert part_states(duel)[0].left == 30
    assert time_left(part_states(duel)) == TimeLeft(30 * 1.75, True), "smaller shares take as much less"
    run.write(STATUS, {"state": "finished", "seconds": 80.0})
    assert time_left(part_states(duel)) == TimeLeft(80 * 0.75, True)
    assert 0.5 < overall(part_states(duel)) < 1
    half = create_run(make_config("shelf", "classification", "tf_efficientnet_lite0"))
    duel.add_run("pictures-50", half)
    duel.files.write(STATUS, duel.files.read(STATUS) | {"part": 4})
    (half.path / "config.json").unlink()
    assert [one.state for one in part_states(duel)] == ["finished", GIVEN, GONE, LEFT_OUT]
    assert overall(part_states(duel), is_finished=True) == 1


def test_without_boxes_there_is_one_part():
    duel = made("running", part=0, parts=2)
    assert [one.part.name for one in part_states(duel)] == ["pictures-100"]


def test_the_command_line_makes_the_same_plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    seen: list[DuelPlan] = []

    def caught(duel: DuelFolder, report: Any = None) -> dict[str, Any]:
        seen.append(duel.plan())
        raise typer.Exit(0)

    monkeypatch.setattr(fighting, "fight", caught)
    monkeypatch.setattr("vision_core.training.prepare.check_data", lambda name: None)
    plans = (
        DuelPlan(data="a shelf; rm -rf ~"),
        DuelPlan(
            data="shelf", question="where", shares=(0.25, 1), minutes=2.5, seed=3, contenders=("detection", "two-stage")
        ),
        DuelPlan(
            data="shelf",
            usd=0.1,
            price="AWS c7i.large",
            epochs=2,
            preset="balanced",
            device="cpu",
            classifier="resnet18",
        ),
    )
    for number, plan in enumerate(plans):
        line = command_line(plan, str(tmp_path / f"out {number}"))
        words = shlex.split(line)
        assert words[:4] == ["python", "-m", "vision_core", "duel"]
        done = CliRunner().invoke(app, words[3:])
        assert done.exit_code == 0, done.output
    assert seen == list(plans)
    assert command_line(plans[0], "x") == "python -m vision_core duel --data 'a shelf; rm -rf ~' --out x"


def test_another_machine_s_duel_counts_as_at_work_while_it_gives_signs():
    duel = made("running", host="another", heartbeat=time.time())
    assert socket.gethostname() != "another"
    assert state(duel) == "running"
    duel.files.write(STATUS, duel.files.read(STATUS) | {"heartbeat": time.time() - 3600})
    assert state(duel) == "interrupted"


def test_the_command_line_lists_duels_and_stops_one(tmp_path: Path):
    over = finished("Boxes?")
    broken = made("running")
    (broken.path / "duel.json").write_text("{", encoding="utf-8")
    going = made("running")
    listed = json.loads(CliRunner().invoke(app, ["duels", "--json"]).stdout)
    states = {one["out"]: (one["state"], one["verdict"], bool(one["error"])) for one in listed}
    assert states[str(over.path)] == ("finished", over.result()["verdict"]["sentence"], False)
    assert states[str(broken.path)] == ("failed", "", True)
    assert states[str(going.path)][0] == "running"
    assert over.result()["verdict"]["sentence"] in CliRunner().invoke(app, ["duels"]).stdout
    assert CliRunner().invoke(app, ["cancel", str(going.path)]).stdout == "It stops after its present step.\n"
    assert going.files.asked() == "cancel"
    with pytest.raises(SettingsError, match="nothing to stop"):
        CliRunner().invoke(app, ["cancel", str(over.path)], catch_exceptions=False)


def test_stopping_one_that_is_just_being_started_never_ends_the_process_that_starts_it(monkeypatch: pytest.MonkeyPatch):
    """Until the new process is known, the status names the one that starts it."""
    duel = made("queued")
    ended: list[int] = []
    monkeypatch.setattr(psutil.Process, "terminate", lambda self: ended.append(self.pid))
    jobs.cancel_duel(duel)
    assert ended == []


def test_a_finished_duel_is_not_begun_again():
    over = finished()
    with pytest.raises(SettingsError, match="nothing to go on with"):
        jobs.resume_duel(over)
    assert state(over) == "finished"


def test_a_mistyped_data_set_leaves_no_folder_behind(tmp_path: Path):
    with pytest.raises(DataError, match="no data set 'typo'"):
        CliRunner().invoke(app, ["duel", "--data", "typo", "--out", str(tmp_path / "duel")], catch_exceptions=False)
    assert not (tmp_path / "duel").exists()
