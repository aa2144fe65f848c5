from __future__ import annotations

import pytest

from tests.microsoft import Microsoft, Unavailable, microsoft


@pytest.fixture(scope="session")
def checker() -> Microsoft:
    """Microsoft's parser and compiler; tests that need them say why they were not run where they cannot be had."""
    try:
        return microsoft()
    except Unavailable as reason:
        pytest.skip(f"not held against Microsoft's parser and compiler: {reason}")
