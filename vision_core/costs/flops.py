"""How much arithmetic one run of a network takes, counted while it runs.

The count is 2 per multiply-add of matrix products, convolutions and attention, with PyTorch's own formulas
(`torch.utils.flop_counter`). Published "GFLOPs" of torchvision and timm are multiply-adds: half of this count. By the
same convention element-wise operators, normalisation, pooling, resizing and data movement count as nothing; any
*other* operator without a formula is named, so that a count is never silently too low. For example

    count_flops(torchvision.models.resnet18(), torch.rand(1, 3, 224, 224)).flops     # 3_628_146_688
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry, sdpa_flop_count

_aten = torch.ops.aten

# A few operations an element, nothing to multiply and add: zero by convention. (Operators that PyTorch itself tags
# as element-wise or as a view need no entry; some activations lack the tag.)
_ACTIVATIONS = """
    relu relu6 leaky_relu prelu elu gelu silu mish hardswish hardsigmoid hardtanh softplus sigmoid tanh clamp glu
"""
_REDUCTIONS = """
    sum mean amax amin max min argmax argmin any all prod cumsum var std var_mean std_mean norm linalg_vector_norm
    native_batch_norm _native_batch_norm_legit _native_batch_norm_legit_no_training cudnn_batch_norm
    batch_norm_inference native_layer_norm native_group_norm _fused_rms_norm _softmax _safe_softmax _log_softmax
"""  # reductions, normalisation, softmax
_WINDOWS = """
    max_pool2d_with_indices max_pool2d avg_pool2d _adaptive_avg_pool2d adaptive_avg_pool2d adaptive_max_pool2d
    upsample_nearest1d upsample_nearest2d _upsample_nearest_exact2d upsample_bilinear2d _upsample_bilinear2d_aa
    upsample_bicubic2d _upsample_bicubic2d_aa
"""  # a small fixed window for each output element
_MOVES = """
    cat stack copy _to_copy clone contiguous as_strided _unsafe_view _reshape_copy _reshape_alias index
    _unsafe_index index_put _index_put_impl index_select index_copy index_add index_fill gather scatter scatter_add
    scatter_reduce masked_select masked_scatter take embedding roll flip repeat repeat_interleave constant_pad_nd
    reflection_pad1d reflection_pad2d replication_pad2d pixel_shuffle pixel_unshuffle im2col col2im channel_shuffle
    native_channel_shuffle tril triu sort argsort topk nonzero unique _unique2 unique_dim unique_consecutive
    bincount empty empty_like empty_strided new_empty new_empty_strided new_zeros new_ones new_full zeros
    zeros_like ones ones_like full full_like fill zero scalar_tensor arange linspace eye set resize lift lift_fresh
    detach equal is_same_size is_nonzero item _local_scalar_dense _assert_async _pin_memory is_pinned record_stream
    split_with_sizes uniform normal bernoulli random rand randn randint randperm native_dropout
"""  # moving, making and choosing elements
_ZERO_BY_CONVENTION = frozenset((_ACTIVATIONS + _REDUCTIONS + _WINDOWS + _MOVES).split())


def _multi_head_attention_flops(query: Any, key: Any, *_: Any, out_val: Any = None, **__: Any) -> int:
    """`nn.MultiheadAttention`'s fused path (self-attention): projections in, two products, projection out."""
    batch, length, width = query.shape
    projections = 4 * 2 * batch * length * width * width
    return projections + 2 * 2 * batch * length * key.shape[1] * width


def _cpu_attention_flops(query: Any, key: Any, value: Any, *_: Any, out_val: Any = None, **__: Any) -> int:
    return sdpa_flop_count(query.shape, key.shape, value.shape)


# What PyTorch has formulas for, and what some of its versions lack.
_FORMULAS: dict[Any, Callable[..., int]] = {
    _aten._native_multi_head_attention: _multi_head_attention_flops,
    _aten._scaled_dot_product_flash_attention_for_cpu: _cpu_attention_flops,
    **flop_registry,
}


@dataclass(frozen=True)
class FlopCount:
    """The arithmetic of one call.

    Attributes:
        flops: of the whole call, 2 per multiply-add.
        input_size_px: width and height of the first image among the inputs, None when there is none.
        images: how many images the inputs held.
        uncounted: operators that computed something and have no formula, e.g. `torchvision::roi_align`.
        content_dependent: some of the counted work came after a step whose result has a size that depends on what
            the image shows (a detector's proposals), so another image may take more or less.
    """

    flops: int
    input_size_px: tuple[int, int] | None
    images: int
    uncounted: tuple[str, ...] = ()
    content_dependent: bool = False

    @property
    def note(self) -> str:
        """The count's conditions in words."""
        size = f" at {self.input_size_px[0]}×{self.input_size_px[1]} px" if self.input_size_px else ""
        parts = [f"2 per multiply-add{size}"]
        if self.uncounted:
            parts.append(f"not counted: {', '.join(self.uncounted)}")
        if self.content_dependent:
            parts.append("may depend on what the image shows")
        return "; ".join(parts)


