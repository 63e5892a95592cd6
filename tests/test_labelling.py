"""Labelling without a browser: operations and their replay, the journal through crashes, seconds and money."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Mapping
from copy import deepcopy
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vision_core.data.effort import Amount, Bill, Rate, Work, bill, count_work, measure, published
from vision_core.data.index import DatasetIndex, IndexBuilder, differences
from vision_core.data.journal import FILE_NAME, Journal, read_operations, replay
from vision_core.data.label_operations import Operation
from vision_core.data.labelling import Labelling
from vision_core.errors import DataError

ROOT = Path(__file__).parent.parent
CLASSES = ("shirt", "bag & <b>co</b>", "Schuhe Größe 42")
PATHS = ("a/1.jpg", "a/2.jpg", "b/ü 3.png", "4.jpg")
WIDTH, HEIGHT = 640, 480


def small_index(root: Path = Path("/pictures")) -> DatasetIndex:
    """Four pictures: one untouched, one labelled, one with two boxes (one a crowd), one searched without a find."""
    builder = IndexBuilder(CLASSES)
    builder.add_image(PATHS[0], (WIDTH, HEIGHT))
    builder.add_image(PATHS[1], (WIDTH, HEIGHT), "train", labels=[2, 0])
    boxes = [(1, 1.5, 2.0, 30.0, 40.0, False), (0, 0.0, 0.0, 640.0, 480.0, True)]
    builder.add_image(PATHS[2], (WIDTH, HEIGHT), "val", labels=[], boxes=boxes)
    builder.add_image(PATHS[3], (WIDTH, HEIGHT), boxes=[])
    return builder.finish(root, "folder")


def add(number: int, image: str = PATHS[0], **values: Any) -> Operation:
    given = {"box": f"n{number}", "class_name": "shirt", "box_xyxy": (1.0, 2.0, 10.0 + number % 500, 20.0), **values}
    return Operation(id=f"t:{number}", kind="add", image=image, **given)


# ---------------------------------------------------------------- replay against a model

FIELDS = {
    "labels": ("image", "labels", "group"),
    "searched": ("image", "searched", "group"),
    "move": ("image", "box", "box_xyxy", "group"),
    "reclass": ("image", "box", "class_name", "group"),
    "delete": ("image", "box", "group"),
    "reject": ("image", "box", "group"),
    "add": ("image", "box", "class_name", "box_xyxy", "group"),
    "class": ("class_name",),
    "undo": ("image",),
}
FIELDS |= {"resize": FIELDS["move"], "accept": FIELDS["add"], "redo": FIELDS["undo"], "left": FIELDS["undo"]}

edges = st.tuples(
    st.integers(0, WIDTH - 1), st.integers(0, HEIGHT - 1), st.integers(1, WIDTH), st.integers(1, HEIGHT)
).filter(lambda e: e[0] < e[2] and e[1] < e[3])
steps = st.lists(
    st.fixed_dictionaries(
        {
            "kind": st.sampled_from(["add", "add", "add", "undo", "undo", *FIELDS]),
            "image": st.sampled_from(PATHS),
            "box": st.sampled_from(["o0", "o1", "n1", "n2", "n3", "p1", "p2"]),
            "class_name": st.sampled_from([*CLASSES, "new", "newer"]),
            "box_xyxy": edges.map(lambda e: tuple(map(float, e))),
            "labels": st.none() | st.lists(st.sampled_from([*CLASSES, "new"]), unique=True).map(tuple),
            "searched": st.booleans(),
            "group": st.sampled_from(["", "", "g1", "g2"]),
        }
    ),
    max_size=40,
)


class Model:
    """The same in the plainest way: whole copies of a picture for every step, lists and dictionaries."""

    def __init__(self, index: DatasetIndex) -> None:
        self.classes = list(index.class_names)
        self.images: dict[str, dict[str, Any]] = {}
        self.past: dict[str, list[tuple[str, dict[str, Any]]]] = {path: [] for path in PATHS}
        self.future: dict[str, list[tuple[str, dict[str, Any]]]] = {path: [] for path in PATHS}
        for record in index:
            boxes = [] if record.boxes_xyxy is None else record.boxes_xyxy.tolist()
            self.images[record.path.relative_to(index.root).as_posix()] = {
                "labels": None if record.labels is None else list(record.labels),
                "searched": record.boxes_xyxy is not None,
                "boxes": {
                    f"o{n}": [index.class_names[record.class_ids[n]], box, bool(record.crowd[n])]
                    for n, box in enumerate(boxes)
                },
            }

    def do(self, step: Mapping[str, Any]) -> bool:
        """Whether the step is possible; it is then made."""
        kind, path, box = step["kind"], step["image"], step["box"]
        if kind == "class":
            if step["class_name"] not in self.classes:
                self.classes.append(step["class_name"])
            return True
        if kind == "left":
            return True
        if kind in ("undo", "redo"):
            source, target = (self.past, self.future) if kind == "undo" else (self.future, self.past)
            if not source[path]:
                return False
            group = source[path][-1][0]
            while True:
                target[path].append((group, self.images[path]))
                self.images[path] = source[path].pop()[1]
                if not group or not source[path] or source[path][-1][0] != group:
                    return True
        now = deepcopy(self.images[path])
        if not self._change(now, kind, box, step):
            return False
        self.past[path].append((step["group"], self.images[path]))
        self.future[path] = []
        self.images[path] = now
        return True

    def _change(self, now: dict[str, Any], kind: str, box: str, step: Mapping[str, Any]) -> bool:
        named = {"labels": step["labels"] or (), "searched": (), "delete": (), "move": (), "resize": (), "reject": ()}
        if any(name not in self.classes for name in named.get(kind, (step["class_name"],))):
            return False
        if kind == "labels":
            now["labels"] = None if step["labels"] is None else list(step["labels"])
        elif kind == "searched":
            now["searched"] = step["searched"] or bool(now["boxes"])
        elif kind in ("add", "accept"):
            if box in now["boxes"]:
                return False
            now["boxes"][box] = [step["class_name"], list(step["box_xyxy"]), False]
            now["searched"] = True
        elif kind != "reject":
            if box not in now["boxes"]:
                return False
            if kind == "delete":
                del now["boxes"][box]
            elif kind == "reclass":
                now["boxes"][box][0] = step["class_name"]
            else:
                now["boxes"][box][1] = list(step["box_xyxy"])
        return True


def told(index: DatasetIndex) -> dict[str, dict[str, Any]]:
    """What an index says, in the model's words (boxes without their ids, in order)."""
    said = {}
    for record in index:
        boxes = [] if record.boxes_xyxy is None else record.boxes_xyxy.tolist()
        said[record.path.relative_to(index.root).as_posix()] = {
            "labels": None if record.labels is None else list(record.labels),
            "searched": record.boxes_xyxy is not None,
            "boxes": [
                [index.class_names[record.class_ids[n]], box, bool(record.crowd[n])] for n, box in enumerate(boxes)
            ],
        }
    return said


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=steps, restarts=st.sets(st.integers(0, 40), max_size=3))
def test_any_sequence_replays_to_what_a_plain_model_says(
    steps: list[dict[str, Any]], restarts: set[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("version")
    index, model = small_index(), Model(small_index())
    journal = Journal(folder, index)
    for number, step in enumerate(steps):
        values = {name: step[name] for name in FIELDS[step["kind"]]}
        [answer] = journal.record([Operation(id=f"s:{number}", kind=step["kind"], **values)])
        assert (answer == "") == model.do(step), answer
        if number in restarts:
            journal.close()
            journal = Journal(folder, index)
    journal.close()
    labelled = replay(folder, index)
    expected = {path: {**said, "boxes": list(said["boxes"].values())} for path, said in model.images.items()}
    assert told(labelled) == expected
    assert labelled.class_names == tuple(model.classes)
    assert (labelled.box_column("image")[:-1] <= labelled.box_column("image")[1:]).all()
    assert differences(index, small_index()) == []  # what it started from is as it was
    labelled.save(folder / "saved")
    assert differences(DatasetIndex.load(folder / "saved"), labelled) == []


def test_the_index_keeps_splits_crowds_and_pictures_nobody_touched() -> None:
    index = small_index()
    labelling = Labelling(index, [add(1), add(2, PATHS[2]), Operation(id="x", kind="delete", image=PATHS[2], box="o0")])
    labelled = labelling.to_index()
    assert [record.split for record in labelled] == ["", "train", "val", ""]
    assert labelled.record(2).crowd.tolist() == [True, False]
    untouched = labelled.take([1, 3])
    assert differences(untouched, index.take([1, 3])) == []


@pytest.mark.parametrize(
    ("operation", "reason"),
    [
        (add(1, "missing.jpg"), "no picture 'missing.jpg'"),
        (add(1, class_name="coat"), "no class 'coat'"),
        (add(1, box_xyxy=(1.0, 2.0, 641.0, 20.0)), "640 x 480"),
        (add(1, box_xyxy=(-1.0, 2.0, 10.0, 20.0)), "reaches out"),
        (Operation(id="u", kind="undo", image=PATHS[0]), "nothing to undo"),
        (Operation(id="u", kind="redo", image=PATHS[0]), "nothing to redo"),
        (Operation(id="u", kind="delete", image=PATHS[0], box="n9"), "no box 'n9'"),
        (Operation(id="u", kind="class", class_name=" \n"), "no name for a class"),
        (Operation(id="u", kind="labels", image=PATHS[0], labels=("coat",)), "no class 'coat'"),
    ],
)
def test_what_does_not_fit_is_refused_with_a_reason_and_not_written(
    operation: Operation, reason: str, tmp_path: Path
) -> None:
    with Journal(tmp_path, small_index()) as journal:
        [answer] = journal.record([operation])
        assert reason in answer
    assert read_operations(tmp_path) == []


# ---------------------------------------------------------------- operations as they are written

operations = st.builds(
    Operation,
    id=st.text(min_size=1, max_size=20),
    kind=st.just("add"),
    image=st.text(max_size=50),
    box=st.text(min_size=1, max_size=20),
    class_name=st.text(min_size=1, max_size=30),
    box_xyxy=edges.map(lambda e: tuple(map(float, e))),
    labels=st.none() | st.lists(st.text(max_size=9), unique=True).map(tuple),
    searched=st.none() | st.booleans(),
    seconds=st.none() | st.floats(0, 1e6),
)


@settings(deadline=None)
@given(operation=operations)
def test_an_operation_written_and_read_is_the_same(operation: Operation) -> None:
    assert Operation.from_json(json.loads(json.dumps(operation.to_json()))) == operation


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"id": 7}, "id"),
        ({"id": None}, "id"),
        ({"kind": "explode"}, "kind"),
        ({"image": ["a"]}, "image"),
        ({"image": "\ud800"}, "image"),
        ({"box": ""}, "box"),
        ({"class_name": None}, "class_name"),
        ({"class_name": "x" * 5000}, "class_name"),
        ({"box_xyxy": [1, 2, 3]}, "box_xyxy"),
        ({"box_xyxy": [1, 2, 1, 4]}, "box_xyxy"),
        ({"box_xyxy": [1, 2, 3, float("nan")]}, "box_xyxy"),
        ({"box_xyxy": [1, 2, "3", 4]}, "box_xyxy"),
        ({"labels": "shirt"}, "labels"),
        ({"searched": "yes"}, "searched"),
        ({"seconds": -1}, "seconds"),
        ({"seconds": True}, "seconds"),
        ({"task": "both"}, "task"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_malformed_operation_is_refused_and_its_field_named(change: dict[str, object], field: str) -> None:
    with pytest.raises(DataError, match=field):
        Operation.from_json({**add(1).to_json(), **change})


@pytest.mark.parametrize("value", [None, 3, "x", [], [1]])
def test_what_is_no_operation_at_all_is_refused(value: object) -> None:
    with pytest.raises(DataError, match="operation"):
        Operation.from_json(value)


# ---------------------------------------------------------------- the journal on disk


def test_a_journal_cut_anywhere_keeps_every_whole_line_and_goes_on(tmp_path: Path) -> None:
    index = small_index()
    with Journal(tmp_path / "whole", index) as journal:
        journal.record([add(n) for n in range(4)])
    content = (tmp_path / "whole" / FILE_NAME).read_bytes()
    folder = tmp_path / "cut"
    folder.mkdir()
    for size in range(len(content) + 1):
        (folder / FILE_NAME).write_bytes(content[:size])
        whole = max(content[:size].count(b"\n") - 1, 0)
        assert len(read_operations(folder)) == whole
        with Journal(folder, index) as journal:
            assert len(journal.labelling.operations) == whole
            assert journal.record([add(99)]) == [""]
        assert [operation.id for operation in read_operations(folder)][-1] == "t:99"
        assert len(read_operations(folder)) == whole + 1


def test_zeros_that_a_power_cut_left_at_the_end_are_dropped(tmp_path: Path) -> None:
    with Journal(tmp_path, small_index()) as journal:
        journal.record([add(1)])
    with (tmp_path / FILE_NAME).open("ab") as file:
        file.write(bytes(4096))
    with Journal(tmp_path, small_index()) as journal:
        journal.record([add(2)])
    assert [operation.box for operation in read_operations(tmp_path)] == ["n1", "n2"]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"id": "x", "kind"', "line 3: not valid JSON"),
        (b"\xff\xfe", "line 3: not valid JSON"),
        (b'{"id": "x", "kind": "explode"}', "line 3: The field kind"),
        (b'{"id": "x", "kind": "delete", "image": "4.jpg", "box": "n7"}', "line 3: The picture has no box"),
    ],
)
def test_a_damaged_line_in_the_middle_is_named_and_nothing_is_thrown_away(
    line: bytes, reason: str, tmp_path: Path
) -> None:
    with Journal(tmp_path, small_index()) as journal:
        journal.record([add(1), add(2)])
    path = tmp_path / FILE_NAME
    lines = path.read_bytes().splitlines(keepends=True)
    damaged = b"".join([*lines[:2], line + b"\n", *lines[2:]])
    path.write_bytes(damaged)
    with pytest.raises(DataError, match=reason):
        Journal(tmp_path, small_index())
    with pytest.raises(DataError, match=reason):
        replay(tmp_path, small_index())
    assert path.read_bytes() == damaged


