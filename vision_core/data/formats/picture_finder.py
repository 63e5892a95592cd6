"""Which picture an annotation file means, whatever machine it was written on; never one outside the folder.

PictureFinder(listing, ["images/train"]).find("C:\\data\\a.jpg", source, "line 2")
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import PurePosixPath

from vision_core.data.formats.fields import Source, shown
from vision_core.data.formats.listing import Listing, folder_of, split_of
from vision_core.data.index import IndexBuilder
from vision_core.data.wording import plural, was

_SAMPLE = 1000  # mentions that are looked up to find the folder their paths start in
_MOST_FOLDERS = 100


class PictureFinder:
    """Finds the pictures an annotation file mentions, whatever machine it was written on.

    Args:
        folders: where the mentioned paths may start, below the root, most likely first.
        by_stem: a mention may lack its extension.
        by_end: the first folders of a mention may be others than here; of one that leads out they always may be.
    """

    def __init__(self, listing: Listing, folders: Sequence[str], by_stem: bool = False, by_end: bool = False) -> None:
        self._listing = listing
        self._starts = tuple(dict.fromkeys(f"{folder}/" if folder else "" for folder in folders)) or ("",)
        self._by_stem, self._by_end = by_stem, by_end
        self.guesses: list[str] = []

    def find(self, mention: str, source: Source, place: str) -> str:
        """The picture's path below the root; where no such picture is there, the path it would have.

        Raises:
            DataError: the mention is empty or malformed, or leads out of the folder and no picture inside fits its end.
        """
        found = self._there(mention)
        if found is not None:
            return found
        if not mention.strip() or any(ord(c) < 32 for c in mention):
            raise source.error(place, f"{shown(mention)} is not the name of a picture")
        parts = [part for part in mention.strip().replace("\\", "/").split("/") if part not in ("", ".")]
        leads_out = ".." in parts or mention.strip().startswith(("/", "\\")) or parts[0].endswith(":")
        parts = [part for part in parts if part != ".."]
        for start in range(len(parts) if leads_out or self._by_end else 1):
            found = self._there("/".join(parts[start:]))
            if found is not None:
                if start or leads_out:
                    self.guesses.append(f"{shown(mention)} was taken for {shown(found)}.")
                return found
        if leads_out or not parts:
            raise source.error(
                place, f"{shown(mention)} leads out of the data set, and no picture inside has that name"
            )
        path = self._starts[0] + "/".join(parts)
        if self._listing.leads_out(path):
            raise source.error(place, f"{shown(mention)} is a link that leads out of the data set")
        return path

    def by_stem(self, stem: str) -> str | None:
        """The picture called `stem` plus some extension in one of the folders, or None."""
        return self._first(self._listing.picture_by_stem, stem)

    def _there(self, path: str) -> str | None:
        return self._first(self._listing.picture, path) or (self.by_stem(path) if self._by_stem else None)

    def _first(self, ask: Callable[[str], str | None], path: str) -> str | None:
        return next((found for start in self._starts if (found := ask(start + path))), None)

    def notes(self) -> list[str]:
        """What had to be guessed, in a sentence."""
        if not self.guesses:
            return []
        return [f"{was(len(self.guesses), 'path')} taken from another place and matched by the end; {self.guesses[0]}"]


def finder_for(source: Source, split: str, mentions: Sequence[str], listing: Listing) -> PictureFinder:
    """A finder of the pictures that a file mentions, whose paths start in a folder that the file does not name.

    That is the first likely folder below which half of the pictures are (the file's own, one named like its split,
    `images` beside it, the one above), or else the folder with most of them.
    """
    own = folder_of(source.name)
    above = folder_of(own)
    of_split = [f for f in listing.folders if split and split in (split_of(f"{f}/"), PurePosixPath(f).name)]
    likely = [own, *of_split, f"{own}/images".strip("/"), f"{above}/images".strip("/"), above]
    sample = mentions[:: max(len(mentions) // _SAMPLE, 1)]
    for is_there in (listing.has_picture, lambda path: listing.picture(path) or listing.picture_by_stem(path)):
        best = _best_folder(sample, likely, listing, is_there)
        if best is not None:
            return PictureFinder(listing, [best, *likely], by_stem=True)
    return PictureFinder(listing, [*likely, *listing.folders[:_MOST_FOLDERS]], by_stem=True, by_end=True)


def _best_folder(
    mentions: Sequence[str], likely: Sequence[str], listing: Listing, is_there: Callable[[str], object]
) -> str | None:
    """The folder below which the mentioned pictures are, as `is_there` sees them; None when none is anywhere."""

    def count(folder: str) -> int:
        start = f"{folder}/" if folder else ""
        return sum(bool(is_there(start + mention)) for mention in mentions)

    for folder in likely:
        if mentions and count(folder) >= len(mentions) / 2:
            return folder
    best = max((*likely, *listing.folders), key=count)
    return best if count(best) else None


def add_unlisted(builder: IndexBuilder, listing: Listing, listed: set[str], notes: list[str]) -> None:
    """Adds pictures that no annotation speaks of, when they lie beside some that one does; notes the others."""
    folders = {folder_of(path) for path in listed}
    others = [path for path in listing.pictures if path not in listed]
    beside = [path for path in others if folder_of(path) in folders]
    for path in beside:
        builder.add_image(path, split=split_of(path))
    if beside:
        notes.append(f"{plural(len(beside), 'picture')} in no annotation file, {shown(beside[0])} first.")
    if len(others) > len(beside):
        first = next(path for path in others if folder_of(path) not in folders)
        notes.append(f"{was(len(others) - len(beside), 'picture')} left out with other folders, {shown(first)} first.")
