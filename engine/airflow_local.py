"""``make airflow``: Airflow on this machine for the project in this folder, until Ctrl-C.

The four services are started one by one, because ``airflow standalone`` leaves some of them running when it is
stopped, and opens ports for logs on every address of the machine. These listen on 127.0.0.1 only.
"""

from __future__ import annotations

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
from typing import IO

SERVICES: dict[str, Sequence[str]] = {
    "api-server": ("api-server", "--host", "127.0.0.1", "--workers", "1"),
    "scheduler": ("scheduler", "--skip-serve-logs"),
    "dag-processor": ("dag-processor",),
    "triggerer": ("triggerer", "--skip-serve-logs"),
}
SECONDS_TO_START = 120
SECONDS_TO_STOP = 15


def environment(root: Path, home: Path, port: int) -> dict[str, str]:
    """What Airflow is told for one project on one machine; what the caller's environment says comes first."""
    address = f"http://127.0.0.1:{port}"
    chosen = {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__API__BASE_URL": address,
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__SECRET_KEY": secrets.token_hex(24),
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(24),
        "AIRFLOW__CORE__AUTH_MANAGER": "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(root / "dags"),
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{address}/execution/",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__PARALLELISM": "4",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "5",
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "5",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home / 'airflow.db'}",
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(home / "logs"),
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        "GX_ANALYTICS_ENABLED": "false",
        "MEDALLION_PROJECT": str(root),
    }
    return {**chosen, **os.environ}


class Local:
    """The running services, each the leader of a process group of its own."""

    def __init__(self, root: Path, home: Path, port: int) -> None:
        self.root, self.home, self.port = root, home, port
        self.environment = environment(root, home, port)
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self._logs: list[IO[bytes]] = []

    def start(self) -> None:
        """Set up and start; returns when the API answers. Raises SystemExit with what is wrong."""
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", self.port))
            except OSError:
                raise SystemExit(f"port {self.port} is taken; choose another: AIRFLOW_PORT=8081 make airflow") from None
        self.home.mkdir(parents=True, exist_ok=True)
        _say("setting up Airflow's database")
        self._airflow("db", "migrate")
        self._airflow("pools", "set", "warehouse", "1", "Tables that are built at the same time: a file takes one")
        _say("starting " + ", ".join(SERVICES))
        for name, command in SERVICES.items():
            log = (self.home / f"{name}.log").open("wb")
            self._logs.append(log)
            self.running[name] = subprocess.Popen(
                [sys.executable, "-m", "airflow", *command],
                cwd=self.root, env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip
        self._wait_for_the_api()

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
        self._signal(signal.SIGTERM)
        until = time.monotonic() + SECONDS_TO_STOP
        while time.monotonic() < until and any(_alive(p.pid) for p in self.running.values()):
            for process in self.running.values():
                process.poll()
            time.sleep(0.1)
        self._signal(signal.SIGKILL)
        for process in self.running.values():
            process.wait()
        for log in self._logs:
            log.close()
        self.running.clear()

    def _signal(self, number: signal.Signals) -> None:
        for process in self.running.values():
            if _alive(process.pid):
                os.killpg(process.pid, number)


def _alive(group: int) -> bool:
    """Whether a process of this group is left, its leader or not."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def _say(message: str) -> None:
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
