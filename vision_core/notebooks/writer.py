"""Steps written down as a Jupyter notebook, or as one Python script.

    steps = [Step("The picture", "It is upright, whatever the camera said.", "picture = open_sample('coffee')")]
    write("What is it?", "As on the Compare page.", steps)          # bytes of an .ipynb file

Titles and sentences hold nothing that a user wrote; whatever a user typed enters the code through `repr` alone, so that
a hostile name stays a string.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vision_core.run_folder import runs_folder


@dataclass(frozen=True)
class Step:
    """One cell: its heading, one sentence on what to look at, and the code."""

    title: str
    look: str
    code: str


def write(title: str, intro: str, steps: Sequence[Step]) -> bytes:
    """The steps as a notebook (nbformat 4), each cell under its heading; the same steps give the same file."""
    from nbformat import v4, writes

    cells = [v4.new_markdown_cell(f"# {title}\n\n{intro}")]
    for step in steps:
        cells += [v4.new_markdown_cell(f"## {step.title}\n\n{step.look}".strip()), v4.new_code_cell(step.code)]
    for number, cell in enumerate(cells):
        cell["id"] = f"step-{number}"
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return writes(v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})).encode("utf-8")


def script(steps: Sequence[Step]) -> str:
    """The same lines as one Python script."""
    return "\n\n".join(f"# {step.title}\n{step.code}" for step in steps) + "\n"


def lines(*parts: str) -> str:
    """Lines of code below one another; empty ones are left out."""
    return "\n".join(part for part in parts if part)


def run_code(path: Path | str) -> tuple[str, str]:
    """The line that imports what is needed, "" for nothing, and the expression that names a run's folder.

    One of the workspace is named by its id alone, so that the notebook fits any copy of the workspace.
    """
    path = Path(path)
    if path.parent == runs_folder():
        return "from vision_core.run_folder import runs_folder", f"runs_folder() / {path.name!r}"
    return "", repr(str(path))


def keywords(values: Mapping[str, Any], indent: str = "    ") -> list[str]:
    """Named arguments of a call, one a line."""
    return [f"{indent}{name}={value!r}," for name, value in values.items()]