def test_a_file_that_is_no_journal_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"my own notes\nwithout an end")
    with pytest.raises(DataError, match="line 1: not a journal"):
        Journal(tmp_path, small_index())
    assert (tmp_path / FILE_NAME).read_bytes() == b"my own notes\nwithout an end"


def test_an_operation_that_arrives_twice_counts_once_also_after_a_restart(tmp_path: Path) -> None:
    with Journal(tmp_path, small_index()) as journal:
        assert journal.record([add(1), add(1), add(2)]) == ["", "", ""]
    with Journal(tmp_path, small_index()) as journal:
        assert journal.record([add(2), add(3)]) == ["", ""]
    assert [operation.box for operation in read_operations(tmp_path)] == ["n1", "n2", "n3"]


def test_it_is_forced_to_the_disk_before_anybody_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    forced: list[tuple[int, int]] = []
    fsync = os.fsync

    def noting(handle: int) -> None:
        fsync(handle)
        forced.append((os.fstat(handle).st_ino, os.fstat(handle).st_size))

    with Journal(tmp_path, small_index()) as journal:
        monkeypatch.setattr(os, "fsync", noting)
        for number in range(3):
            journal.record([add(number)])
            about = (tmp_path / FILE_NAME).stat()
            assert forced[-1] == (about.st_ino, about.st_size)
    assert len(forced) == 3


