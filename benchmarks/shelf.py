"""Fashion Shelf: how quickly scenes are painted, and how hard they are to read.

*Crops*: a linear probe (logistic regression) on the embedded classifier's features of the objects in test scenes.
*Boxes*: the embedded detector after a short fine-tune, scored by pycocotools on test scenes.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import resource
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from PIL import Image
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks import shared
from vision_core.data.index import DatasetIndex, Filter
from vision_core.data.shelf import CLASS_NAMES, DIFFICULTIES, Scene, make_shelf, scene, split_of
from vision_core.models import build_for_finetuning, get_spec
from vision_core.predict import DEFAULT_DETECTOR, ObjectDetector, batches, choose_device, load_classifier

import torch  # isort: skip  # after vision_core.predict, which sets the allocator first

CROPS = {"train": 1200, "test": 500}
BATCH_SIZE = 8
LEARNING_RATE = 1e-3
FROZEN_BLOCKS = 7  # of 17; edges and textures are the same here as in COCO, and a step takes half the time


def speed(images: int) -> dict[str, float]:
    """Scenes a second: a whole shelf with all cores, and one process without files."""
    scene(0, 0)  # textures and photos are read once
    started, spent = time.perf_counter(), time.process_time()
    for number in range(images // 10):
        scene(0, number)
    alone = images // 10 / np.asarray([time.perf_counter() - started, time.process_time() - spent])
    with TemporaryDirectory() as folder:
        before, started = _children_s(), time.perf_counter()
        make_shelf(Path(folder) / "shelf", images)
        seconds, cpu_seconds = time.perf_counter() - started, _children_s() - before
        size = sum(path.stat().st_size for path in Path(folder).rglob("*.png"))
    return {
        "images": images,
        "seconds": seconds,
        "scenes_per_s": images / seconds,
        "scenes_per_cpu_s": images / cpu_seconds,
        "painting_alone_per_s": float(alone[0]),
        "painting_alone_per_cpu_s": float(alone[1]),
        "bytes_per_scene": size / images,
    }


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def contents(scenes: list[Scene]) -> dict[str, float]:
    """What is in scenes, in plain numbers."""
    hidden = np.concatenate([item.hidden for item in scenes])
    boxes = np.concatenate([item.boxes_xyxy for item in scenes])
    sides = np.sqrt((boxes[:, 2:] - boxes[:, :2]).prod(axis=1))
    return {
        "objects_per_scene": len(hidden) / len(scenes),
        "empty_scenes": float(np.mean([len(item.hidden) == 0 for item in scenes])),
        "hidden_mean": float(hidden.mean()),
        "partly_hidden": float((hidden > 0.02).mean()),
        "box_side_px_p10": float(np.percentile(sides, 10)),
        "box_side_px_p90": float(np.percentile(sides, 90)),
        "rarest_class": float(np.bincount(np.concatenate([item.class_ids for item in scenes])).min() / len(hidden)),
    }


def probe(difficulty: str) -> dict[str, float]:
    """Top-1 of a linear probe on crops of test scenes, and what always naming the commonest class would reach."""
    classifier = load_classifier()
    features, labels = {}, {}
    for split, wanted in CROPS.items():
        crops: list[Image.Image] = []
        classes: list[int] = []
        for item in _scenes_of(split, difficulty):
            if len(crops) >= wanted:
                break
            image = Image.fromarray(item.pixels)
            crops += [image.crop(tuple(box)) for box in item.boxes_xyxy.tolist()]
            classes += item.class_ids.tolist()
        with torch.inference_mode():
            found = [_features(classifier.network, classifier.inputs(part)) for part in batches(crops, BATCH_SIZE)]
        features[split], labels[split] = np.concatenate(found), np.asarray(classes)
    linear = make_pipeline(StandardScaler(), LogisticRegression(C=1e-3, max_iter=300))
    linear.fit(features["train"], labels["train"])
    return {
        "top1": float(linear.score(features["test"], labels["test"])),
        "commonest_class": float(np.bincount(labels["test"]).max() / len(labels["test"])),
        "train_crops": len(labels["train"]),
        "test_crops": len(labels["test"]),
    }


def _scenes_of(split: str, difficulty: str) -> Iterator[Scene]:
    return (scene(0, number, difficulty) for number in range(10_000) if split_of(number) == split)


def _features(network: Any, batch: torch.Tensor) -> np.ndarray:
    return network.forward_head(network.forward_features(batch), pre_logits=True).cpu().numpy()


def fine_tune(index: DatasetIndex, epochs: int) -> tuple[ObjectDetector, float]:
    """The embedded detector after some epochs on the training scenes, and the pictures a second it trained on."""
    torch.manual_seed(0)  # the fresh class outputs
    spec, device = get_spec(DEFAULT_DETECTOR), choose_device()
    detector: Any = build_for_finetuning(spec, len(CLASS_NAMES)).to(device).train()
    detector.network.stem.requires_grad_(False)
    detector.network.blocks[:FROZEN_BLOCKS].requires_grad_(False)
    size = spec.preprocessing.size_px
    pictures = [_example(index, int(row), size) for row in index.find(Filter(split="train"))]
    steps = epochs * -(-len(pictures) // BATCH_SIZE)
    trained = [parameter for parameter in detector.parameters() if parameter.requires_grad]
    optimiser = torch.optim.AdamW(trained, LEARNING_RATE, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, LEARNING_RATE, total_steps=steps, pct_start=0.2)
    rng, started = np.random.default_rng(0), time.perf_counter()
    losses: dict[str, torch.Tensor] = {}
    for epoch in range(epochs):
        for rows in batches(rng.permutation(len(pictures)).tolist(), BATCH_SIZE):
            batch = [_flipped(*pictures[row]) if rng.random() < 0.5 else pictures[row] for row in rows]
            images, targets = zip(*batch, strict=True)
            losses = detector.losses([image.to(device).float() / 255 for image in images], _on(targets, device))
            optimiser.zero_grad()
            losses["loss"].backward()
            torch.nn.utils.clip_grad_norm_(trained, 10.0)
            optimiser.step()
            schedule.step()
        print(f"epoch {epoch + 1}: loss {losses['loss'].item():.2f}", flush=True)
    rate = epochs * len(pictures) / (time.perf_counter() - started)
    return ObjectDetector(spec, detector, CLASS_NAMES, device), rate


Example = tuple[torch.Tensor, dict[str, torch.Tensor]]


def _example(index: DatasetIndex, row: int, size_px: int) -> Example:
    """A picture `(3, S, S)` uint8 squashed to the network's input, and its target."""
    record = index.record(row)
    with Image.open(record.path) as opened:
        pixels = np.asarray(opened.resize((size_px, size_px), Image.Resampling.BILINEAR))
    scale = size_px / np.asarray([record.width_px, record.height_px] * 2, np.float32)
    boxes = np.zeros((0, 4), np.float32) if record.boxes_xyxy is None else record.boxes_xyxy * scale
    target = {"boxes": torch.from_numpy(boxes), "labels": torch.from_numpy(record.class_ids.astype(np.int64))}
    return torch.from_numpy(pixels.copy()).permute(2, 0, 1), target


