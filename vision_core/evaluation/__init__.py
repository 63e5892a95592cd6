"""What a network gets right and wrong, how surely, and how two networks or two tasks compare.

Everything here works on what a network said of pictures whose answers are known (`records`), never on the network
itself, so that thresholds, slices and comparisons are at once.
"""