def test_one_refused_operation_does_not_keep_the_others_back(tmp_path: Path) -> None:
    with Journal(tmp_path, small_index()) as journal:
        answers = journal.record([add(1), add(2, class_name="coat"), add(3)])
    assert [bool(answer) for answer in answers] == [False, True, False]
    assert [operation.box for operation in read_operations(tmp_path)] == ["n1", "n3"]


def test_without_a_journal_the_index_is_as_it_was(tmp_path: Path) -> None:
    index = small_index()
    assert replay(tmp_path, index) is index
    assert read_operations(tmp_path) == []


WRITER = """
import sys
from pathlib import Path
from tests.test_labelling import add, small_index
from vision_core.data.journal import Journal
journal = Journal(Path(sys.argv[1]), small_index())
print("ready", flush=True)
"""


def writer(folder: Path, program: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER + textwrap.dedent(program), str(folder)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )


def test_a_second_writer_is_locked_out_until_the_first_is_gone(tmp_path: Path) -> None:
    with writer(tmp_path, "import time; time.sleep(60)") as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "ready\n"
        with pytest.raises(DataError, match="being labelled by another process"):
            Journal(tmp_path, small_index())
        first.kill()
    with Journal(tmp_path, small_index()), pytest.raises(DataError, match="being labelled"):
        Journal(tmp_path, small_index())
    Journal(tmp_path, small_index()).close()


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL")
def test_a_writer_killed_at_any_moment_loses_nothing_it_acknowledged(tmp_path: Path) -> None:
    program = """
    number = 1_000_000 * int(sys.argv[2]) if len(sys.argv) > 2 else len(journal.labelling.operations)
    while True:
        batch = [add(number + n, box=f"n{number + n}") for n in range(1 + number % 3)]
        answers = journal.record(batch)
        number += len(batch)
        print(*[one.id for one, answer in zip(batch, answers) if not answer], flush=True)
    """
    chance = random.Random(3)
    acknowledged: list[str] = []
    for _ in range(8):
        process = writer(tmp_path, program)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(chance.uniform(0.0, 0.25))
        process.send_signal(signal.SIGKILL)
        lines = process.stdout.read().split("\n")
        process.wait()
        acknowledged += " ".join(lines[:-1]).split()  # the last line may be cut
        found = [operation.id for operation in read_operations(tmp_path)]
        assert set(acknowledged) <= set(found)
        assert len(found) == len(set(found))
    assert len(acknowledged) > 20
    with Journal(tmp_path, small_index()) as journal:
        assert len(journal.labelling.image(PATHS[0]).boxes) == len(journal.labelling.operations)


