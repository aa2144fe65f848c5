"""The publish strategies: what each keeps, needs and reads anew. How a warehouse does it stands in that warehouse's
statements, under the strategy's name.

A new strategy is one entry here, its ``publish_<name>.sql`` in each warehouse, and a line in docs/pipelines.md.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Strategy:
    """One way in which a staged load becomes the published table."""

    name: str
    stored: bool = True
    """The table has rows of its own; a view has not."""
    keeps: bool = False
    """Rows of earlier loads are still there after a load."""
    partial: bool = False
    """A load brings a part of what the table says; else all of it."""
    versions: bool = False
    """Every version of a row is kept, with the history columns."""
    keyed: bool = False
    """A table needs a key."""
    divided: bool = False
    """A table needs ``partition_by``: whole periods are replaced."""
    from_source: bool = True
    """A table may be loaded from a source; else it is built by a SELECT."""
    replays: bool = True
    """Quarantined rows can be put into the published table by themselves."""
    adds: bool = False
    """The rows of a load are added as they are: brought again, they would be there twice."""
    matches: bool = False
    """A row of a load takes the place of the published row of its key."""
    refusal: str = ""
    """Why rows that clash with published ones are refused, after "keys of this load"."""

    @property
    def is_view(self) -> bool:
        return not self.stored

    @property
    def exchanges(self) -> bool:
        """The whole table is exchanged for the load."""
        return self.stored and not self.keeps


STRATEGIES = {
    strategy.name: strategy
    for strategy in (
        Strategy("replace"),
        Strategy("view", stored=False, from_source=False, replays=False),
        Strategy("merge", keeps=True, partial=True, keyed=True, matches=True),
        Strategy(
            "append",
            keeps=True,
            partial=True,
            adds=True,
            refusal="stand in the table already, and would be there twice; leave them out of the load, or use load: merge",
        ),
        Strategy(
            "partition",
            keeps=True,
            partial=True,
            divided=True,
            refusal="stand in periods that it does not bring, and would be there twice; let the load bring those periods"
            " too, or use load: merge",
        ),
        Strategy("scd2", keeps=True, versions=True, keyed=True, from_source=False, replays=False),
    )
}
