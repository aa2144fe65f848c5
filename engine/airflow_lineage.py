"""What OpenLineage is told of a published table: what it was made from, column by column."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def facets(root: Path, target: str, table: str, task_instance: Any) -> Any:
    """The lineage of one table's gate task."""
    return None
