"""What the README claims about speed, reproducible: each benchmark is one command and writes to `results/`.

    python -m benchmarks.predict    bytes to both results, against the bare networks and against the usual way
    python -m benchmarks.slider     server time of a slider move with a 12-megapixel photo
    python -m benchmarks.startup    from the command to the first usable page, cold and warm

Contestants run in turns within one process tree (ABAB …), so that a busy moment hits all of them; figures are medians
of per-round ratios with their quartiles.
"""
