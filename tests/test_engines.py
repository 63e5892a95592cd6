"""Engines and precisions: the same answers as PyTorch with 32-bit floats, or a sentence on why not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor, nn

from vision_core.costs.engines import EXACT, prepare
from vision_core.costs.onnx_network import as_batch
from vision_core.costs.outputs import refilled, tensors_in
from vision_core.errors import ModelError
from vision_core.models import get_spec
from vision_core.predict import Classifier, load_detector
from vision_core.samples import open_sample


def fresh(name: str) -> Classifier:
    """A tiny classifier with random weights."""
    torch.manual_seed(0)
    return Classifier(get_spec(name), get_spec(name).build(5), ("a", "b", "c", "d", "e"), torch.device("cpu"))


@pytest.fixture(scope="module")
def convolutions() -> Classifier:
    return fresh("test_resnet")


@pytest.fixture(scope="module")
def transformer() -> Classifier:
    return fresh("test_vit")


@pytest.fixture(scope="module")
def photo() -> Image.Image:
    return open_sample("four_photos").pixels


def test_pytorch_as_it_is_is_the_predictor_itself(convolutions: Classifier, photo: Image.Image) -> None:
    prepared = prepare(convolutions, "eager", "fp32", [photo])
    assert prepared.predictor is convolutions
    assert (prepared.difference, prepared.size_bytes, prepared.memory_hidden) == (0.0, None, "")


@pytest.mark.parametrize("count", [1, 3])
def test_onnx_runtime_says_what_pytorch_says(convolutions: Classifier, photo: Image.Image, count: int) -> None:
    pictures = [photo, photo.rotate(90), photo.rotate(180)][:count]
    prepared = prepare(convolutions, "onnxruntime", "fp32", pictures)
    expected, found = convolutions.predict(pictures), prepared.predictor.predict(pictures)
    for a, b in zip(expected, found, strict=True):
        np.testing.assert_allclose(a.scores, b.scores, atol=1e-5)  # pyright: ignore[reportAttributeAccessIssue]
    assert prepared.difference < EXACT
    assert prepared.size_bytes is not None
    assert prepared.size_bytes > 1000
    assert "memory that PyTorch does not see" in prepared.memory_hidden


def test_a_detectors_boxes_are_the_same_through_onnx_runtime(photo: Image.Image) -> None:
    detector = load_detector()
    pictures = [photo, photo]
    prepared = prepare(detector, "onnxruntime", "fp32", pictures)
    found: Any = prepared.predictor.predict(pictures)
    for a, b in zip(detector.predict(pictures), found, strict=True):
        shown, theirs = a.select(0.4, 0.5), b.select(0.4, 0.5)
        assert len(shown) > 1
        assert shown.names == theirs.names
        np.testing.assert_allclose(shown.boxes_xyxy, theirs.boxes_xyxy, atol=0.05)
        np.testing.assert_allclose(shown.scores, theirs.scores, atol=1e-4)


@pytest.mark.parametrize("engine", ["eager", "onnxruntime"])
def test_eight_bits_where_there_are_products(transformer: Classifier, photo: Image.Image, engine: str) -> None:
    whole = prepare(transformer, "onnxruntime", "fp32", [photo])
    prepared = prepare(transformer, engine, "int8", [photo])
    assert 0 < prepared.difference < 0.2
    assert "8-bit weights in" in prepared.note
    assert prepared.memory_hidden
    assert (prepared.size_bytes or 0) < 0.8 * (whole.size_bytes or 0)
    assert prepared.predictor.predict([photo])[0].model == "test_vit"
    assert transformer.folded is not prepared.predictor.folded  # the predictor itself is left as it was


def test_the_share_of_the_arithmetic_in_eight_bits_is_told(convolutions: Classifier, photo: Image.Image) -> None:
    note = prepare(convolutions, "eager", "int8", [photo]).note
    share = float(note.split("do ")[1].split("%")[0])
    assert share < 1  # one linear layer after all convolutions


def test_bfloat16_differs_a_little(convolutions: Classifier, photo: Image.Image) -> None:
    prepared = prepare(convolutions, "eager", "bf16", [photo])
    assert prepared.predictor.precision == "bf16"
    assert convolutions.precision == "fp32"
    assert 0 < prepared.difference < 0.1


def test_what_does_not_go_together_is_said(transformer: Classifier, photo: Image.Image) -> None:
    for engine, precision, reason in [
        ("onnxruntime", "bf16", "no bfloat16"),
        ("compile", "int8", "does not see into"),
    ]:
        with pytest.raises(ModelError, match=reason):
            prepare(transformer, engine, precision, [photo])
    with pytest.raises(ModelError, match=r"no linear layers.*static quantisation"):
        prepare(load_detector(), "eager", "int8", [photo])


def test_a_network_that_cannot_be_written_is_said(
    convolutions: Classifier, photo: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    def export(*_: Any, **__: Any) -> None:
        raise NotImplementedError("\x1b[96mno such operator\x1b[0m\nand much more")

    monkeypatch.setattr(torch.onnx, "export", export)
    with pytest.raises(ModelError, match=r"cannot be written as ONNX \(NotImplementedError: no such operator\)"):
        prepare(convolutions, "onnxruntime", "fp32", [photo])


def test_other_answers_are_refused_before_anybody_takes_the_time(
    convolutions: Classifier, photo: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "compile", lambda run, **_: lambda inputs: run(inputs) + 0.5)
    with pytest.raises(ModelError, match="gives other answers"):
        prepare(convolutions, "compile", "fp32", [photo])
    monkeypatch.setattr(torch, "compile", lambda run, **_: lambda inputs: run(inputs) * torch.nan)
    with pytest.raises(ModelError, match="not finite"):
        prepare(convolutions, "compile", "fp32", [photo])


def test_a_compiler_that_fails_is_said(
    convolutions: Classifier, photo: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    def compiled(*_: Any, **__: Any) -> Any:
        def run(_: Any) -> None:
            raise RuntimeError("no working C++ compiler")

        return run

    monkeypatch.setattr(torch, "compile", compiled)
    with pytest.raises(ModelError, match=r"cannot be compiled here .*no working C"):
        prepare(convolutions, "compile", "fp32", [photo])


class Small(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x.mean((2, 3)))


@pytest.mark.slow
def test_a_network_is_really_compiled(convolutions: Classifier, photo: Image.Image) -> None:
    predictor = Classifier(convolutions.spec, Small(), tuple("abcde"), torch.device("cpu"))
    try:
        prepared = prepare(predictor, "compile", "fp32", [photo])
    except ModelError as error:
        pytest.skip(f"no compiler here: {error}")
    assert prepared.load_s > 0
    assert "compiling" in prepared.load_note
    np.testing.assert_allclose(
        prepared.predictor.predict([photo])[0].scores,  # pyright: ignore[reportAttributeAccessIssue]
        predictor.predict([photo])[0].scores,
        atol=1e-6,
    )


def test_pictures_of_two_sizes_are_no_batch_for_onnx() -> None:
    with pytest.raises(ModelError, match="one size at a time"):
        as_batch([torch.rand(3, 4, 4), torch.rand(3, 4, 5)])


@dataclass(frozen=True)
class Record:
    first: Tensor
    rest: list[Any]
    size: tuple[int, int]


nested = st.recursive(
    st.integers(0, 9),
    lambda inner: st.lists(inner, max_size=3) | st.tuples(inner, inner) | st.dictionaries(st.text("ab"), inner),
    max_leaves=8,
)


@given(nested)
def test_a_structure_is_refilled_in_order(shape: Any) -> None:
    def filled(value: Any) -> Any:
        if isinstance(value, int):
            return torch.tensor(value) if value % 2 else value
        if isinstance(value, dict):
            return {key: filled(item) for key, item in value.items()}
        return type(value)(filled(item) for item in value)

    record = Record(torch.tensor(-1), [filled(shape)], (3, 4))
    before = tensors_in(record)
    after = refilled(record, [tensor + 100 for tensor in before])
    assert [int(tensor) for tensor in tensors_in(after)] == [int(tensor) + 100 for tensor in before]
    assert after.size == (3, 4)
    with pytest.raises(ModelError, match="outputs instead of"):
        refilled(record, before[1:])
