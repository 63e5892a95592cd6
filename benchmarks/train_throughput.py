"""How fast the loop trains: against the bare step, and against the loop that most people copy.

    python -m benchmarks.train_throughput

Same network, pictures, batch size and number of threads; every contestant is a process of its own, and they take
turns. *Bare*: the tuned step (channels last, an allocator that keeps its memory) on tensors that are ready. *Untuned*:
the same without the tuning. *Reference*: the loop of torchvision's reference scripts, with its data loader (as many
workers as cores), `RandomResizedCrop` or resize, flip, SGD, nothing tuned. *Ours*: `vision_core.training.loop.train`,
pictures decoded and augmented, first epoch and judging left out, as its own records say. Frozen: all five epochs with
everything that comes before, for ours the features too.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
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
FROZEN_EPOCHS = 5
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


def bare(case: dict[str, Any], data: Path, tuned: bool = True, seconds: float = 12.0) -> float:
    """Pictures a second of the step alone."""
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

    return case["batch"] * _rate(step, seconds)


def _rate(step: Callable[[], None], seconds: float) -> float:
    """Steps a second, after two that warm up."""
    for _ in range(2):
        step()
    count, started = 0, time.perf_counter()
    while time.perf_counter() - started < seconds:
        step()
        count += 1
    return count / (time.perf_counter() - started)


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


def reference(case: dict[str, Any], data: Path) -> float:
    """Pictures a second of a loop in the manner of torchvision's references, from the second epoch on.

    Frozen: of all five epochs, as for ours.
    """
    import torch

    torch.manual_seed(0)
    network, losses = _network(case)
    loader = _loader(case, data)
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    optimiser = torch.optim.SGD(trained, 0.01, momentum=0.9, weight_decay=1e-4)
    epochs = FROZEN_EPOCHS if case.get("frozen") else 2
    started, pictures = time.perf_counter(), 0
    for epoch in range(epochs):
        if epoch == 1 and not case.get("frozen"):
            started, pictures = time.perf_counter(), 0
        for images, targets in loader:
            loss = losses(images, targets)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            pictures += len(images)
    return pictures / (time.perf_counter() - started)


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


def ours(case: dict[str, Any], data: Path) -> dict[str, float]:
    """Pictures a second of the loop from the second epoch on, and its share of time spent waiting for pictures."""
    from vision_core.run_folder import RunFolder
    from vision_core.training.config import make_config
    from vision_core.training.loop import train

    is_frozen, is_detector = bool(case.get("frozen")), case["task"] == "detection"
    config = make_config(
        str(data / ("coco" if is_detector else "classes")),
        case["task"],
        case["model"],
        "instant" if is_frozen else "balanced",
        start="pretrained" if is_frozen else "scratch",
        input_size_px=case["size"],
        batch_size=case["batch"],
        epochs=FROZEN_EPOCHS if is_frozen else 3,
        device="cpu",
        patience=0,
        label_smoothing=0.0,
        **({"views": 1, "learning_rate": 1e-3} if is_frozen else {}),
    )
    with TemporaryDirectory() as folder:
        os.environ["WHATWHERE_HOME"] = folder
        run = RunFolder.create(Path(folder) / "run", config)
        started = time.perf_counter()
        records = list(train(run))
        if is_frozen:
            pictures = FROZEN_EPOCHS * len(list((data / "classes/train").rglob("*.jpg")))
            return {"rate": pictures / (time.perf_counter() - started), "data_wait": 0.0}
    later = records[1:]
    waits = [record["data_wait"] for record in later]
    return {
        "rate": float(np.mean([record["images_per_second"] for record in later])),
        "data_wait": float(np.mean(waits)),
    }


def contestant(name: str, case: dict[str, Any], data: Path) -> dict[str, float]:
    """One contestant, in this process."""
    if name == "ours":
        return ours(case, data)
    if name == "reference":
        return {"rate": reference(case, data)}
    return {"rate": bare(case, data, tuned=name == "bare")}


def measure(names: list[str], data: Path, rounds: int) -> dict[str, dict[str, dict[str, float]]]:
    """Every case: contestant to its figures, medians of rounds taken in turns."""
    found: dict[str, dict[str, dict[str, float]]] = {}
    for name in names:
        each: dict[str, list[dict[str, float]]] = {who: [] for who in CONTESTANTS}
        for number in range(rounds):
            order = CONTESTANTS[number % len(CONTESTANTS) :] + CONTESTANTS[: number % len(CONTESTANTS)]
            for who in order:
                command = [sys.executable, "-m", "benchmarks.train_throughput", "--one", who, name, str(data)]
                said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
                each[who].append(json.loads(said.splitlines()[-1]))
                print(name, who, each[who][-1], flush=True)
        found[name] = {
            who: shared.spread(np.array([one["rate"] for one in of]))
            | {"data_wait": float(np.median([one.get("data_wait", 0.0) for one in of]))}
            for who, of in each.items()
        }
    return found


def report(figures: dict[str, Any]) -> str:
    """The figures as Markdown."""
    rows = []
    for name, of in figures["cases"].items():
        rates = {who: of[who]["median"] for who in CONTESTANTS}
        each = [f"{rates[who]:.1f}" for who in CONTESTANTS]
        wait = "—" if "frozen" in name else f"{100 * of['ours']['data_wait']:.1f}"
        ratios = [f"{rates['ours'] / rates['bare']:.2f}x", f"**{rates['ours'] / rates['reference']:.1f}x**"]
        rows.append([name, *each, *ratios, f"{rates['bare'] / rates['untuned']:.2f}x", wait])
    head = ["", *CONTESTANTS, "ours / bare", "ours / reference", "what tuning gains", "ours waits for pictures, %"]
    return (
        f"{shared.table(head, rows)}\n\nPictures a second in training, medians of {figures['rounds']} rounds; "
        f"{figures['images']} JPEGs of 500 x 375, an eighth of them to judge by. Batches of 16 (lite0) and 8. Frozen: "
        f"{FROZEN_EPOCHS} epochs with everything before them; the bare step there is one with a frozen backbone."
    )


def main() -> None:
    """Measures and writes the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--cases", nargs="+", default=list(CASES), choices=list(CASES))
    parser.add_argument("--one", nargs=3, metavar=("WHO", "CASE", "DATA"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        who, name, data = options.one
        print(json.dumps(contestant(who, CASES[name], Path(data))))
        return
    about = shared.context()
    with TemporaryDirectory() as folder:
        generate(Path(folder), options.images)
        cases = measure(options.cases, Path(folder), options.rounds)
    figures = {"images": options.images, "rounds": options.rounds, "cases": cases}
    shared.write("train_throughput", about, figures, report(figures))


if __name__ == "__main__":
    main()
