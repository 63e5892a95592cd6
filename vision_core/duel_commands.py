"""The command line's `duel`: classification against detection on the same pictures; thin, and part of the contract.

As in `__main__`: JSON on standard output with `--json`, progress on standard error, heavy imports inside the command.
The same command goes on with a duel that was stopped.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vision_core.errors import SettingsError, VisionError
from vision_core.train_commands import INTERRUPTED, Json, Quiet, print_json

if TYPE_CHECKING:
    from vision_core.duel.folder import DuelFolder

app = typer.Typer()


@app.command()
def duel(
    out: Annotated[Path, typer.Option(help="The duel's folder; one that is there is gone on with.")],
    data: Annotated[
        str, typer.Option(help="A data set's folder or archive, or its name in the workspace; only --out goes on.")
    ] = "",
    classifier: Annotated[str, typer.Option(help="Model name, or run folder that is taken as it is.")] = "",
    detector: Annotated[str, typer.Option(help="Model name, or run folder that is taken as it is.")] = "",
    preset: Annotated[str, typer.Option(help="instant, balanced or thorough.")] = "instant",
    question: Annotated[str, typer.Option(help="What decides: presence, count or where.")] = "presence",
    contenders: Annotated[str, typer.Option(help="Two or all of classification, detection, two-stage.")] = "",
    first_stage: Annotated[
        str, typer.Option(help="Of detect-then-classify: class-aware (the detector's boxes) or class-agnostic.")
    ] = "class-aware",
    shares: Annotated[str, typer.Option(help="Shares of the pictures to learn from; 1: no learning curves.")] = "",
    minutes: Annotated[float, typer.Option(help="Training of each network at the most; 0: no limit.")] = 0.0,
    usd: Annotated[float, typer.Option(help="The same in US dollars; 0: no limit.")] = 0.0,
    price: Annotated[str, typer.Option(help="Entry of the price list; its first by default.")] = "",
    epochs: Annotated[int | None, typer.Option(help="In place of the preset's.")] = None,
    seed: Annotated[int, typer.Option(help="Of everything that chance decides.")] = 0,
    device: Annotated[str | None, typer.Option(help="cpu, cuda, cuda:1 …; the best one by default.")] = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Train, judge and measure a classifier, a detector and the two in turn on the same pictures, and say who wins.

    The same command goes on with a duel that was stopped; so does --out alone.
    """
    from vision_core.duel.fight import fight
    from vision_core.duel.folder import DUEL, DuelFolder
    from vision_core.duel.plan import CLASSIFIER, DETECTOR, KINDS, SHARES, DuelPlan
    from vision_core.training.prepare import check_data

    if data:
        plan = DuelPlan(
            data=str(Path(data).resolve()) if Path(data).exists() else data,
            classifier=_model(classifier) or CLASSIFIER,
            detector=_model(detector) or DETECTOR,
            contenders=_contenders(contenders) or KINDS,
            first_stage=first_stage,
            preset=preset,
            question=question,
            shares=_shares(shares) or SHARES,
            minutes=minutes,
            usd=usd,
            price=price,
            epochs=epochs,
            seed=seed,
            device=device,
        )
        if not (out / DUEL).is_file():
            check_data(plan.data)
        folder = DuelFolder.create(out.resolve(), plan)
    else:
        changed = any((classifier, detector, contenders, shares, price, device, minutes, usd, seed, epochs is not None))
        if changed or (preset, question, first_stage) != ("instant", "presence", "class-aware"):
            raise SettingsError("--out alone goes on with a duel as it was asked: give --data too, or no other option.")
        if not (out / DUEL).is_file():
            raise SettingsError(f"--out {str(out)!r} holds no duel to go on with: give --data to begin one.")
        folder = DuelFolder.open(out.resolve())
    result = fight(folder, None if quiet else _Teller())
    if result["state"] != "finished":
        print(
            f"Cancelled. Go on with: python -m vision_core duel --out {shlex.quote(str(out))}",
            file=sys.stderr,
        )
        raise typer.Exit(INTERRUPTED)
    if as_json:
        print_json(result)
    else:
        _print(result)


@app.command()
def duels(as_json: Json = False) -> None:
    """List the duels of the workspace, newest first."""
    from vision_core.duel.folder import list_duels

    rows = [_row(one) for one in list_duels()]
    if as_json:
        print_json(rows)
        return
    for row in rows:
        print(f"{row['state']:12} {row['name'][:40]:40} {row['out']}")
        if row["verdict"] or row["error"]:
            print(f"{'':12} {row['verdict'] or row['error']}")


