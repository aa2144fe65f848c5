"""The gate: Great Expectations judges a staging table inside the warehouse, and says which rows fail.

Rows stay where they are. A verdict carries the SQL condition of its failing rows, so that they can be moved to
quarantine by one statement, however many they are.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from engine.core.verdict import Verdict
from engine.quality import verdicts
from engine.quality.rowquery import NotRowWise, RowQuery, check_row_wise
from engine.quality.suites import QUERY_KWARG, Expectation, Suite
from engine.quality.verdicts import SAMPLE
from engine.warehouses.dialect import dialect_of

if TYPE_CHECKING:
    import sqlalchemy as sa

    from engine.core.sqltypes import Column
    from engine.quality import gx

__all__ = ["Gate", "Verdict", "preload"]

RESULT_FORMAT = {"result_format": "BASIC", "partial_unexpected_count": 10, "include_unexpected_rows": False}
_KEPT_PLANS = 4096
_SETS = ("value_set", "value_pairs_set")
"""Arguments that Great Expectations compares with what a statement found, where blanks at the end do not count."""


def preload() -> threading.Thread:
    """Import Great Expectations in a background thread, which takes more than a second, while others load data.

    Whoever needs it first waits for the same import; an error shows there.
    """

    def load() -> None:
        try:
            from engine.quality import gx  # noqa: F401
        except Exception:
            return

    thread = threading.Thread(target=load, name="great-expectations", daemon=True)
    thread.start()
    return thread


@dataclass
class _Plan:
    """One expectation, made ready: what it needs to know. Equal expectations of other tables share it."""

    subject: gx.Expectation
    result_format: dict[str, Any]
    first: dict[str, Any]
    """metrics by name that are needed in any case"""
    later: dict[str, Any]
    """metrics by name that only list what is wrong, computed when something is"""


@dataclass
class _Case:
    """One expectation on its way to a verdict."""

    expectation: Expectation
    plan: _Plan | None = None
    query: RowQuery | None = None
    error: str = ""


@dataclass
class _Staging:
    """The table that is judged, and the metrics known of it."""

    schema: str
    table: str
    key: Sequence[str]
    values: dict[Any, Any] = field(default_factory=dict)
    failures: dict[Any, str] = field(default_factory=dict)


class Gate:
    """Judges staging tables of one warehouse, one after the other, whatever the threads that ask."""

    def __init__(self, engine: sa.Engine) -> None:
        from engine.quality import gx

        self._engine = engine
        self._gx = gx.StagingEngine(engine)
        self._graph = gx.Graph(self._gx)
        self._plans: dict[str, _Plan] = {}
        self._dialect = dialect_of(engine.dialect.name)
        self._preparer = engine.dialect.identifier_preparer
        self._lock = threading.Lock()

    def close(self) -> None:
        """Give the warehouse's connections back; the gate judges nothing more."""
        self._gx.close()
        self._engine.dispose()

    def judge(
        self,
        schema: str,
        table: str,
        suite: Suite,
        *,
        columns: Sequence[Column],
        key: Sequence[str] = (),
        transpile: Callable[[str], str] = lambda tsql: tsql,
    ) -> list[Verdict]:
        """One verdict for each expectation of ``suite``, in its order, about ``schema.table`` (plain names).

        ``columns`` are the table's; ``key`` names failing rows that have nothing else to show. ``transpile`` turns the
        T-SQL of a row query, in which ``engine.quality.suites.BATCH`` stands for the table, into the warehouse's dialect.
        An expectation that cannot be judged, for whatever reason, is a failed critical verdict with the reason.
        """
        at = _Staging(schema, table, key)
        texts = [c.name for c in columns if c.type.family == "string" and c.padded]
        with self._lock, self._gx.table(schema, table, _described(columns), texts):
            cases = [self._case(e, transpile) for e in suite.expectations]
            self._measure(cases, at)
            return [self._verdict(case, at) for case in cases]

    def prepare(self, suite: Suite, *, transpile: Callable[[str], str] = lambda tsql: tsql) -> None:
        """Do what judging by ``suite`` needs and no data: half of the work for a small table, while others are loaded.
        What is wrong is left to ``judge`` to say."""
        for e in suite.expectations:
            with self._lock:
                self._case(e, transpile)

    def _case(self, e: Expectation, transpile: Callable[[str], str]) -> _Case:
        from engine.quality import gx

        case = _Case(e)
        try:
            kwargs = {n: gx.stripped(v) if n in _SETS else v for n, v in e.kwargs.items()}
            if e.query:
                case.query = RowQuery(transpile(e.bindable_query), self._dialect)
                kwargs[QUERY_KWARG] = case.query.template
            case.plan = self._planned(e.type, kwargs)
        except Exception as error:
            case.error = gx.first_words(error)
        return case

    def _planned(self, type_: str, kwargs: dict[str, Any]) -> _Plan:
        from engine.quality import gx

        name = json.dumps([type_, kwargs], sort_keys=True, default=str)
        if name in self._plans:
            return self._plans[name]
        subject = gx.get_expectation_impl(type_)(**kwargs)
        runtime = {"result_format": dict(RESULT_FORMAT)}
        needs = gx.dependencies_of(subject, self._gx, runtime)
        result_format = needs.result_format
        if QUERY_KWARG in kwargs:
            # Great Expectations keeps failing rows of a query only in its most talkative format.
            result_format = {**result_format, "result_format": "COMPLETE"}
        metrics = {n: self._graph.add(m, runtime) for n, m in needs.metric_configurations.items()}
        plan = _Plan(
            subject,
            result_format,
            first={n: m for n, m in metrics.items() if _counted_by(n, metrics) is None},
            later={n: m for n, m in metrics.items() if _counted_by(n, metrics) is not None},
        )
        if len(self._plans) >= _KEPT_PLANS:
            self._plans.clear()
        self._plans[name] = plan
        return plan

    def _measure(self, cases: Sequence[_Case], at: _Staging) -> None:
        runtime = {"result_format": dict(RESULT_FORMAT)}
        plans = [case.plan for case in cases if case.plan is not None]
        self._graph.resolve((m for p in plans for m in p.first.values()), at.values, at.failures, runtime)
        wanted = []
        for plan in plans:
            for name, metric in plan.later.items():
                count = plan.first[_counted_by(name, plan.first) or ""].id
                if at.values.get(count):
                    wanted.append(metric)
                elif count in at.values:
                    at.values[metric.id] = []
        self._graph.resolve(wanted, at.values, at.failures, runtime)

    def _verdict(self, case: _Case, at: _Staging) -> Verdict:
        from engine.quality import gx

        plan = case.plan
        if plan is None:
            return _broken(case, case.error)
        metrics = plan.first | plan.later
        missing = [m for m in metrics.values() if m.id not in at.values]
        if missing:
            words = next((at.failures[m.id] for m in missing if m.id in at.failures), "it gave no result")
            return _broken(case, words)
        found = {name: at.values[metric.id] for name, metric in metrics.items()}
        try:
            success, outcome = gx.verdict_of(plan.subject, found, self._gx, plan.result_format)
            return self._judged(case, success, outcome, found, at)
        except Exception as error:
            self._gx.recover()
            return _broken(case, gx.first_words(error))

    def _judged(
        self, case: _Case, success: bool, outcome: dict[str, Any], found: Mapping[str, Any], at: _Staging
    ) -> Verdict:
        e = case.expectation
        unexpected, total = _counts(case, outcome, found)
        observed = _observed(outcome)
        verdict = Verdict(
            e.id, e.type, ", ".join(e.columns), e.severity, e.quarantine, success, unexpected, total,
            f"{unexpected:,}" if unexpected is not None else observed, "", detail=_detail(e, success, outcome),
        )  # fmt: skip
        if unexpected:
            condition = self._condition(case, at)
            rows = (
                case.query.sql(at.schema, at.table)
                if case.query
                else f"SELECT * FROM {self._name(at)} WHERE {condition}"
            )
            verdict = replace(verdict, condition=condition, rows_sql=rows)
        if success and unexpected:
            said = self._said(case, verdict, found, at)
            return replace(
                said, reason="", message=f"{said.message}; within the tolerance (mostly: {e.kwargs['mostly']})"
            )
        if success:
            return replace(verdict, message=verdicts.held(e, total, observed))
        return self._said(case, verdict, found, at)

    def _said(self, case: _Case, verdict: Verdict, found: Mapping[str, Any], at: _Staging) -> Verdict:
        """The failed verdict with its sentence and sample; rows to quarantine are counted once more."""
        e = case.expectation
        if verdict.unexpected is None:
            if e.type == "expect_table_columns_to_match_set":
                return replace(verdict, message=verdicts.column_set(e, found["table.columns"]))
            return replace(verdict, message=verdicts.failed_whole(e, verdict.observed))
        total = verdict.total
        if case.query is not None and verdict.condition:
            total = self._count(at)
        if verdict.quarantine:
            moved = self._count(at, verdict.condition)
            if moved != verdict.unexpected:
                raise ValueError(
                    f"{verdict.unexpected:,} rows fail, but {moved:,} meet the condition that would move them"
                )
        sample = _sample(e, found, at.key) or self._keys(at, verdict.condition, e.columns)
        message = verdicts.failed_values(e, verdict.unexpected, total, sample)
        return replace(verdict, total=total, message=message, reason=verdicts.reason(e), sample=sample)

    def _condition(self, case: _Case, at: _Staging) -> str:
        """The failing rows as a condition over the table; empty for a query that does not judge row by row."""
        e = case.expectation
        if case.query is not None:
            try:
                return case.query.condition(check_row_wise(e.query), at.table)
            except NotRowWise:
                if e.quarantine:
                    raise
                return ""
        condition, compute, accessor = self._unexpected_condition(case, at)
        return self._row_condition(condition, self._gx.where({**compute, **accessor}), e.columns, at.table)

    def _unexpected_condition(self, case: _Case, at: _Staging) -> tuple[Any, dict[str, Any], dict[str, Any]]:
        """The condition by which Great Expectations counted, and the rows it counted among."""
        assert case.plan is not None
        name = f"{getattr(case.plan.subject, 'map_metric', '')}.condition"
        for metric in case.plan.first.values():
            if (found := self._graph.find(metric, name)) is not None:
                condition: tuple[Any, dict[str, Any], dict[str, Any]] = at.values[found.id]
                return condition
        raise ValueError("Great Expectations gives no condition for its failing rows")

    def _row_condition(self, condition: Any, where: Any, columns: Sequence[str], table: str) -> str:
        import sqlalchemy as sa

        # Uniqueness is counted over a derived table: a row fails when its values are among those counted twice.
        counted = [f for f in condition._from_objects if isinstance(f, sa.Subquery)]
        if counted:
            repeated = sa.select(*(counted[0].c[c] for c in columns)).where(condition).subquery("repeated")
            same = (repeated.c[c] == self._gx.key(table, c) for c in columns)
            condition = sa.exists(sa.select(sa.literal_column("1")).select_from(repeated).where(*same))
        return self._gx.sql(sa.and_(*(c for c in (where, condition) if c is not None)))

    def _name(self, at: _Staging) -> str:
        return f"{self._preparer.quote(at.schema)}.{self._preparer.quote(at.table)}"

    def _count(self, at: _Staging, condition: str = "") -> int:
        where = f" WHERE {condition}" if condition else ""
        return int(self._rows(f"SELECT COUNT(*) FROM {self._name(at)}{where}")[0][0])

    def _keys(self, at: _Staging, condition: str, judged: Sequence[str]) -> tuple[str, ...]:
        """The keys of some failing rows, for failures whose values show nothing."""
        key = [k for k in at.key if k not in judged]
        if not key or not condition:
            return ()
        names = ", ".join(self._preparer.quote(k) for k in key)
        top, limit = self._dialect.first(SAMPLE)
        rows = self._rows(f"SELECT {top}{names} FROM {self._name(at)} WHERE {condition} ORDER BY {names}{limit}")
        return _key_sample(key, rows)

    def _rows(self, sql: str) -> list[Any]:
        with self._gx.get_connection() as connection:
            return list(connection.exec_driver_sql(sql))


