"""Streamlit's own command line with a clock around each script run; writes one JSON line a run to `$RUNS_LOG`.

`wall_ms` is what a visitor waits for the server; `cpu_ms` is what the script's own thread computed meanwhile.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

from streamlit.runtime.scriptrunner.script_runner import ScriptRunner
from streamlit.runtime.scriptrunner_utils.script_requests import RerunData
from streamlit.web.cli import main

LOG = "RUNS_LOG"


def put_clock(log: Path) -> None:
    """Wraps the one method through which every page run and fragment run goes."""
    original = ScriptRunner._run_script

    def timed(self: ScriptRunner, rerun_data: RerunData) -> None:
        wall, cpu = time.perf_counter(), time.thread_time()
        original(self, rerun_data)
        row = {
            "wall_ms": (time.perf_counter() - wall) * 1000,
            "cpu_ms": (time.thread_time() - cpu) * 1000,
            "is_fragment": bool(rerun_data.fragment_id_queue),
        }
        with log.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")

    ScriptRunner._run_script = timed


if __name__ == "__main__":
    put_clock(Path(os.environ[LOG]))
    sys.exit(main(prog_name="streamlit"))
