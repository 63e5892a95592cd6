"""Every detector of the catalogue trains and proposes; the adapters agree with the libraries they adapt."""

from __future__ import annotations

import copy
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torchvision.models import get_model
from torchvision.ops import batched_nms

from vision_core.models import Detector, build_published, get_spec, list_models
from vision_core.models.detectors import best_scores, inside_image, pad_batch
from vision_core.models.label_names import coco_label_of_id

HEAVY = {
    "ssd300_vgg16",
    "fasterrcnn_resnet50_fpn_v2",
    "retinanet_resnet50_fpn_v2",
    "fcos_resnet50_fpn",
    "yolov9m",
    "yolov9c",
}
NAMES = [
    *(spec.name for spec in list_models("detection")),
    "retinanet:swin_tiny_patch4_window7_224",
    "fasterrcnn:mobilenetv4_conv_small",
]
ALL = [pytest.param(name, marks=[pytest.mark.slow] if name in HEAVY else []) for name in NAMES]
FROM_TORCHVISION = [
    "ssd300_vgg16",
    "ssdlite320_mobilenet_v3_large",
    "fasterrcnn_mobilenet_v3_large_320_fpn",
    "retinanet_resnet50_fpn_v2",
    "fcos_resnet50_fpn",
]
ONE_A_FAMILY = [
    "ssdlite_mobilenet_v2_coco",
    "ssdlite320_mobilenet_v3_large",
    "fasterrcnn_tf_efficientnet_lite0",
    "retinanet_tf_efficientnet_lite0",
    pytest.param("fcos_resnet50_fpn", marks=pytest.mark.slow),
    "yolov9t",
    "yolox_s",
]
CLASSES = 3


def target(boxes: list[list[float]], labels: list[int]) -> dict[str, Tensor]:
    return {
        "boxes": torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4),
        "labels": torch.tensor(labels, dtype=torch.int64),
    }


IMAGES = [torch.rand(3, 64, 48, generator=torch.Generator().manual_seed(1)), torch.ones(3, 40, 64) / 3]
TARGETS = [target([[4, 6, 40, 60], [10.5, 3, 30, 35]], [2, 0]), target([], [])]


def light(detector: Any) -> Any:
    """Fewer proposals for the second stage than on real pictures, whose number does not matter here."""
    if hasattr(detector.network, "roi_heads"):
        detector.network.rpn._post_nms_top_n = {"training": 40, "testing": 20}
        detector.network.roi_heads.fg_bg_sampler.batch_size_per_image = 16
    return detector


def lively(detector: Detector, images: list[Tensor]) -> Detector:
    """Weights under which every layer's output has unit variance: fresh ones see and say nearly nothing.

    Layers are rescaled one after the other during one pass over `images`, as in Mishkin and Matas 2016, "All you need
    is a good init".
    """
    generator = torch.Generator().manual_seed(5)
    seen: set[nn.Module] = set()

    def rescale(layer: Any, inputs: object, output: Tensor) -> Tensor:
        if layer in seen:
            return output
        seen.add(layer)
        spread = output.std().clamp(min=1e-6)
        layer.weight.div_(spread)
        if layer.bias is not None:
            layer.bias.copy_(torch.randn(layer.bias.shape, generator=generator) / 4)
        return layer.forward(*inputs)  # type: ignore[misc]

    layers = [module for module in detector.modules() if isinstance(module, nn.Conv2d | nn.Linear)]
    hooks = [layer.register_forward_hook(rescale) for layer in layers]
    for module in detector.train().modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 1.0
    with torch.no_grad():
        for layer in layers:
            layer.weight.copy_(torch.randn(layer.weight.shape, generator=generator))
        detector.losses(images, [target([[4, 6, 60, 90]], [0])] * len(images))
    for hook in hooks:
        hook.remove()
    return detector.eval()


@pytest.mark.parametrize("name", ALL)
def test_a_training_step_changes_the_weights_and_candidates_are_well_formed(name: str):
    torch.manual_seed(0)
    detector: Detector = light(get_spec(name).build(CLASSES))
    assert isinstance(detector, Detector)
    assert detector.num_classes == CLASSES
    check_candidates(detector.eval())
    optimiser = torch.optim.SGD(detector.train().parameters(), lr=1.0)
    before = [weight.detach().clone() for weight in detector.parameters()]
    losses = detector.losses(IMAGES, TARGETS)
    losses["loss"].backward()
    nn.utils.clip_grad_norm_(detector.parameters(), 10)
    optimiser.step()
    assert all(torch.isfinite(value).all() and value.ndim == 0 for value in losses.values())
    changed = [not torch.equal(old, new) for old, new in zip(before, detector.parameters(), strict=True)]
    assert sum(changed) > 0.5 * len(changed)  # a head learns only where a box or a hard negative is
    assert all(torch.isfinite(weight).all() for weight in detector.parameters())


