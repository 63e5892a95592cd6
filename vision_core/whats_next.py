"""What is going on in the workspace, and what its owner could do next.

state = look_around()
state.at_work                   # runs, duels and measurements that are going on
next_step(state).sentence
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from vision_core.data.library import SHELF, Dataset, list_datasets
from vision_core.duel.examples import EXAMPLE
from vision_core.duel.folder import DuelFolder, list_duels
from vision_core.errors import VisionError
from vision_core.run_folder import list_run_folders

ENDED_BADLY = ("failed", "interrupted", "cancelled")


@dataclass(frozen=True)
class AtWork:
    """Something that is going on.

    Attributes:
        kind: "run", "duel" or "measurement"; name: what its owner calls it.
        page, address: where it can be watched.
    """

    kind: str
    name: str
    page: str
    address: Mapping[str, str]


@dataclass(frozen=True)
class WorkspaceState:
    """What a workspace holds.

    Attributes:
        own_data: names by id of data sets that its owner brought in, the newest last; Fashion Shelf is none.
        runs, examples: how many runs are its owner's, and how many came with the project.
        duels: by folder name, with their states, the newest first; without the one that came with the project.
    """

    own_data: Mapping[str, str] = field(default_factory=dict)
    runs: int = 0
    examples: int = 0
    duels: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    has_example_duel: bool = False
    at_work: tuple[AtWork, ...] = ()


@dataclass(frozen=True)
class NextStep:
    """A proposal.

    Attributes:
        sentence: why; label: of the button that leads there; page, address: where it leads.
    """

    sentence: str
    label: str
    page: str
    address: Mapping[str, str] = field(default_factory=dict)


def look_around() -> WorkspaceState:
    """The workspace as it is now; what cannot be read is left out."""
    records = []
    for run in list_run_folders():
        with suppress(VisionError, OSError):
            records.append(run.record())
    duels = list_duels()
    mine = [duel for duel in duels if duel.path.name != EXAMPLE.name]
    work = [AtWork("run", one.name, "pages/3_Train.py", {"run": one.id}) for one in records if one.is_active]
    return WorkspaceState(
        own_data={one.id: one.name for one in _by_age() if one.source != SHELF and one.name != SHELF},
        runs=sum(not one.config.get("example") for one in records),
        examples=sum(bool(one.config.get("example")) for one in records),
        duels={duel.path.name: (_name(duel), _state(duel)) for duel in mine},
        has_example_duel=len(mine) < len(duels),
        at_work=(*_duels_at_work(duels), *work, *_measurements()),
    )


def next_step(state: WorkspaceState) -> NextStep:
    """The one thing that is worth doing next."""
    if state.at_work:
        first = state.at_work[0]
        others = len(state.at_work) - 1
        more = f", and {others} more" if others else ""
        return NextStep(f"The {first.kind} “{first.name}” is going on{more}.", "Watch it", first.page, first.address)
    for folder, (name, how) in state.duels.items():
        if how in ENDED_BADLY:
            said = {"failed": "failed", "interrupted": "was interrupted", "cancelled": "was stopped"}[how]
            sentence = f"The duel “{name}” {said}; what it has done is kept."
            return NextStep(sentence, "See why, and go on", "pages/6_Decide.py", {"duel": folder})
        if how == "finished":
            return NextStep(
                f"The duel “{name}” has an answer.",
                "Read it, and ask the advisor",
                "pages/6_Decide.py",
                {"duel": folder},
            )
    if state.own_data:
        id, name = list(state.own_data.items())[-1]
        return NextStep(
            f"“{name}” is here and nobody has asked yet which task it needs.",
            "Start a duel on it",
            "pages/6_Decide.py",
            {"show": "New duel", "data": id},
        )
    return NextStep(
        "No pictures of your own are here yet. A zip in any usual format will do; until then Fashion Shelf stands in.",
        "Bring your pictures",
        "pages/2_Data.py",
    )


def _by_age() -> list[Dataset]:
    """Data sets, the one that was brought in last at the end."""
    return sorted(list_datasets(), key=lambda one: one.versions[0].made_at)


def _duels_at_work(duels: list[DuelFolder]) -> list[AtWork]:
    active = [duel for duel in duels if _state(duel) in ("queued", "running")]
    return [AtWork("duel", _name(duel), "pages/6_Decide.py", {"duel": duel.path.name}) for duel in active]


def _measurements() -> list[AtWork]:
    from vision_core.costs.bench_store import list_benches

    found = []
    for bench in list_benches():
        with suppress(VisionError, OSError):
            if bench.is_active:
                address = {"show": "Results", "bench": bench.id}
                found.append(AtWork("measurement", bench.name, "pages/5_Costs.py", address))
    return found


def _name(duel: DuelFolder) -> str:
    with suppress(VisionError):
        return duel.name
    return duel.path.name


def _state(duel: DuelFolder) -> str:
    from vision_core.duel.jobs import duel_status

    return str(duel_status(duel)["state"])
