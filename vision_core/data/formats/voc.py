"""Pascal VOC: an XML file a picture, with pixels counted from 1 and both edges inside the box.

Layouts read: the development kit's (`VOCdevkit/VOC2007` with `Annotations`, `JPEGImages` and `ImageSets/Main`), and XML
files beside the pictures, in split folders or not. Written: `VOCdevkit/VOC2007`, which torchvision's loader reads.
An object marked difficult, which VOC neither trains on nor counts as missed, is what the index calls crowd.
Format: http://host.robots.ox.ac.uk/pascal/VOC/voc2012/htmldoc/devkit_doc.html
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePosixPath
from xml.sax.saxutils import escape

import numpy as np

from vision_core.data.formats.fields import Source, natural_order, shown, tidy_name, usual_split
from vision_core.data.formats.listing import Listing, folder_of, split_of
from vision_core.data.formats.picture_finder import PictureFinder, add_unlisted
from vision_core.data.formats.voc_file import VocFile, VocObject, parse
from vision_core.data.formats.writing import (
    Pictures,
    Row,
    rows,
    with_class_names,
    with_split_names,
    without_labels,
    write_text,
)
from vision_core.data.index import DatasetIndex, IndexBuilder
from vision_core.data.threads import Progress
from vision_core.data.wording import plural
from vision_core.errors import DataError

_KIT = "VOCdevkit/VOC2007"  # the only year for which torchvision knows a test list
_FIRST_FEW = 50
_HEAD_BYTES = 2**12
_LARGEST_LIST_BYTES = 2**28
_SETS = re.compile(r"(.*/)?ImageSets/Main", re.IGNORECASE)
_SET_OF_ONE_CLASS = re.compile(r".+_(train|val|trainval|test)")
_NOT_XML = re.compile("[\ufffe\uffff]")


def recognise(listing: Listing) -> str | None:
    """What the folder would be, in a sentence, when it holds VOC annotations."""
    sources = _sources(listing)
    if any(b"<annotation" in source.head(_HEAD_BYTES) for source in sources[:_FIRST_FEW]):
        return f"Pascal VOC: {plural(len(sources), 'XML file')}, {shown(sources[0].name)} first."
    lists = _set_lists(listing)
    return f"Pascal VOC without annotations: the image sets of {shown(lists[0])}." if lists else None


def read(listing: Listing, progress: Progress | None = None) -> DatasetIndex:
    """The data set of all XML files in the folder.

    Raises:
        DataError: a file is malformed (names it and the field), or an image set names what is not there.
    """
    sources = _sources(listing)
    if not sources and not _set_lists(listing):
        raise DataError(f"'{listing.root}' holds no XML file, which VOC annotations are in: choose another format.")
    files = []
    for done, source in enumerate(sources, 1):
        files.append(parse(source))
        if progress:
            progress(done, len(sources))
    path_of = _paths(files, listing)
    splits_of, notes = _image_sets(listing, path_of)
    things = [thing for file in files for thing in file.objects]
    origin = _first_pixel(things, notes)
    if difficult := sum(thing.difficult for thing in things):
        notes.append(f"{difficult} objects marked difficult are kept like crowd regions: neither learnt nor missed.")
    builder = IndexBuilder(natural_order({thing.name for thing in things}))
    for file in files:
        path = path_of[file.source.name]
        boxes = [_box(thing, builder, origin) for thing in file.objects]
        for split in splits_of.get(path) or [split_of(path)]:
            builder.add_image(path, file.size_px, split, boxes=boxes)
    annotated = set(path_of.values())
    for path in [path for path in splits_of if path not in annotated]:
        for split in splits_of[path]:
            builder.add_image(path, split=split)
    add_unlisted(builder, listing, annotated | splits_of.keys(), notes)
    return builder.finish(listing.root, "voc", (*listing.notes(), *notes))


def _sources(listing: Listing) -> list[Source]:
    """XML files in folders called `Annotations`, or all where there is no such folder."""
    names = listing.having(".xml")
    in_kits = [name for name in names if _kit(name)[1] is not None]
    return [Source(listing.root, name) for name in in_kits or names]


def _kit(name: str) -> tuple[str, str | None]:
    """The folder of the development kit, and the folder within its `Annotations`; None for one that is in none."""
    match = re.fullmatch(r"(?:(.*)/)?Annotations(?:/(.*))?", folder_of(name), re.IGNORECASE)
    return (match[1] or "", match[2] or "") if match else (folder_of(name), None)


def _paths(files: Sequence[VocFile], listing: Listing) -> dict[str, str]:
    """Each annotation file's picture: the one that is called like it, or else the one that it names."""
    finders: dict[str, PictureFinder] = {}
    found: dict[str, str] = {}
    taken: dict[str, str] = {}
    for file in files:
        name = file.source.name
        folder, (kit, within) = folder_of(name), _kit(name)
        places = [f"{kit}/{place}/{within or ''}".strip("/") for place in ("JPEGImages", "images")]
        likely = [folder, *places] if within is None else [*places, folder]
        finder = finders.setdefault(folder, PictureFinder(listing, [*likely, kit], by_stem=True))
        stem = PurePosixPath(name).stem
        path = finder.by_stem(stem) or finder.find(file.file_name or f"{stem}.jpg", file.source, "filename")
        if taken.setdefault(path, name) != name:
            raise file.source.error("filename", f"{shown(path)} is the picture of {shown(taken[path])} too")
        found[name] = path
    return found


