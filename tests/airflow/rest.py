"""Airflow's REST API, as far as the tests ask it."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass
class Rest:
    """The API of one Airflow, as its administrator."""

    address: str
    token: str = ""

    def __post_init__(self) -> None:
        self.token = self.call("GET", "/auth/token")["access_token"]

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """The answer as data. Raises urllib.error.HTTPError for any other than success."""
        _, text = self.raw(method, path, body)
        return json.loads(text) if text else None

    def raw(self, method: str, path: str, body: Any = None) -> tuple[int, str]:
        """Status and text of an answer."""
        request = urllib.request.Request(self.address + path, method=method)
        request.add_header("Accept", "application/json")
        if self.token:
            request.add_header("Authorization", f"Bearer {self.token}")
        data = None
        if body is not None:
            request.add_header("Content-Type", "application/json")
            data = json.dumps(body).encode()
        with urllib.request.urlopen(request, data, timeout=30) as answer:
            return answer.status, answer.read().decode()

    def trigger(self, dag: str, conf: Any = None, logical_date: str | None = None) -> str:
        """Start a run; its id."""
        body = {"logical_date": logical_date, "conf": conf or {}}
        return str(self.call("POST", f"/api/v2/dags/{dag}/dagRuns", body)["dag_run_id"])

    def ended(self, dag: str, run: str) -> str:
        """The state of a run when it is over."""
        return str(self.until(lambda: self._over(dag, run), f"run {run} of {dag} to end"))

    def _over(self, dag: str, run: str) -> str:
        state = self.call("GET", f"/api/v2/dags/{dag}/dagRuns/{run}")["state"]
        return str(state) if state in ("success", "failed") else ""

    def states(self, dag: str, run: str) -> dict[str, str]:
        found = self.call("GET", f"/api/v2/dags/{dag}/dagRuns/{run}/taskInstances?limit=1000")["task_instances"]
        return {task["task_id"]: task["state"] for task in found}

    def log(self, dag: str, run: str, task: str, attempt: int = 1) -> str:
        return self.raw("GET", f"/api/v2/dags/{dag}/dagRuns/{run}/taskInstances/{task}/logs/{attempt}")[1]

    @staticmethod
    def until(found: Callable[[], Any], what: str, seconds: float = 240) -> Any:
        """What ``found`` gives as soon as it gives anything."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                if got := found():
                    return got
            except urllib.error.HTTPError as error:
                if error.code not in (404, 409):
                    raise
            time.sleep(0.5)
        raise AssertionError(f"waited {seconds:.0f} s for {what}")
