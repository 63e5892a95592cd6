"""The names of the classes that published weights know: ImageNet-1k and COCO."""

from __future__ import annotations

from collections import Counter
from functools import lru_cache

# COCO 2017 numbers its 80 classes 1..90; 0 is the background of detectors and ten ids were never used.
_COCO = (
    "person,bicycle,car,motorcycle,airplane,bus,train,truck,boat,traffic light,fire hydrant,stop sign,"
    "parking meter,bench,bird,cat,dog,horse,sheep,cow,elephant,bear,zebra,giraffe,backpack,umbrella,handbag,"
    "tie,suitcase,frisbee,skis,snowboard,sports ball,kite,baseball bat,baseball glove,skateboard,surfboard,"
    "tennis racket,bottle,wine glass,cup,fork,knife,spoon,bowl,banana,apple,sandwich,orange,broccoli,carrot,"
    "hot dog,pizza,donut,cake,chair,couch,potted plant,bed,dining table,toilet,tv,laptop,mouse,remote,"
    "keyboard,cell phone,microwave,oven,toaster,sink,refrigerator,book,clock,vase,scissors,teddy bear,"
    "hair drier,toothbrush"
)
COCO_NAMES: tuple[str, ...] = tuple(_COCO.split(","))
_IDS = 91
_UNUSED_IDS = frozenset({0, 12, 26, 29, 30, 45, 66, 68, 69, 71, 83})

# Three pairs of ImageNet classes share their first synonym (one of them but for its capital).
_IMAGENET_EXCEPTIONS = {
    134: "crane (bird)",
    264: "Cardigan Welsh corgi",
    517: "crane (machine)",
    638: "maillot",
    639: "tank suit",
}


def coco_label_of_id() -> list[int]:
    """For each of the 91 COCO ids its place among the 80 names, or -1 (background, unused)."""
    used = iter(range(len(COCO_NAMES)))
    return [-1 if number in _UNUSED_IDS else next(used) for number in range(_IDS)]


@lru_cache(maxsize=1)
def imagenet_names() -> tuple[str, ...]:
    """The 1000 ImageNet-1k classes in order, each by its first synonym ("tiger cat").

    No name comes twice, whatever its case.
    """
    from timm.data.imagenet_info import ImageNetInfo

    names = [text.split(",")[0].strip() for text in ImageNetInfo("imagenet-1k").label_descriptions()]
    for number, name in _IMAGENET_EXCEPTIONS.items():
        names[number] = name
    twice = [name for name, count in Counter(map(str.lower, names)).items() if count > 1]
    if twice:
        raise ValueError(f"ImageNet names are not unique: {twice}")
    return tuple(names)
