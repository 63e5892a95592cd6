"""The report as work in the background, see `vision_core.background`: plain values in, plain values out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from vision_core.report.build import write_report
from vision_core.report.subject import Stage
from vision_core.settings import ensure_folder, settings


def report(arguments: Mapping[str, Any], progress: Stage) -> dict[str, Any]:
    """Writes a report into the workspace, in the place of an older one of the same.

    Args:
        arguments: `targets`, the folders that it is about.

    Returns:
        `file`, its size in `bytes`, and `made_at`.
    """
    targets = [str(target) for target in arguments["targets"]]
    name = hashlib.sha256(json.dumps(targets).encode()).hexdigest()[:12]
    file = write_report(targets, ensure_folder(settings().home / "reports") / f"{name}.html", progress)
    made_at = datetime.now(timezone.utc).isoformat(timespec="seconds")
    return {"file": str(file), "bytes": file.stat().st_size, "made_at": made_at}
