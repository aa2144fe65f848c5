"""Shows what is wrong with the project as this file's import error, so that the DAGs that are right stay in Airflow."""

from pathlib import Path

from engine.airflow import raise_problems

raise_problems(Path(__file__).resolve().parent.parent)
