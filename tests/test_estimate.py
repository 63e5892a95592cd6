"""Estimates and the search for a rate: real trials in processes of their own, which leave nothing behind."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from painted_data import CLASSIFIER, config, photos, scenes

from vision_core.data.threads import available_cores
from vision_core.errors import TrainingError
from vision_core.run_folder import create_run
from vision_core.training import turns
from vision_core.training.aside import ask
from vision_core.training.estimate import estimate, measure
from vision_core.training.feed import PictureFeed
from vision_core.training.finder import find_learning_rate, search, suggest_rate
from vision_core.training.pulse import identity

pytestmark = pytest.mark.usefixtures("workspace")


@pytest.mark.slow
def test_an_estimate_measures_steps_in_a_process_of_its_own(tmp_path: Path, workspace: Path):
    data = photos(tmp_path / "data", {"train": 12, "val": 4})
    asked = config(data, "classification", CLASSIFIER, epochs=10, frozen_epochs=2)
    stages: list[str] = []
    found = estimate(asked, lambda stage, done, total: stages.append(stage), usd_per_hour=3600.0)
    assert "Measuring steps" in stages
    assert found.images_per_second > 0
    assert found.peak_memory_bytes > 100e6
    assert found.seconds > found.seconds_per_epoch
    assert found.usd == pytest.approx(found.seconds)
    assert not list(workspace.glob("runs/*")), "nothing is left of it"
    assert len(found.notes) == 1


def test_an_estimate_beside_a_run_says_so(tmp_path: Path, workspace: Path):
    asked = config(photos(tmp_path / "data"), "classification", CLASSIFIER, device="cpu")
    run = create_run(asked)
    with turns.changing() as waiting:
        run.write("status.json", {"state": "queued", **identity(), "heartbeat": time.time()})
        turns.enter(waiting, run, ("cpu",))
        lock = (turns.claim(waiting, run) or [])[0]
    assert turns.is_busy(("cpu",))
    assert "slows the measured steps" in measure(asked).notes[1]
    lock.release()
    assert not turns.is_busy(("cpu",))


@pytest.mark.slow
def test_an_estimate_says_why_it_cannot_be(tmp_path: Path):
    data = photos(tmp_path / "data", {"train": 4, "val": 4}, classes=("red",))
    with pytest.raises(TrainingError, match="a classifier needs a second class"):
        estimate(config(data, "classification", CLASSIFIER))


@pytest.mark.slow
def test_whoever_waits_can_stop_a_trial(tmp_path: Path):
    class Enough(Exception):
        pass

    def stop(*_: Any) -> None:
        raise Enough

    before = {child.pid for child in psutil.Process().children(recursive=True)}
    data = photos(tmp_path / "data", {"train": 12, "val": 4})
    with pytest.raises(Enough):
        ask("finder", config(data, "classification", CLASSIFIER), stop)
    assert {child.pid for child in psutil.Process().children(recursive=True)} <= before


def test_waiting_for_pictures_is_part_of_an_estimate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Where pictures take longer to make ready than to learn from, they decide."""
    data = photos(tmp_path / "data", {"train": 48, "val": 4})
    slow, seconds = PictureFeed._augmented, 0.1

    def delayed(self: PictureFeed, *rest: Any) -> Any:
        time.sleep(seconds)
        return slow(self, *rest)

    monkeypatch.setattr(PictureFeed, "_augmented", delayed)
    found = measure(config(data, "classification", CLASSIFIER, batch_size=4))
    assert found.images_per_second < 1.5 * available_cores() / seconds


def test_an_estimate_mixes_pictures_as_the_run_will(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    data = scenes(tmp_path / "data", {"train": 4, "val": 2})
    seen: list[np.ndarray | None] = []
    training = PictureFeed.training

    def noted(self: PictureFeed, *rest: Any, **named: Any) -> Any:
        seen.append(named.get("mosaic_rows"))
        return training(self, *rest, **named)

    monkeypatch.setattr(PictureFeed, "training", noted)
    asked = config(data, "detection", "ssdlite_mobilenet_v2_coco", mix="mosaic", input_size_px=64, batch_size=2)
    measure(asked)
    assert [None if rows is None else len(rows) for rows in seen] == [4]


def test_the_search_raises_the_rate_until_the_loss_explodes(tmp_path: Path):
    data = photos(tmp_path / "data", {"train": 12, "val": 4})
    found = search(config(data, "classification", CLASSIFIER, batch_size=6), steps=40)
    assert len(found.rates) == len(found.losses) > 10
    assert list(found.rates) == sorted(found.rates)
    assert found.rates[0] <= found.suggestion < found.rates[int(np.argmin(found.losses))]


def test_the_search_suggests_where_the_loss_falls_fastest():
    rates = np.geomspace(1e-6, 1.0, 61).tolist()
    losses = [2.0 - 1.5 / (1 + (1e-3 / rate) ** 3) + (10 * rate) ** 2 for rate in rates]
    assert 3e-4 < suggest_rate(rates, losses) < 2e-3


@pytest.mark.slow
def test_the_search_in_a_process_of_its_own_finds_the_same(tmp_path: Path):
    data = photos(tmp_path / "data", {"train": 12, "val": 4})
    asked = config(data, "classification", CLASSIFIER, batch_size=6, threads=1)
    assert find_learning_rate(asked) == search(asked)
