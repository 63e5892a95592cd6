"""A run judged on other pictures than its own: what cannot be judged is counted, not passed over."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from painted_data import CLASSIFIER, learn, new_run, photos, scenes

from vision_core.training.evaluate import evaluate


@pytest.mark.usefixtures("workspace")
def test_pictures_without_an_answer_are_counted(tmp_path: Path):
    run = new_run(tmp_path / "run", photos(tmp_path / "data"), "classification", CLASSIFIER)
    learn(run)
    other = scenes(tmp_path / "other", {"test": 6}, objects=1)
    whole = evaluate(run.path, str(other))
    assert (whole["split"], whole["images"], whole["left_out"]) == ("test", 6, 0)
    path = other / "test" / "_annotations.coco.json"
    document = json.loads(path.read_text())
    document["annotations"] = [one for one in document["annotations"] if one["image_id"] != 1]
    path.write_text(json.dumps(document))
    found = evaluate(run.path, str(other))
    assert (found["images"], found["left_out"]) == (5, 1)


@pytest.mark.usefixtures("workspace")
def test_a_run_that_was_halved_is_judged_in_halves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    run = new_run(tmp_path / "run", photos(tmp_path / "data"), "classification", CLASSIFIER, batch_size=8)
    records = learn(run)
    expected = evaluate(run.path)
    run.write_lines("metrics.jsonl", [record | {"micro_batch": 2} for record in records])
    from timm.models.vision_transformer import VisionTransformer

    forward, sizes = VisionTransformer.forward, set()

    def small(self: VisionTransformer, x: torch.Tensor, *rest: Any) -> torch.Tensor:
        sizes.add(len(x))
        if len(x) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return forward(self, x, *rest)

    monkeypatch.setattr(VisionTransformer, "forward", small)
    assert evaluate(run.path)["metrics"] == pytest.approx(expected["metrics"])
    assert sizes == {1, 2}
