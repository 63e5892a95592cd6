"""The command line's `train`, `resume`, `evaluate`, `runs` and `cancel`, as processes: their JSON is a contract."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.training_processes import CLASSIFIER, DETECTOR, exit_status, paint_boxed, paint_labelled
from vision_core.__main__ import main
from vision_core.errors import SettingsError
from vision_core.run_folder import STATUS, RunFolder, create_run
from vision_core.runs import list_runs
from vision_core.train_commands import _settings
from vision_core.training.config import TrainConfig, make_config

ROOT = Path(__file__).parent.parent
SMALL = ("--device", "cpu", "--set", "threads=1", "--batch-size", "6", "--learning-rate", "0.001")
CLASSIFY = ("--task", "classification", "--model", CLASSIFIER, "--start", "scratch", "--input-size", "32", *SMALL)
DETECT = ("--task", "detection", "--model", DETECTOR, "--input-size", "64", *SMALL)


def answer(said: Path, *arguments: str | Path) -> Any:
    """What a command that succeeds prints as JSON, on one line."""
    said.mkdir(exist_ok=True)
    status = exit_status(*arguments, "--json", said=said)
    assert status == 0, (said / "err").read_text()
    text = (said / "out").read_text()
    assert text.count("\n") == 1
    return json.loads(text)


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return paint_labelled(tmp_path_factory.mktemp("labelled") / "data")


@pytest.fixture(scope="module")
def boxed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return paint_boxed(tmp_path_factory.mktemp("boxed") / "data")


@pytest.mark.slow
def test_a_classifier_is_trained_evaluated_listed_and_used(labelled: Path, tmp_path: Path) -> None:
    said = tmp_path / "said"
    trained = answer(said, "train", "--data", labelled, *CLASSIFY, "--epochs", "4", "--name", "Colours", "--seed", "3")
    assert trained["state"] == "finished"
    assert {"run", "top1", "f1_macro", "ece", "images_per_second", "epochs", "split", "seconds"} <= trained.keys()
    assert (trained["epochs"], trained["split"], trained["images"]) == (4, "val", 6)
    assert 0 <= trained["top1"] <= 1
    assert trained["images_per_second"] > 0
    progress = (said / "err").read_text()
    assert progress.count("Epoch ") == 4
    assert "\r" not in progress, "nobody rewrites lines of a file"

    run = RunFolder.open(trained["run"])
    assert (run.record().name, run.config().seed, run.config().epochs) == ("Colours", 3, 4)
    figures = run.read("evaluation.json")["metrics"]
    assert {"top1", "f1_macro", "ece", "kappa", "log_loss"} <= figures.keys()
    assert figures == {name: trained[name] for name in figures}
    best = [record for record in run.history() if record["best"]][-1]
    assert trained["best_epoch"] == best["epoch"]
    for name, value in best["metrics"].items():  # without a test split the same pictures are judged again
        assert trained[name] == pytest.approx(value, abs=1e-4)
    assert answer(said, "resume", "Colours") == trained, "what is finished is not trained again"

    judged = answer(said, "evaluate", run.path)
    assert judged["top1"] == trained["top1"]
    shutil.copytree(labelled / "train", tmp_path / "other")
    before = (run.path / "evaluation.json").read_bytes()
    elsewhere = answer(said, "evaluate", "Colours", "--data", tmp_path / "other")
    assert (elsewhere["split"], elsewhere["images"], elsewhere["data"]) == ("", 18, str(tmp_path / "other"))
    assert (run.path / "evaluation.json").read_bytes() == before
    (tmp_path / "other" / "red").rename(tmp_path / "other" / "violet")
    assert exit_status("evaluate", run.path, "--data", tmp_path / "other", said=said) == 2
    assert "shows 'violet', which the run has not learned" in (said / "err").read_text()

    (row,) = answer(said, "runs")
    assert (row["id"], row["name"], row["state"], row["metric"]) == (run.path.name, "Colours", "finished", "top1")
    (spec,) = list_runs()
    assert spec.title == "Colours (test_resnet)"
    (seen,) = answer(said, "predict", labelled / "val" / "red" / "0.png", "--classifier", run.path)
    assert {label["name"] for label in seen["classification"]["labels"]} == {"red", "green", "blue"}

    further = ("--data", labelled, "--task", "classification", "--model", run.path, "--epochs", "1", *SMALL)
    onward = answer(said, "train", *further, "--input-size", "32", "--run", tmp_path / "onward")
    assert onward["model"] == CLASSIFIER
    assert RunFolder.open(tmp_path / "onward").config().start == str(run.path)


@pytest.mark.slow
def test_a_detector_is_trained_and_the_same_boxes_teach_several_labels(boxed: Path, tmp_path: Path) -> None:
    said = tmp_path / "said"
    trained = answer(said, "train", "--data", boxed, *DETECT, "--epochs", "1", "--run", tmp_path / "detector")
    assert (trained["run"], trained["state"]) == (str(tmp_path / "detector"), "finished")
    assert {"map", "map50", "map75", "ar100"} <= trained.keys()
    (epoch,) = RunFolder.open(trained["run"]).history()
    assert trained["map"] == pytest.approx(epoch["metrics"]["map"], abs=1e-4)
    assert answer(said, "evaluate", trained["run"], "--split", "train")["images"] == 6
    assert exit_status("evaluate", trained["run"], "--split", "holiday", said=said) == 2
    assert "there is train, val" in (said / "err").read_text()
    assert answer(said, "runs") == []

    several = answer(said, "train", "--data", boxed, *CLASSIFY, "--epochs", "1", "--run", tmp_path / "several")
    assert RunFolder.open(several["run"]).read("config.json")["multi_label"] is True
    assert {"map", "f1_macro", "f1_micro", "ece"} <= several.keys()
    (seen,) = answer(said, "predict", boxed / "val" / "0.png", "--classifier", several["run"])
    assert abs(sum(label["score"] for label in seen["classification"]["labels"]) - 1) > 0.01


@pytest.mark.slow
def test_a_run_in_the_background_says_where_it_is_and_can_be_cancelled(labelled: Path, tmp_path: Path) -> None:
    from vision_core.training import turns
    from vision_core.training.pulse import identity

    other = create_run(make_config("nowhere", "classification", "resnet18", device="cpu"))
    other.write(STATUS, {"state": "queued", **identity()})
    with turns.changing() as waiting:
        turns.enter(waiting, other, ("cpu",))  # this process waits before it, for good
    begun = answer(tmp_path / "said", "train", "--data", labelled, *CLASSIFY, "--background")
    assert begun["state"] == "queued"
    assert answer(tmp_path / "said", "cancel", begun["run"]) == {"run": begun["run"], "state": "cancelled"}
    assert exit_status("cancel", begun["run"]) == 2


@pytest.mark.slow
def test_several_processes_make_one_run(labelled: Path, tmp_path: Path) -> None:
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    done = subprocess.run(
        [*launch, "-m", "--", "vision_core", "train", "--data", labelled, *CLASSIFY, "--epochs", "2", "--json"],
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert done.returncode == 0, done.stderr
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("{")]
    assert json.loads(line)["epochs"] == 2
    assert done.stderr.count("Epoch 2 of 2") == 1
    (path,) = (tmp_path / "workspace" / "runs").glob("*/config.json")
    assert json.loads(path.read_text())["environment"]["processes"] == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--data", "nowhere", "--task", "poetry", "--model", "resnet18"), "poetry"),
        (("--data", "nowhere", "--task", "detection", "--model", "resnet18"), "does classification"),
        (("--data", "nowhere", "--task", "classification", "--model", "resnet81"), "resnet81"),
        (("--data", "nowhere", "--task", "classification", "--model", "resnet18", "--preset", "quick"), "quick"),
        (("--data", "nowhere", "--task", "classification", "--model", "resnet18", "--epochs", "0"), "epochs is 0"),
        (("--data", "x", "--task", "classification", "--model", "resnet18", "--learning-rate", "fast"), "fast"),
        (("--data", "x", "--task", "classification", "--model", "resnet18", "--set", "warm=1"), "warm=1"),
        (("--data", "x", "--task", "classification", "--model", "resnet18", "--set", "seed"), "NAME=VALUE"),
        (("--data", "x", "--task", "classification", "--model", "resnet18", "--set", "views=many"), "views is 'many'"),
        (("--data", "x", "--task", "classification", "--model", "resnet18", "--run", "tests"), "holds something"),
        (("--data", "x", "--task", "classification"), "--model"),
    ],
)
def test_a_configuration_that_cannot_work_is_one_line_and_leaves_no_run(
    arguments: tuple[str, ...],
    said: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    workspace: Path,
) -> None:
    monkeypatch.chdir(ROOT)
    assert main(["train", *arguments, "--json"]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert said in printed.err.splitlines()[-1]
    assert not list(workspace.glob("runs/*"))


def test_settings_are_read_as_what_they_may_be() -> None:
    def read(*pairs: str) -> TrainConfig:
        return make_config("x", "classification", "resnet18", **_settings(list(pairs)))

    assert read("balance=none").balance == read("mix=None").mix == "none"
    assert read("augmentation=none").augmentation == "none"
    assert (read("device=none").device, read("learning_rate=null").learning_rate) == (None, None)
    assert read("trackers=tensorboard").trackers == ("tensorboard",)
    assert read("trackers=tensorboard, mlflow").trackers == ("tensorboard", "mlflow")
    assert read('trackers=["mlflow"]').trackers == ("mlflow",)
    assert read("trackers=none").trackers == ()
    assert (read("seed=7").seed, read("compile=true").compile, read("optimizer=lion").optimizer) == (7, True, "lion")
    with pytest.raises(SettingsError, match="epochs is 'none'"):
        read("epochs=none")


def test_data_that_are_not_there_fail_the_run_with_a_sentence(tmp_path: Path) -> None:
    run = tmp_path / "run"
    status = exit_status("train", "--data", "nowhere", *CLASSIFY, "--run", run, "--json", said=tmp_path)
    assert (status, (tmp_path / "out").read_text()) == (2, "")
    assert "There is no data set 'nowhere'" in (tmp_path / "err").read_text().splitlines()[-1]
    assert RunFolder.open(run).record().state == "failed"


@pytest.mark.parametrize("command", ["resume", "evaluate", "cancel"])
def test_a_run_that_is_not_there_is_named(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = (create_run(make_config("x", "classification", "resnet18"), "twins") for _ in range(2))
    for text, said in (("nothing-like-it", "'nothing-like-it' is no run"), ("twins", "2 runs are called 'twins'")):
        assert main([command, text]) == 2
        assert said in capsys.readouterr().err
    assert main(["runs"]) == 0
    listed = capsys.readouterr().out
    assert first.path.name in listed
    assert second.path.name in listed


def test_a_run_without_weights_cannot_be_evaluated(capsys: pytest.CaptureFixture[str]) -> None:
    run = create_run(make_config("x", "classification", "resnet18"))
    assert main(["evaluate", str(run.path)]) == 2
    assert "has no weights yet" in capsys.readouterr().err
