"""How fast the loop trains: against the bare step, and against the loop that most people copy.

    python -m benchmarks.train_throughput

Same network, pictures, batch size and number of threads. *Bare*: the tuned step (channels last, an allocator that keeps
its memory) on tensors that are ready. *Untuned*: the same without the tuning. *Reference*: the loop of torchvision's
reference scripts, with its data loader (as many workers as cores), `RandomResizedCrop` or resize, flip, SGD, nothing
tuned. *Ours*: `vision_core.training.loop.train`, judging and checkpoints left out, as its own records say. It augments
every picture anew, but keeps decoded ones in memory (up to a quarter of what is free) after the first epoch, which is
not measured; the reference decodes again each time, as it does. Frozen: all five epochs with everything that comes
before (but imports): ours computes the features of one plain view of each picture, checkpoints included; the reference
shows the network five augmented ones.

Every contestant is a process of its own; they take turns, an epoch or some seconds each, the others waiting. Ratios are
medians over the turns, so that a machine that is slower for a minute is slower for all of them.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from PIL import Image

from benchmarks import shared

CASES: dict[str, dict[str, Any]] = {
    "lite0 160 px": {"task": "classification", "model": "tf_efficientnet_lite0", "size": 160, "batch": 16},
    "lite0 160 px, frozen": {
        "task": "classification",
        "model": "tf_efficientnet_lite0",
        "size": 160,
        "batch": 16,
        "frozen": True,
    },
    "SSDLite320": {"task": "detection", "model": "ssdlite320_mobilenet_v3_large", "size": 320, "batch": 8},
    "YOLOv9-t 320 px": {"task": "detection", "model": "yolov9t", "size": 320, "batch": 8},
}
CONTESTANTS = ("bare", "untuned", "reference", "ours")
RATIOS = (("ours", "bare"), ("ours", "reference"), ("bare", "untuned"))
_KEYS = [f"{over} / {under}" for over, under in RATIOS]
FROZEN_EPOCHS = 5
SECONDS = 8.0
Turns = Generator[dict[str, float], None, None]
CLASSES = 10


def generate(folder: Path, count: int) -> None:
    """So many JPEGs of 500 x 375 with three boxes each, as COCO; a class folder a picture, by links."""
    photo = Image.open(io.BytesIO(shared.photo(1500, 1125)))
    coco: dict[str, Any] = {"images": [], "annotations": [], "categories": []}
    coco["categories"] = [{"id": label, "name": f"class {label}"} for label in range(CLASSES)]
    for number in range(count):
        dice = np.random.default_rng(number)
        left, top = int(dice.integers(1000)), int(dice.integers(750))
        split = "train" if number % 8 else "val"
        name = f"{number:05}.jpg"
        place = folder / "coco" / split
        place.mkdir(parents=True, exist_ok=True)
        photo.crop((left, top, left + 500, top + 375)).save(place / name, quality=88)
        classes = folder / "classes" / split / f"class {number // 8 % CLASSES}"
        classes.mkdir(parents=True, exist_ok=True)
        os.link(place / name, classes / name)
        coco["images"].append({"id": number, "file_name": f"{split}/{name}", "width": 500, "height": 375})
        for _ in range(3):
            x, y = dice.uniform(0, 0.6, 2) * (500, 375)
            width, height = dice.uniform(0.15, 0.4, 2) * (500, 375)
            box = {"bbox": [x, y, width, height], "area": width * height, "iscrowd": 0}
            about = {"id": len(coco["annotations"]) + 1, "image_id": number, "category_id": int(dice.integers(CLASSES))}
            coco["annotations"].append(about | box)
    (folder / "coco" / "annotations.json").write_text(json.dumps(coco), encoding="utf-8")


def bare(case: dict[str, Any], tuned: bool) -> Turns:
    """The step alone, for `SECONDS` a turn."""
    if tuned:
        from vision_core.allocator import tune_allocator

        tune_allocator()
    import torch

    torch.manual_seed(0)
    network, losses = _network(case)
    layout: Any = torch.channels_last if tuned else torch.contiguous_format
    network.to(memory_format=layout)
    batch = torch.rand(case["batch"], 3, case["size"], case["size"]).contiguous(memory_format=layout)
    targets = _targets(case)
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    optimiser = torch.optim.AdamW(trained, 1e-4)

    def step() -> None:
        optimiser.zero_grad()
        losses(batch, targets).backward()
        optimiser.step()

    for _ in range(2):
        step()
    while True:
        yield {}
        count, started = 0, time.perf_counter()
        while time.perf_counter() - started < SECONDS:
            step()
            count += case["batch"]
        yield {"rate": count / (time.perf_counter() - started)}


def _network(case: dict[str, Any]) -> tuple[Any, Callable[[Any, Any], Any]]:
    """The network in training mode, and its loss."""
    from torch.nn.functional import cross_entropy

    from vision_core.models import get_spec

    network = get_spec(case["model"]).build(CLASSES).train()
    if case["task"] == "detection":
        return network, lambda batch, targets: network.losses(list(batch), targets)["loss"]
    if case.get("frozen"):
        network.requires_grad_(False)
        network.classifier.requires_grad_(True)
    return network, lambda batch, targets: cross_entropy(network(batch), targets)


def _targets(case: dict[str, Any]) -> Any:
    import torch

    if case["task"] == "classification":
        return torch.randint(CLASSES, (case["batch"],))
    corners = torch.rand(case["batch"], 3, 2) * 0.6 * case["size"]
    boxes = torch.cat([corners, corners + case["size"] * 0.3], dim=2)
    return [{"boxes": one, "labels": torch.randint(CLASSES, (3,))} for one in boxes]


def reference(case: dict[str, Any], data: Path) -> Turns:
    """A loop in the manner of torchvision's references, an epoch a turn, the first one unmeasured.

    Frozen: all epochs a turn, from fresh workers on.
    """
    import torch

    torch.manual_seed(0)
    network, losses = _network(case)
    loader = _loader(case, data)
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    optimiser = torch.optim.SGD(trained, 0.01, momentum=0.9, weight_decay=1e-4)

    def epoch() -> int:
        pictures = 0
        for images, targets in loader:
            loss = losses(images, targets)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            pictures += len(images)
        return pictures

    if not case.get("frozen"):
        epoch()
    while True:
        yield {}
        started = time.perf_counter()
        pictures = sum(epoch() for _ in range(FROZEN_EPOCHS if case.get("frozen") else 1))
        yield {"rate": pictures / (time.perf_counter() - started)}


def _loader(case: dict[str, Any], data: Path) -> Any:
    import torch
    from torch.utils.data import DataLoader
    from torchvision import datasets, tv_tensors
    from torchvision.transforms import v2

    normalise = v2.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    tensor = [v2.PILToTensor(), v2.ToDtype(torch.float32, scale=True)]
    workers = len(os.sched_getaffinity(0))
    if case["task"] == "classification":
        crop = [v2.RandomResizedCrop(case["size"], antialias=True), v2.RandomHorizontalFlip()]
        pictures = datasets.ImageFolder(str(data / "classes/train"), v2.Compose([*crop, *tensor, normalise]))
        return DataLoader(pictures, case["batch"], shuffle=True, num_workers=workers)

    resize = v2.Compose([v2.Resize((case["size"], case["size"])), v2.RandomHorizontalFlip(), *tensor])

    class Coco(datasets.CocoDetection):
        def __getitem__(self, index: int) -> Any:
            image, found = super().__getitem__(index)
            corners = torch.tensor([[x, y, x + w, y + h] for x, y, w, h in (one["bbox"] for one in found)])
            make: Any = tv_tensors.BoundingBoxes
            boxes = make(corners, format="XYXY", canvas_size=(image.height, image.width))
            image, boxes = resize(image, boxes)
            labels = torch.tensor([one["category_id"] for one in found])
            return image, {"boxes": boxes.as_subclass(torch.Tensor).float(), "labels": labels}

    every = Coco(str(data / "coco"), str(data / "coco/annotations.json"))
    chosen = [place for place, number in enumerate(every.ids) if number % 8]
    pictures = torch.utils.data.Subset(every, chosen)
    return DataLoader(
        pictures,
        case["batch"],
        shuffle=True,
        num_workers=workers,
        collate_fn=lambda rows: tuple(zip(*rows, strict=True)),
    )


def ours(case: dict[str, Any], data: Path) -> Turns:
    """Our loop, an epoch a turn, the first one unmeasured; `data_wait` is the share of time without a picture.

    Frozen: a run a turn, each in a workspace of its own, so that no features are there yet.
    """
    import torchmetrics  # noqa: F401  (imports are left out for everyone)

    from vision_core.training.loop import train

    if case.get("frozen"):
        pictures = FROZEN_EPOCHS * len(list((data / "classes/train").rglob("*.jpg")))
        while True:
            yield {}
            with _run(case, data, FROZEN_EPOCHS) as run:
                started = time.perf_counter()
                for _ in train(run):
                    pass
                yield {"rate": pictures / (time.perf_counter() - started), "data_wait": 0.0}
    with _run(case, data, 1000) as run:
        records = train(run)
        next(records)
        while True:
            yield {}
            record = next(records)
            yield {"rate": record["images_per_second"], "data_wait": record["data_wait"]}


@contextmanager
def _run(case: dict[str, Any], data: Path, epochs: int) -> Iterator[Any]:
    """A new run of the case in a workspace of its own, gone afterwards."""
    from vision_core.run_folder import RunFolder
    from vision_core.training.config import make_config

    is_frozen, is_detector = bool(case.get("frozen")), case["task"] == "detection"
    config = make_config(
        str(data / ("coco" if is_detector else "classes")),
        case["task"],
        case["model"],
        "instant" if is_frozen else "balanced",
        start="pretrained" if is_frozen else "scratch",
        input_size_px=case["size"],
        batch_size=case["batch"],
        epochs=epochs,
        device="cpu",
        patience=0,
        label_smoothing=0.0,
        **({"views": 1, "learning_rate": 1e-3} if is_frozen else {}),
    )
    with TemporaryDirectory() as folder:
        os.environ["WHATWHERE_HOME"] = folder
        yield RunFolder.create(Path(folder) / "run", config)


def contestant(name: str, case: dict[str, Any], data: Path) -> None:
    """One contestant, in this process: ready, then a turn for every line on standard input."""
    if name in ("bare", "untuned"):
        turns = bare(case, name == "bare")
    else:
        turns = (ours if name == "ours" else reference)(case, data)
    while True:
        print(json.dumps(next(turns)), flush=True)
        if not sys.stdin.readline():
            return
        print(json.dumps(next(turns)), flush=True)


def measure(names: list[str], data: Path, rounds: int) -> dict[str, Any]:
    """Every case: contestant to its rates a turn, and the ratios of the turns; half of the pictures but for frozen."""
    found: dict[str, Any] = {}
    for name in names:
        each: dict[str, list[dict[str, float]]] = {who: [] for who in CONTESTANTS}
        with ExitStack() as started:
            pictures = data / ("all" if CASES[name].get("frozen") else "half")
            running = {who: started.enter_context(_started(who, name, pictures)) for who in CONTESTANTS}
            for number in range(rounds):
                order = CONTESTANTS[number % len(CONTESTANTS) :] + CONTESTANTS[: number % len(CONTESTANTS)]
                for who in order:
                    each[who].append(_turn(running[who]))
                    print(name, who, each[who][-1], flush=True)
        rates = {who: np.array([turn["rate"] for turn in of]) for who, of in each.items()}
        found[name] = {who: shared.spread(of) for who, of in rates.items()}
        for over, under in RATIOS:
            found[name][f"{over} / {under}"] = shared.spread(rates[over] / rates[under])
        found[name]["data_wait"] = float(np.median([turn.get("data_wait", 0.0) for turn in each["ours"]]))
    return found


@contextmanager
def _started(who: str, name: str, data: Path) -> Iterator[subprocess.Popen[str]]:
    """A contestant's process, ready for its first turn; ended afterwards."""
    command = [sys.executable, "-m", "benchmarks.train_throughput", "--one", who, name, str(data)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            _hear(process)
            yield process
        finally:
            process.kill()


def _turn(process: subprocess.Popen[str]) -> dict[str, float]:
    assert process.stdin
    process.stdin.write("go\n")
    process.stdin.flush()
    found = _hear(process)
    _hear(process)
    return found


def _hear(process: subprocess.Popen[str]) -> dict[str, float]:
    assert process.stdout
    for line in process.stdout:
        if line.startswith("{"):
            return json.loads(line)
    raise RuntimeError(f"a contestant ended with exit status {process.wait()}; see above")


def report(figures: dict[str, Any]) -> str:
    """The figures as Markdown."""
    rows = []
    for name, of in figures["cases"].items():
        each = [f"{of[who]['median']:.1f}" for who in CONTESTANTS]
        ratios = [f"**{of[key]['median']:.2f}x** ({of[key]['q25']:.2f} to {of[key]['q75']:.2f})" for key in _KEYS]
        wait = "—" if "frozen" in name else f"{100 * of['data_wait']:.1f}"
        rows.append([name, *each, *ratios, wait])
    head = ["", *CONTESTANTS, *_KEYS, "ours waits for pictures, %"]
    few, all_of_them = figures["images"] // 2, figures["images"]
    return (
        f"{shared.table(head, rows)}\n\nPictures a second in training, medians of {figures['rounds']} turns each; "
        f"ratios are medians of the turns' own, with quartiles. {few} JPEGs of 500 x 375 (frozen: {all_of_them}), an "
        f"eighth of them to judge by. Batches of 16 (lite0) and 8. Frozen: {FROZEN_EPOCHS} epochs with everything "
        "before them, ours from one plain view of each picture; the bare step there is one with a frozen backbone. "
        "Ours keeps decoded pictures in memory after the first epoch, which is not measured; the reference decodes "
        "each time."
    )


def main() -> None:
    """Measures and writes the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cases", nargs="+", default=list(CASES), choices=list(CASES))
    parser.add_argument("--one", nargs=3, metavar=("WHO", "CASE", "DATA"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        who, name, data = options.one
        contestant(who, CASES[name], Path(data))
        return
    about = shared.context()
    with TemporaryDirectory() as folder:
        generate(Path(folder) / "all", options.images)
        generate(Path(folder) / "half", options.images // 2)
        cases = measure(options.cases, Path(folder), options.rounds)
    figures = {"images": options.images, "rounds": options.rounds, "cases": cases}
    shared.write("train_throughput", about, figures, report(figures))


if __name__ == "__main__":
    main()
