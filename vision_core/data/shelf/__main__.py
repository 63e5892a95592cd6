"""A process that paints every `step`-th scene into a file and prints a line of JSON about each.

    python -m vision_core.data.shelf FOLDER SEED DIFFICULTY FIRST STEP IMAGES

`make_shelf` starts some of these: painting is many small steps of NumPy, which the threads of one process would take
one after the other. When whoever reads the lines is gone, so is the painter, with its next line.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from vision_core.data.shelf.painting import paint


def main(folder: str, seed: str, difficulty: str, first: str, step: str, images: str) -> None:
    """Paints scenes `first`, `first + step` … below `images`."""
    if hasattr(os, "nice"):
        os.nice(10)  # whoever looks at a page meanwhile comes first
    for number in range(int(first), int(images), int(step)):
        print(json.dumps(paint(Path(folder), int(seed), difficulty, number)), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
