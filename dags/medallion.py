"""The pipelines of pipelines.yaml as Airflow DAGs. What each is made of: engine/airflow/factory.py."""

from pathlib import Path

from engine.airflow import dags

globals().update(dags(Path(__file__).resolve().parent.parent))
