"""The command line's `train`, `resume`, `runs` and `cancel`; thin, and part of the contract.

As in `__main__`: JSON on standard output with `--json`, progress on standard error, heavy imports inside the commands.
Ctrl-C saves, says how to go on, and exits with status 130.
"""

from __future__ import annotations

import json
import math
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args, get_origin, get_type_hints

import typer

from vision_core.errors import DataError, SettingsError, suggest
from vision_core.train_progress import Teller

if TYPE_CHECKING:
    from vision_core.run_folder import RunFolder
    from vision_core.training.config import TrainConfig

app = typer.Typer()

Json = Annotated[bool, typer.Option("--json", help="One line of JSON.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress on standard error.")]
Run = Annotated[str, typer.Argument(metavar="RUN", help="A run's folder, or its id or name in the workspace.")]
INTERRUPTED = 130


@app.command()
def train(
    data: Annotated[str, typer.Option(help="A data set's folder or archive, or its name in the workspace.")],
    task: Annotated[str, typer.Option(help="classification or detection.")],
    model: Annotated[str, typer.Option(help="Model name, or run folder to go on from with new data or settings.")],
    preset: Annotated[str, typer.Option(help="instant, balanced or thorough.")] = "balanced",
    epochs: Annotated[int | None, typer.Option(help="Times every picture is seen.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Pictures a step.")] = None,
    input_size: Annotated[int | None, typer.Option(help="Edge of the network's input, in pixels.")] = None,
    learning_rate: Annotated[str | None, typer.Option(help="Highest rate; auto: found by trying.")] = None,
    augmentation: Annotated[str | None, typer.Option(help="none, light or strong.")] = None,
    fraction: Annotated[float | None, typer.Option(help="Share of the training pictures that is used.")] = None,
    labels_from: Annotated[
        str | None, typer.Option(help="labels, presence, majority or crops; objects: a class-agnostic detector.")
    ] = None,
    start: Annotated[str | None, typer.Option(help="pretrained, scratch, a run's folder or a weights file.")] = None,
    seed: Annotated[int | None, typer.Option(help="Of everything that chance decides.")] = None,
    device: Annotated[str | None, typer.Option(help="cpu, cuda, cuda:1 …; the best one by default.")] = None,
    precision: Annotated[str | None, typer.Option(help="auto, fp32, bf16 or fp16.")] = None,
    setting: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Any other setting; repeat.")
    ] = None,
    run: Annotated[Path | None, typer.Option(help="New folder of the run; by default in the workspace.")] = None,
    name: Annotated[str, typer.Option(help="What to call the run.")] = "",
    background: Annotated[bool, typer.Option("--background", help="Return at once; the run goes on.")] = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Fine-tune a model on a data set: waits for its turn on the device, trains, evaluates the best weights."""
    from vision_core.training import peers

    changes = {
        "epochs": epochs,
        "batch_size": batch_size,
        "input_size_px": input_size,
        "augmentation": augmentation,
        "data_fraction": fraction,
        "labels_from": labels_from,
        "start": start,
        "seed": seed,
        "device": device,
        "precision": precision,
    }
    changes = {key: value for key, value in changes.items() if value is not None} | _settings(setting or [])
    if learning_rate is not None:
        changes["learning_rate"] = None if learning_rate == "auto" else _number("--learning-rate", learning_rate)
    path = None
    if peers.is_main():
        made = _make(_configuration(data, task, model, preset, changes), run, name)
        if background:
            _begin(made, as_json)
        path = made.path
    if background:
        return
    _work(Path(peers.shared(path, changes.get("device")) or ""), quiet, as_json)


def _configuration(data: str, task: str, model: str, preset: str, changes: dict[str, Any]) -> TrainConfig:
    from vision_core.models.catalogue import get_spec
    from vision_core.runs import is_run
    from vision_core.training.config import make_config
    from vision_core.training.jobs import anchored

    if is_run(model):
        changes = {"start": model} | changes
        model = str(open_run(model).read("config.json").get("model"))
    config = make_config(data, task, model, preset, **changes)  # type: ignore[arg-type]
    spec = get_spec(model)
    if spec.task != task:
        raise SettingsError(f"{model!r} does {spec.task}, not {task}: name a model for {task}.")
    return anchored(config)


def _settings(pairs: list[str]) -> dict[str, Any]:
    """`NAME=VALUE` as a setting's name and a plain value: a number, true, false, none, a list, or text."""
    from vision_core.training.config import SETTINGS, TrainConfig

    hints = get_type_hints(TrainConfig)
    found: dict[str, Any] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals or name not in SETTINGS:
            known = suggest(name, sorted(SETTINGS)) if equals else " Write it as NAME=VALUE."
            raise SettingsError(f"--set {pair!r} names no setting.{known}")
        found[name] = _value(hints[name], text)
    return found


def _value(hint: Any, text: str) -> Any:
    """Text as a value of a setting of this type: `none` is nothing only where nothing is allowed."""
    is_none = text.lower() in ("none", "null")
    if get_origin(hint) is tuple and not text.startswith("["):  # names need no brackets
        return [] if is_none else [name.strip() for name in text.split(",")]
    if is_none:
        return None if type(None) in get_args(hint) else "none"
    try:
        return json.loads(text)
    except ValueError:
        return text


