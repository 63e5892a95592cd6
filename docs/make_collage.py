"""Makes the sample picture with several objects of one kind from the photos that are in the public domain or CC0.

PYTHONPATH=. python docs/make_collage.py     # writes vision_core/assets/samples/four_photos.jpg
"""

from __future__ import annotations

from PIL import Image, ImageOps

from vision_core.samples import SAMPLES_FOLDER, open_sample

TILE_PX = (440, 300)
GAP_PX = 12


def main() -> None:
    """A wall with four photos: a cat, the same cat seen in a mirror, a cup of coffee and an astronaut."""
    cat, cup, person = (open_sample(name).pixels for name in ("chelsea", "coffee", "astronaut"))
    tiles = [cat, cup, person.crop((0, 0, 512, 349)), ImageOps.mirror(cat)]
    width, height = TILE_PX
    wall = Image.new("RGB", (2 * width + 3 * GAP_PX, 2 * height + 3 * GAP_PX), "#e9e4da")
    for index, tile in enumerate(tiles):
        row, column = divmod(index, 2)
        place = (GAP_PX + column * (width + GAP_PX), GAP_PX + row * (height + GAP_PX))
        wall.paste(ImageOps.fit(tile, TILE_PX, Image.Resampling.LANCZOS), place)
    wall.save(SAMPLES_FOLDER / "four_photos.jpg", quality=92)


if __name__ == "__main__":
    main()