def _row(duel: DuelFolder) -> dict[str, Any]:
    """What the list says of one; of one that cannot be read, why."""
    from vision_core.duel.jobs import duel_status

    status = duel_status(duel)
    row = {"name": duel.name, "state": status["state"], "made_at": duel.made_at, "out": str(duel.path)}
    told = {"question": "", "data": "", "verdict": ""}
    try:
        plan, verdict = duel.plan(), duel.result().get("verdict", {})
        told = {"question": plan.question, "data": plan.data, "verdict": str(verdict.get("sentence", ""))}
    except VisionError as error:
        return {**row, **told, "state": "failed", "error": str(error)}
    return {**row, **told, "error": str(status["error"])}


def cancel_duel(folder: Path, as_json: bool) -> None:
    """What `cancel` does of a duel's folder."""
    from vision_core.duel import jobs
    from vision_core.duel.folder import DuelFolder

    duel = DuelFolder.open(folder)
    jobs.cancel_duel(duel)
    state = str(jobs.duel_status(duel)["state"])
    if as_json:
        print_json({"duel": str(duel.path), "state": state})
    else:
        print("Cancelled." if state == "cancelled" else "It stops after its present step.")


def _model(name: str) -> str:
    """A run's whole path, so that the same duel is known again from any folder; a model's name as it is."""
    from vision_core.runs import is_run

    return str(Path(name).resolve()) if name and is_run(name) else name


def _contenders(text: str) -> tuple[str, ...]:
    from vision_core.duel.plan import KINDS

    names = tuple(word.strip() for word in text.split(",") if word.strip())
    for name in names:
        if name not in KINDS:
            raise SettingsError(f"--contenders {name!r} is none; name two or all of {', '.join(KINDS)}.")
    return names


def _shares(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(word) for word in text.split(",") if word.strip())
    except ValueError:
        raise SettingsError(f"--shares {text!r} is not a list of shares such as 0.25,0.5,1.") from None


class _Teller:
    """Progress on standard error: a line a part and stage; where somebody watches, how much of it is done."""

    def __init__(self) -> None:
        self.watched = sys.stderr.isatty()
        self.said = ""

    def __call__(self, status: Mapping[str, Any]) -> None:
        if status.get("state") != "running":
            return
        line = ": ".join(filter(None, (str(status.get("title", "")), str(status.get("stage", "")))))
        if self.watched:
            done = f", {status['done']} of {status['total']}" if status.get("total") else ""
            print(f"\r\x1b[K{line}{done}", end="", file=sys.stderr, flush=True)
        elif line != self.said:
            print(line, file=sys.stderr, flush=True)
        self.said = line


def _print(result: Mapping[str, Any]) -> None:
    from vision_core.duel.charts import in_words
    from vision_core.duel.plan import FIGURE_OF
    from vision_core.evaluation.yardstick import QUESTIONS

    every = result["contenders"]
    print(result["verdict"]["sentence"] + "\n")
    print(" " * 16 + "".join(f"{one['title']:>30}" for one in every))
    for question, names in QUESTIONS.items():
        print(question)
        for name in names:
            print(f"  {name:14}" + "".join(f"{_cell(one, name):>30}" for one in every))
    print("Costs")
    for name, title in (("latency_ms_p50", "latency, ms"), ("usd_per_million", "USD a million")):
        values = [one["costs"].get(name) for one in every]
        print(f"  {title:14}" + "".join(f"{'-' if value is None else f'{value:.2f}':>30}" for value in values))
    hours = [(one["labels"] or {}).get("hours") for one in every]
    print(f"  {'labelling, h':14}" + "".join(f"{'-' if value is None else f'{value:.2f}':>30}" for value in hours))
    print("\n".join(in_words(result, FIGURE_OF[result["question"]])))
    for note in result["notes"] + result["ground_notes"]:
        print(f"Note: {note}")


def _cell(one: Mapping[str, Any], name: str) -> str:
    value, ends = one["figures"][name], one["intervals"].get(name)
    said = "cannot say" if value is None else f"{value:.3f}"
    return said + (f" ({ends[0]:.3f} to {ends[1]:.3f})" if ends else "")
