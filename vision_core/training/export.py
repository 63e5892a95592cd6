"""A run's best weights to take away: one file with all it needs inside, and the lines that load it elsewhere.

    export(run, Path("shelf.safetensors"))
    print(loading_code(run, "shelf.safetensors"))

The file holds the tensors under the names of the library that the network comes from. Its header holds, as JSON texts,
`class_names`, `preprocessing`, `input_size_px`, `model`, `task` and `multi_label`; and the `temperature`, where the run
keeps one.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from vision_core.errors import DataError
from vision_core.models.catalogue import get_spec, timm_name_of
from vision_core.models.spec_parts import build_torchvision, build_torchvision_detector, build_yolo
from vision_core.run_folder import BEST, RunFolder
from vision_core.runs import read_run
from vision_core.types import ModelSpec
from vision_core.written import write_aside

_YOLO_CLASSES = {"yolov9": ("yolo9", "LibreYOLO9Model"), "yolox": ("yolox", "LibreYOLOXModel")}


@dataclass(frozen=True)
class Loading:
    """How to load an exported file.

    Attributes:
        library: which library that takes besides safetensors: "timm", "torchvision", "libreyolo" or "vision_core".
        imports: lines that import it; `lines`: the three that load the network and its class names.
        note: what else to know, "" when there is nothing.
    """

    library: str
    imports: str
    lines: str
    note: str = ""

    @property
    def code(self) -> str:
        return f"{self.imports}\n\n{self.lines}\n"


def export(run: RunFolder, path: Path) -> Path:
    """Copies the run's best weights to `path`, aside and renamed.

    Raises:
        DataError: the run has none yet, or the file cannot be written.
    """
    return write_aside(path, read_weights(run))


def weights_file(run: RunFolder) -> Path:
    """Where the best weights are.

    Raises:
        DataError: there are none yet.
    """
    source = run.path / BEST
    if not source.is_file():
        raise DataError(f"The run {run.path.name!r} has no weights yet: they are there after its first epoch.")
    return source


def read_weights(run: RunFolder) -> bytes:
    """The file's content, for a download: the weights, and in their header the temperature that the run keeps.

    Raises:
        DataError: as `weights_file`. ModelError: the run cannot be read.
    """
    source = weights_file(run)
    temperature = read_run(run.path)[0].temperature
    if temperature == 1.0:
        return source.read_bytes()
    from safetensors import safe_open
    from safetensors.torch import load_file, save

    with safe_open(source, "pt") as file:
        about = dict(file.metadata() or {})
    return save(load_file(source), about | {"temperature": json.dumps(temperature)})


def file_name(run: RunFolder) -> str:
    """A plain name for the exported file, from what its owner calls the run."""
    name = re.sub(r"[^A-Za-z0-9]+", "-", run.record().name).strip("-").lower()[:60]
    return f"{name or 'weights'}.safetensors"


def loading_code(run: RunFolder, name: str = "best.safetensors") -> Loading:
    """The lines that load the exported file `name`, with the library that the network comes from.

    A run that keeps a temperature has one line more, that reads it: the logits are divided by it.

    Raises:
        DataError, ModelError: the run's configuration cannot be read.
    """
    config = run.read("config.json")
    if not config.get("class_names"):
        raise DataError(f"The run {run.path.name!r} does not know its classes yet: they are read when it starts.")
    spec, classes = get_spec(str(config["model"])), len(config["class_names"])
    library, build, note = _builder(spec, classes, int(config["input_size_px"]))
    imports = {
        "timm": "import timm",
        "torchvision": "import torchvision",
        "vision_core": "from vision_core.models import get_spec",
        "libreyolo": _yolo_import(spec),
    }[library]
    network = "model.network" if library == "vision_core" else "model"
    lines = [
        f"model = {build}",
        f"{network}.load_state_dict(load_file({name!r}))",
        f'class_names = json.loads(safe_open({name!r}, "pt").metadata()["class_names"])',
    ]
    temperature = read_run(run.path)[0].temperature
    if temperature != 1.0:
        lines.append(f'temperature = json.loads(safe_open({name!r}, "pt").metadata()["temperature"])')
        note = f"{note} Divide the logits by the temperature ({temperature:.3g}) before they become scores.".strip()
    common = "import json\n\n{}\nfrom safetensors import safe_open\nfrom safetensors.torch import load_file"
    if library == "vision_core":
        common = "import json\n\nfrom safetensors import safe_open\nfrom safetensors.torch import load_file\n{}"
    return Loading(library, common.format(imports), "\n".join(lines), note)


def _builder(spec: ModelSpec, classes: int, size_px: int) -> tuple[str, str, str]:
    """Library, the expression that builds the network, and a note."""
    if (name := timm_name_of(spec)) is not None:
        from vision_core.models.classifiers import any_input_size

        options = "".join(f", {key}={value!r}" for key, value in any_input_size(name).items())
        return "timm", f"timm.create_model({name!r}, num_classes={classes}{options})", ""
    build = spec.build
    if isinstance(build, partial) and build.func is build_torchvision:
        return "torchvision", f"torchvision.models.get_model({build.args[0]!r}, num_classes={classes})", ""
    if isinstance(build, partial) and build.func is build_torchvision_detector:
        return _torchvision_detector(spec, build.args[0], classes, size_px)
    if isinstance(build, partial) and build.func is build_yolo:
        family, size = build.args
        code = f"{_YOLO_CLASSES[family][1]}(config={size!r}, nb_classes={classes})"
        note = (
            "The network is libreyolo's (MIT), not torchvision's: it takes pictures letterboxed to "
            f"{size_px} px; its own package decodes what it returns."
        )
        return "libreyolo", code, note
    note = (
        "Neither timm nor torchvision has this network: vision_core builds it. "
        "`vision_core.load_detector` with the run's folder does all of it, pictures in and boxes out."
    )
    return "vision_core", f"get_spec({spec.name!r}).build({classes})", note


def _torchvision_detector(spec: ModelSpec, name: str, classes: int, size_px: int) -> tuple[str, str, str]:
    """torchvision resizes by itself: it is told the size that was trained, where it can be."""
    background = not name.startswith(("retinanet", "fcos"))
    options = f"weights=None, weights_backbone=None, num_classes={classes + background}"
    how = spec.preprocessing
    if how.mode == "shortest":
        longest = round((how.max_size_px or size_px) * size_px / how.size_px)
        options += f", min_size={size_px}, max_size={longest}"
    note = "Label 0 is background: label 1 is the first class." if background else ""
    if how.mode == "squash" and size_px != how.size_px:
        note += f" torchvision resizes pictures to {how.size_px} px; this run learned them at {size_px} px."
    return "torchvision", f"torchvision.models.get_model({name!r}, {options})", note.strip()


def _yolo_import(spec: ModelSpec) -> str:
    build = spec.build
    family = build.args[0] if isinstance(build, partial) and build.func is build_yolo else "yolov9"
    module, name = _YOLO_CLASSES[family]
    return f"from libreyolo.models.{module}.nn import {name}"
