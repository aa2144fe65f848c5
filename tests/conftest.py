"""What all tests share: golden files, rewritten with ``pytest --update-golden``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import targets

GOLDEN = Path(__file__).parent / "golden"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="rewrite tests/golden with what is rendered now")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """``golden(name, text)`` asserts that tests/golden/<name> holds ``text``."""

    def compare(name: str, text: str) -> None:
        path = GOLDEN / name
        text = text.rstrip("\n") + "\n"
        if request.config.getoption("--update-golden"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        expected = path.read_text(encoding="utf-8") if path.exists() else ""
        assert text == expected, f"{path.name} differs; look, then run pytest --update-golden"

    return compare


@pytest.fixture(params=targets.TARGETS)
def target(request: pytest.FixtureRequest) -> Iterator[str]:
    """The test runs once against each configured target: what ``write_project`` writes has it as its default."""
    with targets.chosen(request.param):
        yield request.param


@pytest.fixture(scope="module", params=targets.TARGETS)
def module_target(request: pytest.FixtureRequest) -> Iterator[str]:
    """``target`` for tests that share what one run made."""
    with targets.chosen(request.param):
        yield request.param


@pytest.fixture(autouse=True)
def _embedded_unless_asked(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that asks for no target gets the embedded one, also between tests that share a run on the server."""
    if not {"target", "module_target"} & set(request.fixturenames):
        monkeypatch.setenv(targets.WANTED, "embedded")
