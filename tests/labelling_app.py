"""A page with nothing but the labelling section, for the browser tests: `streamlit run tests/labelling_app.py`.

The data set is the folder LABELLING_PICTURES, its classes the comma-separated LABELLING_CLASSES; the journal lies in
LABELLING_FOLDER, in the folder that the address names as `version`. The "detector" sees one box in the middle of
every picture, and one of a class that nobody else has; in 4.png it sees nothing, slowly.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
import streamlit as st

from pages.parts import labelling
from vision_core.data.index import DatasetIndex, IndexBuilder
from vision_core.images import open_image
from vision_core.types import Detections


def build_index(pictures: Path, classes: list[str]) -> DatasetIndex:
    """Every picture of the folder, in the order of their names; the last one brings a box and a label with it."""
    builder = IndexBuilder(classes)
    files = sorted(path for path in pictures.iterdir() if path.suffix in (".png", ".jpg"))
    for number, path in enumerate(files):
        size = open_image(path).size_px
        last = number == len(files) - 1
        boxes = [(0, 2.0, 3.0, 20.0, 22.0, False)] if last else None
        builder.add_image(path.name, size, labels=[0] if last else None, boxes=boxes)
    return builder.finish(pictures, "folder")


def see(path: Path) -> Detections:
    """What the pretended detector says."""
    width, height = open_image(path).size_px
    if path.name == "4.png":
        time.sleep(1.0)
        return Detections(np.zeros((0, 4), np.float32), np.zeros(0), np.zeros(0, int), (), (width, height), "pretended")
    middle = [width * 0.3, height * 0.3, width * 0.7, height * 0.7]
    corner = [0.0, 0.0, width * 0.2, height * 0.2]
    names = (os.environ["LABELLING_CLASSES"].split(",")[0], "seen only by the detector")
    boxes = np.array([middle, corner], np.float32)
    return Detections(boxes, np.array([0.9, 0.6]), np.array([0, 1]), names, (width, height), "pretended")


def main() -> None:
    """Draws the page."""
    index = build_index(Path(os.environ["LABELLING_PICTURES"]), os.environ["LABELLING_CLASSES"].split(","))
    st.set_page_config("Labelling", layout="wide")
    version = Path(os.environ["LABELLING_FOLDER"]) / st.query_params.get("version", "version")
    labelling.draw(index, version, see)


main()
