"""What was measured, and where each number comes from: the contenders of a duel, or evaluated runs of one data set.

found = evidence(duel)             # without a duel the newest that came to an end, else the runs of one data set
found.candidates[0].figures["count_mae"].value, found.candidates[0].sources["figures"]
found.left_out                     # what was measured on other pictures, and is therefore not set beside these

Figures of different pictures are never set side by side: evidence is of one data set, judged in one way.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal

from vision_core.advice.traded import Traded, traded
from vision_core.duel.folder import DuelFolder, list_duels
from vision_core.duel.plan import TITLES
from vision_core.errors import VisionError
from vision_core.evaluation.intervals import ALL_ALIKE, is_apart

Of = Literal["run", "duel", "bench", "catalogue"]
FIGURE_OF: Mapping[str, str] = {
    "presence": "presence_ap",
    "count": "count_mae",
    "where": "pointing",
    "kind": "presence_ap",
}
"""The figure of the common yardstick that decides each question."""
KIND_WITH_PLACES = "ap50"
"""What decides which kind it is where places or counts are asked too: a box, and its name right."""


@dataclass(frozen=True)
class Source:
    """Where a number comes from: a run's folder, a duel's, a bench's id, or the catalogue."""

    of: Of
    where: str


@dataclass(frozen=True)
class Figure:
    """A figure of the yardstick, with the ends of its 95 % interval where there is one."""

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Law:
    """A learning curve's line, `error = a * labels ** -b`, and how sure it is of what `more` labels change.

    Attributes:
        most: labels of the largest training set; low: the lower end of the gain from `more` labels; spread: half of its
            interval.
    """

    a: float
    b: float
    most: float
    more: float
    gain: float
    spread: float
    low: float

    def error(self, labels: float) -> float:
        """The error to be expected with so many labels."""
        return self.a * max(labels, 1.0) ** -self.b


@dataclass(frozen=True)
class Taught:
    """What a candidate learned from: pictures, the ticks or boxes in them, hours that they take, at whose pace."""

    pictures: int
    marks: int
    hours: float | None
    pace: str


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """Something that could be chosen.

    Attributes:
        name: unique within the evidence; title: for people.
        kind: classification, detection or two-stage.
        model: as `bench` and `duel` take it; networks: catalogue names; runs: folders.
        preset: it was trained with.
        figures: of the yardstick.
        latency_ms, latency_ms_p95, images_per_second: measured for one picture at a time on `device`.
        training_s: of all its networks; taught: None where nobody knows, or nothing was trained.
        laws: learning curves by figure; traded: misses against false alarms, where raw answers are kept.
        by_class: precision, recall and number of pictures at `threshold`.
        judged_on: pictures that the figures are of.
        licences: of the networks' code and weights.
        sources: of its `figures`, `costs` and `labels`.
    """

    name: str
    title: str
    kind: str
    model: str
    networks: tuple[str, ...]
    runs: tuple[str, ...] = ()
    preset: str = ""
    figures: Mapping[str, Figure] = field(default_factory=dict)
    latency_ms: float | None = None
    latency_ms_p95: float | None = None
    images_per_second: float | None = None
    device: str = ""
    training_s: float | None = None
    taught: Taught | None = None
    laws: Mapping[str, Law] = field(default_factory=dict)
    traded: Traded | None = None
    by_class: Mapping[str, Sequence[float | None]] = field(default_factory=dict)
    threshold: float | None = None
    judged_on: int = 0
    licences: tuple[str, ...] = ()
    sources: Mapping[str, Source] = field(default_factory=dict)


@dataclass(frozen=True)
class Gap:
    """How much higher one candidate's figure is than another's, on the same drawn pictures; ends None: unknown."""

    value: float
    low: float | None
    high: float | None
    certain: bool = False

    @property
    def is_apart(self) -> bool:
        """Whether it leaves zero out."""
        return is_apart(self.value, self.low, self.high, ALL_ALIKE if self.certain else "")


@dataclass(frozen=True)
class Evidence:
    """What was measured on one data set.

    Attributes:
        candidates: all that was judged on the same pictures; none: nothing was measured.
        about: a sentence that says on what.
        data: the data set, as `duel` takes it; duel: the duel's folder, "" without one.
        gaps: by two candidates' names, then by figure.
        objects_per_picture: boxes a picture on average; None where nobody drew any.
        left_out: sentences on what was measured on other pictures.
        plan: the duel's.
        notes: what the duel says of its own limits.
    """

    candidates: tuple[Candidate, ...] = ()
    about: str = "Nothing has been measured yet."
    data: str = ""
    duel: str = ""
    gaps: Mapping[tuple[str, str], Mapping[str, Gap]] = field(default_factory=dict)
    objects_per_picture: float | None = None
    left_out: tuple[str, ...] = ()
    plan: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def evidence(duel: DuelFolder | None = None) -> Evidence:
    """What the advisor may go by: that duel, else the newest that is finished, else evaluated runs.

    Raises:
        DataError: the duel that was named cannot be read.
    """
    from vision_core.advice.evaluated import evaluated, with_those_beside

    ended = [one for one in list_duels() if _result(one)]
    chosen = duel if duel is not None else next(iter(ended), None)
    if chosen is None or not chosen.result():
        return evaluated(tuple(f"The duel on {_data(one)} ({one.path.name})." for one in ended))
    others = [one for one in ended if one.path.resolve() != chosen.path.resolve()]
    return with_those_beside(of_duel(chosen, tuple(f"The duel on {_data(one)} ({one.path.name})." for one in others)))


