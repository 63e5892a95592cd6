"""Show the code of a run: Python lines, or a notebook, that train the same thing and use it.

Whatever a user typed enters the code through `repr` only, so that a hostile name stays a string.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from vision_core.errors import VisionError
from vision_core.models.catalogue import get_spec
from vision_core.notebooks.writer import Step, script, write
from vision_core.run_folder import CONFIG, RunFolder
from vision_core.training.config import PRESETS, TrainConfig, make_config, usual_changes

INTRO = (
    "The same run as on the Train page, here in this process. Run it where `vision_core` and this workspace are: the "
    "run then stands on the Train page too. Results are the same to the bit with the same seed and number of threads."
)
_FIRST = ("data", "task", "model", "preset")


def python_code(config: TrainConfig) -> str:
    """The lines as one Python script."""
    return script(_steps(config))


def notebook(config: TrainConfig) -> bytes:
    """The same lines as a Jupyter notebook (nbformat 4), one step a cell, each under a line of text."""
    return write("Train a model", INTRO, _steps(config))


def as_trained(run: RunFolder) -> TrainConfig:
    """A run's configuration, with the number of threads that it had: what the same figures take on any machine.

    Raises:
        DataError, SettingsError: it cannot be read.
    """
    threads = run.read(CONFIG).get("environment", {}).get("threads")
    config = run.config()
    return config if config.threads or not isinstance(threads, int) else config.changed(threads=threads)


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


def _steps(config: TrainConfig) -> list[Step]:
    """The titles hold nothing that a user wrote."""
    search = Step("How fast to learn", "The rate is chosen where the loss falls fastest.", _search())
    return [
        Step("What to learn, and how", "Only what differs from the preset is named.", _configuration(config)),
        *([search] if config.learning_rate is None else []),
        Step("Train", "It stands on the Train page while it learns.", _training()),
        Step("Epoch by epoch", "Validation loss that rises while training loss falls means overfitting.", _curves()),
        Step("What came of it", "A photo it was never meant for: look how sure it is all the same.", _using(config)),
    ]


def _configuration(config: TrainConfig) -> str:
    maker = "make_config" if config.preset in PRESETS else "TrainConfig"
    named = {name: getattr(config, name) for name in _FIRST} | changes(config)
    lines = [f"    {name}={value!r}," for name, value in named.items() if name != "preset" or maker == "make_config"]
    return "\n".join(
        [
            f"from vision_core.training.config import {maker}",
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
            "from vision_core.run_folder import create_run",
            "from vision_core.training.jobs import execute",
            "",
            "run = create_run(config)",
            "result = execute(run)  # stopped and run again, the cell begins another; execute(run) alone goes on",
            'print(result["state"], result["split"], result["images"], "pictures")',
        ]
    )


def _curves() -> str:
    return "\n".join(
        [
            "import pandas as pd",
            "",
            "epochs = [{'epoch': one['epoch'], 'training loss': one['train']['loss'],"
            " 'validation loss': one['val']['loss'], **one['metrics']} for one in run.history()]",
            "figures = {name: value for name, value in result.items() if isinstance(value, float)}",
            "print(figures)",
            "pd.DataFrame(epochs).set_index('epoch')",
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
