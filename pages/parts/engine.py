"""What all browser sessions share: models, pictures and results, each computed once and kept in bounded caches.

A result is kept by picture (its SHA-256) and model, so that sliders, reloads and a second visitor never run a network
again. Passes take turns: two at once would only slow each other down and spoil the measured latencies.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

import numpy as np
import streamlit as st

from vision_core.costs.latency import Budget, LatencyReport
from vision_core.costs.picture import Pipeline, measure_picture
from vision_core.costs.report import CostReport
from vision_core.errors import ImageError
from vision_core.images import Picture, open_image
from vision_core.models.weights import fetch, is_on_disk
from vision_core.predict import (
    Classifier,
    ObjectDetector,
    crop_boxes,
    detect_then_classify,
    load_classifier,
    load_detector,
)
from vision_core.runs import find_model
from vision_core.samples import SAMPLES_FOLDER
from vision_core.settings import allowed_path, settings
from vision_core.types import Classification, Detections, Task

IOU_STEPS = tuple(round(0.1 + 0.05 * step, 2) for step in range(17))
MIN_SCORE = 0.1
STORE_BYTES = 1 << 30
MAX_SETS = 1000
MAX_PATHS = 10_000
MAX_DECODED = 8
MAX_COSTS = 1000
BUDGET = Budget(seconds=1.0, min_runs=5, max_runs=30)

_turn = threading.RLock()
T = TypeVar("T")


@dataclass(frozen=True)
class Ref:
    """A picture by its content's SHA-256, with what this visitor calls it and what was converted to read it."""

    digest: str
    name: str
    notes: tuple[str, ...] = ()


class PictureStore:
    """Pictures that visitors brought, as files in memory: the oldest go first when it is full.

    A page address holds a picture's digest, so a reload finds it again; nothing is written to disk, and no visitor's
    file name is kept. A picture of a server folder, or a sample, is kept as its path alone and read again when needed.
    """

    def __init__(self, max_bytes: int = STORE_BYTES) -> None:
        self._max_bytes = max_bytes
        self._files: OrderedDict[str, bytes] = OrderedDict()
        self._paths: OrderedDict[str, Path] = OrderedDict()
        self._decoded: OrderedDict[str, Picture] = OrderedDict()
        self._sets: OrderedDict[str, tuple[Ref, ...]] = OrderedDict()
        self._lock = threading.Lock()

    def add(self, name: str, content: bytes | Path) -> Ref:
        """Opens a file, keeps it, and returns how to find it again.

        Raises:
            VisionError: it cannot be read, or lies outside the folders that may be opened.
        """
        opened = open_image(content if isinstance(content, bytes) else _allowed(content), name=name)
        with self._lock:
            if isinstance(content, Path):
                _keep(self._paths, opened.sha256, content, MAX_PATHS)
            else:
                _keep(self._files, opened.sha256, content, MAX_PATHS)
                while sum(map(len, self._files.values())) > self._max_bytes and len(self._files) > 1:
                    self._files.popitem(last=False)
            _keep(self._decoded, opened.sha256, opened, MAX_DECODED)
        return Ref(opened.sha256, opened.name, opened.notes)

    def __contains__(self, digest: str) -> bool:
        with self._lock:
            return digest in self._files or digest in self._paths

    def picture(self, digest: str) -> Picture:
        """The decoded picture with this digest; its `name` is whatever its first visitor called it, so never show it.

        Raises:
            VisionError: it is no longer in memory, or its file was changed meanwhile.
        """
        with self._lock:
            kept = self._decoded.get(digest)
            if kept is not None:
                self._decoded.move_to_end(digest)
                return kept
            content = self._files.get(digest) or self._paths.get(digest)
        if content is None:
            raise ImageError("This picture is no longer in the server's memory. Upload it again, or choose a sample.")
        opened = open_image(content if isinstance(content, bytes) else _allowed(content))
        if opened.sha256 != digest:
            raise ImageError("This picture's file was changed on the server. Open its folder again.")
        with self._lock:
            _keep(self._decoded, digest, opened, MAX_DECODED)
        return opened

    def add_set(self, refs: tuple[Ref, ...]) -> str:
        """Keeps which pictures were brought together and returns the name of that set."""
        name = sha256("".join(f"{ref.digest}{ref.name}" for ref in refs).encode()).hexdigest()[:16]
        with self._lock:
            _keep(self._sets, name, refs, MAX_SETS)
        return name

    def get_set(self, name: str) -> tuple[Ref, ...]:
        with self._lock:
            return self._sets.get(name, ())


def _keep(shelf: OrderedDict[str, T], key: str, value: T, most: int) -> None:
    """Puts a value at the young end, and drops the oldest beyond `most`."""
    shelf[key] = value
    shelf.move_to_end(key)
    while len(shelf) > most:
        shelf.popitem(last=False)


