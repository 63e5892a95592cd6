"""Pictures on their way to the step: decoded, augmented and collated by threads, ahead of need.

    feed = PictureFeed(index, how, augmentation, seed=0)
    with closing(feed.training(epoch, plan, start=step)) as batches:
        for batch in batches: ...

What a picture looks like depends on the seed, the epoch and its place in it, and on nothing else: not on threads, on
memory, or on where training was interrupted. Pictures stay in memory, decoded and shrunk, as long as there is room.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from queue import Empty, Full, Queue
from typing import TypeVar

import numpy as np
import psutil
from PIL import Image

from vision_core.boxes import clip_boxes
from vision_core.data.augment import AUGMENTATIONS, SMALLEST_SIDE_PX, Augmentation, Sample, augment
from vision_core.data.index import DatasetIndex
from vision_core.data.mosaic import mosaic
from vision_core.data.threads import in_order
from vision_core.images import open_image
from vision_core.preprocess import placement, resized
from vision_core.training import peers
from vision_core.types import Preprocessing

SHARE_OF_MEMORY = 0.25
"""How much of the memory that is free at the start decoded pictures may take, of all processes of a machine."""
BATCHES_AHEAD = 2
T = TypeVar("T")
Spoil = Callable[[Image.Image, int], Image.Image]


@dataclass(frozen=True)
class Batch:
    """Pictures of one step, on the host.

    Attributes:
        rows: `(B,)` rows of the index.
        pixels: one `(H, W, 3)` uint8 a picture, at the size of the network's input.
        boxes_xyxy: one `(N, 4)` float32 a picture, in the input's pixels; class_ids: one `(N,)` int64 a picture.
    """

    rows: np.ndarray
    pixels: Sequence[np.ndarray]
    boxes_xyxy: Sequence[np.ndarray]
    class_ids: Sequence[np.ndarray]

    def __len__(self) -> int:
        return len(self.rows)

    def part(self, start: int, stop: int) -> Batch:
        """Some of its pictures."""
        cut = slice(start, stop)
        return Batch(self.rows[cut], self.pixels[cut], self.boxes_xyxy[cut], self.class_ids[cut])


class PictureFeed:
    """Batches of the pictures of an index.

    Args:
        how: the network's preprocessing; what is not trained on is resized exactly as prediction does it.
        workers: threads that decode and augment; by default one a core of this process's part.
        spoil: what is done to a picture of a row before `plain` resizes it; its size stays.
    """

    def __init__(
        self,
        index: DatasetIndex,
        how: Preprocessing,
        augmentation: Augmentation = AUGMENTATIONS["none"],
        seed: int = 0,
        workers: int | None = None,
        spoil: Spoil | None = None,
    ) -> None:
        self._spoil = spoil
        self.index, self.how, self.augmentation, self.seed = index, how, augmentation, seed
        self.workers = workers or peers.cores()
        self._memory = _Memory(int(psutil.virtual_memory().available * SHARE_OF_MEMORY) // peers.here())
        self._boxes = index.boxes_xyxy
        self._box_classes = index.box_column("class_id").astype(np.int64)
        self._single = ~index.box_column("crowd").astype(bool)

    def training(
        self,
        epoch: int,
        plan: Sequence[np.ndarray],
        start: int = 0,
        mosaic_rows: np.ndarray | None = None,
        share: tuple[int, int] = (0, 1),
    ) -> Generator[Batch, None, None]:
        """Augmented batches, one for each entry of the plan from `start` on.

        Args:
            plan: rows of every batch of the epoch, of all processes together.
            mosaic_rows: rows that a mosaic's other three pictures are drawn from; None: no mosaic.
            share: which process this is, and of how many. Together they see what one would see alone.
        """
        mine = slice(share[0], None, share[1])
        places = np.cumsum([0, *map(len, plan)]).tolist()
        items = [
            (int(row), place)
            for rows, first in zip(plan[start:], places[start:], strict=False)
            for place, row in list(enumerate(rows, first))[mine]
        ]
        work = partial(self._augmented, epoch, mosaic_rows)
        return ahead(partial(self._batches, work, items, [rows[mine] for rows in plan[start:]]))

    def plain(self, rows: Sequence[int] | np.ndarray, batch_size: int) -> Generator[Batch, None, None]:
        """The pictures as prediction sees them, in order."""
        plan = [np.asarray(rows[at : at + batch_size], np.int64) for at in range(0, len(rows), batch_size)]
        return ahead(partial(self._batches, self._plain, [int(row) for row in rows], plan))

    def view(self, row: int, number: int) -> Sample:
        """One augmented version of one picture; number 0 is the picture as prediction sees it."""
        if number == 0:
            return self._plain(row)
        return augment(self._sample(row), self.augmentation, self.how, np.random.default_rng([self.seed, number, row]))

    def _batches(
        self, work: Callable[[T], Sample], items: Sequence[T], plan: Sequence[np.ndarray]
    ) -> Generator[Batch, None, None]:
        with closing(in_order(work, items, self.workers)) as samples:
            for rows in plan:
                mine = [next(samples) for _ in rows]
                yield Batch(
                    np.asarray(rows, np.int64),
                    [np.asarray(sample.image) for sample in mine],
                    [sample.boxes_xyxy for sample in mine],
                    [sample.class_ids for sample in mine],
                )

    def _augmented(self, epoch: int, mosaic_rows: np.ndarray | None, item: tuple[int, int]) -> Sample:
        row, place = item
        random = np.random.default_rng([self.seed, epoch, place])
        sample = self._sample(row)
        if mosaic_rows is not None and len(mosaic_rows):
            others = [self._sample(int(other)) for other in random.choice(mosaic_rows, 3)]
            sample = mosaic([sample, *others], self.how.size_px, random)
        return augment(sample, self.augmentation, self.how, random)

    def _plain(self, row: int) -> Sample:
        """As prediction sees it, boxes in the input's pixels."""

        def make() -> tuple[np.ndarray, tuple[int, int]]:
            picture = open_image(self.index.path(row))
            pixels = picture.pixels if self._spoil is None else self._spoil(picture.pixels, row)
            return resized(pixels, self.how), picture.size_px

        pixels, size = self._memory.get(("plain", row), make)
        boxes, ids = self.objects(row)
        where = placement(self.how, *size)
        boxes = boxes * np.array([where.scale_x, where.scale_y] * 2) - np.array([where.left, where.top] * 2)
        boxes = clip_boxes(boxes.astype(np.float32), pixels.shape[1], pixels.shape[0])
        kept = (boxes[:, 2:] - boxes[:, :2] >= SMALLEST_SIDE_PX).all(axis=1)
        return Sample(Image.fromarray(pixels), boxes[kept], ids[kept])

    def _sample(self, row: int) -> Sample:
        """The picture, shrunk to what augmentation can make use of, and its boxes in its pixels."""
        pixels, (width, height) = self._memory.get(("shrunk", row), partial(self._shrunk, row))
        boxes, ids = self.objects(row)
        scale = np.array([pixels.shape[1] / width, pixels.shape[0] / height] * 2, np.float32)
        return Sample(Image.fromarray(pixels), boxes * scale, ids)

    def _shrunk(self, row: int) -> tuple[np.ndarray, tuple[int, int]]:
        needed = self.how.resize_px or self.how.size_px
        needed = math.ceil(needed / math.sqrt(self.augmentation.smallest_crop))
        picture = open_image(self.index.path(row), shortest_px=needed)
        image = picture.pixels
        if min(image.size) > 1.5 * needed:  # less would blur twice for little
            how = replace(self.how, mode="shortest", size_px=needed, max_size_px=None)
            return resized(image, how), picture.size_px
        return np.asarray(image), picture.size_px

    def objects(self, row: int) -> tuple[np.ndarray, np.ndarray]:
        """Boxes `(N, 4)` of single objects in the picture's pixels, and their class ids `(N,)` int64."""
        mine = slice(int(self.index.box_starts[row]), int(self.index.box_starts[row + 1]))
        single = self._single[mine]
        return self._boxes[mine][single].astype(np.float32), self._box_classes[mine][single]


