"""The one door to Great Expectations: its expectations and metrics, computed by its SQL engine on one staging table.

Importing this module takes more than a second; import it inside functions, or through ``engine.quality.gate.preload``.

What is used of Great Expectations is its registry, its expectations, its metric providers and its SqlAlchemy execution
engine. Its context, data sources and checkpoints are not: they keep configuration that this engine has in its own YAML,
and write it out again for every table that is judged.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from engine.core.errors import LOST, WarehouseError, sqlstate
from engine.core.lazy import deferred_imports
from engine.quality.gxtext import as_compared, like, stripped, without_blanks
from engine.warehouses.dialect import dialect_of

os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
# What goes wrong becomes a verdict with its words; the log would say it again, with a stack, in the middle of a
# terminal that shows progress.
logging.getLogger("great_expectations").addHandler(logging.NullHandler())

# Charts and distribution tests are the only users of these two, and half of the import time.
with deferred_imports("altair", "scipy.stats"):
    import great_expectations  # noqa: F401  (registers expectations and metrics)
    from great_expectations.core.expectation_validation_result import ExpectationValidationResult
    from great_expectations.core.metric_domain_types import MetricDomainTypes
    from great_expectations.exceptions.exceptions import MetricProviderError, MetricResolutionError
    from great_expectations.execution_engine.sqlalchemy_batch_data import SqlAlchemyBatchData
    from great_expectations.execution_engine.sqlalchemy_execution_engine import SqlAlchemyExecutionEngine
    from great_expectations.expectations.expectation import Expectation
    from great_expectations.expectations.metrics.map_metric_provider.column_condition_partial import (
        column_condition_partial,
    )
    from great_expectations.expectations.metrics.map_metric_provider.column_map_metric_provider import (
        ColumnMapMetricProvider,
    )
    from great_expectations.expectations.metrics.metric_provider import metric_value
    from great_expectations.expectations.metrics.query_metric_provider import QueryMetricProvider
    from great_expectations.expectations.registry import get_expectation_impl, get_metric_provider
    from great_expectations.util import convert_to_json_serializable
    from great_expectations.validator.metric_configuration import MetricConfiguration
    from great_expectations.validator.metric_configuration import MetricConfigurationID as MetricId
    from great_expectations.validator.validation_graph import ValidationGraph
    from great_expectations.validator.validator import ValidationDependencies

__all__ = ["Expectation", "ExpectationValidationResult", "Graph", "StagingEngine", "get_expectation_impl", "stripped"]

BATCH_ID = "staging"
COLUMN_TYPES = "table.column_types"


class _KnownColumns:
    """An inspector that answers from the columns the engine made the table with: reflecting them takes longer than
    most suites."""

    def __init__(self, dialect: sa.Dialect, columns: Sequence[tuple[str, Any]]) -> None:
        self.dialect = dialect
        self._columns = [{"name": name, "type": type_, "nullable": True, "default": None} for name, type_ in columns]

    def get_pk_constraint(self, table_name: str, schema: str | None = None) -> dict[str, Any]:
        return {"constrained_columns": [], "name": None}

    def get_columns(self, table_name: str, schema: str | None = None) -> list[dict[str, Any]]:
        return self._columns


class StagingEngine(SqlAlchemyExecutionEngine):
    """Great Expectations' SQL engine on one staging table at a time, over one connection for all its questions."""

    def __init__(self, engine: sa.Engine) -> None:
        super().__init__(engine=engine, create_temp_table=False)
        self._held: sa.Connection | None = None
        self._known: _KnownColumns | None = None
        self._texts: frozenset[str] = frozenset()

    @contextmanager
    def table(
        self, schema: str, name: str, columns: Sequence[tuple[str, Any]] | None, texts: Collection[str] = ()
    ) -> Iterator[None]:
        """Look at ``schema.name`` within the block. Without ``columns`` they are reflected; ``texts`` are the columns
        whose values may end in blanks."""
        self._texts = frozenset(t.lower() for t in texts) if dialect_of(self.engine.dialect.name).blanks_count else frozenset()
        self._inspector = None
        self._known = None if columns is None else _KnownColumns(self.engine.dialect, columns)
        data = SqlAlchemyBatchData(execution_engine=self, schema_name=schema, table_name=name, create_temp_table=False)
        self.load_batch_data(BATCH_ID, data)
        with self.engine.connect() as connection:
            self._held = connection
            try:
                yield
            finally:
                self._held = None
                self._known = None

    def get_inspector(self) -> Any:
        return self._known or super().get_inspector()

    @contextmanager
    def get_connection(self) -> Iterator[sa.Connection]:
        assert self._held is not None, "a question outside of table()"
        yield self._held

    def execute_query(self, query: Any) -> Any:
        return super().execute_query(as_compared(query, self._texts) if self._texts else query)

    def key(self, table: str, column: str) -> Any:
        """A column of the table that is judged, by its full name, as something to compare with."""
        q = self.engine.dialect.identifier_preparer.quote
        name: Any = sa.literal_column(f"{q(table)}.{q(column)}")
        return without_blanks(name) if column.lower() in self._texts else name

    def recover(self) -> None:
        """After a statement that failed: the transaction it poisoned must not fail the next one."""
        if self._held is not None:
            self._held.rollback()

    def where(self, domain_kwargs: Mapping[str, Any]) -> Any:
        """The row condition and the rows to ignore, as one SQL condition; None when all rows count."""
        selectable = self.get_domain_records(domain_kwargs=dict(domain_kwargs))
        clauses = []
        while isinstance(selectable, sa.Select | sa.Subquery | sa.Alias):
            if isinstance(selectable, sa.Select):
                if selectable.whereclause is not None:
                    clauses.append(selectable.whereclause)
                selectable = selectable.get_final_froms()[0]
            else:
                selectable = selectable.element
        return sa.and_(*clauses) if clauses else None

    def sql(self, clause: Any) -> str:
        """The clause as text in the warehouse's dialect, values written out."""
        clause = as_compared(clause, self._texts) if self._texts else clause
        return str(clause.compile(dialect=self.engine.dialect, compile_kwargs={"literal_binds": True}))


