"""How the doctor looks: severity, examples, options, progress, cancelling, bounded work, and sets of any shape."""

from __future__ import annotations

import json
import os
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.faults import FAULTS, Entry, Planted, encoded, jpeg, picture, sound_set
from vision_core.data.doctor import FAULTS as KNOWN
from vision_core.data.doctor import CheckOptions, check
from vision_core.data.doctor.case import listed, plural
from vision_core.data.doctor.mend import _MENDS
from vision_core.data.doctor.spelling import spelled_alike, spelling_key
from vision_core.data.index import Filter, IndexBuilder
from vision_core.data.threads import in_order


def planted_faults(*names: str) -> Planted:
    planted = sound_set()
    for fault in FAULTS:
        if fault.name in names:
            fault.plant(planted)
    return planted


def test_every_offered_fix_exists_and_no_other() -> None:
    by_splitting = {"unassigned_picture", "missing_split", "class_missing_in_split"}
    assert {code for code, fault in KNOWN.items() if fault.fix} == set(_MENDS) | by_splitting


def test_contract_is_json_with_the_agreed_fields(tmp_path: Path) -> None:
    index = planted_faults("truncated_jpeg", "class_without_example", "box_drawn_twice").write(tmp_path)
    answer = json.loads(json.dumps(check(index).to_contract()))
    assert (answer["format"], answer["images"], answer["boxes"], answer["classes"]) == (
        "coco",
        280,
        len(index.boxes),
        4,
    )
    problems = {problem["code"]: problem for problem in answer["problems"]}
    assert list(problems) == ["damaged_picture", "empty_class", "duplicate_box"]
    assert problems["damaged_picture"]["count"] == 1
    assert problems["damaged_picture"]["severity"] == "error"
    assert problems["damaged_picture"]["examples"] == ["train/000.jpg"]
    assert problems["empty_class"]["examples"] == ["unicorn"]


def test_findings_say_where_and_why(tmp_path: Path) -> None:
    index = planted_faults("truncated_jpeg", "box_drawn_twice", "saved_again_smaller").write(tmp_path)
    found = check(index)
    assert found["damaged_picture"].sentence.startswith(
        "1 picture is truncated or damaged: '000.jpg' is a truncated JPEG"
    )
    assert index.find(Filter(rows=tuple(found["damaged_picture"].rows))).tolist() == [0]
    boxes = found["duplicate_box"].box_rows
    assert index.box_column("image")[boxes].tolist() == found["duplicate_box"].rows.tolist()
    copies = found["near_duplicate"]
    assert [index.path(row).name for row in copies.rows] == ["smaller.jpg"]
    assert index.path(copies.partners[0]).name in {entry.name for entry in index.root.glob("train/*")} - {"smaller.jpg"}
    with pytest.raises(KeyError):
        found["exact_leak"]


@pytest.mark.parametrize(
    ("kind", "fault"), [("exact", "training_picture_in_test"), ("near", "training_picture_saved_again_in_val")]
)
def test_copies_in_two_splits_are_both_shown_with_their_splits(kind: str, fault: str, tmp_path: Path) -> None:
    index = planted_faults(fault).write(tmp_path)
    found = check(index)[f"{kind}_leak"]
    first, twin = (index.images.take([rows[0]]).to_pylist()[0] for rows in (found.rows, found.partners))
    assert found.examples[:2] == (first["path"], twin["path"])
    assert f"'{first['path']}' of {first['split']} and '{twin['path']}' of {twin['split']}." in found.sentence
    assert first["split"] != twin["split"]


def test_worst_findings_come_first(tmp_path: Path) -> None:
    names = ("nobody_has_looked", "class_without_example", "truncated_jpeg", "label_without_image")
    found = check(planted_faults(*names).write(tmp_path))
    assert found.codes == ("missing_file", "damaged_picture", "empty_class", "unlabelled_picture")


def test_many_of_a_kind_are_one_finding_with_few_examples(tmp_path: Path) -> None:
    planted = sound_set()
    for entry in planted.entries[:30]:
        entry.data = b""
    found = check(planted.write(tmp_path))["empty_file"]
    assert (found.count, len(found.rows), len(found.examples)) == (30, 30, 8)


def test_options_move_the_limits(tmp_path: Path) -> None:
    index = sound_set().write(tmp_path)
    strict = CheckOptions(min_class_examples=200, min_split_pictures=50, max_objects=1, min_picture_edge_px=50)
    assert set(check(index, strict).codes) == {"tiny_picture", "crowded_picture", "tiny_class", "small_split"}
    assert check(index, CheckOptions(min_pictures={"classification": 10, "detection": 500})).codes == (
        "too_little_data",
    )


def test_task_is_inferred_or_chosen(tmp_path: Path) -> None:
    index = sound_set().write(tmp_path)
    assert check(index).task == "detection"
    assert check(index, CheckOptions(task="classification")).task == "classification"
    assert check(index, CheckOptions(task="classification")).codes == ()


def test_crowd_boxes_are_neither_examples_nor_copies(tmp_path: Path) -> None:
    planted = sound_set()
    planted.take().boxes = [(0, 5, 5, 40, 40, False), (0, 5, 5, 40, 40, True)]
    assert check(planted.write(tmp_path)).codes == ()


