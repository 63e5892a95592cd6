"""The report: the numbers of `result.json` in an HTML file that is small, ours, and cannot be broken into."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.evaluated_runs import evaluated, trained_run
from tests.reported import HOSTILE, bring, cost_row, finished_duel
from tests.training_processes import paint_labelled
from vision_core.__main__ import main
from vision_core.data.library import Dataset, import_dataset
from vision_core.duel.folder import RESULT, DuelFolder
from vision_core.duel.plan import DuelPlan
from vision_core.errors import DataError, SettingsError
from vision_core.evaluation.records import ClassificationResults, DetectionResults, FoundBoxes, TrueBoxes
from vision_core.evaluation.store import list_evaluations
from vision_core.evaluation.yardstick import FIGURES
from vision_core.model_card import model_card
from vision_core.report import report_html, write_report
from vision_core.run_folder import RunFolder

CHAPTERS = ("good", "cost", "labels", "pictures", "data", "method", "licences", "limits", "cards")
OURS = {
    *("html", "head", "meta", "title", "style", "body", "header", "h1", "h2", "h3", "p", "div", "time", "nav", "ul"),
    *("li", "a", "main", "noscript", "section", "details", "summary", "table", "caption", "thead", "tbody", "tr"),
    *("th", "td", "small", "figure", "figcaption", "img", "b", "span", "pre", "code", "script"),
}


@dataclass
class Read(HTMLParser):
    """What a parser finds in a report."""

    tags: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    values: dict[tuple[str, str], list[tuple[float | None, str]]] = field(default_factory=dict)
    text: str = ""
    scripts: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self.table = self.row = ""
        self.inside: list[str] = []

    @classmethod
    def of(cls, html: str) -> Read:
        found = cls()
        found.feed(html)
        return found

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = dict(attrs)
        self.tags.append((tag, known))
        if tag not in ("meta", "img"):
            self.inside.append(tag)
        if tag == "script":
            self.scripts.append("")
        if tag == "table":
            self.table = str(known.get("data-table", ""))
        if tag == "tr":
            self.row = str(known.get("data-row", ""))
        if tag == "td":
            value = known.get("data-value")
            cells = self.values.setdefault((self.table, self.row), [])
            cells.append((None if value is None else float(value), ""))

    def handle_endtag(self, tag: str) -> None:
        assert self.inside.pop() == tag, f"</{tag}> closes nothing of ours"

    def handle_data(self, data: str) -> None:
        if self.inside and self.inside[-1] == "script":
            self.scripts[-1] += data
            return
        self.text += data
        if "td" in self.inside:
            cells = self.values[self.table, self.row]
            cells[-1] = (cells[-1][0], cells[-1][1] + data)

    def ids(self) -> list[str]:
        return [str(known["id"]) for _, known in self.tags if "id" in known]

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [known for name, known in self.tags if name == tag]


@pytest.fixture
def squares(tmp_path: Path) -> Dataset:
    return bring(tmp_path / "squares")


@dataclass(frozen=True)
class Told:
    """A duel's result, and the report on it."""

    result: dict[str, Any]
    html: str
    read: Read


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    folder = tmp_path_factory.mktemp("told")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WHATWHERE_HOME", str(folder / "home"))
        duel = finished_duel(folder / "duel", bring(folder / "squares"))
        html = report_html([duel.path])
        return Told(duel.result(), html, Read.of(html))


def test_a_duels_report_holds_the_very_numbers_of_its_result(told: Told):
    result, read = told.result, told.read
    every = result["contenders"]
    assert [one["task"] for one in every] == ["classification", "detection", "two-stage"]
    for name in FIGURES:
        cells = read.values["yardstick", name]
        assert [value for value, _ in cells] == [one["figures"][name] for one in every]
        for (value, text), one in zip(cells, every, strict=True):
            if value is None:
                assert one["unanswered"][name] in text, "who cannot say says why"
    for gap in result["gaps"]:
        apart = [value for value, _ in read.values["gaps", f"{gap['one']}|{gap['other']}"]]
        assert apart == [gap["figures"].get(name, {}).get("gap") for name in FIGURES if _anywhere(result, name)]
    for name in ("latency_ms_p50", "images_per_second", "usd_per_million"):
        assert [value for value, _ in read.values["costs", name]] == [one["costs"][name] for one in every]
    hours = [value for value, _ in read.values["costs", "labelling_hours"]]
    assert hours == [one["labels"]["hours"] for one in every]
    assert dict(read.tags)["body"]["data-verdict"] == result["verdict"]["task"]
    assert set(CHAPTERS) <= set(read.ids())
    assert "A note on what was left out." in read.text
    assert all(not address.startswith(("http", "//")) for address in _addresses(read))


