"""Show the code of a run: Python lines, or a notebook, that train the same thing and use it.

Whatever a user typed enters the code through `repr` only, so that a hostile name stays a string.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from vision_core.errors import VisionError
from vision_core.models.catalogue import get_spec
from vision_core.training.config import PRESETS, TrainConfig, make_config, usual_changes

FOLDER = "my-run"
_FIRST = ("data", "task", "model", "preset")


def python_code(config: TrainConfig) -> str:
    """The lines as one Python script."""
    return "\n\n".join(f"# {title}\n{code}" for title, code in _steps(config)) + "\n"


def notebook(config: TrainConfig) -> bytes:
    """The same lines as a Jupyter notebook (nbformat 4), one step a cell, each under a line of text."""
    from nbformat import v4, writes

    intro = "# Train a model\n\nThe same run as on the Train page, here in this process. "
    cells = [v4.new_markdown_cell(intro + "Run it where `vision_core` and the data set are.")]
    for title, code in _steps(config):
        cells += [v4.new_markdown_cell(f"## {title}"), v4.new_code_cell(code)]
    for number, cell in enumerate(cells):
        cell["id"] = f"step-{number}"  # the same settings give the same file
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return writes(v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})).encode("utf-8")


def changes(config: TrainConfig) -> dict[str, object]:
    """What a configuration has other than its preset, by name."""
    config, usual = unsized(config), _usual(config)
    values = {name: getattr(config, name) for name in config.to_json() if name not in _FIRST}
    return {name: value for name, value in values.items() if value != usual[name]}


def unsized(config: TrainConfig) -> TrainConfig:
    """The same without an input size where it is the model's own, which a run writes down once it has started."""
    try:
        own = get_spec(config.model).preprocessing.size_px
    except VisionError:
        return config
    return config.changed(input_size_px=None) if config.input_size_px == own else config


def _usual(config: TrainConfig) -> dict[str, object]:
    """What `make_config`, or `TrainConfig`, gives every setting that it is not told."""
    usual: dict[str, object] = {field.name: field.default for field in dataclasses.fields(TrainConfig)}
    if config.preset not in PRESETS:
        return usual
    told: dict[str, Any] = {"start": config.start, "epochs": config.epochs}
    made = make_config(config.data, config.task, config.model, config.preset, **told)
    own = usual_changes(config.preset, config.task, config.start)
    return usual | {name: getattr(made, name) for name in usual if name not in told} | {"epochs": own["epochs"]}


def _steps(config: TrainConfig) -> list[tuple[str, str]]:
    """Title and code of each step; the titles hold nothing that a user wrote."""
    return [
        ("What to learn, and how", _configuration(config)),
        *([("How fast to learn", _search())] if config.learning_rate is None else []),
        ("Train", _training()),
        ("What came of it", _using(config)),
    ]


def _configuration(config: TrainConfig) -> str:
    maker = "make_config" if config.preset in PRESETS else "TrainConfig"
    named = {name: getattr(config, name) for name in _FIRST} | changes(config)
    lines = [f"    {name}={value!r}," for name, value in named.items() if name != "preset" or maker == "make_config"]
    return "\n".join(
        [
            "from vision_core.run_folder import RunFolder",
            f"from vision_core.training.config import {maker}",
            "from vision_core.training.loop import train",
            "",
            f"config = {maker}(",
            *lines,
            ")",
        ]
    )


def _search() -> str:
    return "\n".join(
        [
            "from vision_core.training.finder import find_learning_rate",
            "",
            "config = config.changed(learning_rate=find_learning_rate(config).suggestion)",
        ]
    )


def _training() -> str:
    return "\n".join(
        [
            "from pathlib import Path",
            "",
            f"run = RunFolder.create(Path({FOLDER!r}), config)",
            "for record in train(run):  # killed and started again with RunFolder.open, it goes on where it was",
            '    print(record["epoch"], record["train"]["loss"], record["val"]["loss"], record["metrics"])',
        ]
    )


def _using(config: TrainConfig) -> str:
    lines = [
        "from vision_core import {}, open_sample",
        "",
        "model = {}(str(run.path))",
        'answer = model.predict([open_sample("coffee").pixels])[0]',
    ]
    loader = "load_classifier" if config.task == "classification" else "load_detector"
    shown = "print(answer.top(3))" if config.task == "classification" else "print(answer.select(0.4, 0.5).counts())"
    return "\n".join([*(line.format(loader) for line in lines), shown])
