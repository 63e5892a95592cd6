"""The notebooks of the repository: run from a clean workspace by a real kernel, and kept to their rules."""

from __future__ import annotations

import ast
import re
from importlib import import_module
from pathlib import Path
from typing import Any

import nbformat
import pytest

from docs.run_notebooks import NOTEBOOKS, run, sources
from vision_core.costs.bench_store import list_benches
from vision_core.data.library import list_datasets
from vision_core.duel.folder import list_duels
from vision_core.run_folder import list_run_folders
from vision_core.runs import list_runs
from vision_core.settings import settings

NAMES = [path.stem for path in sources()]
MOST_LINES, MOST_BYTES, MOST_OUTPUT_BYTES = 15, 2_000_000, 150_000
MACHINE = re.compile(r"(/tmp/|/home/|/root/|/work/|/Users/|/var/folders|[A-Z]:\\\\Users| at 0x[0-9a-f]{6})")
STANDS: dict[str, dict[str, set[str]]] = {
    "1_one_photo_two_tasks": {},
    "2_your_own_data": {"data": {"My pictures"}},
    "3_fine_tune_both": {"runs": {"Notebook 3: classifier", "Notebook 3: detector"}},
    "4_evaluate_errors_costs": {
        "runs": {"Fashion Shelf classifier", "Fashion Shelf detector"},
        "costs": {"Notebook 4"},
    },
    "5_duel_and_report": {"duels": {"Notebook 5: a tiny duel", "How many? Fashion Shelf (an example)"}},
    "6_lesson_plan": {"runs": {"Notebook 6: Transfer, all pictures", "Notebook 6: From scratch"}},
}
"""What each leaves in the workspace, where the dashboard shows it."""


def cells(name: str) -> list[Any]:
    return nbformat.read(NOTEBOOKS / f"{name}.ipynb", 4).cells


def test_there_are_six_stories() -> None:
    assert list(STANDS) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_each_runs_from_a_clean_workspace_and_what_it_ran_stands_there(name: str, workspace: Path) -> None:
    done = run(NOTEBOOKS / f"{name}.ipynb", workspace)
    assert all(cell.execution_count for cell in done.cells if cell.cell_type == "code")
    assert settings().home == workspace
    there = {
        "data": {dataset.name for dataset in list_datasets()},
        "runs": {one.record().name for one in list_run_folders() if one.record().state == "finished"},
        "costs": {bench.name for bench in list_benches()},
        "duels": {duel.name for duel in list_duels() if duel.result()},
    }
    for kind, names in STANDS[name].items():
        assert names <= there[kind], kind
    titles = " ".join(spec.title for spec in list_runs())
    assert all(title in titles for title in STANDS[name].get("runs", ())), "they can be used wherever a model can"
    saved = [cell for cell in cells(name) if cell.cell_type == "code"]
    assert [kinds(cell) for cell in saved] == [kinds(cell) for cell in done.cells if cell.cell_type == "code"]


def kinds(cell: Any) -> list[str]:
    """What a cell shows: a table, a picture or words; a chart is saved as a picture."""
    found = []
    for output in cell.outputs:
        if output.output_type == "stream":
            one_more = output.name == "stdout" and found[-1:] != [
                "words"
            ]  # a pause in printing makes two messages of one
            found += ["words"] if one_more else []
            continue
        data = " ".join(output.data)
        found.append("picture" if "image/" in data or "plotly" in data else "table" if "html" in data else "words")
    return found


@pytest.mark.parametrize("name", NAMES)
def test_every_cell_is_short_and_says_what_to_look_at(name: str) -> None:
    before: Any = None
    for cell in cells(name):
        if cell.cell_type == "code":
            assert len(cell.source.splitlines()) <= MOST_LINES, cell.source
            assert all(len(line) <= 120 for line in cell.source.splitlines()), cell.source
            assert before is not None, "no code without a word"
            assert before.cell_type == "markdown", "no code without a word"
            sentence = before.source.splitlines()[-1]
            assert sentence.startswith("Look "), sentence
            assert sentence.endswith("."), sentence
            assert len(re.findall(r"[.!?](?= [A-Z])", sentence)) == 0, "one sentence"
        before = cell
    assert "`WHATWHERE_HOME`" in cells(name)[0].source


@pytest.mark.parametrize("name", NAMES)
def test_only_the_public_package_is_used(name: str) -> None:
    for cell in cells(name):
        if cell.cell_type != "code":
            continue
        for node in ast.walk(ast.parse(cell.source)):
            if isinstance(node, ast.ImportFrom) and str(node.module).startswith("vision_core"):
                home = import_module(str(node.module))
                for alias in node.names:
                    assert not alias.name.startswith("_")
                    assert hasattr(home, alias.name), f"{node.module}.{alias.name}"
            if isinstance(node, ast.Attribute):
                assert not node.attr.startswith("_"), ast.unparse(node)
            imported = [node.module] if isinstance(node, ast.ImportFrom) else []
            imported += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            assert not any(str(one).split(".")[0] in ("tests", "pages", "benchmarks", "docs") for one in imported)


@pytest.mark.parametrize("name", NAMES)
def test_saved_outputs_are_light_whole_and_of_no_machine(name: str) -> None:
    file = NOTEBOOKS / f"{name}.ipynb"
    assert file.stat().st_size < MOST_BYTES
    shown = 0
    for number, cell in enumerate(one for one in cells(name) if one.cell_type == "code"):
        assert cell.execution_count == number + 1, "saved as it ran, from the first cell to the last"
        assert dict(cell.metadata) == {}
        for output in cell.outputs:
            assert output.output_type != "error"
            assert output.get("name") != "stderr"
            assert len(str(output)) < MOST_OUTPUT_BYTES
            words = output.get("text") or "".join(
                value for kind, value in output.get("data", {}).items() if kind.startswith("text/")
            )
            assert not MACHINE.search(words), words
            shown += "image/" in " ".join(output.get("data", {}))
    assert shown, "pictures make a notebook worth opening"
