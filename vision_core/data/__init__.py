"""Data sets: reading and writing the common formats, looking for faults, splitting, labelling, Fashion Shelf."""
