"""What lies in a data set's folder, from one walk.

    listing = list_files(Path("photos"))
    listing.pictures, listing.having(".json"), listing.picture("images/A.JPG")

Hidden entries and linked folders are never entered, and links out of the folder never followed, so that no annotation
file can reach a picture outside.
"""

from __future__ import annotations

import os
import re
import unicodedata
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

from vision_core.data.formats.fields import shown, usual_split
from vision_core.data.wording import was
from vision_core.errors import DataError
from vision_core.images import IMAGE_EXTENSIONS

_ANNOTATION_EXTENSIONS = frozenset({".json", ".xml", ".csv", ".tsv", ".txt", ".yaml", ".yml", ".names", ".labels"})
_ABOUT_FILES = re.compile(r"(readme|licen[cs]e|notice|changelog|requirements)", re.IGNORECASE)
_MAX_DEPTH = 64


@dataclass(frozen=True, eq=False)
class Listing:
    """The files of a data set, as sorted paths below `root` with forward slashes.

    Attributes:
        pictures: files named like pictures.
        annotations: files named like annotations (JSON, XML, CSV, text, YAML).
        links_out: links that lead out of the folder, which were left out.
    """

    root: Path
    pictures: tuple[str, ...]
    annotations: tuple[str, ...]
    links_out: tuple[str, ...] = ()

    @cached_property
    def _picture_set(self) -> frozenset[str]:
        return frozenset(self.pictures)

    @cached_property
    def annotation_set(self) -> frozenset[str]:
        """The annotation files, to ask whether one is there."""
        return frozenset(self.annotations)

    def has_picture(self, path: str) -> bool:
        """Whether there is a picture of exactly this name."""
        return path in self._picture_set

    @cached_property
    def folders(self) -> tuple[str, ...]:
        """Folders that hold pictures, and those above them, down from "" for the root."""
        found = {folder_of(path) for path in self.pictures}
        for folder in list(found):
            found.update(parent.as_posix() for parent in PurePosixPath(folder).parents)
        return tuple(sorted({"" if folder == "." else folder for folder in found} | {""}))

    @cached_property
    def _folded(self) -> dict[str, str | None]:
        return _unique((_fold(path), path) for path in self.pictures)

    @cached_property
    def _stems(self) -> dict[str, str | None]:
        return _unique((os.path.splitext(path)[0], path) for path in self.pictures)

    def pictures_below(self, folder: str) -> tuple[str, ...]:
        """The pictures in a folder and in the folders below it."""
        if not folder:
            return self.pictures
        return self.pictures[
            bisect_left(self.pictures, f"{folder}/") : bisect_left(self.pictures, f"{folder}0")
        ]  # "/" + 1

    def picture(self, path: str) -> str | None:
        """The picture at `path`, or the only one that differs in case or Unicode form, or None."""
        return path if path in self._picture_set else self._folded.get(_fold(path))

    def picture_by_stem(self, path: str) -> str | None:
        """The only picture at `path` plus some extension, or None."""
        return self._stems.get(path)

    def having(self, *extensions: str) -> list[str]:
        """Annotation files with one of these extensions."""
        return [name for name in self.annotations if name.lower().endswith(extensions)]

    def below(self, folder: str) -> Listing:
        """The same for one of its folders, all else left out."""
        start = f"{folder}/"
        cut = [
            tuple(p[len(start) :] for p in group if p.startswith(start)) for group in (self.pictures, self.annotations)
        ]
        return Listing(self.root / folder, cut[0], cut[1], self.links_out)

    def leads_out(self, path: str) -> bool:
        """Whether a path below the root is there, but by way of a link somewhere else."""
        whole = os.path.join(self.root, path)
        root = os.path.realpath(self.root)
        return os.path.exists(whole) and os.path.commonpath([root, os.path.realpath(whole)]) != root

    def notes(self) -> list[str]:
        """What was left out of the walk, in a sentence."""
        if not self.links_out:
            return []
        return [
            f"{was(len(self.links_out), 'link')} left out for leading out of the folder, {shown(self.links_out[0])} "
            "first."
        ]


def folder_of(path: str) -> str:
    """The folder of a path below the root; "" for the root itself."""
    return path.rpartition("/")[0]


def split_of(path: str) -> str:
    """The first folder on the way to `path` that is named like a split, as that split; "" when none is."""
    return next((split for part in path.split("/")[:-1] if (split := usual_split(part))), "")


def split_said(name: str) -> str:
    """The split that a word of an annotation file's name, or else its folder, speaks of; "" for none."""
    words = re.split(r"[^A-Za-z0-9]+", PurePosixPath(name).stem)
    return next((split for word in words if (split := usual_split(word))), split_of(name))


def list_files(folder: Path) -> Listing:
    """Walks `folder`.

    Raises:
        DataError: it cannot be read, is absurdly deep, or a name in it is not UTF-8.
    """
    if not os.path.isdir(folder):  # unlike Path.is_dir, never raises
        raise DataError(f"'{folder}' is not a folder: choose a folder, or a zip or tar file.")
    root = os.path.realpath(folder)
    pictures: list[str] = []
    annotations: list[str] = []
    links_out: list[str] = []
    waiting = [""]
    while waiting:
        below = waiting.pop()
        for entry in _entries(root, below):
            path = below + entry.name
            if entry.is_dir(follow_symlinks=False):
                if path.count("/") >= _MAX_DEPTH:
                    raise DataError(
                        f"The folder {shown(path)} is more than {_MAX_DEPTH} levels deep: flatten it first."
                    )
                waiting.append(f"{path}/")
                continue
            extension = os.path.splitext(entry.name)[1].lower()
            group = pictures if extension in IMAGE_EXTENSIONS else annotations
            if group is annotations and (extension not in _ANNOTATION_EXTENSIONS or _ABOUT_FILES.match(entry.name)):
                continue
            if entry.is_symlink() and not Path(os.path.realpath(entry.path)).is_relative_to(root):
                links_out.append(path)
            elif entry.is_file():
                group.append(path)
    return Listing(folder, tuple(sorted(pictures)), tuple(sorted(annotations)), tuple(sorted(links_out)))


def _entries(root: str, below: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(os.path.join(root, below)) as found:
            entries = [entry for entry in found if entry.name[0] != "." and entry.name != "__MACOSX"]
    except OSError as error:
        raise DataError(f"The folder {shown(below or root)} cannot be read ({error.strerror}).") from error
    for entry in entries:
        try:
            entry.name.encode()
        except UnicodeEncodeError as error:
            name = os.fsencode(below + entry.name)
            raise DataError(f"The file name {shown(name)} is not UTF-8: rename the file.") from error
    return entries


def unwrap(listing: Listing, from_archive: bool) -> Listing:
    """Steps into the folder that holds everything, as most archives have one, unless its name says something.

    A lone folder of pictures is a class where a folder was opened, and only a wrapper where an archive was.
    """
    while True:
        paths = (*listing.pictures, *listing.annotations)
        tops = {path.partition("/")[0] if "/" in path else "" for path in paths}
        top = tops.pop() if len(tops) == 1 else ""
        is_wrapper = from_archive or all(path.count("/") > 1 for path in paths)
        if not top or usual_split(top) or not is_wrapper:
            return listing
        listing = listing.below(top)


def _unique(pairs: Iterable[tuple[str, str]]) -> dict[str, str | None]:
    """Key to its only value; None for a key with several."""
    found: dict[str, str | None] = {}
    for key, value in pairs:
        found[key] = None if key in found else value
    return found


def _fold(path: str) -> str:
    return unicodedata.normalize("NFC", path).casefold()
