"""Pictures that look alike, found without labels: groups, a map in two dimensions, and names that become labels.

    seen = embed(index, load_classifier())
    points = compress(seen.vectors)
    clusters = cluster(points, suggest_count(points))
    typical = representatives(points, clusters)
    index = name_clusters(index, seen.rows, clusters.ids, {0: "shoe", 3: "bag"})
    places = project(points)

Distances are between directions (vectors of length 1): how strongly a network answers says more about contrast than
about content. scikit-learn and openTSNE are imported on use.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa

from vision_core.data.arrow import compute
from vision_core.data.index import IMAGES, DatasetIndex
from vision_core.data.threads import Progress, available_cores
from vision_core.data.wording import was
from vision_core.errors import DataError

DIMENSIONS = 50
"""What is kept of a network's thousand or so: nearly all that tells pictures apart, and 25 times as quick."""
MOST_CLUSTERS = 20
"""More than these are not suggested: nobody would look through them to name them."""
MOST_PROJECTED = 10_000
"""So many points are laid out; the rest is put between those of them that are nearest."""

_MOST_COMPARED = 2_000  # points whose distances to each other say how well groups are apart
_MOST_EXACT = 20_000  # beyond, k-means works on batches
_STARTS = 4
_NEIGHBOURS = 5
_PERPLEXITY = 30.0
_EARLY_STEPS, _STEPS, _STEPS_BETWEEN_REPORTS = 250, 250, 10
_MOST_SUMMED_EXACTLY = 3_000  # below, summing over a tree is quicker than interpolating on a grid


@dataclass(frozen=True, eq=False)
class Clusters:
    """Groups of points.

    Attributes:
        ids: `(n,)` int64, 0..k-1, the largest group first.
        centres: `(k, D)` float32.
    """

    ids: np.ndarray
    centres: np.ndarray

    @property
    def sizes(self) -> np.ndarray:
        """`(k,)` int64, how many points each has."""
        return np.bincount(self.ids, minlength=len(self.centres))


@dataclass(frozen=True)
class Agreement:
    """How well groups agree with known classes.

    Attributes:
        pictures: how many have a known class; only these count.
        purity: share of them that belong to the most frequent class of their group, 0..1.
        purity_of_one: the same if all were one group: what costs nothing.
        nmi: normalised mutual information, 0 (unrelated) to 1 (the same), arithmetic mean as in scikit-learn.
        main_class: for each group its most frequent class and that class's share, or None where none is known.
    """

    pictures: int
    purity: float
    purity_of_one: float
    nmi: float
    main_class: tuple[tuple[int, float] | None, ...]


def compress(vectors: np.ndarray) -> np.ndarray:
    """Vectors `(n, D)` at length 1, turned into their `DIMENSIONS` principal components at most, float32."""
    if len(vectors) < 2:  # nothing to tell apart
        return np.zeros((len(vectors), 1), np.float32)
    from sklearn.decomposition import PCA

    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    directions = vectors / np.maximum(lengths, np.finfo(np.float32).tiny)
    return PCA(min(DIMENSIONS, *vectors.shape), random_state=0).fit_transform(directions).astype(np.float32)


def cluster(points: np.ndarray, count: int, seed: int = 0) -> Clusters:
    """`count` groups of points by k-means; fewer where there are fewer different points.

    Raises:
        DataError: no points, or no groups are asked for.
    """
    from sklearn.cluster import KMeans, MiniBatchKMeans

    if not len(points) or count < 1:
        raise DataError(f"{len(points)} pictures cannot be put into {count} groups: ask for at least one of each.")
    count = min(count, len(np.unique(points, axis=0)))
    method: Any = KMeans if len(points) <= _MOST_EXACT else MiniBatchKMeans
    found = method(count, n_init=_STARTS, random_state=seed).fit(points)
    order = np.argsort(-np.bincount(found.labels_, minlength=count), kind="stable")
    return Clusters(np.argsort(order)[found.labels_].astype(np.int64), found.cluster_centers_[order].astype(np.float32))


def suggest_count(points: np.ndarray, seed: int = 0) -> int:
    """How many groups stand apart best: the highest silhouette (Rousseeuw 1987) of 2 to 20 groups, on a sample."""
    from sklearn.metrics import silhouette_score

    sample = _sample(len(points), _MOST_COMPARED, seed)
    chosen = points[sample]
    most = min(MOST_CLUSTERS, len(np.unique(chosen, axis=0)) - 1)
    scores = {count: silhouette_score(chosen, cluster(chosen, count, seed).ids) for count in range(2, most + 1)}
    return max(scores, key=lambda count: scores[count], default=1)


def representatives(points: np.ndarray, clusters: Clusters, count: int = 6) -> list[np.ndarray]:
    """For each group the positions of up to `count` points nearest to its centre, nearest first."""
    distances = np.linalg.norm(points - clusters.centres[clusters.ids], axis=1)
    order = np.argsort(distances, kind="stable")
    return [order[clusters.ids[order] == group][:count] for group in range(len(clusters.centres))]


