"""The command line's `report` and `card`: a duel, a run or several runs in one HTML file; a model card; thin.

As in `__main__`: JSON on standard output with `--json`, progress on standard error, heavy imports inside the commands.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vision_core.data_commands import Stages
from vision_core.train_commands import Json, Quiet, open_run, print_json

app = typer.Typer()


@app.command()
def report(
    targets: Annotated[
        list[str], typer.Argument(metavar="RUN_OR_DUEL…", help="A duel, a run, or several runs to set side by side.")
    ],
    out: Annotated[Path, typer.Option("-o", "--out", help="The HTML file; a report that is there is replaced.")],
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Write everything about a duel, a run or several runs into one HTML file that opens anywhere, offline too."""
    paths = [target(text) for text in targets]
    from vision_core.report import write_report

    written = write_report(paths, out, None if quiet else Stages())
    if as_json:
        print_json({"out": str(written), "bytes": written.stat().st_size, "of": [str(path) for path in paths]})
    else:
        print(f"{written}, {written.stat().st_size / 1e6:.1f} MB")


@app.command()
def card(
    run: Annotated[str, typer.Argument(metavar="RUN_OR_MODEL", help="A run's folder, id or name, or a model's name.")],
    out: Annotated[Path | None, typer.Option("-o", "--out", help="The file; by default standard output.")] = None,
    as_json: Json = False,
) -> None:
    """Write a model card, in the format that model hubs read."""
    from vision_core.model_card import model_card, write_card
    from vision_core.models.catalogue import list_models

    name = run if run in {spec.name for spec in list_models()} else str(open_run(run).path)
    if out is None:
        text = model_card(name)
        if as_json:
            print_json({"card": text})
        else:
            print(text, end="")
        return
    written = write_card(name, out)
    if as_json:
        print_json({"out": str(written), "of": name})
    else:
        print(written)


def target(text: str) -> Path:
    """The folder of a duel (or its name in the workspace) or of a run (or its id or name there).

    Raises:
        DataError: there is neither.
    """
    from vision_core.duel.folder import DUEL, duels_folder

    if (Path(text) / DUEL).is_file():
        return Path(text)
    inside = duels_folder() / text
    if inside.parent == duels_folder() and (inside / DUEL).is_file():
        return inside
    return open_run(text).path
