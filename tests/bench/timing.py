"""Whole processes, timed by the operating system's own account of them."""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Timed:
    """One finished process: wall and processor seconds, peak memory in MB, what it wrote to stdout."""

    wall: float
    cpu: float
    peak_mb: float
    out: str

    @property
    def data(self) -> Any:
        return json.loads(self.out)


def timed(command: Sequence[str], folder: Path, **environment: str) -> Timed:
    """Run a command to its end. Raises RuntimeError when it fails."""
    out, err = folder / ".bench.out", folder / ".bench.err"
    with out.open("wb") as stdout, err.open("wb") as stderr:
        began = time.perf_counter()
        pid = os.posix_spawn(
            command[0],
            list(command),
            {**os.environ, "PYTHONPATH": str(ROOT), **environment},
            file_actions=[(os.POSIX_SPAWN_DUP2, stdout.fileno(), 1), (os.POSIX_SPAWN_DUP2, stderr.fileno(), 2)],
        )
        _, status, usage = os.wait4(pid, 0)
        wall = time.perf_counter() - began
    if status:
        raise RuntimeError(f"{' '.join(command)[:200]}\n{err.read_text()[-2000:]}")
    return Timed(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, out.read_text())


def medallion(project: Path, *args: str) -> list[str]:
    return [sys.executable, "-m", "engine.cli.app", "--project", str(project), *args]


def script(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


def row(label: str, seconds: float, *notes: str) -> None:
    print(f"{label:<58} {seconds:>8.2f} s  {'  '.join(notes)}".rstrip(), flush=True)
