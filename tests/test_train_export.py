"""What a run leaves behind: weights that other libraries load by the lines shown, code and notebook that run."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
import torch
from safetensors import safe_open

from vision_core.data.library import add_shelf
from vision_core.data.shelf import CLASS_NAMES
from vision_core.errors import DataError, SettingsError, WeightsError
from vision_core.models import get_spec
from vision_core.run_folder import BEST, RunFolder, list_run_folders
from vision_core.settings import settings
from vision_core.training import export, preflight, snippets
from vision_core.training.checkpoints import save_weights
from vision_core.training.config import TrainConfig, make_config
from vision_core.training.finder import Finder
from vision_core.training.networks import plain

HOSTILE = "\"); import os; os.system(\"x\") #\n'''\u202e\\"
NAMES = ("cat", "dög", "a \"quoted\" 'one'")


def trained(path: Path, model: str, task: Any, size_px: int | None = None) -> RunFolder:
    """A run as the loop leaves it, without the training."""
    spec = get_spec(model)
    config = make_config("photos", task, model, start="scratch", input_size_px=size_px)
    run = RunFolder.create(path, config, "My Shelf, balanced!")
    size = size_px or spec.input_size_px
    run.extend_config(class_names=list(NAMES), input_size_px=size, multi_label=False)
    about = {"model": model, "task": task, "class_names": list(NAMES), "input_size_px": size, "preprocessing": {}}
    torch.manual_seed(0)
    save_weights(run.path / BEST, spec.build(len(NAMES)), about)
    return run


def run_lines(code: str, folder: Path) -> dict[str, Any]:
    """Executes the lines shown, in the folder with the exported file, and returns what they named."""
    namespace: dict[str, Any] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        exec(compile(code, "shown", "exec"), namespace)  # these lines are what the test is about
    return namespace


@pytest.mark.parametrize(
    ("model", "task", "size_px", "library"),
    [
        ("tf_efficientnet_lite0", "classification", 96, "timm"),
        ("timm:test_vit.r160_in1k", "classification", None, "timm"),
        ("resnet18", "classification", 96, "torchvision"),
        ("ssdlite320_mobilenet_v3_large", "detection", None, "torchvision"),
        ("fcos_resnet50_fpn", "detection", 320, "torchvision"),
        ("ssdlite_mobilenet_v2_coco", "detection", None, "vision_core"),
        ("retinanet:test_resnet.r160_in1k", "detection", 96, "vision_core"),
        ("yolov9t", "detection", 320, "libreyolo"),
        ("yolox_s", "detection", 320, "libreyolo"),
    ],
)
def test_the_lines_shown_load_the_weights(tmp_path: Path, model: str, task: Any, size_px: int, library: str) -> None:
    run = trained(tmp_path / "run", model, task, size_px)
    path = export.export(run, tmp_path / "out" / export.file_name(run))
    loading = export.loading_code(run, path.name)
    assert loading.library == library
    assert len(loading.lines.splitlines()) == 3
    assert bool(loading.note) == (task == "detection" and model != "fcos_resnet50_fpn")
    if library in ("timm", "torchvision"):
        assert "vision_core" not in loading.code
    found = run_lines(loading.code, path.parent)
    assert found["class_names"] == list(NAMES)
    own = plain(found["model"]).state_dict()
    with safe_open(str(path), "pt") as file:
        assert set(file.keys()) == set(own)
        assert all(torch.equal(file.get_tensor(name), own[name]) for name in own)


def test_a_torchvision_detector_sees_pictures_at_the_trained_size(tmp_path: Path) -> None:
    run = trained(tmp_path / "run", "fcos_resnet50_fpn", "detection", 320)
    model = run_lines(export.loading_code(run, export.export(run, tmp_path / "w.safetensors").name).code, tmp_path)[
        "model"
    ].eval()
    assert model.transform.min_size == (320,)
    with torch.no_grad():
        (found,) = model([torch.rand(3, 200, 300)])
    assert set(found) >= {"boxes", "labels", "scores"}


def test_the_header_says_what_the_weights_are(tmp_path: Path) -> None:
    run = trained(tmp_path / "run", "resnet18", "classification", 64)
    path = export.export(run, tmp_path / "weights.safetensors")
    with safe_open(str(path), "pt") as file:
        about = {name: json.loads(value) for name, value in file.metadata().items()}
    assert about["class_names"] == list(NAMES)
    assert about["input_size_px"] == 64
    assert export.file_name(run) == "my-shelf-balanced.safetensors"
    assert export.read_weights(run) == path.read_bytes()


def test_a_run_without_weights_says_so(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path / "run", make_config("photos", "classification", "resnet18"))
    with pytest.raises(DataError, match="no weights yet"):
        export.export(run, tmp_path / "out.safetensors")
    with pytest.raises(DataError, match="classes yet"):
        export.loading_code(run)


@pytest.mark.parametrize("preset", ["instant", "balanced", "own"])
@pytest.mark.parametrize(
    ("task", "model"), [("classification", "resnet18"), ("detection", "ssdlite_mobilenet_v2_coco")]
)
def test_the_code_makes_the_same_configuration(preset: str, task: Any, model: str) -> None:
    config = make_config(HOSTILE, task, model, epochs=3, seed=5, trackers=["tensorboard"]).changed(preset=preset)
    code = snippets.python_code(config)
    ast.parse(code)
    first = code.split("# Train\n")[0]
    assert run_lines(first, Path.cwd())["config"] == config.changed(preset="balanced" if preset == "own" else preset)


def test_the_code_shows_only_what_differs_from_the_preset() -> None:
    config = make_config("photos", "classification", "resnet18", preset="balanced", batch_size=7)
    assert snippets.changes(config) == {"batch_size": 7}
    assert snippets.changes(config.changed(input_size_px=224)) == {"batch_size": 7}, "a run writes its own size down"
    assert snippets.changes(config.changed(input_size_px=160)) == {"input_size_px": 160, "batch_size": 7}


@pytest.mark.parametrize("task", ["classification", "detection"])
@pytest.mark.parametrize("preset", ["instant", "thorough"])
def test_the_code_of_a_start_from_scratch_makes_the_same_configuration(preset: str, task: Any) -> None:
    for changes in ({}, {"learning_rate": 1e-2, "batch_size": 64, "weight_decay": 0.5}):
        config = make_config("photos", task, "own", preset, start="scratch", epochs=3, **changes)
        assert snippets.changes(config) == {"start": "scratch", "epochs": 3} | changes
        code = snippets.python_code(config).split("# Train\n")[0]
        assert run_lines(code, Path.cwd())["config"] == config


def test_the_code_searches_where_no_rate_was_set(monkeypatch: pytest.MonkeyPatch) -> None:
    found = Finder((1e-5, 1e-4), (2.0, 1.5), 3e-4)
    monkeypatch.setattr("vision_core.training.finder.find_learning_rate", lambda config: found)
    code = snippets.python_code(make_config("photos", "classification", "resnet18", learning_rate=None))
    assert run_lines(code.split("# Train\n")[0], Path.cwd())["config"].learning_rate == 3e-4


@pytest.mark.parametrize(
    ("task", "model"), [("classification", "resnet18"), ("detection", "ssdlite_mobilenet_v2_coco")]
)
def test_the_notebook_is_one(task: Any, model: str) -> None:
    content = snippets.notebook(make_config(HOSTILE, task, model))
    read = nbformat.reads(content.decode(), 4)
    nbformat.validate(read)
    assert snippets.notebook(make_config(HOSTILE, task, model)) == content
    for cell in read.cells:
        if cell.cell_type == "code":
            ast.parse(cell.source)


def test_the_notebook_trains(tmp_path: Path, workspace: Path) -> None:
    shelf = add_shelf(12, seed=1)
    config = make_config(
        shelf.id, "detection", "ssdlite_mobilenet_v2_coco", preset="instant", epochs=1, input_size_px=96, batch_size=4
    )
    cells = nbformat.reads(snippets.notebook(config).decode(), 4).cells
    code = "\n\n".join(cell.source for cell in cells if cell.cell_type == "code")
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env={
            "PYTHONPATH": str(Path(__file__).parent.parent),
            "OMP_NUM_THREADS": "1",
            "WHATWHERE_HOME": str(workspace),
            "PATH": "/usr/bin:/bin",
        },
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.startswith("finished ")
    (run,) = list_run_folders()
    assert (run.path / BEST).is_file()


def shelf_config(**changes: Any) -> TrainConfig:
    known: dict[str, Any] = {"data": add_shelf(12, seed=1).id, "task": "classification"}
    values: dict[str, Any] = known | {"preset": "balanced"} | changes
    return make_config(model="tf_efficientnet_lite0", **values)


def test_a_look_ahead_counts_pictures_and_classes() -> None:
    found = preflight.check(shelf_config(labels_from="crops"))
    assert set(found.pictures) == {"train", "val", "test"}
    assert {name for name, _ in found.classes} <= set(CLASS_NAMES)
    assert sum(count for _, count in found.classes) == found.pictures["train"]
    assert not found.multi_label
    assert any(note.startswith("Few pictures to learn from") for note in found.notes)


def test_a_batch_of_one_is_refused_with_the_reason() -> None:
    with pytest.raises(Exception, match="batch norm, which cannot learn from one picture"):
        preflight.check(shelf_config(batch_size=1))
    preflight.check(shelf_config(preset="instant", batch_size=1))  # its head has none


def test_weights_that_are_nowhere_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHATWHERE_OFFLINE", "1")
    with pytest.raises(WeightsError, match="WHATWHERE_OFFLINE is set"):
        preflight.check(shelf_config().changed(model="resnet18"))
    preflight.check(shelf_config().changed(model="resnet18", start="scratch"))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"optimizer": "adamwx"}, "timm does not know.*adamw"),
        ({"device": "cuda:99"}, "cannot be used on this machine"),
        ({"device": "cpu", "precision": "fp16"}, "'fp16', which wants a GPU"),
        ({"trackers": ["trackio"]}, "pip install trackio"),
    ],
)
def test_what_this_machine_has_not_is_refused(
    changes: dict[str, Any], reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("accelerate.tracking.get_available_trackers", lambda: ["tensorboard"])
    with pytest.raises(SettingsError, match=reason):
        preflight.check(shelf_config(**changes))
    preflight.check(shelf_config(optimizer="SGD", device="cpu", precision="bf16", trackers=["tensorboard"]))


def test_a_damaged_run_forbids_no_other() -> None:
    config = shelf_config()
    broken, _ = (RunFolder.create(settings().home / "runs" / name, config.changed(data="/srv/x")) for name in "ab")
    (broken.path / "config.json").write_text("{", encoding="utf-8")
    preflight.check_places(config)
    preflight.check_places(config.changed(data="/srv/x"))
    with pytest.raises(SettingsError, match="WHATWHERE_FOLDERS"):  # what no run was given is still refused
        preflight.check_places(config.changed(data="/srv/y"))


def test_only_places_that_visitors_may_open() -> None:
    config = shelf_config()
    preflight.check_places(config)
    for changes in ({"data": "/etc"}, {"start": "/etc/passwd"}, {"start": "../../secret.pth"}):
        with pytest.raises(SettingsError):
            preflight.check_places(config.changed(**changes))
    RunFolder.create(settings().home / "runs" / "earlier", config.changed(data="/srv/photos"))
    preflight.check_places(config.changed(data="/srv/photos"))  # what an earlier run was given may be used again
    preflight.check_places(config.changed(start=str(settings().home / "runs" / "earlier")))


def test_own_weights_are_kept_once_and_read_safely(tmp_path: Path) -> None:
    source = trained(tmp_path / "run", "resnet18", "classification").path / BEST
    kept = preflight.keep_weights("mine.safetensors", source.read_bytes())
    assert preflight.keep_weights("again.safetensors", source.read_bytes()) == kept
    preflight.check_places(shelf_config().changed(start=str(kept)))
    with pytest.raises(WeightsError):
        preflight.keep_weights("mine.pth", b"not weights at all")
    with pytest.raises(WeightsError, match="is not a weights file"):
        preflight.keep_weights("photo.jpg", b"x")
    assert [path.name for path in kept.parent.iterdir()] == [kept.name]
