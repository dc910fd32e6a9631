"""Fixtures that every test may ask for."""

import hypothesis
import pytest

from tests.support.browser import staff
from tests.support.cloud import cloud
from tests.support.postgres import postgres
from tests.support.registry import register, tx

__all__ = ["cloud", "postgres", "register", "staff", "tx"]


hypothesis.settings.register_profile("no deadline", deadline=None)  # speed is measured in bench/, never asserted
hypothesis.settings.load_profile("no deadline")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--cloud", choices=("only", "none"), help="only the tests that ride on a whole cloud, or all others")
    parser.addoption("--update-golden", action="store_true", help="rewrite golden files; read the difference in review")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    half = config.getoption("--cloud")
    if half:
        kept: list[pytest.Item] = []
        others: list[pytest.Item] = []
        for each in items:
            (kept if ("cloud" in getattr(each, "fixturenames", ())) == (half == "only") else others).append(each)
        config.hook.pytest_deselected(items=others)
        items[:] = kept


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    """Whether golden files are rewritten instead of compared."""
    return bool(request.config.getoption("--update-golden"))
