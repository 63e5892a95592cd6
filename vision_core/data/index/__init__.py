"""One data set in memory: where each picture is, what it shows, and every box. Columns in Arrow, never pixels.

    index = read_dataset("photos/")            # vision_core.data.formats
    rows = index.find(Filter(class_name="dog", split="train"))
    for record in index.page(rows, start=0, size=24):
        record.path, record.labels, record.boxes_xyxy

A million pictures with five million boxes take about 0.2 GB, and nothing at all until they are looked at when the
index was opened from disk (`DatasetIndex.load` maps the files).
"""

from vision_core.data.index.builder import IndexBuilder
from vision_core.data.index.comparison import differences
from vision_core.data.index.dataset import DatasetIndex, Filter, ImageRecord
from vision_core.data.index.tables import BOXES, EDGES, IMAGES

__all__ = ["BOXES", "EDGES", "IMAGES", "DatasetIndex", "Filter", "ImageRecord", "IndexBuilder", "differences"]
