"""The catalogue: what its records claim agrees with the libraries, and every classifier can be trained."""

from __future__ import annotations

import pickle
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from safetensors.torch import save_file
from timm.data.config import resolve_model_data_config
from torch import nn
from torchvision.models import get_model, get_model_weights
from torchvision.transforms import InterpolationMode

from vision_core.errors import ModelError, WeightsError
from vision_core.models import (
    build_for_finetuning,
    build_pretrained,
    build_published,
    class_names,
    get_spec,
    initialise_backbone,
    list_models,
    weights,
)
from vision_core.models.catalogue import timm_name_of
from vision_core.models.label_names import COCO_NAMES, coco_label_of_id
from vision_core.models.published import PUBLISHED, published
from vision_core.types import ModelSpec

SPECS = list_models()
CLASSIFIERS = list_models("classification")
FROM_TORCHVISION = [spec for spec in SPECS if spec.source == "torchvision" and spec.weights.kind == "download"]
FROM_TIMM = [spec for spec in CLASSIFIERS if timm_name_of(spec)]
HEAVY = {"vgg16", "tf_efficientnetv2_s", "convnext_tiny", "swin_tiny_patch4_window7_224", "alexnet"}
INPUT_PX = {"alexnet": 64, "vit_small_patch14_dinov2": 28}

WANTED = {
    "classification": """alexnet vgg16 resnet18 resnet50 tf_efficientnet_lite0 mobilenetv3_large_100
        mobilenetv4_conv_small tf_efficientnetv2_s convnext_tiny vit_small_patch16_224 deit3_small_patch16_224
        swin_tiny_patch4_window7_224 vit_small_patch14_dinov2""",
    "detection": """ssd300_vgg16 ssdlite320_mobilenet_v3_large ssdlite_mobilenet_v2_coco
        fasterrcnn_mobilenet_v3_large_320_fpn fasterrcnn_resnet50_fpn_v2 retinanet_resnet50_fpn_v2 fcos_resnet50_fpn
        yolov9t yolov9s yolov9m yolov9c yolox_s fasterrcnn_tf_efficientnet_lite0 retinanet_tf_efficientnet_lite0""",
}


def named(specs: list[ModelSpec], slow: frozenset[str] | set[str] = frozenset()) -> list[object]:
    """Test parameters with the models' names, the heavy ones marked."""
    marks = {spec.name: [pytest.mark.slow] if spec.name in slow else [] for spec in specs}
    return [pytest.param(spec, id=spec.name, marks=marks[spec.name]) for spec in specs]


def fresh(spec: ModelSpec) -> nn.Module:
    """The published network without memory for its weights, where its library can do that."""
    if spec.source == "libreyolo":
        return build_published(spec)
    with torch.device("meta"):
        return build_published(spec)


def randomised(module: nn.Module, seed: int = 7) -> nn.Module:
    """Every weight and statistic drawn anew, so that two modules agree only if one was loaded from the other."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for tensor in module.state_dict().values():
            if tensor.is_floating_point():
                tensor.copy_(torch.rand(tensor.shape, generator=generator) * 0.1 + 0.01)
    return module


def serve(monkeypatch: pytest.MonkeyPatch, path: Path, state: dict[str, torch.Tensor]) -> None:
    """Makes this state dict, in a real file, what `weights.fetch` finds."""
    save_file({name: tensor.contiguous().clone() for name, tensor in state.items()}, path)
    monkeypatch.setattr(weights, "fetch", lambda spec, progress=None: path)


@pytest.mark.parametrize("task", ["classification", "detection"])
def test_the_catalogue_holds_what_was_asked_for_with_the_embedded_default_first(task):
    models = list_models(task)
    assert sorted(spec.name for spec in models) == sorted(WANTED[task].split())
    assert models[0].weights.kind == "embedded"
    assert all(spec.task == task for spec in models)


def test_listing_the_catalogue_imports_no_network_library():
    code = """
import sys
from vision_core.models import get_spec, list_models
assert len(list_models()) > 20 and get_spec("resnet18").name == "resnet18"
print([name for name in ("torch", "torchvision", "timm", "libreyolo", "PIL") if name in sys.modules])
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


@pytest.mark.parametrize("spec", named(SPECS))
def test_every_record_is_complete_and_can_travel_to_another_process(spec: ModelSpec):
    for text in (spec.title, spec.family, spec.summary, spec.suits, spec.code_licence, spec.weights_licence):
        assert text.strip()
    assert spec.summary.endswith(".")
    assert spec.suits.endswith(".")
    assert 2012 <= spec.year <= 2026
    assert spec.preprocessing.size_px == spec.input_size_px
    assert "AGPL" not in spec.code_licence + spec.weights_licence
    again = pickle.loads(pickle.dumps(spec))
    assert again == spec
    assert (spec.weights.kind == "none") <= (spec.class_names_key == "none")


