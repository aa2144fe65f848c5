"""Staging becomes the published table on SQL Server: what has to be made first, then one transaction."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import groupby

from engine.core.errors import WarehouseError
from engine.core.tables import NOTHING_BROUGHT, UNCHANGED, Arrived, Brought, Change, TableShape, counted_as
from engine.state.ledger import LOADS, after
from engine.tsql.templates import ident, literal
from engine.warehouses.protocol import LedgerRows
from engine.warehouses.sqlserver import catalog
from engine.warehouses.sqlserver import statements as sql
from engine.warehouses.sqlserver.connect import ServerError, retrying
from engine.warehouses.sqlserver.design.keep import Physical
from engine.warehouses.sqlserver.session import Session
from engine.warehouses.sqlserver.shape import (
    STAGING,
    Capabilities,
    lock_name,
    published_columns,
    qualified,
    quarantine_shape,
    staging_name,
)


class Publication:
    """One load on its way from staging to its published table."""

    def __init__(
        self,
        session: Session,
        server: Capabilities,
        shape: TableShape,
        load_id: str,
        brought: Brought = NOTHING_BROUGHT,
        *,
        select: str = "",
        change: Change = UNCHANGED,
    ) -> None:
        self.session, self.shape, self.load_id = session, shape, load_id
        self.brought, self.select, self.change = brought, select, change
        self.tried = False
        self.table = qualified(shape.schema, shape.name)
        self.standing = catalog.standing(session.rows, shape, load_id)
        self.physical = Physical(session, server, shape)
        self.server = self._server(server)
        self.as_of = self._from_now_on()

    def _from_now_on(self) -> dt.datetime:
        """The moment from which this load's versions hold: now, but after every moment in the table's history."""
        latest = None
        if self.shape.strategy.versions and {"valid_from", "valid_to"} <= {name for name, *_ in self.standing.columns}:
            found = self.session.rows(
                f"SELECT MAX([valid_from]) AS [begun], MAX([valid_to]) AS [ended] FROM {self.table}"
            )
            latest = max((m for m in found[0].values() if m is not None), default=None)
        return after(latest)

    def _server(self, server: Capabilities) -> Capabilities:
        """What the server can do with this table: what others have hung on it forbids some of it."""
        if not self.shape.strategy.exchanges or not server.switch:
            return server
        switch = self.physical.switchable(new=not self._fits)
        if self.standing.kind != "U":
            return replace(server, switch=switch)
        found = self.session.rows(catalog.hindrances(self.table))
        facts = {r["fact"] for r in found if not self.physical.made(r["fact"], r["name"])}
        bound = bool(facts & {"foreign key", "schema-bound view"})
        return replace(server, switch=switch and not facts, truncate=server.truncate and not bound)

    @property
    def _fits(self) -> bool:
        return self.standing.fits(self.shape, self.physical.server) and self.physical.placed

    @property
    def _made_anew(self) -> bool:
        """Whether the transaction drops what stands there."""
        if self.standing.kind == "U" and (self.change.anew or self.change.carries):
            return True
        if self.shape.strategy.is_view or not self.standing.kind:
            return self.standing.kind == "U"
        return self.standing.kind == "V" or (not self.shape.strategy.keeps and not self._fits)

    def publish(self, ledger: Callable[[Arrived], LedgerRows]) -> None:
        """Publish; ``ledger`` gets what was counted. Raises WarehouseError; nothing has changed then."""
        self._make()
        self._place()
        if self.shape.strategy.stored and (seal := self._seal()):
            self.session.run(seal)
        opening = sql.publish(
            self.shape, self.load_id, "", self.server, brought=self.brought, select=self.select, as_of=self.as_of,
            held=self.standing.held, anew=self.change.anew, commit=False,
        )  # fmt: skip
        retrying(lambda: self._transaction(opening, ledger), before_retry=self._look_again)

    def _look_again(self, _: ServerError) -> None:
        self.standing = catalog.standing(self.session.rows, self.shape, self.load_id)
        self.physical.look()

    def _make(self) -> None:
        """Make what is not there yet; what is there stays as it is until the transaction."""
        session = self.session
        if self.shape.alias and self.standing.alias is None:
            schema = self.shape.alias.partition(".")[0]
            session.run(sql.create_schemas([schema])[0])
        if not self.standing.quarantined:
            session.run(sql.create_table(quarantine_shape(self.shape), self.server))
        if self.shape.strategy.stored:
            self.physical.make_place()
        if not self.standing.kind and self.shape.strategy.stored:
            session.run(sql.create_table(self.shape, self.server))
            self.standing = self.standing.as_declared(self.shape, self.server)
            self.physical.is_new()

    def _place(self) -> None:
        """What the table's physical design asks for, as far as it can be done before the transaction."""
        keeps = self.shape.strategy.keeps and not self.change.anew
        if self.shape.strategy.is_view or self.standing.kind == "V":
            return
        if keeps and not self.physical.placed:
            self.physical.move()
            self.physical.look()
        self.physical.slide(qualified(STAGING, staging_name(self.shape, self.load_id)), keeps=keeps)
        if self._fits and not self._made_anew:
            self.physical.reconcile()

    def _seal(self) -> str:
        # A sealed staging table cannot be sealed again, and does not have to be.
        return sql.seal(self.shape, self.load_id, self.server)

    def _transaction(self, opening: str, ledger: Callable[[Arrived], LedgerRows]) -> None:
        session = self.session
        if self.tried and self._published_already():
            return
        self.tried = True
        try:
            with session.undoing():
                whole, again = self._made_anew, self._given()
                gone = self._gone()
                for statement in self._reshaping():
                    session.run(statement)
                names, rows = session.run(opening)
                arrived = Arrived(**{name: int(n) for name, n in zip(names, rows[0], strict=True)})
                if gone:
                    arrived = replace(arrived, before=gone, removed=gone)
                if self.shape.alias and self._alias_differs():
                    session.run(sql.alias_view(self.shape, self.server))
                if closing := self.physical.closing(whole=whole, again=again):
                    session.run(closing)
                session.run(
                    "SET NOCOUNT ON;\n" + ledger_text(ledger(arrived)) + "\nWHILE @@TRANCOUNT > 0 COMMIT TRANSACTION;"
                )
        except ServerError as error:
            if error.number == 1222 or "lock timeout" in str(error).casefold():
                raise ServerError(f"{error}{self._blockers()}", error.number) from None
            raise

    def _gone(self) -> int:
        """The rows of a table that keeps rows and is dropped, to be built anew."""
        if not (self.change.anew and self.standing.kind == "U" and self.shape.strategy.keeps):
            return 0
        return int(self.session.scalar(sql.count(self.shape.schema, self.shape.name)))

    def _published_already(self) -> bool:
        """Whether this load is published: the answer to a commit may be all that was lost."""
        found = self.session.rows(
            f"SELECT [load_id] FROM {qualified(LOADS.schema, LOADS.name)}"
            " WHERE [table_name] = ? AND [load_id] = ? AND [state] = N'published'",
            (self.shape.full_name, self.load_id),
        )
        return bool(found)

    # -- what has to change about the table itself -------------------------------------------------------------------

    def _reshaping(self) -> Iterator[str]:
        """Statements that make what stands there the declared table, within the transaction. Batches of their own: a
        batch that reads a column is refused before the statement in it that adds the column."""
        shape, standing = self.shape, self.standing
        released = self.physical.opening(whole=self._made_anew)
        grows = standing.kind == "U" and shape.strategy.keeps and not standing.fits(shape, self.server)
        new = standing.new_columns(shape, self.change) if grows and not self.change.anew else []
        carried = [name for name, *_ in standing.columns] if self.change.carries and standing.kind == "U" else []
        if not (released or new or self._made_anew):
            return
        yield _BEGIN.format(resource=literal(lock_name(shape.full_name)))
        yield from released
        if not self._made_anew:
            for column in new:
                yield f"ALTER TABLE {self.table} ADD {ident(column.name)} {column.type} NULL;"
            if new:
                yield from self.physical.missing()
            return
        given = [r["statement"] for r in self.session.rows(catalog.granted(self.table))]
        aside, back = sql.carry_over(shape, self.load_id, carried, self.change)
        if carried:
            yield aside
        if standing.alias is not None:
            yield f"DROP VIEW {qualified(*shape.alias.split('.', 1))};"
        yield f"DROP {'VIEW' if standing.kind == 'V' else 'TABLE'} {self.table};"
        if shape.strategy.stored:
            yield sql.create_table(shape, self.server, guarded=False)
            if carried:
                yield back
            yield from (*self.physical.created(), *given)

    def _given(self) -> list[str]:
        """The permissions that are lost with the views that the transaction makes anew."""
        if not self._made_anew:
            return []
        table = self.session.rows(catalog.granted(self.table)) if self.shape.strategy.is_view else []
        return [*(str(r["statement"]) for r in table), *self.physical.alias_grants()]

    def _alias_differs(self) -> bool:
        wanted = tuple(c.name for c in published_columns(self.shape))
        return self._made_anew or not self._fits or self.standing.alias != wanted

    def _blockers(self) -> str:
        """Who keeps the table locked, as far as this login may see."""
        with suppress(WarehouseError):
            found = self.session.run(catalog.blockers(self.table))[1]
            return (
                "; it is locked by " + ", ".join(f"session {i} ({u}, {h}, {p})" for i, u, h, p in found)
                if found
                else ""
            )
        return "; who holds the lock takes VIEW SERVER STATE to see"


