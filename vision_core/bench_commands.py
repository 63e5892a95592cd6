"""The command line's `bench`: what models cost on this machine; thin, and part of the contract.

As in `__main__`: JSON on standard output with `--json`, progress on standard error, heavy imports inside the command.
The measuring is done by a process of its own, so that this one disturbs nothing.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vision_core.errors import SettingsError, VisionError

if TYPE_CHECKING:
    from vision_core.costs.bench_store import BenchFolder

app = typer.Typer()

_POLL_S = 0.2
_PATIENCE_S = 10.0
_LONG = ("layers", "roof", "samples_ms")


@app.command()
def bench(
    models: Annotated[list[str], typer.Argument(metavar="M_OR_RUN…", help="Models, runs, 'DETECTOR>CLASSIFIER'.")],
    batch_sizes: Annotated[str, typer.Option(help="Pictures run together, e.g. 1,8.")] = "1",
    input_sizes: Annotated[str, typer.Option(help="Edges of the networks' inputs in pixels; their own.")] = "",
    precisions: Annotated[str, typer.Option(help="fp32, bf16, int8 (dynamic).")] = "fp32",
    threads: Annotated[str, typer.Option(help="CPU threads, e.g. 1,2; PyTorch's choice.")] = "",
    device: Annotated[str, typer.Option("--device", "--devices", help="cpu, cuda …; the best one by default.")] = "",
    engines: Annotated[str, typer.Option(help="eager, compile, onnxruntime.")] = "eager",
    seconds: Annotated[float, typer.Option(help="How long each combination is timed.")] = 2.0,
    price: Annotated[str, typer.Option(help="Entry of the price list; its first by default.")] = "",
    region: Annotated[str, typer.Option(help="Whose electricity, for grams of CO2: FRA, USA-CA, SE3 …")] = "",
    watts: Annotated[float, typer.Option(help="What the machine is assumed to draw without a counter.")] = 0.0,
    fps: Annotated[float, typer.Option(help="Also play a stream of so many frames a second.")] = 0.0,
    crops: Annotated[int, typer.Option(help="Objects a pipeline's classifier looks at; what is found.")] = 0,
    download: Annotated[bool, typer.Option("--download", help="Fetch weights that are not on disk.")] = False,
    save: Annotated[bool, typer.Option("--save", help="Keep it in the workspace, for the Costs page.")] = False,
    name: Annotated[str, typer.Option(help="What to call it there.")] = "",
    details: Annotated[bool, typer.Option("--details", help="Also every latency, and the layers.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One line of JSON: a list.")] = False,
) -> None:
    """Measure latency, memory, arithmetic, energy and money of models, each combination of the conditions in turn."""
    from vision_core.costs.bench import BenchPlan
    from vision_core.costs.bench_store import start_bench

    plan = BenchPlan(
        models=tuple(models),
        batch_sizes=_wholes("--batch-sizes", batch_sizes),
        input_sizes_px=_wholes("--input-sizes", input_sizes),
        precisions=_words(precisions),
        threads=_wholes("--threads", threads),
        devices=_words(device) or ("",),
        engines=_words(engines),
        seconds=seconds,
        region=region,
        price=price,
        watts=watts,
        target_fps=fps,
        download=download,
        crops=crops,
    )
    _check_devices(plan.devices)
    scratch = None if save else Path(tempfile.mkdtemp(prefix="whatwhere-bench-"))
    try:
        found = start_bench(plan, name, scratch)
        rows = _wait(found)
    finally:
        if scratch:
            shutil.rmtree(scratch, ignore_errors=True)
    shown = rows if details else [{key: row[key] for key in row if key not in _LONG} for row in rows]
    if as_json:
        print(json.dumps(shown, allow_nan=False), flush=True)
    else:
        _print_rows(shown)


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _wholes(option: str, text: str) -> tuple[int, ...]:
    try:
        return tuple(int(word) for word in _words(text))
    except ValueError:
        raise SettingsError(f"{option} {text!r} is not a list of whole numbers such as 1,8.") from None


def _check_devices(devices: tuple[str, ...]) -> None:
    """Raises a SettingsError for a device that is not here; torch is loaded only to look for unusual ones."""
    if any(device not in ("", "cpu") for device in devices):
        from vision_core.predict import choose_device

        for device in devices:
            choose_device(device or None)


def _wait(found: BenchFolder) -> list[dict[str, Any]]:
    """Its rows once it has ended; tells on standard error how far it is. Ctrl-C stops it.

    Raises:
        VisionError: it failed or was stopped.
    """
    teller = _Teller()
    try:
        while found.is_active:
            teller.tell(found.status())
            time.sleep(_POLL_S)
    except KeyboardInterrupt:
        teller.clear()
        found.cancel()
        until = time.monotonic() + _PATIENCE_S
        while found.is_active and time.monotonic() < until:
            time.sleep(_POLL_S)
        raise
    teller.clear()
    status = found.status()
    if status["state"] != "finished":
        raise VisionError(status["error"] or f"The benchmark was {status['state']} after {status['done']} rows.")
    return found.rows()


class _Teller:
    """One line on standard error that is rewritten; where nobody watches, a line for each combination."""

    def __init__(self) -> None:
        self.watched = sys.stderr.isatty()
        self.line = ""

    def tell(self, status: dict[str, Any]) -> None:
        line = f"{status['cell']}: {status['stage']}".strip(": ")
        if status["total"]:
            line = f"{status['done'] + 1} of {status['total']}: {line}" if status["cell"] else line
        if not self.watched:
            line = line.partition(f": {status['stage']}")[0] if status["cell"] else ""
        elif status["seconds_left"] is not None:
            line += f", {status['seconds_left']:.0f} s left"
        if line and line != self.line:
            start, end = ("\r", "") if self.watched else ("", "\n")
            print(start + line.ljust(len(self.line) if self.watched else 0), end=end, file=sys.stderr, flush=True)
            self.line = line

    def clear(self) -> None:
        if self.watched and self.line:
            print("\r" + " " * len(self.line) + "\r", end="", file=sys.stderr, flush=True)
            self.line = ""


def _print_rows(rows: list[dict[str, Any]]) -> None:
    from vision_core.costs.bench import short_name

    print(
        f"{'model':36} {'engine':12} {'prec':5} {'px':>9} {'batch':>5} {'p50 ms':>9} {'p95 ms':>9} {'img/s':>8} ",
        end="",
    )
    print(f"{'memory MB':>9} {'Wh/1000':>8} {'$/million':>9}")
    for row in rows:
        name = short_name(row["model"])
        size = "x".join(str(edge) for edge in row["input_size_px"])
        print(f"{name[:36]:36} {row['engine']:12} {row['precision']:5} {size:>9} {row['batch_size']:5d} ", end="")
        if row["error"]:
            print(row["error"])
            continue
        memory = None if row["peak_memory_bytes"] is None else row["peak_memory_bytes"] / 1e6
        numbers = [(row["latency_ms_p50"], 9, 1), (row["latency_ms_p95"], 9, 1), (row["images_per_second"], 8, 1)]
        numbers += [(memory, 9, 0), (row["energy_wh_per_1k"], 8, 2), (row["usd_per_million"], 9, 2)]
        print(" ".join("-".rjust(width) if it is None else f"{it:{width}.{places}f}" for it, width, places in numbers))