def _set_lists(listing: Listing) -> list[str]:
    return [name for name in listing.having(".txt") if _SETS.fullmatch(folder_of(name))]


def _image_sets(listing: Listing, path_of: dict[str, str]) -> tuple[dict[str, list[str]], list[str]]:
    """Each listed picture's splits, and notes."""
    lists = _set_lists(listing)
    stems = {PurePosixPath(name).stem for name in lists}
    of_one_class = {stem for stem in stems if _SET_OF_ONE_CLASS.fullmatch(stem)}
    notes = (
        [f"{plural(len(of_one_class), 'list')} of one class left out: the boxes say the same."] if of_one_class else []
    )
    splits_of: dict[str, list[str]] = defaultdict(list)
    for name in lists:
        stem = PurePosixPath(name).stem
        if stem in of_one_class or (stem == "trainval" and stems & {"train", "val"}):
            continue
        # Where train and val are one, a picture is known to be for training only when others are for the test.
        split = ("train" if "test" in stems else "") if stem == "trainval" else usual_split(stem) or stem
        source, kit = Source(listing.root, name), (_SETS.fullmatch(folder_of(name)) or [""])[1] or ""
        for number, line in enumerate(source.lines(), 1):
            if line.strip():
                splits_of[_listed(line.strip(), kit, listing, path_of, source, f"line {number}")].append(split)
    return splits_of, notes


def _listed(line: str, kit: str, listing: Listing, path_of: dict[str, str], source: Source, place: str) -> str:
    for picture in (line, line.split()[0]):  # a second column says whether a class is there
        found = path_of.get(f"{kit}Annotations/{picture}.xml") or listing.picture_by_stem(f"{kit}JPEGImages/{picture}")
        if found:
            return found
    raise source.error(place, f"there is neither an annotation nor a picture called {shown(line)}")


def _first_pixel(things: Sequence[VocObject], notes: list[str]) -> int:
    """1, as the format has it, or 0 where more boxes begin at pixel 0, which then must exist, than at pixel 1."""
    corners = np.asarray([thing.corners[:2] for thing in things])
    if not (corners == 0).sum() > (corners == 1).sum():
        return 1
    notes.append("Pixels were taken as counted from 0, not from 1, because boxes begin at 0.")
    return 0


def _box(thing: VocObject, builder: IndexBuilder, origin: int) -> tuple[int, float, float, float, float, bool]:
    left, top, right, bottom = thing.corners
    return builder.class_id(thing.name), left - origin, top - origin, right, bottom, thing.difficult


def carried(index: DatasetIndex) -> DatasetIndex:
    """What this format can hold: boxes; classes without any are forgotten.

    Raises:
        DataError: image-level labels that say more than the boxes do.
    """
    index = with_split_names(
        without_labels(index, "Pascal VOC"), lambda name: name == "trainval" or _SET_OF_ONE_CLASS.fullmatch(name)
    )
    index = with_class_names(index, [tidy_name(_NOT_XML.sub("_", name)) for name in index.class_names])
    notes = []
    if (index.boxes_xyxy % 1).any():
        notes.append(
            "Some edges are between pixels and were written with decimals; some tools read whole numbers only."
        )
    unused = [name for i, name in enumerate(index.class_names) if i not in set(index.box_column("class_id").tolist())]
    if unused:
        notes.append(
            f"{plural(len(unused), 'class')} without boxes, so named nowhere in VOC files, {shown(unused[0])} first."
        )
    return replace(index, notes=(*index.notes, *notes))


def write(index: DatasetIndex, pictures: Pictures) -> None:
    """Writes a development kit: pictures, an XML file for each that was searched for objects, and the image sets."""
    lists: dict[str, list[str]] = defaultdict(list)
    for row in rows(index):
        name = pictures.put(row, f"{_KIT}/JPEGImages")
        stem = os.path.splitext(name)[0]
        lists[row.split].append(f"{stem}\n")
        if row.boxes is not None:
            write_text(pictures.folder / _KIT / "Annotations" / f"{stem}.xml", _xml(row, name, index.class_names))
    for split, lines in lists.items():
        if split or len(lists) == 1:
            target = pictures.folder / _KIT / "ImageSets" / "Main" / f"{split or 'trainval'}.txt"
            write_text(target, "".join(lines))


def _xml(row: Row, name: str, class_names: Sequence[str]) -> str:
    width, height = row.size_px
    objects = "".join(
        f"<object>\n<name>{escape(class_names[class_id])}</name>\n<pose>Unspecified</pose>\n<truncated>0</truncated>\n"
        f"<difficult>{int(crowd)}</difficult>\n<bndbox>\n"
        f"<xmin>{_pixel(left + 1)}</xmin>\n<ymin>{_pixel(top + 1)}</ymin>\n"
        f"<xmax>{_pixel(right)}</xmax>\n<ymax>{_pixel(bottom)}</ymax>\n</bndbox>\n</object>\n"
        for class_id, left, top, right, bottom, crowd in row.boxes or ()
    )
    return (
        f"<annotation>\n<folder>VOC2007</folder>\n<filename>{escape(name)}</filename>\n<size>\n<width>{width}</width>\n"
        f"<height>{height}</height>\n<depth>3</depth>\n</size>\n<segmented>0</segmented>\n{objects}</annotation>\n"
    )


def _pixel(value: float) -> str:
    rounded = round(value, 4)
    return str(int(rounded)) if rounded == int(rounded) else str(rounded)