@pytest.mark.skipif(os.name == "nt", reason="file size limits")
def test_a_full_disk_is_said_and_leaves_the_journal_whole(tmp_path: Path) -> None:
    program = """
    import resource, signal
    from vision_core.errors import DataError
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
    for number in range(100):
        try:
            journal.record([add(number)])
        except DataError as error:
            print(number, journal.labelling.image("a/1.jpg").boxes[-1].id, error, flush=True)
            break
    """
    with writer(tmp_path, program) as process:
        assert process.stdout is not None
        said = process.stdout.read()
    number, last, *sentence = said.removeprefix("ready\n").split()
    assert int(number) > 3
    assert last == f"n{int(number) - 1}"  # what could not be written was not made either
    assert "cannot be written" in " ".join(sentence)
    assert [operation.box for operation in read_operations(tmp_path)] == [f"n{n}" for n in range(int(number))]
    with Journal(tmp_path, small_index()) as journal:
        assert journal.record([add(int(number))]) == [""]


def test_a_disk_that_goes_away_and_comes_back_gets_what_was_not_acknowledged(tmp_path: Path) -> None:
    away = tmp_path.with_name("away")
    with Journal(tmp_path, small_index()) as journal:
        assert journal.record([add(1)]) == [""]
        tmp_path.rename(away)
        for _ in range(2):
            with pytest.raises(DataError, match="cannot be"):
                journal.record([add(2)])
        away.rename(tmp_path)
        assert journal.record([add(2)]) == [""]
    assert [operation.box for operation in read_operations(tmp_path)] == ["n1", "n2"]


