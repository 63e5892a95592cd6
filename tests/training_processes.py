"""Runs in real processes that tests can kill, and tiny data to train on.

Processes are forked from a server that has loaded torch once, so that twenty of them cost seconds.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import resource
import signal
import sys
import time
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from PIL import Image

from vision_core.run_folder import BEST, LAST, RunFolder
from vision_core.training.config import TrainConfig, make_config

CLASSIFIER = "timm:test_resnet"
DETECTOR = "ssdlite_mobilenet_v2_coco"
TINY: dict[str, Any] = {"device": "cpu", "threads": 1, "checkpoint_minutes": 0.0, "learning_rate": 1e-3}
COLOURS = {"red": (200, 30, 30), "green": (30, 180, 40), "blue": (40, 50, 210)}


def paint_labelled(folder: Path, a_class: int = 6) -> Path:
    """A folder a class with pictures of one colour and noise, split into train and val."""
    random = np.random.default_rng(0)
    for split, count in (("train", a_class), ("val", 2)):
        for name, colour in COLOURS.items():
            (folder / split / name).mkdir(parents=True)
            for number in range(count):
                noise = random.integers(0, 50, (40, 48, 3))
                pixels = np.clip(np.array(colour) + noise, 0, 255).astype(np.uint8)
                Image.fromarray(pixels).save(folder / split / name / f"{number}.png")
    return folder


def paint_boxed(folder: Path, train: int = 6) -> Path:
    """COCO splits train and val: a coloured square on grey noise in every picture, two in the second one."""
    random = np.random.default_rng(1)
    for split, count in (("train", train), ("val", 2)):
        (folder / split).mkdir(parents=True)
        names = list(COLOURS)
        coco: dict[str, Any] = {
            "images": [],
            "annotations": [],
            "categories": [{"id": label, "name": name} for label, name in enumerate(names)],
        }
        for number in range(count):
            pixels = random.integers(90, 160, (80, 96, 3)).astype(np.uint8)
            coco["images"].append({"id": number, "file_name": f"{number}.png", "width": 96, "height": 80})
            squares = [(number % len(names), 5 + 5 * number, 8 + 3 * number, 30 + 2 * number)]
            if number == 1:
                squares.append((2, 60, 45, 30))
            for label, left, top, edge in squares:
                pixels[top : top + edge, left : left + edge] = COLOURS[names[label]]
                about = {"id": len(coco["annotations"]), "image_id": number, "category_id": label, "iscrowd": 0}
                coco["annotations"].append(about | {"bbox": [left, top, edge, edge], "area": edge * edge})
            Image.fromarray(pixels).save(folder / split / f"{number}.png")
        (folder / split / "_annotations.coco.json").write_text(json.dumps(coco))
    return folder


def tiny_classification(data: Path, **changes: Any) -> TrainConfig:
    """A fresh classifier of 0.5 million weights, three epochs of three steps."""
    tiny = {"epochs": 3, "frozen_epochs": 0, "batch_size": 6, "input_size_px": 32, "start": "scratch", "ema_decay": 0.9}
    return make_config(str(data), "classification", CLASSIFIER).changed(**TINY, **tiny).changed(**changes)


def tiny_detection(data: Path, **changes: Any) -> TrainConfig:
    """The embedded detector on tiny pictures: one epoch with a frozen backbone, one without."""
    tiny = {"epochs": 2, "batch_size": 3, "input_size_px": 64}
    return make_config(str(data), "detection", DETECTOR).changed(**TINY, **tiny).changed(**changes)


@contextmanager
def command(*arguments: str, largest: int = 0, said: Path | None = None) -> Iterator[ForkServerProcess]:
    """`python -m vision_core …` as a process of its own, killed at the end if it is still there.

    Args:
        largest: bytes that a file may have, 0: any.
        said: folder for its standard output and error, `out` and `err`.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.training_imports"])
    process = context.Process(target=_run, args=(arguments, dict(os.environ), largest, said))
    # A page's test leaves the page as `__main__`, which the new process would run before it does what it is for.
    with mock.patch.dict(sys.modules, {"__main__": types.ModuleType("__main__")}):
        process.start()
    try:
        yield process
    finally:
        kill(process)


def _run(arguments: tuple[str, ...], environment: dict[str, str], largest: int, said: Path | None) -> None:
    from vision_core.__main__ import main

    os.environ.update(environment)
    os.setsid()
    for number, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(os.devnull if said is None else said / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # which the server ignores
    if largest:
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))
    status = main(list(arguments))
    sys.stdout.flush()
    sys.exit(status)


def kill(process: ForkServerProcess) -> None:
    """`kill -9`, and waits until it is gone."""
    if process.is_alive():
        process.kill()
    process.join()


def exit_status(
    *arguments: str | Path, largest: int = 0, said: Path | None = None, patience_s: float = 120
) -> int | None:
    """Of a command that runs to its end; None of one that takes longer than anybody waits."""
    with command(*map(str, arguments), largest=largest, said=said) as process:
        process.join(patience_s)
        return process.exitcode


def wait_for(what: Callable[[], object], seconds: float = 60) -> None:
    """Until `what()` is true; fails the test when that takes too long."""
    until = time.monotonic() + seconds
    while not what():
        if time.monotonic() > until:
            raise AssertionError("it did not happen in time")
        time.sleep(0.01)


def weights(run: RunFolder) -> list[tuple[Any, bytes]]:
    """The last and the best weights: what their files say of themselves (in no certain order), and every bit."""
    found = []
    for name in (LAST, BEST):
        content = (run.path / name).read_bytes()
        start = 8 + int.from_bytes(content[:8], "little")  # https://github.com/huggingface/safetensors#format
        found.append((json.loads(content[8:start]), content[start:]))
    return found
