"""Folder per class: a picture's folder names what it shows, below split folders or not.

Read as torchvision's `ImageFolder` reads it: the first folder is the class, whatever lies below. Pictures that lie in
no class folder are unlabelled. Written: `<split>/<class>/a.jpg`, or `<class>/a.jpg` where nothing is split.
"""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pyarrow as pa

from vision_core.data.formats.fields import natural_order, set_column, shown, tidy_name, usual_split
from vision_core.data.formats.listing import Listing
from vision_core.data.formats.writing import Pictures, rows, safe_name, with_class_names
from vision_core.data.index import DatasetIndex, IndexBuilder
from vision_core.data.threads import Progress
from vision_core.data.wording import plural, was
from vision_core.errors import DataError

_NO_CLASSES = frozenset({"images", "labels", "annotations", "jpegimages", "segmentationclass", "masks"})
_STORES = _NO_CLASSES | frozenset(
    {"train", "val", "test", "image", "img", "imgs", "photos", "pictures", "frames", "data", "part", "batch", "fold"}
)
"""Words in names of folders that only keep pictures."""


def recognise(listing: Listing) -> str | None:
    """What the folder would be, in a sentence, when it has class folders."""
    names = {name for _, _, name in _placed(listing) if name and name.lower() not in _NO_CLASSES}
    if not names:
        return None
    first = ", ".join(map(shown, natural_order(names)[:4]))
    return f"A folder per class: {plural(len(names), 'class')}, {first}{' …' if len(names) > 4 else ''}."


def read(listing: Listing, progress: Progress | None = None) -> DatasetIndex:
    """The data set of all pictures in the folder, labelled where they lie in a class folder."""
    placed = _placed(listing)
    builder = IndexBuilder(natural_order({name for _, _, name in placed if name}))
    for path, split, name in placed:
        builder.add_image(path, split=split, labels=[builder.class_id(name)] if name else None)
    unlabelled = [path for path, _, name in placed if not name]
    notes = listing.notes()
    if unlabelled:
        notes.append(
            f"{plural(len(unlabelled), 'picture')} in no class folder, unlabelled, {shown(unlabelled[0])} first."
        )
    if listing.annotations:
        notes.append(f"{was(len(listing.annotations), 'other file')} not read, {shown(listing.annotations[0])} first.")
    if progress:
        progress(len(placed), len(placed))
    return builder.finish(listing.root, "folder", notes)


def _placed(listing: Listing) -> list[tuple[str, str, str]]:
    """Path, split and class of each picture; "" for none. Folders are splits when all outermost ones are named so."""
    folders = [path.split("/")[:-1] for path in listing.pictures]
    outermost = {parts[0] for parts in folders if parts}
    split_first = all(usual_split(name) for name in outermost)
    found = []
    for path, parts in zip(listing.pictures, folders, strict=True):
        split = usual_split(parts[0]) or "" if split_first and parts else ""
        below = parts[1:] if split_first else parts
        found.append((path, split, tidy_name(below[0]) if below else ""))
    return found


def class_folders(listing: Listing) -> dict[str, str]:
    """Path below the root to class, of the pictures in folders whose names can hardly mean anything but a class.

    Not `train_images` or `HAM10000_images_part_1`, which say where pictures are kept.
    """
    return {path: name for path, _, name in _placed(listing) if name and not _STORES.intersection(_words(name))}


def _words(name: str) -> list[str]:
    return [usual_split(word) or word for word in re.split(r"[\W\d_]+", name.lower())]


def carried(index: DatasetIndex) -> DatasetIndex:
    """What this format can hold: at most one label a picture, and the usual splits.

    Raises:
        DataError: there are boxes, several labels or none of a labelled picture, or other splits.
    """
    if index.boxes.num_rows:
        raise DataError("A folder per class has no place for boxes: turn them into labels first, or write COCO.")
    counts = np.bincount(index.label_pairs()[0], minlength=len(index))
    several = np.flatnonzero((counts != 1) & index.images["labels"].is_valid().to_numpy())
    if len(several):
        path, number = index.images["path"][int(several[0])].as_py(), int(counts[several[0]])
        raise DataError(
            f"A folder per class has no place for pictures with several labels or none, {len(several)} of them here "
            f"({shown(path)} has {number}): write CSV or COCO instead."
        )
    odd = [split for split in index.splits if split != (usual_split(split) or "")]
    if odd:
        raise DataError(
            f"A folder per class has no place for a split called {shown(odd[0])}: call it train, val or test."
        )
    if "" in index.splits and len(index.splits) > 1:
        raise DataError(
            "Some pictures have a split and some have none: split all of them before writing class folders."
        )
    names = [safe_name(tidy_name(name)) for name in index.class_names]
    if "" in index.splits:  # a class called like a split would be taken for one
        names = [f"{name}_" if usual_split(name) else name for name in names]
    index = with_class_names(index, names)
    return replace(index, images=_never_searched(index.images), notes=(*index.notes, *_lost(index)))


def _never_searched(images: pa.Table) -> pa.Table:
    return set_column(images, "annotated", pa.array(np.zeros(images.num_rows, bool)))


def _lost(index: DatasetIndex) -> list[str]:
    used = set(index.label_pairs()[1].tolist())
    unused = [name for class_id, name in enumerate(index.class_names) if class_id not in used]
    notes = [f"{plural(len(unused), 'class')} without pictures left out, {shown(unused[0])} first."] if unused else []
    if index.has_boxes:
        notes.append("That pictures were searched for objects in vain was left out.")
    return notes


def write(index: DatasetIndex, pictures: Pictures) -> None:
    """Puts each picture into the folder of its split and class."""
    for row in rows(index):
        names = [index.class_names[class_id] for class_id in row.labels or ()]
        pictures.put(row, "/".join([*([row.split] if row.split else []), *names]))
