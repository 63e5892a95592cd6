"""A plan as the command line that does the same.

>>> command_line(DuelPlan(data="Fashion Shelf", question="count"), "shelf-duel")
"python -m vision_core duel --data 'Fashion Shelf' --question count --out shelf-duel"
"""

from __future__ import annotations

import shlex
from dataclasses import fields
from typing import Any

from vision_core.duel.plan import DuelPlan


def command_line(plan: DuelPlan, out: str) -> str:
    """For a POSIX shell; what is as usual is left out."""
    usual = {one.name: one.default for one in fields(DuelPlan)}
    words = ["python", "-m", "vision_core", "duel"]
    for name, usually in usual.items():
        value = getattr(plan, name)
        if value != usually:
            words += [f"--{name.replace('_', '-')}", _said(value)]
    return shlex.join([*words, "--out", out])


def _said(value: Any) -> str:
    if isinstance(value, tuple):
        return ",".join(map(_said, value))
    return f"{value:g}" if isinstance(value, float) else str(value)
