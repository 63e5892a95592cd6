"""The command line: `python -m vision_core models`, `predict`, `train` and so on, `data …`; thin, and a contract.

With `--json`, one line of JSON on standard output; progress and warnings on standard error. Exit 0 when done, 2 with
a one-line message for anything the caller can mend. Heavy imports happen inside the commands, so `--help` is quick.
"""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from vision_core import (
    advice_commands,
    bench_commands,
    comparison_commands,
    data_commands,
    duel_commands,
    evaluation_commands,
    report_commands,
    train_commands,
)
from vision_core.errors import ImageError, SettingsError, VisionError

if TYPE_CHECKING:
    from vision_core.exports import PictureResult
    from vision_core.images import Picture
    from vision_core.predict import Classifier, ObjectDetector

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    help="WhatWhere: image classification or object detection? Measured on your own pictures.",
)


app.add_typer(data_commands.app, name="data")
app.add_typer(train_commands.app)
app.add_typer(evaluation_commands.app)
app.add_typer(comparison_commands.app)
app.add_typer(bench_commands.app)
app.add_typer(duel_commands.app)
app.add_typer(advice_commands.app)
app.add_typer(report_commands.app)

# typer brings its own copy of click or uses the installed one, by version; its public names lead to either.
_ClickException = cast(type[typer.BadParameter], typer.BadParameter.__mro__[2])


