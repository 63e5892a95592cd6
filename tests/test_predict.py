"""Predictors on the embedded models: known answers, batches, candidates that are re-used, the two stages."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from safetensors.torch import save_file
from torchvision import ops

from vision_core import detect_then_classify, load_classifier, load_detector, open_image
from vision_core.errors import ModelError, SettingsError, WeightsError
from vision_core.models import build_pretrained, get_spec
from vision_core.predict import Classifier, ObjectDetector, crop_boxes
from vision_core.preprocess import sized
from vision_core.runs import read_run
from vision_core.types import Detections

PHOTOS = ("chelsea", "coffee", "astronaut")


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return load_classifier()


@pytest.fixture(scope="module")
def detector() -> ObjectDetector:
    return load_detector()


@pytest.fixture(scope="module")
def photos() -> list[Image.Image]:
    folder = Path(__file__).parent.parent / "vision_core" / "assets" / "samples"
    return [open_image(folder / f"{name}.png").pixels for name in PHOTOS]


def test_the_classifier_names_the_cat_and_the_coffee(classifier: Classifier, photos: list[Image.Image]) -> None:
    cat, coffee, _ = classifier.predict(photos)
    expected = {"tiger cat": 0.39, "Egyptian cat": 0.36, "tabby": 0.17}
    assert {label.name: pytest.approx(label.score, abs=0.01) for label in cat.top(3)} == expected
    assert coffee.top(1)[0].name == "espresso"
    assert coffee.top(1)[0].score == pytest.approx(0.95, abs=0.01)
    assert float(cat.scores.sum()) == pytest.approx(1, abs=1e-4)


def test_the_detector_finds_what_its_source_finds(detector: ObjectDetector, photos: list[Image.Image]) -> None:
    expected = json.loads((Path(__file__).parent / "data" / "ssdlite_expected.json").read_text())
    for name, candidates in zip(PHOTOS, detector.predict(photos), strict=True):
        found = candidates.above(0.4).suppress(0.5)
        objects = expected[f"{name}.png"]
        assert found.names == [item["name"] for item in objects]
        np.testing.assert_allclose(found.scores, [item["score"] for item in objects], atol=0.01)
        np.testing.assert_allclose(found.boxes_xyxy, [item["box_xyxy"] for item in objects], atol=2)


def test_a_batch_says_what_single_pictures_say(
    classifier: Classifier, detector: ObjectDetector, photos: list[Image.Image]
) -> None:
    for photo, together in zip(photos, classifier.predict(photos), strict=True):
        np.testing.assert_allclose(classifier.predict([photo])[0].scores, together.scores, atol=1e-4)
    for photo, together in zip(photos, detector.predict(photos), strict=True):
        alone = detector.predict([photo])[0].above(0.1)
        np.testing.assert_allclose(alone.boxes_xyxy, together.above(0.1).boxes_xyxy, atol=0.05)


def test_no_pictures_give_no_answers(classifier: Classifier, detector: ObjectDetector) -> None:
    assert classifier.predict([]) == []
    assert detector.predict([]) == []


@pytest.mark.parametrize("size", [(1, 1), (3, 900), (2000, 7)])
def test_any_picture_size_works(classifier: Classifier, detector: ObjectDetector, size: tuple[int, int]) -> None:
    image = Image.new("RGB", size, "orange")
    assert np.isfinite(classifier.predict([image])[0].scores).all()
    found = detector.predict([image])[0]
    assert found.image_size_px == size
    assert (found.boxes_xyxy[:, 2] <= size[0]).all()
    assert (found.boxes_xyxy[:, 3] <= size[1]).all()


def test_candidates_allow_any_threshold_without_another_pass(
    detector: ObjectDetector, photos: list[Image.Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    candidates = detector.predict([photos[1]])[0]
    monkeypatch.setattr(detector.folded, "forward", lambda *_: pytest.fail("the network ran again"))
    for score in (0.05, 0.2, 0.7):
        for iou in (0.2, 0.5, 0.8):
            above = candidates.scores >= score
            boxes, scores = candidates.boxes_xyxy[above].copy(), candidates.scores[above].copy()
            keep = ops.nms(torch.from_numpy(boxes), torch.from_numpy(scores), iou).numpy()
            np.testing.assert_array_equal(candidates.select(score, iou).boxes_xyxy, boxes[keep][:100])


def test_every_stage_is_timed(classifier: Classifier, detector: ObjectDetector, photos: list[Image.Image]) -> None:
    for timing in (classifier.predict(photos)[0].timing, detector.predict(photos)[0].timing):
        assert timing is not None
        assert min(timing.preprocess_ms, timing.network_ms, timing.postprocess_ms) > 0


def test_each_object_gets_labels_of_its_own(
    classifier: Classifier, detector: ObjectDetector, photos: list[Image.Image]
) -> None:
    found = detector.predict([photos[1]])[0].select(0.4, 0.5)
    both = detect_then_classify(photos[1], found, classifier)
    assert both.detections.names == ["cup", "dining table"]
    crop = photos[1].crop(tuple(crop_boxes(found)[0].tolist()))
    np.testing.assert_allclose(both.labels[0].scores, classifier.predict([crop])[0].scores, atol=1e-4)
    assert both.timing.total_ms > both.classify_timing.total_ms > 0


def test_no_objects_need_no_second_stage(
    classifier: Classifier, detector: ObjectDetector, photos: list[Image.Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing = detector.predict([photos[0]])[0].select(1.0, 0.5)
    monkeypatch.setattr(classifier, "folded", lambda *_: pytest.fail("the classifier ran"))
    assert detect_then_classify(photos[0], nothing, classifier).labels == ()


@given(
    st.lists(st.tuples(*[st.floats(-50, 500)] * 4), max_size=8),
    st.integers(1, 300),
    st.integers(1, 300),
    st.floats(0, 1),
)
def test_crops_are_never_empty_and_never_outside(
    boxes: list[tuple[float, ...]], width: int, height: int, margin: float
) -> None:
    count = len(boxes)
    found = Detections(np.asarray(boxes).reshape(-1, 4), np.ones(count), np.zeros(count), ("x",), (width, height))
    crops = crop_boxes(found, margin)
    assert (crops[:, :2] >= 0).all()
    assert (crops[:, 2] <= width).all()
    assert (crops[:, 3] <= height).all()
    assert (crops[:, 2:] > crops[:, :2]).all()


def test_the_activation_map_lies_on_the_cat(classifier: Classifier, photos: list[Image.Image]) -> None:
    heat = classifier.activation_map(photos[0], "tiger cat")
    assert np.nanmin(heat) >= 0
    assert np.nanmax(heat) == pytest.approx(1, abs=0.05)
    assert np.isnan(heat[:, 0]).all(), "the centre crop cuts the left edge off"
    row, column = np.unravel_index(np.nanargmax(heat), heat.shape)
    x, y = column / heat.shape[1] * photos[0].width, row / heat.shape[0] * photos[0].height
    assert 2 < x < 404  # the detector's box of the cat
    assert 2 < y < 298
    with pytest.raises(ModelError, match="'unicorn'"):
        classifier.activation_map(photos[0], "unicorn")


def test_two_threads_sharing_a_model_get_their_own_answers(
    classifier: Classifier, detector: ObjectDetector, photos: list[Image.Image]
) -> None:
    alone = [(c.top(1), d.names) for c, d in zip(classifier.predict(photos), detector.predict(photos), strict=True)]

    def both(index: int) -> tuple[str, list[str]]:
        photo = photos[index % 3]
        return classifier.predict([photo])[0].top(1)[0].name, detector.predict([photo])[0].above(0.3).names

    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(both, range(24)))
    for index, (name, names) in enumerate(together):
        assert name == alone[index % 3][0][0].name
        assert names == alone[index % 3][1][: len(names)]


def test_a_model_of_the_other_task_is_refused() -> None:
    with pytest.raises(ModelError, match="does detection, not classification"):
        load_classifier("ssdlite_mobilenet_v2_coco")
    with pytest.raises(ModelError, match="does classification, not detection"):
        load_detector("tf_efficientnet_lite0")


def test_a_device_that_is_not_there_is_refused() -> None:
    with pytest.raises(SettingsError, match="'cuda:7'"):
        load_classifier(device="cuda:7")
    with pytest.raises(SettingsError, match="'toaster'"):
        load_classifier(device="toaster")


def write_run(path: Path, **changes: object) -> Path:
    config = {
        "model": "ssdlite_mobilenet_v2_coco",
        "task": "detection",
        "class_names": ["a", "b"],
        "input_size_px": 300,
    }
    (path / "checkpoints").mkdir(parents=True)
    (path / "config.json").write_text(json.dumps(config | changes))
    state = get_spec("ssdlite_mobilenet_v2_coco").build(2).network.state_dict()
    for name, tensor in state.items():
        if name.endswith("class.bias"):
            tensor.zero_()  # sees every class everywhere with a score of one half
    save_file(state, path / "checkpoints" / "best.safetensors")
    return path


def test_a_run_folder_stands_wherever_a_model_name_can(tmp_path: Path, photos: list[Image.Image]) -> None:
    run = write_run(tmp_path / "my-run")
    found = load_detector(str(run)).predict(photos[:1])[0]
    assert found.class_names == ("a", "b")
    assert found.model == str(run)


def test_a_run_that_learned_several_labels_answers_for_each_of_them(tmp_path: Path, photos: list[Image.Image]) -> None:
    run = write_run(tmp_path / "run", model="tf_efficientnet_lite0", task="classification", multi_label=True)
    network = get_spec("tf_efficientnet_lite0").build(2)
    with torch.no_grad():
        network.classifier.weight.zero_()
        network.classifier.bias.copy_(torch.tensor([2.0, 1.0]))
    save_file(network.state_dict(), run / "checkpoints" / "best.safetensors")
    found = load_classifier(str(run)).predict(photos[:1])[0]
    assert found.multi_label
    np.testing.assert_allclose(found.scores, [0.880797, 0.731059], atol=1e-5)


def test_a_run_is_called_what_its_owner_calls_it(tmp_path: Path) -> None:
    run = write_run(tmp_path / "20260101-run")
    assert read_run(run)[0].title.startswith("20260101-run (")
    (run / "about.json").write_text('{"name": "Second try"}')
    assert read_run(run)[0].title.startswith("Second try (")


@pytest.mark.parametrize("model", ["tf_efficientnet_lite0", "fasterrcnn_mobilenet_v3_large_320_fpn"])
def test_a_run_sees_pictures_at_the_size_it_was_trained_with(tmp_path: Path, model: str) -> None:
    spec = get_spec(model)
    run = write_run(tmp_path / "run", model=model, task=spec.task, input_size_px=160)
    how = read_run(run)[0].preprocessing
    assert how == sized(spec.preprocessing, 160)
    assert how.size_px == 160
    assert sized(how, spec.preprocessing.size_px) == spec.preprocessing


def test_a_damaged_run_is_named(tmp_path: Path) -> None:
    run = write_run(tmp_path / "three", class_names=["a", "b", "c"])
    with pytest.raises(WeightsError, match=r"best\.safetensors does not fit"):
        load_detector(str(run))
    (run / "config.json").write_text('{"model": "ssdlite_mobilenet_v2_coco"')
    with pytest.raises(ModelError, match=r"config\.json"):
        load_detector(str(run))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_gpu_says_what_the_cpu_says(photos: list[Image.Image], precision: str) -> None:
    tolerance = 0.01 if precision == "fp32" else 0.08
    there = load_classifier(device="cuda", precision=precision)  # type: ignore[arg-type]
    for ours, theirs in zip(load_classifier(device="cpu").predict(photos), there.predict(photos), strict=True):
        np.testing.assert_allclose(theirs.scores, ours.scores, atol=tolerance)
    found = load_detector(device="cuda", precision=precision).predict(photos)  # type: ignore[arg-type]
    for ours, theirs in zip(load_detector(device="cpu").predict(photos), found, strict=True):
        assert theirs.select(0.5, 0.5).names == ours.select(0.5, 0.5).names


def test_published_weights_are_in_evaluation_mode_and_frozen(classifier: Classifier) -> None:
    assert not classifier.network.training
    assert not any(parameter.requires_grad for parameter in classifier.network.parameters())
    assert not any(parameter.isnan().any() for parameter in build_pretrained(get_spec(classifier.name)).parameters())