def _number(option: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise SettingsError(f"{option} {text!r} is not a number.") from None


def _make(config: TrainConfig, folder: Path | None, name: str) -> RunFolder:
    from vision_core.run_folder import RunFolder, create_run

    return create_run(config, name) if folder is None else RunFolder.create(folder.resolve(), config, name)


def _begin(run: RunFolder, as_json: bool) -> None:
    """Starts the run's own process and says how to ask for it."""
    from vision_core.training.jobs import start

    start(run)
    if as_json:
        print_json({"run": str(run.path), "state": "queued"})
    else:
        print(f"{run.path} is on its way; see it with: python -m vision_core runs")


@app.command()
def resume(
    run: Run,
    background: Annotated[bool, typer.Option("--background", help="Return at once; the run goes on.")] = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Go on with a run that was cancelled, failed or interrupted, from its last checkpoint."""
    found = open_run(run)
    if background:
        _begin(found, as_json)
    else:
        _work(found.path, quiet, as_json)


def _work(path: Path, quiet: bool, as_json: bool) -> None:
    """Does a run in this process, to its end."""
    from vision_core.run_folder import RunFolder
    from vision_core.training import peers
    from vision_core.training.jobs import execute

    said = execute(RunFolder(path), None if quiet or not peers.is_main() else Teller())
    if not said:
        return
    if as_json:
        print_json(said)
    elif said["state"] == "finished":
        print_metrics(said)
    if said["state"] != "finished":
        print(f"Cancelled. Go on with: python -m vision_core resume {shlex.quote(str(path))}", file=sys.stderr)
        raise typer.Exit(INTERRUPTED)


@app.command()
def runs(as_json: Json = False) -> None:
    """List the runs of the workspace, newest first."""
    from vision_core.run_folder import list_run_folders

    rows = [_row(run) for run in list_run_folders()]
    if as_json:
        print_json(rows)
        return
    for row in rows:
        figure = f"{row['metric']} {row['best']:.1%}" if row["best"] is not None else ""
        print(f"{row['state']:12} {row['task']:15} {row['name'][:40]:40} {figure:16} {row['id']}")


def _row(run: RunFolder) -> dict[str, Any]:
    try:
        record = run.record()
    except DataError as error:
        blank = dict.fromkeys(("task", "model", "metric"), "")
        return {"id": run.path.name, "name": str(error), "state": "failed", **blank, "best": None, "run": str(run.path)}
    best = [entry for entry in run.history() if entry.get("best")]
    metric = str(best[-1]["monitor"]) if best else ""
    return {
        "id": record.id,
        "name": record.name,
        "state": record.state,
        "task": str(record.config.get("task", "")),
        "model": str(record.config.get("model", "")),
        "metric": metric,
        "best": best[-1]["metrics"].get(metric) if best else None,
        "epoch": record.status.get("epoch", 0),
        "epochs": record.config.get("epochs", 0),
        "error": record.error,
        "run": str(run.path),
    }


@app.command()
def cancel(
    run: Annotated[str, typer.Argument(help="Folder, id or name of a run; or a duel's folder.")], as_json: Json = False
) -> None:
    """Stop a run, or a duel, that waits or trains in another process; it can be gone on with."""
    from vision_core.duel.folder import DUEL

    if (Path(run) / DUEL).is_file():
        from vision_core.duel_commands import cancel_duel

        cancel_duel(Path(run), as_json)
        return
    found = open_run(run)
    from vision_core.training.jobs import cancel

    cancel(found)
    state = found.record().state
    if as_json:
        print_json({"run": str(found.path), "state": state})
    else:
        print("Cancelled." if state == "cancelled" else "It stops after its present step.")


def open_run(text: str) -> RunFolder:
    """The run of that folder, id or name.

    Raises:
        DataError: there is none, or several are called so.
    """
    from vision_core.run_folder import RunFolder, list_run_folders
    from vision_core.runs import is_run

    if is_run(text):
        return RunFolder(Path(text).resolve())
    known = list_run_folders()
    found = [run for run in known if run.path.name == text] or [run for run in known if _name_of(run) == text]
    if len(found) == 1:
        return found[0]
    if found:
        raise DataError(f"{len(found)} runs are called {text!r}: name one by its id, such as {found[0].path.name!r}.")
    close = suggest(text, [run.path.name for run in known])
    raise DataError(f"{text!r} is no run: name its folder, or one that `python -m vision_core runs` lists.{close}")


def _name_of(run: RunFolder) -> str:
    try:
        return run.record().name
    except DataError:
        return ""


def print_metrics(said: Mapping[str, Any]) -> None:
    for name, value in said.items():
        if isinstance(value, float):
            value = f"{value:.4g}"
        if not isinstance(value, dict):
            print(f"{name:18} {value}")


def print_json(value: Any) -> None:
    print(json.dumps(_finite(value), allow_nan=False), flush=True)


def _finite(value: Any) -> Any:
    """The same with null for what JSON has no number for."""
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