def _anywhere(result: dict[str, Any], name: str) -> bool:
    return any(name in gap["figures"] for gap in result["gaps"])


def _addresses(read: Read) -> list[str]:
    return [str(known[name]) for _, known in read.tags for name in ("src", "href", "srcset", "action") if name in known]


def test_the_intervals_of_a_duel_are_those_of_its_result(told: Told):
    result, read = told.result, told.read
    for place, one in enumerate(result["contenders"]):
        for name, (low, high) in one["intervals"].items():
            text = read.values["yardstick", name][place][1]
            scale = 1 if name == "count_mae" else 100
            found = [float(number) / scale for number in re.findall(r"-?\d+\.\d+", text)]
            assert found[1:] == pytest.approx([low, high], abs=0.005 if scale == 1 else 0.0005)


def test_the_decision_is_three_sentences_and_names_who_cannot_say(told: Told):
    decision = re.search(r'<div class="decision".*?</div>', told.html, re.S)
    assert decision is not None
    said = re.findall(r"<p>(.*?)</p>", decision.group(0), re.S)
    assert len(said) == 3
    verdict = told.result["verdict"]["task"]
    assert {"detection": "choose detection", "two-stage": "choose detect-then-classify"}[verdict] in said[0]
    assert "classification cannot say (a classifier says what is there, not how many)" in said[1]
    assert "ms for a picture" in said[2]


def test_each_kind_of_success_and_failure_has_its_pictures_with_alt_texts(told: Told):
    read = told.read
    kinds = [known["data-gallery"] for known in read.all("div") if "data-gallery" in known]
    assert {"right", "missed", "background", "class", "disagree"} <= set(kinds)
    pictures = read.all("img")
    assert len(kinds) < len(pictures) <= 10 * len(kinds)
    assert all(str(known["src"]).startswith("data:image/jpeg;base64,") and known["alt"] for known in pictures)
    for title in ("Classification", "Detection", "Detect-then-classify"):
        assert any(f"{title}:" in str(known["alt"]) for known in pictures)


def test_charts_of_a_duel_hold_its_values(told: Told):
    read, result = told.read, told.result
    charts = json.loads(next(text for text in read.scripts if text.startswith("{")))
    keys = {"figure_count_mae", "figure_presence_ap", "pareto", "money", "learning_pictures", "learning_hours"}
    assert keys <= charts.keys()
    assert {f"chart-{key}" for key in charts} <= set(read.ids())
    (points,) = [trace for trace in charts["figure_count_mae"]["data"] if trace.get("error_x")]
    counted = [one["figures"]["count_mae"] for one in result["contenders"] if one["figures"]["count_mae"] is not None]
    assert points["x"] == pytest.approx(counted)


@pytest.fixture
def hostile(tmp_path: Path) -> Dataset:
    """Classes, files and a data set whose names are all hostile; pictures of noise, which compress worst."""
    files = [name.replace("/", "∕").replace("\n", "")[:80] for name in HOSTILE]
    return bring(tmp_path / "squares", '<b onclick="alert(5)">', HOSTILE, files=files, pictures=24)


def test_hostile_names_stay_names_and_noise_stays_small(tmp_path: Path, hostile: Dataset):
    duel = finished_duel(tmp_path / "duel", hostile, HOSTILE[1])
    html = report_html([duel.path])
    assert len(html.encode()) < 5_000_000
    read = Read.of(html)
    assert {tag for tag, _ in read.tags} <= OURS
    assert len(read.scripts) == 3, "the figures, plotly.js and our own"
    assert not any(name.startswith("on") for _, known in read.tags for name in known)
    assert all(address.startswith(("#", "data:image/jpeg")) for address in _addresses(read))
    assert "<script>alert(1)</script>" in read.text, "shown as it is called"
    assert not re.search("[\u0000-\u0008\u000b\u000c\u000e-\u001f\u202a-\u202e\u2066-\u2069]", read.text)
    assert "49" not in re.findall(r"\{\{ 7\*7 \}\}|49", read.text) or "{{ 7*7 }}" in read.text
    assert len(read.all("img")) > 40


