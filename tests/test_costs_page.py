"""The Costs page by Streamlit's own test runner: the form, its states, the table, money, real time."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from tests.bench_cases import CLASSIFIER, DETECTOR, HOSTILE, STREAM, broken, row, rows
from tests.test_data_page import click, every, said, seen, select, words
from tests.test_train_page import button
from vision_core.costs import bench_store
from vision_core.costs.bench import BenchPlan
from vision_core.costs.bench_store import BenchFolder, list_benches
from vision_core.costs.prices import load_prices
from vision_core.costs.quality import OnTheYardstick, Quality
from vision_core.costs.totals import in_words
from vision_core.errors import DataError
from vision_core.evaluation.yardstick import NOT_ASKED

ROOT = Path(__file__).parent.parent
OpenPage = Callable[..., AppTest]


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> OpenPage:
    """Opens the page; what it starts is written down but not measured."""
    monkeypatch.setattr("vision_core.costs.bench_store.start_bench", lambda plan, name="": written(name, plan=plan))

    def open_page(**address: str) -> AppTest:
        app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120).switch_page("pages/5_Costs.py")
        for name, value in address.items():
            app.query_params[name] = value
        return seen(app.run())

    return open_page


def written(
    name: str,
    found: list[dict[str, Any]] | None = None,
    state: str = "queued",
    plan: BenchPlan | None = None,
    **status: Any,
) -> BenchFolder:
    """A measurement in the workspace that no process works on; an active one claims to be this process."""
    number = len(list_benches())
    bench = BenchFolder(bench_store.benches_folder() / f"2026112{number}-100000-aaaa")
    bench.path.mkdir(parents=True)
    bench.files.write("plan.json", (plan or BenchPlan((CLASSIFIER, DETECTOR))).to_json())
    bench.files.write("about.json", {"name": name, "made_at": f"2026-11-2{number}T10:00:00+00:00"})
    bench.files.write_lines(bench_store.ROWS, found or [])
    identity = bench_store._identity(os.getpid())
    blank = {"state": state, "done": len(found or []), "total": 10, "heartbeat": time.time(), **identity}
    bench.files.write("status.json", blank | status)
    return bench


def plan_of_last() -> BenchPlan:
    return list_benches()[0].plan()


def charts(app: AppTest) -> list[str]:
    """What the x axis of each chart shows."""
    layouts = [json.loads(chart.proto.spec)["layout"] for chart in every(app, "plotly_chart")]
    return [layout.get("xaxis", {}).get("title", {}).get("text", "") for layout in layouts]


def test_an_empty_workspace_shows_the_form_and_says_where_things_will_be(page: OpenPage) -> None:
    app = page()
    assert select(app, "Money at the price of").value == load_prices().entries[0].name
    assert app.multiselect[0].value == [CLASSIFIER, DETECTOR]
    assert "8 combinations" in words(app)
    for show in ("Results", "Money"):
        assert "Nothing has been measured yet" in words(page(show=show))
    assert "No model has been tried on a stream yet" in words(page(show="Real time"))


def test_measure_starts_what_the_form_says_and_shows_it(page: OpenPage) -> None:
    app = page()
    seen(app.multiselect[0].set_value([CLASSIFIER]).run())
    app = click(app, "Measure$")
    plan = plan_of_last()
    assert (plan.models, plan.batch_sizes, plan.engines, plan.devices[0]) == (
        (CLASSIFIER,),
        (1, 8),
        ("eager", "onnxruntime"),
        "cpu",
    )
    assert list_benches()[0].name == "EfficientNet-Lite0"
    assert app.query_params["bench"] == list_benches()[0].id
    assert "Starting …" in words(app)
    assert button(app, "Cancel")


def test_what_is_missing_is_named_and_cannot_be_started(page: OpenPage) -> None:
    app = page()
    seen(app.multiselect[0].set_value([]).run())
    assert "Choose a model or run." in words(app)
    assert button(app, "Measure").disabled


def test_the_form_is_still_there_after_a_look_at_other_sections(page: OpenPage) -> None:
    app = page()
    seen(app.multiselect[0].set_value([DETECTOR]).run())
    for show in ("Money", "Measure"):
        app.session_state["bench_section"] = show
        seen(app.run())
    assert app.multiselect[0].value == [DETECTOR]


def test_while_it_measures_progress_rows_and_cancel_are_there(page: OpenPage) -> None:
    bench = written("mine", rows()[:3], "running", cell="EfficientNet-Lite0, batch 8", stage="Timing", seconds_left=130)
    app = page()
    said_of_progress = every(app, "progress")[0].text
    assert "3 of 10 measured" in said_of_progress
    assert "batch 8: Timing" in said_of_progress.replace("\\", "")
    assert len(every(app, "dataframe")) == 1
    click(app, "Cancel")
    assert bench.files.asked() == "cancel"


def test_one_that_waits_says_for_what_and_its_name_in_the_list_follows_its_state(page: OpenPage) -> None:
    bench = written("mine", [], "queued", stage=bench_store.WAITING)
    app = page()
    assert "Waits for other work on this machine, such as an evaluation" in words(app)
    chosen = select(app, "Measurement")
    assert chosen.options == ["mine · waiting"]
    for state, word in (("running", "measuring"), ("cancelled", "stopped")):
        bench.files.write("status.json", bench.files.read("status.json") | {"state": state})
        seen(app.run())
        now = select(app, "Measurement")
        assert (now.options, now.value) == ([f"mine · {word}"], bench.id)
        assert now.key != chosen.key  # or a browser goes on showing the old words
        chosen = now


STATES = {"failed": "It ended badly.", "cancelled": "stopped", "interrupted": "What it had measured is here"}


@pytest.mark.parametrize("state", STATES)
def test_however_it_ended_what_was_measured_is_shown(page: OpenPage, state: str) -> None:
    error = {"error": "It ended badly."} if state == "failed" else {}
    gone = {"pid": 2**22 + 1} if state == "interrupted" else {}
    written("mine", rows()[:2], "running" if gone else state, None, **gone, **error)
    app = page()
    assert STATES[state] in words(app).replace("\\", "")
    assert len(every(app, "dataframe")) == 1
    assert button(app, "Measure again")


def test_the_results_are_a_table_and_the_charts(page: OpenPage) -> None:
    written("mine", rows(), "finished")
    app = page()
    table = every(app, "dataframe")[0].value
    assert len(table) == 9
    assert list(table["model"][:1]) == ["EfficientNet-Lite0"]
    assert "energy_wh_per_1k" not in table
    text = words(app).replace("\\", "")
    assert "1 combination was not possible" in [box.label.replace("\\", "") for box in every(app, "expander")]
    assert "torch.compile finds no C++ compiler here." in text
    assert "no RAPL counter" in text
    assert "aten.strange" in text
    assert charts(app) == [
        "Latency, median, of a picture (ms)",
        "batch size",
        "milliseconds a run",
        "milliseconds of a run, median of each stage",
        "arithmetic for each byte moved (FLOP/byte)",
    ]
    assert {item.label for item in every(app, "download_button")} >= {"CSV"}


def test_the_axes_of_the_front_can_be_chosen(page: OpenPage) -> None:
    written("mine", rows(), "finished")
    app = page()
    assert select(app, "How good").value == "published"
    assert "two yardsticks" in words(app)
    assert "each picture still waits for its whole batch" in words(app)
    seen(select(app, "How dear").set_value("images_per_second").run())
    assert charts(app)[0] == "Throughput (pictures/s)"
    assert "Worth a look" in words(app)
    assert "waits for its whole batch" not in words(app)


def test_where_nothing_could_be_measured_it_says_so(page: OpenPage) -> None:
    written("mine", [broken()], "finished")
    assert "None of these combinations could be measured" in words(page())
    assert "Nothing has been measured yet" in words(page(show="Money"))


def test_a_busy_machine_is_said(page: OpenPage) -> None:
    written("mine", [row(others_cpu_share=0.5, stream=STREAM)], "finished")
    for show, follows in (
        ("Results", ""),
        ("Money", "the money below is too much"),
        ("Real time", "keep up with more"),
    ):
        assert "kept this machine busy during 1 of 1 measurement" in words(page(show=show))
        assert follows in words(page(show=show))
    written("quiet", [row(stream=STREAM, measured_at="2026-11-25T10:00:00+00:00")], "finished")
    for show in ("Results", "Money", "Real time"):
        assert "kept this machine busy" not in words(page(show=show))


def test_all_measurements_together_are_the_newest_of_each(page: OpenPage) -> None:
    written("old", [row(ms=10), row(batch_size=8)], "finished")
    written("new", [row(ms=20, measured_at="2026-11-24T10:00:00+00:00")], "finished")
    app = page(bench="all")
    assert len(every(app, "dataframe")[0].value) == 2
    assert "is not here any more" in words(page(bench="gone"))


def test_money_is_what_the_package_says(page: OpenPage) -> None:
    from pages.parts.costs_page import assumptions

    seen_scenario: list[Any] = []
    explain = assumptions.explain
    assumptions.explain = lambda scenario: seen_scenario.append(scenario) or explain(scenario)
    try:
        written("mine", rows(), "finished")
        app = page(show="Money")
    finally:
        assumptions.explain = explain
    quick = {"classification": rows()[5], "detection": rows()[8]}
    ways = seen_scenario[0].ways(quick)
    text = words(app).replace("\\", "")
    for sentence in in_words(ways, 1e6)[1:]:
        assert sentence in text
    assert [metric.label for metric in app.metric][:3] == ["Classification", "Detection", "Detect-then-classify"]
    assert charts(app) == ["pictures a year", "USD for 1 million pictures"]
    assert "CO₂ is unavailable" in text


def test_every_assumption_moves_the_totals(page: OpenPage) -> None:
    written("mine", rows(), "finished")
    app = page(show="Money")

    def totals() -> list[str]:
        return [metric.value for metric in app.metric]

    before = totals()
    for label, value in (
        ("Pictures", 50_000_000),
        ("Wage, USD an hour", 45.0),
        ("Years", 5.0),
        ("Boxes a picture", 9.0),
    ):
        seen(next(box for box in app.number_input if box.label == label).set_value(value).run())
        assert totals() != before, label
        before = totals()
    price = select(app, "Computer")
    seen(price.set_value(price.options[-1].partition(" · ")[0]).run())
    assert totals() != before
    seen(next(box for box in app.number_input if box.label.startswith("Watts")).set_value(60.0).run())
    seen(select(app, "Electricity of").set_value("FRA").run())
    assert "CO₂ a year" in words(app)


def test_labels_boxes_and_objects_a_picture_are_those_of_the_data_set(page: OpenPage) -> None:
    from vision_core.data.effort import labels_per_image
    from vision_core.data.library import add_shelf

    dataset = add_shelf(3)
    index = dataset.index()
    written("mine", rows(), "finished")
    app = page(show="Money")
    amounts = {box.label: box.value for box in app.number_input}
    boxes = round(index.boxes.num_rows / len(index), 1)
    assert (amounts["Boxes a picture"], amounts["Objects a picture"]) == (boxes, boxes)
    assert amounts["Labels a picture"] == round(labels_per_image(index) or 0, 1) > 1
    assert f"{amounts['Labels a picture']:g} to a picture" in words(app).replace("\\", "")
    assert "without naming what is in them" in words(app)


def test_impossible_volumes_are_said_and_a_p99_of_few_runs_is_not(page: OpenPage) -> None:
    written("mine", [row(samples_ms=[12.0] * 7)], "finished")
    app = page()
    assert "No p99 of fewer than 20 runs" in words(app)
    assert every(app, "dataframe")[0].value["latency_ms_p99"].isna().all()
    app = page(show="Money")
    for value, counted in ((0, "1"), (10**14, "10 trillion")):
        seen(next(box for box in app.number_input if box.label == "Pictures").set_value(value).run())
        assert f"Give 1 to 10 trillion pictures; reckoned with {counted}." in words(app)


def test_with_one_task_only_that_way_is_reckoned(page: OpenPage) -> None:
    written("mine", rows()[:3], "finished")
    app = page(show="Money")
    assert [metric.label for metric in app.metric] == ["Classification"]
    assert "No detector has been measured" in words(app)


def test_real_time_says_who_keeps_up(page: OpenPage) -> None:
    quick = STREAM | {"processed": 125, "dropped": 0, "sustained_fps": 25.0, "keeps_up": True, "words": "25 of 25"}
    written("mine", [row(stream=quick), row(DETECTOR, stream=STREAM)], "finished")
    app = page(show="Real time")
    text = words(app).replace("\\", "")
    assert "**EfficientNet-Lite0** keeps up" in text
    assert "**SSDLite-MobileNetV2** does not keep up: 20 of 25 frames a second; 20% dropped" in text
    assert charts(app) == ["frames a second"]
    click(app, "Try them")
    assert plan_of_last().target_fps == 25.0


def test_a_measurement_can_be_done_again_and_deleted(page: OpenPage) -> None:
    bench = written("mine", rows(), "finished")
    app = click(page(), "Measure again")
    assert len(list_benches()) == 2
    app = page(bench=bench.id)
    click(app, "Delete it")
    assert bench.id not in [one.id for one in list_benches()]


def test_names_are_shown_letter_by_letter(page: OpenPage) -> None:
    hostile = [row("runs/a", title=HOSTILE), row(DETECTOR, title=HOSTILE), broken(HOSTILE, model="b", title=HOSTILE)]
    written(HOSTILE, hostile, "finished")
    for show in ("Results", "Money"):
        app = page(show=show)
        for item in every(app, "markdown"):
            assert "<b>bold" not in item.value
    assert HOSTILE in said(app.selectbox[0]) or app.selectbox[0].options


def test_a_damaged_measurement_does_not_take_the_page_with_it(page: OpenPage) -> None:
    written("mine", rows(), "finished")
    damaged = written("damaged", [], "finished")
    (damaged.path / "status.json").write_text("{", encoding="utf-8")
    app = page()
    assert "Failed." in words(app)
    assert len(every(page(bench="all"), "dataframe")[0].value) == 9


def test_measurements_of_one_name_are_both_in_the_list(page: OpenPage) -> None:
    written("mine", rows()[:3], "finished")
    written("mine", rows(), "finished")
    written("other", rows()[:1], "finished")
    app = page()
    options = select(app, "Measurement").options
    assert options[:3] == [
        "other · finished",
        "mine · 2026-11-21 10:00:00 UTC · finished",
        "mine · 2026-11-20 10:00:00 UTC · finished",
    ]
    for bench, count in zip(list_benches(), (1, 9, 3), strict=True):
        app = seen(select(app, "Measurement").set_value(bench.id).run())
        assert len(every(app, "dataframe")[0].value) == count


def test_runs_of_one_title_are_both_in_the_list() -> None:
    from pages.parts.costs_page.form import model_labels
    from vision_core.models import get_spec

    run = replace(get_spec(CLASSIFIER), source="run")
    said = model_labels({"/runs/a": run, "/runs/b": run, CLASSIFIER: get_spec(CLASSIFIER)})
    assert said["/runs/a"] == "EfficientNet-Lite0 · what · your run · a"
    assert len(set(said.values())) == 3
    assert said[CLASSIFIER].count(" · ") == 2


def test_a_folder_that_cannot_be_read_while_it_is_watched_takes_nothing_else_with_it(
    page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    written("mine", rows(), "finished")
    status, calls = BenchFolder.status, []

    def gone(self: BenchFolder) -> dict[str, Any]:
        calls.append(self)
        if len(calls) > 1:  # the list asks first
            raise DataError("Its folder cannot be read.")
        return status(self)

    monkeypatch.setattr(BenchFolder, "status", gone)
    app = page()
    assert [box.value for box in app.error] == ["Its folder cannot be read\\."]
    assert len(every(app, "dataframe")) == 1


def test_whose_threshold_flatters_it_is_said_and_who_can_be_asked_where_it_looks(
    page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pages.parts.costs_page import tradeoff

    runs = ROOT / "vision_core" / "assets" / "runs"
    classifier, detector = (str(runs / f"fashion-shelf-{kind}") for kind in ("classifier", "detector"))
    figures = {name: Quality(0.9, 0.8, 0.95) for name in ("presence_ap", "presence_f1")}
    stand = OnTheYardstick(
        {classifier: figures, detector: {**figures, "pointing": Quality(0.8)}},
        pictures=43,
        unanswered={classifier: {"pointing": NOT_ASKED}, detector: {}},
        flattered={detector: "Score 0.30 was chosen on the pictures judged here."},
    )
    monkeypatch.setattr(tradeoff, "_yardstick", lambda runs, keys: stand)
    written("mine", [row(classifier, title="A classifier"), row(detector, title="A detector")], "finished")
    app = page()
    assert "chosen on the pictures judged here" not in words(app)  # average precision has no threshold
    seen(select(app, "How good").set_value("presence_f1").run())
    assert any("A detector" in box.value and "chosen on the pictures judged here" in box.value for box in app.warning)
    app = seen(select(app, "How good").set_value("pointing").run())
    assert "A classifier: — its activation maps have not been asked" in words(app).replace("\\", "")
    (link,) = [one for one in every(app, "page_link") if "where the classifier looks" in one.proto.label]
    assert "run=fashion-shelf-classifier&run=fashion-shelf-detector" in link.proto.query_string


# --- the two in turn ---

PAIR = f"{DETECTOR}>{CLASSIFIER}"


def in_turn(**changes: Any) -> dict[str, Any]:
    """A measured row of detect-then-classify."""
    made = row(PAIR, title="SSDLite > EfficientNet", task="two-stage", crops=3, ms=50.0)
    return made | {"detect_ms": 32.0, "classify_ms": 18.0, "layers": []} | changes


def test_the_two_in_turn_can_be_measured_as_one(page: OpenPage) -> None:
    app = page()
    assert "8 combinations" in words(app)
    seen(next(box for box in app.toggle if box.label.startswith("And the two in turn")).set_value(True).run())
    assert "12 combinations" in words(app)
    seen(next(box for box in app.number_input if box.label == "Objects a picture").set_value(5).run())
    app = click(app, "Measure$")
    assert (plan_of_last().models, plan_of_last().crops) == ((CLASSIFIER, DETECTOR, PAIR), 5)
    assert list_benches()[0].name.endswith("in turn")
    one_task = page(show="Measure")
    seen(one_task.multiselect[0].set_value([CLASSIFIER]).run())
    assert not one_task.toggle


def test_money_takes_the_two_in_turn_as_measured_where_they_were(page: OpenPage) -> None:
    written("mine", rows(), "finished")
    app = page(show="Money")
    assert "The two in turn are estimated from what each takes alone" in words(app)
    estimated = app.metric[2].value
    written("mine", [*rows(), in_turn()], "finished")
    app = page(show="Money")
    chosen = select(app, "The two in turn")
    assert "3 crops" in chosen.options[0]
    assert app.metric[2].value != estimated
    assert "measured with 3 crops" in words(app)
    seen(next(box for box in app.number_input if box.label == "Objects a picture").set_value(6.0).run())
    assert "reckoned with 6 in proportion" in words(app)
    assert [box.label for box in app.number_input if box.label.startswith("Hours")] == [
        "Hours of training, classifier",
        "Hours of training, detector",
    ]
    as_measured = app.metric[2].value
    app = seen(select(app, "The two in turn").set_value("Estimated from the two alone").run())
    assert app.metric[2].value != as_measured
    assert "in proportion" not in words(app)


def test_results_show_pipelines_beside_models(page: OpenPage) -> None:
    written("mine", [row(), row(DETECTOR), in_turn()], "finished")
    table = every(page(), "dataframe")[0].value
    assert table["crops"].tolist()[2] == 3
    written("other", [row(), row(DETECTOR)], "finished")
    assert "crops" not in every(page(), "dataframe")[0].value
