"""Every path through the pages, driven by Streamlit's own test runner on the real models."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from streamlit.testing.v1 import AppTest

from pages.parts import engine
from tests.test_predict import write_run
from vision_core.costs.prices import load_prices
from vision_core.predict import Classifier, ObjectDetector

ROOT = Path(__file__).parent.parent
HOME = str(ROOT / "app.py")
COMPARE = "pages/1_Compare.py"


@pytest.fixture(autouse=True)
def _quick_measurements(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each cost is measured for real, but not for long."""
    monkeypatch.setattr(engine, "BUDGET", engine.Budget(seconds=0.0, min_runs=1, max_runs=2, warmup=0))


@pytest.fixture
def page() -> Callable[..., AppTest]:
    """Opens the Compare page as a new session, with an address; sessions share models as on a server."""

    def open_page(**address: str | list[str]) -> AppTest:
        app = AppTest.from_file(HOME, default_timeout=300).switch_page(COMPARE)
        for name, value in address.items():
            app.query_params[name] = value
        return seen(app.run())

    return open_page


def seen(app: AppTest) -> AppTest:
    assert not app.exception, [item.message for item in app.exception]
    return app


def every(app: AppTest, kind: str) -> Any:
    return app.get(kind)


def widget(app: AppTest, key: str) -> Any:
    return app.get_by_key(key)


def text(app: AppTest) -> str:
    """All that the page says in words."""
    return "\n".join(str(item.value) for kind in ("markdown", "caption", "info", "error") for item in every(app, kind))


def objects(app: AppTest) -> list[str]:
    """What the detection column lists."""
    return list(app.dataframe[0].value["object"])


def upload(app: AppTest, *files: tuple[str, bytes]) -> AppTest:
    widget(app, "source").set_value("Upload").run()
    return seen(widget(app, "upload").set_value([(name, data, "image/jpeg") for name, data in files]).run())


def test_home_names_the_ways_in_and_the_machine() -> None:
    app = seen(AppTest.from_file(HOME, default_timeout=120).run())
    assert app.title[0].value == "What, or what and where?"
    assert {item.label for item in app.metric} >= {
        "Device",
        "Processor cores",
        "Models",
        "Your data sets",
        "Your duels",
    }


def test_the_first_visit_shows_both_tasks_and_what_they_cost(page: Callable[..., AppTest]) -> None:
    app = page()
    said = text(app)
    for words in ("Classification", "Detection", "Detect-then-classify", "Who can answer what?", "FLOPs", "A million"):
        assert words in said or any(words in item.value for item in app.subheader)
    assert objects(app) == ["cat", "cat", "person", "cup"]
    assert "2 per multiply-add" in said.replace("\\", "")
    assert not app.error


def test_sliders_act_on_all_columns_without_a_forward_pass(
    page: Callable[..., AppTest], monkeypatch: pytest.MonkeyPatch
) -> None:
    app = page()
    for predictor in (Classifier, ObjectDetector):
        monkeypatch.setattr(predictor, "predict", lambda *_: pytest.fail("a slider ran a network"))
    for score in (0.1, 0.5, 0.95):
        for iou in (0.1, 0.9):
            app.slider(key="score").set_value(score)
            seen(app.slider(key="iou").set_value(iou).run())
            tables = [item.value for item in app.dataframe if "object" in item.value]
            assert len(tables) == (2 if score < 0.9 else 0), "both columns of boxes follow"
            for table in tables:
                assert min(table["score"]) >= 100 * score - 1e-4
                assert list(table["object"]) == list(tables[0]["object"])
    app.slider(key="score").set_value(0.4)
    seen(app.slider(key="top_k").set_value(3).run())
    labels = app.dataframe[1].value["all labels"]
    assert all(row.count("%") == 3 for row in labels)
    seen(app.multiselect(key="only").set_value(["person"]).run())
    assert objects(app) == ["person"]
    assert "none of its classes means person" in text(app).replace("\\", "")


def test_the_address_holds_the_state(page: Callable[..., AppTest]) -> None:
    app = page(sample="An espresso", score="0.6", compare="Detectors")
    assert app.slider(key="score").value == 0.6
    assert objects(app) == ["cup", "dining table"]
    seen(app.slider(key="score").set_value(0.9).run())
    assert objects(app) == ["cup"]


