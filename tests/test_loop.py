"""The loop: it learns, ends the same however often it was stopped, and stops for good reasons only."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from painted_data import CLASSIFIER, DETECTOR, SPLITS, learn, new_run, photos, same, scenes, starter, weights
from torch import Tensor

from vision_core.errors import TrainingError
from vision_core.run_folder import BEST, LAST, RunFolder
from vision_core.training import networks
from vision_core.training.clock import Progress
from vision_core.training.loop import Stop, Watch, train

TOGETHER: dict[str, Any] = {"batch_size": 9, "optimizer": "sgd", "learning_rate": 0.05}
"""All pictures in one step, and an optimiser that does not divide by small numbers, which magnifies rounding."""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    photos(folder / "classification", {"train": 9, "val": 4})
    scenes(folder / "detection", {"train": 5, "val": 2})
    return folder


@pytest.fixture
def start(tmp_path: Path, data: Path) -> Callable[..., RunFolder]:
    return starter(tmp_path, data)


def test_a_classifier_learns_and_says_how(start: Callable[..., RunFolder]):
    run = start(epochs=12, learning_rate=3e-3, model="test_resnet")
    seen: list[Progress] = []
    records = learn(run, seen.append)
    assert [record["epoch"] for record in records] == list(range(1, 13))
    assert records[-1]["train"]["loss"] < 0.5 * records[0]["train"]["loss"]
    assert max(record["metrics"]["top1"] for record in records) == 1.0
    assert (seen[0].epoch, seen[0].step, seen[0].steps, seen[-1].epoch) == (1, 1, 3, 12)
    assert seen[-1].seconds_left is not None
    assert records[-1]["images_per_second"] > 0
    assert 0 <= records[-1]["data_wait"] <= 1
    assert records[-1]["cpu_share"] > 0
    assert run.history() == records
    rates = [one.learning_rate for one in seen]
    assert rates.index(max(rates)) in range(1, 5), "it rises for a tenth of the steps"
    assert rates[-1] < 0.2 * max(rates)
    best = max(records, key=lambda record: (record["metrics"]["top1"], -record["epoch"]))
    assert [record["epoch"] for record in records if record["best"]][-1] == best["epoch"]


def test_the_same_few_pictures_are_told_of_after_every_epoch(start: Callable[..., RunFolder]):
    run = start(task="detection", model="ssdlite_mobilenet_v2_coco", start="pretrained", epochs=3, learning_rate=2e-3)
    learn(run)
    previews = run.previews()
    assert [one["epoch"] for one in previews] == [1, 2, 3]
    assert {tuple(one["pictures"]) for one in previews} == {("5", "6")}
    for said in [box for one in previews for boxes in one["pictures"].values() for box in boxes]:
        left, top, right, bottom = said["box_xyxy"]
        assert said["name"] in ("red", "blue")
        assert 0 <= left <= right <= 96
        assert 0 <= top <= bottom <= 96


@pytest.mark.parametrize(
    "error", [torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"), MemoryError()]
)
def test_what_does_not_fit_into_memory_is_halved_and_said(
    error: BaseException, start: Callable[..., RunFolder], monkeypatch: pytest.MonkeyPatch
):
    """Of a network without batch norm the weights are those of the whole batch, but for rounding."""
    whole, halved = start("whole", **TOGETHER), start("halved", **TOGETHER)
    learn(whole)
    from timm.models.vision_transformer import VisionTransformer

    forward = VisionTransformer.forward

    def small(self: Any, x: Tensor, *rest: Any) -> Tensor:
        if self.training and len(x) > 3:
            raise error
        return forward(self, x, *rest)

    monkeypatch.setattr(VisionTransformer, "forward", small)
    records = learn(halved)
    events = [event for record in records for event in record["events"] if "Memory" in event]
    assert [event.split(":")[0] for event in events] == [
        "Memory was too small for 9 pictures at once",
        "Memory was too small for 5 pictures at once",
    ]
    assert records[-1]["micro_batch"] == 3
    assert all(event in (halved.path / "log.txt").read_text() for event in events)
    close(whole, halved)


def test_too_little_memory_for_a_single_picture_ends_the_run(
    start: Callable[..., RunFolder], monkeypatch: pytest.MonkeyPatch
):
    from timm.models.vision_transformer import VisionTransformer

    def never(*_: Any) -> Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(VisionTransformer, "forward", never)
    with pytest.raises(torch.OutOfMemoryError):
        learn(start())


def close(one: RunFolder, other: RunFolder, atol: float = 2e-5) -> None:
    """Weights agree but for the order in which numbers were added."""
    first, second = weights(one), weights(other)
    assert first.keys() == second.keys()
    for name in first:
        torch.testing.assert_close(first[name], second[name], atol=atol, rtol=1e-3, msg=lambda m, n=name: f"{n}: {m}")


@pytest.mark.parametrize("micro_batch", [1, 3, 4])
@pytest.mark.parametrize("balance", ["none", "weights"])
def test_pictures_in_portions_teach_what_all_at_once_do(
    micro_batch: int, balance: str, start: Callable[..., RunFolder]
):
    whole = start("whole", **TOGETHER, balance=balance)
    parts = start("parts", **TOGETHER, balance=balance, micro_batch=micro_batch)
    first, second = learn(whole), learn(parts)
    close(whole, parts)
    assert second[-1]["train"]["loss"] == pytest.approx(first[-1]["train"]["loss"], abs=1e-5)


def test_a_loss_that_is_not_finite_ends_the_run_and_leaves_the_checkpoint(
    start: Callable[..., RunFolder], monkeypatch: pytest.MonkeyPatch
):
    run = start(epochs=3)
    reference = start("reference", epochs=3)
    learn(reference)
    from vision_core.training.objectives import ClassificationObjective

    loss_of = ClassificationObjective.loss_of
    records = train(run, Watch(step=None))
    next(records)
    monkeypatch.setattr(
        ClassificationObjective, "loss_of", lambda self, logits, targets: loss_of(self, logits, targets) * float("nan")
    )
    with pytest.raises(TrainingError, match=r"loss became nan in epoch 2, step 1, .*rate of .*lower"):
        next(records)
    monkeypatch.undo()
    learn(run)
    assert same(run, reference), "it goes on from the checkpoint before"


@pytest.mark.parametrize("clip_norm", [0.0, 5.0])
def test_a_gradient_that_is_not_finite_reaches_no_checkpoint(
    clip_norm: float, start: Callable[..., RunFolder], monkeypatch: pytest.MonkeyPatch
):
    """The loss is fine, and it is the only step of an epoch, right before weights are written."""
    run = start(epochs=3, clip_norm=clip_norm, **TOGETHER)
    records = train(run)
    next(records)
    kept = weights(run)
    from vision_core.training.objectives import ClassificationObjective

    loss_of = ClassificationObjective.loss_of

    class Poison(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, logits: Tensor) -> Tensor:
            return logits.clone()

        @staticmethod
        def backward(ctx: Any, *gradients: Tensor) -> Tensor:
            return gradients[0] * float("inf")

    def poisoned(self: Any, logits: Tensor, targets: Tensor) -> Tensor:
        return loss_of(self, Poison.apply(logits), targets)

    monkeypatch.setattr(ClassificationObjective, "loss_of", poisoned)
    with pytest.raises(TrainingError, match=r"gradient became (nan|inf)"):
        next(records)
    assert all(torch.equal(kept[name], tensor) for name, tensor in weights(run).items())
    assert len(run.history()) == 1


def test_a_network_that_is_broken_when_judged_reaches_no_checkpoint(
    start: Callable[..., RunFolder], monkeypatch: pytest.MonkeyPatch
):
    run = start(epochs=3)
    records = train(run)
    next(records)
    kept, best = weights(run), weights(run, BEST)
    from vision_core.training.objectives import ClassificationObjective

    loss_of = ClassificationObjective.loss_of
    monkeypatch.setattr(
        ClassificationObjective,
        "loss_of",
        lambda self, logits, targets: loss_of(self, logits, targets) * (1 if logits.requires_grad else float("nan")),
    )
    with pytest.raises(TrainingError, match="validation loss became nan in epoch 2"):
        next(records)
    assert all(torch.equal(kept[name], tensor) for name, tensor in weights(run).items())
    assert all(torch.equal(best[name], tensor) for name, tensor in weights(run, BEST).items())
    assert len(run.history()) == 1


def test_what_does_not_fit_when_judged_is_halved_too(start: Callable[..., RunFolder], monkeypatch: pytest.MonkeyPatch):
    whole, halved = start("whole"), start("halved")
    expected = learn(whole)
    from timm.models.vision_transformer import VisionTransformer

    forward = VisionTransformer.forward
    refused: list[int] = []

    def small(self: Any, x: Tensor, *rest: Any) -> Tensor:
        if not self.training and len(x) > 1:
            refused.append(len(x))
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return forward(self, x, *rest)

    monkeypatch.setattr(VisionTransformer, "forward", small)
    found = learn(halved)
    assert refused
    assert [record["metrics"] for record in found] == [pytest.approx(record["metrics"]) for record in expected]


def test_what_was_to_be_the_end_is_the_end_after_a_resume(start: Callable[..., RunFolder]):
    run = start(epochs=5)

    def finish(_: Progress) -> None:
        raise Stop("finish")

    learn(run, finish)
    assert learn(run) == []
    assert len(run.history()) == 1


def test_a_history_that_was_not_written_is_written_on_resuming(start: Callable[..., RunFolder]):
    """Killed between the last checkpoint and the history of it."""
    run = start(epochs=2)
    learn(run)
    whole = run.history()
    run.write_lines("metrics.jsonl", whole[:1])
    assert learn(run) == []
    assert run.history() == whole


def test_training_stops_when_it_gets_no_better(start: Callable[..., RunFolder]):
    records = learn(start(epochs=30, patience=2, learning_rate=1e-9))
    assert len(records) == 3, "nothing learned: two more epochs than the best"


def test_frozen_epochs_do_not_count_for_patience(start: Callable[..., RunFolder]):
    records = learn(start(epochs=30, patience=2, learning_rate=1e-9, frozen_epochs=4))
    assert len(records) == 6


@pytest.mark.parametrize("task", ["classification", "detection"])
def test_finishing_early_closes_the_epoch_and_keeps_the_best(task: str, start: Callable[..., RunFolder]):
    run = start(task=task, model=DETECTOR if task == "detection" else CLASSIFIER, epochs=5)

    def finish(progress: Progress) -> None:
        if (progress.epoch, progress.step) == (2, 1):
            raise Stop("finish")

    records = learn(run, finish)
    assert [record["epoch"] for record in records] == [1, 2]
    assert weights(run, BEST)
    assert (run.path / LAST).is_file()


@pytest.mark.parametrize(
    ("task", "model"),
    [("classification", "test_resnet"), ("detection", DETECTOR), ("detection", "retinanet:test_resnet")],
)
def test_what_is_frozen_stays_to_the_bit_statistics_too(task: str, model: str, start: Callable[..., RunFolder]):
    run = start(task=task, model=model, epochs=2, frozen_epochs=1, learning_rate=0.01, augmentation="light")
    records = train(run)
    from vision_core.training.session import Session

    network = Session(run).network
    before = {name: tensor.clone() for name, tensor in networks.plain(network).state_dict().items()}
    free = {id(p) for part in networks.fresh_part(network, task == "detection") for p in part.parameters()}
    names = {name for name, tensor in networks.plain(network).named_parameters() if id(tensor) not in free}
    prefixes = {name.rpartition(".")[0] for name in names}
    kept = {name for name in before if name.rpartition(".")[0] in prefixes}
    assert len(kept) > len(names) > 0, "statistics are among them"
    assert next(records)["frozen"]
    after = weights(run)
    assert all(torch.equal(before[name], after[name]) for name in kept)
    assert any(not torch.equal(before[name], after[name]) for name in set(before) - kept)
    assert not next(records)["frozen"]
    last = weights(run)
    changed = [name for name in kept if not torch.equal(before[name], last[name])]
    assert len(changed) > 0.5 * len(kept)
    records.close()


@pytest.mark.parametrize("classes", [2, 3])
def test_pictures_that_show_several_classes_can_be_mixed(classes: int, tmp_path: Path):
    names = ("red", "blue", "green")[:classes]
    folder = scenes(tmp_path / "data", SPLITS, names)
    run = new_run(
        tmp_path / "run",
        folder,
        "classification",
        CLASSIFIER,
        mix="mixup_cutmix",
        balance="weights",
        label_smoothing=0.1,
    )
    assert learn(run)[-1]["monitor"] in ("map", "top1")


def test_batch_norm_with_single_pictures_is_refused(start: Callable[..., RunFolder]):
    with pytest.raises(TrainingError, match=r"batch norm.*at least 2"):
        learn(start(model="test_resnet", batch_size=1))
    with pytest.raises(TrainingError, match=r"batch norm.*at least 2"):
        learn(start("micro", model="test_resnet", micro_batch=1))
    assert len(learn(start("frozen", model="test_resnet", batch_size=1, epochs=1, frozen_epochs=1))) == 1


def test_an_unknown_optimiser_is_refused_with_the_nearest(start: Callable[..., RunFolder]):
    with pytest.raises(TrainingError, match=r"'adamxw'.*adamw"):
        learn(start(optimizer="adamxw"))
