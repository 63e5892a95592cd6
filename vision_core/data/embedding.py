"""What a classifier's network makes of every picture: one vector each, computed once and kept on disk.

    seen = embed(index, load_classifier())
    seen.rows, seen.vectors

Vectors are found again by the bytes of the picture and of the network, so renamed, copied or moved pictures cost
nothing, a changed one is never mistaken for its old self, and work that was cut short goes on where it stopped.
"""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from vision_core.data.index import DatasetIndex
from vision_core.data.threads import Progress, in_order
from vision_core.errors import DataError, ImageError, ModelError, SettingsError
from vision_core.images import open_image
from vision_core.preprocess import as_tensor, resized
from vision_core.settings import ensure_folder, settings
from vision_core.types import Preprocessing

if TYPE_CHECKING:
    from vision_core.predict import Classifier

BATCH = 16
"""Pictures that go through the network at once and into one file: the most that is lost when the power fails."""


@dataclass(frozen=True, eq=False)
class Embedding:
    """What a network made of a data set.

    Attributes:
        rows: `(n,)` int64, rows of the pictures that could be opened, in order.
        vectors: `(n, D)` float32, the network's pooled features.
        unreadable: row to the sentence that says why a picture could not be opened.
    """

    rows: np.ndarray
    vectors: np.ndarray
    unreadable: dict[int, str]


def embed(
    index: DatasetIndex, classifier: Classifier, cache: Path | None = None, progress: Progress | None = None
) -> Embedding:
    """The features of every picture; only those that are not on disk yet are computed.

    Besides the result, 5 KB a picture for the embedded classifier, memory holds a few batches.

    Args:
        cache: where vectors are kept; by default `features` in the workspace.
        progress: called with the pictures that are done and all of them; raise in it to cancel. What was computed
            until then is kept.

    Raises:
        ModelError: the network has no pooled features.
        SettingsError: the cache cannot be written.
    """
    _check_pooling(classifier)
    store = FeatureStore((cache or settings().home / "features") / fingerprint(classifier))
    digests = _digests(index, progress)
    known = store.digests()
    missing = [row for row, digest in enumerate(digests) if digest not in known]
    unreadable: dict[int, str] = {}
    done = len(index) - len(missing)
    with closing(_looks(index, missing, classifier.spec.preprocessing)) as looks:
        while batch := list(islice(looks, BATCH)):
            opened = [look for look in batch if not look.error]
            if opened:
                vectors = pooled_features(classifier, np.stack([look.pixels for look in opened]))
                store.add([look.digest for look in opened], vectors)
            for look in batch:
                digests[look.row] = look.digest  # of what was decoded: the file may have changed since
                if look.error:
                    unreadable[look.row] = look.error
            done += len(batch)
            if progress:
                progress(done, len(index))
    rows = np.array([row for row in range(len(index)) if row not in unreadable], np.int64)
    return Embedding(rows, store.read([digests[row] for row in rows]), unreadable)


def pooled_features(classifier: Classifier, pixels: np.ndarray) -> np.ndarray:
    """What the network's last layer works on, `(B, D)` float32, for inputs `(B, S, S, 3)` uint8 as `resized` makes."""
    import torch

    network: Any = classifier.folded
    with classifier.turn, torch.inference_mode():
        batch = as_tensor(pixels, classifier.spec.preprocessing, classifier.device)
        features = network.forward_head(network.forward_features(batch), pre_logits=True)
        return features.float().cpu().numpy()


def fingerprint(classifier: Classifier) -> str:
    """32 hexadecimal digits that differ when weights or preprocessing do."""
    digest = hashlib.sha256(repr(classifier.spec.preprocessing).encode())
    for name, tensor in sorted(classifier.network.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:32]


class FeatureStore:
    """Vectors in a folder, one .npy file a batch, each written aside and renamed: several processes may add at once."""

    def __init__(self, folder: Path) -> None:
        self._folder = ensure_folder(folder)

    def digests(self) -> set[str]:
        """SHA-256 of every picture whose vector is here."""
        return {digest.decode() for block in self._blocks() for digest in block["sha256"].tolist()}

    def add(self, digests: Sequence[str], vectors: np.ndarray) -> None:
        """Keeps one vector `(n, D)` a picture.

        Raises:
            SettingsError: nothing can be written there.
        """
        block = np.empty(len(digests), [("sha256", "S64"), ("vector", "<f4", vectors.shape[1:])])
        block["sha256"], block["vector"] = digests, vectors
        part = self._folder / f"{uuid.uuid4().hex}.part"
        try:
            with open(part, "wb") as file:
                np.save(file, block)
            os.replace(part, part.with_suffix(".npy"))
        except OSError as error:
            raise SettingsError(
                f"Features cannot be kept in {self._folder} ({error.strerror}); "
                "set WHATWHERE_HOME to a folder with room."
            ) from error
        finally:
            part.unlink(missing_ok=True)

    def read(self, digests: Sequence[str]) -> np.ndarray:
        """The vectors `(n, D)` float32 of these pictures; `(0, 0)` without pictures.

        Raises:
            DataError: one is not here.
        """
        places: dict[bytes, list[int]] = {}
        for place, digest in enumerate(digests):
            places.setdefault(digest.encode(), []).append(place)
        vectors = np.zeros((0, 0), np.float32)
        for block in self._blocks():
            if not vectors.size:
                vectors = np.empty((len(digests), block["vector"].shape[1]), np.float32)
            for digest, vector in zip(block["sha256"].tolist(), block["vector"], strict=True):
                vectors[places.pop(digest, [])] = vector
        if places:
            raise DataError(f"{len(places)} pictures' features are gone from {self._folder}: try again.")
        return vectors[: len(digests)]

    def _blocks(self) -> Iterator[np.ndarray]:
        """What each file holds; a damaged one counts as absent."""
        for path in sorted(self._folder.glob("*.npy")):
            try:
                block = np.load(path, allow_pickle=False)
            except (OSError, ValueError, EOFError):
                continue
            if block.dtype.names == ("sha256", "vector"):
                yield block


class _Look(NamedTuple):
    """A picture as the network's input `(S, S, 3)` uint8, or why there is none."""

    row: int
    digest: str = ""
    pixels: np.ndarray = np.zeros((0, 0, 3), np.uint8)
    error: str = ""


def _looks(index: DatasetIndex, rows: Sequence[int], how: Preprocessing) -> Generator[_Look, None, None]:
    return in_order(partial(_look, how=how), ((row, index.path(row)) for row in rows))


def _look(numbered: tuple[int, Path], how: Preprocessing) -> _Look:
    row, path = numbered
    try:
        picture = open_image(path)
    except ImageError as error:
        return _Look(row, error=str(error))
    return _Look(row, picture.sha256, resized(picture.pixels, how))


def _digests(index: DatasetIndex, progress: Progress | None) -> list[str]:
    """SHA-256 of every file, "" of those that cannot be read."""
    found: list[str] = []
    with closing(in_order(_digest, (index.path(row) for row in range(len(index))))) as digests:
        for digest in digests:
            if progress and len(found) % BATCH == 0:
                progress(0, len(index))
            found.append(digest)
    return found


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    try:
        with open(path, "rb") as file:
            while chunk := file.read(1 << 20):
                digest.update(chunk)
    except (OSError, ValueError):
        return ""
    return digest.hexdigest()


def _check_pooling(classifier: Classifier) -> None:
    if not hasattr(classifier.folded, "forward_head"):
        raise ModelError(f"{classifier.name} does not tell its pooled features; choose one of timm's classifiers.")