def check_candidates(detector: Detector) -> None:
    with torch.inference_mode():
        outputs = detector(IMAGES)
        found = detector.decode(outputs, min_score=0.0, limit=50)
        strict = detector.decode(outputs, min_score=1.0)
        assert detector.candidates([], min_score=0.0) == []
    assert len(found) == len(IMAGES)
    assert [len(item.scores) for item in strict] == [0, 0]
    assert any(len(item.scores) for item in found)
    for item, image in zip(found, IMAGES, strict=True):
        count = len(item.scores)
        assert count <= 50
        assert (item.boxes.shape, item.labels.shape) == ((count, 4), (count,))
        assert (item.boxes.dtype, item.scores.dtype, item.labels.dtype) == (torch.float32, torch.float32, torch.int64)
        assert torch.isfinite(item.boxes).all()
        assert (item.boxes[:, 2:] > item.boxes[:, :2]).all()
        assert (item.boxes >= 0).all()
        assert (item.boxes[:, 2:] <= torch.tensor([image.shape[2], image.shape[1]])).all()
        assert ((item.scores >= 0) & (item.scores <= 1)).all()
        assert (item.scores.diff() <= 0).all()
        assert ((item.labels >= 0) & (item.labels < CLASSES)).all()


@pytest.mark.parametrize("name", ONE_A_FAMILY)
def test_a_batch_without_any_box_trains_too(name: str):
    detector: Detector = light(get_spec(name).build(CLASSES)).train()
    loss = detector.losses(IMAGES, [target([], []), target([], [])])["loss"]
    loss.backward()
    assert torch.isfinite(loss)
    assert all(weight.grad is None or torch.isfinite(weight.grad).all() for weight in detector.parameters())


