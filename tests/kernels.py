"""Notebooks as a real Jupyter kernel runs them, and what stood in their variables afterwards."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).parent.parent
TOLD = "told in JSON: "
Notebook = tuple[bytes, str]
"""The file, and a dictionary's worth of Python that says what to tell of its variables."""


@pytest.fixture
def kernel_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The folder in which kernels start: none of the repository's, so that only the package is found."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("WHATWHERE_OFFLINE", "1")
    folder = tmp_path / "notebooks"
    folder.mkdir()
    return folder


def executed(notebooks: Iterable[Notebook], folder: Path) -> list[dict[str, Any]]:
    """Runs notebooks one after the other in one kernel, and returns what each one's variables were."""
    cells = []
    for content, asked in notebooks:
        cells += nbformat.reads(content.decode(), 4).cells
        cells.append(nbformat.v4.new_code_cell(f"import json\nprint({TOLD!r} + json.dumps({asked}, default=float))"))
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"
    both = nbformat.v4.new_notebook(cells=cells)
    NotebookClient(both, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(folder)}}).execute()
    said = [output.text for cell in both.cells for output in cell.get("outputs", ()) if output.get("name") == "stdout"]
    return [json.loads(line.removeprefix(TOLD)) for text in said for line in text.splitlines() if line.startswith(TOLD)]
