"""Training in seconds: the frozen backbone runs once on a few views of every picture, then only the head learns.

Features are kept on disk under everything they depend on, so a run that is repeated, resumed, or differs only in how
its head learns computes none again. Blocks of pictures are always the same, so their features are too, to the bit.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from vision_core import __version__, preprocess
from vision_core.data.threads import in_order
from vision_core.models.folding import fold_batch_norm
from vision_core.settings import ensure_folder, settings
from vision_core.training.config import TrainConfig
from vision_core.training.feed import PictureFeed
from vision_core.training.objectives import ClassificationObjective, Objective
from vision_core.training.step import free_memory, is_too_much
from vision_core.training.task_data import Stage, TaskData

BLOCK = 64
"""Pictures that go through the backbone at once and into one file."""
MAX_PASSES = 4000
"""So many passes through the backbone take about half a minute on two cores: larger data sets get fewer views."""


@dataclass(frozen=True)
class FeatureBatch:
    """Features `(B, …)` float32 of pictures; rows `(B,)`."""

    rows: np.ndarray
    features: np.ndarray

    def __len__(self) -> int:
        return len(self.rows)

    def part(self, start: int, stop: int) -> FeatureBatch:
        """Some of its pictures."""
        return FeatureBatch(self.rows[start:stop], self.features[start:stop])


class FeatureObjective(ClassificationObjective):
    """The classifier's objective on features in place of pictures: the network is the head."""

    def inputs(self, batch: Any, device: torch.device) -> Tensor:
        return torch.from_numpy(batch.features).to(device)


class FeatureFeed:
    """Batches of features of pictures, with the face of a `PictureFeed`.

    Args:
        features: the backbone, from pictures to what its head is given.
        progress: called while features are computed; raise in it to stop. What was computed is kept.
    """

    def __init__(
        self,
        pictures: PictureFeed,
        features: nn.Module,
        objective: Objective,
        device: torch.device,
        data: TaskData,
        config: TrainConfig,
        progress: Stage | None = None,
    ) -> None:
        self.pictures, self.config, self.objective, self.device = pictures, config, objective, device
        features.eval().requires_grad_(False)
        edge = pictures.how.size_px
        probe = torch.rand(1, 3, edge, edge, generator=torch.Generator().manual_seed(0)).to(device)
        self._network = fold_batch_norm(features, lambda module: module(probe))
        rows = data.rows
        self._folder = settings().home / "features" / self._key(features, data)
        self.views = max(1, min(config.views, MAX_PASSES // len(rows["train"])))
        jobs = [(0, rows["val"])] + [(view, rows["train"]) for view in range(self.views)]
        total, done = sum(len(wanted) for _, wanted in jobs), 0
        self._views: dict[int, dict[int, np.ndarray]] = {}
        for view, wanted in jobs:
            found = self._view(view, wanted, lambda n, base=done: progress and progress("Features", base + n, total))
            self._views.setdefault(view, {}).update(zip(wanted.tolist(), found, strict=True))
            done += len(wanted)

    def _key(self, features: nn.Module, data: TaskData) -> str:
        machine = (self.device.type, torch.get_num_threads(), torch.__version__)
        how = (self.pictures.how, self.pictures.augmentation, self.config.seed, __version__)
        digest = hashlib.sha256(repr((machine, how)).encode())
        digest.update(data.fingerprint(with_times=True).encode())
        head = {tensor.data_ptr() for tensor in features.get_submodule("head").state_dict().values()}
        for name, tensor in sorted(features.state_dict().items()):
            if tensor.data_ptr() in head:
                continue  # what the head will be changes no feature
            digest.update(name.encode())
            digest.update(tensor.cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()[:32]

    def _view(self, view: int, rows: np.ndarray, report: Callable[[int], object]) -> np.ndarray:
        """The features of one view of these rows, from disk where they are."""
        found = []
        for start in range(0, len(rows), BLOCK):
            block = rows[start : start + BLOCK]
            report(start)
            found.append(self._block(view, block))
        report(len(rows))
        return np.concatenate(found)

    def _block(self, view: int, rows: np.ndarray) -> np.ndarray:
        name = hashlib.sha256(rows.astype("<i8").tobytes()).hexdigest()[:16]
        path = self._folder / f"view-{view}-{name}.npy"
        try:
            kept = np.load(path, allow_pickle=False)
            if len(kept) == len(rows):
                return kept
        except (OSError, ValueError, EOFError):  # not there yet, or cut short
            pass
        with closing(in_order(partial(self._pixels, view), rows.tolist(), self.pictures.workers)) as pictures:
            pixels = np.stack(list(pictures))
        batch = preprocess.as_tensor(pixels, self.pictures.how, self.device)
        with torch.inference_mode():
            computed = self._through(batch).float().cpu().numpy()
        ensure_folder(self._folder)
        part = path.with_suffix(f".{os.getpid()}.part")
        try:
            with open(part, "wb") as file:
                np.save(file, computed)
            os.replace(part, path)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        return computed

    def _through(self, batch: Tensor) -> Tensor:
        """Pictures through the backbone, in halves where memory is too small."""
        try:
            return self._network(batch)
        except Exception as error:
            if not is_too_much(error) or len(batch) == 1:
                raise
        free_memory(self.device)
        return torch.cat([self._through(half) for half in batch.chunk(2)])

    def _pixels(self, view: int, row: int) -> np.ndarray:
        return np.asarray(self.pictures.view(row, view).image)

    def training(
        self, epoch: int, plan: Sequence[np.ndarray], start: int = 0, share: tuple[int, int] = (0, 1)
    ) -> Generator[FeatureBatch, None, None]:
        """Batches from step `start` on, or this process's share of them (see `PictureFeed.training`).

        Which view of a picture is seen is drawn anew every epoch.
        """
        mine = slice(share[0], None, share[1])
        drawn = np.random.default_rng([self.config.seed, epoch, 1]).integers(self.views, size=sum(map(len, plan)))
        place = sum(map(len, plan[:start]))
        for every in plan[start:]:
            rows, views = every[mine], drawn[place : place + len(every)][mine].tolist()
            place += len(every)
            yield FeatureBatch(rows, np.stack([self._views[v][r] for v, r in zip(views, rows.tolist(), strict=True)]))

    def plain(self, rows: Sequence[int] | np.ndarray, batch_size: int) -> Generator[FeatureBatch, None, None]:
        """The pictures as prediction sees them, in order."""
        rows = np.asarray(rows, np.int64)
        for start in range(0, len(rows), batch_size):
            block = rows[start : start + batch_size]
            yield FeatureBatch(block, np.stack([self._views[0][row] for row in block.tolist()]))