def test_a_run_reports_its_figures_classes_threshold_errors_and_what_is_missing(squares: Dataset):
    run = trained_run(squares, "detection", "Boxes")
    evaluation = evaluated(run)
    read = Read.of(report_html([run.path]))
    for name in ("map", "map50", "map75", "ar100"):
        assert read.values["headline", name][0][0] == pytest.approx(evaluation.figures[name], abs=0)
    assert [read.values["classes", str(number)][0][0] for number in range(3)] == [12, 12, 12]
    assert ("errors", "class") in read.values
    assert "Boxes count from a score of 0.4 on" in read.text
    assert "is not measured yet: python -m vision_core bench RUN" in read.text
    assert model_card(run.path).rstrip() in read.text, "the very card, as it is indented"
    run.write("costs.json", {"rows": [cost_row(str(run.path), "detection", 21.5)]})
    assert Read.of(report_html([run.path])).values["costs", "latency_ms_p50"][0][0] == 21.5


def test_a_run_that_was_never_evaluated_says_so_and_how_to_do_it(squares: Dataset):
    run = trained_run(squares, "classification", "Labels", labels_from="presence")
    read = Read.of(report_html([run.path]))
    assert "Nobody knows yet how good Labels is" in read.text
    assert "python -m vision_core evaluate RUN" in read.text
    assert ("headline", "map") not in read.values