def _broken(case: _Case, words: str) -> Verdict:
    e = case.expectation
    detail = _detail(replace(e, severity="critical"), False, {}) | {
        "exception_info": {"raised_exception": True, "exception_message": words, "exception_traceback": ""}
    }
    message = verdicts.broken(e, words)
    return Verdict(e.id, e.type, ", ".join(e.columns), "critical", False, False, None, None, "", message, detail=detail)


def _detail(e: Expectation, success: bool, outcome: dict[str, Any]) -> dict[str, Any]:
    """The verdict as Great Expectations would write it, the expectation as the suite has it."""
    config = {"type": e.type, "kwargs": dict(e.kwargs), "meta": {}, "severity": e.severity}
    if e.description:
        config["description"] = e.description
    nothing_raised = {"raised_exception": False, "exception_message": None, "exception_traceback": None}
    return {
        "success": success, "expectation_config": config, "result": outcome, "exception_info": nothing_raised, "meta": {},
    }  # fmt: skip


def _counted_by(name: str, metrics: Mapping[str, Any]) -> str | None:
    """The metric that counts what the metric ``name`` lists, None when it lists nothing."""
    for listing, counting in ((".unexpected_values", ".unexpected_count"), ("_query.table", "_query.row_count")):
        counter = name.removesuffix(listing) + counting
        if name.endswith(listing) and counter in metrics:
            return counter
    return None