class _Memory:
    """Decoded pictures, as many as fit; what does not fit is made again each time."""

    def __init__(self, limit_bytes: int) -> None:
        self._left = limit_bytes
        self._kept: dict[tuple[str, int], tuple[np.ndarray, tuple[int, int]]] = {}
        self._lock = threading.Lock()

    def get(
        self, key: tuple[str, int], make: Callable[[], tuple[np.ndarray, tuple[int, int]]]
    ) -> tuple[np.ndarray, tuple[int, int]]:
        found = self._kept.get(key)
        if found is None:
            found = make()
            with self._lock:
                if key not in self._kept and found[0].nbytes <= self._left:
                    self._left -= found[0].nbytes
                    self._kept[key] = found
        return found


def ahead(make: Callable[[], Generator[T, None, None]]) -> Generator[T, None, None]:
    """The same items, made by a thread up to `BATCHES_AHEAD` ahead of need; closing it ends the thread."""
    queue: Queue[tuple[T | None, BaseException | None]] = Queue(BATCHES_AHEAD)
    stopped = threading.Event()

    def put(item: tuple[T | None, BaseException | None]) -> None:
        while not stopped.is_set():
            try:
                return queue.put(item, timeout=0.1)
            except Full:
                continue

    def run() -> None:
        try:
            with closing(make()) as items:
                for item in items:
                    put((item, None))
                    if stopped.is_set():
                        return
            put((None, None))
        except BaseException as error:  # whatever it was, the one who waits for the next item learns it
            put((None, error))

    thread = threading.Thread(target=run, name="feed", daemon=True)
    thread.start()
    try:
        while True:
            item, error = queue.get()
            if error is not None:
                raise error
            if item is None:
                return
            yield item
    finally:
        stopped.set()
        while thread.is_alive():
            try:
                queue.get_nowait()
            except Empty:
                thread.join(0.05)


def plan_epoch(
    rows: np.ndarray, batch_size: int, seed: int, epoch: int, weights: np.ndarray | None = None
) -> list[np.ndarray]:
    """Which rows each step of an epoch sees: every row once in a new order, or drawn by weight with replacement.

    Batches differ by one picture at most, so that none is left with a single one.
    """
    random = np.random.default_rng([seed, epoch])
    shares = None if weights is None else weights / weights.sum()
    order = random.permutation(rows) if shares is None else random.choice(rows, len(rows), p=shares)
    return np.array_split(order, math.ceil(len(rows) / batch_size))
