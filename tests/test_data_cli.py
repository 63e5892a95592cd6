"""The command line's `data` group, run as a process: its JSON is a contract."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO

from tests.data_files import put, tree

ROOT = Path(__file__).parent.parent


def run(*arguments: str | Path, status: int = 0) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "vision_core", "data", *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == status, done.stderr
    return done


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cli") / "shelf"
    answer = json.loads(run("shelf", folder, "--images", "24", "--seed", "5", "--json").stdout)
    assert (answer["images"], answer["seed"], answer["out"]) == (24, 5, str(folder))
    return folder


def test_a_shelf_is_an_ordinary_coco_data_set(shelf: Path) -> None:
    files = sorted(shelf.rglob("_annotations.coco.json"))
    assert [file.parent.name for file in files] == ["test", "train", "val"]
    boxes = 0
    for file in files:
        coco = COCO(str(file))
        boxes += len(coco.anns)
        for item in coco.imgs.values():
            with Image.open(file.parent / item["file_name"]) as image:
                assert image.size == (item["width"], item["height"])
    assert boxes > 24


def test_check_prints_the_contract_on_one_line(shelf: Path) -> None:
    done = run("check", shelf, "--json")
    assert done.stdout.count("\n") == 1
    answer = json.loads(done.stdout)
    assert {"format", "images", "boxes", "classes", "problems"} <= answer.keys()
    assert (answer["format"], answer["images"], answer["classes"]) == ("coco", 24, 10)
    for problem in answer["problems"]:
        assert {"code", "count", "examples"} <= problem.keys()


def test_check_exits_0_whatever_it_finds_and_1_when_asked_to_be_strict(shelf: Path, tmp_path: Path) -> None:
    run("convert", shelf, tmp_path / "broken", "--to", "yolo")
    damaged = next((tmp_path / "broken").rglob("*.[jp][pn]g"))
    content = damaged.read_bytes()
    damaged.unlink()  # a hard link: the shelf's own picture must stay whole
    damaged.write_bytes(content[: len(content) // 2])
    answer = json.loads(run("check", tmp_path / "broken", "--json").stdout)
    found = {problem["code"]: problem for problem in answer["problems"]}
    assert found["damaged_picture"]["count"] == 1
    assert damaged.name in found["damaged_picture"]["examples"][0]
    run("check", tmp_path / "broken", "--strict", "--json", status=1)
    assert "damaged_picture" in run("check", tmp_path / "broken").stdout


@pytest.mark.parametrize("format", ["yolo", "voc", "csv", "coco"])
def test_convert_writes_what_reads_back_the_same(shelf: Path, tmp_path: Path, format: str) -> None:
    before = json.loads(run("check", shelf, "--json").stdout)
    answer = json.loads(run("convert", shelf, tmp_path / format, "--to", format, "--json").stdout)
    assert (answer["format"], answer["images"]) == (format, 24)
    after = json.loads(run("check", tmp_path / format, "--json").stdout)
    assert after["format"] == format
    for name in ("images", "boxes"):
        assert after[name] == before[name]


@pytest.fixture
def faulty(tmp_path: Path) -> Path:
    """YOLO with a box of a class that does not exist, one beyond the border, and a picture nobody has labelled."""
    files: dict[str, bytes | str] = {
        "data.yaml": "train: images\nnames: [cat, dog]",
        "labels/a.txt": "0 0.3 0.4 0.2 0.2\n7 0.5 0.5 0.2 0.2\n",
        "labels/b.txt": "1 0.9 0.5 0.4 0.2\n",
    }
    folder = put(tmp_path / "faulty", files, "images/a.png images/b.png")
    for seed, path in enumerate(sorted(folder.rglob("*.png"))):
        Image.fromarray(np.random.default_rng(seed).integers(0, 255, (48, 64, 3), np.uint8)).save(path)
    return folder


def test_fix_mends_what_convert_refuses(faulty: Path, tmp_path: Path) -> None:
    before = tree(faulty)
    refused = run("convert", faulty, tmp_path / "out", "--to", "voc", status=2)
    assert "`data fix`" in refused.stderr
    done = run("fix", faulty, tmp_path / "out", "--to", "voc", "--json")
    assert done.stdout.count("\n") == 1
    answer = json.loads(done.stdout)
    assert answer.keys() == {"out", "format", "images", "boxes", "mended"}
    assert (answer["out"], answer["format"]) == (str(tmp_path / "out"), "voc")
    assert answer["mended"]["unknown_class"] == answer["mended"]["box_beyond_border"] == 1
    found = {p["code"]: p for p in json.loads(run("check", tmp_path / "out", "--json").stdout)["problems"]}
    assert not {"unknown_class", "box_beyond_border"} & found.keys()
    assert tree(faulty) == before
    assert sorted(path.name for path in tmp_path.iterdir() if path.name[0] == ".") == []


def test_fix_mends_only_what_it_is_told_and_keeps_the_format(faulty: Path, tmp_path: Path) -> None:
    done = run("fix", faulty, tmp_path / "out", "--code", "unknown_class")
    assert "as yolo" in done.stdout
    assert "mended unknown_class: " in done.stdout
    codes = [problem["code"] for problem in json.loads(run("check", tmp_path / "out", "--json").stdout)["problems"]]
    assert "box_beyond_border" in codes
    assert "unknown_class" not in codes
    refused = run("fix", faulty, tmp_path / "other", "--code", "tiny_class", status=2)
    assert "'tiny_class' cannot be mended here" in refused.stderr
    assert not (tmp_path / "other").exists()


def test_import_and_list(shelf: Path) -> None:
    answer = json.loads(run("import", shelf, "--name", "My shelf", "--json").stdout)
    assert (answer["name"], answer["images"], answer["splits"]) == ("My shelf", 24, ["train", "val", "test"])
    (row,) = json.loads(run("list", "--json").stdout)
    assert (row["name"], row["version"], row["images"]) == ("My shelf", 1, 24)


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (("check", "nowhere"), "nowhere"),
        (("shelf", "{tmp}", "--images", "0"), "0"),
        (("shelf", "{tmp}", "--images", "3", "--difficulty", "absurd"), "absurd"),
        (("convert", "{shelf}", "{tmp}/out", "--to", "tfrecord"), "tfrecord"),
        (("convert", "{shelf}", "{tmp}/out", "--to", "folder"), "box"),
        (("check", "{shelf}", "--task", "poetry"), "poetry"),
        (("check", "{shelf}", "--format", "cocoa"), "cocoa"),
    ],
)
def test_what_the_caller_can_mend_is_one_line_and_status_2(
    arguments: tuple[str, ...], names: str, shelf: Path, tmp_path: Path
) -> None:
    done = run(*(text.format(tmp=tmp_path, shelf=shelf) for text in arguments), status=2)
    assert done.stdout == ""
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("error: ")
    assert names in last
    assert not (tmp_path / "out").exists()
