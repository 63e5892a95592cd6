"""What runs a network: PyTorch as it is, `torch.compile`, or ONNX Runtime; with 32-bit floats, bfloat16 or 8 bits.

    quick = prepare(predictor, "onnxruntime", "fp32", [image])
    quick.predictor.predict([image])          # the same answers, checked before anybody takes the time

What cannot be done raises a `ModelError` that says why. A prepared predictor shares everything with the one it is made
from but the network that passes run; pictures go in and answers come out as ever.
"""

from __future__ import annotations

import copy
import io
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from vision_core.costs.engine_parts import Predictor, Prepared, Replaced, first_line, with_network
from vision_core.costs.onnx_network import onnx_runtime
from vision_core.costs.outputs import difference_of, tensors_in
from vision_core.errors import ModelError
from vision_core.models.torchvision_detectors import ProposalDetector

if TYPE_CHECKING:
    from PIL import Image

EXACT = 1e-3
"""How far another engine's 32-bit outputs may be from PyTorch's, relative to the largest (or to 1)."""


def prepare(predictor: Predictor, engine: str, precision: str, images: Sequence[Image.Image]) -> Prepared[Predictor]:
    """The predictor on that engine, checked on `images` against PyTorch with 32-bit floats.

    Args:
        predictor: with 32-bit floats, as `load_classifier` makes it.
        images: RGB; an ONNX network takes batches of exactly so many pictures of exactly these sizes.

    Raises:
        ModelError: it cannot be done with this network here, or its outputs are not PyTorch's.
    """
    if reason := _impossible(predictor, engine, precision):
        raise ModelError(reason)
    if (engine, precision) == ("eager", "fp32"):
        return Prepared(predictor)
    with torch.inference_mode():
        inputs = predictor.inputs(images)
        expected = predictor.folded(inputs)
        prepared = _MAKERS[engine](predictor, precision, inputs, expected)
        with prepared.predictor._autocast():
            found = prepared.predictor.folded(inputs)
    difference = difference_of(tensors_in(expected), tensors_in(found), precision == "fp32")
    if precision != "fp32" and isinstance(predictor.network, ProposalDetector):
        difference = float("nan")  # a rounded first stage proposes other regions: rows are not the same objects
    if precision == "fp32" and difference > EXACT:
        raise ModelError(
            f"{predictor.spec.title} gives other answers with this engine (they differ by {difference:.2g} of the "
            "largest output), so its time would mean nothing."
        )
    return replace(prepared, difference=difference)


def _impossible(predictor: Predictor, engine: str, precision: str) -> str:
    """Why this engine and precision do not go together with this network here; "" where they may."""
    if precision == "int8" and predictor.device.type != "cpu":
        return "Dynamic quantisation to 8 bits runs on CPUs only; choose the device cpu, or bf16."
    if engine == "onnxruntime" and precision == "bf16":
        return "ONNX Runtime has no bfloat16 convolutions on a CPU; measure bf16 with PyTorch's engines."
    if engine == "compile" and precision == "int8":
        return "torch.compile does not see into dynamically quantised layers; measure int8 with eager or onnxruntime."
    if precision == "int8" and not _linear_layers(predictor.folded):
        return (
            f"{predictor.spec.title} has no linear layers, which are all that dynamic quantisation makes 8 bits wide; "
            "convolutions take static quantisation, which needs pictures to calibrate with."
        )
    return ""


def _linear_layers(network: nn.Module) -> list[nn.Linear]:
    return [module for module in network.modules() if type(module) is nn.Linear]


# --- PyTorch as it is ---


def _eager(predictor: Predictor, precision: str, inputs: Any, expected: Any) -> Prepared[Predictor]:
    if precision == "bf16":
        changed = copy.copy(predictor)
        changed.precision = "bf16"
        return Prepared(changed, note=_bf16_note(predictor.device))
    began = time.perf_counter()
    quantised = _quantised(predictor.folded)
    spent = time.perf_counter() - began
    share = _linear_share(predictor.folded, inputs)
    return Prepared(
        with_network(predictor, quantised),
        spent,
        "turning linear layers to 8 bits",
        _state_bytes(quantised),
        note=f"8-bit weights in linear layers, which do {share:.1%} of the arithmetic; the rest has 32 bits",
        memory_hidden="PyTorch does not count packed 8-bit weights among a network's parameters",
    )


def _bf16_note(device: torch.device) -> str:
    if device.type == "cpu" and not _cpu_has_bf16():
        return "bfloat16 by autocast; this CPU has no instructions for it, so it is likely slower than 32 bits"
    return "bfloat16 by autocast where it is safe; weights stay 32 bits wide"


def _cpu_has_bf16() -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
        except (AttributeError, RuntimeError):  # a build without oneDNN
            return False


def _quantised(network: nn.Module) -> nn.Module:
    with warnings.catch_warnings():  # PyTorch points to torchao, which has no 8-bit products for every CPU
        warnings.simplefilter("ignore")
        from torch.ao.quantization import quantize_dynamic

        try:
            return quantize_dynamic(network, {nn.Linear}, torch.qint8)
        except RuntimeError as error:
            raise ModelError(f"This CPU's PyTorch cannot quantise linear layers ({first_line(error)}).") from error


def _linear_share(network: nn.Module, inputs: Any) -> float:
    """The part of a pass's arithmetic that linear layers do."""
    from vision_core.costs.layers import count_layers

    linear = {name for name, module in network.named_modules() if type(module) is nn.Linear}
    counted = count_layers(network, inputs)
    whole = sum(counted.values())
    return sum(flops for name, flops in counted.items() if name in linear) / whole if whole else 0.0


def _state_bytes(network: nn.Module) -> int:
    content = io.BytesIO()
    torch.save(network.state_dict(), content)
    return content.tell()


# --- torch.compile ---


def _compiled(predictor: Predictor, precision: str, inputs: Any, expected: Any) -> Prepared[Predictor]:
    torch._dynamo.reset()
    network = predictor.folded
    compiled = torch.compile(network.forward, dynamic=False)
    changed = with_network(predictor, Replaced(compiled, network))
    changed.precision = "bf16" if precision == "bf16" else "fp32"
    began = time.perf_counter()
    try:
        with changed._autocast():
            for _ in range(2):  # the second pass shows whether it compiles again
                changed.folded(inputs)
    except Exception as error:  # the compiler's errors share no base class
        raise ModelError(f"{predictor.spec.title} cannot be compiled here ({first_line(error)}).") from error
    note = _bf16_note(predictor.device) if precision == "bf16" else ""
    return Prepared(changed, time.perf_counter() - began, "compiling (kept on disk: quicker the next time)", note=note)


_MAKERS: dict[str, Callable[[Predictor, str, Any, Any], Prepared[Predictor]]] = {
    "eager": _eager,
    "compile": _compiled,
    "onnxruntime": onnx_runtime,
}
