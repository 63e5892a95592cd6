"""The command line's `data` group: shelf, check, fix, convert, import and list; thin, and part of the contract.

As in `__main__`: JSON on standard output with `--json`, progress on standard error, heavy imports inside the commands.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vision_core.errors import DataError

if TYPE_CHECKING:
    from vision_core.data.doctor import Diagnosis

app = typer.Typer(help="Data sets: read any common format, look for faults, convert, paint Fashion Shelf.")

Folder = Annotated[Path, typer.Argument(help="A folder, zip or tar with a data set.")]
Format = Annotated[str | None, typer.Option("--format", help="How to read it, where that is not clear.")]
Json = Annotated[bool, typer.Option("--json", help="One line of JSON.")]


@app.command()
def shelf(
    folder: Annotated[Path, typer.Argument(help="New or empty folder.")],
    images: Annotated[int, typer.Option(help="How many scenes.")],
    seed: Annotated[int, typer.Option(help="The same seed paints the same scenes.")] = 0,
    difficulty: Annotated[str, typer.Option(help="easy, medium or hard.")] = "medium",
    as_json: Json = False,
) -> None:
    """Paint Fashion Shelf: scenes with boxes, counts and labels, from real product photos."""
    from vision_core.data.shelf import make_shelf

    index = make_shelf(folder, images, seed, difficulty, Progress("painting"))
    if as_json:
        _print_json({"out": str(folder), "images": len(index), "boxes": index.boxes.num_rows, "seed": seed})
    else:
        print(f"{len(index)} scenes with {index.boxes.num_rows} products in {folder}")


@app.command()
def check(
    folder: Folder,
    format: Format = None,
    task: Annotated[str | None, typer.Option(help="What it is for: classification or detection.")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit 1 when a finding is an error.")] = False,
    as_json: Json = False,
) -> None:
    """Look for faults: exit 0 when it has looked, whatever it found."""
    from vision_core.data.doctor import CheckOptions, check
    from vision_core.data.formats import read_dataset

    if task not in (None, "classification", "detection"):
        raise DataError(f"--task {task!r} is not a task; use classification or detection.")
    index = read_dataset(folder, format, Progress("reading"))
    diagnosis = check(index, CheckOptions(task=task), Progress("checking"))
    if as_json:
        _print_json(diagnosis.to_contract() | {"notes": list(index.notes)})
    else:
        _print_diagnosis(diagnosis)
    if strict and any(finding.severity == "error" for finding in diagnosis.findings):
        raise typer.Exit(1)


def _print_diagnosis(diagnosis: Diagnosis) -> None:
    print(
        f"{diagnosis.format}: {diagnosis.images} pictures, {diagnosis.boxes} boxes, "
        f"{len(diagnosis.class_names)} classes, judged for {diagnosis.task}"
    )
    for finding in diagnosis.findings:
        print(f"{finding.severity:8} {finding.code}: {finding.sentence}")
        print(f"         {finding.effect}" + (f" Mendable: {finding.fix}" if finding.fix else ""))
        for example in finding.examples[:4]:
            print(f"           {example}")
    if not diagnosis.findings:
        print("Nothing found.")


@app.command()
def fix(
    source: Folder,
    folder: Annotated[Path, typer.Argument(metavar="DST", help="New or empty folder.")],
    to: Annotated[str | None, typer.Option(help="coco, yolo, voc, csv or folder; by default as it is.")] = None,
    chosen: Annotated[list[str] | None, typer.Option("--code", help="Mend this alone; may be repeated.")] = None,
    format: Format = None,
    as_json: Json = False,
) -> None:
    """Write a mended copy: by default all mendable errors and warnings, no notes; SRC is never touched."""
    from vision_core.data.doctor import check, fix
    from vision_core.data.formats import read_dataset, write_dataset
    from vision_core.data.staging import scratch

    index = read_dataset(source, format, Progress("reading"))
    to = to or index.format
    diagnosis = check(index, progress=Progress("checking"))
    usual = [code for code in diagnosis.fixable if diagnosis[code].severity != "note"]
    codes = list(dict.fromkeys(chosen or usual))
    with scratch(folder.absolute().parent, folder.name) as space:
        mended = fix(index, diagnosis, codes, space / "mended", Progress("mending"))
        written = write_dataset(mended, folder, to, Progress("writing"))
    counts = {code: diagnosis[code].count for code in codes}
    about = {"out": str(folder), "format": to, "images": len(written), "boxes": written.boxes.num_rows}
    if as_json:
        _print_json(about | {"mended": counts})
        return
    print(f"{about['images']} pictures with {about['boxes']} boxes in {folder}, as {to}")
    for code in codes:
        print(f"  mended {code}: {diagnosis[code].sentence} {diagnosis[code].fix}")
    if not codes:
        print("  nothing to mend")
    for note in written.notes:
        print(f"  note: {note}")


@app.command()
def convert(
    source: Folder,
    folder: Annotated[Path, typer.Argument(metavar="DST", help="New or empty folder.")],
    to: Annotated[str, typer.Option(help="coco, yolo, voc, csv or folder.")],
    format: Format = None,
    as_json: Json = False,
) -> None:
    """Write a data set in another format; pictures are linked where the disk can."""
    from vision_core.data.formats import read_dataset, write_dataset

    index = read_dataset(source, format, Progress("reading"))
    written = write_dataset(index, folder, to, Progress("writing"))
    notes = [*index.notes, *written.notes]
    if as_json:
        _print_json(
            {"out": str(folder), "format": to, "images": len(written), "boxes": written.boxes.num_rows, "notes": notes}
        )
        return
    print(f"{len(written)} pictures with {written.boxes.num_rows} boxes in {folder}, as {to}")
    for note in notes:
        print(f"  note: {note}")


@app.command("import")
def import_(
    source: Folder,
    name: Annotated[str, typer.Option(help="What to call it; by default its own name.")] = "",
    format: Format = None,
    seed: Annotated[int, typer.Option(help="Of the split into train, val and test.")] = 0,
    as_json: Json = False,
) -> None:
    """Bring a data set into the workspace, where the dashboard finds it."""
    from vision_core.data.library import import_dataset

    dataset = import_dataset(source, name, format, seed, Stages())
    index = dataset.index()
    about = {"name": dataset.name, "folder": str(dataset.folder), "images": len(index), "boxes": index.boxes.num_rows}
    if as_json:
        _print_json(about | {"splits": list(index.splits), "notes": list(index.notes)})
    else:
        print(f"{about['name']}: {about['images']} pictures with {about['boxes']} boxes in {about['folder']}")


@app.command("list")
def list_(as_json: Json = False) -> None:
    """List the data sets of the workspace."""
    from vision_core.data.library import list_datasets

    rows = []
    for dataset in list_datasets():
        newest = dataset.versions[-1]
        rows.append(
            {"name": dataset.name, "version": newest.number, "images": newest.images, "boxes": newest.boxes}
            | {"folder": str(dataset.folder)}
        )
    if as_json:
        _print_json(rows)
        return
    for row in rows:
        print(f"{row['name']:40} version {row['version']}  {row['images']:8} pictures  {row['boxes']:8} boxes")


def _print_json(value: object) -> None:
    print(json.dumps(value, allow_nan=False), flush=True)


class Progress:
    """One line on standard error that is rewritten, with the time that is left."""

    def __init__(self, what: str) -> None:
        self.what = what
        self.started = self.shown_at = time.monotonic()

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        if done < total and now - self.shown_at < 0.5:
            return
        self.shown_at = now
        left_s = (now - self.started) * (total - done) / max(done, 1)
        end = "\n" if done >= total else ""
        print(f"\r{self.what}: {done} of {total}, {left_s:.0f} s left ", end=end, file=sys.stderr, flush=True)


class Stages:
    """Progress of work in several stages, each with a line of its own."""

    def __init__(self) -> None:
        self.lines: dict[str, Callable[[int, int], None]] = {}

    def __call__(self, what: str, done: int, total: int) -> None:
        self.lines.setdefault(what, Progress(what))(done, total)
