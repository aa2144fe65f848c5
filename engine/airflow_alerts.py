"""Telling people: by e-mail, Slack or PagerDuty, through Airflow's own providers and connections."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


class Alerts:
    """The alerts that a pipeline declares, as callbacks."""

    def __init__(self, project: str, pipeline: str, spec: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
        self.project, self.pipeline, self.spec = project, pipeline, spec

    def critical(self, context: Any) -> None:
        """A task failed for good."""

    def warning(self, context: Any, messages: Sequence[str]) -> None:
        """A table was published with a warning."""

    def deadline(self, limit: str) -> Any:
        """The callback for a deadline that is missed."""
