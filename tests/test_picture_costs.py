"""What one picture costs through the real predictors: alone, and in turn."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from vision_core import load_classifier, load_detector, open_sample
from vision_core.costs.latency import Budget
from vision_core.costs.machine import describe
from vision_core.costs.picture import Pipeline, measure_picture
from vision_core.costs.prices import load_prices
from vision_core.errors import ModelError

BUDGET = Budget(seconds=0, min_runs=2, max_runs=2, warmup=1)


@pytest.fixture(scope="module")
def parts() -> tuple[Pipeline, Pipeline, Pipeline]:
    classifier, detector = load_classifier(), load_detector()
    return Pipeline(classifier), Pipeline(detector=detector), Pipeline(classifier, detector)


def test_both_stages_add_up(parts: tuple[Pipeline, Pipeline, Pipeline]) -> None:
    image = open_sample("coffee").pixels
    one, boxes, both = (measure_picture(image, what, budget=BUDGET)[0] for what in parts)
    assert both.parameters.value == (one.parameters.value or 0) + (boxes.parameters.value or 0)
    # a cup and a table are cropped: the detector once, the classifier twice
    assert both.flops.value == (boxes.flops.value or 0) + 2 * (one.flops.value or 0)
    assert both.model == "ssdlite_mobilenet_v2_coco + tf_efficientnet_lite0"
    # 0.39 G multiply-adds are what EfficientNet-lite's authors give for lite0 at 224 px
    assert one.flops.value == pytest.approx(2 * 0.39e9, rel=0.05)
    assert one.input_size_px == (224, 224)
    for report in (one, boxes, both):
        assert report.latency_ms_p50.how == "measured"
        assert (report.latency_ms_p95.value or 0) >= (report.latency_ms_p50.value or 0) > 0
        assert (report.peak_memory_bytes.value or 0) > 4 * (report.parameters.value or 0)
        assert report.usd_per_million.how == "unavailable", "no price was chosen"


def test_money_is_an_estimate_that_names_its_price(parts: tuple[Pipeline, Pipeline, Pipeline]) -> None:
    price = load_prices().entries[0]
    report, latency = measure_picture(open_sample("chelsea").pixels, parts[0], budget=BUDGET, price=price)
    assert report.usd_per_million.how == "estimated"
    assert price.name in report.usd_per_million.note
    assert report.usd_per_million.value == pytest.approx(latency.p50_ms / 1000 / 3600 * price.usd_per_hour * 1e6)


def test_giving_up_leaves_the_models_usable(parts: tuple[Pipeline, Pipeline, Pipeline]) -> None:
    class GivesUp(Exception):
        pass

    def progress(done: int, most: int) -> None:
        raise GivesUp

    with pytest.raises(GivesUp):
        measure_picture(open_sample("coffee").pixels, parts[2], budget=BUDGET, progress=progress)
    with ThreadPoolExecutor(1) as other:  # a lock of this thread would open for this thread in any case
        assert all(other.submit(part.turn.acquire, blocking=False).result() for part in parts[2].parts)
        for part in parts[2].parts:
            other.submit(part.turn.release).result()


def test_nothing_to_measure_is_refused() -> None:
    with pytest.raises(ModelError, match="nothing to measure"):
        Pipeline()


def test_the_machine_is_described() -> None:
    here = describe()
    assert here.processor
    assert here.cores >= 1
    assert here.memory_bytes > 2**28
