"""Writes engine/quality/expectations.json from the installed Great Expectations: what `medallion check` knows of it.

python -m tests.gate.catalogue          # rewrites the file
"""

from __future__ import annotations

import datetime as dt
import json
import types
import typing
from pathlib import Path
from typing import Any

import sqlalchemy as sa

CATALOGUE = Path(__file__).parents[2] / "engine" / "quality" / "expectations.json"

COMMON = {
    "id",
    "meta",
    "notes",
    "result_format",
    "catch_exceptions",
    "rendered_content",
    "windows",
    "batch_id",
    "severity",
    "description",
    "library_metadata",
}
COLUMN_KWARGS = ("column", "column_A", "column_B", "column_list", "column_set")
"""Keyword arguments whose values are names of columns."""

NOT_HERE = {
    "regex": "SQL Server 2019 has no regular expressions; use expect_column_values_to_match_like_pattern",
    "outliers": "no warehouse here can compute it; use expect_column_value_z_scores_to_be_less_than",
    "python": "Great Expectations cannot compute it in SQL; use unexpected_rows_expectation",
    "types": "columns have the types that pipelines.yaml declares, and each warehouse has its own names for them",
    "comparison": "it needs a second Great Expectations data source; use unexpected_rows_expectation",
}


def build() -> dict[str, Any]:
    """The catalogue of the installed version."""
    import great_expectations

    from engine.quality import gx

    engine = gx.StagingEngine(sa.create_engine("sqlite://"))
    from great_expectations.expectations.registry import list_registered_expectation_implementations

    names = sorted(list_registered_expectation_implementations())
    return {
        "great_expectations": ".".join(great_expectations.__version__.split(".")[:2]),
        "expectations": {name: _describe(name, gx.get_expectation_impl(name), engine) for name in names},
    }


def _describe(name: str, expectation: Any, engine: Any) -> dict[str, Any]:
    kwargs = {k: _kwarg(f) for k, f in expectation.__fields__.items() if k not in COMMON}
    map_metric = getattr(expectation, "map_metric", None)
    out: dict[str, Any] = {"rows": _rows(name, map_metric), "kwargs": kwargs}
    if columns := [k for k in COLUMN_KWARGS if k in kwargs]:
        out["columns"] = columns
    if reason := _unavailable(name, map_metric, expectation, engine):
        out["unavailable"] = reason
    return out


def _rows(name: str, map_metric: str | None) -> bool:
    """Whether it judges rows one by one, so that the failing ones can be told from the others."""
    return name == "unexpected_rows_expectation" or (bool(map_metric) and "_type" not in name)


def _unavailable(name: str, map_metric: str | None, expectation: Any, engine: Any) -> str:
    from engine.quality import gx

    if "regex" in name:
        return NOT_HERE["regex"]
    if "_type" in name:
        return NOT_HERE["types"]
    if "outliers" in name:
        return NOT_HERE["outliers"]
    if name == "expect_query_results_to_match_comparison":
        return NOT_HERE["comparison"]
    if any(word in name for word in ("_ks_test_", "chisquare", "cramers", "kl_divergence")):
        return NOT_HERE["python"]
    metrics = [f"{map_metric}.condition"] if map_metric and _rows(name, map_metric) else expectation.metric_dependencies
    return "" if all(gx.has_provider(metric, engine) for metric in metrics) else NOT_HERE["python"]


def _kwarg(field: Any) -> dict[str, Any]:
    kinds, choices, limits = _kinds(field.outer_type_)
    out: dict[str, Any] = {"kinds": sorted(kinds)}
    if choices:
        out["choices"] = sorted(choices)
    if limits:
        out |= limits
    if field.required:
        out["required"] = True
    return out


def _kinds(annotation: Any) -> tuple[set[str], set[str], dict[str, float]]:
    origin = typing.get_origin(annotation)
    if origin in (typing.Union, types.UnionType, typing.Annotated):
        members = typing.get_args(annotation)[: 1 if origin is typing.Annotated else None]
        kinds: set[str] = set()
        choices: set[str] = set()
        limits: dict[str, float] = {}
        for member in members:
            # A mapping beside other kinds is Great Expectations' {"$PARAMETER": …}; variables do that here.
            if (member is dict and len(members) > 1) or member is type(None):
                continue
            more, some, bounds = _kinds(member)
            kinds, choices, limits = kinds | more, choices | some, limits | bounds
        return kinds, choices, limits
    if origin is typing.Literal:
        return {"choice"}, {str(a) for a in typing.get_args(annotation)}, {}
    if isinstance(origin or annotation, type):
        cls = origin or annotation
        if cls is bool:
            return {"boolean"}, set(), {}
        if issubclass(cls, (list, set, tuple)) or cls.__name__ == "Sequence":
            return {"list"}, set(), {}
        if issubclass(cls, str):
            return {"text"}, set(), {}
        if issubclass(cls, (int, float)):
            bounds = {
                w: float(getattr(cls, a))
                for w, a in (("least", "ge"), ("most", "le"))
                if getattr(cls, a, None) is not None
            }
            return {"integer" if issubclass(cls, int) else "number"}, set(), bounds
        if issubclass(cls, dt.date):
            return {"date"}, set(), {}
    return {"mapping"}, set(), {}


def text() -> str:
    """The file's text: one line for each expectation, so that a new version's differences can be read."""
    built = build()
    lines = [f"    {json.dumps(name)}: {json.dumps(spec)}" for name, spec in built["expectations"].items()]
    return (
        f'{{\n  "great_expectations": {json.dumps(built["great_expectations"])},\n  "expectations": {{\n'
        + ",\n".join(lines)
        + "\n  }\n}\n"
    )


if __name__ == "__main__":
    CATALOGUE.write_text(text(), encoding="utf-8")
