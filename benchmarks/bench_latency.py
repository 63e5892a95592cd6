"""Latency as `bench` measures it against `torch.utils.benchmark`: the embedded models, the same step, in turn.

Both should say the same: 1.00 is the aim, within 5 %.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable

import numpy as np
import torch
from torch.utils.benchmark import Timer

from benchmarks import shared
from vision_core.costs.bench_cell import run_once
from vision_core.costs.latency import Budget, measure
from vision_core.predict import load_classifier, load_detector
from vision_core.samples import open_sample
from vision_core.types import Timing


def agreement(ours: Callable[[], Timing], theirs: Callable[[], object], rounds: int, runs: int) -> list[float]:
    """Our median over that of `torch.utils.benchmark`, a round each, in turn so that a busy machine slows both."""
    timer = Timer("step()", globals={"step": theirs}, num_threads=torch.get_num_threads())
    budget = Budget(seconds=0, min_runs=runs, max_runs=runs, warmup=1)
    ratios = []
    for _ in range(rounds):
        latency = measure(ours, budget=budget)
        samples = [timer.timeit(1).median * 1000 for _ in range(runs)]
        ratios.append(latency.p50_ms / statistics.median(samples))
    return ratios


def main() -> None:
    """Measures and writes the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--runs", type=int, default=10, help="passes of each in a round")
    asked = parser.parse_args()
    about, pictures = shared.context(), [open_sample("four_photos").pixels]
    figures, rows = {}, []
    for load in (load_classifier, load_detector):
        predictor = load()

        def step(it=predictor) -> Timing:
            return run_once(it, pictures)

        ratios = np.array(agreement(step, step, asked.rounds, asked.runs))
        figures[predictor.name] = shared.spread(ratios)
        rows.append([predictor.name, shared.with_spread(ratios, "x")])
    text = shared.table(["model", "our median latency over torch.utils.benchmark's (quartiles of the rounds)"], rows)
    shared.write("bench_latency", about, figures, text)


if __name__ == "__main__":
    main()
