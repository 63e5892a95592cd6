"""Evaluated runs as evidence: those of one data set on the pictures that they have in common, and what they cost.

found = evaluated()                 # where there is no duel: of the data set with the most evaluated runs
beside(candidates_of_a_duel, data)  # runs outside a duel that were judged on its very pictures

Evaluations and measurements are read, none is made here.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from vision_core.advice.evidence import Candidate, Evidence, Figure, Source, Taught, licences_of
from vision_core.advice.traded import Traded
from vision_core.costs.bench_store import costs_of_run
from vision_core.costs.quality import OnTheYardstick, kept_evaluation, kept_threshold, on_the_yardstick
from vision_core.errors import DataError, VisionError
from vision_core.evaluation.ground import columns_of, common_ground
from vision_core.evaluation.records import Results
from vision_core.evaluation.store import Evaluation, list_evaluations
from vision_core.run_folder import STATUS, RunFolder, list_run_folders

SAMPLES = 300
MOST = 8
"""Runs that are set side by side: the newest."""
OF_A_DUEL = "duel-"
"""What the `parent` of a duel's runs begins with: most of them learned from a share of the labels."""


def evaluated(left_out: Sequence[str] = ()) -> Evidence:
    """The data set of which most runs were evaluated, and those runs; empty where there is none.

    Args:
        left_out: sentences on what else was measured.
    """
    from vision_core.model_card import data_title

    groups: dict[str, list[Evaluation]] = {}
    for one in _evaluations():
        groups.setdefault(one.data, []).append(one)
    if not groups:
        return Evidence(left_out=tuple(left_out))
    data = max(groups, key=lambda name: len(groups[name]))
    mine = groups.pop(data)[:MOST]
    stand = on_the_yardstick([str(one.run.path) for one in mine], SAMPLES)
    found = _candidates([one for one in mine if str(one.run.path) in stand.of], stand)
    apart = [
        f"{len(runs)} evaluated run{'s' * (len(runs) != 1)} on “{data_title(name)}”." for name, runs in groups.items()
    ]
    alone = [f"{RunFolder(Path(run)).record().name}: {why}" for run, why in stand.missing.items()]
    return Evidence(
        candidates=found,
        about=f"Measured on “{data_title(data)}”, {stand.pictures} held-out pictures that these runs have in common.",
        data=data,
        objects_per_picture=_objects(found),
        left_out=(*left_out, *apart, *alone),
        notes=tuple(stand.flattered.values()),
    )


def beside(contenders: Sequence[Candidate], data: str) -> tuple[tuple[Candidate, ...], tuple[str, ...]]:
    """Runs outside a duel that were judged on its very pictures and classes; their thresholds are their own.

    Returns:
        Them, and a sentence on each run of the data set that was judged on others.
    """
    anchor = next((one.runs[0] for one in contenders if one.runs and one.kind != "two-stage"), None)
    taken = {Path(run).resolve() for one in contenders for run in one.runs}
    judged = kept_evaluation(anchor) if anchor is not None else None
    if anchor is None or judged is None:
        return (), ()
    others = [one for one in _evaluations() if one.data == data and one.run.path.resolve() not in taken]
    own = [one for one in others if _covers(one.results, judged.results)]
    apart = tuple(
        f"The run “{one.name}”: it was judged on other pictures or classes." for one in others if one not in own
    )
    own, older = own[:MOST], own[MOST:]
    apart += (f"{len(older)} older runs on the same pictures.",) if older else ()
    if not own:
        return (), apart
    stand = on_the_yardstick([anchor, *(str(one.run.path) for one in own)], SAMPLES)
    if anchor not in stand.of or stand.pictures != contenders[0].judged_on:
        return (), (*apart, *(f"The run “{one.name}”: it has no picture in common with the duel." for one in own))
    return _candidates([one for one in own if str(one.run.path) in stand.of], stand, Path(anchor)), apart


