"""How fast the doctor looks through a data set, and how much memory that takes.

    python -m benchmarks.data_check

10,000 different JPEGs with boxes are generated. A plain loop that opens and decodes them one after the other with
Pillow is the yardstick; it finds nothing but pictures it cannot decode. Beside it: the whole check, on one core and
on all, and only the look at every file, by its processes and by threads in their place. Memory is the peak of a fresh
process that checks a tenth of the pictures, and all of them.
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
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import psutil
from PIL import Image

from benchmarks import shared
from vision_core.data.doctor import CheckOptions, check
from vision_core.data.index import DatasetIndex, IndexBuilder
from vision_core.data.lookers import looks
from vision_core.data.looks import look
from vision_core.data.threads import available_cores, in_order
from vision_core.images import configured_limits

ROUNDS = 3
_PEAK_OF_CHECK = """
import json, re, resource, sys
from pathlib import Path
from vision_core.data.doctor import check
from vision_core.data.index import DatasetIndex
index = DatasetIndex.load(Path(sys.argv[1]))
index = index.take(range(int(sys.argv[2])))
def peak():
    return int(re.search(r"VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_text())[1]) * 1024
before = peak()
check(index)
print(json.dumps([before, peak(), resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024]))
"""


def generate(folder: Path, images: int, size_px: tuple[int, int]) -> DatasetIndex:
    """So many different JPEGs of a photo's weight, each with three boxes."""
    width, height = size_px
    photo = np.asarray(Image.open(io.BytesIO(shared.photo(2 * width, 2 * height))))

    def write(number: int) -> None:
        dice = np.random.default_rng(number)
        left, top = dice.integers(0, (width, height))
        tint = dice.uniform(0.5, 1, 3)
        pixels = (photo[top : top + height, left : left + width] * tint).astype(np.uint8)
        Image.fromarray(np.rot90(pixels, 2 * (number % 2))).save(folder / f"{number:05}.jpg", quality=85)

    for _ in in_order(write, range(images)):
        pass
    builder, dice = IndexBuilder(f"class {i}" for i in range(10)), np.random.default_rng(0)
    for number in range(images):
        corners = dice.uniform(0, 0.6, (3, 2)) * size_px
        boxes = [
            (
                int(dice.integers(10)),
                x,
                y,
                x + width * dice.uniform(0.1, 0.4),
                y + height * dice.uniform(0.1, 0.4),
                False,
            )
            for x, y in corners
        ]
        builder.add_image(f"{number:05}.jpg", size_px, boxes=boxes)
    return builder.finish(folder, "coco")


def plain_loop(paths: list[Path]) -> None:
    """What most scripts do: open, decode, go on."""
    for path in paths:
        with Image.open(path) as image:
            image.load()


def by_processes(paths: list[Path]) -> None:
    """The survey's look at every file, as the doctor does it; the start of the processes counts."""
    for _ in looks(paths, len(paths), configured_limits()):
        pass


def by_threads(paths: list[Path]) -> None:
    """The same look by threads, which the doctor uses for few pictures."""
    for _ in in_order(partial(look, limits=configured_limits()), paths):
        pass


def rates(index: DatasetIndex) -> dict[str, dict[str, dict[str, float]]]:
    """Pictures a second of every contestant, taking turns, and the processor time that one picture costs it."""
    paths = [index.path(row) for row in range(len(index))]
    contestants: dict[str, Callable[[], object]] = {
        "plain Pillow loop": partial(plain_loop, paths),
        "check, one core": partial(check, index, CheckOptions(workers=1)),
        "check, all cores": partial(check, index),
        "files only, threads": partial(by_threads, paths),
        "files only, processes": partial(by_processes, paths),
    }
    plain_loop(paths)  # so that the files are in the page cache for everyone
    spent: dict[str, list[tuple[float, float]]] = {name: [] for name in contestants}
    for _ in range(ROUNDS):
        for name, call in contestants.items():
            started, busy = time.perf_counter(), processor_seconds()
            call()
            spent[name].append((time.perf_counter() - started, processor_seconds() - busy))
    found = {}
    for name, values in spent.items():
        wall, busy = np.array(values).T
        rate, cost = shared.spread(len(index) / wall), shared.spread(busy / len(index) * 1000)
        found[name] = {"pictures_per_second": rate, "processor_ms_per_picture": cost}
    return found


def processor_seconds() -> float:
    """What this process and its ended children have used of all cores."""
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


def peaks(folder: Path, counts: list[int]) -> dict[int, dict[str, int]]:
    """Number of pictures to the bytes a fresh process held before the check and at its peak, and its largest helper."""
    found = {}
    for count in counts:
        command = [sys.executable, "-c", _PEAK_OF_CHECK, str(folder), str(count)]
        before, peak, helper = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        found[count] = {"before_bytes": before, "peak_bytes": peak, "helper_peak_bytes": helper}
    return found


def report(figures: dict[str, Any]) -> str:
    """The figures as Markdown."""
    rows, memory = [], []
    for size, found in figures["speed"].items():
        plain = found["plain Pillow loop"]["pictures_per_second"]["median"]
        for name, of in found.items():
            rate, cost = of["pictures_per_second"], of["processor_ms_per_picture"]["median"]
            spread = f"{rate['median']:.0f} ({rate['q25']:.0f} to {rate['q75']:.0f})"
            rows.append([size, name, spread, f"{rate['median'] / plain:.2f}x", f"{cost:.2f}"])
    for size, found in figures["memory"].items():
        memory += [[size, count, *(f"{value / 1e6:.0f}" for value in peak.values())] for count, peak in found.items()]
    speed = shared.table(["JPEG", "", "pictures a second", "of the plain loop", "processor, ms a picture"], rows)
    headings = ["JPEG", "pictures", "before the check, MB", "at its peak, MB", "largest helper's peak, MB"]
    return (
        f"{speed}\n\n{figures['images']} pictures, three boxes each, {ROUNDS} rounds in turns; medians, quartiles in "
        "brackets. The plain loop opens and decodes. The check decodes too (JPEGs to an eighth at most, but every "
        "coefficient), hashes file and look, compares all with all for near duplicates, and judges labels, boxes and "
        "splits. On a busy machine the last column is the one to read.\n\n"
        f"{shared.table(headings, memory)}\n\n"
        "Resident memory of a fresh process, and of the largest process that it started to look at files."
    )


def main() -> None:
    """Measures and writes the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--sizes", nargs="+", default=["320x240"], help="of the pictures, such as 640x480")
    options = parser.parse_args()
    images = options.images
    about = shared.context()
    about["cores_used"] = available_cores()
    about["memory_free_bytes"] = psutil.virtual_memory().available
    speed: dict[str, Any] = {}
    memory: dict[str, dict[int, dict[str, int]]] = {}
    for size in options.sizes:
        width, height = map(int, size.split("x"))
        with TemporaryDirectory() as folder:
            index = generate(Path(folder), images, (width, height))
            speed[size] = rates(index)
            index.save(Path(folder))
            memory[size] = peaks(Path(folder), [images // 10, images])
    figures = {"images": images, "speed": speed, "memory": memory}
    shared.write("data_check", about, figures, report(figures))


if __name__ == "__main__":
    main()