@pytest.mark.parametrize("name", ["ssdlite_mobilenet_v2_coco", "ssdlite320_mobilenet_v3_large", "yolov9t", "yolox_s"])
def test_memory_format_and_batching_do_not_change_the_outputs(name: str):
    torch.manual_seed(0)
    images = [torch.rand(3, 96, 96), torch.rand(3, 96, 96)]
    detector = get_spec(name).build(CLASSES).eval()

    def outputs(batch: list[Tensor]) -> list[Tensor]:
        """Whatever has one row a picture."""
        return [part for part in vars(detector(batch)).values() if isinstance(part, Tensor) and len(part) == len(batch)]

    with torch.inference_mode():
        together = outputs(images)
        alone = [torch.cat(parts) for parts in zip(*(outputs([image]) for image in images), strict=True)]
        detector = detector.to(memory_format=torch.channels_last)
        last = outputs([image.permute(1, 2, 0).contiguous().permute(2, 0, 1) for image in images])
    assert len(together) == 2
    for one, two, three in zip(together, alone, last, strict=True):
        assert one.std() > 0
        assert torch.allclose(one, two, rtol=1e-3, atol=1e-3)
        assert torch.allclose(one, three, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("name", ["ssdlite_mobilenet_v2_coco", "yolov9t"])
def test_the_wrong_mode_is_a_clear_error(name: str):
    detector: Detector = get_spec(name).build(CLASSES)
    with pytest.raises(RuntimeError, match=r"candidates\(\) needs evaluation mode"):
        detector.train().candidates(IMAGES)
    with pytest.raises(RuntimeError, match=r"losses\(\) needs training mode"):
        detector.eval().losses(IMAGES, TARGETS)


def reference_of(detector: Detector, name: str, min_score: float) -> Any:
    """torchvision's own network with the same weights, set to keep all it finds and not to resize."""
    network: Any = get_model(name, weights=None, weights_backbone=None)
    network.load_state_dict(detector.network.state_dict())
    network.transform.min_size, network.transform.max_size = (96,), 10_000
    decider = network.roi_heads if hasattr(network, "roi_heads") else network
    decider.score_thresh, decider.detections_per_img = min_score, 10**6
    network.topk_candidates = 10**6
    light(SimpleNamespace(network=network))
    return network.eval()


@pytest.mark.parametrize("name", FROM_TORCHVISION)
def test_candidates_then_suppression_is_torchvisions_own_answer(name: str):
    torch.manual_seed(3)
    detector = light(build_published(get_spec(name)))
    sizes = {"ssd300_vgg16": [(300, 300)], "ssdlite320_mobilenet_v3_large": [(320, 320)] * 2}
    images = [torch.rand(3, *size) for size in sizes.get(name, [(96, 128)] * 2)]
    lively(detector, images)
    with torch.inference_mode():
        least = detector.candidates(images, min_score=0.0, limit=1000)[0].scores[-2:].tolist()
        min_score = sum(least) / 2  # between two scores, so that rounding decides nothing
        ours = detector.candidates(images, min_score, limit=10**6)
        network = reference_of(detector, name, min_score)
        theirs = network(images)
    decider = network.roi_heads if hasattr(network, "roi_heads") else network
    label_of = torch.tensor(coco_label_of_id())
    for mine, reference in zip(ours, theirs, strict=True):
        assert len(mine.scores) > 30
        kept = batched_nms(mine.boxes, mine.scores, mine.labels, decider.nms_thresh)
        labels = label_of[reference["labels"]]
        boxes = reference["boxes"]
        # Ids that are no class, and boxes that clipping left without area, are never shown here.
        real = (labels >= 0) & (boxes[:, 2:] - boxes[:, :2] >= 1e-2).all(dim=1)
        assert len(kept) == real.sum()
        assert torch.allclose(mine.scores[kept], reference["scores"][real], atol=1e-4)
        # Equal scores may come in either order, so each box is looked for rather than compared in place.
        same = (mine.labels[kept][:, None] == labels[real]) & (
            (mine.scores[kept][:, None] - reference["scores"][real]).abs() < 1e-4
        )
        same &= ((mine.boxes[kept][:, None] - boxes[real]).abs() < 1e-2).all(dim=2)
        assert same.any(dim=0).all()
        assert same.any(dim=1).all()


@pytest.mark.parametrize("name", FROM_TORCHVISION)
def test_losses_are_torchvisions_own(name: str):
    torch.manual_seed(3)
    detector: Any = light(build_published(get_spec(name))).train()
    plain: Any = get_model(name, weights=None, weights_backbone=None).train()
    light(SimpleNamespace(network=plain))
    plain.transform._skip_resize = True  # it would draw a size, and so move the random state
    plain.load_state_dict(detector.network.state_dict())
    for network in (detector, plain):
        for module in network.modules():  # one picture is too few for statistics on the smallest maps
            module.training = module.training and not isinstance(module, nn.BatchNorm2d)
    size = {"ssd300_vgg16": 300, "ssdlite320_mobilenet_v3_large": 320}.get(name, 96)
    plain.transform.min_size, plain.transform.max_size = (size,), 10_000
    ours = [target([[5, 5, 60, 70], [20, 10, 90, 95]], [0, 79])]  # person, toothbrush
    images = [torch.rand(3, size, size)]
    theirs = [{**ours[0], "labels": torch.tensor([1, 90])}]
    torch.manual_seed(8)
    expected = plain(images, theirs)
    torch.manual_seed(8)
    losses = detector.losses(images, ours)
    assert losses.keys() == expected.keys() | {"loss"}
    for key, value in expected.items():
        assert losses[key].item() == pytest.approx(value.item(), rel=1e-4)
    assert losses["loss"].item() == pytest.approx(sum(value.item() for value in expected.values()), rel=1e-4)


def chosen_by_hand(boxes: np.ndarray, scores: np.ndarray, min_score: float, size_wh: tuple[int, int]) -> set[Any]:
    """(label, score, box) of every cell and class above the threshold, from decoded predictions, one by one."""
    found = set()
    for box, row in zip(boxes, scores, strict=True):
        clipped = np.clip(box, 0, [*size_wh, *size_wh])
        for label, score in enumerate(row):
            if score > min_score and (clipped[2:] - clipped[:2] >= 0.01).all():
                found.add((label, round(float(score), 4), *np.round(clipped.astype(float), 1).tolist()))
    return found


def as_set(item: Any) -> set[Any]:
    rows = zip(item.labels.tolist(), item.scores.tolist(), item.boxes.tolist(), strict=True)
    return {(label, round(score, 4), *np.round(box, 1).tolist()) for label, score, box in rows}


def test_yolov9_candidates_are_the_networks_decoded_predictions():
    torch.manual_seed(2)
    image = torch.rand(3, 64, 96)
    detector: Any = lively(get_spec("yolov9t").build(CLASSES), [image, image.flip(1)])
    with torch.inference_mode():
        raw = detector.network(image[None])["predictions"][0].numpy()
        ours = detector.candidates([image], min_score=0.3, limit=10**6)[0]
    expected = chosen_by_hand(raw[:4].T, raw[4:].T, 0.3, (96, 64))
    assert len(expected) > 5
    assert as_set(ours) == expected


def test_yolox_candidates_are_the_networks_decoded_predictions():
    torch.manual_seed(2)
    image = torch.rand(3, 64, 96)
    detector: Any = lively(get_spec("yolox_s").build(CLASSES), [image, image.flip(1)])
    with torch.inference_mode():
        levels = [level[0].numpy() for level in detector.network(image[[2, 1, 0]][None] * 255)]
        ours = detector.candidates([image], min_score=0.3, limit=10**6)[0]
    boxes, scores = [], []
    for level, stride in zip(levels, (8, 16, 32), strict=True):
        for y, x in np.ndindex(level.shape[1:]):
            dx, dy, width, height, objectness, *classes = level[:, y, x]
            centre = np.asarray([x + dx, y + dy]) * stride
            half = np.exp([width, height]) * stride / 2
            boxes.append(np.concatenate([centre - half, centre + half]))
            scores.append([objectness * score for score in classes])
    expected = chosen_by_hand(np.asarray(boxes), np.asarray(scores), 0.3, (96, 64))
    assert len(expected) > 5
    assert as_set(ours) == expected


@pytest.mark.parametrize("name", ["yolov9t", "yolox_s"])
def test_yolo_losses_do_not_depend_on_how_many_empty_rows_are_filled_up(name: str):
    torch.manual_seed(4)
    detector: Any = get_spec(name).build(CLASSES).train()
    images = [torch.rand(3, 96, 64), torch.rand(3, 96, 64)]
    twin = copy.deepcopy(detector)  # each pass in training mode moves the statistics
    losses = detector.losses(images, TARGETS)
    rows = torch.zeros(2, 300, 5)  # as libreyolo's own trainer lays them out
    for index, item in enumerate(TARGETS):
        for row, (box, label) in enumerate(zip(item["boxes"].tolist(), item["labels"].tolist(), strict=True)):
            x1, y1, x2, y2 = box
            values = [x1 / 64, y1 / 96, x2 / 64, y2 / 96]
            if name == "yolox_s":
                values = [(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1]
            rows[index, row] = torch.tensor([label, *values])
    batch = torch.stack(images)
    expected = twin.network(batch.flip(1) * 255 if name == "yolox_s" else batch, rows)
    assert losses["loss"].item() == pytest.approx(expected["total_loss"].item(), rel=1e-4)


@settings(max_examples=60, deadline=None)
@given(
    shapes=st.lists(st.tuples(st.integers(1, 40), st.integers(1, 40)), min_size=1, max_size=3),
    divisor=st.sampled_from([1, 8, 32]),
    minimum=st.sampled_from([1, 20]),
)
def test_padding_keeps_every_pixel_and_fills_the_rest(shapes: list[tuple[int, int]], divisor: int, minimum: int):
    images = [torch.rand(3, *shape) + 1 for shape in shapes]
    batch = pad_batch(images, divisor, minimum, value=0.5)
    height, width = batch.shape[2:]
    assert height % divisor == width % divisor == 0
    assert max(minimum, *(h for h, _ in shapes)) <= height < max(minimum, *(h for h, _ in shapes)) + divisor
    for image, row in zip(images, batch, strict=True):
        assert torch.equal(row[:, : image.shape[1], : image.shape[2]], image)
        assert (row[:, image.shape[1] :] == 0.5).all()
        assert (row[:, :, image.shape[2] :] == 0.5).all()


@settings(max_examples=60, deadline=None)
@given(
    rows=st.integers(0, 12),
    columns=st.integers(1, 5),
    limit=st.integers(1, 20),
    min_score=st.floats(0, 1),
    seed=st.integers(0, 999),
)
def test_best_scores_are_those_a_loop_finds(rows: int, columns: int, limit: int, min_score: float, seed: int):
    scores = torch.rand(rows, columns, generator=torch.Generator().manual_seed(seed))
    label_of = torch.arange(columns) - 1
    anchors, values, labels = best_scores(scores, min_score, limit, label_of)
    expected = sorted(
        ((float(scores[a, c]), a, c - 1) for a in range(rows) for c in range(1, columns) if scores[a, c] > min_score),
        reverse=True,
    )[:limit]
    assert list(zip(values.tolist(), anchors.tolist(), labels.tolist(), strict=True)) == expected


def test_boxes_are_cut_at_the_border_and_slivers_go():
    boxes = torch.tensor([[-5.0, -5, 5, 5], [8, 8, 30, 40], [12, 0, 20, 5], [3, 3, 3.005, 9]])
    found = inside_image(boxes, torch.arange(4) / 4, torch.arange(4), (20, 10))
    assert found.boxes.tolist() == [[0, 0, 5, 5], [8, 8, 10, 20]]
    assert found.labels.tolist() == [0, 1]
