"""The sample photos that come with the project, so that the first picture needs no upload and no network.

    picture = open_sample("chelsea")

The photos are byte for byte as their sources publish them; `assets/samples/LICENCES.md` says where each is from. One
picture is put together from them, so that "how many?" is a question; one holds no object a COCO detector knows.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from vision_core.errors import ImageError, suggest
from vision_core.images import Picture, open_image

SAMPLES_FOLDER = Path(__file__).parent / "assets" / "samples"

_SCIKIT_IMAGE = "https://scikit-image.org/docs/stable/api/skimage.data.html"
_CC0 = "CC0-1.0"


@dataclass(frozen=True)
class Sample:
    """One photo.

    Attributes:
        name: short and stable, as typed in code and in a page's address.
        title: as shown to people.
        path: the file in the package.
        alt: what is in the picture, for readers who cannot see it.
        licence: SPDX name, or "public domain".
        author: who took or released it.
        source: address where it was published.
    """

    name: str
    title: str
    path: Path
    alt: str
    licence: str
    author: str
    source: str


def _sample(file_name: str, title: str, alt: str, licence: str, author: str, source: str) -> Sample:
    return Sample(Path(file_name).stem, title, SAMPLES_FOLDER / file_name, alt, licence, author, source)


_SAMPLES = (
    _sample(
        "four_photos.jpg",
        "Four photos on a wall",
        "Four photos in two rows: a ginger tabby cat, an espresso in a red cup, a smiling woman in an orange "
        "spacesuit, and the cat again, mirrored.",
        _CC0,
        "the WhatWhere contributors, from photos by Stéfan van der Walt, Rachel Michetti and NASA",
        _SCIKIT_IMAGE,
    ),
    _sample(
        "coffee.png",
        "An espresso",
        "An espresso in a red cup on a red saucer, with a metal spoon, on a table of reddish wood, seen from above.",
        _CC0,
        "Rachel Michetti, courtesy of Pikolo Espresso Bar",
        _SCIKIT_IMAGE,
    ),
    _sample(
        "chelsea.png",
        "Chelsea the cat",
        "The face of a ginger tabby cat, close up, looking past the camera.",
        _CC0,
        "Stéfan van der Walt",
        _SCIKIT_IMAGE,
    ),
    _sample(
        "astronaut.png",
        "Eileen Collins, astronaut",
        "Portrait of a smiling woman in an orange spacesuit, a black-visored helmet in front of her, "
        "between a flag of the United States and a model of the Space Shuttle.",
        "public domain",
        "NASA (Great Images in NASA)",
        _SCIKIT_IMAGE,
    ),
    _sample(
        "grace_hopper.jpg",
        "Grace Hopper, in uniform",
        "Portrait of a woman in a dark naval uniform with ribbons, glasses and a cap, before a United States flag.",
        "public domain",
        "James S. Davis, United States Navy",
        "https://commons.wikimedia.org/wiki/File:Commodore_Grace_M._Hopper,_USN_(covered).jpg",
    ),
    _sample(
        "rocket.jpg",
        "A rocket before its launch",
        "A white Falcon 9 rocket on its launch pad at dusk, between four lattice towers.",
        "public domain",
        "SpaceX",
        "https://www.flickr.com/photos/spacexphotos/16511594820/",
    ),
    _sample(
        "flower.jpg",
        "A dahlia",
        "One orange dahlia in full bloom before dark green leaves, a second one cut off by the lower edge.",
        "CC-BY-2.0",
        "vultilion, by way of scikit-learn",
        "https://www.flickr.com/photos/vultilion/6056698931/",
    ),
)


def list_samples() -> tuple[Sample, ...]:
    """Every sample photo, in the order a page shows them."""
    return _SAMPLES


def open_sample(name: str) -> Picture:
    """The sample called `name` (or by its file name), opened.

    Raises:
        ImageError: no sample has that name.
    """
    for sample in _SAMPLES:
        if name in (sample.name, sample.path.name):
            return open_image(sample.path)
    names = [sample.name for sample in _SAMPLES]
    raise ImageError(f"There is no sample photo '{name}'.{suggest(name, names)} Known: {', '.join(names)}.")
