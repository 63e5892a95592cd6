"""Features computed once: used again where nothing they depend on has changed, and only there."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from painted_data import CLASSIFIER, learn, new_run, photos, same
from PIL import Image
from torch import Tensor

from vision_core.models import get_spec
from vision_core.run_folder import RunFolder
from vision_core.training import instant
from vision_core.training.checkpoints import save_weights

pytestmark = pytest.mark.usefixtures("workspace")


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many pictures went through the backbone, block by block."""
    counted: list[int] = []
    through = instant.FeatureFeed._through

    def counting(self: instant.FeatureFeed, batch: Tensor) -> Tensor:
        counted.append(len(batch))
        return through(self, batch)

    monkeypatch.setattr(instant.FeatureFeed, "_through", counting)
    return counted


def weights(folder: Path) -> str:
    """A file of fresh weights, which stand for learned ones."""
    path = folder / "weights.safetensors"
    if not path.exists():
        torch.manual_seed(3)
        save_weights(path, get_spec(CLASSIFIER).build(7), {})
    return str(path)


def run(folder: Path, data: Path, **changes: object) -> RunFolder:
    usual = {"views": 2, "frozen_epochs": 0, "epochs": 2, "augmentation": "light", "start": weights(folder.parent)}
    return new_run(folder, data, "classification", CLASSIFIER, **usual | changes)


def test_features_are_computed_once(tmp_path: Path, passes: list[int]):
    data = photos(tmp_path / "data")
    first, again = run(tmp_path / "first", data), run(tmp_path / "again", data)
    learn(first)
    assert sum(passes) == 4 + 2 * 8, "the validation pictures once, the others twice"
    learn(again)
    assert sum(passes) == 4 + 2 * 8
    assert same(first, again)


def test_another_head_or_schedule_needs_no_new_features(tmp_path: Path, passes: list[int]):
    data = photos(tmp_path / "data")
    learn(run(tmp_path / "first", data))
    passes.clear()
    learn(run(tmp_path / "second", data, learning_rate=0.1, epochs=3, batch_size=3))
    assert not passes


@pytest.mark.parametrize("what", ["a picture of the same size", "the threads", "the augmentation"])
def test_what_features_depend_on_makes_new_ones(what: str, tmp_path: Path, passes: list[int]):
    data = photos(tmp_path / "data")
    learn(run(tmp_path / "first", data))
    passes.clear()
    changes: dict[str, object] = {}
    if what == "the threads":
        changes["threads"] = 2
    elif what == "the augmentation":
        changes["augmentation"] = "strong"
    else:
        path = next((data / "train" / "red").iterdir())
        size = path.stat().st_size
        Image.new("RGB", (56, 48), "white").save(path)
        path.write_bytes(path.read_bytes().ljust(size, b"0"))  # a PNG ends before its file does
        assert path.stat().st_size == size
    learn(run(tmp_path / "second", data, **changes))
    assert passes
    torch.set_num_threads(1)


def test_a_full_disk_leaves_no_half_of_a_file(tmp_path: Path, workspace: Path, monkeypatch: pytest.MonkeyPatch):
    data = photos(tmp_path / "data")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(instant.np, "save", full)
    with pytest.raises(OSError, match="No space"):
        learn(run(tmp_path / "run", data))
    assert not list((workspace / "features").rglob("*.part"))


def test_what_does_not_fit_goes_through_in_halves(tmp_path: Path, workspace: Path, monkeypatch: pytest.MonkeyPatch):
    data = photos(tmp_path / "data")
    whole = run(tmp_path / "whole", data)
    expected = learn(whole)
    from timm.models.vision_transformer import VisionTransformer

    forward = VisionTransformer.forward

    def small(self: VisionTransformer, x: Tensor, *rest: Any) -> Tensor:
        if len(x) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return forward(self, x, *rest)

    monkeypatch.setattr(VisionTransformer, "forward", small)
    shutil.rmtree(workspace / "features")
    found = learn(run(tmp_path / "halved", data))
    assert [record["metrics"] for record in found] == [pytest.approx(record["metrics"]) for record in expected]
