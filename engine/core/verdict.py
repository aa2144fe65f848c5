"""What one expectation says about one table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Verdict:
    """What one expectation says about one table.

    ``unexpected`` of ``total`` values (rows, for expectations about several columns) fail; both are None for
    expectations about the table as a whole. ``condition`` is SQL in the warehouse's dialect: exactly the failing rows
    are ``SELECT * FROM <staging table> WHERE <condition>``. ``detail`` is Great Expectations' own result.
    """

    id: str
    type: str
    column: str
    severity: str
    quarantine: bool
    success: bool
    unexpected: int | None
    total: int | None
    observed: str
    message: str
    reason: str = ""
    """what is wrong with each failing row, as its quarantine says it"""
    sample: tuple[str, ...] = ()
    rows_sql: str = ""
    condition: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)

    @property
    def blocks(self) -> bool:
        """Whether it keeps the table from being published (rows that can be quarantined do not)."""
        return not self.success and self.severity == "critical" and not self.quarantine
