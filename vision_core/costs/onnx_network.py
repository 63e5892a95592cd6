"""A predictor's network written as ONNX and run by ONNX Runtime, in 32-bit floats or with 8-bit weights.

    prepared = onnx_runtime(predictor, "fp32", inputs, outputs)

The network is traced with the very inputs that it will be timed with: a file knows batches of one size only. What
comes before and after the network stays PyTorch's.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from vision_core.costs.engine_parts import Predictor, Prepared, Replaced, first_line, silence, with_network
from vision_core.costs.outputs import refilled, tensors_at
from vision_core.errors import ModelError
from vision_core.predict import ObjectDetector

_PRODUCTS = ("MatMul", "Gemm")


class _Flat(nn.Module):
    """A network from one batch tensor to its output tensors, one after the other, as ONNX wants it.

    Args:
        template: outputs of the same network: while it is traced, sizes are tensors too, and no outputs.
    """

    def __init__(self, network: nn.Module, template: Any, takes_list: bool) -> None:
        super().__init__()
        self.network, self.template, self.takes_list = network, template, takes_list

    def forward(self, batch: Tensor) -> tuple[Tensor, ...]:
        outputs = self.network(list(batch.unbind(0)) if self.takes_list else batch)
        return tuple(tensors_at(self.template, outputs))


def onnx_runtime(predictor: Predictor, precision: str, inputs: Any, expected: Any) -> Prepared[Predictor]:
    try:
        import onnxruntime
    except ImportError as error:
        raise ModelError("This engine needs ONNX Runtime; install it with 'pip install onnx onnxruntime'.") from error
    wanted = "CUDAExecutionProvider" if predictor.device.type == "cuda" else "CPUExecutionProvider"
    if wanted not in onnxruntime.get_available_providers():
        raise ModelError(f"This ONNX Runtime has no {wanted}; install onnxruntime-gpu, or choose the device cpu.")
    with tempfile.TemporaryDirectory(prefix="whatwhere-onnx-") as folder:
        path = Path(folder) / "network.onnx"
        began = time.perf_counter()
        _export(predictor, as_batch(inputs), expected, path)
        exported_s = time.perf_counter() - began
        note = f"exported in {exported_s:.1f} s for batches of exactly {len(inputs)}"
        if precision == "int8":
            path, share = _quantised_file(predictor, path)
            note += f"; 8-bit weights in {share}, 32 bits elsewhere"
        size, began = path.stat().st_size, time.perf_counter()
        session = _session(path, wanted)
        opened_s = time.perf_counter() - began
    run = _OnnxRun(session, expected)
    return Prepared(
        with_network(predictor, Replaced(run, predictor.folded)),
        opened_s,
        "opening the ONNX file, which then holds all that a pass needs",
        size,
        note=note,
        memory_hidden="ONNX Runtime keeps its tensors in memory that PyTorch does not see, and what the whole process "
        "holds would not compare with the other engines",
    )


class _OnnxRun:
    """Inputs as a predictor makes them to outputs as its network gives them, by an ONNX session."""

    def __init__(self, session: Any, template: Any) -> None:
        self.session, self.template = session, template
        self.name = session.get_inputs()[0].name

    def __call__(self, inputs: Any) -> Any:
        batch = as_batch(inputs)
        found = self.session.run(None, {self.name: batch.cpu().numpy()})
        return refilled(self.template, [torch.from_numpy(np.asarray(array)).to(batch.device) for array in found])


def as_batch(inputs: Any) -> Tensor:
    """One `(B, 3, H, W)` tensor in the order ONNX wants: all of a channel's pixels together."""
    if isinstance(inputs, Tensor):
        return inputs.contiguous()
    if len({tuple(image.shape) for image in inputs}) > 1:
        raise ModelError("An ONNX network takes pictures of one size at a time, and these differ.")
    return torch.stack(list(inputs)).contiguous()


def _export(predictor: Predictor, batch: Tensor, template: Any, path: Path) -> None:
    """Writes the network as ONNX: by tracing, which knows every network of the catalogue; else by torch.export."""
    network = _Flat(predictor.folded, template, isinstance(predictor, ObjectDetector)).eval()
    reasons = []
    for through_export in (False, True):
        try:
            with silence(), torch.inference_mode(False), torch.no_grad():
                torch.onnx.export(
                    network,
                    (batch.clone(),),
                    str(path),
                    dynamo=through_export,
                    external_data=False,
                    verbose=False,
                )
            return
        except Exception as error:  # the exporters' errors share no base class
            reasons.append(first_line(error))
    raise ModelError(f"{predictor.spec.title} cannot be written as ONNX ({reasons[0]}).")


def _session(path: Path, provider: str) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(path.read_bytes(), options, providers=[provider])
    except Exception as error:  # its errors come from C++ without a base class of their own
        raise ModelError(f"ONNX Runtime cannot run this network ({first_line(error)}).") from error


def _quantised_file(predictor: Predictor, path: Path) -> tuple[Path, str]:
    """The file with 8-bit weights in its matrix products, and how many of them that were."""
    import onnx

    target = path.with_name("network-int8.onnx")
    before = [node.op_type for node in onnx.load(str(path)).graph.node]
    with silence():
        from onnxruntime.quantization import QuantType, quantize_dynamic

        try:
            quantize_dynamic(str(path), str(target), op_types_to_quantize=list(_PRODUCTS), weight_type=QuantType.QInt8)
        except Exception as error:  # as above
            raise ModelError(f"ONNX Runtime cannot quantise this network ({first_line(error)}).") from error
    after = [node.op_type for node in onnx.load(str(target)).graph.node]
    products = sum(before.count(kind) for kind in _PRODUCTS)
    left = sum(after.count(kind) for kind in _PRODUCTS)
    if products == left:
        raise ModelError(
            f"{predictor.spec.title} has no matrix products with fixed weights, which are all that dynamic "
            "quantisation makes 8 bits wide."
        )
    return target, f"{products - left} of {products} matrix products"
