"""Short trials in a process of their own: a server, a notebook or a run keeps its memory, threads and settings.

    python -m vision_core.training.aside estimate      reads a configuration as JSON, answers with lines of JSON

The process ends when its work is done, when whoever waits for it raises, and when that process dies.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from vision_core.errors import TrainingError, VisionError
from vision_core.settings import REPOSITORY
from vision_core.training.config import TrainConfig
from vision_core.training.peers import lone_environment
from vision_core.training.task_data import Stage


def ask(what: str, config: TrainConfig, progress: Stage | None = None) -> dict[str, Any]:
    """The answer of a trial ("estimate" or "finder") as plain values.

    Args:
        progress: called with what is being done and how much of it; what it raises ends the trial.

    Raises:
        TrainingError: the configuration cannot be trained (its own sentence), or the process ended unasked.
    """
    command = [sys.executable, "-m", "vision_core.training.aside", what]
    environment = lone_environment() | {"PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        command,
        cwd=os.getcwd(),
        env=environment | {"PYTHONPATH": os.pathsep.join(filter(None, [str(REPOSITORY), os.getenv("PYTHONPATH")]))},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        if process.stdin is None or process.stdout is None:
            raise TrainingError("The trial's process has no streams.")
        process.stdin.write(json.dumps(config.to_json()) + "\n")
        process.stdin.flush()
        for line in process.stdout:
            said = json.loads(line)
            if "result" in said:
                return said["result"]
            if "error" in said:
                raise TrainingError(said["error"])
            if progress:
                progress(*said["progress"])
        raise TrainingError(f"The trial ended unasked (exit status {process.wait()}): there may be too little memory.")
    finally:
        process.kill()
        with suppress(OSError, ValueError):
            process.communicate()


def _answer(what: str) -> dict[str, Any]:
    """Does what is asked, in this process."""
    from vision_core.training.estimate import measure
    from vision_core.training.finder import search

    trials: dict[str, Callable[..., Any]] = {"estimate": measure, "finder": search}
    config = TrainConfig.from_json(json.loads(sys.stdin.readline()))
    threading.Thread(target=_end_with_input, daemon=True).start()
    return asdict(trials[what](config, lambda stage, done, total: _say({"progress": [stage, done, total]})))


def _end_with_input() -> None:
    """Whoever asked is gone: nobody will read the answer."""
    sys.stdin.read()
    os._exit(1)


def _say(line: dict[str, Any]) -> None:
    _OUT.write(json.dumps(line) + "\n")
    _OUT.flush()


def main(what: str) -> None:
    """Answers on standard output, where libraries' own words do not belong."""
    sys.stdout = sys.stderr
    try:
        _say({"result": _answer(what)})
    except VisionError as error:
        _say({"error": str(error)})


_OUT = sys.stdout
if __name__ == "__main__":
    main(sys.argv[1])
