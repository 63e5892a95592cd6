"""How the states of a run, a measurement or a duel look: icon, colour and word."""

from __future__ import annotations

ACTIVE = ("queued", "running")


def states(queued: str, running: str, icon: str = ":material/play_circle:") -> dict[str, tuple[str, str, str]]:
    """Of something that is called so while it waits and while it is at work."""
    return {
        "queued": (":material/hourglass_empty:", "gray", queued),
        "running": (icon, "blue", running),
        "finished": (":material/check_circle:", "green", "finished"),
        "failed": (":material/error:", "red", "failed"),
        "cancelled": (":material/stop_circle:", "orange", "stopped"),
        "interrupted": (":material/power_off:", "orange", "interrupted"),
    }
