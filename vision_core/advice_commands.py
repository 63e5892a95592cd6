"""The command line's `advise`: which task, which model, which preset, with the numbers behind it; thin.

As in `__main__`: JSON on standard output with `--json`, heavy imports inside the command.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vision_core.train_commands import Json, print_json

if TYPE_CHECKING:
    from vision_core.advice import Advice

app = typer.Typer()


@app.command()
def advise(
    duel: Annotated[
        Path | None, typer.Option(help="A finished duel's folder; the newest, else evaluated runs, by default.")
    ] = None,
    ask: Annotated[list[str] | None, typer.Option(help="presence, count, where or kind; repeat for several.")] = None,
    least_right: Annotated[float | None, typer.Option(help="Least share of right answers, 0 to 1.")] = None,
    most_miscounted: Annotated[
        float | None, typer.Option(help="Most objects counted wrong a class and picture.")
    ] = None,
    miss_cost: Annotated[float | None, typer.Option(help="How many false alarms a miss is as bad as.")] = None,
    false_alarm_usd: Annotated[float | None, typer.Option(help="What a false alarm costs, US dollars.")] = None,
    latency_ms: Annotated[float | None, typer.Option(help="Most that a picture may take.")] = None,
    frames_per_second: Annotated[float | None, typer.Option(help="Pictures a second to keep up with.")] = None,
    hardware: Annotated[str, typer.Option(help="An entry of the price list, or edge; this machine by default.")] = "",
    pictures_a_day: Annotated[float, typer.Option(help="How many pictures.")] = 1000.0,
    years: Annotated[float, typer.Option(help="For how long.")] = 1.0,
    labelled: Annotated[int | None, typer.Option(help="Pictures labelled now; those measured with by default.")] = None,
    labelled_as: Annotated[str, typer.Option(help="What they carry: ticks or boxes.")] = "boxes",
    more_pictures: Annotated[int, typer.Option(help="How many more could be labelled.")] = 0,
    more_hours: Annotated[float, typer.Option(help="Or in how many hours.")] = 0.0,
    wage_per_hour: Annotated[float, typer.Option(help="Of who labels, US dollars.")] = 20.0,
    deadline_days: Annotated[float | None, typer.Option(help="Until it has to work.")] = None,
    no_copyleft: Annotated[bool, typer.Option("--no-copyleft", help="No copyleft licences.")] = False,
    no_non_commercial: Annotated[bool, typer.Option("--no-non-commercial", help="Licences for all uses.")] = False,
    objects: Annotated[str, typer.Option(help="In a picture: one, few or many.")] = "",
    small: Annotated[bool, typer.Option("--small", help="They are small in it.")] = False,
    rules: Annotated[bool, typer.Option("--rules", help="Show all rules instead, with their sources.")] = False,
    as_json: Json = False,
) -> None:
    """Say which task, then which model and preset: from what was measured, else from published guidance."""
    asked = {name: value for name, value in locals().items() if name not in ("duel", "ask", "rules", "as_json")}
    from vision_core.advice import Needs, advise
    from vision_core.advice.evidence import evidence
    from vision_core.duel.folder import DuelFolder
    from vision_core.errors import SettingsError

    if rules:
        _show_rules(as_json)
        return
    needs = Needs(ask=tuple(ask or ("presence",)), **asked)
    folder = DuelFolder.open(duel) if duel is not None else None
    if folder is not None and not folder.result():
        raise SettingsError(
            f"--duel {str(duel)!r} has no result yet: finish it with `duel --out`, or leave --duel out."
        )
    found = advise(needs, evidence(folder))
    if as_json:
        print_json(found.to_json())
    else:
        _print(found)


def _show_rules(as_json: bool) -> None:
    from vision_core.advice.rules import RULES

    rows: list[dict[str, Any]] = [
        {"rule": rule.name, "when": rule.when, "effect": rule.effect, "does": rule.does, "source": rule.source}
        for rule in RULES
    ]
    if as_json:
        print_json(rows)
        return
    for row in rows:
        print(f"{row['rule']}: if {row['when']}, it {row['does']}.\n    {row['source']}")


def _print(found: Advice) -> None:
    print("\n".join(found.sentences))
    if found.preset:
        print(f"Preset: {found.preset}. Model: {' > '.join(found.networks)} ({found.model}).")
    for place, one in enumerate(found.shortlist, 1):
        print(f"\n{place}. {one.title}")
        for fired in one.fired:
            print(f"   {fired.sentence}")
        for number in one.numbers:
            print(f"   {number.said} [{number.how}, {number.source.of} {number.source.where}]")
        if one.gives_up:
            print(f"   Gives up: {'; '.join(one.gives_up)}.")
    for title, lines in (
        ("What else the rules say", [one.sentence for one in found.fired]),
        ("What would change this", [one.sentence for one in found.changes]),
    ):
        if lines:
            print(f"\n{title}")
            print("\n".join(f"- {line}" for line in lines))
    if found.experiment is not None:
        print(f"\nThe cheapest experiment: {found.experiment.why} {found.experiment.how_long}")
        print(f"  {found.experiment.command}")
    print()
    for note in found.notes:
        print(f"Note: {note}")
