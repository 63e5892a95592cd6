"""What makes scenes easier or harder to read: three settings, each with all its knobs."""

from __future__ import annotations

from dataclasses import dataclass

from vision_core.errors import DataError, suggest


@dataclass(frozen=True, kw_only=True)
class Difficulty:
    """How scenes are stocked and lit. Chances and parts are 0..1; pairs are lowest and highest.

    Attributes:
        empty: chance that a compartment stays empty.
        gap: room between neighbours as a part of their width; below 0 they overlap.
        most_hidden: no product is hidden by more than this part of its pixels: what would hide more is not placed.
        tilt: tangent of half the largest angle that products are turned by.
        clutter: chance of a thing that is no product in a product's place.
        tags: chance of a paper tag hanging over a product.
        size: products' size as a part of the room there is.
        dimness: how much darker the darkest scenes are.
        tint: how far red and blue drift apart.
        contrast: least difference in brightness between a product's dye and the wall, of 255.
    """

    empty: float
    gap: tuple[float, float]
    most_hidden: float
    tilt: float
    clutter: float
    tags: float
    size: tuple[float, float]
    dimness: float
    tint: float
    contrast: int


DIFFICULTIES = {
    "easy": Difficulty(
        empty=0.2,
        gap=(0.1, 0.5),
        most_hidden=0.1,
        tilt=0.02,
        clutter=0.1,
        tags=0,
        size=(0.72, 0.98),
        dimness=0.05,
        tint=0.03,
        contrast=45,
    ),
    "medium": Difficulty(
        empty=0.15,
        gap=(-0.25, 0.35),
        most_hidden=0.4,
        tilt=0.06,
        clutter=0.22,
        tags=0.15,
        size=(0.58, 0.98),
        dimness=0.25,
        tint=0.1,
        contrast=18,
    ),
    "hard": Difficulty(
        empty=0.1,
        gap=(-0.5, 0.15),
        most_hidden=0.65,
        tilt=0.15,
        clutter=0.3,
        tags=0.4,
        size=(0.45, 0.98),
        dimness=0.6,
        tint=0.18,
        contrast=0,
    ),
}


def difficulty_called(name: str) -> Difficulty:
    """One of `DIFFICULTIES`.

    Raises:
        DataError: there is none of that name.
    """
    if name not in DIFFICULTIES:
        known = list(DIFFICULTIES)
        raise DataError(f"There is no difficulty {name!r}.{suggest(name, known)} Known: {', '.join(known)}.")
    return DIFFICULTIES[name]
