"""Pictures a second that are imported, by format and package, beside plain Pillow loops over the same files.

    python -m benchmarks.data_import [--images 1000] [--seconds 20]

Reading a data set finds its format, checks every annotation and knows every picture's upright size afterwards. The
loops beside it do less: one asks Pillow for each picture's size, one decodes each. Files are in the system's cache.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.shared import context, photo, spread, table, take_turns, timed_ms, with_spread, write
from vision_core.data.archives import unpack
from vision_core.data.formats import read_dataset, write_dataset
from vision_core.data.index import DatasetIndex, IndexBuilder

FORMATS = ("folder", "coco", "yolo", "voc", "csv")
SIZE_PX = (640, 427)
BOXES_PER_IMAGE, CLASSES = 5, 20


def source_set(folder: Path, images: int) -> DatasetIndex:
    """Photos on disk, each a file of its own, with random boxes and one label; sizes not measured."""
    folder.mkdir()
    content = photo(*SIZE_PX)
    dice = np.random.default_rng(0)
    builder = IndexBuilder(f"class {i}" for i in range(CLASSES))
    for number in range(images):
        (folder / f"{number:05d}.jpg").write_bytes(content)
        corners = dice.integers(0, 300, (BOXES_PER_IMAGE, 2))
        edges = np.concatenate([corners, corners + dice.integers(5, 120, corners.shape)], axis=1).tolist()
        boxes = [(int(dice.integers(CLASSES)), float(a), float(b), float(c), float(d), False) for a, b, c, d in edges]
        builder.add_image(f"{number:05d}.jpg", (0, 0), ("train", "val")[number % 5 == 0], [boxes[0][0]], boxes)
    return builder.finish(folder, "coco")


def written_sets(source: DatasetIndex, place: Path) -> dict[str, Path]:
    """The same pictures in every format; class folders hold the labels without the boxes."""
    labels_only = IndexBuilder(source.class_names)
    for record in source:
        labels_only.add_image(record.path.name, split=record.split, labels=[int(record.class_ids[0])])
    sets = {"folder": labels_only.finish(source.root, "folder")}
    return {name: write_dataset(sets.get(name, source), place / name, name).root for name in FORMATS}


def pillow_sizes(paths: list[Path]) -> None:
    for path in paths:
        with Image.open(path) as image:
            image.size  # noqa: B018 (reading it is the work)


def pillow_decodes(paths: list[Path]) -> None:
    for path in paths:
        with Image.open(path) as image:
            image.convert("RGB")


def contestants(place: Path, images: int) -> dict[str, Callable[[], float]]:
    """Name to a call that returns its milliseconds."""
    source = source_set(place / "source", images)
    folders = written_sets(source, place)
    paths = [record.path for record in source]
    archive = Path(shutil.make_archive(str(place / "coco-archive"), "zip", folders["coco"]))

    def unpack_once() -> float:
        spent = timed_ms(lambda: unpack(archive, place / "unpacked"))
        shutil.rmtree(place / "unpacked")
        return spent

    def write_once(link: bool) -> float:
        spent = timed_ms(lambda: write_dataset(source, place / "written", "coco", link=link))
        shutil.rmtree(place / "written")
        return spent

    calls: dict[str, Callable[[], float]] = {
        f"read {name}": lambda folder=folder: timed_ms(lambda: read_dataset(folder)) for name, folder in folders.items()
    }
    return calls | {
        "unpack a zip": unpack_once,
        "write COCO, linked": lambda: write_once(link=True),
        "write COCO, copied": lambda: write_once(link=False),
        "Pillow: size only": lambda: timed_ms(lambda: pillow_sizes(paths)),
        "Pillow: decode": lambda: timed_ms(lambda: pillow_decodes(paths)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=20)
    given = parser.parse_args()
    about = context()
    with tempfile.TemporaryDirectory() as place:
        turns = take_turns(contestants(Path(place), given.images), given.seconds, min_rounds=5, warmup=1)
    decoding = turns["Pillow: decode"]
    rows = [
        [name, with_spread(ms, " ms"), f"{given.images / np.median(ms) * 1e3:,.0f}", f"{np.median(decoding / ms):.1f}x"]
        for name, ms in turns.items()
    ]
    text = (
        f"{given.images} JPEGs of {SIZE_PX[0]} x {SIZE_PX[1]}, {len(photo(*SIZE_PX)) // 1000} kB each, "
        f"{BOXES_PER_IMAGE} boxes a picture. Medians, with quartiles in brackets.\n\n"
        + table(["step", f"all {given.images}", "pictures a second", "against a plain loop that decodes"], rows)
        + "\n\nReading a data set finds out its format, checks every annotation and measures every picture whose size "
        "the annotations do not give (folder, YOLO; not COCO, VOC and CSV as written here)."
    )
    figures = {"images": given.images, "ms": {name: spread(ms) for name, ms in turns.items()}}
    write("data_import", about, figures, text)


if __name__ == "__main__":
    main()
