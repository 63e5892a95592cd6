"""Commands of this package in processes of their own, which neither a closed browser nor a dead server ends.

process = start_apart(["-m", "vision_core", "resume", "runs/a"], Path("runs/a/log.txt"))
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from vision_core.settings import REPOSITORY, settings
from vision_core.training.peers import lone_environment


def start_apart(arguments: Sequence[str], log: Path, keep_log: bool = True) -> subprocess.Popen[bytes]:
    """Starts this Python with those arguments in a session of its own, and returns at once.

    Args:
        log: file that its words go to; `keep_log`: behind those of earlier processes.

    Raises:
        OSError: it cannot be started, or the log cannot be written.
    """
    paths = [str(REPOSITORY), *filter(None, [os.environ.get("PYTHONPATH")])]
    own = {"WHATWHERE_HOME": str(settings().home), "PYTHONPATH": os.pathsep.join(paths)}
    with open(log, "ab" if keep_log else "wb") as words:
        process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=REPOSITORY,
            env=lone_environment() | own,
            stdin=subprocess.DEVNULL,
            stdout=words,
            stderr=words,
            start_new_session=True,
            creationflags=getattr(subprocess, "DETACHED_PROCESS", 0),
        )
    threading.Thread(target=process.wait, name="reaper", daemon=True).start()  # the ended child must not stay a zombie
    return process
