"""What a report on a duel tells: gathered from its `result.json` and from what its runs keep; nothing is trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from vision_core.costs.prices import Price, load_prices
from vision_core.data.index import DatasetIndex
from vision_core.duel.command import command_line
from vision_core.duel.folder import DuelFolder
from vision_core.duel.money import Rates, ways_of
from vision_core.duel.plan import FIGURE_OF, TITLES, WORDS
from vision_core.errors import DataError, VisionError
from vision_core.evaluation.ground import Ground, common_ground
from vision_core.evaluation.records import ClassificationResults, Results
from vision_core.evaluation.store import Evaluation
from vision_core.model_card import data_title, kept_evaluation
from vision_core.report import chapters, figures, tables
from vision_core.report.galleries import galleries
from vision_core.report.subject import Chart, Contender, Report, Section, Stage
from vision_core.report.wording import duel_decision
from vision_core.run_folder import CONFIG, RunFolder, runs_folder
from vision_core.runs import is_run


def report_on_duel(duel: DuelFolder, tell: Stage) -> Report:
    """Everything about a duel.

    Raises:
        DataError: it has not come to its end.
    """
    result = finished(duel)
    name = FIGURE_OF[result["question"]]
    contenders = [_contender(duel, one, tell) for one in result["contenders"]]
    contenders = _pretrained(duel, contenders, tell)
    ground = _ground(contenders)
    contenders = _pointing(duel, contenders, ground)
    runs = chapters.whole([path for one in contenders for path in one.runs])
    price = _price(result)
    trade = figures.tradeoff(contenders, name)
    total = figures.money(ways_of(result, Rates(price, figures.WAGE_PER_HOUR)), price)
    tell("Choosing pictures", 0, 1)
    shown = galleries(contenders, ground)
    index = _index(duel, contenders)
    named = data_title(duel.data() or str(result.get("data", "")))
    models = [one.model for one in contenders if one.model and not is_run(one.model)]
    return Report(
        kind="duel",
        title=f"What, or what and where? A duel on {named}",
        about=f"“{WORDS[result['question']]}” decided, on {result['pictures']:,} held-out pictures and "
        f"{len(result['classes'])} classes.",
        made_at=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        decision=duel_decision(result),
        good=_good(result, contenders),
        good_charts=tuple(figures.yardstick(contenders)),
        costs=(Section("What each takes", (), (tables.cost_table(contenders),)),),
        cost_charts=_some(trade, total),
        labels=(_labels(result, name),),
        label_charts=tuple(figures.learning(result, name)),
        galleries=shown,
        gallery_note=_gallery_note(contenders),
        data=chapters.data_sections(named, index, tell),
        method=_method(duel, result, contenders, runs),
        licences=chapters.licences(contenders, runs),
        limits=(*result.get("notes", ()), *result.get("ground_notes", ()), *chapters.LIMITS),
        cards=chapters.cards(runs, models, tell),
        verdict=str(result["verdict"]["task"]),
    )


def finished(duel: DuelFolder) -> dict[str, Any]:
    """What came of a duel.

    Raises:
        DataError: it has not come to its end, or its result cannot be read.
    """
    result = duel.result()
    if not result:
        state = duel.files.record().state
        raise DataError(
            f"The duel in '{duel.path}' is not finished ({state}): there is nothing to report on yet. Go on with it: "
            f"python -m vision_core duel --out {duel.path}"
        )
    missing = [name for name in ("verdict", "question", "contenders", "pictures", "classes") if name not in result]
    if missing or result["question"] not in FIGURE_OF or not result["contenders"]:
        raise DataError(f"{duel.path / 'result.json'} is no result of a duel: go on with the duel to write it anew.")
    return result


def _contender(duel: DuelFolder, one: Mapping[str, Any], tell: Stage) -> Contender:
    """A contender with what its runs keep of the held-out pictures, where that is still there."""
    runs = tuple(path for path in map(_there, one.get("runs", ())) if path is not None)
    found = Contender(
        title=str(one["title"]),
        kind=str(one["task"]),
        runs=runs,
        model="" if runs else str(one.get("model", "")),
        figures=one["figures"],
        intervals=one["intervals"],
        unanswered=one["unanswered"],
        costs=one.get("costs") or {},
        labels=one.get("labels"),
        training_seconds=float(one.get("training_seconds") or 0.0),
        threshold=one.get("threshold"),
    )
    try:
        evaluation = kept_evaluation(RunFolder(runs[0]), duel.data()) if runs else None
        results = None if evaluation is None else _results(duel, found, evaluation, tell)
    except VisionError:
        return found
    return found if results is None else replace(found, evaluation=evaluation, results=results)


def _pretrained(duel: DuelFolder, contenders: Sequence[Contender], tell: Stage) -> list[Contender]:
    """The same, with what a detector that was trained elsewhere found in the classifier's pictures."""
    from vision_core.duel.unboxed import detected

    test = next((one.evaluation for one in contenders if one.evaluation is not None), None)
    if test is None:
        return list(contenders)
    found = []
    for one in contenders:
        with suppress(VisionError):
            if one.model and one.kind == "detection":
                one = replace(one, evaluation=test, results=detected(one.model, test, duel.path, tell))
        found.append(one)
    return found


