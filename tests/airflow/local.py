"""``make airflow`` for the tests: started in a terminal of its own, as its user does."""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import socket
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import duckdb
import psutil

from tests.airflow.home import make_home
from tests.airflow.rest import Rest
from tests.project_files import ROOT
from tests.targets import ask_file

COMMAND = [sys.executable, "-m", "engine.airflow.local"]


@dataclass
class Airflow:
    """A running Airflow. ``terminal`` is the other end of its terminal; ``sessions`` are those of it and its services."""

    project: Path
    process: subprocess.Popen[bytes]
    rest: Rest
    terminal: int
    sessions: frozenset[int]

    @property
    def port(self) -> int:
        return int(self.rest.address.rpartition(":")[2])

    def ask(self, sql: str) -> list[tuple[object, ...]]:
        """What the embedded warehouse holds, as soon as no task has it open."""
        end = time.monotonic() + 60
        while True:
            try:
                return ask_file(self.project / "data/warehouse.duckdb", sql)
            except duckdb.IOException:
                assert time.monotonic() < end
                time.sleep(0.2)

    def close_the_terminal(self) -> None:
        os.close(self.terminal)
        self.terminal = -1

    def processes(self) -> list[psutil.Process]:
        """Every process that works for this Airflow: by its session, or, should it have left that, by its environment
        (some have written their title over theirs)."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error, OSError):
                mine = os.getsid(process.pid) in self.sessions
                if (mine or self._named(process)) and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
        return [p for p in found if p.pid != os.getpid()]

    def _named(self, process: psutil.Process) -> bool:
        with suppress(psutil.Error):
            return process.environ().get("MEDALLION_PROJECT") == str(self.project)
        return False


def listening(processes: Sequence[psutil.Process]) -> set[tuple[str, int]]:
    """The addresses that processes can be reached at."""
    found = set()
    for process in processes:
        with suppress(psutil.Error):
            found |= {tuple(c.laddr) for c in process.net_connections() if c.status == psutil.CONN_LISTEN}
    return found


def another(folder: Path, port: int) -> subprocess.CompletedProcess[str]:
    """The same command once more, in ``folder`` and at ``port``."""
    return subprocess.run(COMMAND, cwd=folder, env=_environment(port), capture_output=True, text=True, timeout=120)


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextmanager
def local_airflow(project: Path, migrated: Path | None, dags: int, **environment: str) -> Iterator[Airflow]:
    """Airflow on ``project``, ready when it has read so many DAGs."""
    make_home(project / "data" / "airflow", project, migrated)
    port = free_port()
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        COMMAND, cwd=project, env=_environment(port, **environment), stdin=theirs, stdout=theirs, stderr=theirs,
        start_new_session=True, preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )  # fmt: skip
    os.close(theirs)
    os.set_blocking(ours, False)
    said = b""

    def ready() -> bool:
        nonlocal said
        with suppress(OSError):
            said += os.read(ours, 10_000)
        return b"Airflow is at" in said or process.poll() is not None

    airflow = None
    try:
        Rest.until(ready, "Airflow to start", 150)
        assert process.poll() is None, said.decode()
        rest = Rest(f"http://127.0.0.1:{port}")
        services = [child.pid for child in psutil.Process(process.pid).children()]
        airflow = Airflow(project, process, rest, ours, frozenset([process.pid, *services]))
        Rest.until(lambda: len(rest.call("GET", "/api/v2/dags")["dags"]) == dags, "the DAGs to be read", 120)
        yield airflow
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.wait(60)
        if airflow is None or airflow.terminal >= 0:
            os.close(ours)


def _environment(port: int, **more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "AIRFLOW_PORT": str(port), **more}
