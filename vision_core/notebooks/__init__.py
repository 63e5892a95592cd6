"""What is on screen, as a notebook that finds the same numbers with the package alone.

`writer` turns steps into a notebook or a script; `evaluation`, `costs` and `duel` know the steps of their pages. Those
of Compare and Train are in `vision_core.snippets` and `vision_core.training.snippets`.
"""
