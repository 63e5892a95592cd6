"""From a photo's bytes to both results: against the bare networks, and against the usual way of predicting.

*Ours* is what the page and the command line do: `open_image`, a classifier, a detector, the sliders' `select`. The
*floor* is one Pillow decode and the two networks alone, on tensors that are ready, with every setting that makes them
quick here; it holds no resizing, no box decoding and no records. The *usual way* is `benchmarks.usual_way`.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from PIL import Image

from benchmarks import shared
from benchmarks.fresh_detector import usable_detector
from vision_core.boxes import box_iou
from vision_core.images import open_image
from vision_core.predict import Classifier, ObjectDetector, choose_device, load_classifier, load_detector

import torch  # isort: skip  # after vision_core.predict, which sets the allocator first
from safetensors.torch import save_file  # isort: skip

PHOTOS = {"640x427": (640, 427), "1280x960": (1280, 960), "4000x3000": (4000, 3000)}
SAME_SIZE = (320, 320)  # the detector's own input size: no resize, so both sides see the very same pixels
SCORE, IOU = 0.4, 0.5
# Our resize differs from Pillow's by one grey level in two of a thousand places; an unsure score moves by this much.
SCORE_TOLERANCE = 5e-3
Models = tuple[Classifier, ObjectDetector, ObjectDetector]  # embedded, embedded, the one torchvision has too
TASKS = ("classification", "detection", "both")


class Ours:
    """Bytes to results, and what each stage of the last call took."""

    def __init__(self, classifier: Classifier | None, detector: ObjectDetector | None) -> None:
        self.classifier, self.detector = classifier, detector
        self.stages: list[tuple[float, ...]] = []

    def __call__(self, data: bytes) -> float:
        """Milliseconds from bytes to results."""
        stages = np.zeros(4)  # decode, preprocess, network, after

        def run() -> None:
            picture: list[Any] = []
            stages[0] = shared.timed_ms(lambda: picture.append(open_image(data)))
            image = picture[0].pixels
            said = []
            if self.classifier:
                said.append(self.classifier.predict([image])[0])
                said[-1].top(5)
            if self.detector:
                said.append(self.detector.predict([image])[0])
                stages[3] += shared.timed_ms(lambda: said[-1].select(SCORE, IOU))
            for timing in (item.timing for item in said):
                stages[1:] += [timing.preprocess_ms, timing.network_ms, timing.postprocess_ms]

        total = shared.timed_ms(run)
        self.stages.append((*stages, total - stages.sum()))
        return total


class Floor:
    """One decode and the two bare forward passes, of the networks as published or of the ones that ours runs."""

    def __init__(self, classifier: Classifier, detector: ObjectDetector, data: bytes, folded: bool = False) -> None:
        image = open_image(data).pixels
        self.data, self.device = data, classifier.device
        self.classifier = classifier.folded if folded else classifier.network
        self.classifier_input = classifier.inputs([image])
        self.detector = (detector.folded if folded else detector.network).network
        self.detector_input = torch.stack(detector.inputs([image]))
        self.detector_input = self.detector_input.contiguous(memory_format=torch.channels_last)
        self.stages: list[tuple[float, ...]] = []

    def __call__(self) -> float:
        decode = shared.timed_ms(lambda: Image.open(BytesIO(self.data)).load())
        first = shared.timed_ms(lambda: self._pass(self.classifier, self.classifier_input))
        second = shared.timed_ms(lambda: self._pass(self.detector, self.detector_input))
        self.stages.append((decode, first, second))
        return decode + first + second

    @torch.inference_mode()
    def _pass(self, network: torch.nn.Module, batch: torch.Tensor) -> None:
        network(batch)
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)


class Peer:
    """The usual way, in its own process."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self._read()

    def ask(self, **request: object) -> dict[str, Any]:
        """One request, one answer."""
        if self.process.stdin is None:
            raise RuntimeError("the peer has no standard input")
        print(json.dumps(request), file=self.process.stdin, flush=True)
        return self._read()

    def _read(self) -> dict[str, Any]:
        line = self.process.stdout.readline() if self.process.stdout else ""
        if not line:
            raise RuntimeError("the process of the usual way ended; see its message above")
        return json.loads(line)


@contextmanager
def peer(classifier: Classifier, detector: ObjectDetector, photos: dict[str, bytes]) -> Iterator[Peer]:
    """Starts the usual way with the same weights, photos, device and number of threads."""
    with TemporaryDirectory() as folder:
        for name, data in photos.items():
            (Path(folder) / f"{name}.jpg").write_bytes(data)
        networks = {"classifier": classifier.network, "detector": detector.network.network}
        for name, network in networks.items():
            state = {key: value.contiguous().cpu() for key, value in network.state_dict().items()}
            save_file(state, Path(folder) / f"{name}.safetensors")
        arguments = [folder, str(torch.get_num_threads()), str(classifier.device)]
        command = [sys.executable, "-m", "benchmarks.usual_way", *arguments]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            yield Peer(process)


def check_same_answers(usual: Peer, classifier: Classifier, detector: ObjectDetector, photos: dict[str, bytes]) -> None:
    """Both sides must say the same, or their times mean nothing.

    Raises:
        RuntimeError: they do not.
    """
    for name, data in photos.items():
        said = classifier.predict([open_image(data).pixels])[0].scores
        theirs = usual.ask(photo=name, task="classification", answers=True)["classification"]
        gap = max(abs(float(said[index]) - score) for index, score in theirs)
        if int(said.argmax()) != theirs[0][0] or gap > SCORE_TOLERANCE:
            raise RuntimeError(f"the classifiers disagree on {name}: {theirs} differs by {gap}")
    found = detector.predict([open_image(photos["same"]).pixels])[0].above(0.5).suppress(0.55, class_agnostic=False)
    theirs = [item for item in usual.ask(photo="same", task="detection", answers=True)["detection"] if item[1] >= 0.5]
    overlap = box_iou(found.boxes_xyxy, np.asarray([box for box, _, _ in theirs]).reshape(-1, 4))
    alike = (overlap > 0.99) & (abs(found.scores[:, None] - [score for _, score, _ in theirs]) < SCORE_TOLERANCE)
    if not len(found) or min(alike.any(axis=0).mean(), alike.any(axis=1).mean()) < 0.99:
        raise RuntimeError(f"the detectors disagree on {len(found)} and {len(theirs)} boxes")