def _allowed(path: Path) -> Path:
    """The path with links resolved: a sample's, or one inside the folders that visitors may open."""
    return path if path.parent == SAMPLES_FOLDER else allowed_path(path, settings())


@st.cache_resource(show_spinner=False)
def store() -> PictureStore:
    """The one store of this server."""
    return PictureStore()


def ready(name: str, task: Task, progress: Callable[[int, int | None], None]) -> None:
    """Downloads the model's weights if they are not on disk; the only step that needs a network.

    Raises:
        VisionError: unknown model, or weights that cannot be fetched.
    """
    spec, _ = find_model(name, task)
    if spec.source != "run" and not is_on_disk(spec):
        fetch(spec, progress)


@st.cache_resource(show_spinner=False, max_entries=4)
def classifier(name: str) -> Classifier:
    return load_classifier(name)


@st.cache_resource(show_spinner=False, max_entries=4)
def detector(name: str) -> ObjectDetector:
    return load_detector(name)


@st.cache_resource(show_spinner=False, max_entries=2000)
def classify(digest: str, name: str) -> Classification:
    """What the classifier says of the whole picture."""
    model = classifier(name)
    with _turn:
        return model.predict([store().picture(digest).pixels])[0]


@st.cache_resource(show_spinner=False, max_entries=2000)
def detect(digest: str, name: str) -> Detections:
    """Every candidate of the detector, before threshold and suppression."""
    model = detector(name)
    with _turn:
        return model.predict([store().picture(digest).pixels])[0]


@st.cache_resource(show_spinner=False, max_entries=500)
def object_labels(digest: str, detector_name: str, classifier_name: str) -> dict[tuple[int, ...], Classification]:
    """The classifier's labels of every crop that any setting of the sliders can show, by the crop's box."""
    reachable = _reachable(detect(digest, detector_name))
    model = classifier(classifier_name)
    with _turn:
        result = detect_then_classify(store().picture(digest).pixels, reachable, model)
    return {tuple(box): labels for box, labels in zip(crop_boxes(reachable).tolist(), result.labels, strict=True)}


def _reachable(candidates: Detections) -> Detections:
    """The candidates that are shown for at least one position of the sliders.

    A higher score threshold or a class filter only takes boxes away from what suppression kept, so it is enough to
    look at every step of the overlap slider once.
    """
    above = candidates.above(MIN_SCORE)
    keep = np.zeros(len(above), bool)
    for iou in IOU_STEPS:
        kept = {tuple(row) for row in candidates.select(MIN_SCORE, iou).boxes_xyxy.tolist()}
        keep |= np.asarray([tuple(row) in kept for row in above.boxes_xyxy.tolist()], bool)
    return above.pick(keep)


@st.cache_resource(show_spinner=False, max_entries=200)
def heat(digest: str, name: str, class_name: str) -> np.ndarray:
    """Where the classifier looked for a class, over the whole picture."""
    model = classifier(name)
    with _turn:
        return model.activation_map(store().picture(digest).pixels, class_name)


def class_names(names: Iterable[tuple[str | None, str | None]]) -> list[str]:
    """What a class filter can offer: the detectors' classes, or the classifiers' where there is no detector."""
    pairs = list(names)
    known = {name for _, det in pairs if det for name in find_model(det, "detection")[1]}
    return sorted(known or {name for clf, _ in pairs if clf for name in find_model(clf, "classification")[1]})


@dataclass(frozen=True)
class Cost:
    """What one picture costs with one contender; `objects`: how many crops detect-then-classify named."""

    digest: str
    report: CostReport
    latency: LatencyReport
    objects: int | None


@st.cache_resource(show_spinner=False)
def _book() -> OrderedDict[tuple[object, ...], Cost]:
    """Measured costs, the oldest dropped; not a cached function, since measuring draws its progress."""
    return OrderedDict()


def costs(
    digest: str,
    models: tuple[str | None, str | None],
    thresholds: tuple[float, float],
    progress: Callable[[int, int], None],
) -> Cost:
    """Latency, memory, FLOPs and energy of this picture with (classifier, detector), measured once.

    `thresholds` are the score and overlap at which objects go on to the classifier.
    """
    book, key = _book(), (digest, *models, *thresholds)
    with _turn:
        if key not in book:
            what = Pipeline(
                classifier(models[0]) if models[0] else None, detector(models[1]) if models[1] else None, *thresholds
            )
            report, latency = measure_picture(store().picture(digest).pixels, what, budget=BUDGET, progress=progress)
            both = models[0] and models[1]
            objects = len(detect(digest, str(models[1])).select(*thresholds)) if both else None
            book[key] = Cost(digest, report, latency, objects)
            while len(book) > MAX_COSTS:
                book.popitem(last=False)
        return book[key]