def of_duel(duel: DuelFolder, left_out: Sequence[str] = ()) -> Evidence:
    """The evidence of one finished duel.

    Raises:
        DataError: its result cannot be read.
    """
    result = duel.result()
    made = traded(duel, result["contenders"])
    bench = str(duel.files.read("costs.json").get("bench", ""))
    found = tuple(_contender(one, result, made.get(one["task"]), duel, bench) for one in result["contenders"])
    boxes = next((one.taught for one in found if one.kind != "classification" and one.taught), None)
    return Evidence(
        candidates=found,
        about=f"Measured in the duel on {_data(duel)}, {result['pictures']} held-out pictures.",
        data=str(result.get("data") or duel.data()),
        duel=str(duel.path),
        gaps={(gap["one"], gap["other"]): _gaps(gap["figures"]) for gap in result["gaps"]},
        objects_per_picture=boxes.marks / boxes.pictures if boxes and boxes.pictures else None,
        left_out=tuple(left_out),
        plan=result.get("plan", {}),
        notes=tuple(result.get("notes", ())),
    )


def licences_of(networks: Sequence[str]) -> tuple[str, ...]:
    """Licences of the code and weights of catalogue networks; "" for one that the catalogue does not know."""
    from vision_core.models.catalogue import get_spec

    found: dict[str, None] = {}
    for name in networks:
        try:
            spec = get_spec(name)
        except VisionError:
            found[""] = None
            continue
        found |= dict.fromkeys((spec.code_licence, spec.weights_licence))
    return tuple(found)


def _contender(
    one: Mapping[str, Any], result: Mapping[str, Any], made: Traded | None, duel: DuelFolder, bench: str
) -> Candidate:
    kind, row, runs = one["task"], one.get("costs") or {}, tuple(one["runs"])
    taught = one.get("labels")
    here = Source("duel", str(duel.path))
    judged = Source("run", runs[0]) if len(runs) == 1 else here
    return Candidate(
        name=kind,
        title=TITLES[kind],
        kind=kind,
        model=one["model"],
        networks=tuple(one["networks"]),
        runs=runs,
        preset=str(result.get("plan", {}).get("preset", "")) if runs else "",
        figures=_figures(one["figures"], one["intervals"]),
        latency_ms=row.get("latency_ms_p50"),
        latency_ms_p95=row.get("latency_ms_p95"),
        images_per_second=row.get("images_per_second"),
        device=str(row.get("device_name") or row.get("device") or ""),
        training_s=one.get("training_seconds"),
        taught=_taught(taught) if taught else None,
        laws={name: _law(law) for name, law in result["curves"].get(kind, {}).get("fits", {}).items()},
        traded=made,
        by_class={name: one["by_class"].get(name, ()) for name in ("precision", "recall", "pictures")},
        threshold=one.get("threshold"),
        judged_on=result["pictures"],
        licences=licences_of(one["networks"]),
        sources={"figures": judged, "costs": Source("bench", bench) if bench else here, "labels": here},
    )


def _figures(values: Mapping[str, float | None], ends: Mapping[str, Sequence[float]]) -> dict[str, Figure]:
    return {name: Figure(value, *ends.get(name, (None, None))) for name, value in values.items() if value is not None}


def _taught(values: Mapping[str, Any]) -> Taught:
    return Taught(values["pictures"], values["boxes"] or values["labels"], values["hours"], values["pace"])


def _law(fit: Mapping[str, float]) -> Law:
    return Law(fit["a"], fit["b"], fit["most"], fit["more"], fit["gain"], (fit["high"] - fit["low"]) / 2, fit["low"])


def _gaps(figures: Mapping[str, Mapping[str, Any]]) -> dict[str, Gap]:
    return {
        name: Gap(one["gap"], one["low"], one["high"], one["note"] == ALL_ALIKE)
        for name, one in figures.items()
        if one["gap"] is not None
    }


def _result(duel: DuelFolder) -> bool:
    with suppress(VisionError, OSError, json.JSONDecodeError):
        return bool(duel.result().get("contenders"))
    return False


def _data(duel: DuelFolder) -> str:
    """The data set of a duel as its owner calls it."""
    from vision_core.model_card import data_title

    with suppress(VisionError):
        return f"“{data_title(str(duel.result().get('plan', {}).get('data') or duel.data()))}”"
    return "a data set"
