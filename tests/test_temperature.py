"""A temperature kept with a run: predictions and exports honour it, other answers stay, 1 takes it away."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from painted_data import learn, new_run, photos
from safetensors import safe_open
from safetensors.torch import load_file
from test_train_export import NAMES, run_lines, trained

from vision_core.errors import DataError, ModelError, SettingsError
from vision_core.evaluation.calibration import store_temperature
from vision_core.images import open_image
from vision_core.predict import load_classifier
from vision_core.run_folder import BEST
from vision_core.runs import read_run
from vision_core.training import export

CLASSIFIER = "timm:test_vit.r160_in1k"


def test_predictions_honour_it(tmp_path: Path, samples: Path):
    run = trained(tmp_path / "run", CLASSIFIER, "classification")
    image = open_image(next(samples.glob("*.jpg"))).pixels
    plain = load_classifier(str(run.path)).predict([image])[0].scores.astype(np.float64)
    store_temperature(run.path, 2.5)
    assert read_run(run.path)[0].temperature == 2.5
    found = load_classifier(str(run.path)).predict([image])[0].scores
    expected = plain ** (1 / 2.5)
    assert found == pytest.approx(expected / expected.sum(), abs=1e-6)
    run.extend_config(multi_label=True)
    tempered = load_classifier(str(run.path)).predict([image])[0].scores.astype(np.float64)
    store_temperature(run.path, 1)
    assert "temperature" not in run.read("config.json")
    plain = load_classifier(str(run.path)).predict([image])[0].scores.astype(np.float64)
    assert np.log(plain / (1 - plain)) == pytest.approx(2.5 * np.log(tempered / (1 - tempered)), abs=1e-4)


def test_exports_carry_it(tmp_path: Path):
    run = trained(tmp_path / "run", CLASSIFIER, "classification")
    before = export.read_weights(run)
    assert before == (run.path / BEST).read_bytes()
    assert "temperature" not in export.loading_code(run).code
    store_temperature(run.path, 1.75)
    file = export.export(run, tmp_path / "out" / "shelf.safetensors")
    with safe_open(file, "pt") as opened:
        about = opened.metadata()
    assert json.loads(about["temperature"]) == 1.75
    assert json.loads(about["class_names"]) == list(NAMES)
    tensors, expected = load_file(file), load_file(run.path / BEST)
    assert tensors.keys() == expected.keys()
    assert all((tensors[name] == expected[name]).all() for name in expected)
    loading = export.loading_code(run, file.name)
    assert "Divide the logits by the temperature (1.75)" in loading.note
    assert run_lines(loading.code, file.parent)["temperature"] == 1.75


def test_what_is_no_temperature_is_refused(tmp_path: Path):
    run = trained(tmp_path / "run", CLASSIFIER, "classification")
    with pytest.raises(SettingsError, match="above 0"):
        store_temperature(run.path, 0.0)
    with pytest.raises(DataError, match="not a run's folder"):
        store_temperature(tmp_path / "nowhere", 2.0)
    for odd in (0, -2, "hot", None, float("inf")):
        run.extend_config(temperature=odd)
        with pytest.raises(ModelError):
            read_run(run.path)
    run.extend_config(temperature=1.5, task="detection")
    with pytest.raises(DataError, match="detects"):
        store_temperature(run.path, 2.0)


def test_weights_that_are_trained_on_lose_it(tmp_path: Path):
    run = new_run(tmp_path / "run", photos(tmp_path / "data"), "classification", CLASSIFIER)
    learn(run)
    assert "temperature" not in run.read("config.json")
    store_temperature(run.path, 3.0)
    run.extend_config(epochs=run.config().epochs + 1)
    learn(run)
    assert read_run(run.path)[0].temperature == 1.0
