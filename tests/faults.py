"""A sound data set to plant faults in, and the faults: what each does to it, and the codes it must be found under."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

from vision_core.data.doctor import CheckOptions
from vision_core.data.index import DatasetIndex, IndexBuilder

SIZE_PX = (64, 48)
CLASSES = ("cat", "dog", "red fox")
SPLITS = {"train": 200, "val": 40, "test": 40}
Box = tuple[int, float, float, float, float, bool]


def picture(seed: int, size_px: tuple[int, int] = SIZE_PX) -> Image.Image:
    """Coloured clouds, unlike those of any other seed."""
    noise = np.random.default_rng(seed).integers(0, 256, (5, 6, 3), np.uint8)
    return Image.fromarray(noise).resize(size_px, Image.Resampling.BICUBIC)


@cache
def jpeg(seed: int) -> bytes:
    """The picture of that seed as a file."""
    return encoded(picture(seed))


def encoded(image: Image.Image, kind: str = "JPEG", quality: int = 90, orientation: int = 1) -> bytes:
    """The bytes of a picture file."""
    buffer, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = orientation
    image.save(buffer, kind, quality=quality, exif=exif)
    return buffer.getvalue()


@dataclass
class Entry:
    """One picture and what is said about it; `data` None: the file is missing."""

    path: str
    data: bytes | None
    split: str
    labels: list[int] | None
    boxes: list[Box] | None
    size_px: tuple[int, int] = SIZE_PX
    used: bool = False


@dataclass
class Planted:
    """A data set in the making."""

    class_names: list[str] = field(default_factory=lambda: list(CLASSES))
    entries: list[Entry] = field(default_factory=list)
    loose_files: dict[str, bytes] = field(default_factory=dict)
    options: CheckOptions = field(default_factory=CheckOptions)

    def take(self, split: str = "train", class_id: int | None = None) -> Entry:
        """A picture that no fault has been planted in."""
        entry = next(
            e for e in self.entries if not e.used and e.split == split and class_id in (None, (e.labels or [0])[0])
        )
        entry.used = True
        return entry

    def add(self, entry: Entry, path: str, **changes: object) -> Entry:
        """Another entry like this one."""
        self.entries.append(replace(entry, path=path, used=True, **changes))  # type: ignore[arg-type]
        return self.entries[-1]

    def new_class(self, name: str, **examples: int) -> None:
        """A further class with so many examples a split, in place of others."""
        self.class_names.append(name)
        class_id = len(self.class_names) - 1
        for split, count in examples.items():
            for _ in range(count):
                entry = self.take(split)
                entry.labels, entry.boxes = [class_id], [(class_id, *(entry.boxes or [])[0][1:])]

    def write(self, root: Path) -> DatasetIndex:
        """The files and the index."""
        files = {e.path: e.data for e in self.entries if e.data is not None} | self.loose_files
        for path, data in files.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(data)
        builder = IndexBuilder(self.class_names)
        for entry in self.entries:
            builder.add_image(entry.path, entry.size_px, entry.split, entry.labels, entry.boxes)
        return builder.finish(root, "coco")


def sound_set() -> Planted:
    """280 different pictures, each with a large object and every third with a small one of another class."""
    planted, dice = Planted(), np.random.default_rng(7)
    for split, count in SPLITS.items():
        for number in range(count):
            seed = len(planted.entries)
            x, y = dice.integers(0, 20, 2).tolist()
            boxes: list[Box] = [(number % 3, x, y, x + 24, y + 20, False)]
            if number % 3 == 0:
                boxes.append(((number // 3) % 3, 48, y, 60, y + 9, False))
            labels = sorted({box[0] for box in boxes}, key=[box[0] for box in boxes].index)
            planted.entries.append(Entry(f"{split}/{seed:03}.jpg", jpeg(seed), split, labels, boxes))
    return planted


@dataclass(frozen=True)
class Fault:
    """A fault to plant.

    Attributes:
        codes: everything the doctor finds once it is planted.
        alone: it concerns the whole set, so it cannot be planted beside others.
    """

    name: str
    plant: Callable[[Planted], None]
    codes: frozenset[str]
    alone: bool


FAULTS: list[Fault] = []


def fault(*codes: str, alone: bool = False) -> Callable[[Callable[[Planted], None]], Callable[[Planted], None]]:
    """Registers what follows as a fault that is found under these codes."""

    def register(plant: Callable[[Planted], None]) -> Callable[[Planted], None]:
        FAULTS.append(Fault(plant.__name__, plant, frozenset(codes), alone))
        return plant

    return register


@fault("missing_file")
def label_without_image(planted: Planted) -> None:
    planted.take().data = None


@fault("empty_file")
def file_of_zero_bytes(planted: Planted) -> None:
    planted.take().data = b""


@fault("not_a_picture")
def web_page_named_jpg(planted: Planted) -> None:
    planted.take().data = b"<!doctype html><html><body>404 Not Found</body></html>"


@fault("damaged_picture")
def truncated_jpeg(planted: Planted) -> None:
    entry = planted.take()
    entry.data = (entry.data or b"")[: len(entry.data or b"") // 2]


@fault("damaged_picture")
def png_with_wrong_pixels(planted: Planted) -> None:
    data = bytearray(encoded(picture(5000), "PNG"))
    data[len(data) // 2] ^= 0xFF
    planted.add(planted.take(), "train/bits.png", data=bytes(data))


@fault("huge_picture")
def more_pixels_than_allowed(planted: Planted) -> None:
    data = encoded(Image.new("1", (9000, 9000)), "PNG")
    planted.add(planted.take(), "train/huge.png", data=data, size_px=(9000, 9000))


@fault("large_picture")
def wastefully_large(planted: Planted) -> None:
    data = encoded(picture(5001).convert("L").resize((6000, 4200)), quality=30)
    planted.add(
        planted.take(), "train/large.jpg", data=data, size_px=(6000, 4200), boxes=[(0, 0, 0, 3000, 2100, False)]
    )


@fault("tiny_picture")
def picture_of_four_pixels(planted: Planted) -> None:
    entry = planted.take()
    entry.data, entry.size_px, entry.boxes = encoded(picture(5002, (4, 4))), (4, 4), [(0, 0, 0, 4, 4, False)]


@fault("wrong_extension")
def png_named_jpg(planted: Planted) -> None:
    planted.take().data = encoded(picture(5003), "PNG")


@fault("rotated_by_exif")
def turned_by_exif(planted: Planted) -> None:
    entry = planted.take()
    entry.data, entry.size_px = encoded(picture(5004), orientation=6), (48, 64)
    entry.boxes = [(0, 4, 30, 20, 60, False)]


@fault("listed_twice")
def one_file_twice(planted: Planted) -> None:
    entry = planted.take()
    planted.add(entry, entry.path, boxes=[(1, 30, 25, 60, 45, False)], labels=[1])


@fault("unlisted_picture")
def image_without_label(planted: Planted) -> None:
    planted.loose_files["train/loose.jpg"] = jpeg(5005)


@fault("boxes_of_unturned_picture")
def boxes_drawn_before_turning(planted: Planted) -> None:
    entry = planted.take()
    entry.data, entry.boxes = encoded(picture(5006), orientation=6), [(0, 30, 4, 60, 20, False)]


@fault("boxes_at_other_size")
def boxes_drawn_on_a_larger_copy(planted: Planted) -> None:
    entry = planted.take()
    entry.size_px, entry.boxes = (640, 480), [(0, 100, 100, 500, 400, False)]


@fault("wrong_recorded_size")
def recorded_size_of_another_picture(planted: Planted) -> None:
    planted.take().size_px = (500, 500)


@fault("exact_duplicate")
def same_picture_twice(planted: Planted) -> None:
    planted.add(planted.take(), "train/again.jpg")


@fault("near_duplicate")
def saved_again_smaller(planted: Planted) -> None:
    entry, box = planted.take(), (0, 2, 2, 20, 20, False)
    entry.size_px, entry.labels, entry.boxes = (256, 192), [0], [box]
    entry.data = encoded(picture(5007, (256, 192)))
    smaller = encoded(picture(5007, (256, 192)).resize((128, 96)), quality=60)
    planted.add(entry, "train/smaller.jpg", data=smaller, size_px=(128, 96))


@fault("exact_leak")
def training_picture_in_test(planted: Planted) -> None:
    entry = planted.take()
    planted.add(entry, "test/leak.jpg", split="test")


@fault("near_leak")
def training_picture_saved_again_in_val(planted: Planted) -> None:
    entry = planted.take()
    entry.data = encoded(picture(5008))
    planted.add(entry, "val/leak.jpg", split="val", data=encoded(picture(5008), quality=50))


@fault("conflicting_copies")
def same_picture_with_other_label(planted: Planted) -> None:
    entry = planted.take(class_id=0)
    planted.add(entry, "train/conflict.jpg", labels=[1, 2])


@fault("conflicting_copies")
def same_picture_with_other_boxes(planted: Planted) -> None:
    planted.add(planted.take(), "train/boxes.jpg", boxes=[(1, 1, 1, 12, 12, False)])


@fault("conflicting_near_copies", "near_duplicate")
def nearly_same_picture_with_other_label(planted: Planted) -> None:
    entry = planted.take(class_id=0)
    entry.data = encoded(picture(5009))
    planted.add(entry, "train/near.jpg", labels=[1, 2], data=encoded(picture(5009), quality=50))


@fault("unlabelled_picture")
def nobody_has_looked(planted: Planted) -> None:
    entry = planted.take()
    entry.labels = entry.boxes = None


@fault("mostly_background", alone=True)
def hardly_any_object(planted: Planted) -> None:
    for entry in planted.entries[::4] + planted.entries[1::4] + planted.entries[2::8]:
        entry.labels, entry.boxes = [], []


@fault("unknown_class")
def label_out_of_range(planted: Planted) -> None:
    entry = planted.take()
    entry.labels = [*(entry.labels or []), 99]


@fault("unknown_class")
def box_class_out_of_range(planted: Planted) -> None:
    entry = planted.take()
    entry.boxes = [*(entry.boxes or []), (-1, 40, 30, 60, 45, False)]


@fault("repeated_label")
def same_label_twice(planted: Planted) -> None:
    planted.take().labels = [1, 1]


@fault("blank_class_name")
def class_without_name(planted: Planted) -> None:
    planted.new_class(" ", train=8, val=2, test=2)


@fault("several_spellings")
def upper_case(planted: Planted) -> None:
    planted.new_class("Cat", train=8, val=2, test=2)


@fault("several_spellings")
def underscore(planted: Planted) -> None:
    planted.new_class("red_fox", train=8, val=2, test=2)


@fault("empty_class")
def class_without_example(planted: Planted) -> None:
    planted.class_names.append("unicorn")


@fault("tiny_class")
def class_of_seven(planted: Planted) -> None:
    planted.new_class("lynx", train=4, val=2, test=1)


@fault("tiny_class", "imbalance")
def class_of_three(planted: Planted) -> None:
    planted.new_class("wolf", train=1, val=1, test=1)


@fault("single_class", alone=True)
def all_the_same(planted: Planted) -> None:
    planted.class_names, planted.options = ["cat"], CheckOptions(task="classification")
    for entry in planted.entries:
        entry.labels, entry.boxes = [0], None


@fault("nothing_for_task", alone=True)
def detection_without_boxes(planted: Planted) -> None:
    planted.options = CheckOptions(task="detection")
    for entry in planted.entries:
        entry.boxes = None


@fault("too_little_data", alone=True)
def forty_five_pictures(planted: Planted) -> None:
    planted.entries = planted.entries[:45]
    for entry in planted.entries:
        entry.split = ""


def _instead_of_first_box(*boxes: tuple[float, float, float, float]) -> Callable[[Planted], None]:
    def plant(planted: Planted) -> None:
        entry = planted.take()
        kept = entry.boxes or []
        entry.boxes = [(kept[0][0], *box, False) for box in boxes]

    return plant


def _box_faults() -> Iterator[tuple[str, str, Callable[[Planted], None]]]:
    """Code, name and planter of what can be wrong with edges."""
    nan, inf = float("nan"), float("inf")
    for name, code, box in (
        ("edge_not_a_number", "not_finite_box", (nan, 2, 20, 20)),
        ("edge_infinite", "not_finite_box", (2, 2, inf, 20)),
        ("fractions_as_pixels", "normalised_box", (0.25, 0.25, 0.75, 1.0)),
        ("left_and_right_swapped", "inverted_box", (30, 2, 10, 20)),
        ("both_pairs_swapped", "inverted_box", (30, 22, 10, 2)),
        ("no_width", "zero_area_box", (10, 2, 10, 20)),
        ("beside_the_picture", "box_outside", (70, 2, 90, 20)),
        ("above_the_picture", "box_outside", (2, -20, 20, -4)),
        ("over_the_right_border", "box_beyond_border", (40, 2, 90, 20)),
        ("over_the_left_border", "box_beyond_border", (-9, 2, 20, 20)),
        ("one_pixel_wide", "tiny_box", (10, 2, 11, 20)),
        ("thin_as_a_hair", "absurd_box_shape", (0, 10, 63, 12.2)),
    ):
        yield code, name, _instead_of_first_box(box)
    yield "duplicate_box", "box_drawn_twice", _instead_of_first_box((5, 5, 40, 40), (5, 5, 40, 40))
    yield "duplicate_box", "box_drawn_nearly_twice", _instead_of_first_box((5, 5, 40, 40), (5, 5, 40, 40.2))


for _code, _name, _plant in _box_faults():
    _plant.__name__ = _name
    fault(_code)(_plant)


@fault("box_of_two_classes")
def one_box_two_classes(planted: Planted) -> None:
    planted.take().boxes = [(0, 5, 5, 40, 40, False), (1, 5, 5, 40, 40, False)]


@fault("crowded_picture")
def hundred_and_one_objects(planted: Planted) -> None:
    cells = [(4.0 * (i % 16), 4.0 * (i // 16)) for i in range(101)]
    planted.take().boxes = [(0, x, y, x + 3, y + 3, False) for x, y in cells]


@fault("unassigned_picture")
def picture_in_no_split(planted: Planted) -> None:
    planted.take().split = ""


@fault("missing_split", alone=True)
def only_training(planted: Planted) -> None:
    for entry in planted.entries:
        entry.split = "train"


@fault("missing_split", alone=True)
def no_training(planted: Planted) -> None:
    planted.entries = [entry for entry in planted.entries if entry.split != "train"] + planted.entries[:60]
    for entry in planted.entries:
        entry.split = "val" if entry.split == "train" else entry.split


@fault("small_split")
def split_of_three(planted: Planted) -> None:
    for class_id in range(3):
        planted.take(class_id=class_id).split = "held out"


@fault("class_missing_in_split")
def class_only_in_training(planted: Planted) -> None:
    planted.new_class("lion", train=14)


@fault("class_missing_in_split", "tiny_class", "imbalance")
def class_of_two(planted: Planted) -> None:
    planted.new_class("bear", train=1, val=1)
