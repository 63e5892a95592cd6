"""What a report on one run tells, from what the run keeps: nothing is evaluated anew, and what is missing is named."""

from __future__ import annotations

from vision_core import glossary
from vision_core.costs.prices import load_prices
from vision_core.evaluation.applied import applied_threshold
from vision_core.evaluation.class_table import class_table
from vision_core.evaluation.records import DetectionResults
from vision_core.evaluation.store import Evaluation
from vision_core.model_card import Judged, data_title, judge, kept_evaluation
from vision_core.report import chapters, figures, tables
from vision_core.report.galleries import galleries
from vision_core.report.run_facts import (
    MAIN,
    contender,
    cost_sections,
    data_name,
    index_of,
    kind_of,
    learned_words,
    method,
    notes,
    now,
)
from vision_core.report.subject import Cell, Chart, Contender, Report, Section, Stage, Table
from vision_core.report.wording import cost_words
from vision_core.run_folder import CONFIG, RunFolder
from vision_core.training.overview import overview

_OF_CLASS = {"one": ("f1", "precision", "recall"), "several": ("map", "f1", "precision", "recall")}
_HOW_TO_EVALUATE = "`python -m vision_core evaluate RUN` does it, and so does the Evaluate page."


def report_on_run(run: RunFolder, tell: Stage) -> Report:
    """Everything about one run; what was not measured is said to be missing, and how to measure it."""
    record = run.record()
    title, task = record.name, str(record.config.get("task", ""))
    evaluation = kept_evaluation(run)
    judged = judge(run, evaluation, tell) if evaluation is not None else None
    one = contender(run, title, evaluation)
    kind = "" if evaluation is None else kind_of(evaluation)
    good, charts = _how_good(judged, kind, tell)
    runs = chapters.whole([run.path])
    seen, price = overview(run), load_prices().entries[0]
    tell("Choosing pictures", 0, 1)
    return Report(
        kind="run",
        title=title,
        about=_about(run, evaluation),
        made_at=now(),
        decision=_run_decision(one, judged, kind),
        good=good,
        good_charts=charts,
        costs=cost_sections([one]),
        cost_charts=tuple(chart for chart in [figures.money([figures.way(one, price)], price)] if chart is not None),
        labels=(Section("While it learned", (learned_words(run),)),),
        label_charts=tuple(figures.training([(title, seen.history)], seen.monitor, task)),
        galleries=galleries([one]),
        gallery_note="" if evaluation is not None else f"The run has not been evaluated. {_HOW_TO_EVALUATE}",
        data=chapters.data_sections(data_name(run), index_of([one], run), tell),
        method=method(runs, [one]),
        licences=chapters.licences([one], runs),
        limits=(*notes([one]), *chapters.LIMITS),
        cards=chapters.cards(runs, (), tell, {str(run.path): judged}),
    )


def _run_decision(one: Contender, judged: Judged | None, kind: str) -> tuple[str, ...]:
    """How good a run is, what it is worst at, and what it takes."""
    if judged is None:
        return (
            f"Nobody knows yet how good {one.title} is: it has not been judged on pictures that it was not trained on.",
            f"{_HOW_TO_EVALUATE}",
            cost_words([one]),
        )
    name = next(each for each in MAIN[kind] if each in judged.figures)
    found, task = judged.intervals.get(name), judged.evaluation.task
    between = tables.ends(name, None if found is None else (found.low, found.high), task)
    term = glossary.term(name, task)
    first = (
        f"{one.title} reaches {glossary.say(name, judged.figures[name], task)} {term.short} ({between} with 95 % "
        f"confidence) on {len(judged.evaluation.results):,} pictures that it was not trained on."
    )
    return first, _weakest(judged, kind), cost_words([one])


