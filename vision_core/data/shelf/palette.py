"""The colours of the shop: what walls, wood and metal go together, and what products are dyed.

A product's colour is drawn without looking at its class, so colour never gives a class away.
"""

from __future__ import annotations

from dataclasses import dataclass

Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Theme:
    """Colours (RGB, 0..255) of one shop's furniture."""

    wall: Colour
    wood: Colour
    metal: Colour


THEMES = (
    Theme((236, 229, 218), (198, 156, 110), (184, 146, 84)),  # chalk, oak, brass
    Theme((171, 183, 163), (128, 86, 56), (190, 152, 88)),  # sage, walnut, brass
    Theme((62, 78, 104), (202, 162, 118), (198, 160, 96)),  # ink, oak, brass
    Theme((226, 198, 186), (240, 235, 227), (170, 172, 176)),  # blush, lacquer, chrome
    Theme((84, 87, 92), (150, 104, 68), (44, 44, 48)),  # graphite, cherry, iron
    Theme((198, 132, 102), (214, 178, 136), (52, 48, 46)),  # terracotta, ash, iron
    Theme((224, 212, 188), (84, 58, 44), (188, 150, 92)),  # linen, wenge, brass
    Theme((158, 188, 194), (216, 184, 142), (176, 178, 182)),  # duck egg, pine, chrome
    Theme((204, 198, 192), (112, 104, 98), (60, 60, 62)),  # greige, grey oak, iron
    Theme((104, 124, 108), (206, 170, 122), (192, 158, 96)),  # moss, oak, brass
)

DYES: tuple[Colour, ...] = (
    (38, 50, 84),  # navy
    (88, 118, 160),  # denim
    (150, 178, 204),  # sky
    (34, 84, 82),  # petrol
    (58, 98, 74),  # bottle
    (142, 158, 120),  # sage
    (112, 110, 66),  # olive
    (214, 168, 68),  # mustard
    (202, 110, 70),  # rust
    (178, 66, 56),  # brick
    (122, 36, 52),  # bordeaux
    (206, 132, 136),  # old rose
    (232, 190, 180),  # powder
    (148, 118, 168),  # lilac
    (92, 70, 120),  # plum
    (188, 146, 104),  # camel
    (120, 80, 54),  # cognac
    (76, 56, 46),  # espresso
    (236, 228, 212),  # cream
    (196, 190, 182),  # stone
    (128, 128, 130),  # grey
    (58, 60, 66),  # charcoal
)

PAPERS: tuple[Colour, ...] = (
    (238, 232, 220),
    (196, 164, 122),
    (222, 206, 182),
    (84, 96, 104),
    (170, 92, 78),
    (120, 140, 126),
    (64, 66, 76),
    (206, 176, 96),
)
"""Boxes, books, pots and frames."""

LEAVES: tuple[Colour, ...] = ((70, 112, 66), (92, 132, 84), (54, 92, 72), (120, 148, 92))
WHITE: Colour = (250, 247, 240)
INK: Colour = (66, 60, 58)
TERRACOTTA: Colour = (190, 112, 80)


def brightness(colour: Colour) -> int:
    """Luma of ITU-R BT.601, 0..255."""
    return (299 * colour[0] + 587 * colour[1] + 114 * colour[2]) // 1000
