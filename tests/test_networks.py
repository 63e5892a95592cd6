"""The network that a run trains: its head, its backbone, what is frozen, and where its weights start."""

from __future__ import annotations

import pickle
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from painted_data import learn, new_run, photos, scenes
from safetensors.torch import load_file, save, save_file
from torch import Tensor, nn

from tests.loopback import loopback
from vision_core.errors import ModelError, TrainingError, WeightsError
from vision_core.models import get_spec, list_models
from vision_core.models.pretrained import build_published
from vision_core.run_folder import BEST, RunFolder
from vision_core.training import networks
from vision_core.training.checkpoints import save_weights
from vision_core.types import WeightsSource

CLASSES = ("ant", "bee", "cat")
INPUT_PX = {"alexnet": 64, "vit_small_patch14_dinov2": 28}
SLOW = {"vgg16", "alexnet", "tf_efficientnetv2_s", "convnext_tiny", "swin_tiny_patch4_window7_224", "resnet50"}
HEAVY_DETECTORS = {"yolov9m", "yolov9c", "ssd300_vgg16", "fasterrcnn_resnet50_fpn_v2"}
SMALL = ("test_vit", "test_resnet", "test_efficientnet", "test_convnext", "test_byobnet", "test_nfnet", "test_mambaout")


def named(names: list[str], slow: set[str]) -> list[Any]:
    return [pytest.param(name, marks=[pytest.mark.slow] if name in slow else []) for name in names]


CLASSIFIERS = named([*SMALL, *(spec.name for spec in list_models("classification"))], SLOW)
TIMM_DETECTORS = ["retinanet:test_resnet", "fasterrcnn:test_efficientnet"]
DETECTORS = named([*TIMM_DETECTORS, *(spec.name for spec in list_models("detection"))], HEAVY_DETECTORS)


def fresh(name: str, classes: int = 3) -> nn.Module:
    torch.manual_seed(0)
    return get_spec(name).build(classes)


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_the_head_makes_the_scores_of_the_features(name: str):
    network = fresh(name).eval()
    features = networks.Features(network).eval()
    size = INPUT_PX.get(name, 32)
    pictures = torch.rand(2, 3, size, size)
    with torch.no_grad():
        given = features(pictures)
        scores = features.head(given)
        torch.testing.assert_close(scores.flatten(1), network(pictures))
    own = dict(features.head.named_parameters())
    assert own.keys() == {"weight", "bias"}
    assert own["weight"].shape[0] == 3
    assert features.head is network.get_submodule(networks.head_name(network))


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_of_a_frozen_classifier_only_the_head_learns(name: str):
    network = fresh(name)
    networks.freeze(network, is_detector=False)
    networks.training_mode(network)
    head = networks.head_name(network)
    learning = {key for key, tensor in network.named_parameters() if tensor.requires_grad}
    assert learning == {f"{head}.weight", f"{head}.bias"}
    for module in network.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            assert not module.training
    assert network.get_submodule(head).training


@pytest.mark.parametrize("name", DETECTORS)
def test_of_a_frozen_detector_all_but_the_backbone_learns(name: str):
    detector: Any = fresh(name)
    networks.freeze(detector, is_detector=True)
    networks.training_mode(detector)
    plain = networks.plain(detector)
    learning = {key for key, tensor in plain.named_parameters() if tensor.requires_grad}
    frozen = {key for key, _ in plain.named_parameters()} - learning
    assert learning
    assert frozen
    outputs = _class_outputs(name)
    assert outputs <= learning, "the class outputs are fresh"
    pyramid = {key for key in learning | frozen if ".fpn." in key or key.startswith("neck")}
    assert pyramid <= learning
    first = next(key for key, _ in plain.named_parameters())
    assert first in frozen
    assert len(frozen) > 0.3 * len(learning)
    for module in plain.modules():
        own = list(module.parameters(recurse=False))
        if isinstance(module, nn.modules.batchnorm._BatchNorm) and own:
            assert module.training == own[0].requires_grad


def _class_outputs(name: str) -> set[str]:
    """The parameters whose shape depends on the number of classes."""
    three, four = (networks.plain(fresh(name, classes)).state_dict() for classes in (3, 4))
    return {key for key in three if three[key].shape != four[key].shape}


@pytest.mark.parametrize("name", ["test_vit", "resnet18", "vgg16", "ssdlite_mobilenet_v2_coco", *TIMM_DETECTORS])
def test_layer_wise_rates_rise_towards_the_head(name: str):
    from timm.optim import create_optimizer_v2  # pyright: ignore[reportPrivateImportUsage]

    network = fresh(name)
    is_detector = get_spec(name).task == "detection"
    inner = networks.layered(network, is_detector)
    optimizer = create_optimizer_v2(inner, opt="sgd", lr=1.0, layer_decay=0.7)
    scale_of = {id(p): group["lr_scale"] for group in optimizer.param_groups for p in group["params"]}
    parameters = list(inner.named_parameters())
    assert len(scale_of) == len(parameters), "nothing is left out"
    ids = {id(p) for part in networks.fresh_part(network, is_detector) for p in part.parameters()}
    outputs = [scale_of[id(p)] for _, p in parameters if id(p) in ids]
    others = [scale_of[id(p)] for _, p in parameters if id(p) not in ids]
    assert set(outputs) == {1.0}
    assert max(others) < 1
    assert min(others) < 0.75
    first = scale_of[id(parameters[0][1])]
    assert first == min(scale_of.values())


