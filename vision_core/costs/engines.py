"""What runs a network: PyTorch as it is, `torch.compile`, or ONNX Runtime; with 32-bit floats, bfloat16 or 8 bits.

    quick = prepare(predictor, "onnxruntime", "fp32", [image])
    quick.predictor.predict([image])          # the same answers, checked before anybody takes the time

What cannot be done raises a `ModelError` that says why. A prepared predictor shares everything with the one it is made
from but the network that passes run; pictures go in and answers come out as ever.
"""

from __future__ import annotations

import copy
import io
import logging
import re
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from vision_core.errors import ModelError
from vision_core.models.torchvision_detectors import ProposalDetector
from vision_core.predict import Classifier, ObjectDetector

if TYPE_CHECKING:
    from collections.abc import Iterator

    from PIL import Image

Predictor = Classifier | ObjectDetector
EXACT = 1e-3
"""How far another engine's 32-bit outputs may be from PyTorch's, relative to the largest (or to 1)."""
_PRODUCTS = ("MatMul", "Gemm")


@dataclass(frozen=True)
class Prepared:
    """A predictor ready for the clock.

    Attributes:
        predictor: runs the network with the engine and precision asked for.
        load_s: what it took on top of loading the network: compiling, or opening the ONNX file.
        load_note: what that was.
        size_bytes: of its own file, None where it has none.
        difference: of the outputs from PyTorch's with 32-bit floats, relative to the largest output; NaN where they
            cannot be compared, since a network with fewer bits proposes other regions.
        note: what to know of this way to run it.
        memory_hidden: why PyTorch does not see all the memory it takes, "" where it does.
    """

    predictor: Predictor
    load_s: float = 0.0
    load_note: str = ""
    size_bytes: int | None = None
    difference: float = 0.0
    note: str = ""
    memory_hidden: str = ""


def prepare(predictor: Predictor, engine: str, precision: str, images: Sequence[Image.Image]) -> Prepared:
    """The predictor on that engine, checked on `images` against PyTorch with 32-bit floats.

    Args:
        predictor: with 32-bit floats, as `load_classifier` makes it.
        images: RGB; an ONNX network takes batches of exactly so many pictures of exactly these sizes.

    Raises:
        ModelError: it cannot be done with this network here, or its outputs are not PyTorch's.
    """
    if reason := _impossible(predictor, engine, precision):
        raise ModelError(reason)
    with torch.inference_mode():
        inputs = predictor.inputs(images)
        expected = predictor.folded(inputs)
        prepared = _MAKERS[engine](predictor, precision, inputs, expected)
        with prepared.predictor._autocast():
            found = prepared.predictor.folded(inputs)
    difference = _difference(tensors_in(expected), tensors_in(found), precision == "fp32")
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


