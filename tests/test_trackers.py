"""Trackers by one line of configuration, against the real packages: what was written is read back with their own."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from painted_data import new_run, photos

from vision_core.errors import TrainingError
from vision_core.training import environment
from vision_core.training.loop import train


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return photos(tmp_path / "data", {"train": 4, "val": 4})


def figures(record: dict[str, Any]) -> dict[str, float]:
    return {
        "train/loss": record["train"]["loss"],
        "val/loss": record["val"]["loss"],
        "metrics/top1": record["metrics"]["top1"],
        "metrics/f1_macro": record["metrics"]["f1_macro"],
        "learning_rate": record["learning_rate"],
        "images_per_second": record["images_per_second"],
    }


def test_tensorboard_reads_every_epoch(tmp_path: Path, data: Path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run = new_run(tmp_path / "run", data, "classification", "test_vit", trackers=["tensorboard"], epochs=3)
    records = list(train(run))
    found = EventAccumulator(str(run.path / "trackers" / "whatwhere")).Reload()
    for record in records:
        for name, value in figures(record).items():
            written = {event.step: event.value for event in found.Scalars(name)}
            assert sorted(written) == [1, 2, 3]
            assert written[record["epoch"]] == pytest.approx(value, rel=1e-5)


def test_mlflow_reads_every_epoch_and_the_configuration(
    tmp_path: Path, workspace: Path, data: Path, monkeypatch: pytest.MonkeyPatch
):
    pytest.importorskip("mlflow")
    from mlflow import MlflowClient, get_tracking_uri

    monkeypatch.chdir(tmp_path)
    before = set(tmp_path.iterdir())
    run = new_run(tmp_path / "run", data, "classification", "test_vit", trackers=["mlflow"], epochs=3)
    records = list(train(run))
    assert set(tmp_path.iterdir()) - before == {run.path, workspace}, "nothing is left where it was started"
    assert str(workspace / "mlflow") in get_tracking_uri()
    client = MlflowClient()
    (experiment,) = [one for one in client.search_experiments() if one.name == "whatwhere"]
    (tracked,) = client.search_runs([experiment.experiment_id])
    assert tracked.data.params["model"] == "test_vit"
    assert int(tracked.data.params["epochs"]) == 3
    assert (tracked.info.status, tracked.info.run_name) == ("FINISHED", "run")
    for record in records:
        for name, value in figures(record).items():
            written = {one.step: one.value for one in client.get_metric_history(tracked.info.run_id, name)}
            assert written[record["epoch"]] == pytest.approx(value)
            assert math.isfinite(value)


def test_a_tracker_that_is_not_installed_is_named(tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(environment, "get_available_trackers", lambda: ["tensorboard"])
    with pytest.raises(TrainingError, match=r"tracker 'wandb'.*pip install wandb"):
        next(train(new_run(tmp_path / "run", data, "classification", "test_vit", trackers=["wandb"])))


def test_a_second_run_in_the_same_process_has_its_own_figures(tmp_path: Path, data: Path):
    pytest.importorskip("tensorboard")
    for name in ("first", "second"):
        run = new_run(tmp_path / name, data, "classification", "test_vit", trackers=["tensorboard"], epochs=1)
        assert len(list(train(run))) == 1
        assert list((run.path / "trackers").rglob("events.out.*"))
