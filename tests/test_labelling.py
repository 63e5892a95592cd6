"""Operations on labels, and that any sequence of them comes to what a plain model says."""

from __future__ import annotations

import json
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.labelling_cases import CLASSES, HEIGHT, PATHS, WIDTH, add, small_index
from vision_core.data.index import DatasetIndex, differences
from vision_core.data.journal import Journal, read_operations, replay
from vision_core.data.label_operations import Operation
from vision_core.data.labelling import Labelling
from vision_core.errors import DataError

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
    index = replace(small_index(), notes=("2 pictures are unlabelled.",))
    labelling = Labelling(index, [add(1), add(2, PATHS[2]), Operation(id="x", kind="delete", image=PATHS[2], box="o0")])
    labelled = labelling.to_index()
    assert [record.split for record in labelled] == ["", "train", "val", ""]
    assert labelled.record(2).crowd.tolist() == [True, False]
    assert labelled.notes == (), "what was true when it was read may be so no more"
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
