"""What a YOLO data set says of itself: class names, and which pictures are in which split.

config = find_config(listing)
config.names, config.splits_of["images/train/a.jpg"]
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import PurePosixPath

import yaml

from vision_core.data.formats.fields import LARGEST_CLASS_ID, Source, shown, usual_split
from vision_core.data.formats.listing import Listing, folder_of, split_of
from vision_core.data.formats.picture_finder import PictureFinder
from vision_core.data.formats.writing import safe_name

_LARGEST_CONFIG_BYTES = 2**19  # the YAML parser, written in Python, takes 7 s for these
_CLASS_LIST = re.compile(r"(classes|obj|_darknet|darknet|labels|predefined_classes)\.(txt|names|labels)", re.IGNORECASE)
_NAMES_KEY = re.compile(rb"^[\"']?names[\"']?\s*:", re.MULTILINE)
_NULL = frozenset({"", "~", "null", "Null", "NULL"})
OTHER_KEYS = frozenset({"names", "nc", "path", "download", "kpt_shape", "flip_idx"})


@dataclass
class YoloConfig:
    """What was found.

    Attributes:
        source: the file that names the classes, or None.
        names: of class 0, 1, …; None where nothing names them.
        splits_of: a picture's path to its splits, for pictures that are in any.
        keypoints: label lines carry key points behind the box.
    """

    source: Source | None = None
    names: list[str] | None = None
    splits_of: dict[str, list[str]] = field(default_factory=dict)
    keypoints: bool = False
    notes: list[str] = field(default_factory=list)

    def add(self, split: str, pictures: Iterable[str]) -> None:
        """Puts pictures in a split; "" says only that they belong to the data set."""
        for path in pictures:
            splits = self.splits_of.setdefault(path, [])
            if split and split not in splits:
                splits.append(split)


def config_files(listing: Listing) -> list[Source]:
    """YAML files that name classes, nearest to the root first."""
    files = [Source(listing.root, name) for name in listing.having(".yaml", ".yml")]
    found = [source for source in files if _NAMES_KEY.search(source.bytes(_LARGEST_CONFIG_BYTES))]
    return sorted(found, key=_depth)


def is_class_list(name: str) -> bool:
    """Whether a text file's name says that it lists the classes."""
    return _CLASS_LIST.fullmatch(PurePosixPath(name).name) is not None


def find_config(listing: Listing) -> YoloConfig:
    """Reads `data.yaml`, or else a list of classes and lists of pictures.

    Raises:
        DataError: one of these files is malformed.
    """
    files = config_files(listing)
    if files:
        config = _from_yaml(files[0], listing)
        config.notes += [f"{shown(other.name)} was left out: {shown(files[0].name)} was read." for other in files[1:]]
        return config
    config = YoloConfig()
    class_lists = sorted(
        (Source(listing.root, name) for name in listing.annotations if is_class_list(name)), key=_depth
    )
    if class_lists:
        config.source = class_lists[0]
        lines = config.source.text(_LARGEST_CONFIG_BYTES).rstrip().splitlines()
        config.names = [config.source.class_name(line, f"line {i}") for i, line in enumerate(lines, 1)]
    for name in listing.having(".txt"):
        split = usual_split(PurePosixPath(name).stem)
        if split and "labels" not in name.split("/"):
            config.add(split, _listed(Source(listing.root, name), listing, config.notes))
    return config


def _depth(source: Source) -> tuple[int, str]:
    return source.name.count("/"), source.name


def _from_yaml(source: Source, listing: Listing) -> YoloConfig:
    values = _parse(source)
    config = YoloConfig(source, _names(source, values.get("names")), keypoints="kpt_shape" in values)
    if "nc" in values:
        count = source.whole(values["nc"], "nc", LARGEST_CLASS_ID)
        if count != len(config.names or ()):
            raise source.error("nc", f"says {count} classes, but 'names' has {len(config.names or ())}")
    base = values.get("path", "")
    if not isinstance(base, str):
        raise source.error("path", f"{shown(base)} is not a path")
    folders: dict[str, list[str]] = defaultdict(list)
    for key, value in values.items():
        split = usual_split(key)
        for place in value if isinstance(value, list) else [value]:
            if key in OTHER_KEYS or (isinstance(place, str) and place in _NULL):
                continue
            if split and not isinstance(place, str):
                raise source.error(key, f"{shown(place)} is not a path")
            found = _find_place(source, base, place, listing) if isinstance(place, str) else None
            if found is None:
                config.notes += [f"{shown(source.name)}, {key}: there are no pictures at {shown(place)}."] * bool(split)
            elif found in listing.annotation_set:
                config.add(split or key, _listed(Source(listing.root, found), listing, config.notes))
            else:
                folders[found].append(split or key)
    for folder, splits in folders.items():
        # One folder for several splits, as many tools want it where nothing is split: only its own name tells.
        own = [split for split in splits if safe_name(split) == PurePosixPath(folder).name]
        config.add(
            splits[0] if len(splits) == 1 else (own or [split_of(f"{folder}/")])[0], listing.pictures_below(folder)
        )
    return config


def _parse(source: Source) -> dict[str, object]:
    """Its settings. Scalars stay texts: YAML would read a class called `no` as False and one called `1` as a number."""
    text = source.text(_LARGEST_CONFIG_BYTES)
    try:
        values = yaml.load(text, Loader=yaml.BaseLoader)  # makes texts, lists and dicts: less than `safe_load` does
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise source.error(f"line {line}", f"is not YAML ({error.problem})") from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise source.error("", f"is not YAML ({str(error).splitlines()[0][:100]})") from error
    if not isinstance(values, dict):
        raise source.error("", "does not consist of settings such as 'names: …' and 'train: …'")
    return values


def _names(source: Source, value: object) -> list[str]:
    """Class names from a list, or from a dict of ids, whose gaps are called by their numbers."""
    if isinstance(value, list):
        return [source.class_name(name, f"names[{i}]") for i, name in enumerate(value)]
    if not isinstance(value, dict):
        raise source.error("names", f"{shown(value)} is neither a list nor a dict of class names")
    names = {
        source.whole(key, f"names, key {shown(key)}", LARGEST_CLASS_ID): source.class_name(name, f"names[{key}]")
        for key, name in value.items()
    }
    return [names.get(i, str(i)) for i in range(max(names, default=-1) + 1)]


def _find_place(source: Source, base: str, place: str, listing: Listing) -> str | None:
    """The folder of pictures, or the list of pictures, that a path means; written on another machine, its end tells."""
    own = folder_of(source.name)
    parts = [part for part in f"{base}/{place}".replace("\\", "/").split("/") if part not in ("", ".", "..")]
    for start in range(len(parts)):
        tail = "/".join(parts[start:])
        for path in (f"{own}/{tail}" if own else tail, tail):
            if path in listing.folders or path in listing.annotation_set:
                return path
    return own if not [part for part in place.split("/") if part not in ("", ".")] else None


def _listed(source: Source, listing: Listing, notes: list[str]) -> list[str]:
    """The pictures named in a text file, one a line."""
    finder = PictureFinder(listing, [folder_of(source.name), ""])
    lines = ((number, line.strip()) for number, line in enumerate(source.lines(), 1))
    found = [finder.find(line, source, f"line {number}") for number, line in lines if line and line[0] != "#"]
    notes += finder.notes()
    return found
