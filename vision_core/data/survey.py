"""Opens every picture of a data set once, on all cores, and keeps what its file told: state, size, digest, fingerprint.

    seen = survey(index)
    seen.states == State.READABLE, seen.sizes_px, seen.reasons[row]

About 300 bytes a picture are kept, never its pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass

import numpy as np

from vision_core.data.index import DatasetIndex
from vision_core.data.lookers import looks
from vision_core.data.looks import THUMBNAIL_EDGE, State
from vision_core.data.threads import Progress
from vision_core.images import configured_limits


@dataclass(frozen=True, eq=False)
class Survey:
    """What the files of a data set told, one entry a picture; see `Look` for what each says.

    Attributes:
        states: `(n,)` uint8 of `State`.
        reasons: row to the sentence that says why a picture could not be opened.
        kinds: `n` formats, "" for what could not be opened.
        sizes_px: `(n, 2)` int32, width and height of the upright picture; 0 for what could not be opened.
        orientations: `(n,)` uint8.
        digests: `(n,)` S32.
        fingerprints: `(n,)` uint64.
        thumbnails: `(n, 192)` uint8.
    """

    states: np.ndarray
    reasons: dict[int, str]
    kinds: Sequence[str]
    sizes_px: np.ndarray
    orientations: np.ndarray
    digests: np.ndarray
    fingerprints: np.ndarray
    thumbnails: np.ndarray

    @property
    def readable(self) -> np.ndarray:
        """`(n,)` bool."""
        return self.states == State.READABLE


def survey(index: DatasetIndex, progress: Progress | None = None, workers: int | None = None) -> Survey:
    """Opens every picture of `index` once; what cannot be opened is noted, never raised.

    Args:
        progress: called after every picture; raise in it to cancel.
        workers: processes (threads for few pictures); by default one a core.
    """
    total = len(index)
    seen = Survey(
        states=np.zeros(total, np.uint8),
        reasons={},
        kinds=(kinds := [""] * total),
        sizes_px=np.zeros((total, 2), np.int32),
        orientations=np.ones(total, np.uint8),
        digests=np.zeros(total, "S32"),
        fingerprints=np.zeros(total, np.uint64),
        thumbnails=np.zeros((total, THUMBNAIL_EDGE**2 * 3), np.uint8),
    )
    paths = (index.root / path.as_py() for path in index.images["path"])
    with closing(looks(paths, total, configured_limits(), workers)) as seen_files:
        for row, one in enumerate(seen_files):
            if one.reason:
                seen.reasons[row] = one.reason
            seen.states[row], kinds[row] = one.state, one.kind
            seen.sizes_px[row], seen.orientations[row] = one.size_px, one.orientation
            seen.digests[row], seen.fingerprints[row] = one.sha256, one.fingerprint
            seen.thumbnails[row] = np.frombuffer(one.thumbnail, np.uint8)
            if progress:
                progress(row + 1, total)
    return seen
