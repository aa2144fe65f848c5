"""What a publish sends to a server, batch by batch. No server answers here: how one does is tested in test_loading."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields
from typing import Any, cast

import pytest

from engine.core.tables import Arrived
from engine.state.ledger import LOADS, LoadRecord
from engine.warehouses.protocol import LedgerRows
from engine.warehouses.sqlserver.publish import Publication, exchange
from engine.warehouses.sqlserver.session import Session
from engine.warehouses.sqlserver.shape import SQL_SERVER
from tests.microsoft.shapes import LOAD, SELF, shape


class Recorded:
    """A session that keeps its batches; nothing stands on its server, and nothing is ever counted there."""

    def __init__(self) -> None:
        self.batches: list[str] = []
        self.designed: dict[str, str | None] = {}

    def run(self, batch: str, parameters: Sequence[Any] = ()) -> tuple[list[str], list[tuple[Any, ...]]]:
        self.batches.append(batch)
        names = [f.name for f in fields(Arrived)]
        return names, [(0,) * len(names)]

    def scalar(self, batch: str) -> Any:
        return self.run(batch)[1][0][0]

    def rows(self, batch: str, parameters: Sequence[Any] = ()) -> list[dict[str, Any]]:
        nothing = {"what": "table", "kind": "", "held": 0, "quarantined": 0, "alias": 0, "columnstore": 0}
        return [nothing] if "AS [quarantined]" in batch else []

    @contextmanager
    def undoing(self) -> Iterator[None]:
        yield


def ledger(arrived: Arrived) -> LedgerRows:
    return [(LOADS, LoadRecord("silver.people", LOAD, "replace", "", dt.date(2024, 1, 1), state="published").row())]


@pytest.mark.parametrize("load", ["replace", "merge", "append", "scd2", "exchange"])
def test_the_ledger_row_is_in_the_one_commit_that_publishes(load: str) -> None:
    session = Recorded()
    table = shape("silver.people", "id", "replace" if load == "exchange" else load, **SELF)
    if load == "exchange":
        exchange(cast(Session, session), table, ["DELETE FROM [silver].[people] WHERE [id] = N'1'"], ledger)
    else:
        Publication(cast(Session, session), SQL_SERVER, table, LOAD).publish(ledger)
    begins = next(n for n, batch in enumerate(session.batches) if "BEGIN TRANSACTION" in batch)
    commits = [batch for batch in session.batches[begins:] if "COMMIT" in batch]
    assert commits == session.batches[-1:]
    assert "INSERT INTO [ops].[loads]" in commits[0]