def test_a_comparison_holds_the_figures_of_the_yardstick_and_paired_gaps(
    squares: Dataset, capsys: pytest.CaptureFixture[str]
):
    runs = [trained_run(squares, "detection", name, seed=seed) for seed, name in enumerate(("One", "Other"))]
    for number, run in enumerate(runs):
        evaluated(run, sure=0.5 + number, seed=number)
    read = Read.of(report_html([run.path for run in runs]))
    assert main(["compare", *[str(run.path) for run in runs], "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    for name in FIGURES:
        assert [value for value, _ in read.values["yardstick", name]] == [one["figures"][name] for one in said["runs"]]
    gaps = said["pairs"][0]["gaps"]
    apart = [value for value, _ in read.values["gaps", "One|Other"]]
    assert apart == [gaps[name]["gap"] for name in FIGURES]
    assert said["pairs"][0]["words"] in read.text


def test_what_cannot_be_reported_on_is_refused_with_the_way_out(tmp_path: Path, squares: Dataset):
    duel = DuelFolder.create(tmp_path / "duel", DuelPlan(data=squares.id))
    waiting = DuelFolder.create(tmp_path / "waiting", DuelPlan(data=squares.id))
    with pytest.raises(DataError, match=r"not finished.*vision_core duel --out"):
        report_html([waiting.path])
    with pytest.raises(SettingsError, match="name it alone"):
        report_html([duel.path, waiting.path])
    with pytest.raises(SettingsError, match="Name what"):
        report_html([])
    with pytest.raises(DataError, match=r"not a run's folder"):
        report_html([tmp_path])
    fresh = [trained_run(squares, "detection", name) for name in ("A", "B")]
    with pytest.raises(DataError, match="'A' has not been evaluated"):
        report_html([run.path for run in fresh])
    (duel.path / RESULT).write_text('{"verdict": {}}')
    with pytest.raises(DataError, match="no result of a duel"):
        report_html([duel.path])


def test_a_report_replaces_a_report_and_nothing_else(tmp_path: Path, squares: Dataset):
    run = trained_run(squares, "detection", "Boxes")
    other = tmp_path / "notes.html"
    other.write_text("<p>mine</p>")
    with pytest.raises(DataError, match="no report of ours"):
        write_report([run.path], other)
    assert other.read_text() == "<p>mine</p>"
    with pytest.raises(DataError, match="is a folder"):
        write_report([run.path], tmp_path)
    out = tmp_path / "new" / "report.html"
    assert write_report([run.path], out) == out
    before = out.stat().st_ino
    write_report([run.path], out)
    assert out.stat().st_ino != before
    assert [path.name for path in out.parent.iterdir()] == ["report.html"]


def test_cancelling_leaves_nothing_behind(tmp_path: Path, squares: Dataset):
    run = trained_run(squares, "detection", "Boxes")
    evaluated(run)

    class Enough(Exception):
        pass

    stages: list[str] = []

    def stop(stage: str, done: int, total: int) -> None:
        stages.append(stage)
        if stage == "Drawing pictures" and done == 3:
            raise Enough

    with pytest.raises(Enough):
        write_report([run.path], tmp_path / "report.html", stop)
    assert not list(tmp_path.glob("*report.html*"))
    assert {"Looking for faults", "Writing model cards"} <= set(stages)


def test_pictures_that_are_gone_are_said_to_be_gone(squares: Dataset):
    run = trained_run(squares, "detection", "Boxes")
    evaluated(run)
    (evaluation,) = list_evaluations(run.path)
    for number in range(len(evaluation.results)):
        evaluation.path(number).unlink()
    read = Read.of(report_html([run.path]))
    assert not read.all("img")
    assert "This picture can no longer be read." in read.text


def test_the_command_line_writes_one_and_finds_duels_of_the_workspace_by_name(
    workspace: Path, squares: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    finished_duel(workspace / "duels" / "mine", squares)
    out = tmp_path / "report.html"
    assert main(["report", "mine", "-o", str(out), "--quiet", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said == {"out": str(out), "bytes": out.stat().st_size, "of": [str(workspace / "duels" / "mine")]}
    assert main(["report", "nothing", "-o", str(out)]) == 2
    assert "is no run" in capsys.readouterr().err


def test_runs_without_weights_or_history_have_a_report_too(squares: Dataset):
    run = trained_run(squares, "detection", "Boxes")
    (run.path / "metrics.jsonl").unlink()
    assert "No epoch of its training is on record." in Read.of(report_html([RunFolder(run.path).path])).text


def test_a_duel_without_boxes_says_what_nobody_can_tell(tmp_path: Path):
    from vision_core.duel.account import account
    from vision_core.duel.folder import DUEL
    from vision_core.duel.judging import Said

    data = import_dataset(paint_labelled(tmp_path / "labelled"), "Colours")
    run = trained_run(data, "classification", "Colours")
    evaluation = evaluated(run)
    results, none = evaluation.results, np.zeros(0, np.int64)
    assert isinstance(results, ClassificationResults)
    found = DetectionResults(
        pictures=results.pictures,
        class_names=results.class_names,
        sizes_px=np.full((len(results), 2), 48),
        truth=TrueBoxes(none, np.zeros((0, 4)), none, np.zeros(0, bool)),
        found=FoundBoxes(np.array([0]), np.array([[4.0, 4.0, 30.0, 30.0]]), np.array([0.9]), np.array([1])),
    )
    duel = DuelFolder.create(tmp_path / "duel", DuelPlan(data=data.id, contenders=("classification", "detection")))
    duel.files.write(DUEL, duel.files.read(DUEL) | {"data": data.id})
    rows = {"classification": cost_row("a", "classification", 12.0), "detection": cost_row("b", "detection", 30.0)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("vision_core.duel.account.measure", lambda *_, **__: rows)
        said = [Said("classification", 1.0, results), Said("detection", 1.0, found)]
        result = account(duel, said, {"pictures-100": run}, False, lambda *_: None)
    note = "Nobody has drawn boxes in these pictures."
    about = {"state": "finished", "data": data.id, "plan": duel.plan().to_json(), "notes": [note]}
    duel.files.write(RESULT, about | result)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("vision_core.duel.unboxed.detected", lambda *_: found)
        read = Read.of(report_html([duel.path]))
    for name in ("count_mae", "pointing", "ap50"):
        assert all(value is None and "Nobody has drawn boxes" in text for value, text in read.values["yardstick", name])
    assert read.values["yardstick", "presence_ap"][0][0] == result["contenders"][0]["figures"]["presence_ap"]
    assert note in read.text
    assert "There are no learning curves" in read.text
    shown = bool(results.shown[0, 1])
    assert f"finds {results.class_names[1]}{'' if shown else ', which is not there'}" in read.text
    assert f"finds no {results.class_names[0]}" in read.text, "it found nothing in the others"
    assert "SSDLite-MobileNetV2" in read.text
    assert len([known for known in read.all("details") if "data-card" in known]) == 2