def _weakest(judged: Judged, kind: str) -> str:
    results, name = judged.evaluation.results, "map50" if kind == "detection" else _OF_CLASS[kind][0]
    rows = class_table(results, judged.intervals)
    known = [row for row in rows if row.get(name) is not None and row.get("examples", row.get("boxes", 0))]
    if not known:
        return "These pictures cannot tell which class it is weakest at."
    worst, best = (pick(known, key=lambda row: row[name]) for pick in (min, max))
    short = glossary.term(name, judged.evaluation.task).short
    said = f"It is weakest at “{worst['class']}” ({glossary.say(name, worst[name], judged.evaluation.task)} {short})"
    return f"{said} and strongest at “{best['class']}” ({glossary.say(name, best[name], judged.evaluation.task)})."


def _how_good(judged: Judged | None, kind: str, tell: Stage) -> tuple[tuple[Section, ...], tuple[Chart, ...]]:
    """Headline, classes, and of a detector what each kind of error costs."""
    if judged is None:
        return (Section("Not measured", (f"The run has not been evaluated. {_HOW_TO_EVALUATE}",)),), ()
    evaluation = judged.evaluation
    names = ("map50", "map") if kind == "detection" else _OF_CLASS[kind]
    rows = class_table(evaluation.results, judged.intervals)
    split = f"the split “{evaluation.split}”" if evaluation.split else "all labelled pictures"
    said = f"{len(evaluation.results):,} pictures of “{data_title(evaluation.data)}” ({split})"
    said += f", judged {evaluation.made_at[:10]}."
    head = tables.headline(judged.figures, judged.intervals, MAIN[kind], evaluation.task)
    sections = [Section("The figures that people ask for first", (said,), (head,))]
    sections.append(Section("Class by class", (), (tables.class_table(rows, names, evaluation.task),)))
    sections.append(Section("The threshold", (_threshold(evaluation, kind),)))
    if not isinstance(evaluation.results, DetectionResults) or evaluation.results.truth.crowd.all():
        return tuple(sections), ()
    table, chart = _errors(evaluation.results, tell)
    return (*sections, Section("What its errors cost", (), (table,))), (chart,)


def _threshold(evaluation: Evaluation, kind: str) -> str:
    if kind == "one":
        return "It says the class with the highest score, so that there is no threshold."
    if kind == "several":
        return "A class counts as said above a score of 0.5. The Evaluate page finds a better one, class by class."
    kept = applied_threshold(evaluation.run.path)
    if kept is None:
        return (
            "Boxes count from a score of 0.4 on, because nobody chose another: `python -m vision_core evaluate RUN "
            "--keep-threshold best` chooses and keeps one. AP does not depend on it."
        )
    return f"Boxes count from a score of {kept:.2f} on, which the run keeps. AP does not depend on it."


def _errors(results: DetectionResults, tell: Stage) -> tuple[Table, Chart]:
    from vision_core.evaluation.box_charts import error_bars
    from vision_core.evaluation.pictures import KIND_WORDS
    from vision_core.evaluation.tide import break_down

    report = break_down(results, progress=tell)
    rows = tuple(
        (
            Cell(KIND_WORDS[kind]),
            Cell(f"{report.counts[kind]:,}", "", float(report.counts[kind])),
            Cell("unknown") if gain is None else Cell(f"{100 * gain:.1f} points", "", gain),
        )
        for kind, gain in report.gains.items()
    )
    head = ("Kind of error", "How often, at any score", "AP50 that mending it would gain")
    table = Table("errors", "After TIDE (Bolya et al. 2020).", head, rows, tuple(report.gains))
    words = ("By how much AP50 would rise if all errors of a kind were mended: where work pays most.",)
    return table, Chart("errors", "What its errors cost", error_bars(report), words)


def _about(run: RunFolder, evaluation: Evaluation | None) -> str:
    config = run.read(CONFIG)
    does = "Image classification" if config.get("task") == "classification" else "Object detection"
    classes = len(config.get("class_names", []))
    return f"{does} with {config.get('model', '?')}, trained on “{data_name(run)}”, {classes} classes."