def _described(columns: Sequence[Column]) -> list[tuple[str, Any]] | None:
    import sqlalchemy as sa

    kinds: dict[str, Any] = {
        "integer": sa.BigInteger, "decimal": sa.Numeric, "float": sa.Float, "date": sa.Date, "datetime": sa.DateTime,
        "time": sa.Time, "bit": sa.Boolean, "binary": sa.LargeBinary,
    }  # fmt: skip
    return [(c.name, kinds.get(c.type.family, sa.String)()) for c in columns] or None


def _counts(case: _Case, outcome: Mapping[str, Any], found: Mapping[str, Any]) -> tuple[int | None, int | None]:
    """Failing values and all values; missing values count only where they are what is judged."""
    if case.query is not None:
        return int(found["unexpected_rows_query.row_count"]), None
    if outcome.get("unexpected_count") is None or "element_count" not in outcome:
        return None, None
    total = int(outcome.get("element_count") or 0)
    if not case.expectation.type.endswith("_null"):
        total -= int(outcome.get("missing_count") or 0)
    return int(outcome["unexpected_count"]), total


def _key_sample(key: Sequence[str], rows: Sequence[Sequence[Any]]) -> tuple[str, ...]:
    """Keys as a sentence goes on with them: "user_id 'U1'", "'U2'", "'U3'"; of several columns "a 1, b 2" each."""
    words = [", ".join(f"{n} {verdicts.shown(v)}" for n, v in zip(key, row, strict=True)) for row in rows]
    if len(key) == 1:
        words[1:] = [verdicts.shown(row[0]) for row in rows[1:]]
    return tuple(words)


def _observed(outcome: Mapping[str, Any]) -> str:
    for name in ("observed_value", "partial_unexpected_list", "partial_missing_list"):
        if outcome.get(name) not in (None, []):
            return verdicts.shown(outcome[name])
    return ""


def _sample(e: Expectation, found: Mapping[str, Any], key: Sequence[str]) -> tuple[str, ...]:
    values = next((v for name, v in found.items() if name.endswith((".unexpected_values", "_query.table"))), None) or []
    if e.query:
        # A row is told by its key; a query that computes something shows what it computed.
        if key and values and all(k in values[0] for k in key):
            return _key_sample(key, [[row[k] for k in key] for row in values[:SAMPLE]])
        values = [{k: row[k] for k in list(row)[:4]} for row in values]
    elif "column_A" in e.kwargs:
        values = [dict(zip(e.columns, pair, strict=True)) for pair in values]
    distinct = dict.fromkeys(verdicts.shown(v) for v in values if v is not None)
    return tuple(distinct)[:SAMPLE]
