"""Fixtures that every test may ask for."""

import pytest

from tests.support.browser import staff
from tests.support.cloud import cloud
from tests.support.postgres import postgres
from tests.support.registry import register, tx

__all__ = ["cloud", "postgres", "register", "staff", "tx"]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="rewrite golden files; read the difference in review")


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    """Whether golden files are rewritten instead of compared."""
    return bool(request.config.getoption("--update-golden"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """For workers side by side: one has a cloud for people's pages, one a cloud for journeys; other modules stay whole."""
    for item in items:
        item.add_marker(pytest.mark.xdist_group(group(item)))
    items.sort(key=lambda item: not group(item).startswith("cloud"))  # the longest begin


def group(item: pytest.Item) -> str:
    """Tests of a group run in one worker, one after the other, and share what is raised once for a run."""
    if "cloud" not in getattr(item, "fixturenames", ()):
        return item.path.stem
    return "cloud-pages" if item.path.parent.name in ("api", "browser") else "cloud-journeys"
