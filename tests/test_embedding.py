"""Features, groups, maps and names: real weights on small pictures of clearly different kinds."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image, ImageDraw
from sklearn import datasets
from sklearn.manifold import trustworthiness
from sklearn.metrics import adjusted_rand_score
from sklearn.metrics.cluster import contingency_matrix

from vision_core.data import clusters as clusters_module
from vision_core.data import embedding as embedding_module
from vision_core.data.clusters import (
    Clusters,
    agreement,
    cluster,
    compress,
    known_classes,
    name_clusters,
    project,
    representatives,
    suggest_count,
)
from vision_core.data.embedding import BATCH, FeatureStore, embed, fingerprint
from vision_core.data.index import IMAGES, DatasetIndex, IndexBuilder, differences
from vision_core.errors import DataError, ModelError, SettingsError
from vision_core.predict import Classifier, load_classifier

KINDS = ("noise", "stripes", "disc")


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return load_classifier(device="cpu")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> DatasetIndex:
    """14 pictures of each kind, the first four labelled, all in one folder."""
    root = tmp_path_factory.mktemp("pictures")
    build = IndexBuilder(KINDS)
    for number in range(14 * len(KINDS)):
        kind = number % len(KINDS)
        name = f"{number:02}.png"
        drawn(KINDS[kind], number).save(root / name)
        build.add_image(name, (96, 96), labels=[kind] if number < 4 * len(KINDS) else None)
    return build.finish(root, "folder")


def drawn(kind: str, seed: int) -> Image.Image:
    random = np.random.default_rng(seed)
    if kind == "noise":
        return Image.fromarray(random.integers(0, 255, (96, 96, 3), np.uint8))
    image = Image.new("RGB", (96, 96), (250, 250, 240))
    image.putpixel((0, 0), (seed, 0, 0))  # no two are the same file
    pen = ImageDraw.Draw(image)
    shift = int(random.integers(0, 12))
    if kind == "stripes":
        for x in range(shift, 110, 12):
            pen.line((x, 0, x - 10, 96), fill=(30, 30, 160), width=5)
    else:
        pen.ellipse((10 + shift, 14, 70 + shift, 80), fill=(210, 60, 30))
    return image


def blobs(sizes: list[int], dimensions: int, spread: float = 0.3, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Round groups of points `(n, dimensions)` float32, and which group each belongs to."""
    make: Any = datasets.make_blobs
    points, truth = make(sizes, dimensions, cluster_std=spread, random_state=seed)
    return points.astype(np.float32), truth


class CancelledError(Exception):
    pass