def _eager(predictor: Predictor, precision: str, inputs: Any, expected: Any) -> Prepared:
    if precision == "fp32":
        return Prepared(predictor)
    if precision == "bf16":
        changed = copy.copy(predictor)
        changed.precision = "bf16"
        return Prepared(changed, note=_bf16_note(predictor.device))
    began = time.perf_counter()
    quantised = _quantised(predictor.folded)
    spent = time.perf_counter() - began
    share = _linear_share(predictor.folded, inputs)
    return Prepared(
        _with_network(predictor, quantised),
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
            raise ModelError(f"This CPU's PyTorch cannot quantise linear layers ({_first(error)}).") from error


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


class _Replaced(nn.Module):
    """Stands where a predictor keeps its network: another way to run it, the network's own way to decode."""

    def __init__(self, run: Callable[[Any], Any], network: nn.Module) -> None:
        super().__init__()
        self.run = run
        self.decode = getattr(network, "decode", None)

    def forward(self, inputs: Any) -> Any:
        return self.run(inputs)


def _with_network(predictor: Predictor, network: nn.Module) -> Predictor:
    changed = copy.copy(predictor)
    changed.folded = network  # type: ignore[assignment]  # pyright: ignore[reportAttributeAccessIssue]
    return changed


def _compiled(predictor: Predictor, precision: str, inputs: Any, expected: Any) -> Prepared:
    torch._dynamo.reset()
    network = predictor.folded
    compiled = torch.compile(network.forward, dynamic=False)
    changed = _with_network(predictor, _Replaced(compiled, network))
    changed.precision = "bf16" if precision == "bf16" else "fp32"
    began = time.perf_counter()
    try:
        with changed._autocast():
            for _ in range(2):  # the second pass shows whether it compiles again
                changed.folded(inputs)
    except Exception as error:  # the compiler's errors share no base class
        raise ModelError(f"{predictor.spec.title} cannot be compiled here ({_first(error)}).") from error
    note = _bf16_note(predictor.device) if precision == "bf16" else ""
    return Prepared(changed, time.perf_counter() - began, "compiling (kept on disk: quicker the next time)", note=note)


# --- ONNX Runtime ---


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
        return tuple(_tensors_at(self.template, outputs))


def _onnx_runtime(predictor: Predictor, precision: str, inputs: Any, expected: Any) -> Prepared:
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
        _export(predictor, _batch(inputs), expected, path)
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
        _with_network(predictor, _Replaced(run, predictor.folded)),
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
        batch = _batch(inputs)
        found = self.session.run(None, {self.name: batch.cpu().numpy()})
        return refilled(self.template, [torch.from_numpy(np.asarray(array)).to(batch.device) for array in found])


def _batch(inputs: Any) -> Tensor:
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
            with _silence(), torch.inference_mode(False), torch.no_grad():
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
            reasons.append(_first(error))
    raise ModelError(f"{predictor.spec.title} cannot be written as ONNX ({reasons[0]}).")


@contextmanager
def _silence() -> Iterator[None]:
    """The exporters warn of what the check of the outputs decides."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        before = logging.root.manager.disable
        logging.disable(logging.ERROR)
        try:
            yield
        finally:
            logging.disable(before)


def _session(path: Path, provider: str) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(path.read_bytes(), options, providers=[provider])
    except Exception as error:  # its errors come from C++ without a base class of their own
        raise ModelError(f"ONNX Runtime cannot run this network ({_first(error)}).") from error


def _quantised_file(predictor: Predictor, path: Path) -> tuple[Path, str]:
    """The file with 8-bit weights in its matrix products, and how many of them that were."""
    import onnx

    target = path.with_name("network-int8.onnx")
    before = [node.op_type for node in onnx.load(str(path)).graph.node]
    with _silence():
        from onnxruntime.quantization import QuantType, quantize_dynamic

        try:
            quantize_dynamic(str(path), str(target), op_types_to_quantize=list(_PRODUCTS), weight_type=QuantType.QInt8)
        except Exception as error:  # as above
            raise ModelError(f"ONNX Runtime cannot quantise this network ({_first(error)}).") from error
    after = [node.op_type for node in onnx.load(str(target)).graph.node]
    products = sum(before.count(kind) for kind in _PRODUCTS)
    left = sum(after.count(kind) for kind in _PRODUCTS)
    if products == left:
        raise ModelError(
            f"{predictor.spec.title} has no matrix products with fixed weights, which are all that dynamic "
            "quantisation makes 8 bits wide."
        )
    return target, f"{products - left} of {products} matrix products"


_MAKERS: dict[str, Callable[[Predictor, str, Any, Any], Prepared]] = {
    "eager": _eager,
    "compile": _compiled,
    "onnxruntime": _onnx_runtime,
}


# --- outputs ---


def tensors_in(value: Any) -> list[Tensor]:
    """Every tensor in nested lists, tuples, dictionaries and records, in their order."""
    if isinstance(value, Tensor):
        return [value]
    if is_dataclass(value) and not isinstance(value, type):
        value = [getattr(value, field.name) for field in fields(value)]
    if isinstance(value, dict):
        value = list(value.values())
    return [tensor for item in value for tensor in tensors_in(item)] if isinstance(value, (list, tuple)) else []


def _tensors_at(template: Any, value: Any) -> list[Tensor]:
    """The tensors of `value` where `template`, of the same structure, has some."""
    if isinstance(template, Tensor):
        return [value]
    if is_dataclass(template) and not isinstance(template, type):
        names = [field.name for field in fields(template)]
        return [tensor for name in names for tensor in _tensors_at(getattr(template, name), getattr(value, name))]
    if isinstance(template, dict):
        return [tensor for key, item in template.items() for tensor in _tensors_at(item, value[key])]
    if isinstance(template, (list, tuple)):
        return [tensor for a, b in zip(template, value, strict=True) for tensor in _tensors_at(a, b)]
    return []


def refilled(value: Any, tensors: Sequence[Tensor]) -> Any:
    """The same structure with other tensors, in the order of `tensors_in`.

    Raises:
        ModelError: there are not as many.
    """
    if len(tensors) != len(tensors_in(value)):
        raise ModelError(f"The network gave {len(tensors)} outputs instead of {len(tensors_in(value))}.")
    return _refilled(value, iter(tensors))


def _refilled(value: Any, tensors: Iterator[Tensor]) -> Any:
    if isinstance(value, Tensor):
        return next(tensors)
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{field.name: _refilled(getattr(value, field.name), tensors) for field in fields(value)})
    if isinstance(value, dict):
        return {key: _refilled(item, tensors) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_refilled(item, tensors) for item in value)
    return value


def _difference(expected: list[Tensor], found: list[Tensor], exact: bool) -> float:
    """The largest difference of any output, relative to the largest value of that output (or to 1).

    Raises:
        ModelError: a value is not finite, or (where outputs must be the same) their shapes differ.
    """
    worst = 0.0
    for a, b in zip(expected, found, strict=True):
        if not torch.isfinite(b.float()).all():
            raise ModelError("The network's outputs are not finite with this precision, so its time means nothing.")
        if a.shape != b.shape:
            if exact:
                raise ModelError(f"An output has the shape {tuple(b.shape)} with this engine, not {tuple(a.shape)}.")
            return float("nan")  # as many rows as it proposed regions
        if a.numel():
            largest = max(1.0, float(a.float().abs().max()))
            worst = max(worst, float((a.float() - b.float()).abs().max()) / largest)
    return worst


def _first(error: BaseException) -> str:
    """The first line of an error that says something, without colours."""
    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line).strip() for line in str(error).splitlines()]
    said = next((line for line in lines if line), "")
    return f"{type(error).__name__}: {said[:200]}" if said else type(error).__name__