def test_losses_can_be_told_without_chance_or_change():
    """Drop path is chance too: a transformer backbone has it."""
    detector: Any = fresh("retinanet:swin_tiny_patch4_window7_224", 2)
    pictures = [torch.rand(3, 64, 64)] * 2
    targets = [{"boxes": torch.tensor([[4.0, 4.0, 40.0, 50.0]]), "labels": torch.tensor([1])}] * 2
    networks.loss_mode(detector)
    losses = []
    with torch.no_grad():
        for seed in range(2):
            torch.manual_seed(seed)
            losses.append(float(detector.losses(pictures, targets)["loss"]))
    assert losses[0] == losses[1]


@pytest.mark.parametrize(
    "name",
    ["ssdlite_mobilenet_v2_coco", "ssdlite320_mobilenet_v3_large", "retinanet:test_resnet", "yolov9t", "yolox_s"],
)
def test_mixed_precision_stays_in_a_detectors_backbone(name: str):
    """Boxes are compared in pixels: at bfloat16's eight bits they would be two pixels apart."""
    torch.manual_seed(0)
    detector: Any = get_spec(name).build(2).train()
    kinds: dict[str, set[torch.dtype]] = {"backbone": set(), "rest": set()}
    network: Any = networks.plain(detector)
    names = ("backbone", "neck", "stem", "blocks")
    inside = {module for part in names if hasattr(network, part) for module in getattr(network, part).modules()}

    def note(seen: set[torch.dtype], _: nn.Module, __: Any, output: Any) -> None:
        seen.add(output.dtype)

    for module in detector.modules():
        if isinstance(module, nn.Conv2d):
            where = "backbone" if module in inside else "rest"
            module.register_forward_hook(partial(note, kinds[where]))
    images = [torch.rand(3, 96, 96) for _ in range(2)]
    boxes = torch.tensor([[10.0, 10, 60, 60], [40, 30, 80, 90]])
    targets: list[dict[str, Any]] = [{"boxes": boxes, "labels": torch.tensor([0, 1])} for _ in range(2)]
    with torch.autocast("cpu", torch.bfloat16), networks.lean_backbone(detector, torch.device("cpu")):
        losses = detector.losses(images, targets)
    assert kinds == {"backbone": {torch.bfloat16}, "rest": {torch.float32}}
    assert all(value.dtype == torch.float32 for value in losses.values())
    losses["loss"].backward()
    kinds["backbone"].clear()
    detector.losses(images, targets)
    assert kinds["backbone"] == {torch.float32}, "no hook is left"


def test_an_error_in_the_backbone_leaves_no_mixed_precision():
    detector: Any = get_spec("ssdlite_mobilenet_v2_coco").build(2).train()
    nothing = [{"boxes": torch.zeros(0, 4), "labels": torch.zeros(0).long()}]
    lean = networks.lean_backbone(detector, torch.device("cpu"))
    with pytest.raises(RuntimeError), torch.autocast("cpu", torch.bfloat16), lean:
        detector.losses([torch.rand(1, 96, 96)], nothing)
    assert not torch.is_autocast_enabled("cpu")


def test_fresh_statistics_are_those_of_the_batches_so_far():
    norm = nn.BatchNorm1d(3, momentum=0.03)
    learned = nn.BatchNorm1d(3)
    learned(torch.randn(8, 3))
    paced = networks.fresh_norms(nn.Sequential(norm, learned, nn.BatchNorm1d(3, track_running_stats=False)))
    assert paced == {norm: 0.03}
    batches = [torch.randn(8, 3) * 5 + 7 for _ in range(10)]
    for step, batch in enumerate(batches):
        networks.pace_norms(paced, step, 1000)
        norm(batch)
    torch.testing.assert_close(norm.running_mean, torch.stack([b.mean(0) for b in batches]).mean(0))
    torch.testing.assert_close(norm.running_var, torch.stack([b.var(0) for b in batches]).mean(0))
    for step, steps, momentum in ((50, 1000, 0.03), (50, 200, 0.05), (50, 60, 0.1), (4, 60, 0.2)):
        networks.pace_norms(paced, step, steps)
        assert norm.momentum == pytest.approx(momentum)


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    made = new_run(tmp_path / "run", photos(tmp_path / "data"), "classification", "test_vit", epochs=1)
    learn(made)
    return made


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> set[str]:
    return {name for name in one if torch.equal(one[name], other[name])}


