"""Runs the notebooks in `notebooks/` and saves them with light outputs, so that they read well on a code host.

    make notebooks                                    # all of them
    python docs/run_notebooks.py 4_evaluate_errors_costs

They run one after the other in a new workspace of their own. Charts, which a user sees as Plotly draws them, are saved
as small pictures; what programs say on standard error, timings and this machine's paths are left out.
"""

import io
import os
import re
import sys
import tempfile
import time
from base64 import b64decode, b64encode
from contextlib import contextmanager
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from PIL import Image

sys.path.insert(0, str(Path(__file__).parent.parent))

NOTEBOOKS = Path(__file__).parent.parent / "notebooks"
TIMEOUT_S = 600
CHART_PX, PICTURE_PX = 640, 900
PLOTLY = "application/vnd.plotly.v1+json"
_ADDRESS = re.compile(r" at 0x[0-9a-f]+")
_FEW_BYTES = 40_000
"""A picture this small stays as it is."""


def sources():
    """The notebooks, in order."""
    return sorted(NOTEBOOKS.glob("*.ipynb"))


@contextmanager
def surroundings(home):
    """What kernels find around them: a workspace of their own, no network, charts as plain data."""
    told = {"WHATWHERE_HOME": str(home), "WHATWHERE_OFFLINE": "1", "PLOTLY_RENDERER": "plotly_mimetype"}
    told |= {"WHATWHERE_SHELF_SCENES": "300"}
    before = {name: os.environ.get(name) for name in told}
    os.environ.update(told)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name)
            else:
                os.environ[name] = value


def run(path, home):
    """The notebook with the outputs of a real run; an error in a cell is raised."""
    notebook = nbformat.read(path, 4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    with surroundings(home):
        resources = {"metadata": {"path": str(NOTEBOOKS)}}
        NotebookClient(notebook, timeout=TIMEOUT_S, kernel_name="python3", resources=resources).execute()
    return notebook


def lightened(notebook):
    """The same with light outputs, without anything of this machine or this minute."""
    for cell in notebook.cells:
        cell.metadata = {}
        if cell.cell_type == "code":
            cell.outputs = [light for output in cell.outputs if (light := _light(output)) is not None]
    notebook.metadata.pop("widgets", None)
    notebook.metadata["language_info"] = {"name": "python"}
    return notebook


def _light(output):
    if output.get("name") == "stderr":
        return None
    if output.output_type not in ("display_data", "execute_result"):
        return output
    data = output.data
    if PLOTLY in data:
        output.data = nbformat.from_dict(_picture(_painted(data[PLOTLY])))
    elif "image/png" in data:
        output.data = nbformat.from_dict(_picture(b64decode(data["image/png"])))
    elif "text/plain" in data:
        data["text/plain"] = _ADDRESS.sub("", data["text/plain"])
    output.metadata = {}
    return output


def _painted(chart):
    """A chart as a PNG file."""
    from plotly.graph_objects import Figure

    from vision_core.figure_files import to_image

    return to_image(Figure(data=chart["data"], layout=chart["layout"]), "png", width_px=CHART_PX)


def _picture(content):
    """A picture file as an output: as it is, with few colours, or as a JPEG file, whichever is small."""
    image = Image.open(io.BytesIO(content)).convert("RGB")
    image.thumbnail((PICTURE_PX, 2 * PICTURE_PX))
    few, many = io.BytesIO(), io.BytesIO()
    image.quantize(64).save(few, "PNG", optimize=True)
    if len(few.getvalue()) <= _FEW_BYTES:
        return {"image/png": b64encode(few.getvalue()).decode(), "text/plain": "a picture"}
    image.save(many, "JPEG", quality=82)
    return {"image/jpeg": b64encode(many.getvalue()).decode(), "text/plain": "a picture"}


def main(names):
    """Runs those that are named, by default all, and saves them."""
    with tempfile.TemporaryDirectory() as home:
        for path in sources():
            if names and path.stem not in names:
                continue
            began = time.monotonic()
            nbformat.write(lightened(run(path, home)), path)
            print(f"{path.stem}: {time.monotonic() - began:.0f} s, {path.stat().st_size / 1e3:.0f} kB", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
