"""``make airflow``: Airflow on this machine for the project in this folder, until Ctrl-C.

The four services are started one by one, because ``airflow standalone`` leaves some of them running when it is
stopped, and opens ports for logs on every address of the machine. These listen on 127.0.0.1 only.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import IO, Any

import psutil

SERVICES: dict[str, Sequence[str]] = {
    "api-server": ("api-server", "--host", "127.0.0.1", "--workers", "1"),
    "scheduler": ("scheduler", "--skip-serve-logs"),
    "dag-processor": ("dag-processor",),
    "triggerer": ("triggerer", "--skip-serve-logs"),
}
SECONDS_TO_START = 120
SECONDS_TO_STOP = 15


def environment(root: Path, home: Path, port: int) -> dict[str, str]:
    """What Airflow is told for one project on one machine. Where it lives and who can reach it is settled here: an
    environment made for another Airflow must not bring its database, folders or executor along."""
    address = f"http://127.0.0.1:{port}"
    settled = {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__API__BASE_URL": address,
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__SECRET_KEY": secrets.token_hex(24),
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(24),
        "AIRFLOW__CORE__AUTH_MANAGER": "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager",
        "AIRFLOW__CORE__DAGS_FOLDER": str(root / "dags"),
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{address}/execution/",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home / 'airflow.db'}",
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(home / "logs"),
        "MEDALLION_PROJECT": str(root),
    }
    suggested = {
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__PARALLELISM": "4",
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "5",
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "5",
        "AIRFLOW__DAG_PROCESSOR__STALE_DAG_THRESHOLD": "10",
        "AIRFLOW__SCHEDULER__PARSING_CLEANUP_INTERVAL": "10",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        "GX_ANALYTICS_ENABLED": "false",
    }
    return {**suggested, **os.environ, **settled}


class Local:
    """The running services, each the leader of a session of its own. Airflow gives every task a process group of its
    own, so a service's group is not all of it; its session is."""

    def __init__(self, root: Path, home: Path, port: int) -> None:
        self.root, self.home, self.port = root, home, port
        self.environment = environment(root, home, port)
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self._open: list[IO[Any]] = []

    def start(self) -> None:
        """Set up and start; returns when the API answers. Raises SystemExit with what is wrong."""
        self.home.mkdir(parents=True, exist_ok=True)
        lock = self._lock()
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", self.port))
            except OSError:
                raise SystemExit(f"port {self.port} is taken; choose another: AIRFLOW_PORT=8081 make airflow") from None
        _say("setting up Airflow's database")
        self._airflow("db", "migrate")
        self._airflow("pools", "set", "warehouse", "1", "Tables that are built at the same time: a file takes one")
        _say("starting " + ", ".join(SERVICES))
        for name, command in SERVICES.items():
            log = (self.home / f"{name}.log").open("wb")
            self._open.append(log)
            self.running[name] = subprocess.Popen(
                [sys.executable, "-m", "airflow", *command],
                cwd=self.root, env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True, pass_fds=[lock],
            )  # fmt: skip
        self._wait_for_the_api()

    def _lock(self) -> int:
        """Lock the home, because two schedulers on one database run every task twice. Returns the lock's descriptor:
        the services get it too, so that it is held as long as one of them lives, whatever becomes of this process."""
        path = self.home / "lock"
        lock = path.open("a+")
        self._open.append(lock)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise SystemExit(
                f"this project's Airflow is running already, at {lock.read().strip()}; "
                f"to end what is left of it: kill {' '.join(_holders(path))}"
            ) from None
        lock.truncate(0)
        lock.write(f"http://127.0.0.1:{self.port}")
        lock.flush()
        return lock.fileno()

    def _airflow(self, *command: str) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "airflow", *command],
            cwd=self.root,
            env=self.environment,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise SystemExit(f"airflow {' '.join(command)} failed:\n{done.stderr[-2000:]}")

    def _wait_for_the_api(self) -> None:
        until = time.monotonic() + SECONDS_TO_START
        while time.monotonic() < until:
            self.check()
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/v2/version", timeout=2):
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.5)
        raise SystemExit(f"Airflow did not answer within {SECONDS_TO_START} s; see {self.home}/*.log")

    def check(self) -> None:
        """Raise SystemExit when a service has ended."""
        for name, process in self.running.items():
            if process.poll() is not None:
                raise SystemExit(f"the {name} ended with code {process.returncode}; see {self.home / name}.log")

    def stop(self) -> None:
        """End every process of every service."""
        sessions = {process.pid for process in self.running.values()}
        left = _of_sessions(sessions)
        for process in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.terminate()
        psutil.wait_procs(left, SECONDS_TO_STOP)
        while left := _of_sessions(sessions):
            for process in left:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
            psutil.wait_procs(left, SECONDS_TO_STOP)
        for service in self.running.values():
            service.wait()
        for file in self._open:
            file.close()
        self.running.clear()


def _of_sessions(sessions: set[int]) -> list[psutil.Process]:
    """The living processes of sessions."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError, PermissionError):
            if os.getsid(process.pid) in sessions and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def _holders(lock: Path) -> list[str]:
    """The ids of the processes that have the lock file open, this one aside."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.pid != os.getpid() and str(lock) in [file.path for file in process.open_files()]:
                found.append(str(process.pid))
    return found


def _say(message: str) -> None:
    with contextlib.suppress(OSError):  # the terminal may be gone, and the services have to end all the same
        print(message, file=sys.stderr, flush=True)


def main(settings: Mapping[str, str] = os.environ) -> None:
    """Run until Ctrl-C, SIGTERM, or the end of the terminal."""
    root = Path.cwd()
    local = Local(root, root / "data" / "airflow", int(settings.get("AIRFLOW_PORT") or 8080))

    def leave(*_: int | FrameType | None) -> None:
        raise SystemExit(0)

    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, leave)
    try:
        local.start()
        _say(
            f"\nAirflow is at http://127.0.0.1:{local.port}: trigger `ingest`, and `silver_to_gold` follows. Ctrl-C stops it."
        )
        while True:
            local.check()
            time.sleep(1)
    finally:
        # A second Ctrl-C must not leave half of them running.
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        if local.running:
            _say("stopping Airflow")
        local.stop()


if __name__ == "__main__":
    main()