# ---------------------------------------------------------------- seconds and money


def test_seconds_belong_to_pictures_boxes_and_proposals() -> None:
    def one(kind: str, seconds: float | None, **values: Any) -> Operation:
        return Operation(id=f"{kind}{len(made)}", kind=kind, seconds=seconds, **values)  # type: ignore[arg-type]

    made: list[Operation] = []
    edge = {"class_name": "shirt", "box_xyxy": (0.0, 0.0, 1.0, 1.0)}
    made += [one("add", 4.0, image="1", box="n1", **edge), one("resize", 2.0, image="1", box="n1", **edge)]
    made += [one("add", 3.0, image="1", box="n2", **edge), one("left", 1.5, image="1", task="detection")]
    made += [one("add", 99999.0, image="1", box="n3", **edge)]  # left open over lunch
    made += [one("add", None, image="1", box="n4", **edge)]
    made += [one("accept", 1.0, image="2", box="p1", **edge), one("reclass", 0.5, image="2", box="p1", **edge)]
    made += [one("reject", 0.7, image="2", box="p2"), one("searched", 2.5, image="3", searched=True)]
    made += [one("labels", 1.0, image="4", labels=("shirt",)), one("labels", 0.6, image="4", labels=("bag",))]
    made += [one("left", 0.4, image="4", task="classification"), one("labels", 5.0, image="5", labels=())]
    made += [one("left", 60.0, image="6", task="detection")]  # only looked at, not worked on
    pace = measure(made)
    assert (pace.box.count, pace.box.median_s) == (2, pytest.approx(4.5))
    assert (pace.proposal.count, pace.proposal.median_s) == (2, pytest.approx(1.1))
    assert (pace.label.count, pace.label.median_s) == (2, pytest.approx(3.5))
    assert (pace.looking.count, pace.looking.median_s) == (2, pytest.approx(2.0))
    assert (pace.box.low_s, pace.box.high_s) == (pytest.approx(3.75), pytest.approx(5.25))