class Graph:
    """The metrics that expectations depend on, resolved by the execution engine in as few statements as it allows.

    Great Expectations bundles aggregates that become ready in the same round. Here aggregates wait until nothing else
    can be computed, so that a suite's aggregates share one statement; and a metric that fails takes down only what
    depends on it, at once instead of after three attempts.
    """

    def __init__(self, engine: StagingEngine) -> None:
        self._engine = engine
        self._defaults = ValidationGraph(execution_engine=engine)
        self._known: dict[MetricId, MetricConfiguration] = {}

    def add(self, metric: MetricConfiguration, runtime: dict[str, Any]) -> MetricConfiguration:
        """The metric with everything it depends on; equal metrics are looked up once."""
        known = self._known.get(metric.id)
        if known is not None:
            return known
        provider, _ = self._defaults.set_metric_configuration_default_kwargs_if_absent(metric)
        dependencies = provider.get_evaluation_dependencies(
            metric=metric, execution_engine=self._engine, runtime_configuration=runtime
        )
        metric.metric_dependencies = {name: self.add(needed, runtime) for name, needed in dependencies.items()}
        self._known[metric.id] = metric
        return metric

    def resolve(
        self,
        wanted: Iterable[MetricConfiguration],
        values: dict[MetricId, Any],
        failures: dict[MetricId, str],
        runtime: dict[str, Any],
    ) -> None:
        """Compute ``wanted`` into ``values``; what cannot be computed is in ``failures`` with the reason."""
        waiting: dict[MetricId, MetricConfiguration] = {}
        for metric in wanted:
            self._collect(metric, waiting, values, failures)
        while waiting:
            ready = [m for m in waiting.values() if all(d.id in values for d in m.metric_dependencies.values())]
            if not ready:
                break
            direct = [m for m in ready if "metric_partial_fn" not in m.metric_dependencies]
            # One at a time: what one statement fails with must not lose the results of the others.
            for batch in [[m] for m in direct] or [ready]:
                self._compute(batch, values, failures, runtime)
                for metric in batch:
                    del waiting[metric.id]
        for metric in waiting.values():
            failures[metric.id] = self._cause(metric, failures)

    def find(self, metric: MetricConfiguration, name: str) -> MetricConfiguration | None:
        """The metric called ``name`` that ``metric`` is or depends on."""
        if metric.metric_name == name:
            return metric
        return next((f for d in metric.metric_dependencies.values() if (f := self.find(d, name)) is not None), None)

    def _collect(
        self,
        metric: MetricConfiguration,
        waiting: dict[MetricId, MetricConfiguration],
        values: Mapping[MetricId, Any],
        failures: Mapping[MetricId, str],
    ) -> None:
        if metric.id in values or metric.id in failures or metric.id in waiting:
            return
        waiting[metric.id] = metric
        for needed in metric.metric_dependencies.values():
            self._collect(needed, waiting, values, failures)

    def _compute(
        self,
        batch: list[MetricConfiguration],
        values: dict[MetricId, Any],
        failures: dict[MetricId, str],
        runtime: dict[str, Any],
    ) -> None:
        try:
            values.update(
                self._engine.resolve_metrics(metrics_to_resolve=batch, metrics=values, runtime_configuration=runtime)
            )
        except Exception as error:
            self._engine.recover()
            if _lost(error):
                # Not the data's fault: the same gate may well pass when it is tried again.
                raise WarehouseError(f"the connection was lost while judging: {first_words(error)}") from None
            if len(batch) > 1:
                for metric in batch:
                    self._compute([metric], values, failures, runtime)
                return
            cause = error.__cause__ if isinstance(error, MetricResolutionError) and error.__cause__ else error
            failures[batch[0].id] = first_words(cause)

    def _cause(self, metric: MetricConfiguration, failures: Mapping[MetricId, str]) -> str:
        for needed in metric.metric_dependencies.values():
            if needed.id in failures:
                return failures[needed.id]
        for needed in metric.metric_dependencies.values():
            if words := self._cause(needed, failures):
                return words
        return ""


