"""The allocator setting does what it is for: freed memory is used again instead of being asked of the kernel."""

from __future__ import annotations

import json
import platform
import subprocess
import sys

import pytest

from vision_core import allocator

_PROGRAM = """
import json, resource
from vision_core.allocator import tune_allocator
import torch

def faults_of_ten_tensors():
    for _ in range(20):                                      # until the heap has its final shape
        torch.ones(16 << 20)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        torch.ones(16 << 20)                                 # 64 MiB, freed at once
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

untuned = faults_of_ten_tensors()
answers = [tune_allocator(), tune_allocator()]
print(json.dumps({"untuned": untuned, "tuned": faults_of_ten_tensors(), "answers": answers}))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the setting exists in glibc only")
def test_freed_memory_is_kept() -> None:
    run = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, text=True, timeout=120, check=True)
    result = json.loads(run.stdout)
    assert result["answers"] == [True, True]
    assert result["tuned"] < result["untuned"] / 10


@pytest.mark.parametrize("system", ["darwin", "win32"])
def test_other_systems_are_left_alone(system: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", system)
    assert allocator.tune_allocator.__wrapped__() is False


def test_a_linux_without_glibc_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    class Musl:
        """A C library without glibc's own symbols: any look-up fails as ctypes' does."""

        def __getattr__(self, name: str) -> object:
            raise AttributeError(f"symbol not found: {name}")

    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(allocator.ctypes, "CDLL", lambda name: Musl())
    assert allocator.tune_allocator.__wrapped__() is False
