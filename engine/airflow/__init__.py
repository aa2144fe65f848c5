"""Airflow: the DAGs of a project, their tasks, alerts and lineage, and a local Airflow to try them."""

from typing import Any


def __getattr__(name: str) -> Any:
    # A DAG file says "from engine.airflow import dags"; what else lives here is imported without the factory.
    if name in ("dags", "raise_problems"):
        from engine.airflow import factory

        return getattr(factory, name)
    raise AttributeError(name)
