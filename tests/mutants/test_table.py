"""The table of mutants fits the engine as it is."""

from __future__ import annotations

from tests.mutants.__main__ import read


def test_every_mutant_still_changes_one_place() -> None:
    assert read()