def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many pictures each pass through the network had."""
    passes: list[int] = []
    inner = embedding_module.pooled_features

    def counting(classifier: Classifier, pixels: np.ndarray) -> np.ndarray:
        passes.append(len(pixels))
        return inner(classifier, pixels)

    monkeypatch.setattr(embedding_module, "pooled_features", counting)
    return passes


def test_features_are_what_the_last_layer_works_on(pictures: DatasetIndex, classifier: Classifier) -> None:
    seen = embed(pictures, classifier)
    assert seen.vectors.shape == (42, 1280)
    assert seen.rows.tolist() == list(range(42))
    image = Image.open(pictures.path(5)).convert("RGB")
    network: Any = classifier.network
    logits = classifier.folded(classifier.inputs([image])).numpy()
    head = network.get_classifier()
    np.testing.assert_allclose(
        seen.vectors[5] @ head.weight.numpy().T + head.bias.numpy(), logits[0], rtol=1e-3, atol=1e-3
    )


def test_nothing_is_computed_twice_even_when_pictures_move(
    pictures: DatasetIndex, classifier: Classifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = embed(pictures, classifier)
    passes = counted(monkeypatch)
    again = embed(pictures, classifier)
    moved = tmp_path / "moved"
    shutil.copytree(pictures.root, moved)
    third = embed(DatasetIndex(moved, "folder", pictures.class_names, pictures.images, pictures.boxes), classifier)
    assert passes == []
    for other in (again, third):
        np.testing.assert_array_equal(other.vectors, first.vectors)


def test_a_changed_picture_is_computed_anew(classifier: Classifier, tmp_path: Path) -> None:
    """Also when name, size in bytes and time stay."""
    build = IndexBuilder()
    build.add_image("a.bmp")
    index = build.finish(tmp_path, "folder")
    drawn("noise", 1).save(tmp_path / "a.bmp")
    stat = (tmp_path / "a.bmp").stat()
    before = embed(index, classifier).vectors
    drawn("disc", 1).save(tmp_path / "a.bmp")
    os.utime(tmp_path / "a.bmp", ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert (tmp_path / "a.bmp").stat().st_size == stat.st_size
    assert np.abs(embed(index, classifier).vectors - before).max() > 0.1


def test_cancelled_work_goes_on_where_it_stopped(
    pictures: DatasetIndex, classifier: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(done: int, _: int) -> None:
        if done:
            raise CancelledError

    passes = counted(monkeypatch)
    with pytest.raises(CancelledError):
        embed(pictures, classifier, progress=stop)
    assert passes == [BATCH]
    reports: list[tuple[int, int]] = []
    seen = embed(pictures, classifier, progress=lambda done, total: reports.append((done, total)))
    assert sum(passes) == 42, "what was computed before is not computed again"
    assert len(seen.vectors) == 42
    assert reports[-1] == (42, 42)
    assert all(total == 42 for _, total in reports)


def test_a_killed_process_loses_one_batch_at_most(
    pictures: DatasetIndex, classifier: Classifier, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures.save(workspace / "index")
    code = (
        "import os, sys; from pathlib import Path\n"
        "from vision_core.data.embedding import embed; from vision_core.data.index import DatasetIndex\n"
        "from vision_core.predict import load_classifier\n"
        "die = lambda done, total: os._exit(9) if done else None\n"
        "embed(DatasetIndex.load(Path(sys.argv[1])), load_classifier(device='cpu'), progress=die)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(workspace / "index")], check=False)
    assert done.returncode == 9
    passes = counted(monkeypatch)
    assert len(embed(pictures, classifier).vectors) == 42
    assert sum(passes) == 42 - BATCH


def test_damaged_files_of_the_cache_count_as_absent(
    pictures: DatasetIndex, classifier: Classifier, tmp_path: Path
) -> None:
    expected = embed(pictures, classifier, tmp_path).vectors
    files = sorted(tmp_path.rglob("*.npy"))
    assert len(files) == -(-42 // BATCH)
    files[0].write_bytes(files[0].read_bytes()[:-100])
    (files[0].parent / "other.npy").write_bytes(b"\x93NUMPY nonsense")
    np.save(files[0].parent / "numbers.npy", np.arange(5))
    np.testing.assert_allclose(embed(pictures, classifier, tmp_path).vectors, expected, rtol=1e-4, atol=1e-4)
    assert not list(tmp_path.rglob("*.part"))


def test_pictures_that_cannot_be_opened_are_named_and_left_out(classifier: Classifier, tmp_path: Path) -> None:
    build = IndexBuilder()
    for name in ("missing.png", "good.png", "damaged.png"):
        build.add_image(name)
    drawn("disc", 3).save(tmp_path / "good.png")
    (tmp_path / "damaged.png").write_bytes((tmp_path / "good.png").read_bytes()[:200])
    seen = embed(build.finish(tmp_path, "folder"), classifier)
    assert seen.rows.tolist() == [1]
    assert sorted(seen.unreadable) == [0, 2]
    assert "missing.png" in seen.unreadable[0]
    empty = embed(IndexBuilder().finish(tmp_path, "folder"), classifier)
    assert len(empty.rows) == len(empty.vectors) == 0


def test_networks_do_not_share_features(classifier: Classifier) -> None:
    other = load_classifier(device="cpu")
    assert fingerprint(other) == fingerprint(classifier)
    network: Any = other.network
    network.conv_stem.weight[0, 0, 0, 0] += 0.01
    assert fingerprint(other) != fingerprint(classifier)


def test_a_network_without_pooled_features_is_refused(pictures: DatasetIndex, classifier: Classifier) -> None:
    import torch

    other = load_classifier(device="cpu")
    other.folded = torch.nn.Identity()
    with pytest.raises(ModelError, match="pooled features"):
        embed(pictures, other)


def test_a_cache_that_cannot_be_written_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = FeatureStore(tmp_path)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(embedding_module.os, "replace", full)
    with pytest.raises(SettingsError, match="No space left"):
        store.add(["ab"], np.zeros((1, 4), np.float32))
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(DataError, match="1 picture"):
        store.read(["ab"])


def test_different_kinds_become_different_groups(pictures: DatasetIndex, classifier: Classifier) -> None:
    seen = embed(pictures, classifier)
    points = compress(seen.vectors)
    truth = np.arange(42) % 3
    groups = cluster(points, suggest_count(points))
    assert adjusted_rand_score(truth, groups.ids) > 0.95
    found = agreement(groups, known_classes(pictures, seen.rows))
    assert found is not None
    assert (found.pictures, found.purity, found.nmi) == (12, 1.0, pytest.approx(1))
    assert found.purity_of_one == pytest.approx(1 / 3)
    typical = representatives(points, groups, 3)
    assert [len({int(truth[i]) for i in group}) for group in typical] == [1, 1, 1]
    places = project(points)
    assert trustworthiness(points, places, n_neighbors=5) > 0.9


def test_naming_groups_labels_the_rest_and_nothing_else(pictures: DatasetIndex) -> None:
    before = [record.labels for record in pictures]
    ids = np.arange(42) % 3
    told = replace(pictures, notes=("24 pictures are unlabelled.",))
    named = name_clusters(told, np.arange(42), ids, {0: " white\n noise ", 1: "stripes", 2: "  "})
    assert named.class_names == (*KINDS, "white noise")
    after = [record.labels for record in named]
    assert after[:12] == before[:12], "labels that were there stay"
    assert set(after[12::3]) == {("white noise",)}
    assert set(after[13::3]) == {("stripes",)}
    assert set(after[14::3]) == {None}, "a group without a name stays without a label"
    assert [record.labels for record in pictures] == before, "the original is as it was"
    assert named.images.schema == IMAGES
    (note,) = named.notes
    assert "20 pictures" in note


def test_named_groups_survive_saving(pictures: DatasetIndex, tmp_path: Path) -> None:
    named = name_clusters(pictures, np.arange(0, 42, 2), np.zeros(21, np.int64), {0: "thing"})
    named.save(tmp_path / "index")
    assert differences(named, DatasetIndex.load(tmp_path / "index")) == []


def test_an_empty_label_and_several_labels_stay(tmp_path: Path) -> None:
    build = IndexBuilder(["a", "b"])
    for labels in ([], [0, 1], None):
        build.add_image(f"{len(labels) if labels is not None else 'none'}.png", labels=labels)
    index = build.finish(tmp_path, "folder")
    named = name_clusters(index, np.arange(3), np.array([0, 0, 0]), {0: "c", 7: "unused group"})
    assert [record.labels for record in named] == [(), ("a", "b"), ("c",)]
    assert known_classes(named, np.arange(3)).tolist() == [-1, -1, 2]


@hypothesis_settings(max_examples=50, deadline=None)
@given(
    ids=arrays(np.int64, 30, elements=st.integers(0, 4)),
    classes=arrays(np.int64, 30, elements=st.integers(-1, 5)),
)
def test_purity_is_that_of_the_contingency_table(ids: np.ndarray, classes: np.ndarray) -> None:
    found = agreement(Clusters(ids, np.zeros((5, 2), np.float32)), classes)
    known = classes >= 0
    if found is None:
        assert not known.any()
        return
    table = contingency_matrix(classes[known], ids[known])
    assert found.purity == pytest.approx(table.max(axis=0).sum() / known.sum())
    assert found.purity_of_one <= found.purity
    for group, main in enumerate(found.main_class):
        members = classes[known & (ids == group)]
        if main is None:
            assert not len(members)
        else:
            assert main[1] == pytest.approx(np.bincount(members).max() / len(members))
            assert np.count_nonzero(members == main[0]) == np.bincount(members).max()


@pytest.mark.parametrize("truth", [2, 4, 7])
def test_the_suggested_count_is_that_of_well_separated_groups(truth: int) -> None:
    points, _ = blobs([60] * truth, 8, spread=0.4, seed=3)
    assert suggest_count(points) == truth


def test_groups_are_ordered_by_size_and_repeat() -> None:
    points, truth = blobs([60, 20, 100], 5, spread=0.2)
    first, second = cluster(points, 3), cluster(points, 3)
    assert first.sizes.tolist() == [100, 60, 20]
    np.testing.assert_array_equal(first.ids, second.ids)
    assert adjusted_rand_score(truth, first.ids) == 1
    for group in range(3):
        np.testing.assert_allclose(points[first.ids == group].mean(axis=0), first.centres[group], atol=1e-4)


def test_large_sets_are_grouped_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    points, truth = blobs([750] * 4, 5)
    monkeypatch.setattr(clusters_module, "_MOST_EXACT", 1000)
    assert adjusted_rand_score(truth, cluster(points, 4).ids) > 0.99


def test_equal_pictures_are_one_group() -> None:
    points = np.ones((9, 4), np.float32)
    assert cluster(points, 5).sizes.tolist() == [9]
    assert suggest_count(points) == 1
    with pytest.raises(DataError, match="0 pictures"):
        cluster(points[:0], 2)


def test_representatives_are_nearest_first_and_at_most_as_many_as_there_are() -> None:
    points = np.array([[0.0, 3], [0, 1], [0, 2], [9, 9]], np.float32)
    groups = Clusters(np.array([0, 0, 0, 1]), np.array([[0, 0], [9, 9]], np.float32))
    assert [found.tolist() for found in representatives(points, groups, 2)] == [[1, 2], [3]]


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 5, 40])
def test_sets_of_any_size_have_a_map(count: int) -> None:
    points = compress(np.random.default_rng(0).normal(size=(count, 20)).astype(np.float32))
    places = project(points)
    assert places.shape == (count, 2)
    assert np.isfinite(places).all()


def test_what_was_not_laid_out_lies_among_its_neighbours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clusters_module, "MOST_PROJECTED", 150)
    points, truth = blobs([130] * 3, 6, seed=1)
    reports: list[tuple[int, int]] = []
    places = project(points, progress=lambda done, total: reports.append((done, total)))
    centres = np.stack([np.median(places[truth == kind], axis=0) for kind in range(3)])
    nearest = np.linalg.norm(places[:, None] - centres, axis=2).argmin(axis=1)
    assert np.mean(nearest == truth) > 0.99
    assert reports[-1] == (500, 500)
    assert reports == sorted(reports)


def test_a_map_can_be_cancelled() -> None:
    def stop(done: int, _: int) -> None:
        if done >= 100:
            raise CancelledError

    with pytest.raises(CancelledError):
        project(np.random.default_rng(0).normal(size=(60, 10)).astype(np.float32), progress=stop)


def test_a_map_repeats() -> None:
    points = np.random.default_rng(0).normal(size=(60, 10)).astype(np.float32)
    np.testing.assert_array_equal(project(points, seed=3), project(points, seed=3))
