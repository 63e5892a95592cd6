"""Fashion Shelf, the data set that comes with the project: scenes painted from real product photos.

    index = make_shelf(Path("shelf"), images=300)
    picture = scene(seed=0, number=17, difficulty="hard")

The same pictures carry boxes, counts and image labels. A pixel is a product's when the product covers at least half of
it, and a box is tight around those pixels that nothing in front hides. What would hide more of a product than the
difficulty allows (`Difficulty.most_hidden`) is not placed, so every product has a box. Each photo belongs to one split,
whatever the seed.
"""

from vision_core.data.shelf.difficulty import DIFFICULTIES, Difficulty
from vision_core.data.shelf.photos import CLASS_NAMES, split_of
from vision_core.data.shelf.scene import Scene, scene
from vision_core.data.shelf.writing import make_shelf, read_shelf

__all__ = ["CLASS_NAMES", "DIFFICULTIES", "Difficulty", "Scene", "make_shelf", "read_shelf", "scene", "split_of"]
