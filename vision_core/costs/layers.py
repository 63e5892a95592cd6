"""Where a network spends its time: each layer's milliseconds, arithmetic and memory traffic, for a roofline.

    layers = measure_layers(network, inputs)
    sorted(layers, key=lambda layer: -layer.time_ms)[0].name         # the layer to look at first
    machine_roof()                                                   # what this machine could do at most

A layer is a module; what a module does by itself between its parts (an attention's products, the sum of a residual
block) stands under the module's own name. Sources: Williams, Waterman and Patterson 2009, "Roofline" (Communications
of the ACM 52(4)), for the view; Radosavovic et al. 2020, arXiv:2003.13678, section 4, for activations.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from vision_core.costs.flops import Counter, evaluation_mode
from vision_core.costs.latency import synchronize

_BY_ITSELF = "(the network itself)"
_MATRIX, _STREAM = 1024, 1 << 24  # elements: an edge; 64 MiB of float32, more than a cache holds
_MATRIX_ON_GPU, _STREAM_ON_GPU = 8192, 1 << 28
_ROOF_S = 0.15


@dataclass(frozen=True)
class Layer:
    """One module's own part of a pass.

    Attributes:
        name: as in `named_modules()`; kind: its class.
        time_ms: median over the runs, without its parts' time.
        flops: 2 per multiply-add. bytes_moved: of the tensors that its operators read and wrote, weights included;
            caches may spare some of it.
        activations: elements that its convolutions and products put out.
    """

    name: str
    kind: str
    time_ms: float
    flops: int
    bytes_moved: int
    activations: int

    def to_dict(self) -> dict[str, Any]:
        """Plain values under the attributes' names."""
        return asdict(self)


@dataclass
class _Tally:
    flops: int = 0
    bytes_moved: int = 0
    activations: int = 0
    operators: int = 0


class _LayerCounter(Counter):
    """Adds up by the module that is at work."""

    def __init__(self) -> None:
        super().__init__()
        self.stack: list[str] = [""]
        self.tallies: dict[str, _Tally] = defaultdict(_Tally)

    def seen(self, func: Any, args: tuple[Any, ...], result: Any, flops: int) -> None:
        if func.is_view:
            return
        tally = self.tallies[self.stack[-1]]
        tally.operators += 1
        tally.flops += flops
        tally.bytes_moved += _bytes(args) + _bytes(result)
        if flops:  # a fused attention returns more than its answer: only the first counts
            outputs = [leaf for leaf in tree_leaves(result) if isinstance(leaf, Tensor)]
            tally.activations += outputs[0].numel() if outputs else 0


def _bytes(value: Any) -> int:
    return sum(leaf.numel() * leaf.element_size() for leaf in tree_leaves(value) if isinstance(leaf, Tensor))


def count_activations(network: nn.Module, *inputs: Any) -> int:
    """Elements that the convolutions and matrix products of one pass put out: what training must remember.

    The network runs in evaluation mode without gradients and is left as it was.
    """
    counter = _LayerCounter()
    with evaluation_mode(network), counter:
        network(*inputs)
    return sum(tally.activations for tally in counter.tallies.values())


def count_layers(network: nn.Module, *inputs: Any) -> dict[str, int]:
    """The arithmetic of each layer by its name, 2 per multiply-add; otherwise as `count_activations`."""
    counter = _LayerCounter()
    with evaluation_mode(network), _watched(network, counter.stack.append, lambda _: counter.stack.pop()), counter:
        network(*inputs)
    return {name: tally.flops for name, tally in counter.tallies.items()}


def measure_layers(
    network: nn.Module,
    *inputs: Any,
    runs: int = 5,
    device: str = "cpu",
    check: Callable[[], object] = lambda: None,
) -> list[Layer]:
    """Each layer that does anything, in the order of the first pass.

    The network runs in evaluation mode without gradients and is left as it was. Looking takes a few microseconds a
    module; on a GPU, which is made to wait after each one, the sum is more than an undisturbed pass.

    Args:
        runs: timed passes; one more goes before, and one is counted.
        check: called before each pass; what it raises ends the measurement.
    """
    counter, times = _LayerCounter(), defaultdict(list)
    with evaluation_mode(network):
        with _watched(network, counter.stack.append, lambda _: counter.stack.pop()), counter:
            network(*inputs)
        for run in range(runs + 1):
            check()
            spent = _timed_pass(network, inputs, device)
            if run:
                for name, seconds in spent.items():
                    times[name].append(seconds)
    kinds = {name: type(module).__name__ for name, module in network.named_modules()}
    return [
        Layer(
            name or _BY_ITSELF,
            kinds[name],
            1000 * median(times[name]) if times[name] else 0.0,
            tally.flops,
            tally.bytes_moved,
            tally.activations,
        )
        for name, tally in counter.tallies.items()
        if tally.operators
    ]


def _timed_pass(network: nn.Module, inputs: tuple[Any, ...], device: str) -> dict[str, float]:
    """Seconds of each module without its parts."""
    own: dict[str, float] = defaultdict(float)
    stack: list[list[Any]] = [["", 0.0, 0.0]]  # name, when it began, seconds of its parts

    def began(name: str) -> None:
        synchronize(device)
        stack.append([name, time.perf_counter(), 0.0])

    def ended(_: str) -> None:
        synchronize(device)
        name, since, of_parts = stack.pop()
        whole = time.perf_counter() - since
        own[name] += whole - of_parts
        stack[-1][2] += whole

    with _watched(network, began, ended):
        network(*inputs)
    return own


@contextmanager
def _watched(network: nn.Module, began: Callable[[str], object], ended: Callable[[str], object]) -> Iterator[None]:
    """Tells when each module begins and ends, by name."""
    hooks: list[Any] = []
    try:
        for name, module in network.named_modules():
            hooks.append(module.register_forward_pre_hook(lambda *_, name=name: began(name) and None))
            hooks.append(module.register_forward_hook(lambda *_, name=name: (ended(name), None)[1]))
        yield
    finally:
        for hook in hooks:
            hook.remove()


def machine_roof(device: str = "cpu") -> dict[str, float]:
    """What this machine reaches at best with the present number of threads: the limits of a roofline.

    Returns:
        `flops_per_second`: of a large product of float32 matrices. `bytes_per_second`: reading one large tensor and
        writing another. The best of a few tries each.
    """
    on_gpu = torch.device(device).type == "cuda"
    edge, length = (_MATRIX_ON_GPU, _STREAM_ON_GPU) if on_gpu else (_MATRIX, _STREAM)
    with torch.inference_mode():
        left, right = torch.rand(2, edge, edge, device=device)
        product = torch.empty_like(left)
        product_s = _best_s(lambda: torch.mm(left, right, out=product), device)
        source, target = torch.rand(2, length, device=device)
        copy_s = _best_s(lambda: target.copy_(source), device)
    return {"flops_per_second": 2 * edge**3 / product_s, "bytes_per_second": 2 * 4 * length / copy_s}


def _best_s(step: Callable[[], object], device: str) -> float:
    best, until = float("inf"), time.perf_counter() + _ROOF_S
    runs = 0
    while runs < 3 or time.perf_counter() < until:
        synchronize(device)
        began = time.perf_counter()
        step()
        synchronize(device)
        best, runs = min(best, time.perf_counter() - began), runs + 1
    return best