def project(points: np.ndarray, seed: int = 0, progress: Progress | None = None) -> np.ndarray:
    """A place `(n, 2)` float32 for every point, by t-SNE (van der Maaten and Hinton 2008): alike points lie close.

    openTSNE, not UMAP: on lite0's features of 10,000 product photos its map keeps more of the neighbourhood
    (trustworthiness .985 and .976, right by the ten nearest .81 and .79; the first two principal components .85 and
    .57), and it adds 13 MB where UMAP adds 215 and a compiler that takes most of a minute at first.

    Args:
        progress: called with steps done and all of them; raise in it to cancel.
    """
    if len(points) < 4:
        return np.stack([np.arange(len(points)), np.zeros(len(points))], axis=1).astype(np.float32)
    import openTSNE

    def report(step: int, *_: object) -> None:
        calls.append(step)
        if progress:
            progress(min(len(calls) * _STEPS_BETWEEN_REPORTS, total), total)

    calls: list[int] = []
    total = _EARLY_STEPS + _STEPS
    chosen = _sample(len(points), MOST_PROJECTED, seed)
    method: Any = openTSNE.TSNE  # its annotations say that a perplexity is whole
    laid_out = method(
        perplexity=min(_PERPLEXITY, (len(chosen) - 1) / 3),
        early_exaggeration_iter=_EARLY_STEPS,
        n_iter=_STEPS,
        negative_gradient_method="bh" if len(chosen) <= _MOST_SUMMED_EXACTLY else "fft",
        n_jobs=available_cores() if len(chosen) > _MOST_SUMMED_EXACTLY else 1,  # threads cost more than they save
        random_state=seed,
        callbacks=report,
        callbacks_every_iters=_STEPS_BETWEEN_REPORTS,
    ).fit(points[chosen])
    places = np.empty((len(points), 2), np.float32)
    places[chosen] = laid_out
    rest = np.setdiff1d(np.arange(len(points)), chosen)
    if len(rest):
        places[rest] = laid_out.prepare_partial(points[rest], k=_NEIGHBOURS)
    return places


def known_classes(index: DatasetIndex, rows: np.ndarray) -> np.ndarray:
    """The one image-level label `(n,)` int64 of each of these pictures; -1 for none, or several."""
    labelled, ids = index.label_pairs()
    found = np.full(len(index), -1, np.int64)
    found[labelled] = ids
    found[np.bincount(labelled, minlength=len(index)) != 1] = -1
    return found[rows]


def agreement(clusters: Clusters, classes: np.ndarray) -> Agreement | None:
    """How well the groups agree with `classes` `(n,)`, -1 where unknown; None when none is known."""
    from sklearn.metrics import normalized_mutual_info_score

    known = classes >= 0
    if not known.any():
        return None
    groups, truth = clusters.ids[known], classes[known]
    table = np.zeros((len(clusters.centres), truth.max() + 1), np.int64)
    np.add.at(table, (groups, truth), 1)
    sums, most = table.sum(axis=1), table.max(axis=1)
    return Agreement(
        pictures=len(truth),
        purity=float(most.sum() / len(truth)),
        purity_of_one=float(table.sum(axis=0).max() / len(truth)),
        nmi=float(normalized_mutual_info_score(truth, groups)),
        main_class=tuple(
            (int(row.argmax()), float(row.max() / total)) if total else None
            for row, total in zip(table, sums, strict=True)
        ),
    )


def name_clusters(index: DatasetIndex, rows: np.ndarray, ids: np.ndarray, names: Mapping[int, str]) -> DatasetIndex:
    """A new index in which the unlabelled pictures of named groups have that name as their label.

    Labels that are there already stay, also the empty one of a picture that shows none of the classes.

    Args:
        rows, ids: `(n,)`, pictures and their groups.
        names: a group's number to its name. Two groups may share one; a name with nothing in it names nothing.
    """
    class_of = {group: " ".join(name.split()) for group, name in names.items() if name.strip()}
    class_names = tuple(dict.fromkeys([*index.class_names, *class_of.values()]))
    new_ids = np.full(max([*ids.tolist(), *class_of], default=0) + 1, -1)
    for group, name in class_of.items():
        new_ids[group] = class_names.index(name)
    proposed = np.full(len(index), -1)
    proposed[rows] = new_ids[ids]
    old = index.images["labels"].combine_chunks()
    changed = old.is_null().to_numpy(zero_copy_only=False) & (proposed >= 0)
    offsets = np.concatenate([[0], np.cumsum(changed)]).astype(np.int32)
    labels = pa.ListArray.from_arrays(
        offsets, pa.array(proposed[changed], pa.int32()), type=IMAGES.field("labels").type, mask=pa.array(~changed)
    )
    place = IMAGES.get_field_index("labels")
    images = index.images.set_column(place, IMAGES.field("labels"), compute.coalesce(old, labels))
    note = f"{was(int(changed.sum()), 'picture')} labelled by naming the groups they look like."
    return replace(index, class_names=class_names, images=images, notes=(note,))


def _sample(total: int, most: int, seed: int) -> np.ndarray:
    """Positions, sorted: all of `total`, or `most` of them by chance."""
    if total <= most:
        return np.arange(total)
    return np.sort(np.random.default_rng(seed).choice(total, most, replace=False))
