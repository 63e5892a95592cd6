"""Data sets whose right answer is known before anything is trained, of the real product photos of Fashion Shelf.

centred(folder)       one large product in the middle of every picture, few labels: a glance tells what it is
scattered(folder)     many small products all over the picture: only boxes tell how many
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from vision_core.data.shelf.photos import CLASS_NAMES, photos, photos_of

Box = tuple[int, int, int, int]
CENTRED: Mapping[str, int] = {"train": 12, "val": 12, "test": 48}
SCATTERED: Mapping[str, int] = {"train": 32, "val": 8, "test": 20}


def centred(folder: Path, splits: Mapping[str, int] = CENTRED, seed: int = 0) -> Path:
    """One product of four kinds a picture, two thirds of its edge long."""
    kinds = ("Trouser", "Sneaker", "Bag", "Dress")

    def draw(picture: Image.Image, kind_of: Callable[[int], int], random: np.random.Generator, number: int) -> Any:
        edge = int(random.integers(125, 145))
        left, top = ((side - edge) // 2 + int(random.integers(-8, 9)) for side in picture.size)
        kind = number % len(kinds)
        return [(kind, _paste(picture, kind_of(kind), (left, top, edge)))]

    return _coco(folder, splits, kinds, (200, 200), draw, seed)


def scattered(folder: Path, splits: Mapping[str, int] = SCATTERED, seed: int = 0) -> Path:
    """Eight to twenty products of two kinds a picture, an eighth of its edge long, none on top of another."""
    kinds = ("Trouser", "Bag")
    cells, edge = 6, 40

    def draw(picture: Image.Image, kind_of: Callable[[int], int], random: np.random.Generator, number: int) -> Any:
        chosen = random.permutation(cells * cells)[: int(random.integers(8, 21))]
        room = picture.width // cells
        found = []
        for cell in chosen.tolist():
            kind = int(random.integers(len(kinds)))
            left, top = (room * at + int(random.integers(room - edge + 1)) for at in (cell % cells, cell // cells))
            found.append((kind, _paste(picture, kind_of(kind), (left, top, edge))))
        return found

    return _coco(folder, splits, kinds, (300, 300), draw, seed)


def _paste(picture: Image.Image, photo: int, where: tuple[int, int, int]) -> Box:
    """Puts a product on the picture and returns its box (left, top, width, height)."""
    left, top, edge = where
    grey = Image.fromarray(photos()[photo]).resize((edge, edge), Image.Resampling.BICUBIC)
    levels = np.asarray(grey)
    mask = Image.fromarray((levels > 25).astype(np.uint8) * 255)
    picture.paste(Image.fromarray(255 - levels // 2).convert("RGB"), (left, top), mask)
    x0, y0, x1, y1 = mask.getbbox() or (0, 0, edge, edge)
    return left + x0, top + y0, x1 - x0, y1 - y0


def _coco(
    folder: Path,
    splits: Mapping[str, int],
    kinds: Sequence[str],
    size_px: tuple[int, int],
    draw: Callable[..., list[tuple[int, Box]]],
    seed: int,
) -> Path:
    """COCO splits; no photo is in two of them."""
    random = np.random.default_rng(seed)
    for split, count in splits.items():
        (folder / split).mkdir(parents=True)
        mine = [photos_of(split)[CLASS_NAMES.index(kind)] for kind in kinds]
        coco: dict[str, Any] = {"images": [], "annotations": []}
        coco["categories"] = [{"id": number, "name": name} for number, name in enumerate(kinds)]
        for number in range(count):
            grain = random.normal(random.integers(60, 110), 6, (size_px[1], size_px[0], 1)).repeat(3, axis=2)
            picture = Image.fromarray(grain.clip(0, 255).astype(np.uint8))
            name = f"{split}-{number}.png"
            found = draw(picture, lambda kind, mine=mine: int(random.choice(mine[kind])), random, number)
            picture.save(folder / split / name)
            coco["images"].append({"id": number, "file_name": name, "width": size_px[0], "height": size_px[1]})
            for kind, box in found:
                about = {"id": len(coco["annotations"]), "image_id": number, "category_id": kind, "iscrowd": 0}
                coco["annotations"].append(about | {"bbox": box, "area": box[2] * box[3]})
        (folder / split / "_annotations.coco.json").write_text(json.dumps(coco))
    return folder
