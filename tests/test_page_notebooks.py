"""What a page shows, taken away as a notebook and run by a real kernel: the same numbers."""

from __future__ import annotations

import ast
import os
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from nbformat import v4
from streamlit.testing.v1 import AppTest

from pages.parts import code, engine, explained
from pages.parts.costs_page import kept
from tests.bench_cases import STREAM
from tests.bench_cases import row as bench_row
from tests.bench_cases import rows as bench_rows
from tests.evaluated_runs import evaluated, trained_run
from tests.kernels import executed, kernel_environment
from tests.test_data_page import every, seen, words
from vision_core import background, glossary
from vision_core.costs import bench_store
from vision_core.costs.bench import BenchPlan
from vision_core.costs.bench_rows import usable
from vision_core.costs.bench_store import BenchFolder, list_benches
from vision_core.costs.prices import load_prices
from vision_core.costs.scenario import Pace, Scenario, paces
from vision_core.costs.totals import usd_text
from vision_core.data.effort import Rate
from vision_core.data.library import Dataset, add_shelf
from vision_core.duel.fight import fight
from vision_core.duel.folder import create_duel
from vision_core.duel.plan import DuelPlan
from vision_core.errors import SettingsError
from vision_core.evaluation import asked
from vision_core.evaluation.yardstick import FIGURES
from vision_core.notebooks import costs, duel, evaluation
from vision_core.run_folder import create_run, list_run_folders
from vision_core.training import jobs, snippets
from vision_core.training.config import make_config
from vision_core.training.examples import install_examples

ROOT = Path(__file__).parent.parent
HOSTILE = "\"); import os; os.system('x') #\n'''\u202e\\"
OpenPage = Callable[..., AppTest]
LABELS = ("Overview", "Confusion", "Worst pictures", "Confidence", "Curves and threshold", "Slices", "Robustness")
BOXES = ("Overview", "Errors", "Threshold", "Curves", "Confusion", "Slices", "Robustness")

__all__ = ["kernel_environment"]


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """The notebook behind each button that is drawn, the last one of its file name."""
    found: dict[str, bytes] = {}
    monkeypatch.setattr(code, "button", lambda notebook, name, key: found.__setitem__(name, notebook()))
    return found


@pytest.fixture
def page(taken: dict[str, bytes], kernel_environment: Path) -> OpenPage:
    def open_page(script: str, **address: Any) -> AppTest:
        app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=300).switch_page(f"pages/{script}.py")
        for name, value in address.items():
            app.query_params[name] = value
        return seen(app.run())

    return open_page