@pytest.mark.parametrize("spec", named(SPECS, slow={"yolov9c", "yolov9m"}))
def test_parameters_are_those_of_the_published_network(spec: ModelSpec):
    assert sum(weight.numel() for weight in fresh(spec).parameters()) == spec.parameters


@pytest.mark.parametrize("spec", named(FROM_TORCHVISION))
def test_torchvision_weights_are_its_best_ones_at_their_address(spec: ModelSpec):
    best = get_model_weights(spec.name).DEFAULT  # type: ignore[attr-defined]
    assert spec.weights.url == best.url
    assert spec.weights.file_name == best.url.rpartition("/")[2]
    assert best.url.endswith(f"-{spec.weights.sha256}.pth")
    assert len(spec.weights.sha256 or "") == 8
    assert spec.weights.size_bytes == pytest.approx(best.meta["_file_size"] * 2**20, abs=1)


@pytest.mark.parametrize("spec", named([s for s in FROM_TORCHVISION if s.task == "classification"]))
def test_torchvision_classifiers_see_pictures_as_their_weights_expect(spec: ModelSpec):
    preset, how = get_model_weights(spec.name).DEFAULT.transforms(), spec.preprocessing  # type: ignore[attr-defined]
    assert (how.mode, [how.size_px], [how.resize_px]) == ("crop", preset.crop_size, preset.resize_size)
    assert (list(how.mean), list(how.std)) == (preset.mean, preset.std)
    assert preset.interpolation == InterpolationMode(how.interpolation)


@pytest.mark.parametrize("spec", named([s for s in FROM_TORCHVISION if s.task == "detection"]))
def test_torchvision_detectors_see_pictures_at_their_published_size(spec: ModelSpec):
    with torch.device("meta"):
        transform: Any = get_model(spec.name, weights=None, weights_backbone=None).transform
    how = spec.preprocessing
    if transform.fixed_size:
        assert (how.mode, (how.size_px, how.size_px)) == ("squash", transform.fixed_size)
    else:
        assert (how.mode, (how.size_px,), how.max_size_px) == ("shortest", transform.min_size, transform.max_size)


@pytest.mark.parametrize("spec", named(FROM_TIMM))
def test_timm_classifiers_agree_with_timms_own_record(spec: ModelSpec):
    published = timm.get_pretrained_cfg(timm_name_of(spec) or "", allow_unregistered=False)
    assert published is not None
    expected = resolve_model_data_config(fresh(spec))
    how = spec.preprocessing
    assert (how.mode, how.size_px, how.interpolation) == (
        "crop",
        expected["input_size"][1],
        expected["interpolation"],
    )
    assert (how.mean, how.std) == (expected["mean"], expected["std"])
    assert how.resize_px == int(how.size_px / expected["crop_pct"])
    assert spec.weights_licence.lower().startswith(published.license or "?")
    if spec.weights.kind == "download":
        assert spec.weights.url == f"https://huggingface.co/{published.hf_hub_id}/resolve/main/model.safetensors"


def test_coco_names_are_torchvisions_without_the_unused_ids():
    categories = get_model_weights("ssd300_vgg16").DEFAULT.meta["categories"]  # type: ignore[attr-defined]
    used = [name for name in categories if name not in ("__background__", "N/A")]
    assert list(COCO_NAMES) == used
    mapped = [None if label < 0 else COCO_NAMES[label] for label in coco_label_of_id()]
    assert [None if name in ("__background__", "N/A") else name for name in categories] == mapped


def test_imagenet_names_are_short_readable_and_unique():
    names = class_names(get_spec("resnet18"))
    assert len(names) == len({name.lower() for name in names}) == 1000
    assert (names[282], names[285], names[967]) == ("tiger cat", "Egyptian cat", "espresso")
    # torchvision words a few classes differently; nearly all must agree, position by position.
    theirs = get_model_weights("resnet18").DEFAULT.meta["categories"]  # type: ignore[attr-defined]
    assert sum(ours.lower() == other.lower() for ours, other in zip(names, theirs, strict=True)) > 950


def test_a_model_without_published_labels_says_so():
    with pytest.raises(ModelError, match=r"vit_small_patch14_dinov2 has no published labels: fine-tune"):
        class_names(get_spec("vit_small_patch14_dinov2"))