def _flipped(image: torch.Tensor, target: dict[str, torch.Tensor]) -> Example:
    boxes = target["boxes"].clone()
    boxes[:, [0, 2]] = image.shape[2] - boxes[:, [2, 0]]
    return image.flip(2), {**target, "boxes": boxes}


def _on(targets: tuple[dict[str, torch.Tensor], ...], device: torch.device) -> list[dict[str, torch.Tensor]]:
    return [{name: value.to(device) for name, value in target.items()} for target in targets]


def score(detector: ObjectDetector, folder: Path, split: str = "test") -> dict[str, float]:
    """COCO's figures for a split of the shelf in `folder`, by pycocotools."""
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(str(folder / split / "_annotations.coco.json"))
        results = []
        for image in truth.dataset["images"]:
            with Image.open(folder / split / image["file_name"]) as opened:
                found = detector.predict([opened.convert("RGB")])[0].suppress(0.5, class_agnostic=False).first(100)
            for box, value, class_id in zip(found.boxes_xyxy, found.scores, found.class_ids, strict=True):
                left, top, right, bottom = box.tolist()
                box_xywh = [left, top, right - left, bottom - top]
                results.append(
                    {"image_id": image["id"], "category_id": int(class_id) + 1, "bbox": box_xywh, "score": float(value)}
                )
        (folder / "results.json").write_text(json.dumps(results), encoding="utf-8")
        evaluation = COCOeval(truth, truth.loadRes(str(folder / "results.json")), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return {"map": float(evaluation.stats[0]), "ap50": float(evaluation.stats[1]), "ar100": float(evaluation.stats[8])}


def boxes(difficulty: str, images: int, epochs: int) -> dict[str, float]:
    """AP of the embedded detector after a short fine-tune on a shelf of that many scenes."""
    with TemporaryDirectory() as folder:
        index = make_shelf(Path(folder) / "shelf", images, difficulty=difficulty)
        detector, rate = fine_tune(index, epochs)
        return {
            **score(detector, index.root),
            "epochs": epochs,
            "train_scenes": len(index.find(Filter(split="train"))),
            "test_scenes": len(index.find(Filter(split="test"))),
            "train_images_per_s": rate,
        }


def report(figures: dict[str, Any]) -> str:
    """The figures as Markdown."""
    speed_now = figures["speed"]
    rows = []
    for name in DIFFICULTIES:
        inside, crops, found = (figures[part].get(name) for part in ("contents", "crops", "boxes"))
        rows.append(
            [
                name,
                f"{inside['objects_per_scene']:.1f}",
                f"{inside['box_side_px_p10']:.0f} to {inside['box_side_px_p90']:.0f}",
                f"{100 * inside['partly_hidden']:.0f}",
                f"{100 * inside['hidden_mean']:.1f}",
                f"{100 * crops['top1']:.1f}" if crops else "—",
                f"{100 * found['ap50']:.1f}" if found else "—",
                f"{100 * found['map']:.1f}" if found else "—",
            ]
        )
    head = ["difficulty", "objects a scene", "box side, px", "partly hidden, %", "hidden, %"]
    return (
        f"{speed_now['images']} scenes as PNG files with COCO annotations: {speed_now['seconds']:.1f} s, "
        f"**{speed_now['scenes_per_s']:.0f} scenes/s** on {os.cpu_count()} cores "
        f"({speed_now['scenes_per_cpu_s']:.0f} a second of processor time, all processes and their start included), "
        f"{speed_now['bytes_per_scene'] / 1e3:.0f} kB each. Painting alone, one process: "
        f"{speed_now['painting_alone_per_s']:.0f} scenes/s.\n\n"
        + shared.table([*head, "linear probe, top-1 %", "fine-tune, AP50 %", "AP %"], rows)
        + "\n\nBox side: square root of the area, 10th to 90th percentile. Hidden: mean part of a product's pixels "
        "that something in front of it hides. Linear probe: logistic regression on the embedded classifier's features "
        f"of the first {CROPS['train']} crops of training scenes, scored on {CROPS['test']} of test scenes. "
        "Fine-tune: the embedded detector but for its stem and first blocks, mirrored at random, AdamW with one cycle "
        f"up to {LEARNING_RATE}, {_training(figures['boxes'])}; pycocotools on the test scenes."
    )


def _training(results: dict[str, dict[str, float]]) -> str:
    each = next(iter(results.values()), None)
    if each is None:
        return "not run"
    return f"{each['epochs']:.0f} epochs of {each['train_scenes']:.0f} scenes, {each['test_scenes']:.0f} for the test"


def main() -> None:
    """Measures and writes `results/shelf-HARDWARE.json` and `.md`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=300, help="scenes painted for the speed")
    parser.add_argument("--difficulties", nargs="*", default=["medium"], help="of the detector's fine-tunes")
    parser.add_argument("--scenes", type=int, default=300, help="scenes the detector is trained and tested on")
    parser.add_argument("--epochs", type=int, default=8)
    options = parser.parse_args()
    about = shared.context()
    figures: dict[str, Any] = {"speed": speed(options.images), "crops": {}, "boxes": {}, "contents": {}}
    for name in DIFFICULTIES:
        figures["contents"][name] = contents([scene(0, number, name) for number in range(100)])
        figures["crops"][name] = probe(name)
        print(json.dumps({name: figures["crops"][name]}), flush=True)
    for name in options.difficulties:
        figures["boxes"][name] = boxes(name, options.scenes, options.epochs)
        print(json.dumps({name: figures["boxes"][name]}), flush=True)
    shared.write("shelf", about, figures, report(figures))


if __name__ == "__main__":
    main()