def test_a_run_goes_on_from_another_ones_best_weights(run: RunFolder):
    saved = load_file(run.path / BEST)
    network, said = networks.build(get_spec("test_vit"), ("blue", "red"), str(run.path))
    assert same(saved, network.state_dict()) == set(saved)
    assert run.path.name in said
    assert "all tensors" in said


@pytest.mark.parametrize("names", [("red", "blue"), ("blue", "red", "tan")], ids=["order", "number"])
def test_other_classes_start_with_a_fresh_head(names: tuple[str, ...], run: RunFolder):
    saved = load_file(run.path / BEST)
    network, said = networks.build(get_spec("test_vit"), names, str(run.path))
    own = network.state_dict()
    kept = {name for name in saved if saved[name].shape == own[name].shape and torch.equal(saved[name], own[name])}
    assert set(saved) - kept == {"head.weight", "head.bias"} or set(saved) - kept == {"head.weight"}
    assert "rest fresh" in said


@pytest.mark.parametrize("model", ["yolov9t", "retinanet:test_resnet"])
def test_a_detectors_class_outputs_are_fresh_when_the_order_changed(model: str, tmp_path: Path):
    """In the same number they would fit by shape, and mean something else."""
    data = scenes(tmp_path / "data", {"train": 2, "val": 2})
    made = new_run(tmp_path / "run", data, "detection", model, epochs=1, input_size_px=64, learning_rate=0.01)
    learn(made)
    saved = load_file(made.path / BEST)
    names = ("red", "blue")
    for order, fresh_ones in ((names, set()), (names[::-1], _class_outputs(model))):
        torch.manual_seed(9)
        network, _ = networks.build(get_spec(model), order, str(made.path))
        own = networks.plain(network).state_dict()
        changed = set(saved) - same(saved, own)
        assert changed <= fresh_ones
        assert not fresh_ones or any(name.endswith("weight") for name in changed)


@pytest.mark.parametrize("suffix", [".safetensors", ".pth", ".pt"])
def test_a_file_of_ones_own_weights_starts_a_run(suffix: str, tmp_path: Path):
    torch.manual_seed(5)
    state = get_spec("test_resnet").build(7).state_dict()
    path = tmp_path / f"mine{suffix}"
    if suffix == ".safetensors":
        save_file(state, path)
    else:
        torch.save({"state_dict": state}, path)
    network, said = networks.build(get_spec("test_resnet"), CLASSES, str(path))
    own = network.state_dict()
    kept = {name for name in state if state[name].shape == own[name].shape}
    assert same({name: state[name] for name in kept}, own) == kept
    assert set(state) - kept == {"fc.weight", "fc.bias"}
    assert path.name in said


def test_weights_of_another_network_are_refused(tmp_path: Path):
    path = tmp_path / "other.safetensors"
    save_weights(path, get_spec("test_vit").build(3), {})
    with pytest.raises(WeightsError, match=r"other\.safetensors fits 0 of .* another model"):
        networks.build(get_spec("test_resnet"), CLASSES, str(path))


class Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (Path("ran"),))


def test_a_file_that_wants_to_run_code_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"weight": Evil()}, tmp_path / "evil.pth")
    (tmp_path / "plain.pt").write_bytes(pickle.dumps(Evil()))
    for name in ("evil.pth", "plain.pt"):
        with pytest.raises(WeightsError):
            networks.build(get_spec("test_vit"), CLASSES, str(tmp_path / name))
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("start", ["nowhere", "missing.pth", "/"])
def test_a_start_that_does_not_exist_is_refused(start: str):
    with pytest.raises(WeightsError, match=r"allowed is 'pretrained', 'scratch'"):
        networks.build(get_spec("test_vit"), CLASSES, start)


def test_weights_on_their_way_are_told_of(workspace: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv("WHATWHERE_OFFLINE", raising=False)
    known = get_spec("test_resnet")
    content = save({name: tensor.contiguous() for name, tensor in build_published(known).state_dict().items()})
    heard: list[tuple[int, int | None]] = []
    with loopback() as server:
        server.answer = lambda handler: handler.reply(200, content)
        source = WeightsSource(
            kind="download", file_name="on-its-way.safetensors", url=f"{server.address}/on-its-way.safetensors"
        )
        networks.build(replace(known, weights=source), CLASSES, "pretrained", lambda *told: heard.append(told))
    assert heard[-1] == (len(content), len(content))


@pytest.mark.parametrize(("model", "size"), [("test_vit", 100), ("timm:vgg11", 16)])
def test_an_input_size_that_the_network_cannot_take_is_refused(model: str, size: int):
    with pytest.raises(TrainingError, match=rf"{size} x {size} pixels .*input_size_px"):
        networks.check_input(get_spec(model).build(2), size)


def test_an_input_size_that_the_network_can_take_leaves_no_trace():
    network = get_spec("test_resnet").build(2)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    networks.check_input(network.train(), 64)
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())


def test_a_network_without_a_last_layer_says_what_to_do():
    with pytest.raises(ModelError, match="no single last layer"):
        networks.head_name(nn.Sequential(nn.ReLU()))
