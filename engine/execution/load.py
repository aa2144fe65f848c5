"""One table's load under way."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from engine.compile.manifest import Model, Table
from engine.config import allowed
from engine.config.specs import GuardsSpec
from engine.core.tables import TableShape
from engine.quality import guards
from engine.state.ledger import LoadRecord, Published

if TYPE_CHECKING:
    from engine.core.verdict import Verdict
    from engine.warehouses.protocol import Warehouse

STAGED = "staged"
"""The state of a load whose rows wait for their gate."""
Tell = Callable[[str, int], None]
"""Called with what a load is doing ("load", "gate", "publish") and the rows so far."""


@dataclass
class Load:
    """One table's load under way: what it builds, where, and what is known of it so far."""

    model: Model
    table: Table
    warehouse: Warehouse
    record: LoadRecord
    tell: Tell
    last: Published | None = None
    allowed: frozenset[str] = frozenset()
    """What a person allows this load once, as words of engine.config.allowed."""
    anew: bool = False
    """No row of earlier loads stays, though the table keeps rows."""
    forced: bool = False
    nothing_new: bool = False
    """The table has the rows of these inputs already: only how it is declared or judged has changed."""
    verdicts: list[Verdict] = field(default_factory=list)
    select: str = ""
    notes: tuple[str, ...] = ()
    """What its files have to say besides rows: that there are none."""

    @property
    def shape(self) -> TableShape:
        return self.table.shape

    @property
    def guards(self) -> GuardsSpec:
        return guards.limits(self.model.project.guards, self.table.spec.guards)

    def how_to_allow(self, *words: str) -> str:
        """The sentence with the command that publishes this load all the same: ``words`` beside what is allowed now."""
        as_before = self.last is not None and self.last.load == self.record.declared["load"]
        every = (*sorted(self.allowed), *words)
        return allowed.how_to_allow(self.table.name, every, full=self.anew and as_before)

    @contextmanager
    def timed(self, step: str) -> Iterator[None]:
        self.tell(step, 0)
        start = time.perf_counter()
        try:
            yield
        finally:
            self.record.seconds[step] = time.perf_counter() - start
