"""The command-line contract, by real processes: JSON on standard output, sentences on standard error, exit codes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from vision_core import list_models
from vision_core.__main__ import main

ROOT = Path(__file__).parent.parent
PHOTO = "vision_core/assets/samples/chelsea.png"


def run(*arguments: str, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "vision_core", *arguments],
        cwd=ROOT,
        env=os.environ | (environment or {}),
        capture_output=True,
        text=True,
        timeout=300,
    )


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The one line on standard error of a command that the caller can mend."""
    status = main(list(arguments))
    said = capsys.readouterr()
    assert status == 2
    assert said.out == ""
    assert len(said.err.splitlines()) == 1, said.err
    return said.err


def test_models_lists_the_catalogue() -> None:
    done = run("models", "--json")
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == 1
    rows = json.loads(done.stdout)
    assert [row["name"] for row in rows] == [spec.name for spec in list_models()]
    for row in rows:
        assert {"name", "task", "family", "source", "parameters", "weights", "licence"} <= set(row)
    assert {row["weights"] for row in rows if row["name"] == "tf_efficientnet_lite0"} == {"embedded"}
    only = json.loads(run("models", "--task", "detection", "--json").stdout)
    assert {row["task"] for row in only} == {"detection"}


def test_predict_says_everything_the_contract_names(samples: Path) -> None:
    photo = str(samples / "coffee.png")
    done = run("predict", photo, "--pipeline", "--json")
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == 1
    (record,) = json.loads(done.stdout)
    assert record["image"] == {"path": photo, "width_px": 600, "height_px": 400}
    assert record["classification"]["model"] == "tf_efficientnet_lite0"
    assert record["classification"]["labels"][0]["name"] == "espresso"
    assert [item["name"] for item in record["detection"]["objects"]] == ["cup", "dining table"]
    assert record["pipeline"]["objects"][0]["labels"][0]["name"] == "espresso"
    for part in ("classification", "detection", "pipeline"):
        assert record[part]["latency_ms"] > 0
    for item in record["detection"]["objects"]:
        assert set(item) == {"name", "score", "box_xyxy"}
        assert len(item["box_xyxy"]) == 4


def test_naming_one_model_asks_only_that_one(samples: Path) -> None:
    done = run("predict", str(samples / "chelsea.png"), "--detector", "ssdlite_mobilenet_v2_coco", "--json")
    (record,) = json.loads(done.stdout)
    assert set(record) == {"image", "detection"}


def test_thresholds_and_filters_are_obeyed(samples: Path) -> None:
    photo = str(samples / "coffee.png")
    done = run("predict", photo, "--score", "0.9", "--top-k", "2", "--json")
    (record,) = json.loads(done.stdout)
    assert [item["name"] for item in record["detection"]["objects"]] == ["cup"]
    assert len(record["classification"]["labels"]) == 2
    (record,) = json.loads(run("predict", photo, "--class", "dining table", "--json").stdout)
    assert [item["name"] for item in record["detection"]["objects"]] == ["dining table"]


def test_a_folder_gives_a_line_a_picture_as_it_is_ready(samples: Path, tmp_path: Path) -> None:
    for number in range(5):
        (tmp_path / f"{number}.png").write_bytes((samples / "chelsea.png").read_bytes())
    (tmp_path / "notes.txt").write_text("not a picture")
    done = run("predict", str(tmp_path), "--jsonl", "--batch-size", "2")
    assert done.returncode == 0
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [Path(line["image"]["path"]).name for line in lines] == [f"{n}.png" for n in range(5)]
    assert len({line["classification"]["labels"][0]["score"] for line in lines}) == 1


def test_one_bad_file_among_many_is_said_and_the_others_still_count(samples: Path, tmp_path: Path) -> None:
    good = tmp_path / "b.png"
    good.write_bytes((samples / "chelsea.png").read_bytes())
    bad = tmp_path / "a.jpg"
    bad.write_bytes(b"<html>not a picture</html>")
    done = run("predict", str(tmp_path), "--json")
    assert done.returncode == 2
    first, second = json.loads(done.stdout)
    assert "a.jpg" in first["error"]
    assert second["detection"]["objects"][0]["name"] == "cat"
    assert "1 of 2" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("predict", "missing.jpg"), "missing.jpg"),
        (("predict", "README.md"), "README.md"),
        (("predict", PHOTO, "--score", "1.5"), "--score 1.5"),
        (("predict", PHOTO, "--iou", "nan"), "--iou nan"),
        (("predict", PHOTO, "--top-k", "0"), "--top-k 0"),
        (("predict", PHOTO, "--classifier", "resnet81"), "resnet81"),
        (("predict", PHOTO, "--detector", "tf_efficientnet_lite0"), "does classification"),
        (("predict", PHOTO, "--class", "unicorn"), "unicorn"),
        (("predict", PHOTO, "--device", "toaster"), "toaster"),
        (("predict",), "IMAGE"),
        (("models", "--task", "poetry"), "poetry"),
        (("frobnicate",), "frobnicate"),
    ],
)
def test_what_the_caller_can_mend_is_one_line_and_exit_2(
    arguments: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    assert said in refused(capsys, *arguments)


def test_weights_that_cannot_be_had_name_the_way_out(samples: Path) -> None:
    done = run(
        "predict", str(samples / "chelsea.png"), "--classifier", "resnet18", environment={"WHATWHERE_OFFLINE": "1"}
    )
    assert done.returncode == 2
    assert "resnet18" in done.stderr
    assert str(Path(os.environ["WHATWHERE_HOME"]) / "weights") in done.stderr


def test_an_empty_folder_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "holds no pictures" in refused(capsys, "predict", str(tmp_path), "--json")


def test_a_mistake_in_a_real_process_is_one_line_and_exit_2_too() -> None:
    done = run("predict", "a" * 3000, "--json")
    assert (done.returncode, done.stdout) == (2, "")
    done = run("predict", "missing.jpg", "--json")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "error: 'missing.jpg' does not exist; check the path.\n"


def test_help_is_there_for_people() -> None:
    done = run("--help")
    assert done.returncode == 0
    assert "predict" in done.stdout
    assert run().returncode == 0


def test_the_package_imports_without_torch() -> None:
    code = "import vision_core, sys; vision_core.Detections; print('torch' in sys.modules, 'PIL' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


def test_every_public_name_resolves() -> None:
    import vision_core

    assert all(getattr(vision_core, name) is not None for name in vision_core.__all__)
    with pytest.raises(AttributeError, match="classify_then_nothing"):
        _ = vision_core.classify_then_nothing  # type: ignore[attr-defined]
