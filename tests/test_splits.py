"""Splits are fair to every class, keep copies together and what is given, and are the same for the same seed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vision_core.data.index import DatasetIndex, IndexBuilder
from vision_core.data.splits import DEFAULT_FRACTIONS, assign_splits
from vision_core.errors import SettingsError

ROOT = Path("/nowhere")  # no picture is ever opened


def labelled(labels: list[list[int]], splits: list[str] | None = None, classes: int = 30) -> DatasetIndex:
    builder = IndexBuilder(f"class {i}" for i in range(classes))
    for row, ids in enumerate(labels):
        builder.add_image(f"{row}.jpg", split=splits[row] if splits else "", labels=ids)
    return builder.finish(ROOT, "folder")


def splits_of(index: DatasetIndex) -> np.ndarray:
    return np.array(index.images["split"].to_pylist(), object)


def test_every_class_is_divided_as_the_whole() -> None:
    dice = np.random.default_rng(0)
    labels = [[int(i)] for i in dice.choice(5, 2000, p=(0.6, 0.2, 0.1, 0.07, 0.03))]
    splits = splits_of(assign_splits(labelled(labels)))
    ids = np.array(labels)[:, 0]
    for class_id in range(5):
        mine = splits[ids == class_id]
        for name, share in DEFAULT_FRACTIONS.items():
            assert abs((mine == name).sum() - share * len(mine)) <= 1
    for name, share in DEFAULT_FRACTIONS.items():
        assert abs((splits == name).sum() - share * 2000) <= 5


def test_multi_label_sets_are_divided_nearly_as_well() -> None:
    dice = np.random.default_rng(1)
    shows = dice.random((3000, 8)) < np.array([0.5, 0.3, 0.2, 0.1, 0.05, 0.03, 0.02, 0.01])
    splits = splits_of(assign_splits(labelled([np.flatnonzero(row).tolist() for row in shows])))
    for class_id in range(8):
        count = shows[:, class_id].sum()
        for name, share in DEFAULT_FRACTIONS.items():
            assert abs(shows[splits == name, class_id].sum() - share * count) <= max(2, 0.02 * count)


def test_boxes_count_as_classes() -> None:
    builder = IndexBuilder(["cat", "dog"])
    for row in range(100):
        builder.add_image(f"{row}.jpg", boxes=[(row % 10 == 0, 0, 0, 9, 9, False)] * (row % 3 + 1))
    splits = splits_of(assign_splits(builder.finish(ROOT, "coco")))
    assert (
        sorted(splits[::10].tolist()) == ["test"] * 2 + ["train"] * 7 + ["val"]
        or sorted(splits[::10].tolist()) == ["test"] + ["train"] * 7 + ["val"] * 2
    )


def test_unlabelled_pictures_are_divided_too() -> None:
    builder = IndexBuilder()
    for row in range(100):
        builder.add_image(f"{row}.jpg")
    splits = splits_of(assign_splits(builder.finish(ROOT, "folder")))
    assert {name: int((splits == name).sum()) for name in DEFAULT_FRACTIONS} == {"train": 70, "val": 15, "test": 15}


@pytest.mark.parametrize("examples", [3, 4, 5, 10])
def test_small_classes_are_in_every_split_where_they_can_be(examples: int) -> None:
    labels = [[0]] * 200 + [[1]] * examples
    splits = splits_of(assign_splits(labelled(labels)))
    assert set(splits[200:]) == {"train", "val", "test"}


def test_groups_stay_together_and_classes_stay_fair() -> None:
    dice = np.random.default_rng(2)
    groups = np.repeat(np.arange(400), dice.integers(1, 8, 400))
    ids = dice.integers(0, 4, 400)[groups]
    splits = splits_of(assign_splits(labelled([[int(i)] for i in ids]), groups=groups))
    for group in range(400):
        assert len(set(splits[groups == group])) == 1
    for class_id in range(4):
        mine = splits[ids == class_id]
        for name, share in DEFAULT_FRACTIONS.items():
            assert abs((mine == name).mean() - share) < 0.03


def test_given_splits_are_kept_and_groups_follow_them() -> None:
    labels = [[row % 2] for row in range(60)]
    given = ["test"] * 10 + ["holdout"] * 5 + [""] * 45
    groups = np.arange(60)
    groups[20], groups[21] = 0, 12  # copies of a test and of a hold-out picture
    splits = splits_of(assign_splits(labelled(labels, given), groups=groups))
    assert splits[:15].tolist() == given[:15]
    assert (splits[20], splits[21]) == ("test", "holdout")
    assert "" not in splits
    assert "holdout" not in splits[22:]
    assert "test" not in np.delete(splits[15:], [5, 6])  # 11 of 60 are more than its share already


def test_nothing_to_assign_changes_nothing() -> None:
    index = labelled([[0]] * 4, ["train", "train", "val", "odd"])
    assert splits_of(assign_splits(index)).tolist() == ["train", "train", "val", "odd"]
    assert len(assign_splits(labelled([]))) == 0


def test_the_seed_decides() -> None:
    index = labelled([[row % 3] for row in range(300)])
    first, again, other = (splits_of(assign_splits(index, seed=seed)) for seed in (5, 5, 6))
    assert first.tolist() == again.tolist()
    assert first.tolist() != other.tolist()


def test_splits_are_stored_with_the_data_set(tmp_path: Path) -> None:
    index = assign_splits(labelled([[row % 3] for row in range(30)]))
    index.save(tmp_path)
    assert splits_of(DatasetIndex.load(tmp_path)).tolist() == splits_of(index).tolist()


def test_unknown_class_ids_do_no_harm() -> None:
    builder = IndexBuilder(["cat"])
    for row in range(30):
        builder.add_image(f"{row}.jpg", labels=[-3, 99], boxes=[(-1, 0, 0, 5, 5, False)])
    assert "" not in splits_of(assign_splits(builder.finish(ROOT, "coco")))


@pytest.mark.parametrize("fractions", [{"train": -1.0, "val": 2.0}, {"train": 0.0}, {}, {"train": float("nan")}])
def test_impossible_fractions_are_refused(fractions: dict[str, float]) -> None:
    with pytest.raises(SettingsError, match="fractions"):
        assign_splits(labelled([[0]]), fractions)


@given(
    st.lists(st.lists(st.integers(0, 4), max_size=3, unique=True), min_size=1, max_size=40),
    st.integers(1, 10),
    st.lists(st.sampled_from([0.0, 0.5, 1.0, 3.0]), min_size=1, max_size=4).filter(any),
    st.integers(0, 3),
)
def test_whatever_the_labels_all_pictures_go_to_open_splits(
    labels: list[list[int]], groups: int, shares: list[float], seed: int
) -> None:
    fractions = {f"split {i}": share for i, share in enumerate(shares)}
    group_of = np.arange(len(labels)) % groups
    splits = splits_of(assign_splits(labelled(labels), fractions, seed, group_of))
    assert set(splits) <= {name for name, share in fractions.items() if share > 0}
    for group in range(groups):
        assert len(set(splits[group_of == group])) <= 1