def exchange(
    session: Session, shape: TableShape, statements: Sequence[str], ledger: Callable[[Arrived], LedgerRows]
) -> None:
    """One transaction: statements that change single rows of a published table, and its ledger rows."""
    name = f'"{shape.schema}"."{shape.name}"'
    with session.undoing():
        session.run(
            "SET XACT_ABORT ON; SET NOCOUNT ON;\n" + _BEGIN.format(resource=literal(lock_name(shape.full_name)))
        )
        counted = {"before": int(session.scalar(sql.count(shape.schema, shape.name))), "inserted": 0, "removed": 0}
        for statement in statements:
            if what := counted_as(statement, name):
                counted[what] += int(session.scalar(f"{statement};\nSELECT ROWCOUNT_BIG() AS [rows];"))
            else:
                session.run(statement)
        total = int(session.scalar(sql.count(shape.schema, shape.name)))
        session.run("SET NOCOUNT ON;\n" + ledger_text(ledger(Arrived(total, **counted))) + "\nCOMMIT TRANSACTION;")


_BEGIN = """\
BEGIN TRANSACTION;
DECLARE @lock int;
EXEC @lock = sys.sp_getapplock @Resource = {resource}, @LockMode = N'Exclusive', @LockOwner = N'Transaction',
    @LockTimeout = 60000;
IF @lock < 0 THROW 50001, N'another load is publishing this table', 1;"""


def ledger_text(rows: LedgerRows) -> str:
    """The statements that write ledger rows."""
    groups = groupby(rows, key=lambda pair: pair[0])
    return "\n".join(catalog.ledger_write(shape, [row for _, row in group]) for shape, group in groups)