class Counter(TorchDispatchMode):
    """Adds up the formulas of every operator this thread runs.

    `FlopCounterMode` would do, but it hooks every module of the process to attribute its counts, which trips over
    networks that other threads run at the same time; a dispatch mode alone sees its own thread only.
    """

    def __init__(self) -> None:
        super().__init__()
        self.flops = 0
        self.uncounted: set[str] = set()
        self.content_dependent = False
        self._sizes_vary = False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        formula = _FORMULAS.get(func._overloadpacket)
        if formula is None:
            with self:
                decomposed = func.decompose(*args, **kwargs)
            if decomposed is not NotImplemented:
                return decomposed
        result = func(*args, **kwargs)
        if formula is not None:
            flops = formula(*args, **kwargs, out_val=result)
            self.flops += flops
            self.content_dependent |= self._sizes_vary
            self.seen(func, args, result, flops)
        elif not _is_zero_by_convention(func):
            self.uncounted.add(func._overloadpacket._qualified_op_name)
        if formula is None:
            self.seen(func, args, result, 0)
        self._sizes_vary |= _sizes_depend_on_values(func, args)
        return result

    def seen(self, func: Any, args: tuple[Any, ...], result: Any, flops: int) -> None:
        """Told of every operator that ran; for those who want more than the sum."""


@cache
def _is_zero_by_convention(func: Any) -> bool:
    namespace, _, name = func._overloadpacket._qualified_op_name.partition("::")
    if namespace not in ("aten", "prim", "prims"):
        return False
    base = name.rstrip("_") if not name.endswith("__") else name
    if base in _ZERO_BY_CONVENTION or func.is_view:
        return True
    packet = getattr(_aten, base, func._overloadpacket)  # an in-place variant is not always tagged: ask the plain one
    return any(torch.Tag.pointwise in getattr(packet, overload).tags for overload in packet.overloads())


def _sizes_depend_on_values(func: Any, args: tuple[Any, ...]) -> bool:
    if func._overloadpacket is _aten.index:  # only a mask's result has a size that depends on its values
        return any(index is not None and index.dtype in (torch.bool, torch.uint8) for index in args[1])
    return torch.Tag.dynamic_output_shape in func.tags or func._overloadpacket._qualified_op_name == "torchvision::nms"


@contextmanager
def evaluation_mode(network: object) -> Iterator[None]:
    """Evaluation mode and no gradients, every submodule's own flag restored afterwards.

    `no_grad`, not `inference_mode`: some networks cache tensors on their first run (anchors, position tables), and
    an inference tensor left in such a cache would break training later.
    """
    modules = list(network.modules()) if isinstance(network, nn.Module) else []
    flags = [module.training for module in modules]
    try:
        for module in modules:
            module.training = False
        with torch.no_grad():
            yield
    finally:
        for module, flag in zip(modules, flags, strict=True):
            module.training = flag


def count_flops(network: Callable[..., Any], *inputs: Any) -> FlopCount:
    """Run `network(*inputs)` once and count its arithmetic.

    Args:
        network: a module, a bound method of one (`detector.candidates`), or any callable. A module runs in evaluation
            mode without gradients and is left as it was.
        inputs: tensors, or lists of tensors, as the network takes them: `(N, 3, H, W)` or N of `(3, H, W)`.

    For a detector the count is of this content: a two-stage network classifies as many proposals as it finds.
    """
    owner = network if isinstance(network, nn.Module) else getattr(network, "__self__", None)
    counter = Counter()
    with evaluation_mode(owner), counter:
        network(*inputs)
    images = [leaf for leaf in tree_leaves(inputs) if isinstance(leaf, torch.Tensor) and leaf.ndim in (3, 4)]
    return FlopCount(
        flops=counter.flops,
        input_size_px=(images[0].shape[-1], images[0].shape[-2]) if images else None,
        images=sum(image.shape[0] if image.ndim == 4 else 1 for image in images),
        uncounted=tuple(sorted(counter.uncounted)),
        content_dependent=counter.content_dependent,
    )