def _lost(error: BaseException | None) -> bool:
    """Whether an error, or one it came from, is a driver's word for a connection that is gone."""
    while error is not None:
        if sqlstate(error).startswith(LOST):
            return True
        error = error.__cause__ or error.__context__
    return False


def first_words(error: BaseException) -> str:
    """What an exception says, without the driver's name and without the statement it repeats."""
    original = getattr(error, "orig", None) or error
    text = str(original).strip() or type(error).__name__
    text = re.split(r"\n+(?:LINE \d|\[SQL:|Candidate functions:|\s*Candidate )|\. You might need to add", text)[0]
    text = re.sub(r"^\((?:_?duckdb|pyodbc)[\w.]*\)\s*", "", text)
    text = re.sub(r"^(?:Error|\w+ Error): ", "", text)
    text = re.sub(r'The column "(.+)" in BatchData does not exist\.', r"the table has no column \1", text)
    return " ".join(text.split())


def dependencies_of(expectation: Expectation, engine: StagingEngine, runtime: dict[str, Any]) -> ValidationDependencies:
    """The metrics a verdict is made of, by name."""
    return expectation.get_validation_dependencies(execution_engine=engine, runtime_configuration=runtime)


def verdict_of(
    expectation: Expectation, metrics: dict[str, Any], engine: StagingEngine, result_format: dict[str, Any]
) -> tuple[bool, dict[str, Any]]:
    """Let the expectation judge its metrics: whether it holds, and its result in plain JSON data."""
    judged = expectation._validate(
        metrics=metrics, runtime_configuration={"result_format": result_format}, execution_engine=engine
    )
    result = judged.result if isinstance(judged, ExpectationValidationResult) else judged.get("result")
    success = judged.success if isinstance(judged, ExpectationValidationResult) else judged["success"]
    return bool(success), convert_to_json_serializable(dict(result or {}))