def _there(path: str) -> Path | None:
    """A run's folder, also where the whole workspace was moved."""
    for place in (Path(path), runs_folder() / Path(path).name):
        if is_run(str(place)):
            return place
    return None


def _results(duel: DuelFolder, one: Contender, evaluation: Evaluation, tell: Stage) -> Results | None:
    """What a contender said: as its run keeps it, or as the duel does of the two in turn."""
    if one.kind != "two-stage":
        return evaluation.results
    if len(one.runs) < 2:
        return None
    from vision_core.duel.two_stage import two_stage

    kept = duel.path / f"two-stage-100-{evaluation.split}.safetensors"
    agnostic = RunFolder(one.runs[0]).read(CONFIG).get("labels_from") == "objects"
    return two_stage(evaluation, one.runs[1], kept, tell, duel.data() if agnostic else "")


def _ground(contenders: Sequence[Contender]) -> Ground | None:
    results = [one.results for one in contenders if one.results is not None]
    try:
        return common_ground(results) if results else None
    except DataError:
        return None


def _pointing(duel: DuelFolder, contenders: Sequence[Contender], ground: Ground | None) -> list[Contender]:
    """The same, with where the classifier looks, as the duel keeps it."""
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        points = load_file(duel.path / "points.safetensors")["points"]
    except (OSError, SafetensorError, KeyError, ValueError):
        return list(contenders)
    if ground is None or points.shape != (*ground.shown.shape, 2):
        return list(contenders)
    return [
        replace(one, points_xy=points) if isinstance(one.results, ClassificationResults) else one for one in contenders
    ]


def _price(result: Mapping[str, Any]) -> Price:
    """The price that the duel was reckoned with; the first of the list where that is gone."""
    prices = load_prices()
    try:
        return prices.find(result["plan"]["price"])
    except (VisionError, KeyError, TypeError):
        return prices.entries[0]


def _index(duel: DuelFolder, contenders: Sequence[Contender]) -> DatasetIndex | None:
    """The data set as it is in the workspace; as the runs keep it, where it is no longer there."""
    from vision_core.training.prepare import open_data

    try:
        return open_data(duel.data(), None)
    except VisionError:
        pass
    for one in reversed(contenders):
        try:
            if one.evaluation is not None:
                return one.evaluation.index
        except VisionError:
            continue
    return None


def _good(result: Mapping[str, Any], contenders: Sequence[Contender]) -> tuple[Section, ...]:
    gaps = tables.gap_table(result.get("gaps", ()), TITLES)
    both = (tables.yardstick(contenders, result["pictures"]), *([gaps] if gaps else []))
    said = (
        "Classification is asked what is in a picture; detection where each thing is. To compare them, both are asked "
        "the same three questions, and held against the same boxes that people drew.",
    )
    return (Section("The same questions to all", said, both),)


def _labels(result: Mapping[str, Any], name: str) -> Section:
    title = "More labels"
    if not result.get("curves"):
        why = "There are no learning curves: this duel learned from all labels at once, or its pictures have no boxes."
        return Section(title, (f"{why} `python -m vision_core duel --shares 0.1,0.25,0.5,1` draws them.",))
    said = (
        f"Each contender also learned from a part of the labels. The curves show {tables.TITLES[name]}, which decided,"
        " over the labelled pictures and over the hours that labelling takes.",
    )
    return Section(title, said)


def _gallery_note(contenders: Sequence[Contender]) -> str:
    silent = [one.title for one in contenders if one.results is None]
    if not silent:
        return ""
    return f"What {' and '.join(silent)} said of each picture is no longer kept, or never was; it is not shown here."


def _method(
    duel: DuelFolder, result: Mapping[str, Any], contenders: Sequence[Contender], runs: Sequence[tuple[str, RunFolder]]
) -> tuple[Section, ...]:
    plan = result.get("plan") or {}
    thresholds = "; ".join(
        f"{one.title}: {'the best class alone' if one.threshold is None else f'{one.threshold:.2f}'}"
        for one in contenders
    )
    said = [
        f"Every contender was trained, or an existing run was taken, with the preset “{plan.get('preset', '?')}” and "
        f"seed {plan.get('seed', '?')}, judged on the same {result['pictures']:,} held-out pictures, and measured "
        "for cost on one machine in one sitting.",
        "From which score on a thing counts as there, chosen on validation pictures where there are any: "
        f"{thresholds}.",
        "Intervals come from drawing the same pictures a thousand times with replacement (bootstrap) and are of 95 %. "
        "Two contenders count as different where the interval of their gap leaves zero out.",
        "The quickest contender wins among those that nobody is measurably better than.",
        f"The duel {result.get('id', '')} ended {str(result.get('made_at', '?'))[:10]}.",
        f"The same again: `{command_line(duel.plan(), 'NEW_FOLDER')}`",
    ]
    shown = [table for table in (chapters.settings(runs), chapters.machines(runs, contenders)) if table is not None]
    return (Section("How it was done", tuple(said)), Section("Settings, hardware and versions", (), tuple(shown)))


def _some(*charts: Chart | None) -> tuple[Chart, ...]:
    return tuple(chart for chart in charts if chart is not None)
