"""What pages ask of evaluation in the background: plain values in, plain values out; see `vision_core.background`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vision_core.background import Stage


def evaluate(arguments: Mapping[str, Any], progress: Stage) -> dict[str, Any]:
    """Evaluates a run.

    Args:
        arguments: `run` (its folder), and optionally `data`, `split`, `again`, as `evaluate_run` takes them.

    Returns:
        `file`: where the evaluation is kept; `figures`.
    """
    from vision_core.evaluation.store import evaluate_run

    found = evaluate_run(
        arguments["run"],
        arguments.get("data"),
        arguments.get("split", "test"),
        progress,
        bool(arguments.get("again", False)),
    )
    return {"file": str(found.file), "figures": found.figures}