@app.callback(invoke_without_command=True)
def _commands(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        print(context.get_help())


@app.command()
def models(
    task: Annotated[str | None, typer.Option(help="Only this task: classification or detection.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One line of JSON.")] = False,
) -> None:
    """List the models of the catalogue."""
    from vision_core.models import list_models
    from vision_core.models.published import published
    from vision_core.models.weights import badge

    if task not in (None, "classification", "detection"):
        raise SettingsError(f"--task {task!r} is not a task; use classification or detection.")
    rows = [
        {
            "name": spec.name,
            "task": spec.task,
            "family": spec.family,
            "source": spec.source,
            "parameters": spec.parameters,
            "weights": badge(spec),
            "licence": spec.weights_licence,
            "code_licence": spec.code_licence,
            "year": spec.year,
            "input_size_px": spec.input_size_px,
            "summary": spec.summary,
            "suits": spec.suits,
            "published": None if (known := published(spec)) is None else str(known),
        }
        for spec in list_models(task)
    ]
    if as_json:
        _print_json(rows)
        return
    for row in rows:
        size = f"{row['parameters'] / 1e6:7.1f} M"
        print(f"{row['name']:38} {row['task']:15} {size}  {row['published'] or '':28} {row['weights']}")


@dataclass(frozen=True)
class _Request:
    """What `predict` was asked for."""

    classifier: Classifier | None
    detector: ObjectDetector | None
    pipeline: bool
    score: float
    iou: float
    top_k: int
    only: tuple[str, ...]


@app.command()
def predict(
    images: Annotated[list[str], typer.Argument(metavar="IMAGE…", help="Pictures, or folders of them.")],
    classifier: Annotated[str | None, typer.Option(help="Model name or run folder.")] = None,
    detector: Annotated[str | None, typer.Option(help="Model name or run folder.")] = None,
    pipeline: Annotated[bool, typer.Option("--pipeline", help="Also name each detected object.")] = False,
    score: Annotated[float, typer.Option(help="Least score of an object, 0 to 1.")] = 0.4,
    iou: Annotated[float, typer.Option(help="Overlap beyond which the weaker box goes, 0 to 1.")] = 0.5,
    top_k: Annotated[int, typer.Option(help="How many labels.")] = 5,
    only: Annotated[list[str] | None, typer.Option("--class", help="Only this class; repeat.")] = None,
    device: Annotated[str | None, typer.Option(help="cpu, cuda, cuda:1 …; the best one by default.")] = None,
    batch_size: Annotated[int, typer.Option(help="Pictures run together.")] = 8,
    as_json: Annotated[bool, typer.Option("--json", help="One line of JSON: a list.")] = False,
    as_jsonl: Annotated[bool, typer.Option("--jsonl", help="One line of JSON a picture, as it is ready.")] = False,
) -> None:
    """Say what is in each picture, and where: with neither model named, both embedded ones."""
    for option, value in (("--score", score), ("--iou", iou)):
        if not 0 <= value <= 1:
            raise SettingsError(f"{option} {value} is outside 0 to 1.")
    for option, value in (("--top-k", top_k), ("--batch-size", batch_size)):
        if value < 1:
            raise SettingsError(f"{option} {value} must be at least 1.")
    _check_pictures(images)
    from vision_core.predict import DEFAULT_CLASSIFIER, DEFAULT_DETECTOR, load_classifier, load_detector

    both = pipeline or not (classifier or detector)
    classifier = classifier or (DEFAULT_CLASSIFIER if both else None)
    detector = detector or (DEFAULT_DETECTOR if both else None)
    request = _Request(
        classifier=load_classifier(classifier, device, progress=_Download(classifier)) if classifier else None,
        detector=load_detector(detector, device, progress=_Download(detector)) if detector else None,
        pipeline=pipeline,
        score=score,
        iou=iou,
        top_k=top_k,
        only=tuple(only or ()),
    )
    _check_classes(request)
    _write(_records(images, request, batch_size), as_json, as_jsonl)


def _check_pictures(images: list[str]) -> None:
    """What can be mended is said before any model is loaded; a single bad picture is the whole answer."""
    for name in images:
        if not os.path.exists(name):
            raise ImageError(f"{name!r} does not exist; check the path.")
        if os.path.isdir(name):
            next(_expand([name]))
    if len(images) == 1 and not os.path.isdir(images[0]) and isinstance(bad := _open(Path(images[0])), ImageError):
        raise bad


def _check_classes(request: _Request) -> None:
    predictor = request.detector or request.classifier
    known = predictor.class_names if predictor else ()
    for name in request.only:
        if name not in known:
            from vision_core.errors import suggest

            raise SettingsError(f"--class {name!r} is no class of the model.{suggest(name, list(known))}")


def _records(images: list[str], request: _Request, batch_size: int) -> Iterator[dict[str, Any]]:
    """One contract record a picture, reading at most a batch ahead; unreadable ones carry an `error`."""
    from vision_core.predict import batches

    paths = _expand(images)
    for chunk in batches(paths, batch_size):
        pictures: list[tuple[Path, Picture | ImageError]] = [(path, _open(path)) for path in chunk]
        results = iter(_predict([p for _, p in pictures if not isinstance(p, ImageError)], request))
        for path, picture in pictures:
            if isinstance(picture, ImageError):
                yield {"image": {"path": str(path)}, "error": str(picture)}
            else:
                yield _record(path, next(results), request)


def _expand(images: list[str]) -> Iterator[Path]:
    from vision_core.images import iter_folder

    for name in images:
        path = Path(name)
        if not path.is_dir():
            yield path
            continue
        inside = iter_folder(path)
        first = next(inside, None)
        if first is None:
            raise ImageError(f"The folder {name!r} holds no pictures; name one with JPEG, PNG or WebP files.")
        yield first
        yield from inside


def _open(path: Path) -> Picture | ImageError:
    from vision_core.images import open_image

    try:
        return open_image(path)
    except ImageError as error:
        return error


def _predict(pictures: list[Picture], request: _Request) -> list[PictureResult]:
    from vision_core.exports import PictureResult
    from vision_core.predict import detect_then_classify
    from vision_core.vocabulary import restrict

    pixels = [picture.pixels for picture in pictures]
    labels: list[Any] = [None] * len(pixels)
    if request.classifier:
        labels = [restrict(said, request.only) for said in request.classifier.predict(pixels)]
    found: list[Any] = [None] * len(pixels)
    if request.detector:
        candidates = request.detector.predict(pixels)
        found = [item.select(request.score, request.iou, request.only) for item in candidates]
    results = []
    for picture, label, objects in zip(pictures, labels, found, strict=True):
        both = None
        if request.pipeline and request.classifier:
            both = detect_then_classify(picture.pixels, objects, request.classifier)
        results.append(PictureResult(picture.name, picture.width_px, picture.height_px, label, objects, both))
    return results


def _record(path: Path, result: PictureResult, request: _Request) -> dict[str, Any]:
    from vision_core.exports import to_contract

    return to_contract(replace(result, name=str(path)), top_k=request.top_k)


def _write(records: Iterator[dict[str, Any]], as_json: bool, as_jsonl: bool) -> None:
    """Prints each record as it comes; a list is streamed too, so that memory does not grow with the folder."""
    failed = count = 0
    try:
        for count, record in enumerate(records, start=1):
            if "error" in record:
                failed += 1
                print(record["error"], file=sys.stderr)
            if as_jsonl:
                _print_json(record)
            elif as_json:
                sys.stdout.write(("[" if count == 1 else ", ") + _dumps(record))
            elif "error" not in record:
                _print_text(record)
    finally:
        if as_json and not as_jsonl and count:
            print("]", flush=True)
    if failed:
        raise ImageError(f"{failed} of {count} pictures could not be read; see above.")


def _print_text(record: dict[str, Any]) -> None:
    print(f"{record['image']['path']}  {record['image']['width_px']} x {record['image']['height_px']} px")
    for part in ("classification", "detection", "pipeline"):
        if part not in record:
            continue
        print(f"  {part}, {record[part]['latency_ms']:.0f} ms")
        for item in record[part].get("labels", []):
            print(f"    {item['score']:6.1%}  {item['name']}")
        for item in record[part].get("objects", []):
            named = f"  = {item['labels'][0]['name']} {item['labels'][0]['score']:.1%}" if item.get("labels") else ""
            print(f"    {item['score']:6.1%}  {item['name']}  at {[round(edge) for edge in item['box_xyxy']]}{named}")


def _dumps(value: Any) -> str:
    return json.dumps(value, allow_nan=False)  # ASCII: any name goes through any pipe


def _print_json(value: Any) -> None:
    print(_dumps(value), flush=True)


class _Download:
    """Shows a download's progress on standard error, one line that is rewritten."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.shown = -1

    def __call__(self, done_bytes: int, total_bytes: int | None) -> None:
        percent = int(100 * done_bytes / total_bytes) if total_bytes else done_bytes >> 20
        if percent != self.shown:
            self.shown = percent
            unit = "%" if total_bytes else " MB"
            print(f"\rdownloading {self.name}: {percent}{unit}", end="", file=sys.stderr, flush=True)
            if total_bytes and done_bytes >= total_bytes:
                print(file=sys.stderr)


def main(arguments: list[str] | None = None) -> int:
    """Runs one command and returns the exit status: 0 done, 2 something the caller can mend, 130 interrupted."""
    for stream in (sys.stdout, sys.stderr):  # a file name may hold what the terminal cannot show
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        return app(arguments, prog_name="python -m vision_core", standalone_mode=False) or 0
    except VisionError as error:
        message = str(error)
    except _ClickException as error:
        message = error.format_message()
    except (typer.Abort, KeyboardInterrupt):
        print("interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 0
    print("error: " + " ".join(message.split()), file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
