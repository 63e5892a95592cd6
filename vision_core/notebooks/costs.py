"""The Costs page as a notebook: a plan to measure, what was measured, and what a year costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

from vision_core.costs.bench import BenchPlan
from vision_core.costs.bench_rows import Row, configuration
from vision_core.costs.scenario import Scenario
from vision_core.notebooks.writer import Step, keywords, lines, script, write

INTRO = (
    "The same measurements as on the Costs page, from the rows that were kept: the same numbers to the last digit. Run "
    "it where `vision_core` and this workspace are; what is measured here stands on the page too."
)
NAME = "From a notebook"
_LABELLING = ("label_pace", "box_pace", "wage_per_hour", "labelled_pictures", "labels_per_picture")
_LABELLING += ("boxes_per_picture", "crops_are_named")


@dataclass(frozen=True, kw_only=True)
class CostsView:
    """What the Costs page shows.

    Attributes:
        bench: the id of the measurement that is open; "": the newest row of each configuration, of all of them.
        plan: what it was asked for, or what the form asks for; None: nothing is measured again.
        cost, figure: of the chart of how good against how dear: fields of a row and of the yardstick; "" for no chart.
        scenario: what a year is reckoned with; None where the page does not show money.
        ways: the chosen row of each task, and of the two in turn.
    """

    bench: str = ""
    plan: BenchPlan | None = None
    cost: str = ""
    figure: str = ""
    scenario: Scenario | None = None
    ways: Mapping[str, Row] | None = None


def notebook(view: CostsView) -> bytes:
    """What is on screen as a notebook."""
    return write("What does it cost?", INTRO, steps(view))


def python_code(view: CostsView) -> str:
    """The same lines as one script."""
    return script(steps(view))


def plan_notebook(plan: BenchPlan) -> bytes:
    """The form as a notebook: it measures when it is run."""
    return write("What does it cost?", INTRO, plan_steps(plan))


def plan_steps(plan: BenchPlan) -> list[Step]:
    """Measuring, and the table."""
    code = lines(
        "import pandas as pd",
        "from vision_core.costs.bench import BenchPlan",
        "from vision_core.costs.bench_rows import table, usable",
        "from vision_core.costs.bench_store import start_bench",
        "from vision_core.costs.bench_wait import wait",
        f"\nplan = {_plan(plan)}",
        f"rows = wait(start_bench(plan, {NAME!r}))",
    )
    return [Step("Measure", "Leave the machine alone meanwhile: what else it does slows this down.", code), _table()]


@dataclass(frozen=True)
class StreamView:
    """What “Real time” shows: the newest try of each configuration at a target, and the plan of another one, if any."""

    target_fps: float
    plan: BenchPlan | None = None


def stream_notebook(view: StreamView) -> bytes:
    """What is on screen as a notebook."""
    return write("Does it keep up?", INTRO, stream_steps(view))


def stream_steps(view: StreamView) -> list[Step]:
    """Who keeps up, the chart, and another try."""
    kept = lines(
        "import pandas as pd",
        "from vision_core.costs.bench_rows import labels, newest, table, usable",
        "from vision_core.costs.bench_store import list_benches",
        "from vision_core.costs.stream_chart import streamed, streams",
        f"\ntarget = {view.target_fps!r}",
        "every = [row for bench in list_benches() for row in streamed(bench.rows())]",
        "rows = newest(row for row in every if row['stream']['target_fps'] == target)",
        "verdicts = ['keeps up' if row['stream']['keeps_up'] else 'does not keep up' for row in rows]",
        "for name, verdict, row in zip(labels(rows), verdicts, rows):",
        "    print(f\"{name} {verdict}: {row['stream']['words']}\")",
    )
    found = [
        Step("Who keeps up", "To keep up is to drop at most one frame in a hundred.", kept),
        Step("Answered and dropped", "A model that drops frames still answers, of fewer of them.", "streams(rows)"),
    ]
    return [*found, *([] if view.plan is None else [_again(view.plan)])]


def steps(view: CostsView) -> list[Step]:
    """The table, and below it what the page shows of it."""
    found = [_rows(view), _table()]
    if view.cost and view.figure:
        found.append(_tradeoff(view))
    if view.scenario is not None and view.ways:
        found += _money(view.scenario, view.ways)
    if view.plan is not None:
        found.append(_again(view.plan))
    return found


def _rows(view: CostsView) -> Step:
    if view.bench:
        how = ["from vision_core.costs.bench_store import open_bench", f"\nrows = open_bench({view.bench!r}).rows()"]
    else:
        how = [
            "from vision_core.costs.bench_rows import newest",
            "from vision_core.costs.bench_store import list_benches",
            "\nrows = newest(row for bench in list_benches() for row in bench.rows())",
        ]
    code = lines(
        "import pandas as pd",
        "from vision_core.costs.bench_rows import table, usable",
        *how,
        "print(len(usable(rows)), 'of', len(rows), 'could be measured')",
    )
    return Step("What was measured", "A row is one model in one configuration.", code)


def _table() -> Step:
    code = lines("measured = pd.DataFrame(table(usable(rows)))", "measured.dropna(axis=1, how='all')")
    return Step("The table", "Compare latency_ms_p50 with p95: far apart, and something else was busy.", code)


def _tradeoff(view: CostsView) -> Step:
    code = lines(
        "from vision_core.costs.pareto import in_words, judge",
        "from vision_core.costs.quality import MORE_IS_BETTER, points, qualities_of",
        "from vision_core.evaluation.yardstick import LOWER_IS_BETTER",
        f"\ncost, figure = {view.cost!r}, {view.figure!r}",
        "found = points(usable(rows), cost, qualities_of(usable(rows)), figure)",
        "verdicts = judge(found, cost not in MORE_IS_BETTER, figure not in LOWER_IS_BETTER)",
        "names = ('name', 'task', 'x', 'x_low', 'x_high', 'y', 'y_low', 'y_high')",
        "front = pd.DataFrame([{name: getattr(one.point, name) for name in names} for one in verdicts])",
        "front['on the front'] = [one.on_front for one in verdicts]",
        "print(in_words(verdicts, cost, figure)[0] if verdicts else 'No model has both figures')",
        "front",
    )
    return Step("How good against how dear", "Only those on the front are worth a second look.", code)


def _money(scenario: Scenario, ways: Mapping[str, Row]) -> list[Step]:
    labelling = {name: getattr(scenario, name) for name in _LABELLING}
    rest = {one.name: getattr(scenario, one.name) for one in fields(Scenario) if one.name not in _LABELLING}
    price = rest.pop("price")
    rest["training_hours"] = dict(scenario.training_hours)
    chosen = [f"    {task!r}: known[{configuration(row)!r}]," for task, row in ways.items()]
    reckoned = lines(
        "import datetime",
        "from vision_core.costs.prices import Owned, Price",
        "from vision_core.costs.scenario import Scenario",
        f"\nprice = {price!r}",
        f"use = {rest!r}",
        "scenario = Scenario(price=price, **labelling, **use)",
        "ways = scenario.ways(chosen)",
    )
    totals = lines(
        "from vision_core.costs.totals import in_words as money_in_words",
        "\npictures = scenario.pictures_a_year * scenario.years",
        "sums = {way.name: {**way.parts_usd(pictures), 'total': way.total_usd(pictures)} for way in ways}",
        "money = pd.DataFrame(sums)",
        "for sentence in money_in_words(ways, scenario.pictures_a_year, scenario.years):",
        "    print(sentence)",
        "money",
    )
    paces = lines(
        "from vision_core.costs.scenario import Pace",
        "from vision_core.data.effort import Rate",
        "\nlabelling = dict(",
        *keywords(labelling),
        ")",
    )
    rows = lines(
        "from vision_core.costs.bench_rows import configuration",
        "\nknown = {configuration(row): row for row in rows}",
        "chosen = {",
        *chosen,
        "}",
    )
    return [
        Step("The models that are priced", "Their speed alone enters the sum.", rows),
        Step("What labelling takes", "The wage and the pace are assumptions: put in your own.", paces),
        Step("What a year is reckoned with", "Pictures a year moves the result more than anything else.", reckoned),
        Step("What a year costs", "Look for the volume at which another way becomes the cheapest.", totals),
    ]


def _again(plan: BenchPlan) -> Step:
    code = lines(
        "from vision_core.costs.bench import BenchPlan",
        "from vision_core.costs.bench_store import start_bench",
        "from vision_core.costs.bench_wait import wait",
        "\nAGAIN = False  # True: measure on this machine, now",
        f"plan = {_plan(plan)}",
        "again = wait(start_bench(plan, " + repr(NAME) + ")) if AGAIN else rows",
        "pd.DataFrame(table(usable(again))).dropna(axis=1, how='all')",
    )
    return Step("Measure again", "On another machine, or a busy one, the milliseconds differ.", code)


def _plan(plan: BenchPlan) -> str:
    """The call that makes it; only what differs from the usual is named."""
    usual = BenchPlan(plan.models)
    changed = {one.name: getattr(plan, one.name) for one in fields(BenchPlan) if one.name != "models"}
    named = [f"{name}={value!r}" for name, value in changed.items() if value != getattr(usual, name)]
    return f"BenchPlan({', '.join([repr(plan.models), *named])})"