def test_one_long_pause_does_not_move_the_median() -> None:
    quick = [add(n, seconds=2.0) for n in range(9)]
    assert measure([*quick, add(9, seconds=500.0)]).box.median_s == pytest.approx(2.0)


def test_nothing_measured_is_said_as_nothing() -> None:
    pace = measure([])
    assert (pace.box.count, pace.box.median_s, pace.box.low_s) == (0, None, None)
    assert bill(Amount(10, 20), pace.rate("detection"), 20) is None
    assert bill(Amount(10), pace.rate("classification"), 20) is None
    assert bill(Amount(0), pace.rate("classification"), 20) == Bill(0.0, 0.0)


def test_hours_and_money_add_up() -> None:
    assert bill(Amount(3600), Rate(image_s=2.0), 25) == Bill(2.0, 50.0)
    both = bill(Amount(100, 360), Rate(image_s=3.6, box_s=10.0), 30)
    assert both is not None
    assert (both.hours, both.money) == (pytest.approx(1.1), pytest.approx(33.0))
    assert bill(Amount(1000, 4000), Rate(box_usd=0.0625), 30) == Bill(None, 250.0)


def test_work_is_counted_with_what_was_just_labelled() -> None:
    labelling = Labelling(small_index())
    assert count_work(labelling) == Work(images=4, labelled=2, searched=2, boxes=2)
    labelling.apply(add(1))
    labelling.apply(Operation(id="l", kind="labels", image=PATHS[0], labels=("shirt",)))
    labelling.apply(Operation(id="m", kind="labels", image=PATHS[1]))
    work = count_work(labelling)
    assert work == Work(images=4, labelled=2, searched=3, boxes=3)
    assert work.boxes_per_image == pytest.approx(1.0)
    assert work.amount("classification", remaining=True) == Amount(2)
    assert work.amount("detection", remaining=True, boxes_per_image=2.5) == Amount(1, 2.5)
    assert work.amount("detection", remaining=False, boxes_per_image=2.5) == Amount(4, 5.5)


def test_published_figures_name_their_sources_and_days() -> None:
    figures = published()
    assert {figure.task for figure in figures} == {"classification", "detection"}
    assert all(figure.source and figure.seen_in and figure.looked_up <= date.today() for figure in figures)
    clicking = next(figure for figure in figures if figure.name == "Extreme clicking")
    assert bill(Amount(0, 3600), clicking.rate, 10) == Bill(7.0, 70.0)
