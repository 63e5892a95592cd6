"""The lesson: what does transfer bring, and what do more pictures bring? The same model five times, curves overlaid."""

from __future__ import annotations

from collections.abc import Sequence

from vision_core.training.config import PRESETS, STARTS, TrainConfig, make_config
from vision_core.training.overview import Overview, metric_title

SHARES = (1.0, 0.5, 0.25, 0.1)
MARK = "lesson-"
"""What the `parent` of a lesson's runs begins with."""
WHAT_TO_SEE = (
    "Look at where the curves start, how fast they rise and where they end. Transfer is usually far ahead, because the "
    "network already knows edges, textures and shapes, which it has to learn as well from scratch. With fewer pictures "
    "the training loss still falls, but the validation figure tends to stay behind: that gap is what more pictures buy."
)


def lesson(config: TrainConfig) -> list[TrainConfig]:
    """Transfer with all the data, from scratch, and transfer with 50, 25 and 10 %: same model, seed and epochs.

    Raises:
        SettingsError: the configuration cannot be changed so.
    """
    transfer = config.changed(start="pretrained", patience=0)
    shares = [transfer.changed(data_fraction=share) for share in SHARES]
    return [shares[0], _from_scratch(shares[0]), *shares[1:]]


def _from_scratch(transfer: TrainConfig) -> TrainConfig:
    """The same without transfer: nothing is frozen and all layers learn alike, since there is nothing to keep; what
    the preset says about the rest is what it says of a start from scratch."""
    preset = transfer.preset if transfer.preset in PRESETS else "balanced"
    kept, fresh = (
        make_config(
            transfer.data, transfer.task, transfer.model, preset, start=start, epochs=transfer.epochs, patience=0
        ).to_json()
        for start in STARTS
    )
    usual = {name: fresh[name] for name, value in transfer.to_json().items() if value == kept[name]}
    return transfer.changed(**usual | {"start": "scratch", "frozen_epochs": 0, "views": 0, "layer_decay": 1.0})


def title(config: TrainConfig) -> str:
    """What to call one of them."""
    if config.start == "scratch":
        return "From scratch"
    if config.data_fraction == 1:
        return "Transfer, all pictures"
    return f"Transfer, {config.data_fraction:.0%} of the pictures"


def mates(one: Overview, every: Sequence[Overview]) -> list[Overview]:
    """The other runs of the same lesson, in the order they were queued; none when it belongs to no lesson."""
    lesson_id = str(one.record.config.get("parent", ""))
    if not lesson_id.startswith(MARK):
        return []
    same = [other for other in every if other.record.config.get("parent") == lesson_id]
    return sorted((other for other in same if other.record.id != one.record.id), key=lambda other: _order(other))


def _order(one: Overview) -> tuple[float, bool]:
    """As `lesson` lists them."""
    return -float(one.record.config.get("data_fraction", 1)), one.record.config.get("start") == "scratch"


def summary(runs: Sequence[Overview]) -> str:
    """What the runs of a lesson have shown so far, in a sentence; "" before two of them have a figure."""
    told = [f"{_short(one)} {one.best:.0%}" for one in sorted(runs, key=_order) if one.best is not None and one.monitor]
    if len(told) < 2:
        return ""
    title = next(metric_title(one.monitor, one.task) for one in runs if one.monitor)
    return f"{title} at its best: {', '.join(told)}."


def _short(one: Overview) -> str:
    if one.record.config.get("start") == "scratch":
        return "from scratch"
    share = float(one.record.config.get("data_fraction", 1))
    return "transfer with all pictures" if share == 1 else f"with {share:.0%} of them"