def measure(name: str, usual: Peer, models: Models, seconds: float) -> dict[str, Any]:
    """All contestants on one photo, in turns."""
    classifier, embedded, common = models
    data = shared.photo(*PHOTOS[name])
    ours, floor = Ours(classifier, embedded), Floor(classifier, embedded, data)
    contestants: dict[str, Callable[[], float]] = {
        "ours": lambda: ours(data),
        "floor": floor,
        "folded floor": Floor(classifier, embedded, data, folded=True),
    }
    parts = {"classification": (classifier, None), "detection": (None, common), "both": (classifier, common)}
    for task, pair in parts.items():
        mine = Ours(*pair)
        contestants[f"ours {task}"] = lambda mine=mine: mine(data)
        contestants[f"usual {task}"] = lambda task=task: usual.ask(photo=name, task=task)["ms"]
    contestants["usual detection from 0.05"] = lambda: usual.ask(photo=name, task="detection", score_thresh=0.05)["ms"]
    times = shared.take_turns(contestants, seconds)
    rounds = len(times["ours"])
    return {
        "times": times,
        "file_bytes": len(data),
        "ours_stages_ms": np.median(ours.stages[-rounds:], axis=0).tolist(),
        "floor_stages_ms": np.median(floor.stages[-rounds:], axis=0).tolist(),
    }


def report(measured: dict[str, dict[str, Any]]) -> tuple[dict[str, Any], str]:
    """The figures as JSON and as Markdown."""
    against_floor, split, against_usual = [], [], []
    figures: dict[str, Any] = {"ours_stages": ["decode", "preprocess", "network", "after", "other"], "photos": {}}
    for name, found in measured.items():
        times = found.pop("times")
        ratios = {f"ours / {floor}": times["ours"] / times[floor] for floor in ("floor", "folded floor")}
        of_each = [shared.with_spread(times[key]) for key in ("ours", "floor", "folded floor")]
        against_floor.append([name, *of_each, *(shared.with_spread(ratio, "x") for ratio in ratios.values())])
        split.append([name, *(f"{ms:.1f}" for ms in (*found["ours_stages_ms"], *found["floor_stages_ms"]))])
        for task, theirs in [*((task, f"usual {task}") for task in TASKS), ("detection", "usual detection from 0.05")]:
            ratios[f"{theirs} / ours"] = times[theirs] / times[f"ours {task}"]
            label = "detection, candidates from 0.05" if theirs.endswith("0.05") else task
            against_usual.append(
                [
                    name,
                    label,
                    shared.with_spread(times[f"ours {task}"]),
                    shared.with_spread(times[theirs]),
                    shared.with_spread(ratios[f"{theirs} / ours"], "x"),
                ]
            )
        spreads = {key: shared.spread(values) for key, values in times.items()}
        found |= {"ms": spreads, "ratios": {key: shared.spread(values) for key, values in ratios.items()}}
        figures["photos"][name] = found
    text = "\n\n".join(
        [
            "Medians, with quartiles in brackets; ratios are medians of per-round ratios.",
            "## Against the floor (lite0 + SSDLite-MobileNetV2)",
            shared.table(
                ["JPEG", "ours, ms", "floor, ms", "folded floor, ms", "ours / floor", "ours / folded floor"],
                against_floor,
            ),
            "The floor is one Pillow decode and both bare forward passes (channels last, tuned allocator, inference "
            "mode, tensors ready). It holds no resizing, box decoding or records. Its networks are as published; "
            "ours runs lite0 with batch norm folded into the convolutions, and so does the folded floor.",
            shared.table(
                ["JPEG", "decode", "preprocess", "network", "after", "other",
                 "floor: decode", "floor: classifier", "floor: detector"],
                split,
            ),
            "## Against the usual way (lite0 + SSDLite320-MobileNetV3, same weights on both sides)",
            shared.table(["JPEG", "task", "ours, ms", "usual, ms", "usual / ours"], against_usual),
            "The usual way: a fresh process, `Image.open(…).convert(\"RGB\")`, timm's `create_transform` and "
            "torchvision's `weights.transforms()`, `model(…)` in inference mode, plain NCHW. torchvision keeps "
            "candidates from 0.001 by default, we from 0.05; the row “candidates from 0.05” gives it ours. The "
            "detector has fresh weights, scaled to as many candidates as the embedded one finds in a photo.",
        ]
    )  # fmt: skip
    return figures, text


def main() -> None:
    """Measures and writes the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=15, help="for each photo")
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args()
    about = {**shared.context(), "device": args.device}
    device = choose_device(args.device)
    models = load_classifier(device=args.device), load_detector(device=args.device), usable_detector(device)
    photos = {name: shared.photo(*size) for name, size in PHOTOS.items()} | {"same": shared.photo(*SAME_SIZE)}
    with peer(models[0], models[2], photos) as usual:
        check_same_answers(usual, models[0], models[2], photos)
        measured = {name: measure(name, usual, models, args.seconds) for name in PHOTOS}
    figures, text = report(measured)
    shared.write("predict", about, figures, text)


if __name__ == "__main__":
    main()
