"""The usual way of predicting with timm and torchvision, in a process of its own: what `benchmarks.predict` beats.

Written as the libraries' documentation shows it, and without a line of this project, so that nothing of ours (such as
the allocator's settings) reaches it. Reads requests as JSON lines, answers each with one JSON line.
"""

from __future__ import annotations

import json
import sys
import time
from io import BytesIO
from pathlib import Path
from typing import Any

import timm
import torch
from PIL import Image
from safetensors.torch import load_file
from timm.data.config import resolve_model_data_config
from timm.data.transforms_factory import create_transform
from torchvision.models.detection import SSDLite320_MobileNet_V3_Large_Weights, ssdlite320_mobilenet_v3_large


class UsualWay:
    """Both models, each with the transform that its library prescribes."""

    def __init__(self, folder: Path, device: str) -> None:
        self.device = device
        self.photos = {path.stem: path.read_bytes() for path in folder.glob("*.jpg")}
        self.classifier = timm.create_model("tf_efficientnet_lite0", pretrained=False)
        self.classifier.load_state_dict(load_file(folder / "classifier.safetensors"))
        self.classifier.eval().to(device)
        self.classifier_transform: Any = create_transform(
            **resolve_model_data_config(self.classifier), is_training=False
        )
        self.detector = ssdlite320_mobilenet_v3_large(weights=None, weights_backbone=None)
        self.detector.load_state_dict(load_file(folder / "detector.safetensors"))
        self.detector.eval().to(device)
        self.detector_transform = SSDLite320_MobileNet_V3_Large_Weights.COCO_V1.transforms()

    def classify(self, image: Image.Image) -> list[tuple[int, float]]:
        """Index and score of the five best classes."""
        batch = self.classifier_transform(image).unsqueeze(0).to(self.device)
        best = self.classifier(batch).softmax(dim=1)[0].topk(5)
        return list(zip(best.indices.tolist(), best.values.tolist(), strict=True))

    def detect(self, image: Image.Image) -> list[tuple[list[float], float, int]]:
        """Box, score and label of each detection."""
        found = self.detector([self.detector_transform(image).to(self.device)])[0]
        return list(zip(found["boxes"].tolist(), found["scores"].tolist(), found["labels"].tolist(), strict=True))

    @torch.inference_mode()
    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Runs one task on one photo, from the file's bytes to plain numbers."""
        self.detector.score_thresh = request.get("score_thresh", 0.001)  # 0.001 is torchvision's own
        data, answers = self.photos[request["photo"]], {}
        started = time.perf_counter()
        image = Image.open(BytesIO(data)).convert("RGB")
        if request["task"] in ("classification", "both"):
            answers["classification"] = self.classify(image)
        if request["task"] in ("detection", "both"):
            answers["detection"] = self.detect(image)
        spent_ms = (time.perf_counter() - started) * 1000
        return {"ms": spent_ms, **(answers if request.get("answers") else {})}


def main(folder: str, threads: str, device: str) -> None:
    """Serves requests from standard input until it ends."""
    torch.set_num_threads(int(threads))
    usual = UsualWay(Path(folder), device)
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        print(json.dumps(usual.answer(json.loads(line))), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
