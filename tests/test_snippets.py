"""Show the code: lines that parse, run against the real names, and cannot be broken out of."""

from __future__ import annotations

import ast
import contextlib
import io
import sys
import types
from typing import Any

import nbformat
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import vision_core
import vision_core.vocabulary
from vision_core.errors import SettingsError
from vision_core.snippets import SnippetSettings, notebook, python_snippet
from vision_core.types import Classification, Detections, PipelineResult, Timing

HOSTILE = "\"); import os; os.system(\"x\") #\n'''\u202e\\"
text = st.text(max_size=20) | st.just(HOSTILE)
everything = st.builds(
    SnippetSettings,
    image=text,
    is_sample=st.booleans(),
    classifiers=st.lists(text, max_size=3).map(tuple),
    detectors=st.lists(text, max_size=3).map(tuple),
    pipeline=st.none() | st.tuples(text, text),
    score=st.floats(0, 1),
    iou=st.floats(0, 1),
    only=st.lists(text, max_size=3).map(tuple),
    top_k=st.integers(1, 20),
)


class Recorder:
    """Stands in for `vision_core` and notes what the snippet asks of it."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        boxes = Detections(
            np.array([[0, 0, 5, 5], [1, 1, 9, 9]]), np.array([0.9, 0.8]), np.array([0, 1]), ("cat", "dog"), (10, 10)
        )
        self.candidates = boxes
        self.module = types.ModuleType("vision_core")
        for name in ("open_image", "open_sample"):
            setattr(self.module, name, self._opener(name))
        self.module.load_classifier = lambda name: self._model("load_classifier", name)  # type: ignore[attr-defined]
        self.module.load_detector = lambda name: self._model("load_detector", name)  # type: ignore[attr-defined]
        self.module.detect_then_classify = self._both  # type: ignore[attr-defined]

    def _opener(self, name: str) -> Any:
        def opened(path: str) -> Any:
            self.calls.append((name, path))
            return types.SimpleNamespace(pixels="pixels")

        return opened

    def _model(self, kind: str, name: str) -> Any:
        self.calls.append((kind, name))
        said: Any = Classification(("tabby", "fox"), np.array([0.75, 0.25]))
        if kind == "load_detector":
            said = types.SimpleNamespace(select=self._select)
        return types.SimpleNamespace(name=name, predict=lambda pictures: [said])

    def _select(self, score: float, iou: float, only: list[str]) -> Detections:
        self.calls.append(("select", score, iou, only))
        return self.candidates

    def _both(self, pixels: str, shown: Detections, classifier: Any) -> PipelineResult:
        self.calls.append(("detect_then_classify", pixels, classifier.name))
        labels = tuple(Classification(("tabby", "fox"), np.array([0.75, 0.25])) for _ in range(len(shown)))
        return PipelineResult(shown, labels, Timing(), Timing())

    def run(self, code: str) -> str:
        out, real = io.StringIO(), sys.modules["vision_core"]
        sys.modules["vision_core"] = self.module
        try:
            with contextlib.redirect_stdout(out):
                exec(compile(code, "snippet", "exec"), {})
        finally:
            sys.modules["vision_core"] = real
        return out.getvalue()


def code_of(settings_: SnippetSettings) -> list[str]:
    cells = nbformat.reads(notebook(settings_).decode(), as_version=4).cells
    return [cell.source for cell in cells if cell.cell_type == "code"]


def expected_calls(s: SnippetSettings) -> list[tuple[Any, ...]]:
    pair = s.pipeline or ()
    last = [("detect_then_classify", "pixels", name) for name in pair[1:]]
    calls: list[tuple[Any, ...]] = [("open_sample" if s.is_sample else "open_image", s.image)]
    calls += [("load_classifier", name) for name in dict.fromkeys((*s.classifiers, *pair[1:]))]
    for name in dict.fromkeys((*s.detectors, *pair[:1])):
        calls += [("load_detector", name), ("select", s.score, s.iou, list(s.only))]
    return calls + last


@settings(max_examples=150, deadline=None)
@given(settings_=everything)
def test_whatever_was_typed_comes_back_as_the_same_values_and_nothing_else_runs(settings_: SnippetSettings) -> None:
    code = python_snippet(settings_)
    recorder = Recorder()
    recorder.run(code)
    assert recorder.calls == expected_calls(settings_)
    filtered = settings_.only and settings_.classifiers
    allowed = {"vision_core", "vision_core.vocabulary"} if filtered else {"vision_core"}
    assert {node.module for node in ast.walk(ast.parse(code)) if isinstance(node, ast.ImportFrom)} == allowed
    assert not any(isinstance(node, ast.Import) for node in ast.walk(ast.parse(code)))
    assert "\u202e" not in code, "no character that turns the text on screen around"


@settings(max_examples=40, deadline=None)
@given(settings_=everything)
def test_notebook_is_valid_and_holds_the_same_lines(settings_: SnippetSettings) -> None:
    nbformat.validate(nbformat.reads(notebook(settings_).decode(), as_version=4))
    recorder = Recorder()
    recorder.run("\n".join(code_of(settings_)))
    assert recorder.calls == expected_calls(settings_)
    assert notebook(settings_) == notebook(settings_)


def test_models_are_loaded_once_and_columns_are_printed() -> None:
    recorder = Recorder()
    printed = recorder.run(
        python_snippet(
            SnippetSettings(image="a.jpg", classifiers=("lite",), detectors=("ssd",), pipeline=("ssd", "lite"), top_k=1)
        )
    )
    assert [call[0] for call in recorder.calls] == [
        "open_image",
        "load_classifier",
        "load_detector",
        "select",
        "detect_then_classify",
    ]
    assert printed.splitlines() == [
        " 75.0%  tabby",
        " 90.0%  cat at [0.0, 0.0, 5.0, 5.0]",
        " 80.0%  dog at [1.0, 1.0, 9.0, 9.0]",
        "cat: ['tabby 75.0%']",
        "dog: ['tabby 75.0%']",
    ]


def test_every_name_the_lines_use_exists() -> None:
    code = python_snippet(SnippetSettings(image="a", classifiers=("c",), detectors=("d",), pipeline=("d", "c")))
    imports = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.ImportFrom)]
    names = [alias.name for node in imports for alias in node.names]
    assert set(names) == {"detect_then_classify", "load_classifier", "load_detector", "open_image"}
    assert set(names) <= set(vision_core.__all__)
    assert "open_sample" in vision_core.__all__
    one = Detections(np.array([[0, 0, 5, 5]]), np.array([0.9]), np.array([0]), ("cat",), (10, 10))
    shown = one.select(score=0.4, iou=0.5, only=["cat"])
    assert np.array_equal(shown.boxes_xyxy, [[0, 0, 5, 5]])


@pytest.mark.parametrize("wrong", [{"score": 1.5}, {"iou": float("nan")}, {"top_k": 0}])
def test_settings_no_page_can_show_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match=next(iter(wrong))):
        python_snippet(SnippetSettings(image="a", **wrong))