@pytest.mark.parametrize("spec", named(CLASSIFIERS, HEAVY))
def test_a_training_step_changes_the_weights(spec: ModelSpec):
    torch.manual_seed(0)
    model = spec.build(3).train()
    size = INPUT_PX.get(spec.name, 32)
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
    before = [weight.detach().clone() for weight in model.parameters()]
    logits = model(torch.rand(2, 3, size, size))
    assert logits.shape == (2, 3)
    loss = nn.functional.cross_entropy(logits, torch.tensor([0, 2]))
    loss.backward()
    optimiser.step()
    assert torch.isfinite(loss)
    changed = [not torch.equal(old, new) for old, new in zip(before, model.parameters(), strict=True)]
    assert sum(changed) > 0.9 * len(changed)
    assert all(torch.isfinite(weight).all() for weight in model.parameters())


@pytest.mark.parametrize("name", ["vit_small_patch14_dinov2", "swin_tiny_patch4_window7_224"])
def test_transformers_take_other_sizes_and_keep_plain_timms_weights(name: str):
    spec = get_spec(name)
    plain = timm.create_model(name, num_classes=5)
    ours = spec.build(5).eval()
    ours.load_state_dict(plain.state_dict())  # strict: a checkpoint of ours is one of timm's
    with torch.inference_mode():
        assert ours(torch.rand(1, 3, 112, 112)).shape == (1, 5)
        assert ours(torch.rand(1, 3, 56, 112)).shape == (1, 5)


def test_dinov2_without_labels_gives_features():
    with torch.inference_mode():
        features = build_published(get_spec("vit_small_patch14_dinov2")).eval()(torch.rand(2, 3, 56, 56))
    assert features.shape == (2, 384)


@pytest.mark.parametrize("num_classes", [0, -1])
@pytest.mark.parametrize("name", ["resnet18", "ssdlite_mobilenet_v2_coco", "tf_efficientnet_lite0"])
def test_no_classes_is_refused(name: str, num_classes: int):
    with pytest.raises(ModelError, match=f"cannot be built for {num_classes} classes"):
        get_spec(name).build(num_classes)


@pytest.mark.parametrize("name", ["resnet34.a1_in1k", "timm:resnet18", "efficientvit_b0"])
def test_any_timm_classifier_by_its_name(name: str):
    spec = get_spec(name)
    plain: Any = timm.create_model(name.removeprefix("timm:"))
    assert (spec.name, spec.task, spec.source) == (name, "classification", "timm")
    assert spec.parameters == sum(weight.numel() for weight in plain.parameters())
    config = resolve_model_data_config(plain)
    assert spec.preprocessing.size_px == spec.input_size_px == config["input_size"][1]
    assert (spec.preprocessing.mean, spec.preprocessing.std) == (config["mean"], config["std"])
    assert (
        spec.weights.url == f"https://huggingface.co/{plain.pretrained_cfg['hf_hub_id']}/resolve/main/model.safetensors"
    )
    assert class_names(spec) == class_names(get_spec("resnet18"))
    assert get_spec(name) is spec


def test_a_timm_head_that_is_not_imagenet_1k_has_no_names_here():
    spec = get_spec("resnetv2_50x1_bit.goog_in21k")
    assert spec.class_names_key == "none"
    assert spec.weights.kind == "download"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("resnet81", r"no model called 'resnet81'. Did you mean .*resnet18"),
        ("yolov9", r"Did you mean .*yolov9"),
        ("resnet34.bogus", r"'resnet34.bogus'; timm has .*resnet34\.a1_in1k"),
        ("fasterrcnn:resnet34.bogus", r"timm has .*resnet34\.a1_in1k"),
        ("fasterrcnn:nonesuch", "no model called 'fasterrcnn:nonesuch'"),
        ("retinanet:vit_small_patch16_224", "no feature maps at strides 8, 16, 32"),
        ("", "no model called ''"),
    ],
)
def test_unknown_names_get_one_clear_sentence(name: str, message: str):
    with pytest.raises(ModelError, match=message) as caught:
        get_spec(name)
    assert "\n" not in str(caught.value)


LOADED = ["resnet18", "mobilenetv4_conv_small", "vit_small_patch16_224", "swin_tiny_patch4_window7_224"]
LOADED_DETECTORS = ["ssdlite320_mobilenet_v3_large", "fcos_resnet50_fpn", "yolov9t", "yolox_s"]


