"""The physical design of one table kept on a server: around a publish, or by itself when nothing is published."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from engine.core.design import NO_DESIGN
from engine.core.layers import SERVING
from engine.core.tables import TableShape
from engine.warehouses.sqlserver.catalog import granted
from engine.warehouses.sqlserver.design import partitions as parts
from engine.warehouses.sqlserver.design import statements as design
from engine.warehouses.sqlserver.design.catalog import boundaries, designed, existing
from engine.warehouses.sqlserver.session import Session
from engine.warehouses.sqlserver.shape import Capabilities, primary_key, qualified, short_name

ANALYST = "data_analyst"


class Physical:
    """What a table declares about how it is kept, against what it has. Raises ServerError."""

    def __init__(self, session: Session, server: Capabilities, shape: TableShape) -> None:
        self.session, self.server, self.shape = session, server, shape
        self.table = qualified(shape.schema, shape.name)
        if session.designed is None:
            session.designed = designed(session.rows, server)
        if self._plain:
            there = design.described(shape)
            self.existing = replace(design.as_made(shape, server), descriptions={"": there} if there else {})
        else:
            self.look()

    @property
    def _plain(self) -> bool:
        """Whether there is nothing to compare: most tables declare nothing and have nothing, and are not asked for."""
        if self.shape.design != NO_DESIGN or (self.shape.alias and self.shape.schema == SERVING):
            return False
        return (self.session.designed or {}).get(self.table, "") == design.described(self.shape)

    def look(self) -> None:
        self.existing = existing(self.session.rows, self.shape, self.server)

    # -- what it means for publishing --------------------------------------------------------------------------------

    @property
    def placed(self) -> bool:
        """Whether the table is in the partition scheme that it declares, or in none when it declares none."""
        return self.existing.scheme == self._scheme or not (
            self._scheme or self.existing.scheme.startswith(parts.PREFIX)
        )

    @property
    def _scheme(self) -> str:
        return parts.scheme_name(self.shape) if parts.partitions(self.shape, self.server) else ""

    def made(self, fact: str, name: str) -> bool:
        """Whether something that hangs on the table is the engine's own, and so keeps no load from being switched in."""
        if fact == "computed column":
            return bool(self.existing.computed.get(name.casefold()))
        return fact in ("index", "foreign key") and re.match(rf"{parts.PREFIX}.*_[0-9a-f]{{8}}", name) is not None

    def switchable(self, *, new: bool) -> bool:
        """Whether staging can be switched in. ``new``: the table is made by this load, as it is declared."""
        if not new:
            return design.switchable(self.shape, self.server, self._compressed())
        return design.switchable(self.shape, self.server, design.as_made(self.shape, self.server))

    def _compressed(self) -> design.Existing:
        """What is there when ``reconcile`` has done its part."""
        wanted = self.shape.design.compression
        if not wanted or self.existing.compression == "columnstore":
            return self.existing
        return replace(self.existing, compression=wanted)

    # -- before a load is published, each statement by itself ---------------------------------------------------------

    def make_place(self) -> None:
        """Make the partition function and scheme, so that the table can be created in it."""
        for statement in parts.make(self.shape, self.server):
            self.session.run(statement)

    def slide(self, source: str, *, keeps: bool) -> None:
        """Make the partitions that the rows in ``source`` (quoted) need; ``keeps``: beside those that are there."""
        divided = parts.partitions(self.shape, self.server)
        if divided is None:
            return
        there = boundaries(self.session.rows, parts.scheme_name(self.shape, "pf"))
        [found] = self.session.rows(parts.span(source, divided.column))
        days = [day for day in (found["first"], found["last"]) if day is not None]
        if keeps and there:
            # The newest boundary is the period ahead, which has no rows yet.
            days += [there[0], there[-2] if len(there) > 1 else there[0]]
        if days:
            for statement in parts.slide(self.shape, there, parts.window(min(days), max(days), divided)):
                self.session.run(statement)

    def move(self) -> None:
        """Bring a table that keeps its rows into the scheme that it declares."""
        key = short_name(f"PK_{self.shape.schema}_{self.shape.name}") if primary_key(self.shape) else ""
        columnstore = short_name(f"CCI_{self.shape.schema}_{self.shape.name}")
        for statement in parts.move(self.shape, key, columnstore, self.server):
            self.session.run(statement)

    def reconcile(self) -> None:
        """Make what is missing, then drop what is no longer declared."""
        statements = design.reconcile(self.shape, self.existing, self.server)
        for statement in statements:
            self.session.run(statement)
        if statements:
            self.look()

    def is_new(self) -> None:
        """The table was made a moment ago, as it is declared."""
        self.existing = design.as_made(self.shape, self.server)

    def tidy(self) -> None:
        """Drop a partition scheme that the table has left."""
        if self.existing.scheme != self._scheme and self.existing.scheme.startswith(parts.PREFIX):
            self.session.run(parts.drop_unused())

    # -- within the transaction ---------------------------------------------------------------------------------------

    def opening(self, *, whole: bool) -> list[str]:
        """What has to be let go before rows are replaced; ``whole``: before the table is dropped."""
        return design.release(self.shape, self.existing, whole=whole)

    def missing(self) -> list[str]:
        """What the table lacks, for a table that is given columns in this transaction."""
        return design.reconcile(self.shape, self.existing, self.server)

    def created(self) -> list[str]:
        """What a table that was made anew needs."""
        return design.reconcile(self.shape, design.as_made(self.shape, self.server), self.server)

    def alias_grants(self) -> list[str]:
        """The statements that give the alias's permissions again when it is made anew."""
        if not self.shape.alias:
            return []
        alias = qualified(*self.shape.alias.split(".", 1))
        return [str(r["statement"]) for r in self.session.rows(granted(alias))]

    def closing(self, *, whole: bool, released: bool = True, again: Sequence[str] = ()) -> str:
        """One batch: foreign keys, and permissions, ``again`` those that the alias had. May be empty."""
        statements = [*again, *design.bind(self.shape, self.existing, self.server, released=released, whole=whole)]
        if self.shape.strategy.is_view:
            statements += design.reconcile(self.shape, self.existing, self.server)
        if self.session.designed is not None:
            # A table that is published later in this run finds that it is referred to.
            self.session.designed |= {qualified(*k.table.split(".", 1)): None for k in self.shape.design.foreign_keys}
        statements += design.permit(self.shape, self.existing, self.server, analyst=ANALYST)
        return "\n".join(statements)


def keep(session: Session, server: Capabilities, shape: TableShape) -> None:
    """Give a published table the design that it declares when none of its rows change. Raises ServerError."""
    physical = Physical(session, server, shape)
    if shape.strategy.stored:
        if not physical.placed:
            physical.make_place()
            physical.move()
            physical.tidy()
        physical.slide(physical.table, keeps=False)
        physical.reconcile()
    if closing := physical.closing(whole=False, released=False):
        with session.undoing():
            session.run(f"SET XACT_ABORT ON;\nBEGIN TRANSACTION;\n{closing}\nCOMMIT TRANSACTION;")