def test_an_uploaded_photo_survives_a_reload(page: Callable[..., AppTest], samples: Path) -> None:
    app = upload(page(), ("mine.png", (samples / "coffee.png").read_bytes()))
    assert objects(app) == ["cup", "dining table"]
    again = page(source="Upload", set=app.query_params["set"])
    assert objects(again) == ["cup", "dining table"]
    lost = page(source="Upload", set="0123456789abcdef")
    assert "Drop a photo above" in text(lost)


def test_no_picture_yet_says_what_to_do(page: Callable[..., AppTest]) -> None:
    assert "Drop a photo above" in text(page(source="Upload"))
    assert "Take a photo above" in text(page(source="Camera"))


def test_an_unreadable_file_gets_a_sentence_and_the_others_still_work(
    page: Callable[..., AppTest], samples: Path
) -> None:
    good = (samples / "coffee.png").read_bytes()
    app = upload(page(), ("page.jpg", b"<html><script>alert(1)</script>"), ("cut.png", good[:9000]), ("good.png", good))
    assert len(app.error) == 2
    assert objects(app) == ["cup", "dining table"]


def test_many_pictures_make_a_table(page: Callable[..., AppTest], samples: Path) -> None:
    files = [(f"{name}.png", (samples / f"{name}.png").read_bytes()) for name in ("coffee", "chelsea", "astronaut")]
    app = upload(page(), *files)
    table = app.dataframe[0].value
    assert list(table["name"]) == ["coffee.png", "chelsea.png", "astronaut.png"]
    assert list(table["objects · SSDLite-MobileNetV2"]) == [2, 1, 1]
    assert table["label · EfficientNet-Lite0"][0] == "espresso"
    assert all(table["ms, one pass · EfficientNet-Lite0"] > 0)


