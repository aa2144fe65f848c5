from __future__ import annotations

import pytest

from tests.microsoft import Microsoft, Unavailable, microsoft


@pytest.fixture(scope="session")
def checker() -> Microsoft:
    try:
        return microsoft()
    except Unavailable as reason:
        pytest.skip(f"not held against Microsoft's parser: {reason}")