@pytest.mark.parametrize("name", LOADED + LOADED_DETECTORS)
def test_published_weights_arrive_whole(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    spec = get_spec(name)
    source = randomised(build_published(spec))
    network = source.network if spec.task == "detection" else source
    assert isinstance(network, nn.Module)
    state = network.state_dict()
    if name == "fcos_resnet50_fpn":  # published from a frozen batch norm, which does not count batches
        state = {key: value for key, value in state.items() if not key.endswith("num_batches_tracked")}
    if name == "yolov9t":  # published with a branch that only training uses
        state = {**state, "aux.spp.cv1.conv.weight": torch.zeros(1), "aux_head.cv2.0.weight": torch.zeros(1)}
    serve(monkeypatch, tmp_path / "weights.safetensors", state)
    loaded = build_pretrained(spec)
    assert not loaded.training
    for key, tensor in source.state_dict().items():
        if tensor.is_floating_point():
            assert torch.equal(loaded.state_dict()[key], tensor), key
    assert "state_dict" not in getattr(loaded, "pretrained_cfg", {})


@pytest.mark.parametrize("name", ["resnet18", "mobilenetv4_conv_small", "tf_efficientnet_lite0", "yolov9t"])
def test_weights_of_another_network_are_refused(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    serve(monkeypatch, tmp_path / "weights.safetensors", {"stem.weight": torch.zeros(3, 3)})
    with pytest.raises(WeightsError, match="fit"):
        build_pretrained(get_spec(name))


def test_a_model_without_weights_must_be_trained_first():
    with pytest.raises(ModelError, match="retinanet_tf_efficientnet_lite0 has no pretrained weights"):
        build_pretrained(get_spec("retinanet_tf_efficientnet_lite0"))


@pytest.mark.parametrize("name", ["resnet18", "mobilenetv4_conv_small", "ssdlite320_mobilenet_v3_large"])
def test_finetuning_starts_from_everything_but_the_class_outputs(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    spec = get_spec(name)
    source = randomised(build_published(spec))
    network = source.network if spec.task == "detection" else source
    assert isinstance(network, nn.Module)
    serve(monkeypatch, tmp_path / "weights.safetensors", network.state_dict())
    started = build_for_finetuning(spec, 3).state_dict()
    fresh_ones = [
        key
        for key, tensor in source.state_dict().items()
        if tensor.is_floating_point() and (started[key].shape != tensor.shape or not torch.equal(started[key], tensor))
    ]
    assert fresh_ones
    assert all(any(part in key for part in ("fc.", "classifier.", "classification_head")) for key in fresh_ones)


@pytest.mark.parametrize("name", ["retinanet:mobilenetv4_conv_small", "fasterrcnn:resnet18"])
def test_a_timm_backbone_starts_a_detector(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    spec = get_spec(name)
    classifier: Any = randomised(timm.create_model(name.partition(":")[2]))
    serve(monkeypatch, tmp_path / "weights.safetensors", classifier.state_dict())
    detector = spec.build(3)
    untouched = {key: tensor.clone() for key, tensor in detector.state_dict().items() if ".body." not in key}
    initialise_backbone(spec, detector)
    with torch.no_grad():
        batch = torch.rand(1, 3, 64, 64)
        ours = detector.network.backbone.body.eval()(batch)[-1]
        theirs = classifier.eval().forward_intermediates(batch, intermediates_only=True)[-1]
    assert torch.equal(ours, theirs)
    assert all(torch.equal(detector.state_dict()[key], tensor) for key, tensor in untouched.items())


def test_only_detectors_on_timm_backbones_have_a_backbone_to_start():
    spec = get_spec("ssdlite_mobilenet_v2_coco")
    with pytest.raises(ModelError, match="ssdlite_mobilenet_v2_coco has no timm backbone"):
        initialise_backbone(spec, spec.build(2))


def test_a_renamed_spec_still_builds():
    spec = replace(get_spec("resnet18"), name="mine")
    assert isinstance(spec.build(2), nn.Module)


@pytest.mark.parametrize("spec", FROM_TORCHVISION, ids=lambda spec: spec.name)
def test_published_figures_are_those_of_torchvisions_weights(spec: ModelSpec):
    known = published(spec)
    assert known is not None
    (weights,) = [one for one in get_model_weights(spec.name) if one.url.endswith(spec.weights.file_name)]
    (figures,) = weights.meta["_metrics"].values()
    assert 100 * known.value == pytest.approx(figures.get("acc@1", figures.get("box_map")))


def test_whatever_has_weights_of_its_own_has_a_published_figure():
    assert {spec.name for spec in SPECS if spec.weights.kind != "none"} == set(PUBLISHED)
    said = {spec.name: str(known) for spec in SPECS if (known := published(spec))}
    assert said["resnet50"] == "80.9% top-1 on ImageNet"
    assert said["yolov9t"] == "38.3% AP on COCO"