def unescaped(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


def shown(app: AppTest) -> dict[str, str]:
    """Each figure on the page as it is said, by its title."""
    return {item.label: unescaped(item.value) for item in app.metric}


def said(figures: Mapping[str, float], task: str) -> dict[str, str]:
    return {glossary.term(name, task).title: glossary.say(name, value, task) for name, value in figures.items()}


def test_compare(page: OpenPage, taken: dict[str, bytes], kernel_environment: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(engine, "BUDGET", engine.Budget(seconds=0.0, min_runs=1, max_runs=2, warmup=0))
    app = page("1_Compare", sample="An espresso", score="0.5")
    table = app.dataframe[1].value
    asked = "{'names': list(found.names), 'scores': [float(score) for score in found.scores]}"
    (found,) = executed([(taken["compare"], asked)], kernel_environment)
    assert found["names"] == list(table["object"])
    assert found["scores"] == pytest.approx([score / 100 for score in table["score"]], abs=5e-4)


def test_train_of_an_open_run_and_of_the_form(
    page: OpenPage, taken: dict[str, bytes], kernel_environment: Path
) -> None:
    shelf = add_shelf(16, seed=3)
    config = make_config(
        shelf.id, "classification", "tf_efficientnet_lite0", "instant", epochs=2, input_size_px=64, threads=1, views=1
    )
    run = create_run(config, HOSTILE)
    result = jobs.execute(run)
    app = page("3_Train", run=run.path.name)
    told = shown(app)
    asked = "{'config': config.to_json(), 'history': run.history(), 'result': result}"
    (found,) = executed([(taken["train"], asked)], kernel_environment)
    assert found["config"] == snippets.as_trained(run).to_json() | {"input_size_px": 64}
    metrics = [one["metrics"] for one in found["history"]]
    assert metrics == [one["metrics"] for one in run.history()]
    assert [one["val"] for one in found["history"]] == [one["val"] for one in run.history()]
    assert f"{max(one[run.history()[0]['monitor']] for one in metrics):.1%}" in told.values()
    assert {name: found["result"][name] for name in ("f1_macro", "log_loss")} == {
        name: result[name] for name in ("f1_macro", "log_loss")
    }
    assert len(list_run_folders()) == 2, "the notebook's run stands on the page"
    app.session_state["train_fill"] = config.to_json()
    app.session_state["train_next"] = None
    seen(app.run())
    cells = nbformat.reads(taken["train"].decode(), 4).cells
    assert config.data in cells[2].source
    assert "threads=1" in cells[2].source


class Done:
    """Stands in for the background: what is asked for is there at once, reckoned by the package."""

    is_active = False

    def __init__(self, found: dict[str, Any]) -> None:
        self.found = found

    def result(self) -> dict[str, Any]:
        return self.found

    @staticmethod
    def find(what: str, arguments: Mapping[str, Any]) -> Done | None:
        return Done(asked.intervals(arguments, lambda *_: None)) if what == "intervals" else None


@pytest.fixture
def reckoned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "find", Done.find)


@pytest.fixture
def shelf() -> Dataset:
    return add_shelf(24, seed=3)


ALL_FIGURES = (
    "{'figures': figures['value'].dropna().to_dict(), 'low': figures['low'].dropna().to_dict(),"
    " 'high': figures['high'].dropna().to_dict()}"
)


def test_evaluate(
    page: OpenPage, taken: dict[str, bytes], kernel_environment: Path, shelf: Dataset, reckoned: None
) -> None:
    """Every part of a classifier and of a detector, and both side by side; one kernel runs them all."""
    classifier = trained_run(shelf, "classification", HOSTILE, labels_from="presence")
    detector = trained_run(shelf, "detection", "detector", seed=1)
    both = [evaluated(classifier), evaluated(detector, seed=1)]
    evaluated(classifier, "val")
    wanted, apps = [], []
    for run in (classifier, detector):
        app = page("4_Evaluate", run=run.path.name)
        apps.append((shown(app), words(app)))
        wanted.append((taken["evaluate"], ALL_FIGURES))
    asked = {
        (classifier, "Confusion"): "{'counts': counts.tolist()}",
        (classifier, "Confidence"): "confidence",
        (classifier, "Curves and threshold"): "threshold",
        (detector, "Errors"): "{'gains': report.gains}",
        (detector, "Threshold"): "{'now': vars(now), 'best': vars(best)}",
        (detector, "Confusion"): "{'counts': counts.to_numpy().tolist()}",
        (detector, "Slices"): "{'weak': parts['weak'].tolist(), 'value': parts['value'].tolist()}",
    }
    for run, parts in ((classifier, LABELS[1:]), (detector, BOXES[1:])):
        for part in parts:
            app = page("4_Evaluate", run=run.path.name, part=part)
            apps.append((shown(app), words(app)))
            wanted.append((taken["evaluate"], asked.get((run, part), "{}")))
    app = page("4_Evaluate", run=[classifier.path.name, detector.path.name])
    table = app.dataframe[1].value
    wanted.append((taken["evaluate"], "{'rows': yardstick.T.reset_index().to_dict('records'), 'gaps': gaps.to_dict()}"))
    found = executed(wanted, kernel_environment)
    assert len(found) == len(wanted)
    for one, (told, text), task in zip(found, apps, ("classification", "detection"), strict=False):
        says = said(one["figures"], task)
        headline = {title: value for title, value in told.items() if title in says}
        assert len(headline) > 3
        assert headline == {title: says[title] for title in headline}
        ends = {name: (low, one["high"][name]) for name, low in one["low"].items()}
        drawn = {glossary.term(name, task).title: explained.ends(name, pair, task) for name, pair in ends.items()}
        there = [between for title, between in drawn.items() if title in headline]
        assert len(there) > 3
        assert [between for between in there if between not in unescaped(text)] == []
    of = dict(zip([(run, part) for run, parts in ((classifier, LABELS[1:]), (detector, BOXES[1:])) for part in parts],
                  zip(found[2:-1], apps[2:], strict=True), strict=True))  # fmt: skip
    one, (told, _) = of[classifier, "Confidence"]
    assert glossary.say("ece", one["ece"]) in told.values()
    one, (told, _) = of[detector, "Threshold"]
    assert glossary.say("f1", one["now"]["f1"]) in told.values()
    assert glossary.say("best_f1", one["best"]["f1"]) in told.values()
    one, (_, text) = of[detector, "Slices"]
    assert len(one["weak"]) > 3
    assert ("Surely worse" in text) == any(one["weak"])
    for row, line in zip(found[-1]["rows"], table.to_dict("records"), strict=True):
        for name in FIGURES:
            value, text = row[name], line[glossary.term(name).short]
            told_value = "cannot say" if value is None or value != value else glossary.say(name, value)
            assert text.startswith(told_value)
            ends = (row[f"{name}, low"], row[f"{name}, high"])
            if told_value != "cannot say" and np.isfinite(ends).all():
                assert explained.ends(name, ends) in text
    assert set(found[-1]["gaps"]["gap"]) == {"presence_ap", "presence_f1"}
    assert both[0].key != both[1].key


def kept_bench(found: list[dict[str, Any]], name: str = "mine") -> BenchFolder:
    bench = BenchFolder(bench_store.benches_folder() / f"20261123-{len(list_benches())}")
    bench.path.mkdir(parents=True)
    bench.files.write("plan.json", BenchPlan(("tf_efficientnet_lite0",), seconds=0.05).to_json())
    bench.files.write("about.json", {"name": name, "made_at": "2026-11-23T10:00:00+00:00"})
    bench.files.write_lines(bench_store.ROWS, found)
    about = {"state": "finished", "done": len(found), "total": len(found), "heartbeat": time.time()}
    bench.files.write("status.json", about | bench_store._identity(os.getpid()))
    return bench


def test_costs(page: OpenPage, taken: dict[str, bytes], kernel_environment: Path) -> None:
    """The table and its chart, of one measurement and of all; the money; and measuring again, on this machine."""
    rows = [*bench_rows(), bench_row(title=HOSTILE, batch_size=64, stream=STREAM)]
    bench = kept_bench(rows)
    app = page("5_Costs", show="Results", bench=bench.id)
    table = app.dataframe[0].value
    again = taken["costs"].replace(b"AGAIN = False", b"AGAIN = True")
    assert again != taken["costs"]
    asked = "{'rows': measured.to_dict('records'), 'front': front['on the front'].tolist(),"
    wanted = [(again, asked + " 'again': again, 'words': in_words(verdicts, cost, figure)[0]}")]
    tried = page("5_Costs", show="Real time")
    wanted.append((taken["real_time"], "{'rows': rows, 'verdicts': verdicts}"))
    everything = page("5_Costs", show="Results", bench="all")
    wanted.append((taken["costs"], "{'rows': len(measured)}"))
    money = page("5_Costs", show="Money", bench=bench.id)
    wanted.append((taken["costs"], "{'money': money.to_dict(), 'words': list(money_in_words("
                                   "ways, scenario.pictures_a_year, scenario.years))}"))  # fmt: skip
    found = executed(wanted, kernel_environment)
    for name in ("latency_ms_p50", "latency_ms_p95", "images_per_second", "usd_per_million"):
        assert [row[name] for row in found[0]["rows"]] == [row[name] for row in usable(rows)]
        assert [row[name] for row in found[0]["rows"]] == list(table[name])
    assert any(found[0]["front"])
    assert found[0]["again"][0]["latency_ms_p50"] > 0
    assert list_benches()[0].name == costs.NAME, "what it measured stands on the page"
    streamed = found.pop(1)
    assert streamed["rows"] == rows[-1:]
    assert f"{streamed['verdicts'][0]}: {STREAM['words']}" in words(tried)
    assert found[1]["rows"] == len(everything.dataframe[0].value)
    totals = [unescaped(metric.value) for metric in money.metric][:3]
    assert totals == [usd_text(way["total"]) for way in found[2]["money"].values()]
    for sentence in found[2]["words"][1:]:
        assert sentence in unescaped(words(money))


def test_the_form_of_a_duel(page: OpenPage, taken: dict[str, bytes], kernel_environment: Path) -> None:
    """The plan in the notebook is the plan of the form."""
    shelf = add_shelf(24)
    app = page("6_Decide", show="New duel", data=shelf.id)
    seen(app.radio(key=kept.key("duel_question")).set_value("count").run())
    cells = [v4.new_code_cell(cell) for cell in code_of(taken["duel"])]
    (plan,) = executed([(nbformat.writes(v4.new_notebook(cells=cells[:1])).encode(), "plan.to_json()")],
                       kernel_environment)  # fmt: skip
    assert plan == DuelPlan(data=shelf.id, question="count").to_json()
    assert "fight(duel)" in cells[1].source


def test_decide(page: OpenPage, taken: dict[str, bytes], kernel_environment: Path) -> None:
    """Yardstick and verdict from raw predictions, and the sentences below the curves."""
    shelf = add_shelf(40)
    runs = {path.name: str(path) for path in install_examples(shelf)}
    plan = DuelPlan(
        data=shelf.id,
        classifier=runs["fashion-shelf-classifier"],
        detector=runs["fashion-shelf-detector"],
        contenders=("classification", "detection"),
        question="count",
        device="cpu",
    )
    fought = create_duel(plan, HOSTILE)
    result = fight(fought)
    app = page("6_Decide", show="Result", duel=fought.path.name)
    text = unescaped(words(app)) + unescape("".join(item.value for item in every(app, "html")))
    asked = "{'rows': yardstick.T.reset_index().to_dict('records'), 'verdict': verdict.sentence, 'says': sentences}"
    wanted = [(taken["decide"], asked)]
    advised = page("6_Decide", show="Advisor", duel=fought.path.name)
    asked = "{'titles': [one.title for one in advice.shortlist], 'sentences': list(advice.sentences)}"
    wanted.append((taken["decide"], asked))
    found, advice = executed(wanted, kernel_environment)
    said_there = unescaped(words(advised)) + unescape("".join(item.value for item in every(advised, "html")))
    assert advice["titles"]
    assert all(title in said_there for title in advice["titles"])
    assert all(sentence in said_there for sentence in advice["sentences"])
    assert found["verdict"] == result["verdict"]["sentence"]
    assert found["verdict"] in text
    for row, one in zip(found["rows"], result["contenders"], strict=True):
        assert row["run"] == one["task"]
        for name in FIGURES:
            value = None if row[name] is None or row[name] != row[name] else row[name]
            assert value == one["figures"][name]
            if name in one["intervals"]:
                assert [row[f"{name}, low"], row[f"{name}, high"]] == one["intervals"][name]
    assert all(sentence in text for sentence in found["says"])


NAMES = st.text(max_size=12).map("x".__add__) | st.just(HOSTILE)


def code_of(content: bytes) -> list[str]:
    return [cell.source for cell in nbformat.reads(content.decode(), 4).cells if cell.cell_type == "code"]


@settings(max_examples=40, deadline=None)
@given(name=NAMES, part=st.sampled_from([*LABELS, *BOXES]), score=st.none() | st.floats(0, 1))
@example(name="x>", part="Overview", score=None)
def test_whatever_was_typed_stays_a_value(name: str, part: str, score: float | None) -> None:
    """Only strings differ from the notebook of a harmless name, and none of them runs."""
    scenario = Scenario(price=load_prices().entries[0], label_pace=paces("classification")[0], box_pace=Pace(
        name, Rate(1.0, 2.0), name), region=name)  # fmt: skip

    def made(name: str) -> list[bytes]:
        view = evaluation.EvaluationView(
            runs=(f"runs/{name}",), data=name, split=name, part=part, score=score, class_name=name, task="detection"
        )
        ways = {"classification": bench_row(model=name)}
        told = replace(scenario, box_pace=Pace(name, Rate(1.0, 2.0), name), region=name)
        return [
            evaluation.notebook(view),
            evaluation.notebook(replace(view, runs=(name or "a", name))),
            costs.notebook(costs.CostsView(bench=name, scenario=told, ways=ways, cost="flops", figure="map")),
            costs.plan_notebook(
                BenchPlan((f"model {name.replace('>', '')}".strip(),))
            ),  # a plan refuses half a pipeline
            duel.notebook(duel.DuelView(duel=Path(f"duels/x{name}"), needs={"ask": [name]})),
            duel.plan_notebook(DuelPlan(data=name)),
        ]

    for content, harmless in zip(made(name), made("harmless"), strict=True):
        nbformat.validate(nbformat.reads(content.decode(), 4))
        for source, usual in zip(code_of(content), code_of(harmless), strict=False):
            assert shape(source) == shape(usual), source
            assert "\u202e" not in source
            assert len(source.splitlines()) <= 15


def shape(source: str) -> str:
    """What the code does, whatever its texts say."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            node.value = ""
    return ast.dump(tree)


@pytest.mark.parametrize("changes", [{"runs": ()}, {"score": 2.0}, {"iou": -0.1}, {"runs": ("a", "b"), "pair": (0, 2)}])
def test_views_that_cannot_be_are_refused(changes: dict[str, Any]) -> None:
    view: dict[str, Any] = {"runs": ("a",), **changes}
    with pytest.raises(SettingsError):
        evaluation.EvaluationView(**view)
