"""Which pictures of a data set are the same: byte for byte, or to the eye.

    index = assign_splits(index, groups=groups(index))     # copies never end up in different splits

Two pictures look the same when their perceptual hashes differ in few of 64 bits *and* their 8 x 8 colour thumbnails
agree: the hash alone takes a red shirt for a blue one.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from vision_core.data.index import DatasetIndex
from vision_core.data.survey import Survey, survey
from vision_core.data.threads import Progress

MAX_BITS = 6
"""Most bits of the hash in which near duplicates differ; two unrelated photos differ in 32 on average."""
MAX_TONES, MAX_SHIFT = 5.0, 16.0
"""Largest mean difference of near duplicates' thumbnails, of 255, once one is as light as the other; and by how much
one may be lighter. A photo saved at quality 30 or scaled to a third differs by 0.6, made a tenth lighter by 5."""
_HASH_BITS = 64


def groups(index: DatasetIndex, progress: Progress | None = None) -> np.ndarray:
    """A group id `(len,)` int64 for every picture; exact and near duplicates share one.

    Opens every picture; what cannot be opened is a group of its own.
    """
    return near_groups(survey(index, progress))


def exact_groups(seen: Survey) -> np.ndarray:
    """A group id `(n,)` int64 for every picture; files with the same bytes share one."""
    group = np.arange(len(seen.states), dtype=np.int64)
    rows = np.flatnonzero(seen.readable)
    _, first, inverse = np.unique(seen.digests[rows], return_index=True, return_inverse=True)
    group[rows] = rows[first[inverse]]
    return group


def near_groups(seen: Survey, max_bits: int = MAX_BITS, max_tones: float = MAX_TONES) -> np.ndarray:
    """A group id `(n,)` int64 for every picture; pictures alike, also by way of a third, share one."""
    exact = exact_groups(seen)
    rows = np.flatnonzero(seen.readable & (exact == np.arange(len(exact))))
    pairs = near_pairs(seen.fingerprints[rows], seen.thumbnails[rows], max_bits, max_tones)
    links = coo_array((np.ones(len(pairs), bool), (rows[pairs[:, 0]], rows[pairs[:, 1]])), (len(exact),) * 2)
    return connected_components(links, directed=False)[1].astype(np.int64)[exact]


def near_pairs(
    hashes: np.ndarray, thumbnails: np.ndarray, max_bits: int = MAX_BITS, max_tones: float = MAX_TONES
) -> np.ndarray:
    """Pairs `(P, 2)` of positions whose hashes and thumbnails are close.

    Two hashes that differ in at most `max_bits` bits are equal in one of `max_bits + 1` bands of bits at least, so only
    pictures that share a band are compared: a thousandth or so of all pairs.

    Args:
        hashes: `(n,)` uint64.
        thumbnails: `(n, 192)` uint8.
    """
    edges = np.linspace(0, _HASH_BITS, max_bits + 2).astype(int).tolist()
    found = [np.zeros((0, 2), np.int64)]
    for low, high in pairwise(edges):
        band = (hashes >> np.uint64(low)) & np.uint64((1 << (high - low)) - 1)
        order = np.argsort(band, kind="stable")
        for first, second in pairs_in_runs(band[order]):
            pair = np.stack([order[first], order[second]], axis=1)
            pair = pair[np.bitwise_count(hashes[pair[:, 0]] ^ hashes[pair[:, 1]]) <= max_bits]
            found.append(pair[_look_alike(thumbnails[pair[:, 0]], thumbnails[pair[:, 1]], max_tones)])
    return np.unique(np.sort(np.concatenate(found), axis=1), axis=0)


def _look_alike(first: np.ndarray, second: np.ndarray, max_tones: float) -> np.ndarray:
    """Which thumbnails `(P, 192)` agree, `(P,)` bool."""
    difference = first.astype(np.float32) - second
    shift = difference.mean(axis=1, keepdims=True)
    return (np.abs(shift[:, 0]) <= MAX_SHIFT) & (np.abs(difference - shift).mean(axis=1) <= max_tones)


def pairs_in_runs(keys: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Positions of every two equal values among sorted `keys`, in portions no longer than `keys`."""
    first, step = np.arange(len(keys)), 0
    while len(first):
        step += 1
        first = first[: np.searchsorted(first, len(keys) - step)]
        first = first[keys[first] == keys[first + step]]
        if len(first):
            yield first, first + step
