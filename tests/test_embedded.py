"""The two embedded models reproduce their published figures without a network, and the detector's port trains."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import load_file
from torchvision.models.detection.ssd import SSD

from vision_core.boxes import non_maximum_suppression
from vision_core.models import (
    build_for_finetuning,
    build_pretrained,
    class_names,
    get_spec,
    initialise_backbone,
)
from vision_core.models.ssdlite_mobilenet_v2 import SameConv, SSDLiteDetector, make_anchors

ASSETS = Path(__file__).resolve().parent.parent / "vision_core" / "assets"
EXPECTED = json.loads((Path(__file__).parent / "data" / "ssdlite_expected.json").read_text(encoding="utf-8"))
DETECTOR, CLASSIFIER = get_spec("ssdlite_mobilenet_v2_coco"), get_spec("tf_efficientnet_lite0")


def photo(name: str) -> Image.Image:
    return Image.open(ASSETS / "samples" / name).convert("RGB")


def tensor_of(image: Image.Image) -> torch.Tensor:
    return torch.from_numpy(np.asarray(image).copy()).permute(2, 0, 1).float() / 255


@pytest.fixture(scope="module")
def detector() -> SSDLiteDetector:
    built = build_pretrained(DETECTOR)
    assert isinstance(built, SSDLiteDetector)
    return built


@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_the_detector_reproduces_the_published_objects(name: str, channels_last: bool):
    detector: Any = build_pretrained(DETECTOR)
    if channels_last:
        detector = detector.to(memory_format=torch.channels_last)
    image = photo(name)
    with torch.inference_mode():
        squashed = tensor_of(image.resize((300, 300), Image.Resampling.BILINEAR))
        found = detector.candidates([squashed], min_score=0.4)[0]
    boxes = found.boxes.numpy() * np.asarray([image.width, image.height] * 2, np.float32) / 300
    kept = non_maximum_suppression(boxes, found.scores.numpy(), 0.5)
    names = class_names(DETECTOR)
    assert [names[found.labels[index]] for index in kept] == [item["name"] for item in EXPECTED[name]]
    for index, item in zip(kept, EXPECTED[name], strict=True):
        assert found.scores[index].item() == pytest.approx(item["score"], abs=0.01)
        assert boxes[index] == pytest.approx(item["box_xyxy"], abs=2)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("chelsea.png", {"tiger cat": 0.39, "Egyptian cat": 0.36, "tabby": 0.17}), ("coffee.png", {"espresso": 0.95})],
)
def test_the_classifier_reproduces_its_published_answers(name: str, expected: dict[str, float]):
    how, image = CLASSIFIER.preprocessing, photo(name)
    scale = (how.resize_px or 0) / min(image.size)
    resized = image.resize((round(image.width * scale), round(image.height * scale)), Image.Resampling.BICUBIC)
    left, top = (resized.width - how.size_px) // 2, (resized.height - how.size_px) // 2
    pixels = tensor_of(resized.crop((left, top, left + how.size_px, top + how.size_px)))
    batch = (pixels - torch.tensor(how.mean)[:, None, None]) / torch.tensor(how.std)[:, None, None]
    with torch.inference_mode():
        scores = build_pretrained(CLASSIFIER)(batch[None]).softmax(1)[0]
    best = scores.topk(len(expected))
    names = class_names(CLASSIFIER)
    found = {names[index]: score.item() for score, index in zip(best.values, best.indices, strict=True)}
    assert list(found) == list(expected)
    assert found == pytest.approx(expected, abs=0.03)


def test_anchors_are_those_the_weights_were_trained_with():
    published = load_file(ASSETS / DETECTOR.weights.file_name)["anchors"]
    made = make_anchors([(19, 19), (10, 10), (5, 5), (3, 3), (2, 2), (1, 1)], 300, 300)
    assert torch.allclose(made, published[:, [1, 0, 3, 2]] * 300, atol=1e-3)


@pytest.mark.parametrize("size", [(7, 8), (10, 5), (1, 1), (30, 15)])
@pytest.mark.parametrize("stride", [1, 2])
def test_same_padding_puts_the_odd_pixel_at_the_bottom_right(size: tuple[int, int], stride: int):
    conv = SameConv(1, 1, 3, stride)
    image = torch.rand(1, 1, *size)
    # The definition: output (i, j) is centred so that the padding before is half of the total, rounded down.
    wide = F.pad(image, (4, 4, 4, 4))
    rows, columns = (-(-n // stride) for n in size)
    before = [max((out - 1) * stride + 3 - n, 0) // 2 for out, n in zip((rows, columns), size, strict=True)]
    expected = torch.stack(
        [
            torch.stack(
                [
                    (wide[0, 0, y : y + 3, x : x + 3] * conv.weight[0, 0]).sum()
                    for x in (4 - before[1] + j * stride for j in range(columns))
                ]
            )
            for y in (4 - before[0] + i * stride for i in range(rows))
        ]
    )
    assert torch.allclose(conv(image)[0, 0], expected, atol=1e-5)


@pytest.mark.parametrize("size", [(300, 300), (96, 128), (33, 47)])
def test_any_input_size_has_one_anchor_an_output(detector: SSDLiteDetector, size: tuple[int, int]):
    with torch.inference_mode():
        outputs = detector([torch.rand(3, *size)])
    assert outputs.anchors.shape == outputs.offsets.shape[1:]
    assert outputs.logits.shape[1:] == (len(outputs.anchors), 91)


def test_background_and_unused_ids_never_show(detector: SSDLiteDetector):
    with torch.inference_mode():
        found = detector.candidates([torch.rand(3, 96, 96)], min_score=0.0, limit=10**6)[0]
        anchors = detector([torch.rand(3, 96, 96)]).anchors
    assert len(found.labels) <= len(anchors) * 80
    assert set(found.labels.tolist()) == set(range(80))


def test_box_loss_is_torchvisions_and_class_loss_mines_the_worst(detector: SSDLiteDetector):
    torch.manual_seed(1)
    images = [torch.rand(3, 128, 128), torch.rand(3, 128, 128)]
    targets = [
        {"boxes": torch.tensor([[10.0, 20, 90, 100], [60, 5, 120, 40]]), "labels": torch.tensor([15, 41])},
        {"boxes": torch.zeros(0, 4), "labels": torch.zeros(0, dtype=torch.int64)},
    ]
    detector.train()
    losses = detector.losses(images, targets)
    outputs = detector(images)
    detector.eval()
    matched = [detector._match(target["boxes"], outputs.anchors) for target in targets]
    ids = [{**target, "labels": detector.column_of[target["labels"]]} for target in targets]
    reference: Any = SimpleNamespace(box_coder=detector._coder, neg_to_pos_ratio=3.0)
    head = {"bbox_regression": outputs.offsets, "cls_logits": outputs.logits}
    expected = SSD.compute_loss(reference, ids, head, [outputs.anchors] * 2, matched)
    assert losses["box"].item() == pytest.approx(expected["bbox_regression"].item(), rel=1e-5)
    assert losses["class"].item() == pytest.approx(_class_loss_by_hand(outputs, ids, matched), rel=1e-4)
    assert losses["loss"].item() == pytest.approx((losses["box"] + losses["class"]).item())


def _class_loss_by_hand(outputs: Any, targets: list[dict[str, torch.Tensor]], matched: list[torch.Tensor]) -> float:
    total, positives = 0.0, 0
    for logits, target, match in zip(outputs.logits.detach(), targets, matched, strict=True):
        scores = logits.sigmoid().double().numpy()
        hits, misses = [], []
        for row, box in zip(scores, match.tolist(), strict=True):
            column = int(target["labels"][box]) if box >= 0 else 0
            cross_entropy = -np.log(1 - row).sum() + np.log(1 - row[column]) - np.log(row[column])
            (hits if box >= 0 else misses).append(cross_entropy)
        positives += len(hits)
        total += sum(hits) + sum(sorted(misses, reverse=True)[: max(3, 3 * len(hits))])
    return total / max(1, positives)


def test_the_detector_learns_a_new_class_from_one_picture():
    """Fresh class heads on the published features: a few steps must lift the new class onto the object."""
    torch.manual_seed(0)
    detector: Any = build_for_finetuning(DETECTOR, 2).train()
    image = tensor_of(photo("chelsea.png").resize((160, 160), Image.Resampling.BILINEAR))
    target = {"boxes": torch.tensor([[0.3, 1.5, 143.0, 158.0]]), "labels": torch.tensor([1])}
    optimiser = torch.optim.Adam(detector.parameters(), lr=1e-3)
    history = []
    for _ in range(12):
        loss = detector.losses([image], [target])["loss"]
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        history.append(loss.item())
    assert history[-1] < history[0] / 3
    with torch.inference_mode():
        best = detector.eval().candidates([image], min_score=0.0, limit=1)[0]
    assert best.labels.tolist() == [1]
    assert best.boxes[0].numpy() == pytest.approx([0.3, 1.5, 143.0, 158.0], abs=25)


def test_finetuning_keeps_all_published_weights_but_the_class_outputs():
    published, started = build_pretrained(DETECTOR).state_dict(), build_for_finetuning(DETECTOR, 2).state_dict()
    fresh = {key for key in started if started[key].shape != published[key].shape}
    assert fresh == {f"network.heads.{index}.class.{kind}" for index in range(6) for kind in ("weight", "bias")}
    assert all(torch.equal(started[key], published[key]) for key in started.keys() - fresh)


@pytest.mark.parametrize("name", ["fasterrcnn_tf_efficientnet_lite0", "retinanet_tf_efficientnet_lite0"])
def test_the_embedded_classifier_starts_a_detector(name: str):
    spec = get_spec(name)
    detector = spec.build(2)
    initialise_backbone(spec, detector)
    classifier = build_pretrained(CLASSIFIER).state_dict()
    body = detector.network.backbone.body.state_dict()
    assert len(body) > 200
    assert all(torch.equal(classifier[key], tensor) for key, tensor in body.items())
