"""Where classifiers point: maps of many classes at once against one at a time, and the place of their peak."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from PIL import Image, ImageDraw
from torch import Tensor, nn

from vision_core.errors import ModelError
from vision_core.evaluation.ground import Ground
from vision_core.evaluation.pointing import peak, points, points_on
from vision_core.evaluation.records import TrueBoxes
from vision_core.explain import activation_map, activation_maps, target_layer
from vision_core.models import get_spec
from vision_core.predict import Classifier
from vision_core.types import Preprocessing

COLOURS = {"red": (230, 30, 30), "green": (30, 220, 30), "blue": (30, 30, 230)}


class ColourNet(nn.Module):
    """Says how much of each of three colours there is, from a grid of cells of 8 pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.cells = nn.AvgPool2d(8)
        self.colours = nn.Conv2d(3, 3, 1, bias=False)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.colours.weight.data = (2 * torch.eye(3) - 1).view(3, 3, 1, 1)

    def forward(self, batch: Tensor) -> Tensor:
        return self.pool(torch.relu(self.colours(self.cells(batch)))).flatten(1)


def painted(folder: Path, number: int, size_px: tuple[int, int]) -> tuple[Path, np.ndarray]:
    """A grey picture with a disc of each colour; the box `(3, 4)` of each."""
    random = np.random.default_rng(number)
    image, boxes = Image.new("RGB", size_px, (60, 60, 60)), []
    for place, colour in zip(random.permutation(3), COLOURS.values(), strict=True):
        left = size_px[0] * (0.15 + 0.24 * place)
        top = random.uniform(0.1, 0.6) * size_px[1]
        box = (left, top, left + size_px[0] * 0.22, top + size_px[1] * 0.3)
        ImageDraw.Draw(image).ellipse(box, fill=colour)
        boxes.append(box)
    path = folder / f"{number}.png"
    image.save(path)
    return path, np.array(boxes)


def colour_classifier(how: Preprocessing, names: tuple[str, ...] = tuple(COLOURS)) -> Classifier:
    spec = replace(get_spec("tf_efficientnet_lite0"), name="colours", preprocessing=how)
    return Classifier(spec, ColourNet(), names, torch.device("cpu"))


def colour_ground(folder: Path, size_px: tuple[int, int], count: int = 11) -> tuple[list[Path], Ground]:
    made = [painted(folder, number, size_px) for number in range(count)]
    boxes = np.concatenate([boxes for _, boxes in made])
    truth = TrueBoxes(np.repeat(np.arange(count), 3), boxes, np.tile(np.arange(3), count), np.zeros(3 * count, bool))
    ground = Ground(
        pictures=tuple(path.name for path, _ in made),
        class_names=tuple(COLOURS),
        shown=np.ones((count, 3), bool),
        boxes=truth,
    )
    return [path for path, _ in made], ground


@pytest.mark.parametrize(
    ("how", "size_px"),
    [
        (Preprocessing(mode="squash", size_px=96), (240, 120)),
        (Preprocessing(mode="crop", size_px=96, resize_px=104), (180, 160)),
        (Preprocessing(mode="letterbox", size_px=96), (200, 100)),
    ],
)
def test_the_peak_lies_on_what_was_asked_for(tmp_path: Path, how: Preprocessing, size_px: tuple[int, int]) -> None:
    paths, ground = colour_ground(tmp_path, size_px)
    told: list[tuple[str, int, int]] = []
    said = points(colour_classifier(how), paths, ground, lambda *stage: told.append(stage), batch=4)
    boxes = ground.boxes
    assert boxes is not None
    at = said[boxes.picture, boxes.labels]
    assert ((at >= boxes.boxes_xyxy[:, :2]) & (at <= boxes.boxes_xyxy[:, 2:])).all()
    assert [done for _, done, _ in told] == [4, 8, 11]


def test_only_what_is_there_is_asked_for_by_whatever_name(tmp_path: Path) -> None:
    paths, ground = colour_ground(tmp_path, (96, 96), 3)
    whole = points(colour_classifier(Preprocessing(mode="squash", size_px=96)), paths, ground)
    shown = np.array([[True, False, True], [False, False, False], [False, True, False]])
    ground = replace(ground, shown=shown, class_names=("red", "Greens", "blue"))
    turned = colour_classifier(Preprocessing(mode="squash", size_px=96))
    said = points(turned, paths, ground)
    np.testing.assert_array_equal(np.isnan(said[..., 0]), ~shown)
    np.testing.assert_array_equal(said[shown], whole[shown])


def test_points_go_along_to_a_ground_with_fewer_pictures_and_classes(tmp_path: Path) -> None:
    _, ground = colour_ground(tmp_path, (96, 96), 3)
    asked = np.random.default_rng(0).random((3, 3, 2))
    fewer = replace(
        ground, pictures=("2.png", "new.png", "0.png"), class_names=("blue", "red"), shown=ground.shown[:, :2]
    )
    moved = points_on(fewer, ground.pictures, ground.class_names, asked)
    np.testing.assert_array_equal(moved[[0, 2]], asked[[2, 0]][:, [2, 0]])
    assert np.isnan(moved[1]).all()


def test_asking_can_be_stopped(tmp_path: Path) -> None:
    paths, ground = colour_ground(tmp_path, (96, 96), 6)

    def stop(*_stage: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        points(colour_classifier(Preprocessing(mode="squash", size_px=96)), paths, ground, stop, batch=2)


@pytest.mark.parametrize("name", ["colours", "test_vit", "test_efficientnet", "test_resnet"])
def test_maps_of_many_classes_are_those_of_each_asked_alone(name: str) -> None:
    torch.manual_seed(0)
    module = ColourNet() if name == "colours" else timm.create_model(name, num_classes=5)
    module.eval()
    batch = torch.rand(3, 3, 160, 160)
    asked = [[0, 2], [], [1]]
    found = activation_maps(module, batch, asked)
    assert [one.shape[0] for one in found] == [2, 0, 1]
    for row, one in enumerate(asked):
        for heat, index in zip(found[row], one, strict=True):
            whole = activation_map(module, batch[row : row + 1], index)
            if heat.max() == heat.min():
                assert whole.max() == 0
                continue
            enlarged = nn.functional.interpolate(
                torch.from_numpy((heat - heat.min()) / (heat.max() - heat.min()))[None, None],
                (160, 160),
                mode="bilinear",
            )[0, 0].numpy()
            np.testing.assert_allclose(whole, enlarged / enlarged.max(), atol=0.02)
    assert not any(part._forward_hooks for part in module.modules())
    target_layer(module, batch)  # still finds it


def test_a_class_the_network_does_not_have_is_refused() -> None:
    with pytest.raises(ModelError, match="no class 7"):
        activation_maps(ColourNet(), torch.rand(1, 3, 32, 32), [[7]])


def test_a_peak_lies_in_the_middle_of_its_cell_and_within_the_picture() -> None:
    heat = np.zeros((4, 4), np.float32)
    heat[1, 2] = 1
    assert peak(heat, (64, 64), Preprocessing(mode="squash", size_px=64), (640, 320)) == (400, 120)
    heat[3, 3] = 2  # in the letterbox's padding
    assert peak(heat, (64, 64), Preprocessing(mode="letterbox", size_px=64), (640, 320)) == (400, 240)
    assert np.isnan(peak(np.ones((3, 3)), (64, 64), Preprocessing(mode="squash", size_px=64), (640, 320))).all()