def test_a_set_without_splits_is_sound(tmp_path: Path) -> None:
    planted = sound_set()
    for entry in planted.entries:
        entry.split = ""
    assert check(planted.write(tmp_path)).codes == ()


def test_an_empty_set_is_said_to_be_empty(tmp_path: Path) -> None:
    found = check(IndexBuilder(["cat"]).finish(tmp_path, "coco"))
    assert found.codes == ("nothing_for_task",)
    assert found.findings[0].sentence == "There is no picture in the data set."


def test_a_folder_that_is_gone_is_a_set_of_missing_files(tmp_path: Path) -> None:
    builder = IndexBuilder(["cat"])
    builder.add_image("a.jpg", (64, 48), "", [0], [(0, 1, 1, 20, 20, False)])
    found = check(builder.finish(tmp_path / "gone", "coco"))
    assert found["missing_file"].count == 1


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="this user may read everything")
def test_files_nobody_may_read_are_damaged(tmp_path: Path) -> None:
    index = sound_set().write(tmp_path)
    index.path(0).chmod(0)
    assert "damaged_picture" in check(index).codes


def test_pipes_and_folders_in_place_of_pictures_do_not_hang(tmp_path: Path) -> None:
    planted = sound_set()
    pipe, folder = planted.take(), planted.take()
    pipe.data = folder.data = None
    index = planted.write(tmp_path)
    os.mkfifo(tmp_path / pipe.path)
    (tmp_path / folder.path).mkdir()
    assert check(index)["missing_file"].count == 2


def test_progress_counts_up_and_may_cancel(tmp_path: Path) -> None:
    index, seen = sound_set().write(tmp_path), []
    check(index, progress=lambda *at: seen.append(at))
    assert seen == [(i, 280) for i in range(1, 281)]

    def cancel(done: int, total: int) -> None:
        if done == 5:
            raise InterruptedError

    before = threading.active_count()
    with pytest.raises(InterruptedError):
        check(index, progress=cancel)
    assert threading.active_count() == before


@pytest.mark.parametrize("workers", [1, 2, 7])
def test_findings_do_not_depend_on_threads(workers: int, tmp_path: Path) -> None:
    index = planted_faults("truncated_jpeg", "same_picture_twice", "png_named_jpg").write(tmp_path)
    found = check(index, CheckOptions(workers=workers))
    usual = check(index)
    assert found.codes == usual.codes
    assert [finding.rows.tolist() for finding in found.findings] == [f.rows.tolist() for f in usual.findings]


def test_work_runs_ahead_by_a_bounded_number() -> None:
    started = []

    def work(item: int) -> int:
        started.append(item)
        return item

    with closing(in_order(work, iter(range(100_000)), workers=2)) as results:
        assert [next(results) for _ in range(3)] == [0, 1, 2]
        time.sleep(0.05)
        assert len(started) <= 8 * 8
    assert len(started) <= 8 * 8


def test_errors_of_the_work_come_out_in_order() -> None:
    def work(item: int) -> int:
        if item == 20:
            raise ValueError("twenty")
        return item

    results = in_order(work, range(1000), workers=2)
    assert [next(results) for _ in range(16)] == list(range(16))
    with pytest.raises(ValueError, match="twenty"):
        list(results)


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("Dog", "dog", True),
        ("T-Shirt", "t_shirt ", True),
        ("traffic light", "TrafficLight", True),
        ("ｃａｔ", "cat", True),
        ("STRASSE", "straße", True),
        ("cafe\u0301", "café", True),
        ("cat", "car", False),
        ("-1", "1", False),
        ("c++", "c", False),
        ("v1.5", "v15", False),
        ("हिन्दी", "हन्दी", False),
    ],
)
def test_which_names_are_one(first: str, second: str, same: bool) -> None:
    assert (spelling_key(first) == spelling_key(second)) is same


@given(st.text("abXYäÉßжЩहि猫 3.+-_", min_size=1), st.sampled_from(["upper", "padded", "joined"]))
def test_spellings_of_any_name_are_found(name: str, how: str) -> None:
    other = {"upper": name.upper(), "padded": f"  {name}\t", "joined": name.replace(" ", "_")}[how]
    if spelling_key(name):
        assert spelled_alike([name, "another", other]) == [[0, 2]]


def test_words_for_numbers_and_names() -> None:
    assert [plural(n, noun) for n, noun in ((1, "box"), (2, "box"), (2, "class"), (3, "copy"), (1500, "entry"))] == [
        *("1 box", "2 boxes", "2 classes", "3 copies", "1,500 entries")
    ]
    assert listed("abcdefg") == "'a', 'b', 'c', 'd', 'e' and 2 more"


def test_labels_alone_are_enough_for_classification(tmp_path: Path) -> None:
    entries = [Entry(f"{i}.jpg", jpeg(i), "", [i % 2], None) for i in range(60)]
    found = check(Planted(["cat", "dog"], entries).write(tmp_path))
    assert (found.task, found.codes) == ("classification", ())


def test_a_copy_of_one_class_fewer_than_splits_cannot_be_split(tmp_path: Path) -> None:
    """Twelve lions, all the same picture: no way to have one in each split."""
    planted = planted_faults("class_only_in_training")
    for entry in planted.entries:
        if entry.labels == [3]:
            entry.data = encoded(picture(6000))
    finding = check(planted.write(tmp_path))["class_missing_in_split"]
    assert finding.names == ("lion",)
    assert finding.fix is None