def test_a_folder_is_opened_only_where_it_is_allowed(
    page: Callable[..., AppTest], samples: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "Folder" not in widget(page(), "source").options
    monkeypatch.setenv("WHATWHERE_FOLDERS", str(samples))
    app = page(source="Folder", folder=str(samples))
    assert len(app.dataframe[0].value) == len(list(samples.glob("*.*g")))
    assert str(tmp_path) in page(source="Folder", folder=str(tmp_path)).error[0].value.replace("\\", "")


def test_what_is_asked_about_follows_the_picture_until_somebody_chooses(page: Callable[..., AppTest]) -> None:
    def asked(app: AppTest) -> str:
        return str(next(item.value for item in app.selectbox if item.label == "Ask about"))

    app = page(sample="An espresso")
    assert asked(app) == "cup"
    assert asked(seen(app.selectbox(key="sample").set_value("Chelsea the cat").run())) == "cat"
    assert asked(page(sample="Chelsea the cat", thing="dog")) == "dog"
    assert asked(page(sample="Chelsea the cat", thing="no such thing")) == "cat"


def test_up_to_three_models_of_one_task_are_compared(page: Callable[..., AppTest], workspace: Path) -> None:
    run = write_run(workspace / "runs" / "shelf", class_names=["bottle", "box"])
    app = page(compare="Detectors", detectors=["ssdlite_mobilenet_v2_coco", str(run)])
    panel = next(item.value for item in every(app, "html") if "Question" in item.value)
    assert "<th>SSDLite-MobileNetV2</th><th>shelf (SSDLite-MobileNetV2)</th>" in panel


def test_a_model_that_cannot_be_had_is_an_error_in_its_place(
    page: Callable[..., AppTest], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WHATWHERE_OFFLINE", "1")
    app = page(classifier="resnet18")
    assert "resnet18" in app.error[0].value.replace("\\", "")
    assert objects(app) == ["cat", "cat", "person", "cup"]
    app = page(classifier="resnet81")
    assert "resnet18" in app.error[0].value.replace("\\", ""), "an unknown name comes with a suggestion"


def test_a_full_store_never_loses_the_samples(samples: Path) -> None:
    store = engine.PictureStore(max_bytes=300_000)
    sample = store.add("chelsea.png", samples / "chelsea.png")
    first = store.add("a.png", (samples / "chelsea.png").read_bytes() + b" ")
    second = store.add("b.png", (samples / "chelsea.png").read_bytes() + b"  ")
    assert first.digest not in store
    assert sample.digest in store
    assert second.digest in store


def test_visitors_never_see_each_others_file_names(page: Callable[..., AppTest], samples: Path) -> None:
    content = (samples / "coffee.png").read_bytes() + b"\n"
    upload(page(), ("alice-private.png", content))
    app = upload(page(), ("bob.png", content))
    assert "bob" in text(app)
    assert "alice" not in text(app) + app.code[0].value
    assert "open_image('bob.png')" in app.code[0].value


def test_a_file_called_like_a_sample_is_not_taken_for_it(page: Callable[..., AppTest], samples: Path) -> None:
    app = upload(page(), ("rocket.jpg", (samples / "coffee.png").read_bytes() + b"\n"))
    assert "open_sample" not in app.code[0].value


def test_an_address_between_the_steps_is_taken_to_the_next_one(page: Callable[..., AppTest]) -> None:
    assert not page(iou="0.47", score="0.1").error


def test_an_address_opens_no_folder_as_a_model(page: Callable[..., AppTest], tmp_path: Path) -> None:
    run = write_run(tmp_path / "elsewhere")
    for name in (str(run), "a" * 3000):
        app = page(detector=name)
        assert app.error
        assert not any("elsewhere (" in line for line in text(app).splitlines())


def test_the_class_filter_does_not_make_the_panel_lie(page: Callable[..., AppTest]) -> None:
    app = page(only="cup")
    panel = next(item.value for item in every(app, "html") if "Question" in item.value)
    assert "2 × cat" in panel


def test_prices_are_dated_and_change_what_a_million_costs(page: Callable[..., AppTest]) -> None:
    app = page()
    app.session_state["prices_open"] = True
    assert f"as of {load_prices().as_of}" in text(seen(app.run()))
    names = app.selectbox(key="price").options
    before = text(app)
    seen(app.selectbox(key="price").set_value(names[4]).run())
    assert text(app) != before


def test_a_damaged_price_file_is_said_and_the_results_stay(page: Callable[..., AppTest], workspace: Path) -> None:
    workspace.mkdir(parents=True)
    (workspace / "prices.yaml").write_text(yaml.safe_dump({"as_of": "yesterday", "prices": []}))
    app = page()
    assert "prices" in app.error[0].value
    assert objects(app) == ["cat", "cat", "person", "cup"]


def test_two_sessions_share_models_but_not_pictures(page: Callable[..., AppTest]) -> None:
    one, two = page(sample="An espresso"), page(sample="Chelsea the cat")
    assert (objects(one), objects(two)) == (["cup", "dining table"], ["cat"])
    seen(two.slider(key="score").set_value(0.95).run())
    assert objects(seen(one.run())) == ["cup", "dining table"]


def test_hostile_class_names_stay_text(page: Callable[..., AppTest], workspace: Path) -> None:
    names = ["<script>alert(1)</script>", "[x](javascript:alert(1)) | `a` $b$"]
    run = write_run(workspace / "runs" / "hostile", class_names=names)
    app = page(compare="Detectors", detectors=[str(run)], score="0.1")
    assert set(objects(app)) <= set(names), "a table shows names letter by letter"
    told = [str(item.value) for kind in ("markdown", "caption") for item in every(app, kind)]
    hostile = [line for line in told if "script" in line or "javascript" in line]
    assert hostile, "the names are on the page"
    assert not any(re.search(r"(?<!\\)<script|(?<!\\)\]\(javascript", line) for line in hostile)
    panel = next(item.value for item in every(app, "html") if "Question" in item.value)
    assert "&lt;script&gt;" in panel
    assert "<script" not in panel


def test_downloads_and_code_are_offered(page: Callable[..., AppTest]) -> None:
    app = page(sample="An espresso")
    labels = [item.label.replace("\\", "") for item in every(app, "download_button")]
    assert labels == ["JSON", "CSV", "COCO", "YOLO", "PNG: detection", "PNG: detect-then-classify", "As a notebook"]


def test_the_shown_code_reproduces_the_screen(page: Callable[..., AppTest]) -> None:
    app = page(sample="An espresso", score="0.5")
    table = app.dataframe[1].value
    done = subprocess.run(
        [sys.executable, "-c", app.code[0].value], cwd=ROOT, capture_output=True, text=True, timeout=300, check=True
    )
    for name, score in zip(table["object"], table["score"], strict=True):
        assert f"{score / 100:6.1%}  {name} at" in done.stdout
    for name, labels in zip(table["object"], table["all labels"], strict=True):
        assert f"{name}: ['{labels.split('%')[0].rsplit(' ', 1)[0]} " in done.stdout
