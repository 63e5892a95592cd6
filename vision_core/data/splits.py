"""Which pictures to train on and which to test on: by class, with copies kept together, the same for the same seed.

    index = assign_splits(index, groups=groups(index))

Given splits are kept; only pictures without one are assigned.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from vision_core.data.index import DatasetIndex
from vision_core.errors import SettingsError

DEFAULT_FRACTIONS: Mapping[str, float] = MappingProxyType({"train": 0.7, "val": 0.15, "test": 0.15})


def assign_splits(
    index: DatasetIndex,
    fractions: Mapping[str, float] = DEFAULT_FRACTIONS,
    seed: int = 0,
    groups: np.ndarray | None = None,
) -> DatasetIndex:
    """The same pictures, those without a split assigned to one.

    Iterative stratification (Sechidis et al., On the Stratification of Multi-label Data, 2011): the rarest class is
    divided first, each group going where most of that class is still wanted. A class that is nearly used up goes to
    the splits that have none of it, so that every split shows it where there are enough groups. A group of which some
    picture has a split already follows that one.

    Args:
        fractions: split to its share of all pictures; scaled to sum to 1.
        groups: `(len,)` integers; pictures with the same number stay together. None: every picture by itself.

    Raises:
        SettingsError: a fraction is negative or not a number, or none is above 0.
    """
    shares = np.array(list(fractions.values()), np.float64)
    if not (shares >= 0).all() or not np.isfinite(shares).all() or shares.sum() == 0:
        raise SettingsError(f"The fractions {dict(fractions)} are no shares: use numbers from 0, one above 0.")
    given = np.array(index.images["split"].to_pylist(), object)
    names = [*fractions, *sorted(set(given) - set(fractions) - {""})]
    division = _Division(index, groups, np.pad(shares / shares.sum(), (0, len(names) - len(shares))))
    for row in np.flatnonzero(given != "")[::-1]:  # backwards: a group goes where its first picture is
        division.home[division.group_of[row]] = names.index(given[row])
    division.fill(np.random.default_rng(seed))
    placed = division.home[division.group_of]
    return index.with_splits([split or names[home] for split, home in zip(given, placed, strict=True)])


class _Division:
    """Groups of pictures, the split each is in, and what every split still wants.

    Attributes:
        group_of: `(pictures,)` number of each picture's group.
        home: `(groups,)` the group's split, -1 for none yet.
    """

    def __init__(self, index: DatasetIndex, groups: np.ndarray | None, shares: np.ndarray) -> None:
        group_ids = np.arange(len(index)) if groups is None else groups
        self.group_of = np.unique(group_ids, return_inverse=True)[1]
        self.sizes = np.bincount(self.group_of)
        self.home = np.full(len(self.sizes), -1, np.int64)
        pairs, self._pictures = np.unique(self._shown(index), axis=0, return_counts=True)
        self._classes = pairs[:, 1]
        self._starts = np.searchsorted(pairs[:, 0], np.arange(len(self.sizes) + 1))
        totals = np.bincount(self._classes, self._pictures)
        self._shares = shares
        self._wanted = shares[:, None] * totals  # pictures of each class, (splits, classes)
        self._wanted_pictures = shares * len(index)
        self._has = np.zeros(self._wanted.shape, bool)
        self._left = np.bincount(self._classes)  # groups of each class that have no split yet

    def _shown(self, index: DatasetIndex) -> np.ndarray:
        """Group and class `(M, 2)` of every class that a picture shows, once a picture; class 0: it shows none."""
        rows, ids = index.label_pairs()
        rows = np.concatenate([rows, index.box_column("image")]).astype(np.int64)
        ids = np.unique(np.concatenate([ids, index.box_column("class_id")]), return_inverse=True)[1] + 1
        shown = np.unique(np.stack([rows, ids], axis=1), axis=0)
        without = np.setdiff1d(np.arange(len(index)), shown[:, 0])
        shown = np.concatenate([shown, np.stack([without, np.zeros_like(without)], axis=1)])
        shown[:, 0] = self.group_of[shown[:, 0]]
        return shown

    def fill(self, rng: np.random.Generator) -> None:
        """Gives every group a split: the rarest class first, its largest groups first, otherwise in random order."""
        for group in np.flatnonzero(self.home >= 0).tolist():
            self._settle(group)
        shuffled = rng.permutation(len(self.sizes))
        place_in_order = np.empty_like(shuffled)
        place_in_order[shuffled[np.argsort(-self.sizes[shuffled], kind="stable")]] = np.arange(len(shuffled))
        group_of_pair = np.repeat(np.arange(len(self.sizes)), np.diff(self._starts))
        while self._left.any():
            rarest = int(np.where(self._left > 0, self._left, np.iinfo(np.int64).max).argmin())
            mine = group_of_pair[self._classes == rarest]
            mine = mine[self.home[mine] < 0]
            for group in mine[np.argsort(place_in_order[mine])].tolist():
                self.home[group] = self._best(rarest)
                self._settle(group)

    def _best(self, class_id: int) -> int:
        """The split that wants the class most; of two, the one that wants more pictures."""
        open_to = self._shares > 0
        lacking = open_to & ~self._has[:, class_id]
        if self._left[class_id] <= lacking.sum():
            open_to = lacking
        wanted = np.where(open_to, self._wanted[:, class_id], -np.inf)
        return int(np.where(wanted == wanted.max(), self._wanted_pictures, -np.inf).argmax())

    def _settle(self, group: int) -> None:
        mine = slice(self._starts[group], self._starts[group + 1])
        home, classes = self.home[group], self._classes[mine]
        self._wanted[home, classes] -= self._pictures[mine]
        self._has[home, classes] = True
        self._left[classes] -= 1
        self._wanted_pictures[home] -= self.sizes[group]
