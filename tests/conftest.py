"""Fixtures that every test may ask for."""

import re
from functools import cache
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from xdist.scheduler import LoadScopeScheduling

from tests.support.browser import staff
from tests.support.cloud import cloud
from tests.support.postgres import postgres
from tests.support.registry import register, tx

__all__ = ["cloud", "postgres", "register", "staff", "tx"]


hypothesis.settings.register_profile("no deadline", deadline=None)  # speed is measured in bench/, never asserted
hypothesis.settings.load_profile("no deadline")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="rewrite golden files; read the difference in review")


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    """Whether golden files are rewritten instead of compared."""
    return bool(request.config.getoption("--update-golden"))


class Groups(LoadScopeScheduling):
    """Side by side: one worker has a cloud for people's pages, one a cloud for journeys, other modules stay whole."""

    def _split_scope(self, nodeid: str) -> str:
        return group(nodeid.partition("::")[0])


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    return Groups(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The groups with a cloud take longest and begin; within a group the order stays."""
    items.sort(key=lambda item: not group(item.nodeid.partition("::")[0]).startswith("cloud"))


@cache
def group(module: str) -> str:
    """Modules of a group run in one worker, one after the other, and share what is raised once for a run."""
    path = Path(__file__).parents[1] / module
    if not re.search(r"\b(cloud: Cloud|staff: Staff)\b", path.read_text()):
        return module
    return "cloud for pages" if path.parent.name in ("api", "browser") else "cloud for journeys"