def _covers(results: Results, judged: Results) -> bool:
    """Whether a run was asked about all of those pictures and can name all of those classes."""
    names_all = all(columns_of(results.class_names, name) for name in judged.class_names)
    return names_all and set(judged.pictures) <= set(results.pictures)


def _candidates(mine: Sequence[Evaluation], stand: OnTheYardstick, anchor: Path | None = None) -> tuple[Candidate, ...]:
    """Each with its misses and false alarms, on the pictures that all of them and the anchor have in common."""
    beside = [kept.results] if anchor and (kept := kept_evaluation(str(anchor))) is not None else []
    try:
        ground = common_ground([*beside, *(one.results for one in mine)])
    except DataError:
        return tuple(_candidate(one, stand, None) for one in mine)
    if len(ground) != stand.pictures:
        return tuple(_candidate(one, stand, None) for one in mine)
    return tuple(_candidate(one, stand, Traded.of(one.results, _validation(one), ground)) for one in mine)


def _validation(of: Evaluation) -> Results | None:
    """What the run said of pictures that a threshold may be chosen on; None where nobody kept it."""
    if of.split != "test":
        return None
    return next((one.results for one in list_evaluations(of.run.path) if one.is_own and one.split == "val"), None)


def _evaluations() -> list[Evaluation]:
    """Of runs by themselves, on held-out pictures, newest first."""
    found = []
    for run in list_run_folders():
        with suppress(VisionError, OSError):
            config = run.read("config.json")
            if str(config.get("parent", "")).startswith(OF_A_DUEL) or config.get("labels_from") in ("crops", "objects"):
                continue
            kept = kept_evaluation(str(run.path))
            if kept is not None and kept.split in ("test", "val"):
                found.append(kept)
    return found


def _candidate(of: Evaluation, stand: OnTheYardstick, made: Traded | None) -> Candidate:
    run = of.run
    path = str(run.path)
    row, status, about = _row(run), run.read(STATUS), Source("run", path)
    return Candidate(
        name=path,
        title=of.name,
        kind=of.task,
        model=path,
        networks=(of.model,),
        runs=(path,),
        preset=str(run.read("config.json").get("preset", "")),
        figures={name: Figure(one.value, one.low, one.high) for name, one in stand.of[path].items()},
        latency_ms=row.get("latency_ms_p50"),
        latency_ms_p95=row.get("latency_ms_p95"),
        images_per_second=row.get("images_per_second"),
        device=str(row.get("device_name") or row.get("device") or ""),
        training_s=float(status["seconds"]) if status.get("seconds") else None,
        taught=_taught(run),
        traded=made,
        threshold=kept_threshold(of),
        judged_on=stand.pictures,
        licences=licences_of((of.model,)),
        sources={"figures": about, "costs": about, "labels": about},
    )


def _row(run: RunFolder) -> dict[str, Any]:
    """What was measured last of it, one picture at a time, and as it was evaluated: in PyTorch, with full precision."""
    with suppress(VisionError, OSError):
        rows = [one for one in costs_of_run(run.path) if not one.get("error") and one.get("batch_size") == 1]
        exact = [one for one in rows if one.get("precision") in ("fp32", None) and one.get("engine") in ("eager", None)]
        return max(exact or rows, key=lambda one: str(one.get("measured_at") or ""), default={})
    return {}


def _taught(run: RunFolder) -> Taught | None:
    from vision_core.duel.costs import learned

    with suppress(VisionError, OSError, KeyError, ValueError):
        said = learned(run)
        return Taught(said.pictures, said.marks, said.hours, said.pace)
    return None


def _objects(candidates: Sequence[Candidate]) -> float | None:
    taught = next((one.taught for one in candidates if one.kind == "detection" and one.taught), None)
    return taught.marks / taught.pictures if taught and taught.pictures else None


def with_those_beside(found: Evidence) -> Evidence:
    """A duel's evidence, and the runs outside it that were judged on the same pictures."""
    with suppress(VisionError, OSError):
        more, apart = beside(found.candidates, found.data)
        return replace(found, candidates=(*found.candidates, *more), left_out=(*found.left_out, *apart))
    return found