def has_provider(metric_name: str, engine: SqlAlchemyExecutionEngine) -> bool:
    """Whether Great Expectations can compute the metric in SQL at all."""
    try:
        get_metric_provider(metric_name, engine)
    except MetricProviderError:
        return False
    return True


class _QueryRows(QueryMetricProvider):
    """Counts the rows of a query that may begin with WITH, which T-SQL does not take inside FROM ( … )."""

    metric_name = "unexpected_rows_query.row_count"
    value_keys = ("unexpected_rows_query",)
    query_param_name = "unexpected_rows_query"

    @metric_value(engine=StagingEngine)
    def _staging(cls, execution_engine: Any, metric_domain_kwargs: Any, metric_value_kwargs: Any, **_: Any) -> int:
        table, *_others = execution_engine.get_compute_domain(metric_domain_kwargs, domain_type=MetricDomainTypes.TABLE)
        query = cls._get_substituted_batch_subquery_from_query_and_batch_selectable(  # type: ignore[attr-defined]
            query=cls._get_query_from_metric_value_kwargs(metric_value_kwargs),  # type: ignore[attr-defined]
            batch_selectable=table,
            execution_engine=execution_engine,
        )
        counted = dialect_of(execution_engine.engine.dialect.name).counted(query)
        return int(execution_engine.execute_query(sa.text(counted)).fetchone()[0])


# Great Expectations has no LIKE for DuckDB, and on SQL Server one that counts by nvarchar and selects by varchar. A
# metric provider for one's own execution engine is its documented way to put another in its place.


class _Like(ColumnMapMetricProvider):
    condition_metric_name = "column_values.match_like_pattern"
    condition_value_keys = ("like_pattern", "escape")

    @column_condition_partial(engine=StagingEngine)
    def _staging(cls, column: Any, like_pattern: str, _dialect: Any, escape: str | None = None, **_: Any) -> Any:
        return like(column, like_pattern, escape, _dialect)


class _NotLike(ColumnMapMetricProvider):
    condition_metric_name = "column_values.not_match_like_pattern"
    condition_value_keys = ("like_pattern", "escape")

    @column_condition_partial(engine=StagingEngine)
    def _staging(cls, column: Any, like_pattern: str, _dialect: Any, escape: str | None = None, **_: Any) -> Any:
        return sa.not_(like(column, like_pattern, escape, _dialect))


class _LikeList(ColumnMapMetricProvider):
    condition_metric_name = "column_values.match_like_pattern_list"
    condition_value_keys = ("like_pattern_list", "match_on", "escape")

    @column_condition_partial(engine=StagingEngine)
    def _staging(
        cls,
        column: Any,
        like_pattern_list: list[str],
        _dialect: Any,
        match_on: str | None = None,
        escape: str | None = None,
        **_: Any,
    ) -> Any:
        matches = [like(column, pattern, escape, _dialect) for pattern in like_pattern_list]
        return sa.and_(*matches) if match_on == "all" else sa.or_(*matches)


class _NotLikeList(ColumnMapMetricProvider):
    condition_metric_name = "column_values.not_match_like_pattern_list"
    condition_value_keys = ("like_pattern_list", "escape")

    @column_condition_partial(engine=StagingEngine)
    def _staging(
        cls, column: Any, like_pattern_list: list[str], _dialect: Any, escape: str | None = None, **_: Any
    ) -> Any:
        return sa.and_(*(sa.not_(like(column, pattern, escape, _dialect)) for pattern in like_pattern_list))
